"""A display publisher that stores what is published."""

from __future__ import annotations

import threading
from typing import Any


class RecordingPublisher:
    """IPython's display publisher as used by cards; `ended` is set when a record has ended."""

    def __init__(self) -> None:
        self.shown: list[tuple[dict[str, Any], dict[str, Any]]] = []
        self.ended = threading.Event()

    def publish(self, data: dict[str, Any], metadata: dict[str, Any] | None = None, **more: Any) -> None:
        self.shown.append((data, {**more, "metadata": metadata}))
        records = [record for kind, record in data.items() if kind.startswith("application/vnd.kusto-image.")]
        if any(record["ended"] for record in records):
            self.ended.set()

    def is_one_output(self) -> bool:
        """Return whether everything published is one output and its updates, with its ID also in the metadata."""
        ids = {more["transient"]["display_id"] for _, more in self.shown}
        ids |= {more["metadata"]["kusto_image"]["display_id"] for _, more in self.shown}
        updates = [more["update"] for _, more in self.shown]
        return len(ids) == 1 and updates == [False, *[True] * (len(updates) - 1)]
