from __future__ import annotations

import pytest
from support.environment import EmulatedEnvironment
from support.home import Home
from support.shell_command import ShellCommand


@pytest.fixture
def kusto_image(
    home: Home, environment: EmulatedEnvironment, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> ShellCommand:
    """Return a function that runs `kusto-image` on the emulated cluster."""
    target = environment.target
    chosen = {
        "SUBSCRIPTION": target.subscription,
        "RESOURCE_GROUP": target.resource_group,
        "CLUSTER": target.cluster,
        "ENDPOINT": target.endpoint,
    }
    for name, value in chosen.items():
        monkeypatch.setenv(f"KUSTO_MAGIC_{name}", value)
    return ShellCommand(environment, capsys)
