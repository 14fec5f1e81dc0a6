"""Shared listing of a cluster's images: one list request replaces the polls of several builds.

ARM's rate limits apply to a whole subscription (`rate_limiter`), and each build is polled at its own pace
(`poll_schedule`). Builds on the same cluster share the latest list of its images instead.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from kusto_magic.clock import Clock
from kusto_magic.errors import KustoImageError
from kusto_magic.models.image import Image

MIN_SUBSCRIBERS = 2
"""Minimum number of polled builds on a cluster for which a list saves requests."""

MAX_WAIT = 10.0
"""Seconds after which a list request is abandoned: all builds of the cluster wait for it."""

RETRY_INTERVAL = 300.0
"""Seconds without list requests after a failed one; each build is polled itself meanwhile."""


class ImageListCache:
    """Cache of the image list of one cluster; `fetch` requests it. Not thread-safe: use it on one event loop."""

    def __init__(self, clock: Clock, fetch: Callable[[], Awaitable[Sequence[Image]]]) -> None:
        self._clock = clock
        self._fetch = fetch
        self._lock = asyncio.Lock()  # builds that wait at the same time share one request
        self._subscribers = 0
        self._images: Mapping[str, Image] = {}
        self._listed_at = float("-inf")
        self._not_before = float("-inf")

    @contextmanager
    def subscribe(self) -> Iterator[None]:
        """Count the caller as a build that may share the list."""
        self._subscribers += 1
        try:
            yield
        finally:
            self._subscribers -= 1

    async def get(self, name: str, max_age: float) -> Image | None:
        """Return the image from a list that is at most `max_age` seconds old; an older one is requested again.

        Return None if the build must be polled itself: no other build shares the list, the list is unavailable, or the
        image is not in it.
        """
        async with self._lock:
            now = self._clock.monotonic()
            if self._subscribers < MIN_SUBSCRIBERS or now < self._not_before:
                return None
            if now - self._listed_at > max_age:
                await self._refresh()
            return self._images.get(name.lower())

    async def _refresh(self) -> None:
        try:
            async with asyncio.timeout(MAX_WAIT):
                self._images = {image.name.lower(): image for image in await self._fetch()}
        except (KustoImageError, TimeoutError):  # a list only saves requests, so its failure is no error
            self._images, self._not_before = {}, self._clock.monotonic() + RETRY_INTERVAL
        self._listed_at = self._clock.monotonic()
