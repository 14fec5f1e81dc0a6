"""Errors by code: which mean a busy cluster, which end at once, and the hint of each."""

from __future__ import annotations

from functools import partial

import pytest
from support.arm_responses import IMAGE_CREATING, IMAGE_SUCCEEDED, SPEC, error_response, image_resource, make_response
from support.scripted_transport import CONNECTION_RESET, ScriptedTransport, collect, open_client, phases, run_build

from kusto_magic.arm.response import ArmResponse
from kusto_magic.arm.service_errors import error_from_response
from kusto_magic.builds.retry import retry_while_busy
from kusto_magic.errors import (
    BuildFailedError,
    ConflictError,
    ForbiddenError,
    NotFoundError,
    ServiceError,
    UnexpectedStateError,
)
from kusto_magic.hints import Hint, HintKind
from kusto_magic.models.build_state import BuildState

NOT_TERMINAL = (
    "Cannot modify resource with id '/x' because the resource entity provisioning state is not terminal. Please wait "
    "for the provisioning state to become terminal and then retry the request."
)
LOCKED = (
    "The scope '/subscriptions/s/resourceGroups/g' cannot perform write operation because following scope(s) are "
    "locked: '/subscriptions/s/resourceGroups/g'. Please remove the lock and try again."
)
REGISTER = "The subscription is not registered to use namespace 'Microsoft.Kusto'. See https://aka.ms/rps-not-found."
FORBIDDEN = (
    "The client 'c' does not have authorization to perform action 'Microsoft.Kusto/clusters/read' over scope '/x'."
)

BUSY = [
    error_response(409, "RequestConflict", NOT_TERMINAL),
    error_response(409, "requestconflict"),
    error_response(409, "ServiceIsInMaintenance", "[Conflict] Cluster 'c' is in process of maintenance."),
]

ASK_OWNER = Hint(HintKind.ASK_SUBSCRIPTION_OWNER)
CHECK_REQUEST = Hint(HintKind.CHECK_REQUEST)
SEE_MESSAGE = Hint(HintKind.SEE_MESSAGE, then=Hint(HintKind.QUOTE_ID))
REFUSED: dict[str, tuple[ArmResponse, type[ServiceError], Hint]] = {
    "lock": (error_response(409, "ScopeLocked", LOCKED), ServiceError, Hint(HintKind.REMOVE_LOCK)),
    "read-only": (
        error_response(409, "ReadOnlyDisabledSubscription", "x"),
        ServiceError,
        Hint(HintKind.ASK_SUBSCRIPTION_OWNER),
    ),
    "provider": (
        error_response(409, "MissingSubscriptionRegistration", REGISTER),
        ServiceError,
        Hint(HintKind.REGISTER_PROVIDER, "Microsoft.Kusto"),
    ),
    "unknown conflict": (error_response(409, "SomethingElse", "no"), ServiceError, SEE_MESSAGE),
    "other conflict": (error_response(409, "RequestConflict", "the name is taken"), ServiceError, SEE_MESSAGE),
    "conflict without a body": (make_response(b"", 409), ServiceError, SEE_MESSAGE),
    "role": (
        error_response(403, "AuthorizationFailed", FORBIDDEN),
        ForbiddenError,
        Hint(HintKind.ASK_FOR_ROLE, values=("Microsoft.Kusto/clusters/read",)),
    ),
    "other 403": (
        error_response(403, "RequestDisallowedByAzure", "no"),
        ForbiddenError,
        Hint(HintKind.CHECK_PERMISSIONS),
    ),
    "subscription": (
        error_response(404, "SubscriptionNotFound", "x"),
        NotFoundError,
        Hint(HintKind.CHECK_SUBSCRIPTION),
    ),
    "resource group": (error_response(404, "ResourceGroupNotFound", "x"), NotFoundError, Hint(HintKind.CHECK_CLUSTER)),
    "cluster": (error_response(404, "ParentResourceNotFound", "x"), NotFoundError, Hint(HintKind.CHECK_CLUSTER)),
    "region": (error_response(400, "NoRegisteredProviderFound", "x"), ServiceError, Hint(HintKind.CHECK_REGION)),
    "image name": (
        error_response(400, "BadRequest", "Invalid languageExtensionImageName `X`. Supported image names are: `R`"),
        ServiceError,
        Hint(HintKind.CHOOSE_LISTED_IMAGE),
    ),
    "without a reason": (
        error_response(400, "BadRequest", "The request is invalid."),
        ServiceError,
        Hint(HintKind.CHECK_REQUEST),
    ),
}


@pytest.mark.parametrize("response", BUSY, ids=range(3))
def test_codes_of_a_busy_cluster_are_conflicts(response: ArmResponse) -> None:
    error = error_from_response(response, "refused")
    assert type(error) is ConflictError
    assert error.hint == Hint(HintKind.WAIT_FOR_CLUSTER)


