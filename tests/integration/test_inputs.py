"""Cells as people bring them: files of other tools, pasted commands, notebooks with queries; in a real kernel.

`data/inputs.json` has for each its files and cells, what is `expected` as text, and as regular expressions what the
last cell (or all of them) `shows` and `hides`. The check asks the package index. `data/environments.json` has the same
for what surrounds a cell: variables of the environment, other magics, images of other tools, an `az` that fails.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from nbformat import NotebookNode
from support.kernel import Kernel

DATA = Path(__file__).parent / "data"
INPUTS: list[dict[str, Any]] = [
    case
    for name in ("inputs.json", "environments.json")
    for case in json.loads((DATA / name).read_text(encoding="utf-8"))
]
FLAGS = re.IGNORECASE | re.MULTILINE | re.DOTALL
CELL_S = 60.0

pytestmark = [pytest.mark.index, pytest.mark.slow, pytest.mark.timeout(180)]


def _write(path: Path, content: Any) -> None:
    """Write a file: a text, a text in another encoding, many lines alike, or the code cells of a notebook."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, str):
        path.write_bytes(content.encode())
        path.chmod(0o755 if content.startswith("#!") else 0o644)
    elif "encoding" in content:
        path.write_bytes(content["text"].encode(content["encoding"]))
    elif "lines" in content:
        path.write_bytes("".join(content["text"].replace("{n}", str(n)) for n in range(content["lines"])).encode())
    else:
        cells = [
            {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": source}
            for source in content["notebook"]
        ]
        document = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}
        path.write_text(json.dumps(document), encoding="utf-8")


def _text(kernel: Kernel, output: NotebookNode) -> str:
    """Return an output as plain text; of one that is updated, what it shows in the end."""
    if output.output_type == "stream":
        return str(output.text)
    if output.output_type == "error":
        return "\n".join(output.traceback)
    shown = kernel.displays.get(output.get("transient", {}).get("display_id", ""), [output.data])
    return str(shown[-1].get("text/plain", ""))


def _run(kernel: Kernel, cell: str, folder: Path, *, is_interactive: bool) -> str:
    ran = kernel.execute(cell.replace("{here}", str(folder)), allow_stdin=is_interactive, timeout=CELL_S)
    shown = [*(_text(kernel, output) for output in ran.outputs), ran.next_cell]
    return re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(shown))


@pytest.mark.parametrize("case", INPUTS, ids=[case["name"] for case in INPUTS])
def test_input_has_the_expected_answer(case: dict[str, Any], tmp_path: Path, request: pytest.FixtureRequest) -> None:
    if sys.platform == "win32" and "bin/az" in case["files"]:
        pytest.skip("the az of this case is a shell script")
    # `freeze` reads all cells that the kernel has run; variables of the environment stay.
    is_apart = case["name"].startswith("freeze") or "environ" in case
    kernel: Kernel = request.getfixturevalue("kernel" if is_apart else "shared_kernel")
    for name, content in case["files"].items():
        _write(tmp_path / name, json.loads(json.dumps(content).replace("{here}", tmp_path.as_posix())))
    environ = {name: value.replace("{here}", str(tmp_path)) for name, value in case.get("environ", {}).items()}
    begin = f"import os, sys\nos.chdir({str(tmp_path)!r})\nsys.path.insert(0, {str(tmp_path / 'site')!r})\n"
    begin += f"os.environ.update({environ!r})"
    assert kernel.execute(begin).status == "ok"
    assert kernel.execute("%load_ext kusto_magic\n%kusto_image use emulator --build-seconds 1").status == "ok"

    texts = [_run(kernel, cell, tmp_path, is_interactive=case.get("interactive", False)) for cell in case["cells"]]

    shown = "\n".join(texts) if case.get("all_cells") else texts[-1]
    missing = [pattern for pattern in case["shows"] if not re.search(pattern, shown, FLAGS)]
    assert not missing, f"{case['expected']}\n{shown}"
    assert not [pattern for pattern in case["hides"] if re.search(pattern, shown, FLAGS)], shown
