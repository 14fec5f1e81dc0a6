"""A local Azure Resource Manager for sandbox custom images.

It speaks the protocol of `Microsoft.Kusto/clusters/sandboxCustomImages` as it was observed on the real service, and
where nobody knows what the service does, says in its code that the choice is its own. It stands in for one cluster or
for a fleet of them, and answers queries of Azure Resource Graph about them. It shares no code with the client of this
package, so that it can catch the client's mistakes.

In a test, `create_app` goes into an `httpx.ASGITransport`; as a process of its own it is started with
`python -m kusto_magic.emulator` or `kusto_magic.arm.local_emulator`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kusto_magic.emulator.config import EmulatorConfig, ReadyTarget

if TYPE_CHECKING:
    from kusto_magic.emulator.app import create_app

__all__ = ["EmulatorConfig", "ReadyTarget", "create_app"]


def __getattr__(name: str) -> Any:
    """Load the application late: the launcher, in the user's kernel, needs none of its libraries."""
    if name != "create_app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from kusto_magic.emulator.app import create_app

    return create_app
