"""What could be written instead of a text that does not fit: a version that would fit, a name, another Python.

Versions and Pythons are tried, not guessed: each is asked of the same resolver. Names come from what is known here (the
packages of the managed images, those installed on this machine, modules that are named otherwise than their package);
nobody is asked.
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

from kusto_magic.models import managed_packages as managed
from kusto_magic.models.managed_images import MANAGED_IMAGES
from kusto_magic.preflight.diagnosis import Cause, Diagnosis
from kusto_magic.requirements.parser import Requirement

Pins = dict[str, str]
"""Normalised name → version."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A text to try: its package lines, the Python version, and whether its own packages shall be the oldest."""

    lines: tuple[str, ...]
    python: str
    lowest: bool = False


Attempt = Callable[[Candidate], Coroutine[Any, Any, Pins | None]]
"""Resolve a trial: every package with its version, or None when it does not fit or there is no time left."""

BUILD_HINT = "whether the service builds a package from its sources is not known; --no-check sends the text as it is"

PACKAGE_OF_MODULE = {
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "crypto": "pycryptodome",
    "cv2": "opencv-python-headless",
    "dateutil": "python-dateutil",
    "dotenv": "python-dotenv",
    "faiss": "faiss-cpu",
    "faiss-gpu": "faiss-cpu",
    "fitz": "pymupdf",
    "geohash": "python-geohash",
    "git": "gitpython",
    "google-protobuf": "protobuf",
    "jose": "python-jose",
    "jwt": "pyjwt",
    "kusto": "azure-kusto-data",
    "magic": "python-magic",
    "mysqldb": "mysqlclient",
    "opencv": "opencv-python-headless",
    "pil": "pillow",
    "psycopg2": "psycopg2-binary",
    "pytorch": "torch",
    "serial": "pyserial",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "slugify": "python-slugify",
    "tensorflow-gpu": "tensorflow",
    "usb": "pyusb",
    "win32com": "pywin32",
    "yaml": "pyyaml",
    "zmq": "pyzmq",
}
"""Modules, and old or half names, whose package is called otherwise (both normalised)."""


async def suggest(
    explanation: Diagnosis, lines: Sequence[Requirement], python: str, attempt: Attempt, timeout: float
) -> tuple[str, ...]:
    """Return what could be written instead, one sentence each; what is found within `limit` seconds.

    `lines` are the package lines that apply, `python` is the version they were asked for.
    """
    ways: list[Coroutine[Any, Any, list[str]]] = []
    if explanation.cause in {Cause.NOT_FOUND, Cause.NO_WHEEL}:
        ways.append(asyncio.to_thread(_other_names, explanation))
    if explanation.cause in {Cause.CONFLICT, Cause.NO_VERSION, Cause.NO_WHEEL, Cause.PYTHON}:
        ways += [
            _nearest_version(culprit, lines, python, attempt) for culprit in explanation.culprits[:2] if culprit.line
        ]
    if explanation.cause in {Cause.NO_WHEEL, Cause.PYTHON}:
        ways.append(_other_pythons(lines, python, attempt))
    found = [sentence for sentences in await _gather_within(ways, timeout) for sentence in sentences]
    return (*found, *([BUILD_HINT] if explanation.may_have_sdists else []))


async def _gather_within(ways: Sequence[Coroutine[Any, Any, list[str]]], timeout: float) -> list[list[str]]:
    """Go all ways at once; return in their order what came of those that ended well in time."""
    tasks = [asyncio.ensure_future(way) for way in ways]
    try:
        if tasks:
            await asyncio.wait(tasks, timeout=timeout)
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    return [found for found in ended if not isinstance(found, BaseException)]


# ── names ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _other_names(explanation: Diagnosis) -> list[str]:
    name = explanation.subject
    likely = corrected_name(name) if explanation.cause is Cause.NOT_FOUND else PACKAGE_OF_MODULE.get(name, "")
    where = f"line {explanation.culprits[0].line}: " if explanation.culprits else ""
    return [f"{where}perhaps {likely} is meant"] if likely and likely != name else []


