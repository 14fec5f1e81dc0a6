"""Diagnosis of a conflict: maps the resolver's explanation to the lines of the requirements text.

uv explains a conflict in sentences ("Because A depends on B and you require C, …"). Single facts are extracted from
them. If none is recognized, the verdict stays the same and the resolver's own text is shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from functools import lru_cache
from itertools import groupby
from operator import attrgetter
from urllib.parse import urlsplit

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from kusto_magic.preflight.report import PLATFORM, Verdict
from kusto_magic.redaction import redact
from kusto_magic.requirements.parser import Requirement

_MAX_DISPLAYED, _MAX_PARSED = 4_000, 20_000
"""Maximum number of characters of uv's output that are displayed and parsed."""


class Cause(Enum):
    """Cause of a failed resolution; the value is a description."""

    NOT_FOUND = "no package with this name"
    NO_VERSION = "no such version"
    NO_WHEEL = "no wheel for the platform"
    PYTHON = "requires another Python version"
    CONFLICT = "conflicts with another line"
    OTHER = "another cause"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The cause of a failed resolution: `reason` is the explanation, `culprits` are the lines to change.

    `subject` is the normalized package name for NOT_FOUND, NO_VERSION, NO_WHEEL and PYTHON, otherwise "".
    `may_have_sdists` means that with NO_WHEEL a source distribution may exist.
    """

    verdict: Verdict
    cause: Cause
    reason: str
    culprits: tuple[Requirement, ...] = ()
    subject: str = ""
    may_have_sdists: bool = False


# ── the resolver's sentences ───────────────────────────────────────────────────────────────────────────────────────

# Atomic groups, and names that start only where no name precedes: otherwise a long word takes quadratic time.
_NAME = r"(?<![\w.-])(?>[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?)"
_EXTRAS = r"(?:\[[^\[\]\s]*\])?"
_CLAUSE = r"(?>(?:===|==|!=|~=|<=|>=|<|>)[A-Za-z0-9.*+!]*[A-Za-z0-9*])"
_BOUNDS = rf"(?>{_CLAUSE}(?:,{_CLAUSE})*)"
_TERM = rf"(?>{_NAME}{_EXTRAS}{_BOUNDS}?)"
_TERMS = rf"(?:one of: (?>(?:{_NAME}{_EXTRAS}{_BOUNDS} ?)+)|{_TERM})"

_DEPENDS = re.compile(rf"({_TERM}) depends? on ({_TERMS})")
_NO_WHEEL = tuple(
    (cause, re.compile(pattern))
    for cause, pattern in (
        (Cause.NOT_FOUND, rf"(?P<term>{_TERM}) was not found in the (?:package registry|provided package locations)"),
        (Cause.PYTHON, rf"not satisfy Python(?P<python>{_BOUNDS}) and (?P<term>{_TERM}) depends on Python"),
        (Cause.PYTHON, rf"(?P<term>{_TERM}) requires Python ?(?P<python>{_BOUNDS})"),
        (Cause.NO_WHEEL, rf"(?P<term>{_TERM}) ha(?:s|ve) no (?:usable wheels|wheels with a matching)"),
        (Cause.NO_VERSION, rf"there (?:is|are) no versions? of (?P<term>{_TERM})"),
        (Cause.NO_VERSION, rf"only (?P<term>{_NAME}{_EXTRAS}{_BOUNDS}) is available"),
    )
)
_MARKERS = re.compile(r"\{[^{}]*\}")
_LEADING_NAME = re.compile(rf"{_NAME}{_EXTRAS}")
_WORDS = re.compile(_NAME)
_EXCLUDES_ITSELF = re.compile(rf"you require ({_TERM}) and ({_TERM}), which are incompatible")
_ONLY_ON = re.compile(rf"Wheels are available for `({_NAME})` \(\S+\) on the following platforms?: ([^\n]*)")

_INCONCLUSIVE = {
    "was not found in the cache": "the network is disabled, and not every package is in the cache",
    "network was disabled": "the network is disabled, and not every package is in the cache",
    "index lookups were disabled": "no package index is configured",
    "could not be queried": "the index refuses access: its credentials are missing or wrong",
    "401 Unauthorized": "the index refuses access: its credentials are missing or wrong",
    "403 Forbidden": "the index refuses access: its credentials are missing or wrong",
    "Failed to read `--find-links`": "a configured package location (find-links) cannot be read",
    "metadata could not be": "the index returns unreadable metadata for a package",
    "memory allocation of": "the resolver needs more than 2 GB of memory, or a page of the index does not end",
    "could not be parsed": "the index returns unreadable metadata for a package",
}
_CONNECTION = {
    "dns error": "its host name cannot be resolved",
    "invalid peer certificate": "its certificate is not trusted",
    "onnection refused": "the connection was refused",  # with either capital
    "deadline has elapsed": "it does not respond",
    "timed out": "it did not respond in time",
    "401 ": "it requires other credentials",
    "403 ": "it denies access",
    "HTTP status server error": "it reports a server error",
}
_FETCH = re.compile(r"Failed to fetch: `?(https?://[^\s`]+)")


def diagnose(output: str, lines: Sequence[Requirement], python: str) -> Diagnosis:
    """Interpret uv's output after it failed to resolve `lines` for `python` ("3.10.8").

    The verdict is INCONCLUSIVE unless the output states that no solution exists and that the index was queried.
    """
    for sign, reason in _INCONCLUSIVE.items():  # checked first: these outputs can contain "No solution found" too
        if sign in output:
            return _unknown(reason)
    if "No solution found when resolving" not in output:
        return _unknown(_failure(output))
    # uv writes markers in braces inside terms; without them a term is name, extras and bounds only.
    text = _MARKERS.sub("", " ".join(output.partition("hint:")[0].split()))[:_MAX_PARSED]
    graph = _Graph(_dependency_facts(text), lines)
    # The order matters: a missing pinned version explains more than the conflict that follows from it.
    return (
        _missing_package(graph, text, output, python, pinned_only=True)
        or _conflict(graph, text)
        or _missing_package(graph, text, output, python, pinned_only=False)
        or _conflict_over_dependency(graph)
        or _several_lines(text, lines)
    )


def displayed_output(output: str) -> str:
    """Return the resolver's own output for display, without secrets and at most 4,000 characters long."""
    text = redact(output).strip()
    return text if len(text) <= _MAX_DISPLAYED else text[: _MAX_DISPLAYED - 1] + "…"


