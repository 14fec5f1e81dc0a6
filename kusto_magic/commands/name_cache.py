"""Cache of image and cluster names for completion."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any


class NameCache:
    """Names of the images and clusters seen last.

    `listing` is the last request for the names of the images, if there was one. No lock is needed, although a
    background thread updates the names: each attribute is replaced as a whole.
    """

    def __init__(self) -> None:
        self.images: tuple[str, ...] = ()
        self.clusters: tuple[str, ...] = ()
        self.refreshed_at: float | None = None
        self.listing: Future[Any] | None = None

    def clear(self) -> None:
        """Remove all names, because another cluster was chosen."""
        self.images, self.clusters, self.refreshed_at = (), (), None
