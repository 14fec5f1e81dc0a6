"""Which actions an account lacks, and what a refusal says to do."""

from __future__ import annotations

from typing import Any

import pytest
from support.answers import CLUSTER_PATH, ENDPOINT, answer, failed
from support.wire import ScriptedTransport, opened

from kusto_magic.arm.service_errors import error_from_response, missing_role
from kusto_magic.arm.subscription import list_permissions
from kusto_magic.errors import Forbidden, Unreachable
from kusto_magic.models.permission import EXTENSIONS, IMAGES, Permission, missing

READ = "Microsoft.Kusto/Clusters/SandboxCustomImages/read"
WRITE = "Microsoft.Kusto/Clusters/SandboxCustomImages/write"


@pytest.mark.parametrize(
    ("roles", "lacking"),
    [
        ([], [READ, WRITE]),
        ([(["*"], [])], []),
        ([(["*/read"], [])], [WRITE]),
        ([(["microsoft.kusto/clusters/*"], [])], []),
        ([(["Microsoft.Kusto/clusters/sandboxCustomImages/*"], ["*/write"])], [WRITE]),
        ([(["*"], ["*/write"]), ([WRITE], [])], []),
        ([(["Microsoft.KustoX/*", "Microsoft-Kusto/*", READ + "x"], [])], [READ, WRITE]),
    ],
)
def test_roles_add_up_and_leave_out(roles: list[tuple[list[str], list[str]]], lacking: list[str]) -> None:
    permissions = [Permission(tuple(actions), tuple(left_out)) for actions, left_out in roles]
    assert missing([READ, WRITE], permissions) == lacking


@pytest.mark.parametrize("document", [{}, {"actions": None, "notActions": "x"}, {"actions": [5, None]}])
def test_an_odd_role_allows_nothing(document: dict[str, Any]) -> None:
    assert missing([READ], [Permission.from_json(document)]) == [READ]


@pytest.mark.asyncio
async def test_the_roles_for_a_cluster_are_asked_for() -> None:
    roles = {"value": [{"actions": ["*/read"], "notActions": ["x"], "dataActions": []}]}
    script = ScriptedTransport(answer(roles), failed(403, "AuthorizationFailed", "no"), answer({"value": [5]}))
    async with opened(script) as client:
        assert await list_permissions(client) == [Permission(("*/read",), ("x",))]
        with pytest.raises(Forbidden):
            await list_permissions(client)
        with pytest.raises(Unreachable):
            await list_permissions(client)
    path = f"{CLUSTER_PATH}/providers/Microsoft.Authorization/permissions?api-version=2022-04-01"
    assert script.lines[0] == f"GET {ENDPOINT}{path}"


def test_every_action_is_named_once() -> None:
    assert len({*IMAGES, *EXTENSIONS}) == len(IMAGES) + len(EXTENSIONS)


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (f"The client 'x' does not have authorization to perform action '{WRITE}' over scope '/s'.", f"with {WRITE} ("),
        ("no words that are known", f"with {', '.join(IMAGES)} ("),
        ("perform action 'Microsoft.Other/x'", f"with {', '.join(IMAGES)} ("),
    ],
)
def test_a_missing_right_is_named(message: str, words: str) -> None:
    assert words in missing_role(message)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (400, "mend it"),
        (401, "az login"),
        (403, "ask an owner of the cluster"),
        (404, "%kusto_image list"),
        (409, "--queue"),
        (429, "in a minute"),
        (418, "support request"),
    ],
)
def test_each_refusal_says_what_to_do(code: int, words: str) -> None:
    assert words in error_from_response(failed(code), "it was refused").next_step
