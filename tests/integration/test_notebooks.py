"""The example notebooks run unattended, and the committed ones are readable and contain no secrets."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kusto_magic.display import card, fleet_card
from kusto_magic.emulator import EmulatorConfig

if TYPE_CHECKING:
    from nbformat import NotebookNode
    from support.home import Home

    from kusto_magic.emulator import ReadyTarget

NOTEBOOKS = sorted((Path(__file__).parent.parent.parent / "notebooks").glob("*.ipynb"))
SECRETS = re.compile(
    r"Bearer|eyJ[\w-]{10}|[?&](t|c|s|h)=\w{16}|127\.0\.0\.1:\d+/sub|/home/|/root/|/tmp/|/Users/|[A-Z]:\\\\",
    re.IGNORECASE,
)
RECORDS = (card.MIME, fleet_card.MIME)
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def _outputs(document: NotebookNode) -> Iterator[dict[str, Any]]:
    for cell in document.cells:
        yield from cell.get("outputs", [])


def _cards(document: NotebookNode) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Return the record and the complete bundle of each card."""
    bundles = [output["data"] for output in _outputs(document) if "data" in output]
    return [(data[kind], data) for data in bundles for kind in RECORDS if kind in data]


def _check_saved(path: Path) -> None:
    import nbformat  # slow to import, so not at collection time

    text = path.read_text(encoding="utf-8")
    document = nbformat.reads(text, as_version=4)
    nbformat.validate(document)
    assert "widgets" not in document.metadata
    assert "widget-view" not in text
    found = SECRETS.search(text)
    assert not found, found and text[max(0, found.start() - 80) : found.end() + 80]
    assert EmulatorConfig().subscription not in text
    assert _cards(document)
    for record, data in _cards(document):
        assert record["ended"], data["text/plain"]
        assert record["outcome"], "JupyterLab would show it as running"
        assert record["state"] in "".join(data["text/html"])
        assert record["state"] in "".join(data["text/plain"])


@pytest.mark.slow
@each_notebook
def test_committed_notebook_is_readable_without_kernel(path: Path) -> None:
    _check_saved(path)


@pytest.mark.slow
@each_notebook
def test_notebook_starts_with_goals_and_installation(path: Path) -> None:
    import nbformat

    first, second = nbformat.read(path, as_version=4).cells[:2]
    assert "After this notebook you can" in first.source
    assert "`No module named 'kusto_magic'`, install it in the kernel's environment" in first.source
    assert second.source == "%load_ext kusto_magic"


WRONG = {"05-a-fleet": ("environment", "nosuch", "the query finds no cluster")}


@each_notebook
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_invalid_parameter_stops_the_notebook_with_a_reason(
    path: Path, home: Home, emulator: Callable[[float], ReadyTarget], tmp_path: Path
) -> None:
    emulator(0.5)
    name, value, reason = WRONG.get(path.stem, ("base", "no/such/base", "is not a valid image name"))
    command = [sys.executable, "-m", "papermill", str(path), str(tmp_path / "out.ipynb"), "-p", name, value]
    result = subprocess.run(command, env=home.env, cwd=home.work, capture_output=True, text=True, check=False)
    assert result.returncode != 0
    assert reason in result.stderr


RUNNERS = {"jupyter execute": ("jupyter", "execute", "--inplace", "{}"), "papermill": ("papermill", "{}", "{}")}


@each_notebook
@pytest.mark.index
@pytest.mark.timeout(600)
@pytest.mark.parametrize("runner", RUNNERS)
def test_notebook_runs_unattended(
    path: Path, runner: str, home: Home, emulator: Callable[[float], ReadyTarget], tmp_path: Path
) -> None:
    token = emulator(0.5).token
    copy = tmp_path / path.name
    copy.write_bytes(path.read_bytes())
    command = [sys.executable, "-m", *(word.format(copy) for word in RUNNERS[runner])]
    result = subprocess.run(command, env=home.env, cwd=home.work, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr[-3000:]
    assert token not in copy.read_text(encoding="utf-8")
    import nbformat

    document = nbformat.read(copy, as_version=4)
    document.metadata.pop("papermill", None)  # it has the paths of its files
    nbformat.write(document, copy)
    _check_saved(copy)
    states = [record["state"] for record, _ in _cards(document)]
    committed = [record["state"] for record, _ in _cards(nbformat.read(path, as_version=4))]
    assert states == committed
