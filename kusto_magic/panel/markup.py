"""HTML of the panel: texts, badges of states, details. All external text is escaped."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from kusto_magic.display.bundle import escaped, isolated
from kusto_magic.display_text import visible, visible_line
from kusto_magic.models.build_state import Outcome

TONES = {
    None: "running",
    Outcome.SUCCEEDED: "success",
    Outcome.FAILED: "error",
    Outcome.REJECTED: "error",
    Outcome.CANCELED: "neutral",
    Outcome.NOT_SUBMITTED: "neutral",
    Outcome.UNKNOWN: "warning",
}
"""Color of each outcome, as in JupyterLab's sidebar; None is in progress."""


def text_html(text: str, kind: str = "", *, role: str = "", title: str = "") -> str:
    """Return text as HTML, in a `pre`, where JupyterLab renders no math; `kind` is a class of the style sheet."""
    classes = " ".join(["kusto-image-text", *(f"kusto-image-{one}" for one in kind.split())])
    attributes = {"class": classes, "role": role, "title": title}
    given = "".join(f' {key}="{escaped(visible_line(value))}"' for key, value in attributes.items() if value)
    return f"<pre{given}>{isolated(visible(text))}</pre>"


def badge(state: str, outcome: Outcome | None) -> str:
    """Return a state as text on a colored ground."""
    return text_html(state, f"badge {TONES[outcome]}") if state else ""


def chip(text: str, title: str = "") -> str:
    """Return a short text in a frame."""
    return text_html(text, "chip", title=title)


def details_html(rows: Iterable[tuple[str, str]]) -> str:
    """Return labels and values as a list, without those that have no value."""
    return "".join(
        f'<div class="kusto-image-detail">{text_html(label, "label")}{text_html(value, "value")}</div>'
        for label, value in rows
        if value
    )


def local_time(moment: datetime) -> str:
    """Return a time in the time zone of this machine: "Nov 24, 2026, 07:47"."""
    local = moment.astimezone()
    return f"{local:%b} {local.day}, {local.year}, {local:%H:%M}"  # %-d is not supported on Windows


def count_text(count: int, noun: str) -> str:
    """Return a number with its noun: "1 image", "3 images"."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def sentence(text: str) -> str:
    """Return a message as the beginning of a sentence."""
    return f"{text[:1].upper()}{text[1:]}"
