"""Would these requirements install? The one place where the emulator asks the rest of the package."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

Resolver = Callable[[str, str], Awaitable[str | None]]
"""(requirements text, Python version such as "3.10.8") → the reason why it does not fit; None = fits, or unknown."""


async def resolve(requirements: str, python_version: str) -> str | None:
    """Return why the requirements do not fit the Python version, or None when they do or it cannot be told."""
    from kusto_magic.preflight.check import run_preflight
    from kusto_magic.preflight.report import Verdict

    answer = await run_preflight(requirements, python=python_version)
    return answer.reason if answer.verdict is Verdict.CONFLICT else None
