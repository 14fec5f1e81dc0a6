"""A requirements text: its packages, and what is wrong with it, line by line."""

from __future__ import annotations

from dataclasses import dataclass

from kusto_magic.errors import InvalidInput, Problem


@dataclass(frozen=True, slots=True)
class Requirement:
    """One package line: `line` is where it stands, counted from 1; `text` is `name[extras]specifier; marker`.

    `name` is normalised (PEP 503).
    """

    line: int
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Requirements:
    """A text that passed every check: its packages in order, and its index options as (option, URL) pairs."""

    packages: tuple[Requirement, ...]
    index_options: tuple[tuple[str, str], ...] = ()


def parse(text: str, *, allow_index_options: bool = False) -> Requirements:
    """Read a requirements text. Raises InvalidInput with every problem and its line."""
    found = problems(text, allow_index_options=allow_index_options)
    if found:
        raise InvalidInput(found)
    return Requirements(())


def problems(text: str, *, allow_index_options: bool = False) -> list[Problem]:
    """Return everything that is wrong with a requirements text, in the order of its lines."""
    return []
