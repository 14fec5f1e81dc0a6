"""A rewritten line, and the functions that the modules of the formats share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from packaging.requirements import InvalidRequirement
from packaging.requirements import Requirement as Pep508
from packaging.version import InvalidVersion, Version

from kusto_magic.hints import Hint


@dataclass(frozen=True, slots=True)
class Rewrite:
    """What replaces a line: `lines`, () to delete it, and `reason`, a phrase without a final period.

    `is_lossless` is whether the same packages and versions are meant afterwards. `hint` is what can be done instead.
    """

    lines: tuple[str, ...]
    reason: str
    is_lossless: bool = False
    hint: Hint | None = None


Step = Callable[[str], Rewrite | None]
"""A function that rewrites a line without its comment, or returns None if the line is none of its kind."""

FileFormat = Callable[[list[str]], dict[int, Rewrite] | None]
"""A function that rewrites the lines of a whole file, by index, or returns None if the file is none of its kind."""


def parsed(line: str) -> Pep508 | None:
    """Return a package line, or None if it is none; an address counts as none."""
    try:
        found = Pep508(line)
    except InvalidRequirement:
        return None
    return None if found.url else found


def is_version(text: str) -> bool:
    """Return whether `text` is a version (PEP 440)."""
    try:
        Version(text)
    except InvalidVersion:
        return False
    return True


def pin(name: str, version: str) -> str:
    """Return the line for exactly this version, or for any if it is not known."""
    return f"{name}=={version}" if version else name


def deleted(reason: str, *, is_lossless: bool = False) -> Rewrite:
    """Return a deletion."""
    return Rewrite((), reason, is_lossless)