def _unknown(reason: str) -> Diagnosis:
    return Diagnosis(Verdict.INCONCLUSIVE, Cause.OTHER, reason)


def _failure(output: str) -> str:
    if fetch := _FETCH.search(output):
        cause_text = next((text for sign, text in _CONNECTION.items() if sign in output), "the request failed")
        return f"the index at {_host(fetch[1])} cannot be queried: {cause_text}"
    first = next((line for line in output.splitlines() if line.startswith("error:")), "")
    return (
        f"the resolver failed: {redact(first.removeprefix('error:').strip())[:200]}"
        if first
        else "the resolver stopped without a message"
    )


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or "an unknown address"
    except ValueError:
        return "an unknown address"


# ── dependencies ───────────────────────────────────────────────────────────────────────────────────────────────────


class _Graph:
    """The dependencies that uv states, as (package, requirement), and the lines of the text that they start from.

    The lines of a name, and those that require it, are found once: a resolver can state a thousand dependencies of a
    thousand lines.
    """

    def __init__(self, facts: Sequence[tuple[str, str]], lines: Sequence[Requirement]) -> None:
        self.facts = facts
        self.lines = lines
        by_name = groupby(sorted(lines, key=attrgetter("name")), attrgetter("name"))
        self._by_name = {str(name): tuple(same) for name, same in by_name}
        self._requiring: dict[str, tuple[Requirement, ...]] = {}
        self._requirers: dict[str, dict[str, None]] = {}
        for left, right in facts:
            self._requirers.setdefault(_name(right), {})[_name(left)] = None

    def lines_for(self, term: str) -> tuple[Requirement, ...]:
        """Return the lines for the package of a term."""
        return self._by_name.get(_name(term), ())

    def requiring_lines(self, term: str) -> tuple[Requirement, ...]:
        """Return the lines that require a term, directly or through other packages."""
        name = _name(term)
        if name not in self._requiring:
            self._requiring[name] = self._search(name)
        return self._requiring[name]

    def _search(self, name: str) -> tuple[Requirement, ...]:
        seen, names = {name}, [name]
        for each in names:  # the loop body appends to the list: a breadth-first search
            if found := self._by_name.get(each):
                return found
            further = [left for left in self._requirers.get(each, ()) if left not in seen]
            seen.update(further)
            names += further
        return ()


