"""A logical line of a text, and what becomes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kusto_magic.redaction import HIDDEN
from kusto_magic.requirements.correction import LineChange
from kusto_magic.requirements.formats.rewrite import Rewrite


@dataclass(frozen=True, slots=True)
class Piece:
    """A logical line of the original text, and what becomes of it.

    `line` is the number of its first physical line, `raw` its text with line breaks as newlines; `rewrite` has the
    lines that replace it, with its comment, or is None.
    """

    line: int
    raw: str
    rewrite: Rewrite | None = None
    is_secret: bool = False

    @property
    def is_applied(self) -> bool:
        """Whether it is rewritten without asking."""
        return self.rewrite is not None and self.rewrite.is_lossless

    def lines(self, *, proposed: bool) -> Sequence[str]:
        """Return its lines after the lossless rewrites, or after the `proposed` ones too."""
        if self.rewrite is None or not (proposed or self.rewrite.is_lossless):
            return self.raw.split("\n")
        return self.rewrite.lines

    def change(self) -> LineChange:
        """Return the rewrite as a change."""
        assert self.rewrite is not None  # noqa: S101 - callers filter
        before = HIDDEN if self.is_secret else self.raw
        return LineChange(self.line, before, "\n".join(self.rewrite.lines), self.rewrite.reason)
