"""Packages that are named on several lines: equal lines are deleted, others are merged if one version can meet both."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from packaging.requirements import Requirement as Pep508
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from kusto_magic.requirements.formats.piece import Piece
from kusto_magic.requirements.formats.rewrite import Rewrite, parsed

MAX_COMPARED = 5
"""Maximum number of earlier lines of the same package that a line is compared with."""

MAX_SPECIFIERS = 10
"""Maximum number of version specifiers of a merged line."""

_NAME = re.compile(r"\s*([A-Za-z0-9][\w.-]*)")
_COMMENT = re.compile(r"(?:^|\s)#.*")


def merged(pieces: Iterable[Piece]) -> list[Piece]:
    """Return the pieces without the lines that repeat an earlier one."""
    result: list[Piece] = []
    places: dict[str, list[int]] = {}
    for piece in pieces:
        for text in piece.lines(proposed=True):
            name = _NAME.match(text)
            if not name:
                continue
            earlier = places.setdefault(canonicalize_name(name[1]), [])
            piece = _without_repetition(piece, text, earlier, result) if earlier else piece
            earlier.append(len(result))
        result.append(piece)
    return result


def _without_repetition(piece: Piece, text: str, earlier: list[int], result: list[Piece]) -> Piece:
    new = _package(text)
    if new is None:
        return piece
    for index in list(dict.fromkeys(earlier))[:MAX_COMPARED]:
        if index >= len(result):  # in the same piece: only lines that are equal
            continue
        for other in result[index].lines(proposed=True):
            old = _package(other)
            if old is None or not _is_comparable(old, new):
                continue
            if _is_equal(old, new):
                is_certain = result[index].rewrite is None or result[index].is_applied
                return _without(piece, text, _same_as(piece, new, result[index].line), is_lossless=is_certain)
            if combined := _combined(old, new):
                reason = f"{new.name} is on lines {result[index].line} and {piece.line}; one line for both"
                result[index] = _with_line(result[index], other, str(combined), reason)
                return _without(piece, text, reason, is_lossless=False)
    return piece


def _same_as(piece: Piece, package: Pep508, line: int) -> str:
    is_whole = len(piece.lines(proposed=True)) == 1
    return f"the same as line {line}" if is_whole else f"{package.name} is on line {line} already"


def _package(text: str) -> Pep508 | None:
    return parsed(_COMMENT.sub("", text.replace("\\\n", " ")).strip().removesuffix("\\"))


def _is_comparable(one: Pep508, other: Pep508) -> bool:
    return canonicalize_name(one.name) == canonicalize_name(other.name) and str(one.marker) == str(other.marker)


def _is_equal(one: Pep508, other: Pep508) -> bool:
    return one.extras == other.extras and one.specifier == other.specifier


def _combined(one: Pep508, other: Pep508) -> Pep508 | None:
    """Return a line that means both, or None if no version can meet both."""
    both = one.specifier & other.specifier
    if len(both) > MAX_SPECIFIERS:
        return None
    exact = [part.version for part in both if part.operator == "==" and not part.version.endswith(".*")]
    if any(not both.contains(version, prereleases=True) for version in exact):
        return None
    result = Pep508(str(one))
    result.extras = one.extras | other.extras
    result.specifier = SpecifierSet(f"=={exact[0]}") if exact else both
    return result


def _without(piece: Piece, text: str, reason: str, *, is_lossless: bool) -> Piece:
    lines = list(piece.lines(proposed=True))
    lines.remove(text)
    return _rewritten(piece, tuple(lines), reason, is_lossless)


def _with_line(piece: Piece, old: str, new: str, reason: str) -> Piece:
    return _rewritten(piece, tuple(new if line == old else line for line in piece.lines(proposed=True)), reason, False)


def _rewritten(piece: Piece, lines: tuple[str, ...], reason: str, is_lossless: bool) -> Piece:
    before = piece.rewrite
    if before is not None:
        reasons = [] if is_lossless and not before.is_lossless else [reason]
        old = [before.reason] if is_lossless == before.is_lossless or not before.is_lossless else []
        rewrite = Rewrite(lines, "; ".join([*old, *reasons]), is_lossless and before.is_lossless, before.hint)
    else:
        rewrite = Rewrite(lines, reason, is_lossless)
    return replace(piece, rewrite=rewrite)
