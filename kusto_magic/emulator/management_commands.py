"""The management commands that the emulator answers: `.show databases` and `.show cluster policy sandbox`."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from kusto_magic.emulator.cluster_state import ClusterState
from kusto_magic.emulator.data_controls import ToldQueries
from kusto_magic.emulator.data_errors import KustoError
from kusto_magic.emulator.data_formats import Column, Table
from kusto_magic.emulator.data_requests import KustoRequest
from kusto_magic.emulator.middleware import PRINCIPAL

_DATABASE_COLUMNS: tuple[Column, ...] = (
    ("DatabaseName", "string"), ("PersistentStorage", "string"), ("Version", "string"), ("IsCurrent", "bool"),
    ("DatabaseAccessMode", "string"), ("PrettyName", "string"), ("ReservedSlot1", "bool"), ("DatabaseId", "guid"),
    ("InTransitionTo", "string"), ("SuspensionState", "string"),
)  # fmt: skip
"""DOCUMENTED, ReservedSlot1 until 2023 and the last two since."""

_POLICY_COLUMNS: tuple[Column, ...] = tuple(
    (name, "string") for name in ("PolicyName", "EntityName", "Policy", "ChildEntities", "EntityType")
)

SANDBOX_POLICY: Mapping[str, object] = MappingProxyType(
    {
        "SandboxKind": "PythonExecution",
        "IsEnabled": True,
        "InitializeOnStartup": False,
        "TargetCountPerNode": 16,
        "MaxCpuRatePerSandbox": 50,
        "MaxMemoryMbPerSandbox": 1024,
    }
)
"""DOCUMENTED: the policy that applies if none is defined. That the command shows it is the emulator's own choice."""

Command = Callable[[ClusterState, ToldQueries, KustoRequest], Table]


def run_command(state: ClusterState, told: ToldQueries, request: KustoRequest) -> Table:
    """Return the result of a management command. Raises KustoError 400 for others, and 403 if told so."""
    text = _normalized(request.query)
    command = COMMANDS.get(text)
    if command is None:
        names = " and ".join(COMMANDS)
        raise KustoError(400, f"The kusto_magic emulator answers only these management commands: {names}.")
    if text in {_normalized(each) for each in told.refused}:
        # The text is the emulator's own choice.
        raise KustoError(403, f"Principal '{PRINCIPAL}' is not authorized to perform the command '{text}'.")
    return command(state, told, request)


def _normalized(text: str) -> str:
    return " ".join(text.split()).rstrip("; ").casefold()


def _databases(state: ClusterState, told: ToldQueries, request: KustoRequest) -> Table:
    return Table(_DATABASE_COLUMNS, [_database(state, name, request) for name in told.databases])


def _database(state: ClusterState, name: str, request: KustoRequest) -> Sequence[object]:
    # Only the names are used by clients; the other values are the emulator's own choice.
    number = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{state.cluster.id}/Databases/{name}"))
    return [name, "", "v1.0", name == request.database, "ReadWrite", "", None, number, "", ""]


def _sandbox_policy(_state: ClusterState, told: ToldQueries, _request: KustoRequest) -> Table:
    memory = {} if told.memory is None else {"MaxMemoryMbPerSandbox": told.memory}
    return Table(_POLICY_COLUMNS, [["SandboxPolicy", "", json.dumps([{**SANDBOX_POLICY, **memory}]), "", "Cluster"]])


COMMANDS: Mapping[str, Command] = {
    ".show databases": _databases,
    ".show cluster databases": _databases,
    ".show cluster policy sandbox": _sandbox_policy,
}
"""The commands by their text, in lower case and with single spaces."""
