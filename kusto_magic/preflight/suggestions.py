"""Suggestions for resolving a conflict: a compatible version, a corrected name, another Python version.

Versions and Python versions are verified with the same resolver. Names come from local data only (the packages of the
managed images, well-known ones, those installed on this machine, modules with a different name than their package); no
requests are sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from importlib import metadata
from typing import Any

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from kusto_magic.models import managed_packages
from kusto_magic.models.managed_images import MANAGED_IMAGES
from kusto_magic.preflight.diagnosis import Cause, Diagnosis
from kusto_magic.preflight.report import Fix, Suggestion
from kusto_magic.requirements.module_names import PACKAGE_OF_MODULE
from kusto_magic.requirements.parser import Requirement
from kusto_magic.requirements.well_known import well_known_packages

Pins = dict[str, str]
"""Versions by normalized package name."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A text to try: its package lines, the Python version, and whether to choose the lowest versions."""

    lines: tuple[str, ...]
    python: str
    lowest: bool = False


Attempt = Callable[[Candidate], Coroutine[Any, Any, Pins | None]]
"""Function that resolves a candidate and returns its pins, or None on a conflict or a timeout."""


def build_suggestion(names: Sequence[str]) -> str:
    """Return the suggestion for packages without a wheel; whether the service builds from source is not documented."""
    return f"the service may be able to build {' and '.join(names)} from source"


async def suggest(
    diagnosis: Diagnosis, lines: Sequence[Requirement], python: str, attempt: Attempt, timeout: float
) -> tuple[Suggestion, ...]:
    """Return the suggestions that are found within `timeout` seconds.

    `lines` are the applicable package lines, `python` is the Python version they were checked for.
    """
    searches: list[Coroutine[Any, Any, Sequence[Suggestion]]] = []
    if diagnosis.cause in {Cause.NOT_FOUND, Cause.NO_WHEEL}:
        searches.append(asyncio.to_thread(_other_names, diagnosis))  # reads the metadata of all installed packages
    if diagnosis.cause in {Cause.CONFLICT, Cause.NO_VERSION, Cause.NO_WHEEL, Cause.PYTHON}:
        searches += [
            _nearest_version(culprit, lines, python, attempt) for culprit in diagnosis.culprits[:2] if culprit.line
        ]
    if diagnosis.cause in {Cause.NO_WHEEL, Cause.PYTHON}:
        searches.append(other_pythons(lines, python, attempt))
    found = [suggestion for suggestions in await _gather_within(searches, timeout) for suggestion in suggestions]
    return (*found, *([build_suggestion([diagnosis.subject])] if diagnosis.may_have_sdists else []))


async def _gather_within(
    searches: Sequence[Coroutine[Any, Any, Sequence[Suggestion]]], timeout: float
) -> list[Sequence[Suggestion]]:
    """Run all searches concurrently; return, in order, the results of those that succeed in time."""
    tasks = [asyncio.ensure_future(search) for search in searches]
    try:
        if tasks:
            await asyncio.wait(tasks, timeout=timeout)
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)  # a canceled search still has to kill its uv
    return [found for found in results if not isinstance(found, BaseException)]


# ── names ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _other_names(diagnosis: Diagnosis) -> list[Suggestion]:
    name = diagnosis.subject
    suggestion = corrected_name(name) if diagnosis.cause is Cause.NOT_FOUND else PACKAGE_OF_MODULE.get(name, "")
    if not suggestion or suggestion == name:
        return []
    question = f"did you mean {suggestion}?"
    if not diagnosis.culprits:
        return [question]  # a dependency, which no line names
    return [with_fix(replace(diagnosis.culprits[0], name=suggestion), question)]


def with_fix(line: Requirement, sentence: str) -> Fix:
    """Return the suggestion to replace a line by `line`, which has the same number."""
    text = f"{line.spec}; {line.marker}" if line.marker else line.spec
    return Fix(line.line, text, f"line {line.line}: {sentence}")


def corrected_name(name: str) -> str:
    """Return the package that is probably meant by an unknown normalized name, or ""."""
    return corrected_names([name])[name]


def corrected_names(names: Sequence[str]) -> dict[str, str]:
    """Return the packages that are probably meant by unknown normalized names ("" for none), by these names."""
    known = set() if PACKAGE_OF_MODULE.keys() >= set(names) else _known_names()
    return {name: PACKAGE_OF_MODULE.get(name) or _closest(name, known) for name in names}


def _closest(name: str, known: set[str]) -> str:
    close = get_close_matches(name, known, n=1, cutoff=0.8)
    return close[0] if close else ""


