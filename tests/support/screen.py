"""A front end that keeps what is published."""

from __future__ import annotations

import threading
from typing import Any


class Screen:
    """IPython's display publisher, as far as cards use it; `ended` is set by a record that says so."""

    def __init__(self) -> None:
        self.shown: list[tuple[dict[str, Any], dict[str, Any]]] = []
        self.ended = threading.Event()

    def publish(self, data: dict[str, Any], metadata: dict[str, Any] | None = None, **more: Any) -> None:
        self.shown.append((data, {**more, "metadata": metadata}))
        records = [record for kind, record in data.items() if kind.startswith("application/vnd.kusto-image.")]
        if any(record["ended"] for record in records):
            self.ended.set()