@pytest.mark.parametrize(("response", "kind", "hint"), REFUSED.values(), ids=REFUSED.keys())
def test_other_codes_have_their_own_class_and_hint(response: ArmResponse, kind: type[ServiceError], hint: Hint) -> None:
    error = error_from_response(response, "refused")
    assert type(error) is kind
    assert error.hint == hint


def test_policy_is_named_in_the_error_and_in_the_hint() -> None:
    info = {"policyDefinitionDisplayName": "Allowed locations", "policyAssignmentDisplayName": "Production"}
    body = {
        "code": "RequestDisallowedByPolicy",
        "target": "img",
        "message": "Resource 'img' was disallowed by policy.",
        "additionalInfo": [{"type": "PolicyViolation", "info": info}],
    }
    error = error_from_response(make_response({"error": body}, 403), "refused")
    assert type(error) is ForbiddenError
    assert "  policy 'Allowed locations'" in error.lines()
    assert "  policy assignment 'Production'" in error.lines()
    assert error.hint == Hint(HintKind.COMPLY_WITH_POLICY, values=("Allowed locations",))


def test_lock_is_named_in_the_hint() -> None:
    info = [{"type": "Lock", "info": {"lockName": "no-changes"}}]
    body = {"code": "ScopeLocked", "message": LOCKED, "additionalInfo": info}
    error = error_from_response(make_response({"error": body}, 409), "refused")
    assert error.hint == Hint(HintKind.REMOVE_LOCK, values=("no-changes",))


@pytest.mark.asyncio
@pytest.mark.parametrize("code", ["ScopeLocked", "ReadOnlyDisabledSubscription", "SomethingElse"])
async def test_queue_does_not_retry_what_waiting_cannot_change(code: str) -> None:
    script = ScriptedTransport(default=error_response(409, code, LOCKED))
    async with open_client(script) as client:
        send = partial(client.create_or_update_stream, "img", SPEC)
        with pytest.raises(ServiceError) as caught:
            await collect(retry_while_busy(send, send, script.clock, 4 * 3600))
    assert (len(script.requests), caught.value.code) == (1, code)


@pytest.mark.asyncio
@pytest.mark.parametrize("busy", BUSY, ids=range(3))
async def test_queue_retries_while_the_cluster_is_busy(busy: ArmResponse) -> None:
    script = ScriptedTransport(busy, busy, make_response(image_resource(), 200))
    async with open_client(script) as client:
        send = partial(client.create_or_update_stream, "img", SPEC)
        seen = [operation async for operation in retry_while_busy(send, send, script.clock, 4 * 3600)]
    assert [phases(seen).count(phase) for phase in (BuildState.QUEUED, BuildState.SUCCEEDED)] == [2, 1]


# ── the first error is kept ─────────────────────────────────────────────────────────────────────────────────────────

REFUSAL = error_response(409, "RequestConflict", NOT_TERMINAL, {"x-ms-request-id": "r-409"})


@pytest.mark.asyncio
async def test_refusal_is_shown_if_the_image_turns_out_to_be_absent() -> None:
    script = ScriptedTransport(CONNECTION_RESET, REFUSAL, default=error_response(404, "ResourceNotFound"))
    with pytest.raises(UnexpectedStateError, match="does not exist") as caught:
        await run_build(script)
    assert "RequestConflict: Cannot modify" in str(caught.value)
    assert "r-409" in str(caught.value)


@pytest.mark.asyncio
async def test_refusal_is_shown_if_the_image_turns_out_to_be_different() -> None:
    other = make_response(image_resource(requirementsFileContent="numpy"))
    with pytest.raises(UnexpectedStateError) as caught:
        await run_build(ScriptedTransport(CONNECTION_RESET, REFUSAL, other))
    assert caught.value.hint == Hint(HintKind.CHECK_IMAGE, "img")
    assert "RequestConflict: Cannot modify" in str(caught.value)


@pytest.mark.asyncio
async def test_refusal_is_shown_if_the_image_failed_without_a_reason() -> None:
    failed = make_response(image_resource("Failed"))
    seen = await run_build(ScriptedTransport(CONNECTION_RESET, REFUSAL, IMAGE_CREATING, failed))
    with pytest.raises(BuildFailedError, match="gives no reason") as caught:
        seen[-1].raise_for_failure()
    assert "RequestConflict: Cannot modify" in str(caught.value)


@pytest.mark.asyncio
async def test_lock_met_by_a_repeated_request_is_not_taken_for_the_own_build() -> None:
    script = ScriptedTransport(CONNECTION_RESET, error_response(409, "ScopeLocked", LOCKED))
    with pytest.raises(ServiceError, match="ScopeLocked"):
        await run_build(script)
    assert script.unused_steps == 0


@pytest.mark.asyncio
async def test_refusal_is_forgotten_after_success() -> None:
    seen = await run_build(ScriptedTransport(CONNECTION_RESET, REFUSAL, IMAGE_CREATING, IMAGE_SUCCEEDED))
    assert (seen[-1].state, seen[-1].fault) == (BuildState.SUCCEEDED, None)