def corrected_name(name: str) -> str:
    """Return the package that is probably meant by a name no index knows (normalised), or ""."""
    if name in PACKAGE_OF_MODULE:
        return PACKAGE_OF_MODULE[name]
    known = {
        package for image in MANAGED_IMAGES if image not in managed.MODULE_LISTS for package in managed.packages(image)
    }
    known |= {*PACKAGE_OF_MODULE.values(), *_installed()}
    close = get_close_matches(name, known, n=1, cutoff=0.8)
    return close[0] if close else ""


def _installed() -> set[str]:
    names = (distribution.metadata["Name"] for distribution in metadata.distributions())
    return {str(canonicalize_name(name)) for name in names if name}


# ── versions ───────────────────────────────────────────────────────────────────────────────────────────────────


async def _nearest_version(
    culprit: Requirement, lines: Sequence[Requirement], python: str, attempt: Attempt
) -> list[str]:
    """Return the version nearest to what a line asks with which the whole text would fit."""
    bounds = _bounds(culprit.specifier)
    if not bounds:
        return []
    async with asyncio.TaskGroup() as group:
        below = group.create_task(
            attempt(Candidate(_replace_specifier(lines, culprit, f"<{bounds[0].public}"), python))
        )
        above = group.create_task(_lowest_above(culprit, bounds[-1].public, lines, python, attempt))
    found = (below.result(), above.result())
    versions = [pins[culprit.name] for pins in found if pins is not None and culprit.name in pins]
    nearest = min(versions, key=lambda version: _distance(version, bounds), default="")
    return [f"line {culprit.line}: {culprit.name}=={nearest} would fit"] if nearest else []


async def _lowest_above(
    culprit: Requirement, bound: str, lines: Sequence[Requirement], python: str, attempt: Attempt
) -> Pins | None:
    """Resolve with a line's package above a version; then once more, as low as the other lines' packages let it be."""
    free = await attempt(Candidate(_replace_specifier(lines, culprit, f">{bound}"), python))
    if free is None:
        return None
    held = [replace(line, specifier=f"=={free[line.name]}") if line.name in free else line for line in lines]
    own = next(line for line, other in zip(held, lines, strict=True) if other == culprit)
    return await attempt(Candidate(_replace_specifier(held, own, f">{bound}"), python, lowest=True)) or free


def _replace_specifier(lines: Sequence[Requirement], changed: Requirement, specifier: str) -> tuple[str, ...]:
    """Return the lines as they are asked, one of them with another specifier."""
    return tuple((replace(line, specifier=specifier) if line == changed else line).spec for line in lines)


def _bounds(specifier: str) -> list[Version]:
    """Return the versions that a specifier set names, in order."""
    versions = []
    for one in SpecifierSet(specifier):
        try:
            versions.append(Version(one.version.removesuffix(".*")))
        except InvalidVersion:
            continue
    return sorted(versions)


def _distance(version: str, bounds: Sequence[Version]) -> tuple[int, int]:
    """Return how far a version is from what was asked: the first number that differs counts most."""
    found = Version(version).release
    asked = bounds[0].release if Version(version) < bounds[0] else bounds[-1].release
    length = max(len(found), len(asked))
    pairs = zip(found + (0,) * (length - len(found)), asked + (0,) * (length - len(asked)), strict=True)
    for place, (one, other) in enumerate(pairs):
        if one != other:
            return -place, abs(one - other)
    return -length, 0


# ── other Pythons ──────────────────────────────────────────────────────────────────────────────────────────────


async def _other_pythons(lines: Sequence[Requirement], python: str, attempt: Attempt) -> list[str]:
    """Return on which other managed image's Python the text fits as it stands: the first one, the newest first."""
    tried = {_minor(python)}
    for image in MANAGED_IMAGES.values():
        if _minor(image.python) not in tried and image.name not in managed.MODULE_LISTS:
            tried.add(_minor(image.python))
            if await attempt(Candidate(tuple(line.spec for line in lines), image.python)) is not None:
                return [f"it fits Python {image.python} as it stands (--base {image.name})"]
    return []


def _minor(python: str) -> str:
    return python.rpartition(".")[0]
