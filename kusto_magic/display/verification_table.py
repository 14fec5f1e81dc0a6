"""The result of `verify` as a table."""

from __future__ import annotations

from collections.abc import Iterator

from kusto_magic.display import data_table
from kusto_magic.display.data_table import Cell, DataTable
from kusto_magic.models.build_state import Outcome
from kusto_magic.models.cluster_contents import MEGABYTE
from kusto_magic.models.target import Target
from kusto_magic.models.verification import ExpectationSource, Verification

MAX_BASE_DIFFERENCES = 10
"""Maximum number of differences from the list of the base image that are named."""


def verification_table(found: Verification, target: Target) -> DataTable:
    """Return the table of what an image holds: every difference, and what it was compared with."""
    caption = f"What image {found.image} on {target.label} holds"
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
    yield "Result", _result(found)
    yield "Compared with", _source(found)
    yield "Imports", data_table.text(_imports(found))
    yield "Memory", data_table.text(_memory(found))
    yield "Base image", data_table.text(_base(found))
    yield "Python", data_table.text(_python(found))
    yield "Platform", data_table.text(found.inventory.platform)
    yield "Packages", data_table.text(f"{len(found.inventory.packages)} in all")
    yield "Database", data_table.text(found.database)


def _result(found: Verification) -> Cell:
    if found.succeeded:
        return data_table.state(f"Verified: {found.summary}", Outcome.SUCCEEDED)
    is_equal = found.is_python_right and not found.differences
    return data_table.state(f"{'Imports failed' if is_equal else 'Different'}: {found.summary}", Outcome.FAILED)


def _source(found: Verification) -> Cell:
    match found.expectation.source:
        case ExpectationSource.PLAN:
            when = data_table.time(found.expectation.planned_at).text
            return data_table.text(f"the check before the build of {when}")
        case ExpectationSource.LISTED:
            return data_table.text(found.expectation.listed.label if found.expectation.listed else "")
    return data_table.text("its requirements: this machine has no check of its last build")


def _imports(found: Verification) -> str:
    return f"{found.imported} of {len(found.imports)} packages were imported" if found.imports else ""


def _memory(found: Verification) -> str:
    used = found.inventory.memory
    if used is None:
        return ""
    policy = found.policy
    return f"{used / MEGABYTE:,.0f} MB after the imports; a sandbox has {policy.memory:,} MB {policy.source}"


def _base(found: Verification) -> str:
    listed = found.expectation.listed
    if not found.expectation.base or listed is None or not listed.packages:
        return found.expectation.base
    return f"{listed.label}: {len(found.base_differences)} of {len(listed.packages)} packages differ"


def _python(found: Verification) -> str:
    expected = "" if found.is_python_right else f" (expected: {found.expectation.python})"
    return f"{found.inventory.python}{expected}"


def _notes(found: Verification) -> list[str]:
    remarks = [f"{remark[0].upper()}{remark[1:]}." for remark in found.expectation.remarks]
    if not found.base_differences:
        return remarks
    shown = [str(it) for it in found.base_differences[:MAX_BASE_DIFFERENCES]]
    more = len(found.base_differences) - len(shown)
    names = "; ".join([*shown, *([f"{more} more"] if more else [])])
    listed = found.expectation.listed
    if listed is None:
        return remarks
    incomplete = "" if listed.read_at else ", a list that is incomplete"
    return [*remarks, f"Different from {listed.label}{incomplete}: {names}."]
