"""Diagnosis of a conflict: maps the resolver's explanation to the lines of the requirements text.

uv explains a conflict in sentences ("Because A depends on B and you require C, …"). Single facts are extracted from
them. If none is recognized, the verdict stays the same and the resolver's own text is shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
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

_NAME = r"[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?"
_CLAUSE = r"(?:===|==|!=|~=|<=|>=|<|>)[A-Za-z0-9.*+!]*[A-Za-z0-9*]"
_BOUNDS = rf"{_CLAUSE}(?:,{_CLAUSE})*"
_TERM = rf"{_NAME}(?:\[[^\]\s]*\])?(?:{_BOUNDS})?"
_TERMS = rf"(?:one of: (?:{_NAME}(?:\[[^\]\s]*\])?{_BOUNDS} ?)+|{_TERM})"

_DEPENDS = re.compile(rf"({_TERM}) depends? on ({_TERMS})")
_NO_WHEEL = (
    (Cause.NOT_FOUND, rf"(?P<term>{_TERM}) was not found in the (?:package registry|provided package locations)"),
    (Cause.PYTHON, rf"not satisfy Python(?P<python>{_BOUNDS}) and (?P<term>{_TERM}) depends on Python"),
    (Cause.PYTHON, rf"(?P<term>{_TERM}) requires Python ?(?P<python>{_BOUNDS})"),
    (Cause.NO_WHEEL, rf"(?P<term>{_TERM}) ha(?:s|ve) no (?:usable wheels|wheels with a matching)"),
    (Cause.NO_VERSION, rf"there (?:is|are) no versions? of (?P<term>{_TERM})"),
)
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
    text = re.sub(r"\{[^}]*\}", "", " ".join(output.partition("hint:")[0].split()))[:_MAX_PARSED]
    # The order matters: a missing pinned version explains more than the conflict that follows from it.
    return (
        _missing_package(text, output, lines, python, pinned_only=True)
        or _conflict(text, lines)
        or _missing_package(text, output, lines, python, pinned_only=False)
        or _conflict_over_dependency(text, lines)
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


# ── missing packages, versions and wheels ──────────────────────────────────────────────────────────────────────────


def _missing_package(
    text: str, output: str, lines: Sequence[Requirement], python: str, *, pinned_only: bool
) -> Diagnosis | None:
    """Diagnose a package, version or wheel that the index does not have, or return None.

    With `pinned_only`, a line must require exactly this version; otherwise it may be a dependency of a line.
    """
    for cause, pattern in _NO_WHEEL:
        for found in re.finditer(pattern, text):
            term = found["term"]
            if not pinned_only or _is_pinned(term, lines):
                diagnosis = _missing_dependency(cause, term, _missing_reason(cause, found, output, python), text, lines)
                return replace(diagnosis, may_have_sdists="no usable wheels" in found[0])
    return None


def _missing_reason(cause: Cause, found: re.Match[str], output: str, python: str) -> str:
    if cause is Cause.PYTHON:
        return f"it requires Python{found['python']}, but the image has Python {python}"
    if cause is Cause.NO_WHEEL:
        return f"there is no wheel for Python {python} on {PLATFORM}{_other_index_hint(found['term'], output)}"
    return f"the index has {cause.value}"


def _is_pinned(term: str, lines: Sequence[Requirement]) -> bool:
    bounds = SpecifierSet(re.sub(rf"^{_NAME}(\[[^\]]*\])?", "", term))
    return any(SpecifierSet(line.specifier) == bounds for line in _lines_for(term, lines))


def _missing_dependency(cause: Cause, term: str, cause_text: str, text: str, lines: Sequence[Requirement]) -> Diagnosis:
    """Diagnose the missing `term` by the lines that require it, directly or indirectly."""
    name, facts = _name(term), _dependency_facts(text)
    direct = _lines_for(term, lines)
    requirers = [
        (left, right) for left, right in facts if _name(right) == name and _requiring_lines(left, facts, lines)
    ]
    if requirers and not (direct and direct[0].specifier):
        left, right = next((fact for fact in reversed(requirers) if _lines_for(fact[0], lines)), requirers[-1])
        culprits = _requiring_lines(left, facts, lines)
        reason = f"{_cite(culprits)} needs {right}{_path_to(left, culprits)}: {cause_text}"
        return Diagnosis(Verdict.CONFLICT, cause, reason, culprits, name)
    culprits = direct or _mentioned(text, lines)
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


def _conflict(text: str, lines: Sequence[Requirement]) -> Diagnosis | None:
    """Diagnose a line that excludes itself, or one that requires what another line forbids; otherwise return None."""
    if found := _EXCLUDES_ITSELF.search(text):
        culprits = _lines_for(found[1], lines)
        return Diagnosis(
            Verdict.CONFLICT, Cause.OTHER, f"{_cite(culprits)}: its version specifiers exclude each other", culprits
        )
    facts = [(left, right) for left, right in _dependency_facts(text) if _lines_for(left, lines)]
    for left, right in reversed(facts):
        wanted = _lines_for(right, lines)
        if any(line.specifier for line in wanted) and _name(left) != _name(right):
            needing = _lines_for(left, lines)
            reason = f"{_cite(wanted)} clashes with {_cite(needing)}, which needs {right}"
            return _excluding(reason, _in_order([*wanted, *needing]))
    return None


def _conflict_over_dependency(text: str, lines: Sequence[Requirement]) -> Diagnosis | None:
    """Diagnose two lines that require different versions of one dependency, or return None."""
    facts = _dependency_facts(text)
    for left, right in reversed(facts):
        first = _requiring_lines(left, facts, lines)
        for other, wanted in facts:
            second = _requiring_lines(other, facts, lines)
            if first and second and first != second and _name(right) == _name(wanted):
                needs = f"{_cite(second)}, which needs {wanted}{_path_to(other, second)}, clashes with "
                reason = f"{needs}{_cite(first)}, which needs {right}{_path_to(left, first)}"
                return _excluding(reason, _in_order([*first, *second]))
    return None


def _requiring_lines(
    term: str, facts: Sequence[tuple[str, str]], lines: Sequence[Requirement]
) -> tuple[Requirement, ...]:
    """Return the lines that require a term, directly or through other packages."""
    names = [_name(term)]
    for name in names:  # the loop body appends to the list: a breadth-first search
        if found := _lines_for(name, lines):
            return found
        names += [_name(left) for left, right in facts if _name(right) == name and _name(left) not in names]
    return ()


def _path_to(term: str, lines: Sequence[Requirement]) -> str:
    return "" if _lines_for(term, lines) else f" (through {_name(term)})"


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
    found = re.match(_NAME, term)
    return str(canonicalize_name(found[0])) if found else ""


def _lines_for(term: str, lines: Sequence[Requirement]) -> tuple[Requirement, ...]:
    return tuple(line for line in lines if line.name == _name(term))


def _mentioned(text: str, lines: Sequence[Requirement]) -> tuple[Requirement, ...]:
    names = {canonicalize_name(word) for word in re.findall(_NAME, text)}
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
