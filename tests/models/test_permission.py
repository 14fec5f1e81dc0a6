"""Missing permissions, and the next step of each error response."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.arm_responses import error_response

from kusto_magic.arm.service_errors import error_from_response, missing_role
from kusto_magic.hints import Hint, HintKind
from kusto_magic.models.permission import ACTIVE_IMAGE, EXTENSIONS, IMAGES, Permission, missing

READ = "Microsoft.Kusto/Clusters/SandboxCustomImages/read"
WRITE = "Microsoft.Kusto/Clusters/SandboxCustomImages/write"


@pytest.mark.parametrize(
    ("roles", "expected"),
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
def test_missing_combines_roles_and_exclusions(roles: list[tuple[list[str], list[str]]], expected: list[str]) -> None:
    permissions = [Permission(tuple(actions), tuple(left_out)) for actions, left_out in roles]
    assert missing([READ, WRITE], permissions) == expected


@pytest.mark.parametrize("stars", ["*a" * 20_000, "**" * 20_000 + "!", "*a*" * 10_000 + "b"])
def test_pattern_with_many_stars_takes_little_time(stars: str) -> None:
    started = time.thread_time()
    assert not Permission((stars, stars)).allows("a" * 10_000)
    assert time.thread_time() - started < 2


@given(st.text("ab*", max_size=6), st.text("ab", max_size=6))
def test_star_stands_for_any_text(pattern: str, action: str) -> None:
    expected = re.fullmatch(pattern.replace("*", "[ab]*"), action) is not None
    assert Permission((pattern,)).allows(action) is expected


@pytest.mark.parametrize("document", [{}, {"actions": None, "notActions": "x"}, {"actions": [5, None]}])
def test_malformed_role_allows_nothing(document: dict[str, Any]) -> None:
    assert missing([READ], [Permission.from_json(document)]) == [READ]


def test_actions_are_unique() -> None:
    actions = [*IMAGES, *ACTIVE_IMAGE, *EXTENSIONS]
    assert len(set(actions)) == len(actions)


def test_protection_needs_to_read_the_cluster_but_not_to_list_extensions() -> None:
    assert ACTIVE_IMAGE == ("Microsoft.Kusto/Clusters/read",)
    assert not [action for action in (*IMAGES, *EXTENSIONS) if "ListLanguageExtensions" in action]


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (f"The client 'x' does not have authorization to perform action '{WRITE}' over scope '/s'.", (WRITE,)),
        ("an unknown message", IMAGES),
        ("perform action 'Microsoft.Other/x'", IMAGES),
    ],
)
def test_missing_role_names_the_action(message: str, expected: tuple[str, ...]) -> None:
    assert missing_role(message) == Hint(HintKind.ASK_FOR_ROLE, values=expected)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (400, HintKind.FIX_REJECTED),
        (401, HintKind.SIGN_IN_TO_TENANT),
        (403, HintKind.CHECK_PERMISSIONS),
        (404, HintKind.CHECK_NAME),
        (409, HintKind.SEE_MESSAGE),
        (429, HintKind.WAIT_A_MINUTE),
        (418, HintKind.RETRY),
    ],
)
def test_each_status_has_a_hint(code: int, expected: HintKind) -> None:
    hint = error_from_response(error_response(code), "it was refused").hint
    assert hint is not None
    assert hint.kind is expected
