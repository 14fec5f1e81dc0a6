"""Subcommand freeze: the inserted cell, and what is said about it."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.magics_session import RunCell, cell_runner, load_magics
from support.shell import error_of

from kusto_magic.errors import InvalidInputError

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell
    from support.environment import EmulatedEnvironment

HTTPX = f"httpx=={version('httpx')}"
PACKAGING = f"packaging=={version('packaging')}"
QUERY = "T | evaluate python(typeof(*), 'import httpx\\nresult = df')"


@pytest.fixture
def say(shell: InteractiveShell, environment: EmulatedEnvironment, capsys: pytest.CaptureFixture[str]) -> RunCell:
    """Return a function that runs a cell and returns its output."""
    load_magics(shell, environment)
    return cell_runner(shell, capsys)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a new current directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_notebook(path: Path, *cells: object) -> Path:
    sources = [{"cell_type": "code", "source": cell} if isinstance(cell, str) else cell for cell in cells]
    path.write_text(json.dumps({"nbformat": 4, "cells": sources}), encoding="utf-8")
    return path


def inserted(shell: InteractiveShell) -> list[str]:
    """Return the lines of the inserted cell."""
    return str(shell.rl_next_input).splitlines()


def test_freeze_opens_a_cell_with_the_imports_of_the_session(say: RunCell, shell: InteractiveShell) -> None:
    assert "import no packages" in say("%kusto_image freeze")
    shell.run_cell("import httpx, my_own_module", store_history=True)
    shown = say("%kusto_image freeze team --base img")
    assert "Skipped: my_own_module: no installed package provides it." in shown
    assert "httpx" not in shown
    offer = "# my-own-module  # not installed here: check the name"
    assert inserted(shell) == ["%%kusto_image team --base img", HTTPX, offer]
    shell.run_cell(f"query = {QUERY!r}\nimport packaging", store_history=True)
    assert "python() imports the packages of the cell: 1 script in queries." in say("%kusto_image freeze team")
    assert inserted(shell)[1:] == [HTTPX, f"# {PACKAGING}  # imported by the notebook only"]


def test_freeze_reads_the_saved_notebook(
    say: RunCell, shell: InteractiveShell, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = error_of(shell, "%kusto_image freeze --from-notebook")
    assert isinstance(error, InvalidInputError)
    assert [problem.field for problem in error.problems] == ["--from-notebook"]
    notebook = write_notebook(folder / "a notebook.ipynb", "import packaging")
    say(f"%kusto_image freeze --from-notebook '{notebook}'")
    assert inserted(shell)[0].startswith("%%kusto_image my-image --base Python3_")
    monkeypatch.setenv("JPY_SESSION_NAME", str(notebook))
    say("%kusto_image freeze from-env --from-notebook")
    assert inserted(shell)[1:] == [PACKAGING]


@pytest.mark.parametrize(
    "arguments",
    ["work.ipynb", "--from work.ipynb", "my-image --from-notebook work.ipynb", "--from work.ipynb --from ./work.ipynb"],
)
def test_freeze_reads_query_files_beside_a_notebook(
    arguments: str, say: RunCell, shell: InteractiveShell, folder: Path
) -> None:
    write_notebook(folder / "work.ipynb", "import packaging", {"cell_type": "code"})
    (folder / "a query.kql").write_text(QUERY)
    (folder / "other.csl").write_text("T | take 1")
    shown = say(f"%kusto_image freeze --base Python3_11_7 {arguments}")
    assert inserted(shell) == [
        "%%kusto_image my-image --base Python3_11_7",
        HTTPX,
        f"# {PACKAGING}  # imported by the notebook only",
    ]
    assert "1 script in queries (query files: a query.kql). What only the notebook imports is commented out" in shown
    assert "Skipped: 1 cell: damaged in the file of the notebook." in shown


def test_freeze_reads_only_the_named_files_otherwise(say: RunCell, shell: InteractiveShell, folder: Path) -> None:
    (folder / "script.py").write_text("import packaging\nQUERY = open('queries/b.kql').read()")
    (folder / "a.kql").write_text(QUERY)
    say("%kusto_image freeze --from script.py")
    assert inserted(shell)[1:] == [PACKAGING]
    (folder / "queries").mkdir()
    (folder / "queries" / "b.kql").write_text(QUERY)
    assert "query files: queries/b.kql" in say("%kusto_image freeze --from script.py")
    say("%kusto_image freeze a.kql")
    assert inserted(shell)[1:] == [HTTPX]


def test_cell_without_pins_is_a_draft(say: RunCell, shell: InteractiveShell, folder: Path) -> None:
    write_notebook(folder / "work.ipynb", "import httpx", "%%kql\nT | evaluate python(typeof(*), 'result = df')")
    assert "python() imports no other packages: 1 script" in say("%kusto_image freeze x --base img --from work.ipynb")
    assert inserted(shell) == ["%%kusto_image x --base img", f"# {HTTPX}  # imported by the notebook only"]


def test_local_modules_are_named_with_what_is_possible(say: RunCell, shell: InteractiveShell, folder: Path) -> None:
    (folder / "helpers.py").touch()
    write_notebook(folder / "work.ipynb", "import helpers, httpx")
    shown = say("%kusto_image freeze work.ipynb")
    assert "Skipped: helpers: a module of yours, not a package." in shown
    assert "name a wheel in its external_artifacts" in shown
    write_notebook(folder / "work.ipynb", "import helpers")
    assert "(helpers: a module of yours, not a package)" in say("%kusto_image freeze work.ipynb")


def test_what_was_not_read_is_counted(say: RunCell, folder: Path) -> None:
    query = "T | evaluate python(typeof(*), ```{}```)"
    computed = "q = 'T | evaluate python(typeof(*), ' + make_code() + ')'"
    write_notebook(folder / "work.ipynb", "import httpx", "no Python", f"%%kql\n{query.format('print 1')}", computed)
    (folder / "broken.ipynb").write_text("{")
    shown = say("%kusto_image freeze work.ipynb")
    assert "1 cell: not valid Python (only import lines and queries were read)" in shown
    assert "1 script of python(): not valid Python (only import lines were read)" in shown
    assert "1 script of python(): put together when the query runs" in shown
    assert "broken.ipynb is not a valid notebook" in say("%kusto_image freeze broken.ipynb")


def test_long_lists_are_cut(say: RunCell, shell: InteractiveShell, folder: Path) -> None:
    write_notebook(folder / "work.ipynb", "import httpx", *(f"import unknown{number}" for number in range(30)))
    assert "; 10 more." in say("%kusto_image freeze work.ipynb")
    assert len(inserted(shell)) == 32


def test_names_of_files_and_modules_are_escaped(say: RunCell, folder: Path) -> None:
    (folder / "a\x1b[31m\u202e.kql").write_text(QUERY)
    write_notebook(folder / "work.ipynb", "import httpx")
    shown = say("%kusto_image freeze work.ipynb")
    assert "\\x1b[31m\\u202e.kql" in shown
    assert "\x1b" not in shown
