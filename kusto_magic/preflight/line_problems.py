"""Lines that cannot be installed, and the lines that can be put in their place."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from packaging.specifiers import SpecifierSet

from kusto_magic.preflight.diagnosis import Cause, Diagnosis
from kusto_magic.preflight.suggestions import Pins, specifier_bounds
from kusto_magic.preflight.uv import ResolveRequest, ResolveResult
from kusto_magic.requirements.parser import Requirement

Run = Callable[[ResolveRequest], Awaitable[ResolveResult]]
"""Runs the resolver. Raises TimeoutError if no time is left."""


@dataclass(frozen=True, slots=True)
class LineProblem:
    """A line that cannot be installed, and why: a phrase that follows the line.

    `replacement` is the line that can, or None; `left_out` is whether the line must be left out, because no line can
    replace it. If neither is set, no fix is known. `may_have_sdists` is whether a source distribution may exist.
    """

    line: Requirement
    reason: str
    replacement: Requirement | None = None
    left_out: bool = False
    cause: Cause = Cause.CONFLICT
    may_have_sdists: bool = False

    @property
    def is_fixed(self) -> bool:
        """Whether a fix is known."""
        return self.left_out or self.replacement is not None


def corrected(lines: Iterable[Requirement], problems: Mapping[int, LineProblem]) -> list[Requirement]:
    """Return lines with the fixes that are known; `problems` are by the numbers of their lines."""
    fixed = {number: problem.replacement for number, problem in problems.items()}
    return [
        fixed.get(line.line) or line for line in lines if line.line not in problems or not problems[line.line].left_out
    ]


def with_specifier(line: Requirement, specifier: str) -> Requirement:
    """Return a line with another specifier set."""
    head = line.text.partition(";")[0].rstrip()
    written = head.removesuffix(line.specifier) + specifier
    return replace(line, specifier=specifier, text=f"{written}; {line.marker}" if line.marker else written)


def with_version(line: Requirement, version: str) -> Requirement:
    """Return a line that requires exactly one version."""
    return with_specifier(line, f"=={version}")


def with_name(line: Requirement, name: str) -> Requirement:
    """Return a line for another package, with the same specifier set and without extras."""
    text = f"{name}{line.specifier}; {line.marker}" if line.marker else f"{name}{line.specifier}"
    return replace(line, name=name, extras=(), text=text)


def at_least(line: Requirement) -> str:
    """Return the specifier set for the lowest version that a line names or a later one."""
    bounds = specifier_bounds(line.specifier)
    return f">={bounds[0].public}" if bounds else ""


def pinned_versions(lines: Iterable[Requirement]) -> Pins:
    """Return the versions of the lines that require exactly one."""
    exact = [(line.name, list(SpecifierSet(line.specifier))) for line in lines]
    one = {name: each[0] for name, each in exact if len(each) == 1 and each[0].operator == "=="}
    return {name: each.version for name, each in one.items() if not each.version.endswith(".*")}


def allows(line: Requirement, version: str) -> bool:
    """Return whether a version ("" for none) satisfies a line."""
    return bool(version) and SpecifierSet(line.specifier).contains(version, prereleases=True)


def label(line: Requirement) -> str:
    """Return a line as it is cited, without its marker."""
    return line.text.partition(";")[0].rstrip()


def reason_for(line: Requirement, diagnosis: Diagnosis) -> str:
    """Return the reason of a diagnosis as a phrase that follows the line."""
    rest = diagnosis.reason.removeprefix(f"line {line.line} {label(line)}")
    return rest.removeprefix(":").strip() if rest != diagnosis.reason else diagnosis.reason


def in_order(problems: Mapping[int, LineProblem]) -> Sequence[LineProblem]:
    """Return problems in the order of their lines."""
    return [problems[number] for number in sorted(problems)]
