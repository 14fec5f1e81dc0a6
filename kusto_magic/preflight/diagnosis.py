"""Why a text does not fit, in our words: the resolver's explanation read back onto the lines of the text.

uv explains itself in sentences ("Because A depends on B and you require C, …"). What is read are single facts out of
these; where none is recognised, the resolver's own text remains, and the verdict stays the same.
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

_MOST_SHOWN, _MOST_READ = 4_000, 20_000


class Cause(Enum):
    """What stands in the way."""

    NOT_FOUND = "no package of that name"
    NO_VERSION = "no such version"
    NO_WHEEL = "no wheel for the platform"
    PYTHON = "wants another Python"
    CONFLICT = "excludes another line"
    OTHER = "something else"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What a failed resolution says: `reason` in our words, `culprits` the lines that have to change.

    `subject` is the normalised name that NOT_FOUND, NO_VERSION, NO_WHEEL and PYTHON are about, "" otherwise;
    `may_have_sources` whether NO_WHEEL leaves it open that there are sources to build one from.
    """

    verdict: Verdict
    cause: Cause
    reason: str
    culprits: tuple[Requirement, ...] = ()
    subject: str = ""
    may_have_sdists: bool = False


# ── the resolver's sentences ───────────────────────────────────────────────────────────────────────────────────

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

_OUT_OF_REACH = {
    "was not found in the cache": "the network is switched off, and the cache does not know every package",
    "network was disabled": "the network is switched off, and the cache does not know every package",
    "index lookups were disabled": "no index is set up, and no other place for packages is named",
    "could not be queried": "the index refuses access: its credentials are missing or wrong",
    "401 Unauthorized": "the index refuses access: its credentials are missing or wrong",
    "403 Forbidden": "the index refuses access: its credentials are missing or wrong",
    "Failed to read `--find-links`": "a place for packages that is set up (find-links) cannot be read",
    "metadata could not be": "what the index says of a package cannot be read",
    "could not be parsed": "what the index says of a package cannot be read",
}
_CONNECTION = {
    "dns error": "its name cannot be resolved",
    "invalid peer certificate": "its certificate is not trusted",
    "onnection refused": "nothing answers there",
    "deadline has elapsed": "it does not answer",
    "timed out": "it does not answer in time",
    "401 ": "it wants other credentials",
    "403 ": "it refuses access",
    "HTTP status server error": "it fails",
}
_FETCH = re.compile(r"Failed to fetch: `?(https?://[^\s`]+)")


def diagnose(output: str, lines: Sequence[Requirement], python: str) -> Diagnosis:
    """Read what uv wrote on failing to resolve `lines` for `python` ("3.10.8"): the verdict, and the reason in words.

    The verdict is UNKNOWN unless the output says that there is no solution, and that the index was asked.
    """
    for words, reason in _OUT_OF_REACH.items():
        if words in output:
            return _unknown(reason)
    if "No solution found when resolving" not in output:
        return _unknown(_failure(output))
    said = re.sub(r"\{[^}]*\}", "", " ".join(output.partition("hint:")[0].split()))[:_MOST_READ]
    return (
        _missing_package(said, output, lines, python, itself=True)
        or _conflict(said, lines)
        or _missing_package(said, output, lines, python, itself=False)
        or _conflict_over_dependency(said, lines)
        or _several_lines(said, lines)
    )


def displayed_output(output: str) -> str:
    """Return the resolver's own text as it may be shown: no secret, 4,000 characters at most."""
    text = redact(output).strip()
    return text if len(text) <= _MOST_SHOWN else text[: _MOST_SHOWN - 1] + "…"


def _unknown(reason: str) -> Diagnosis:
    return Diagnosis(Verdict.INCONCLUSIVE, Cause.OTHER, reason)


def _failure(output: str) -> str:
    if fetch := _FETCH.search(output):
        why = next((words for sign, words in _CONNECTION.items() if sign in output), "the request failed")
        return f"the index at {_host(fetch[1])} cannot be asked: {why}"
    first = next((line for line in output.splitlines() if line.startswith("error:")), "")
    return f"the resolver failed: {redact(first.removeprefix('error:').strip())[:200]}" if first else "it ended early"


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or "its address"
    except ValueError:
        return "its address"


# ── what is not to be had ──────────────────────────────────────────────────────────────────────────────────────


def _missing_package(
    said: str, output: str, lines: Sequence[Requirement], python: str, *, itself: bool
) -> Diagnosis | None:
    """Explain by a package, a version or a wheel that the index does not have, or None.

    `itself` is whether a line must ask for exactly this; else it may come with a line.
    """
    for cause, pattern in _NO_WHEEL:
        for found in re.finditer(pattern, said):
            term = found["term"]
            if not itself or _is_pinned(term, lines):
                lacking = _missing_dependency(cause, term, _missing_reason(cause, found, output, python), said, lines)
                return replace(lacking, may_have_sdists="no usable wheels" in found[0])
    return None


def _missing_reason(cause: Cause, found: re.Match[str], output: str, python: str) -> str:
    if cause is Cause.PYTHON:
        return f"that needs Python {found['python']}, and here it is {python}"
    if cause is Cause.NO_WHEEL:
        return f"there is no wheel for Python {python} on {PLATFORM}{_other_index_hint(found['term'], output)}"
    return f"the index has {cause.value}"


def _is_pinned(term: str, lines: Sequence[Requirement]) -> bool:
    bounds = SpecifierSet(re.sub(rf"^{_NAME}(\[[^\]]*\])?", "", term))
    return any(SpecifierSet(line.specifier) == bounds for line in _lines_for(term, lines))


