"""Cache of image and cluster names for completion."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass


class NameCache:
    """Names of the images and clusters seen last.

    No lock is needed, although a background thread updates it: each attribute is replaced as a whole.
    """

    def __init__(self) -> None:
        self.images: tuple[str, ...] = ()
        self.clusters: tuple[str, ...] = ()
        self.refreshed_at: float | None = None

    def clear(self) -> None:
        """Remove all names, because another cluster was chosen."""
        self.images, self.clusters, self.refreshed_at = (), (), None
