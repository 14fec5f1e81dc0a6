"""Detection of front ends that show changes of an output after its cell has ended."""

from __future__ import annotations

from typing import Any

import pytest

from kusto_magic.display.frontend import updates_outputs

SESSION = "bf8be119-39fdf323e4d78135d69dac22"
PYTHON_ID = f"{SESSION}_11325_1"
"""The id of a message of jupyter_client."""


class KernelShell:
    """A shell in a kernel that runs a request."""

    kernel = object()

    def __init__(self, request: dict[str, Any]) -> None:
        self._request = request

    def get_parent(self) -> dict[str, Any]:
        return self._request


def request(message_id: str, metadata: dict[str, Any]) -> dict[str, Any]:
    return {"header": {"msg_id": message_id, "session": SESSION}, "metadata": metadata}


@pytest.mark.parametrize(
    ("sent", "updates"),
    [
        (request(PYTHON_ID, {}), False),  # jupyter console, qtconsole
        (request(PYTHON_ID, {"cellId": "1"}), True),
        (request("0b8d1f0e-6a1f-4f0e-9d3c-0a2f0c3b7a11", {"cellId": "1"}), True),  # JupyterLab, VS Code
        (request("0b8d1f0e-6a1f-4f0e-9d3c-0a2f0c3b7a11", {}), True),  # older notebooks
        ({}, True),
    ],
)
def test_front_ends_without_cells_do_not_update_outputs(sent: dict[str, Any], updates: bool) -> None:
    assert updates_outputs(KernelShell(sent)) is updates


def test_terminal_does_not_update_outputs() -> None:
    assert not updates_outputs(object())
