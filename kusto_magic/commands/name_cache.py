"""Names of images and clusters that completion offers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass


class NameCache:
    """The names that are known now. Any thread may set them: each is replaced as a whole."""

    def __init__(self) -> None:
        self.images: tuple[str, ...] = ()
        self.clusters: tuple[str, ...] = ()
        self.refreshed_at: float | None = None

    def clear(self) -> None:
        """Forget everything: another cluster is meant now."""
        self.images, self.clusters, self.refreshed_at = (), (), None
