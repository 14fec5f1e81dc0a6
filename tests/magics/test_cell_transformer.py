"""Cells of `%%kusto_image` that IPython alone would not recognize."""

from __future__ import annotations

import pytest

from kusto_magic.magics.cell_transformer import CellTransformer

BODY = "faker==25.2.0\n"
MAGIC = "%%kusto_image img --base Python3_11_7\n"
CALL = f"get_ipython().run_cell_magic('kusto_image', 'img --base Python3_11_7', {BODY!r})\n"


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (MAGIC + BODY, MAGIC + BODY),
        ("%%kusto_image --help", "%%kusto_image --help\n \n"),
        ("%%kusto_image --help\n\n", "%%kusto_image --help\n \n"),
        ("%%kusto_image", "%%kusto_image\n \n"),
        (f"# packages\n\n{MAGIC}{BODY}", MAGIC + BODY),
        (f"  # packages\n  {MAGIC}{BODY}", MAGIC + BODY),
        (f"# packages\n{MAGIC}", f"{MAGIC} \n"),
        (f"version = 1\n{MAGIC}{BODY}", f"version = 1\n{CALL}"),
        (f"# a\nx = 1\n\n{MAGIC}{BODY}", f"# a\nx = 1\n\n{CALL}"),
        (MAGIC[1:] + BODY, MAGIC + BODY),
        (f"# packages\n{MAGIC[1:]}{BODY}", MAGIC + BODY),
        (f"%kusto_image check --python=3.10.8\n{BODY}", f"%%kusto_image check --python=3.10.8\n{BODY}"),
        ("%kusto_image img --lock pylock.toml\n", "%%kusto_image img --lock pylock.toml\n \n"),
    ],
)
def test_cell_is_recognized(cell: str, expected: str) -> None:
    assert "".join(CellTransformer()(cell.splitlines(keepends=True))) == expected


@pytest.mark.parametrize(
    "cell",
    [
        "",
        "x = 1\n",
        f'text = """\n{MAGIC}{BODY}"""\n',
        f"%%time\n{MAGIC}{BODY}",
        f"%%writefile cell.txt\n{MAGIC}{BODY}",
        f"!ls\n{MAGIC}{BODY}",
        "%%kusto_images x\nfaker\n",
        "%kusto_image list\nx = 1\n",
        "%kusto_image check img\nx = 1\n",
        "%kusto_image lsit\nx = 1\n",
        "%kusto_image freeze --base Python3_11_7\n",
        "%kusto_image freeze img --base Python3_11_7\nx = 1\n",
        f"x = 1\n{MAGIC[1:]}{BODY}",
    ],
)
def test_other_cell_is_unchanged(cell: str) -> None:
    lines = cell.splitlines(keepends=True)
    assert CellTransformer()(list(lines)) == lines


def test_single_percent_sign_is_noted_once() -> None:
    transformer = CellTransformer()
    transformer([MAGIC[1:], BODY])

    assert transformer.take_notes() == ["% was read as %%: the lines below are the requirements of the image"]
    assert transformer.take_notes() == []
    transformer([MAGIC[1:], BODY])
    transformer(["x = 1\n"])
    assert transformer.take_notes() == []
