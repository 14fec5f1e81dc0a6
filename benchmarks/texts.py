"""Parse, check, encode and hash requirements of 1,000 lines, compared with only encoding and hashing them."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable

from figures import Figure

from kusto_magic.models.image import ImageSpec

LINES = 1000
TEXT = "".join(f"package-{number}=={number % 40}.{number % 7}.1\n" for number in range(LINES))
FULL, QUICK = 50, 5


def ours() -> bytes:
    """Check the text and encode it as it is sent."""
    return ImageSpec(TEXT, base_image="Python3_10_8").to_body()


def floor() -> bytes:
    """Encode the text without parsing it."""
    return json.dumps({"properties": {"requirementsFileContent": TEXT}}).encode()


def measure(runs: int = FULL) -> list[Figure]:
    """Return the duration of each, hashing included, without the first run."""
    return [
        Figure(f"text of {LINES:,} lines", name, tuple(_seconds(pack) * 1000 for _ in range(runs + 1))[1:], "ms")
        for name, pack in (("ours", ours), ("floor", floor))
    ]


def _seconds(pack: Callable[[], bytes]) -> float:
    started = time.perf_counter()
    hashlib.sha256(pack()).hexdigest()
    return time.perf_counter() - started
