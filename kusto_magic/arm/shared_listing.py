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

SHARED_FROM = 2
"""So many builds on one cluster make the list worth it."""

FRESH = 0.5
"""How old a list may be, as a share of the time for which its reader has waited."""

PATIENCE = 10.0
"""Seconds after which a list that does not come is given up: it holds up all builds of the cluster."""

PAUSE = 300.0
"""Seconds for which no list is asked for after one could not be had: each build asks for itself."""


class Rounds:
    """The lists of one cluster. `ask` gets one. To be used on one event loop."""

    def __init__(self, clock: Clock, ask: Callable[[], Awaitable[Sequence[Image]]]) -> None:
        self._clock = clock
        self._ask = ask
        self._lock = asyncio.Lock()
        self._followers = 0
        self._images: Mapping[str, Image] = {}
        self._at = float("-inf")
        self._not_before = float("-inf")

    @contextmanager
    def joined(self) -> Iterator[None]:
        """Count as one of those that may share a list."""
        self._followers += 1
        try:
            yield
        finally:
            self._followers -= 1

    async def look(self, name: str, waited: float) -> Image | None:
        """Return an image as a list shows it, for one that has waited so many seconds; None where it must ask itself.

        It must where there is nobody to share with, where the list cannot be had, and where the image is not in it.
        """
        async with self._lock:
            now = self._clock.monotonic()
            if self._followers < SHARED_FROM or now < self._not_before:
                return None
            if now - self._at > FRESH * waited:
                await self._get()
            return self._images.get(name.lower())

    async def _get(self) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                self._images = {image.name.lower(): image for image in await self._ask()}
        except (KustoImageError, TimeoutError):
            self._images, self._not_before = {}, self._clock.monotonic() + PAUSE
        self._at = self._clock.monotonic()
