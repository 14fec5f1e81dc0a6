"""Regular expressions of the package, and texts on which a backtracking engine takes longest for each of them."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
from types import ModuleType
from typing import Any

import kusto_magic

_parser: Any = importlib.import_module("re._parser")  # the standard library's own parser of patterns
_REPEATS = (_parser.MAX_REPEAT, _parser.MIN_REPEAT, _parser.POSSESSIVE_REPEAT)
_CATEGORIES = {
    _parser.CATEGORY_DIGIT: "1",
    _parser.CATEGORY_NOT_DIGIT: "a",
    _parser.CATEGORY_SPACE: " ",
    _parser.CATEGORY_NOT_SPACE: "a",
    _parser.CATEGORY_WORD: "a",
    _parser.CATEGORY_NOT_WORD: "-",
}
_ANYTHING = "a1- ./:=<\\\"'\n"
_SUFFIXES = ("", "\0", "\n!")
SCREENING_SIZE = 500
"""Length of the texts among which the worst are found."""

SIZES = (4_096, 65_536, 1_048_576)
"""Lengths for which the time is compared: each is 16 times the one before."""

MAX_GROWTH = 64
"""Maximum factor of the time from one length to the next: it is 16 for linear, 256 for quadratic patterns."""

MIN_SECONDS = 0.0005
"""Seconds below which a measurement is noise."""

SECONDS_PER_CHARACTER = 1e-6
"""Time that is always allowed: a linear pattern needs a tenth of it, a quadratic one exceeds it at 65,536 characters.