# ── missing packages, versions and wheels ──────────────────────────────────────────────────────────────────────────


def _missing_package(graph: _Graph, text: str, output: str, python: str, *, pinned_only: bool) -> Diagnosis | None:
    """Diagnose a package, version or wheel that the index does not have, or return None.

    With `pinned_only`, a line must require exactly this version; otherwise it may be a dependency of a line.
    """
    for cause, pattern in _NO_WHEEL:
        for found in pattern.finditer(text):
            term = found["term"]
            if not pinned_only or _is_pinned(term, graph):
                diagnosis = _missing_dependency(cause, term, _missing_reason(cause, found, output, python), text, graph)
                return replace(diagnosis, may_have_sdists="no usable wheels" in found[0])
    return None


def _missing_reason(cause: Cause, found: re.Match[str], output: str, python: str) -> str:
    if cause is Cause.PYTHON:
        return f"it requires Python{found['python']}, but the image has Python {python}"
    if cause is Cause.NO_WHEEL:
        return f"there is no wheel for Python {python} on {PLATFORM}{_other_index_hint(found['term'], output)}"
    return f"the index has {cause.value}"


def _is_pinned(term: str, graph: _Graph) -> bool:
    bounds = _specifiers(_LEADING_NAME.sub("", term, count=1))
    return any(_specifiers(line.specifier) == bounds for line in graph.lines_for(term))


@lru_cache(1024)
def _specifiers(text: str) -> SpecifierSet:
    return SpecifierSet(text)


def _missing_dependency(cause: Cause, term: str, cause_text: str, text: str, graph: _Graph) -> Diagnosis:
    """Diagnose the missing `term` by the lines that require it, directly or indirectly."""
    name = _name(term)
    direct = graph.lines_for(term)
    requirers = [(left, right) for left, right in graph.facts if _name(right) == name and graph.requiring_lines(left)]
    if requirers and not (direct and direct[0].specifier):
        left, right = next((fact for fact in reversed(requirers) if graph.lines_for(fact[0])), requirers[-1])
        culprits = graph.requiring_lines(left)
        reason = f"{_cite(culprits)} needs {right}{_path_to(left, culprits)}: {cause_text}"
        return Diagnosis(Verdict.CONFLICT, cause, reason, culprits, name)
    culprits = direct or _mentioned(text, graph.lines)
    place = _cite(direct) if direct else f"{term}, required by {_cite(culprits)}"
    return Diagnosis(Verdict.CONFLICT, cause, f"{place}: {cause_text}", culprits, name)


def _other_index_hint(term: str, output: str) -> str:
    systems = {"linux": "Linux", "macosx": "macOS", "win32": "32-bit Windows"}
    for name, platforms in _ONLY_ON.findall(output):
        found = [system for sign, system in systems.items() if sign in platforms]
        if _name(name) == _name(term) and found:
            return f" (available for {' and '.join(found)})"
    return ""


