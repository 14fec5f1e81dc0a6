"""Highlighting, linting and completion of `%%kusto_image` cells in a real JupyterLab."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect
from support.lab_page import Open

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

BODY = '\nnumpy[extra] >= 1.2, < 2 ; python_version < "3.12"  # why\n'
OURS = "%%kusto_image img --base Python3_11_7" + BODY
PLAIN = "%%other_magic img --base Python3_11_7" + BODY
MIMES = "() => window.jupyterapp.shell.currentWidget.content.widgets.map(cell => cell.model.mimeType)"
SET = """([index, text]) => {
    const cell = window.jupyterapp.shell.currentWidget.content.widgets[index];
    cell.model.sharedModel.setSource(text);
}"""
TO_MARKDOWN = """() => {
    const notebook = window.jupyterapp.shell.currentWidget.content;
    notebook.deselectAll();
    notebook.activeCellIndex = 1;
    return window.jupyterapp.commands.execute('notebook:change-cell-to-markdown');
}"""
OTHER_KERNEL = """mime => {
    const cells = window.jupyterapp.shell.currentWidget.content.widgets;
    cells[0].model.mimeType = mime; // as the notebook does when the kernel changes
    return cells[0].model.mimeType;
}"""
TO_END = """index => {
    const notebook = window.jupyterapp.shell.currentWidget.content;
    notebook.activeCellIndex = index;
    notebook.mode = 'edit';
    const { editor } = notebook.widgets[index];
    editor.focus();
    editor.setCursorPosition(editor.getPositionAt(editor.model.sharedModel.getSource().length));
}"""


def colored(cell: Locator) -> dict[str, str]:
    """Return the color of each piece of the cell's text that has one."""
    pieces: dict[str, str] = cell.evaluate(
        """cell => Object.fromEntries([...cell.querySelectorAll('.cm-line span')]
            .map(span => [span.textContent.trim(), getComputedStyle(span).color]))"""
    )
    return pieces


def test_cell_is_highlighted_while_it_starts_with_the_magic(
    notebook: Open, page: Page, screenshot: Callable[[str], Path]
) -> None:
    opened = notebook([PLAIN])
    expect(opened.cell(0).locator(".cm-line span").first).to_be_visible()
    assert page.evaluate(MIMES) == ["text/x-ipython"]
    before = colored(opened.cell(0))
    screenshot("before")
    page.evaluate(SET, [0, OURS])
    expect(opened.cell(0).locator(".cm-line span", has_text="%%kusto_image")).to_be_visible()
    after = colored(opened.cell(0))
    screenshot("after")
    pieces = ("%%kusto_image", "--base", "numpy", ">=", "1.2", "python_version", '"3.12"', "# why")
    assert set(pieces) <= set(after)
    assert len({after[piece] for piece in pieces}) >= 5
    page.evaluate(SET, [0, PLAIN])
    expect(opened.cell(0).locator(".cm-line span", has_text="%%kusto_image")).to_have_count(0)
    assert page.evaluate(MIMES) == ["text/x-ipython"]
    assert colored(opened.cell(0)) == before


def test_other_cells_markdown_and_other_kernels_are_unchanged(notebook: Open, page: Page) -> None:
    opened = notebook([OURS, OURS, "x = '%%kusto_image'", "# a comment\n%%kusto_image img"])
    expect(opened.cell(0).locator(".cm-line span", has_text="%%kusto_image")).to_be_visible()
    page.evaluate(TO_MARKDOWN)
    ours, ipython = "text/x-kusto-image", "text/x-ipython"
    assert page.evaluate(MIMES) == [ours, "text/x-ipythongfm", ipython, ipython]
    assert page.evaluate(OTHER_KERNEL, "text/x-rsrc") == "text/x-rsrc"
    assert page.evaluate(OTHER_KERNEL, "text/x-ipython") == ours