A pattern that is linear may still grow by more than MAX_GROWTH, where its memory no longer fits into the caches.
"""


@dataclass(frozen=True)
class Used:
    """A compiled pattern at module level, and the methods that its module calls."""

    where: str
    pattern: re.Pattern[str]
    methods: frozenset[str]

    def apply(self, text: str) -> None:
        """Apply all methods to a text; `finditer` finds what `search`, `sub` and `split` find."""
        if self.methods - {"match", "fullmatch"}:
            for _ in self.pattern.finditer(text):
                pass
        if "match" in self.methods:
            self.pattern.match(text)
        if "fullmatch" in self.methods:
            self.pattern.fullmatch(text)


def modules() -> Iterator[ModuleType]:
    """Import all modules of the package."""
    for found in pkgutil.walk_packages(kusto_magic.__path__, "kusto_magic."):
        if not found.name.endswith("__main__"):
            yield importlib.import_module(found.name)


def patterns() -> list[Used]:
    """Return every pattern that is a module-level value, or is contained in one."""
    return [
        Used(f"{module.__name__.removeprefix('kusto_magic.')}.{name}{place}", pattern, methods)
        for module in modules()
        for name, value in vars(module).items()
        if not name.startswith("__")
        for place, pattern in _patterns_in(value)
        if (methods := _methods(module, name if not place else ""))
    ]


def _patterns_in(value: object, place: str = "") -> Iterator[tuple[str, re.Pattern[str]]]:
    if isinstance(value, re.Pattern):
        yield place, value
    elif isinstance(value, Mapping):
        yield from (found for key, item in value.items() for found in _patterns_in(item, f"{place}[{key!r}]"))
    elif isinstance(value, tuple | list | frozenset | set):
        yield from (found for i, item in enumerate(value) for found in _patterns_in(item, f"{place}[{i}]"))


def _methods(module: ModuleType, name: str) -> frozenset[str]:
    """Return the methods that a module calls on a pattern; of one without a name, all that may be called."""
    if not name:
        return frozenset({"search", "fullmatch"})
    return frozenset(method for owner, method in _attributes(str(module.__file__)) if owner == name)


@cache
def _attributes(path: str) -> frozenset[tuple[str, str]]:
    """Return the names in a module whose attributes it uses, with each attribute."""
    return frozenset(
        (node.value.id, node.attr)
        for node in ast.walk(ast.parse(Path(path).read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    )


# ── texts ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def attacks(pattern: re.Pattern[str]) -> set[tuple[str, str, str]]:
    """Return (start, repeated, end) of texts: everything that the pattern can repeat, and pairs of its characters."""
    tree = _parser.parse(pattern.pattern, pattern.flags)
    characters = sorted(set(_characters(tree)))[:24]
    repeated = {"".join(pair) for pair in product(characters, repeat=2)} | set(characters)
    found = {("", one) for one in repeated}
    for before, samples in _repeats(tree, ""):
        for sample in samples:
            found |= {(before, sample), ("", before + sample)}
    return {(start, one, end) for start, one in found if one for end in _SUFFIXES}


def _items(argument: object) -> Iterator[Any]:
    """Return the patterns directly inside the argument of a node."""
    if isinstance(argument, _parser.SubPattern):
        yield argument
    elif isinstance(argument, tuple | list):
        yield from (found for one in argument for found in _items(one))


def _characters(tree: Any) -> Iterator[str]:
    for operation, argument in tree:
        if operation in (_parser.LITERAL, _parser.NOT_LITERAL):
            yield chr(argument)
        elif operation is _parser.ANY:
            yield from "a\n"
        elif operation is _parser.IN:
            yield from _members(argument)
        else:
            yield from (char for item in _items(argument) for char in _characters(item))


def _members(members: Iterable[tuple[Any, Any]]) -> list[str]:
    """Return some characters of a class."""
    single = [chr(value) for kind, value in members if kind is _parser.LITERAL]
    single += [chr(value[0]) for kind, value in members if kind is _parser.RANGE]
    single += [_CATEGORIES[value] for kind, value in members if kind is _parser.CATEGORY]
    if any(kind is _parser.NEGATE for kind, _ in members):
        return [char for char in _ANYTHING if char not in single]
    return single


def _repeats(tree: Any, before: str) -> Iterator[tuple[str, list[str]]]:
    """Yield what precedes each repetition of a pattern, and samples of what it repeats."""
    for operation, argument in tree:
        if operation in _REPEATS:
            yield before, [_sample(argument[2]), *set(_characters(argument[2]))]
        yield from (found for item in _items(argument) for found in _repeats(item, before))
        before += _sample([(operation, argument)])


def _sample(tree: Any) -> str:
    """Return a short text that a pattern matches, apart from its assertions."""
    text = ""
    for operation, argument in tree:
        if operation is _parser.LITERAL:
            text += chr(argument)
        elif operation is _parser.IN:
            text += _members(argument)[0]
        elif operation in (_parser.ANY, _parser.NOT_LITERAL):
            text += "a"
        elif operation in _REPEATS:
            text += _sample(argument[2]) * max(1, min(argument[0], 50))
        elif operation not in (_parser.ASSERT, _parser.ASSERT_NOT):
            text += next((_sample(item) for item in _items(argument)), "")
    return text


# ── times ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def worst_growth(
    apply: Callable[[str], object], texts: Iterable[tuple[str, str, str]], sizes: Sequence[int] = SIZES
) -> str:
    """Return the text for which the time of `apply` grows faster than its length, described, or ""."""
    slowest = sorted(texts, key=lambda text: _seconds(apply, _build(text, SCREENING_SIZE)), reverse=True)[:3]
    return next((found for text in slowest if (found := _growth(apply, text, sizes))), "")


def _growth(apply: Callable[[str], object], text: tuple[str, str, str], sizes: Sequence[int]) -> str:
    previous = MIN_SECONDS  # allows the shortest text MAX_GROWTH times as many
    for size in sizes:
        whole = _build(text, size)
        limit = max(MAX_GROWTH * max(previous, MIN_SECONDS), len(whole) * SECONDS_PER_CHARACTER)
        # Another measurement is made only if one is too long: a busy machine can delay one, but hardly three.
        for _ in range(3):
            seconds = _seconds(apply, whole)
            if seconds <= limit:
                break
        else:
            return f"{text}: {seconds:.4f} s for {size:,} characters, {previous:.4f} s for a 16th of them"
        previous = seconds
    return ""


def _build(text: tuple[str, str, str], size: int) -> str:
    start, repeated, end = text
    return start + repeated * (size // len(repeated)) + end


def _seconds(apply: Callable[[str], object], text: str) -> float:
    started = time.thread_time()
    apply(text)
    return time.thread_time() - started
