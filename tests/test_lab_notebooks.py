"""The example notebooks under "Run All Cells" in JupyterLab, where cells return at once and a person is before them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.emulator import running_emulator
from support.notebook import LabNotebook

if TYPE_CHECKING:
    from playwright.sync_api import Page
    from support.lab import Lab

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))
ANSI = re.compile(r"\x1b\[[0-9;]*m")


@pytest.mark.browser
@pytest.mark.index
@pytest.mark.timeout(240)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_all_cells_run_with_a_person_before_them(path: Path, lab: Lab, page: Page) -> None:
    import nbformat  # takes more than a second, so not while tests are collected

    document = nbformat.read(path, as_version=4)
    for cell in document.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    copy = lab.root / f"run-all-{path.name}"
    nbformat.write(document, copy)
    with running_emulator(lab, 1):
        notebook = LabNotebook.open(lab, page, copy)
        notebook.command("notebook:run-all-cells", timeout=180)
        saved = notebook.save()
        lab.stop_kernels()
    codes = [cell for cell in saved.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in codes)
    unwanted = [
        ANSI.sub("", "\n".join(output.traceback))
        for cell in codes
        for output in cell.outputs
        if output.output_type == "error" and "raises-exception" not in cell.metadata.get("tags", [])
    ]
    assert unwanted == []
