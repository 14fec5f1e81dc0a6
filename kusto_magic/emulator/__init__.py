"""A local Azure Resource Manager for sandbox custom images.

It speaks the protocol of `Microsoft.Kusto/clusters/sandboxCustomImages` as it was observed on the real service, and
where nobody knows what the service does, says in its code that the choice is its own. It shares no code with the
client of this package, so that it can catch the client's mistakes.

In a test, `create_app` goes into an `httpx.ASGITransport`; as a process of its own it is started with
`python -m kusto_magic.emulator` or `kusto_magic.emulator.launch`.
"""

from kusto_magic.emulator.app import create_app
from kusto_magic.emulator.config import EmulatorConfig, ReadyTarget

__all__ = ["EmulatorConfig", "ReadyTarget", "create_app"]
