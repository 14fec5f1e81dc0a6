"""The result of `verify` as a table."""

from __future__ import annotations

from collections.abc import Iterator

from kusto_magic.display import data_table
from kusto_magic.display.data_table import Cell, DataTable
from kusto_magic.models.build_state import Outcome
from kusto_magic.models.managed_packages import LIST_DATE
from kusto_magic.models.target import Target
from kusto_magic.models.verification import ExpectationSource, Verification

MAX_BASE_DIFFERENCES = 10
"""Maximum number of differences from the documented list of the base image that are named."""


def verification_table(found: Verification, target: Target) -> DataTable:
    """Return the table of what an image holds: every difference, and what it was compared with."""
    cluster = f"emulator cluster {target.cluster}" if target.is_local else f"cluster {target.cluster}"
    caption = f"What image {found.image} on {cluster} holds"
    return DataTable(caption, (), list(_rows(found)), notes=_notes(found))


def _rows(found: Verification) -> Iterator[tuple[Cell, Cell]]:
    for label, cell in _properties(found):
        if cell.text:
            yield data_table.text(label), cell
    for difference in found.differences:
        yield data_table.text("Difference"), data_table.text(str(difference))
    for name, error in found.failed_imports.items():
        yield data_table.text("Import failed"), data_table.text(f"{name}: {error}")


def _properties(found: Verification) -> Iterator[tuple[str, Cell]]:
    state, outcome = ("Verified", Outcome.SUCCEEDED) if found.succeeded else ("Different", Outcome.FAILED)
    yield "Result", data_table.state(f"{state}: {found.summary}" if found.total else state, outcome)
    yield "Compared with", _source(found)
    yield "Imports", data_table.text(_imports(found))
    yield "Base image", data_table.text(_base(found))
    yield "Python", data_table.text(_python(found))
    yield "Platform", data_table.text(found.inventory.platform)
    yield "Packages", data_table.text(f"{len(found.inventory.packages)} in all")
    yield "Database", data_table.text(found.database)


def _source(found: Verification) -> Cell:
    expectation = found.expectation
    if expectation.planned_at is not None:
        when = data_table.time(expectation.planned_at)
        return data_table.text(f"the check before the build of {when.text}")
    if expectation.source is ExpectationSource.LISTED:
        return data_table.text(f"Microsoft's documentation of {LIST_DATE}")
    return data_table.text("its requirements: this machine has no check of its build")


def _imports(found: Verification) -> str:
    tried = found.inventory.imports
    return f"{len(tried) - len(found.failed_imports)} of {len(tried)} packages can be imported" if tried else ""


def _base(found: Verification) -> str:
    listed = found.expectation.listed or {}
    if not found.expectation.base or not listed:
        return found.expectation.base
    return f"{found.expectation.base}: {len(found.base_differences)} of {len(listed)} documented packages differ"


def _python(found: Verification) -> str:
    expected = "" if found.is_python_right else f" (expected: {found.expectation.python})"
    return f"{found.inventory.python}{expected}"


def _notes(found: Verification) -> list[str]:
    if not found.base_differences:
        return []
    shown = [str(it) for it in found.base_differences[:MAX_BASE_DIFFERENCES]]
    more = len(found.base_differences) - len(shown)
    names = "; ".join([*shown, *([f"{more} more"] if more else [])])
    return [f"Different from Microsoft's documentation of {LIST_DATE}, which is incomplete: {names}."]
