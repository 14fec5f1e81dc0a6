"""Packages of a base image that no index has for Windows, since Azure has built them: they need no wheel.

Which these are is known for the documented versions. For a list that was read from a cluster, the index is asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from packaging.version import Version

from kusto_magic.models.cluster_contents import BaseList
from kusto_magic.preflight.diagnosis import Cause, diagnose
from kusto_magic.preflight.report import read_lock
from kusto_magic.preflight.resolution import Resolution, pins
from kusto_magic.preflight.uv import ResolveResult
from kusto_magic.requirements.parser import Requirement

MAX_PARALLEL = 4
"""Maximum number of resolvers that look up installed versions at the same time."""

_NO_INDEX = frozenset({Cause.NOT_FOUND, Cause.NO_VERSION, Cause.NO_WHEEL, Cause.PYTHON})
"""Causes for which an index has nothing that could be installed."""


async def resolve_on_base(lines: Sequence[Requirement], resolution: Resolution, base: BaseList | None) -> ResolveResult:
    """Resolve lines on top of a base image; what only that has is added to the stub wheels of the resolution."""
    asked: set[str] = set()
    while True:
        result = await resolution.resolve(line.spec for line in lines)
        if base is None or base.read_at is None:
            return result
        only_in_base = await _only_in_base(result, lines, resolution, asked) - resolution.stub_wheels
        if not only_in_base:
            return result
        resolution.stub_wheels |= only_in_base


async def _only_in_base(
    result: ResolveResult, lines: Sequence[Requirement], resolution: Resolution, asked: set[str]
) -> set[str]:
    """Return installed packages without a wheel: why a resolution failed, or why it changes them."""
    if result.code == 1:
        missing = diagnose(result.output, lines, resolution.python)
        found = {missing.subject} & resolution.installed.keys() if missing.cause in _NO_INDEX else set()
    else:
        found = set(_changed(result, resolution)) if result.code == 0 else set()
    new = sorted(found - asked)
    asked.update(new)
    limit = asyncio.Semaphore(MAX_PARALLEL)

    async def has_wheel(name: str) -> bool:
        async with limit:
            return await _has_wheel(name, resolution)

    answers = await asyncio.gather(*map(has_wheel, new))
    return {name for name, has in zip(new, answers, strict=True) if not has}


def _changed(result: ResolveResult, resolution: Resolution) -> Iterable[str]:
    found = pins(read_lock(result.lock, resolution.python))
    installed = resolution.installed
    return (name for name in found if name in installed and Version(found[name]) != Version(installed[name]))


async def _has_wheel(name: str, resolution: Resolution) -> bool:
    """Return whether an index has a wheel of the installed version; if it does not answer, it is taken to have one."""
    line = Requirement(line=1, name=name, text="", specifier=f"=={resolution.installed[name]}")
    result = await resolution.run(resolution.request([line.spec]))
    if result.code != 1:
        return True
    missing = diagnose(result.output, [line], resolution.python)
    return missing.subject != name or missing.cause not in _NO_INDEX