def _known_names() -> set[str]:
    managed = {
        package
        for image in MANAGED_IMAGES
        if image not in managed_packages.MODULE_LISTS  # its list has modules, which are not packages to install
        for package in managed_packages.packages(image)
    }
    return managed | {*PACKAGE_OF_MODULE.values(), *well_known_packages(), *_installed()}


def _installed() -> set[str]:
    # A damaged installation may have no name.
    names = (distribution.metadata["Name"] for distribution in metadata.distributions())
    return {str(canonicalize_name(name)) for name in names if name}


# ── versions ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def _nearest_version(
    culprit: Requirement, lines: Sequence[Requirement], python: str, attempt: Attempt
) -> list[Fix]:
    """Suggest the version closest to the requested one that makes the whole text compatible."""
    bounds = specifier_bounds(culprit.specifier)
    if not bounds:
        return []
    async with asyncio.TaskGroup() as group:
        below = group.create_task(
            attempt(Candidate(_replace_specifier(lines, culprit, f"<{bounds[0].public}"), python))
        )
        above = group.create_task(_lowest_above(culprit, bounds[-1].public, lines, python, attempt))
    found = (below.result(), above.result())
    versions = [pins[culprit.name] for pins in found if pins is not None and culprit.name in pins]
    nearest = min(versions, key=lambda version: distance(version, bounds), default="")
    if not nearest:
        return []
    return [with_fix(replace(culprit, specifier=f"=={nearest}"), f"{culprit.name}=={nearest} would be compatible")]


async def _lowest_above(
    culprit: Requirement, bound: str, lines: Sequence[Requirement], python: str, attempt: Attempt
) -> Pins | None:
    """Return the pins of the lowest compatible version of a line's package above `bound`, or None."""
    # Two resolutions: the first finds any solution, the second pins the other lines to it and takes the lowest
    # version of this one, because the smallest change is the best suggestion.
    free = await attempt(Candidate(_replace_specifier(lines, culprit, f">{bound}"), python))
    if free is None:
        return None
    pinned = [replace(line, specifier=f"=={free[line.name]}") if line.name in free else line for line in lines]
    own = next(line for line, other in zip(pinned, lines, strict=True) if other == culprit)
    return await attempt(Candidate(_replace_specifier(pinned, own, f">{bound}"), python, lowest=True)) or free


def _replace_specifier(lines: Sequence[Requirement], changed: Requirement, specifier: str) -> tuple[str, ...]:
    """Return the lines as specs, one of them with another specifier."""
    return tuple((replace(line, specifier=specifier) if line == changed else line).spec for line in lines)


def specifier_bounds(specifier: str) -> list[Version]:
    """Return the versions in a specifier set, sorted."""
    versions = []
    for one in SpecifierSet(specifier):
        try:
            versions.append(Version(one.version.removesuffix(".*")))  # "1.2.*" is a pattern, not a version
        except InvalidVersion:
            continue
    return sorted(versions)


def distance(version: str, bounds: Sequence[Version]) -> tuple[int, ...]:
    """Return the distance of a version from the requested ones: the first number that differs counts most."""
    found, is_below = Version(version).release, Version(version) < bounds[0]
    requested = bounds[0].release if is_below else bounds[-1].release
    length = max(len(found), len(requested))
    pairs = list(zip(_filled(found, length), _filled(requested, length), strict=True))
    place = next((place for place, (one, other) in enumerate(pairs) if one != other), length)
    rest = [-one if is_below else one for one, _ in pairs[place + 1 :]]
    return (-place, *(abs(one - other) for one, other in pairs[place : place + 1]), *rest)


def _filled(release: tuple[int, ...], length: int) -> tuple[int, ...]:
    return release + (0,) * (length - len(release))


# ── other Python versions ──────────────────────────────────────────────────────────────────────────────────────────


async def other_pythons(lines: Sequence[Requirement], python: str, attempt: Attempt) -> list[str]:
    """Suggest the first other managed image, newest first, whose Python is compatible with the unchanged text."""
    tried = {_minor(python)}
    for image in MANAGED_IMAGES.values():
        if _minor(image.python) not in tried and image.name not in managed_packages.MODULE_LISTS:
            tried.add(_minor(image.python))
            if await attempt(Candidate(tuple(line.spec for line in lines), image.python)) is not None:
                return [f"compatible with Python {image.python} without changes (base image {image.name})"]
    return []


def _minor(python: str) -> str:
    return python.rpartition(".")[0]
