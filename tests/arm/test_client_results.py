"""Results of the methods of the client that wait: the image, or the error of the operation."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import httpx
import pytest
from support.arm_responses import (
    IMAGE_SUCCEEDED,
    POLL_URL,
    SPEC,
    STATUS_RUNNING,
    STATUS_SUCCEEDED,
    TARGET,
    error_response,
    image_resource,
    make_response,
    status_response,
)
from support.scripted_transport import CountingCredential, ScriptedTransport, open_client

from kusto_magic import ImageDiffersError, ImagesClient, Subscription, SubscriptionClient
from kusto_magic.arm.response import ArmResponse
from kusto_magic.errors import BuildCanceledError, BuildFailedError, ForbiddenError, InvalidInputError, PollTimeoutError

pytestmark = pytest.mark.asyncio

ACCEPTED = make_response(image_resource("Creating"), 201, {"azure-asyncoperation": POLL_URL})
CHANGES: dict[str, Callable[[ImagesClient], Awaitable[None]]] = {
    "delete": lambda client: client.delete("img"),
    "enable": lambda client: client.enable("img"),
    "disable": lambda client: client.disable("img"),
}


async def test_create_or_update_returns_the_image_when_it_is_built() -> None:
    script = ScriptedTransport(ACCEPTED, STATUS_RUNNING, STATUS_SUCCEEDED, IMAGE_SUCCEEDED)
    async with open_client(script) as client:
        image = await client.create_or_update("img", SPEC)
    assert (image.name, image.state, image.matches(SPEC)) == ("img", "Succeeded", True)
    assert script.unused_steps == 0


@pytest.mark.parametrize(("status", "error"), [("Failed", BuildFailedError), ("Canceled", BuildCanceledError)])
async def test_create_or_update_raises_the_failure_of_the_build(status: str, error: type[Exception]) -> None:
    async with open_client(ScriptedTransport(ACCEPTED, status_response(status))) as client:
        with pytest.raises(error):
            await client.create_or_update("img", SPEC)


async def test_create_or_update_raises_image_differs_if_another_content_was_built() -> None:
    other = make_response(image_resource(requirementsFileContent="six"))
    async with open_client(ScriptedTransport(ACCEPTED, STATUS_SUCCEEDED, other)) as client:
        with pytest.raises(ImageDiffersError) as caught:
            await client.create_or_update("img", SPEC)
    assert caught.value.operation.image is not None
    assert caught.value.operation.image.requirements == "six"


async def test_create_or_update_raises_what_the_request_and_the_polls_raise() -> None:
    script = ScriptedTransport(error_response(403, "AuthorizationFailed"), ACCEPTED, default=STATUS_RUNNING)
    async with open_client(script) as client:
        with pytest.raises(ForbiddenError):
            await client.create_or_update("img", SPEC)
        with pytest.raises(PollTimeoutError):
            await client.create_or_update("img", SPEC, timeout=60)
        with pytest.raises(InvalidInputError):
            await client.create_or_update("..", SPEC)


@pytest.mark.parametrize("call", CHANGES)
async def test_change_returns_none_or_raises_its_failure(call: str) -> None:
    accepted = make_response(b"", 202, {"azure-asyncoperation": POLL_URL})
    script = ScriptedTransport(accepted, STATUS_SUCCEEDED, accepted, status_response("Failed"))
    async with open_client(script) as client:
        assert await CHANGES[call](client) is None  # type: ignore[func-returns-value]
        with pytest.raises(BuildFailedError):
            await CHANGES[call](client)
    assert script.unused_steps == 0


async def test_canceled_wait_ends_polling_and_sends_nothing_more() -> None:
    script = ScriptedTransport(ACCEPTED)
    async with open_client(script) as client:
        waiting = asyncio.ensure_future(client.create_or_update("img", SPEC))

        def cancel(_request: httpx.Request) -> ArmResponse:
            waiting.cancel()
            return STATUS_RUNNING

        script.default = cancel
        with pytest.raises(asyncio.CancelledError):
            await waiting
    assert [request.method for request in script.requests] == ["PUT", "GET"]


async def test_clients_open_and_close_their_own_connections() -> None:
    closed: list[str] = []

    class Network(httpx.MockTransport):
        async def aclose(self) -> None:
            closed.append("closed")

    def respond(request: httpx.Request) -> httpx.Response:
        assert request.headers["authorization"] == "Bearer token-1"
        return httpx.Response(200, stream=httpx.ByteStream(b'{"value": []}'))

    async with ImagesClient(TARGET, CountingCredential(), transport=Network(respond)) as images:
        assert await images.list() == []
    async with SubscriptionClient(
        Subscription.of(TARGET), CountingCredential(), transport=Network(respond)
    ) as clusters:
        assert await clusters.list_clusters() == []
    assert closed == ["closed"] * 2
