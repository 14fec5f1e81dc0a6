"""Card of a cell that was not sent because of its input, with the corrected text; and notes on a changed text."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import uuid4

from kusto_magic.display.bundle import Bundle, bundle_of, escaped
from kusto_magic.display.card import Card
from kusto_magic.display_text import DisplayText, visible_line
from kusto_magic.errors import InvalidInputError
from kusto_magic.hints import HintTable
from kusto_magic.models.action import Action
from kusto_magic.models.build_state import BuildState


def input_card(error: InvalidInputError, image: str, base: str, hints: HintTable) -> Bundle:
    """Return the card of an image that was not sent; `base` is its base image or Python version."""
    now = datetime.now(UTC)
    card = Card(
        id=uuid4().hex,
        image=image,
        cluster="",
        emulator=False,
        action=Action.BUILD,
        state=BuildState.NOT_SUBMITTED,
        ended=True,
        base=base,
        requirements="",
        started_at=now,
        as_of=now,
        last_response_at=None,
        seconds=0,
        estimate="",
        error=tuple(error.problem_lines(hints)),
        hint=error.hint,
        note="",
        start_known=False,
        correction=error.correction,
    )
    return card.bundle(hints)


def notes(lines: Sequence[str]) -> Bundle:
    """Return notes on how the requirements that are used differ from what was written."""
    head = "Notes on the requirements:"
    shown = [visible_line(line) for line in lines]
    items = "".join(f"<li>{escaped(line)}</li>" for line in shown)
    html = f"<p>{escaped(visible_line(head))}</p><ul>{items}</ul>"
    return bundle_of(html, DisplayText("\n".join([head, *(f"  {line}" for line in shown)])))