# ── conflicts ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _conflict(graph: _Graph, text: str) -> Diagnosis | None:
    """Diagnose a line that excludes itself, or one that requires what another line forbids; otherwise return None."""
    if found := _EXCLUDES_ITSELF.search(text):
        culprits = graph.lines_for(found[1])
        return Diagnosis(
            Verdict.CONFLICT, Cause.OTHER, f"{_cite(culprits)}: its version specifiers exclude each other", culprits
        )
    for left, right in reversed([fact for fact in graph.facts if graph.lines_for(fact[0])]):
        wanted = graph.lines_for(right)
        if any(line.specifier for line in wanted) and _name(left) != _name(right):
            needing = graph.lines_for(left)
            reason = f"{_cite(wanted)} clashes with {_cite(needing)}, which needs {right}"
            return _excluding(reason, _in_order([*wanted, *needing]))
    return None


def _conflict_over_dependency(graph: _Graph) -> Diagnosis | None:
    """Diagnose two lines that require different versions of one dependency, or return None."""
    by_dependency: dict[str, list[tuple[str, str, tuple[Requirement, ...]]]] = {}
    for other, wanted in graph.facts:
        if second := graph.requiring_lines(other):
            by_dependency.setdefault(_name(wanted), []).append((other, wanted, second))
    for left, right in reversed(graph.facts):
        first = graph.requiring_lines(left)
        for other, wanted, second in by_dependency.get(_name(right), ()):
            if first and first != second:
                needs = f"{_cite(second)}, which needs {wanted}{_path_to(other, second)}, clashes with "
                reason = f"{needs}{_cite(first)}, which needs {right}{_path_to(left, first)}"
                return _excluding(reason, _in_order([*first, *second]))
    return None


def _path_to(term: str, lines: Sequence[Requirement]) -> str:
    return "" if any(line.name == _name(term) for line in lines) else f" (through {_name(term)})"


def _several_lines(text: str, lines: Sequence[Requirement]) -> Diagnosis:
    culprits = _mentioned(text, lines) or tuple(lines)
    return Diagnosis(Verdict.CONFLICT, Cause.OTHER, _conflict_reason(culprits), culprits)


def _excluding(reason: str, culprits: tuple[Requirement, ...]) -> Diagnosis:
    return Diagnosis(Verdict.CONFLICT, Cause.CONFLICT, reason, culprits)


def _conflict_reason(lines: Sequence[Requirement]) -> str:
    return f"{_cite(lines)} cannot be installed together" if len(lines) > 1 else f"{_cite(lines)} cannot be installed"


# ── parsing and formatting ─────────────────────────────────────────────────────────────────────────────────────────


def _dependency_facts(text: str) -> list[tuple[str, str]]:
    """Return the dependencies stated by uv, as (package, requirement), in order of appearance."""
    return [(left, _alternatives(right)) for left, right in _DEPENDS.findall(text) if _name(right) != "python"]


def _alternatives(terms: str) -> str:
    return " or ".join(terms.removeprefix("one of: ").split())


def _name(term: str) -> str:
    """Return the normalized name at the start of a term such as "dask[complete]>=2"."""
    found = _WORDS.match(term)
    return str(canonicalize_name(found[0])) if found else ""


def _mentioned(text: str, lines: Sequence[Requirement]) -> tuple[Requirement, ...]:
    names = {canonicalize_name(word) for word in _WORDS.findall(text)}
    return tuple(line for line in lines if line.name in names)


def _in_order(lines: Iterable[Requirement]) -> tuple[Requirement, ...]:
    return tuple(sorted(set(lines), key=lambda line: line.line))


def _cite(lines: Sequence[Requirement]) -> str:
    """Return at most four lines with their numbers, for use in a sentence."""
    cited = [f"{_line_label(line)} {line.text.partition(';')[0]}" for line in lines[:4]]
    more = [f"{len(lines) - 4} more"] if len(lines) > 4 else []
    return " and ".join([*cited, *more]) or "the requirements"


def _line_label(line: Requirement) -> str:
    """Return the label of a line: lines of the base image have the number 0."""
    return f"line {line.line}" if line.line else "the base image's"