def test_invalid_lines_are_underlined_with_the_kernels_messages(
    notebook: Open, page: Page, screenshot: Callable[[str], Path]
) -> None:
    opened = notebook(["%%kusto_image img --base Python3_11_7\nhumanize==4.9.0\nrequests=1.0\n  -r more.txt"])
    marked = opened.cell(0).locator(".cm-lintRange-error")
    expect(marked).to_have_text(["requests=1.0", "-r more.txt"])
    marked.first.hover()
    expect(page.locator(".cm-tooltip-lint")).to_contain_text("'=' is not a version operator; write requests==1.0")
    screenshot("underlined")
    page.evaluate(SET, [0, "%%kusto_image img --base Python3_11_7\nhumanize==4.9.0"])
    expect(marked).to_have_count(0)
    page.evaluate(SET, [0, "requests=1.0"])
    expect(marked).to_have_count(0)


@pytest.mark.parametrize(
    ("text", "offered"),
    [("%%kusto_image img --base Python3_10", "Python3_10_8"), ("%%kusto_image img --base X\nmatplotl", "matplotlib")],
)
def test_base_images_and_packages_are_completed(
    notebook: Open, page: Page, text: str, offered: str, screenshot: Callable[[str], Path]
) -> None:
    opened = notebook([text])
    page.evaluate(TO_END, 0)
    page.keyboard.press("Tab")
    choice = page.locator(".jp-Completer-item", has_text=offered).first
    expect(choice.or_(opened.cell(0).get_by_text(offered)).first).to_be_visible()
    screenshot("completion")
    if choice.count():
        choice.click()
    expect(opened.cell(0).locator(".cm-content")).to_contain_text(offered)


def test_subcommands_are_completed_with_descriptions(
    notebook: Open, page: Page, screenshot: Callable[[str], Path]
) -> None:
    opened = notebook(["%load_ext kusto_magic", "%kusto_image "])
    opened.run(0)
    page.evaluate(TO_END, 1)
    page.keyboard.press("Tab")
    item = page.locator(".jp-Completer-item", has_text="Delete an image")
    expect(item).to_be_visible()
    screenshot("subcommands")
    item.click()
    page.keyboard.type(" --")
    page.keyboard.press("Tab")
    expect(page.locator(".jp-Completer-item", has_text="wait until it is done")).to_be_visible()
    screenshot("options")


def test_lines_of_the_magic_in_python_cells_are_highlighted(
    notebook: Open, page: Page, screenshot: Callable[[str], Path]
) -> None:
    lines = 'x = len("a")\n%kusto_image export img --as "bicep" --to x.bicep\ny = """\n%kusto_image list\n"""'
    opened = notebook([lines, lines.replace("kusto_image", "other_magic"), lines])
    marked = ".cm-line .jp-KustoImage-token"
    pieces = ["%kusto_image", "export", "img", "-", "-", "as", '"bicep"', "-", "-", "to", "x", ".", "bicep"]
    expect(opened.cell(0).locator(marked)).to_have_text(pieces)  # split as Python splits them
    expect(opened.cell(1).locator(marked)).to_have_count(0)
    colors = colored(opened.cell(0))
    assert len({colors[piece] for piece in ("%kusto_image", "export", "img", "as", '"bicep"')}) >= 4
    assert colors["len"] == colored(opened.cell(1))["len"]
    screenshot("light")
    opened.use_dark_theme()
    screenshot("dark")
    page.evaluate(TO_MARKDOWN)
    expect(opened.cell(1).locator(marked)).to_have_count(0)
    page.evaluate(SET, [2, lines.replace("%kusto_image", "kusto_image")])
    expect(opened.cell(2).locator(marked)).to_have_count(0)


def test_known_fix_is_applied_from_the_underline_and_can_be_undone(
    notebook: Open, page: Page, screenshot: Callable[[str], Path]
) -> None:
    wrong = "%%kusto_image img --base Python3_11_7\n  humanize 4.9.0  # why\nnumpy"
    opened = notebook([wrong])
    marked = opened.cell(0).locator(".cm-lintRange-error")
    expect(marked).to_have_text("humanize 4.9.0  # why")
    marked.hover()
    action = page.locator(".cm-diagnosticAction")
    expect(action).to_have_text("Apply: humanize==4.9.0  # why")
    screenshot("action")
    action.click()
    expect(marked).to_have_count(0)
    content = opened.cell(0).locator(".cm-content")
    expect(content).to_contain_text("humanize==4.9.0  # why")
    page.keyboard.press("Control+z")
    expect(content).to_contain_text("humanize 4.9.0  # why")
