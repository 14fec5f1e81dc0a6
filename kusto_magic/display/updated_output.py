"""An output of a cell that shows one bundle after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

from kusto_magic.display.bundle import Bundle


def updated_output(publish: Callable[..., Any]) -> Callable[[Bundle], None]:
    """Return a function that shows a bundle in place of the previous one; `publish` is that of IPython's publisher."""
    display_id = uuid4().hex
    shown: list[Bundle] = []

    def show(data: Bundle) -> None:
        # An update needs an existing output.
        publish(data, {}, transient={"display_id": display_id}, update=bool(shown))
        shown.append(data)

    return show


def first_only(show: Callable[[Bundle], None]) -> Callable[[Bundle], None]:
    """Return a function that shows only the first bundle: a terminal cannot replace it."""
    shown: list[Bundle] = []

    def show_first(data: Bundle) -> None:
        if not shown:
            show(data)
        shown.append(data)

    return show_first
