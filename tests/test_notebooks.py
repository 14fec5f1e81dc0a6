"""The example notebooks run top to bottom without hands, and what is committed reads well and holds no secret."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
import pytest
from nbformat import NotebookNode

from kusto_magic.card import MIME

if TYPE_CHECKING:
    from support.home import Home

    from kusto_magic.emulator import ReadyTarget

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))
SECRETS = re.compile(
    r"Bearer|eyJ[\w-]{10}|[?&](t|c|s|h)=\w{16}|127\.0\.0\.1:\d+/sub|/home/|/root/|/tmp/|/Users/|[A-Z]:\\\\",
    re.IGNORECASE,
)
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def _outputs(document: NotebookNode) -> Iterator[dict[str, Any]]:
    for cell in document.cells:
        yield from cell.get("outputs", [])


def _cards(document: NotebookNode) -> list[dict[str, Any]]:
    return [output["data"] for output in _outputs(document) if MIME in output.get("data", {})]


def _check_saved(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    document = nbformat.reads(text, as_version=4)
    nbformat.validate(document)
    assert "widgets" not in document.metadata
    assert "widget-view" not in text
    found = SECRETS.search(text)
    assert not found, found and text[max(0, found.start() - 80) : found.end() + 80]
    assert _cards(document)
    for card in _cards(document):
        assert card[MIME]["ended"], card["text/plain"]
        assert card[MIME]["state"] in "".join(card["text/html"])
        assert card[MIME]["state"] in "".join(card["text/plain"])


@each_notebook
def test_what_is_committed_reads_without_a_kernel(path: Path) -> None:
    _check_saved(path)


@each_notebook
@pytest.mark.index
@pytest.mark.timeout(600)
def test_it_runs_top_to_bottom_without_hands(
    path: Path, home: Home, emulator: Callable[[float], ReadyTarget], tmp_path: Path
) -> None:
    token = emulator(2).token
    copy = tmp_path / path.name
    copy.write_bytes(path.read_bytes())
    command = [sys.executable, "-m", "jupyter", "execute", "--inplace", str(copy)]
    done = subprocess.run(command, env=home.env, cwd=home.work, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert token not in copy.read_text(encoding="utf-8")
    _check_saved(copy)
    states = [card[MIME]["state"] for card in _cards(nbformat.read(copy, as_version=4))]
    committed = [card[MIME]["state"] for card in _cards(nbformat.read(path, as_version=4))]
    assert states == committed
