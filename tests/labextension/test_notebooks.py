"""The example notebooks under "Run All Cells" in an interactive JupyterLab."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect
from support.emulator_process import running_emulator
from support.lab_page import END_MS, notifications, status_item
from support.notebook import START, LabNotebook

from kusto_magic.display import card, fleet_card

if TYPE_CHECKING:
    from playwright.sync_api import Page
    from support.lab import Lab

NOTEBOOKS = sorted((Path(__file__).parent.parent.parent / "notebooks").glob("*.ipynb"))
ALL_RAN = """ids => {
    const panel = window.jupyterapp.shell.currentWidget;
    const ours = panel.content.widgets.filter(cell => ids.includes(cell.model.id)); // some cells open a new one
    const ran = ours.length === ids.length && ours.every(cell => cell.model.executionCount !== null);
    return ran && panel.sessionContext.session.kernel.status === 'idle';
}"""
ALL_ENDED = """mimes => {
    const cells = window.jupyterapp.shell.currentWidget.content.widgets.filter(cell => cell.model.type === 'code');
    const data = cells.flatMap(cell => cell.model.outputs.toJSON()).map(output => output.data ?? {});
    return data.flatMap(it => mimes.flatMap(mime => it[mime] ?? [])).every(card => card.ended);
}"""
MIMES = [card.MIME, fleet_card.MIME]
ANSI = re.compile(r"\x1b\[[0-9;]*m")


@pytest.mark.browser
@pytest.mark.index
@pytest.mark.timeout(240)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_all_cells_run_interactively(path: Path, lab: Lab, page: Page) -> None:
    import nbformat  # takes more than a second, so not while tests are collected

    document = nbformat.read(path, as_version=4)
    for cell in document.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    copy = lab.root / f"run-all-{path.name}"
    nbformat.write(document, copy)
    with running_emulator(lab, 1):
        notebook = LabNotebook.open(lab, page, copy)
        page.evaluate(START, ["notebook:run-all-cells", {}])
        ids = [cell.id for cell in document.cells if cell.cell_type == "code"]
        page.wait_for_function(ALL_RAN, arg=ids, timeout=180_000)
        page.wait_for_function(ALL_ENDED, arg=MIMES, timeout=END_MS)
        expect(status_item(page)).to_have_count(0, timeout=END_MS)
        announced = notifications(page).all_inner_texts()
        assert len(announced) <= 1, announced
        saved = notebook.save()
        lab.stop_kernels()
    codes = [cell for cell in saved.cells if cell.cell_type == "code"]
    unwanted = [
        ANSI.sub("", "\n".join(output.traceback))
        for cell in codes
        for output in cell.outputs
        if output.output_type == "error" and "raises-exception" not in cell.metadata.get("tags", [])
    ]
    assert unwanted == []
    for data in (output.get("data", {}) for cell in codes for output in cell.outputs):
        for saved_card in (data[mime] for mime in MIMES if mime in data):
            # A page without scripts says the same.
            assert f"{saved_card['state']}: image {saved_card['image']}" in data["text/plain"]
            assert saved_card["state"] in data["text/html"]
