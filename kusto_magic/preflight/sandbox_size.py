"""Warning about packages that a sandbox may not have the memory for.

A sandbox that reaches the limit of its memory is ended, and the query fails. Source: documentation of sandboxes. How
much memory a package takes when it is imported is not known; its files are what can be compared with the limit.
"""

from __future__ import annotations

from collections.abc import Mapping

from kusto_magic.models.cluster_contents import MEGABYTE, SandboxPolicy

UNPACKED_RATIO = 3.4
"""Size of the files of a wheel compared with that of the wheel, which is all that an index states.

Measured with `benchmarks/wheel_sizes.py` in 2026-11: 65 popular packages for Windows x64 and Python 3.11 have 1,218 MB
of wheels and 3.4 times as much in files, from 1.4 times (xgboost) to 7.4 times (altair).
"""


def size_warnings(wheels: Mapping[str, int | None], policy: SandboxPolicy) -> list[str]:
    """Return a warning if the files of the packages that are added are larger than the memory of a sandbox.

    `wheels` are the sizes of their wheels in bytes by name, None where the index does not state it.
    """
    sizes = {name: size or 0 for name, size in wheels.items()}
    unpacked = _megabytes(sum(sizes.values()))
    if unpacked <= policy.memory:
        return []
    largest = max(sizes, key=lambda name: sizes[name])
    part = f" ({largest}: {_megabytes(sizes[largest]):,} MB)" if len(sizes) > 1 else ""
    about = "more than" if None in wheels.values() else "about"
    warning = (
        f"the added packages have {about} {unpacked:,} MB of files{part}, estimated from the downloads; a sandbox has "
        f"{policy.memory:,} MB of memory {policy.source}, and a query that needs more fails: import only what it "
        "needs, or ask an administrator to raise MaxMemoryMbPerSandbox"
    )
    return [warning]


def _megabytes(wheel_bytes: int) -> int:
    return round(wheel_bytes * UNPACKED_RATIO / MEGABYTE)
