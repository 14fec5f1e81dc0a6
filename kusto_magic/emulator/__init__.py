"""A local emulator of Azure Resource Manager for sandbox custom images.

It implements the protocol of `Microsoft.Kusto/clusters/sandboxCustomImages` as observed on the real service. Behavior
that is not known is marked in the code as the emulator's own choice. It emulates one cluster or a fleet, and answers
Azure Resource Graph queries about them. The data plane of each cluster answers one query: which packages the image of
python() contains. It shares no code with the client of this package, so that it can detect the client's mistakes.

In tests, pass `create_app` to an `httpx.ASGITransport`. To run it as a separate process, use
`python -m kusto_magic.emulator` or `kusto_magic.arm.local_emulator`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kusto_magic.emulator.config import EmulatorConfig, ReadyTarget

if TYPE_CHECKING:
    from kusto_magic.emulator.app import create_app

__all__ = ["EmulatorConfig", "ReadyTarget", "create_app"]


def __getattr__(name: str) -> Any:
    """Import the application on first use: the launcher runs in the user's kernel and needs none of its libraries."""
    if name != "create_app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from kusto_magic.emulator.app import create_app

    return create_app
