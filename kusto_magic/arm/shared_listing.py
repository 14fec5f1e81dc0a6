"""One list of a cluster's images answers for all builds that are followed there.

ARM's budget is one for a whole subscription (`budget`), and each build asks for itself at its own pace (`schedule`).
Where several are followed on one cluster, each takes the list that another one has just got.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from kusto_magic.clock import Clock
from kusto_magic.errors import KustoImageError
from kusto_magic.models.image import Image

MIN_SUBSCRIBERS = 2
"""So many builds on one cluster make the list worth it."""

MAX_AGE = 0.5
"""How old a list may be, as a share of the time for which its reader has waited."""

MAX_WAIT = 10.0
"""Seconds after which a list that does not come is given up: it holds up all builds of the cluster."""

RETRY_INTERVAL = 300.0
"""Seconds for which no list is asked for after one could not be had: each build asks for itself."""


class ImageListCache:
    """The lists of one cluster. `ask` gets one. To be used on one event loop."""

    def __init__(self, clock: Clock, ask: Callable[[], Awaitable[Sequence[Image]]]) -> None:
        self._clock = clock
        self._list = ask
        self._lock = asyncio.Lock()
        self._subscribers = 0
        self._images: Mapping[str, Image] = {}
        self._listed_at = float("-inf")
        self._not_before = float("-inf")

    @contextmanager
    def subscribe(self) -> Iterator[None]:
        """Count as one of those that may share a list."""
        self._subscribers += 1
        try:
            yield
        finally:
            self._subscribers -= 1

    async def get(self, name: str, waited: float) -> Image | None:
        """Return an image as a list shows it, for one that has waited so many seconds; None where it must ask itself.

        It must where there is nobody to share with, where the list cannot be had, and where the image is not in it.
        """
        async with self._lock:
            now = self._clock.monotonic()
            if self._subscribers < MIN_SUBSCRIBERS or now < self._not_before:
                return None
            if now - self._listed_at > MAX_AGE * waited:
                await self._get()
            return self._images.get(name.lower())

    async def _get(self) -> None:
        try:
            async with asyncio.timeout(MAX_WAIT):
                self._images = {image.name.lower(): image for image in await self._list()}
        except (KustoImageError, TimeoutError):
            self._images, self._not_before = {}, self._clock.monotonic() + RETRY_INTERVAL
        self._listed_at = self._clock.monotonic()