def _missing_dependency(cause: Cause, term: str, why: str, said: str, lines: Sequence[Requirement]) -> Diagnosis:
    """Explain the lack of `term` by the lines that lead to it."""
    name, facts = _name(term), _dependency_facts(said)
    direct = _lines_for(term, lines)
    wanting = [(left, right) for left, right in facts if _name(right) == name and _requiring_lines(left, facts, lines)]
    if wanting and not (direct and direct[0].specifier):
        left, right = next((fact for fact in reversed(wanting) if _lines_for(fact[0], lines)), wanting[-1])
        culprits = _requiring_lines(left, facts, lines)
        reason = f"{_cite(culprits)} needs {right}{_path_to(left, culprits)}: {why}"
        return Diagnosis(Verdict.CONFLICT, cause, reason, culprits, name)
    culprits = direct or _mentioned(said, lines)
    place = _cite(direct) if direct else f"{term}, to which {_cite(culprits)} leads"
    return Diagnosis(Verdict.CONFLICT, cause, f"{place}: {why}", culprits, name)


def _other_index_hint(term: str, output: str) -> str:
    systems = {"linux": "Linux", "macosx": "macOS", "win32": "32-bit Windows"}
    for name, platforms in _ONLY_ON.findall(output):
        found = [words for sign, words in systems.items() if sign in platforms]
        if _name(name) == _name(term) and found:
            return f" (there are some for {' and '.join(found)})"
    return ""


# ── what excludes each other ───────────────────────────────────────────────────────────────────────────────────


def _conflict(said: str, lines: Sequence[Requirement]) -> Diagnosis | None:
    """Explain by a line that excludes itself, or by one that needs of another what that does not allow, or None."""
    if found := _EXCLUDES_ITSELF.search(said):
        culprits = _lines_for(found[1], lines)
        return Diagnosis(
            Verdict.CONFLICT, Cause.OTHER, f"{_cite(culprits)}: its comparisons exclude each other", culprits
        )
    facts = [(left, right) for left, right in _dependency_facts(said) if _lines_for(left, lines)]
    for left, right in reversed(facts):
        wanted = _lines_for(right, lines)
        if any(line.specifier for line in wanted) and _name(left) != _name(right):
            needing = _lines_for(left, lines)
            reason = f"{_cite(wanted)} clashes with {_cite(needing)}, which needs {right}"
            return _excluding(reason, _in_order([*wanted, *needing]))
    return None


def _conflict_over_dependency(said: str, lines: Sequence[Requirement]) -> Diagnosis | None:
    """Explain by two lines that lead to different versions of one package, or None."""
    facts = _dependency_facts(said)
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
    """Return the line that asks for a term, or that leads to it over others."""
    names = [_name(term)]
    for name in names:  # grows
        if found := _lines_for(name, lines):
            return found
        names += [_name(left) for left, right in facts if _name(right) == name and _name(left) not in names]
    return ()


def _path_to(term: str, lines: Sequence[Requirement]) -> str:
    return "" if _lines_for(term, lines) else f" (through {_name(term)})"


def _several_lines(said: str, lines: Sequence[Requirement]) -> Diagnosis:
    culprits = _mentioned(said, lines) or tuple(lines)
    return Diagnosis(Verdict.CONFLICT, Cause.OTHER, _conflict_reason(culprits), culprits)


def _excluding(reason: str, culprits: tuple[Requirement, ...]) -> Diagnosis:
    return Diagnosis(Verdict.CONFLICT, Cause.CONFLICT, reason, culprits)


def _conflict_reason(lines: Sequence[Requirement]) -> str:
    return f"{_cite(lines)} cannot be had together" if len(lines) > 1 else f"{_cite(lines)} cannot be had"


# ── words ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _dependency_facts(said: str) -> list[tuple[str, str]]:
    """Return who needs what, as (term, terms), in the order it was said."""
    return [(left, _alternatives(right)) for left, right in _DEPENDS.findall(said) if _name(right) != "python"]


def _alternatives(terms: str) -> str:
    return " or ".join(terms.removeprefix("one of: ").split())


def _name(term: str) -> str:
    """Return the normalised name at the start of a term such as "dask[complete]>=2"."""
    found = re.match(_NAME, term)
    return str(canonicalize_name(found[0])) if found else ""


def _lines_for(term: str, lines: Sequence[Requirement]) -> tuple[Requirement, ...]:
    return tuple(line for line in lines if line.name == _name(term))


def _mentioned(said: str, lines: Sequence[Requirement]) -> tuple[Requirement, ...]:
    names = {canonicalize_name(word) for word in re.findall(_NAME, said)}
    return tuple(line for line in lines if line.name in names)


def _in_order(lines: Iterable[Requirement]) -> tuple[Requirement, ...]:
    return tuple(sorted(set(lines), key=lambda line: line.line))


def _cite(lines: Sequence[Requirement]) -> str:
    """Return the lines for a sentence: at most four, each with its number."""
    cited = [f"{_line_label(line)} {line.text.partition(';')[0]}" for line in lines[:4]]
    more = [f"{len(lines) - 4} more"] if len(lines) > 4 else []
    return " and ".join([*cited, *more]) or "the text"


def _line_label(line: Requirement) -> str:
    """Return where a line stands: those of the base have no number (0)."""
    return f"line {line.line}" if line.line else "the base's"
