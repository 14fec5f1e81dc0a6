"""The resolver that decides whether an emulated build succeeds; the only module that uses the rest of the package."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

Resolver = Callable[[str, str], Awaitable[str | None]]
"""(requirements text, Python version such as "3.10.8") → the reason of a conflict, or None."""


async def resolve(requirements: str, python_version: str) -> str | None:
    """Return why the requirements cannot be installed, or None if they can be or the check is inconclusive."""
    from kusto_magic.preflight.check import run_preflight
    from kusto_magic.preflight.report import Verdict

    report = await run_preflight(requirements, python=python_version, corrections=False)
    return report.reason if report.verdict is Verdict.CONFLICT else None
