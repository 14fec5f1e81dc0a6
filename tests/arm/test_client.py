"""ImagesClient with scripted responses: the requests it sends, and their results."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from support.arm_responses import (
    ENDPOINT,
    HTML_RESPONSE,
    IMAGE_CREATING,
    IMAGE_SUCCEEDED,
    IMAGE_URL,
    LIST_URL,
    LOCATION_URL,
    POLL_URL,
    SPEC,
    STATUS_RUNNING,
    STATUS_SUCCEEDED,
    TARGET,
    UNTRUSTED_URL,
    UNTRUSTED_URLS,
    created_response,
    error_response,
    image_resource,
    make_response,
    status_response,
)
from support.scripted_transport import (
    CONNECTION_RESET,
    FAULTS,
    CountingCredential,
    Outcome,
    ScriptedTransport,
    collect,
    open_client,
    phases,
    run_build,
    run_delete,
)

from kusto_magic.arm.client import ImagesClient
from kusto_magic.arm.operation import NOTE_SENT_TWICE
from kusto_magic.arm.operation_start import resume_named
from kusto_magic.arm.paging import MAX_PAGES
from kusto_magic.arm.poll_schedule import MAX_DELAY, MIN_DELAY
from kusto_magic.arm.requests import MAX_ATTEMPTS, MAX_READ_ATTEMPTS, READ_TIMEOUT
from kusto_magic.arm.transport import ArmTransport
from kusto_magic.errors import (
    BuildFailedError,
    ConflictError,
    ForbiddenError,
    InvalidInputError,
    KustoImageError,
    NotFoundError,
    ServiceError,
    StatusUnreadableError,
    UnexpectedStateError,
    UnreachableError,
    UntrustedAddressError,
)
from kusto_magic.hints import Hint, HintKind
from kusto_magic.models.action import ACTIONS, Action
from kusto_magic.models.build_state import BuildState
from kusto_magic.models.cluster import ActiveImage

BUSY = {"code": "ServiceIsInMaintenance", "message": "[Conflict] Cluster 'c' is in process of maintenance."}

pytestmark = pytest.mark.asyncio


# ── build and delete ────────────────────────────────────────────────────────────────────────────────────────────────


async def test_build_follows_the_recorded_sequence() -> None:
    script = ScriptedTransport(created_response(), STATUS_RUNNING, STATUS_RUNNING, STATUS_SUCCEEDED, IMAGE_SUCCEEDED)
    seen = await run_build(script)
    assert phases(seen) == [
        BuildState.SUBMITTING,
        *[BuildState.BUILDING] * 3,
        BuildState.CONFIRMING,
        BuildState.SUCCEEDED,
    ]  # fmt: skip
    assert script.request_lines == [f"PUT {IMAGE_URL}", *[f"GET {POLL_URL}"] * 3, f"GET {IMAGE_URL}"]
    assert seen[-1].image is not None
    assert seen[-1].image.requirements == "Pillow"


@pytest.mark.slow
async def test_delays_follow_the_schedule_without_retry_after() -> None:
    """Without earlier builds the delays only grow, from 0.5 to 30 seconds; the image is confirmed at once."""
    script = ScriptedTransport(created_response(), *[STATUS_RUNNING] * 400, STATUS_SUCCEEDED, IMAGE_SUCCEEDED)
    await run_build(script)
    *delays, last = script.clock.slept
    assert MIN_DELAY <= min(delays) < max(delays) <= MAX_DELAY
    assert delays == sorted(delays)
    assert last == 0.0


async def test_first_operation_is_yielded_before_anything_is_sent() -> None:
    script = ScriptedTransport()
    async with open_client(script) as client:
        first = await anext(aiter(client.create_or_update_stream("img", SPEC)))
    assert (first.state, first.poll_url) == (BuildState.SUBMITTING, "")
    assert script.requests == []


async def test_failed_build_contains_the_service_error() -> None:
    seen = await run_build(
        ScriptedTransport(
            created_response(),
            STATUS_RUNNING,
            status_response("Failed", error={"code": "Bad", "message": "no such package"}),
        )
    )
    with pytest.raises(BuildFailedError) as caught:
        seen[-1].raise_for_failure()
    assert (caught.value.fault.code, caught.value.fault.message) == ("Bad", "no such package")


async def test_delete_follows_the_recorded_sequence() -> None:
    first = make_response(b"", 202, {"location": LOCATION_URL, "azure-asyncoperation": POLL_URL})
    script = ScriptedTransport(first, STATUS_RUNNING, STATUS_SUCCEEDED)
    assert phases(await run_delete(script)) == [
        BuildState.SUBMITTING,
        BuildState.DELETING,
        BuildState.DELETING,
        BuildState.DELETED,
    ]
    assert script.request_lines == [f"DELETE {IMAGE_URL}", *[f"GET {POLL_URL}"] * 2]
    assert script.requests[0].body == b""


async def test_delete_of_a_missing_image_depends_on_the_response() -> None:
    with pytest.raises(NotFoundError):
        await run_delete(ScriptedTransport(error_response(404, "ResourceNotFound")))
    assert (await run_delete(ScriptedTransport(make_response(b"", 204))))[-1].state is BuildState.DELETED
    assert (await run_delete(ScriptedTransport(CONNECTION_RESET, error_response(404))))[-1].state is BuildState.DELETED


async def test_image_recreated_during_deletion_raises_status_unreadable() -> None:
    script = ScriptedTransport(
        make_response(b"", 202), make_response(image_resource("Deleting")), default=IMAGE_SUCCEEDED
    )
    with pytest.raises(StatusUnreadableError, match="still exists"):
        await run_delete(script)
    assert len(script.requests) < 12


# ── rule 11: retried requests ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
async def test_put_is_retried_until_a_usable_response(fault: Outcome) -> None:
    script = ScriptedTransport(fault, fault, created_response(), STATUS_SUCCEEDED, IMAGE_SUCCEEDED)
    seen = await run_build(script)
    assert seen[-1].state is BuildState.SUCCEEDED
    assert {request.body for request in script.requests[:3]} == {SPEC.to_body()}
    assert script.request_times[:3] == [0.0, 1.0, 3.0]
    assert seen[1]._repeated
    assert "sent again" in seen[1].note


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
async def test_409_after_a_retry_adopts_the_operation_of_the_image(fault: Outcome) -> None:
    script = ScriptedTransport(
        fault, error_response(409, "RequestConflict"), error_response(404), IMAGE_CREATING, IMAGE_SUCCEEDED
    )
    seen = await run_build(script)
    assert (seen[-1].state, seen[-1].note) == (BuildState.SUCCEEDED, NOTE_SENT_TWICE)
    assert script.request_lines == [*[f"PUT {IMAGE_URL}"] * 2, *[f"GET {IMAGE_URL}"] * 3]


async def test_adopted_build_that_fails_is_reported_as_failed() -> None:
    seen = await run_build(
        ScriptedTransport(
            CONNECTION_RESET, error_response(409), IMAGE_CREATING, make_response(image_resource("Failed"))
        )
    )
    assert seen[-1].state is BuildState.FAILED


async def test_adopted_build_with_other_requirements_raises_status_unreadable() -> None:
    with pytest.raises(UnexpectedStateError, match=r"\(requirements\)") as caught:
        await run_build(
            ScriptedTransport(
                CONNECTION_RESET, error_response(409), make_response(image_resource(requirementsFileContent="numpy"))
            )
        )
    assert caught.value.hint == Hint(HintKind.CHECK_IMAGE, "img")


async def test_409_without_a_retry_raises_conflict() -> None:
    with pytest.raises(ConflictError):
        await run_build(ScriptedTransport(error_response(409, "RequestConflict")))
    with pytest.raises(ConflictError):  # a 429 never reached the service: no operation of this client can be running
        await run_build(ScriptedTransport(error_response(429), error_response(409, "RequestConflict")))


async def test_cluster_busy_after_a_retry_polls_the_image() -> None:
    script = ScriptedTransport(
        error_response(504), created_response(), status_response("Failed", error=BUSY), IMAGE_CREATING, IMAGE_SUCCEEDED
    )
    seen = await run_build(script)
    assert (seen[-1].state, seen[-1].note) == (BuildState.SUCCEEDED, NOTE_SENT_TWICE)


async def test_cluster_busy_without_a_retry_is_a_failure() -> None:
    seen = await run_build(
        ScriptedTransport(error_response(429), created_response(), status_response("Failed", error=BUSY))
    )
    assert seen[-1].state is BuildState.FAILED


async def test_put_without_usable_response_raises_after_the_maximum_attempts() -> None:
    script = ScriptedTransport(default=CONNECTION_RESET)
    with pytest.raises(UnreachableError):
        await run_build(script)
    assert len(script.requests) == MAX_ATTEMPTS
    script = ScriptedTransport(default=error_response(503, "Busy"))
    with pytest.raises(ServiceError, match="Busy"):
        await run_build(script)
    assert len(script.requests) == MAX_ATTEMPTS


@pytest.mark.parametrize(
    ("code", "error"), [(400, ServiceError), (403, ForbiddenError), (404, NotFoundError), (307, ServiceError)]
)
async def test_rejected_put_is_not_retried(code: int, error: type[ServiceError]) -> None:
    script = ScriptedTransport(error_response(code, headers={"location": UNTRUSTED_URL}))
    with pytest.raises(error):
        await run_build(script)
    assert len(script.requests) == 1


async def test_read_without_response_raises_after_few_attempts() -> None:
    script = ScriptedTransport(default=CONNECTION_RESET)
    async with open_client(script) as client:
        with pytest.raises(UnreachableError):
            await client.list()
    assert len(script.requests) == MAX_READ_ATTEMPTS
    assert sum(script.clock.slept) <= 5


async def test_read_ends_within_a_minute_although_the_service_asks_for_longer_waits() -> None:
    script = ScriptedTransport(default=error_response(503, "Busy", headers={"retry-after": "40"}))
    async with open_client(script) as client:
        with pytest.raises(ServiceError, match="Busy"):
            await client.list()
    assert script.request_times == [0.0, 40.0]
    assert script.clock.passed <= READ_TIMEOUT


async def test_silent_read_is_tried_twice_within_about_a_minute() -> None:
    def silence(_: httpx.Request) -> Outcome:
        script.clock.move(30)
        return FAULTS["silence"]

    script = ScriptedTransport(default=silence)
    async with open_client(script) as client:
        with pytest.raises(UnreachableError, match="did not respond"):
            await client.list()
    assert script.request_times == [0.0, 31.0]


async def test_put_is_not_repeated_beyond_the_time_limit_of_the_build() -> None:
    script = ScriptedTransport(default=error_response(503, "Busy", headers={"retry-after": "600"}))
    with pytest.raises(ServiceError, match="Busy") as caught:
        await run_build(script, timeout=900)
    assert script.request_times == [0.0, 600.0]
    assert caught.value.operation is not None


class SilentTransport(httpx.AsyncBaseTransport):
    """Responds to nothing until it is released."""

    def __init__(self) -> None:
        self.arrived, self.released = asyncio.Event(), asyncio.Event()
        self.count = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.count += 1
        self.arrived.set()
        await self.released.wait()
        return httpx.Response(200, stream=httpx.ByteStream(IMAGE_SUCCEEDED.body))


def silent_client(arm: ArmTransport) -> ImagesClient:
    return ImagesClient.from_connection(arm, TARGET).with_options(notice_interval=0.01)


def silent_arm(silent: SilentTransport) -> ArmTransport:
    return ArmTransport(ENDPOINT, "x/.default", credential=CountingCredential(), transport=silent)


@pytest.mark.parametrize("action", [Action.BUILD, Action.ENABLE])
async def test_put_without_an_answer_says_so_and_continues(action: Action) -> None:
    silent = SilentTransport()
    async with silent_arm(silent) as arm:
        client = silent_client(arm)
        running = aiter(
            client.create_or_update_stream("img", SPEC) if action is Action.BUILD else client.enable_stream("img")
        )
        seen = [await anext(running) for _ in range(3)]
        silent.released.set()
        seen += [operation async for operation in running]
    assert {operation.state for operation in seen[:3]} == {BuildState.SUBMITTING}
    assert ["no response" in operation.note for operation in seen[:3]] == [False, True, True]
    assert seen[-1].state is ACTIONS[action].success_state
    assert "no response" not in seen[-1].note
    assert silent.count == 1


@pytest.mark.slow
async def test_put_without_an_answer_ends_at_the_time_limit_of_the_build() -> None:
    silent = SilentTransport()
    async with silent_arm(silent) as arm:
        with pytest.raises(UnreachableError) as caught:
            await collect(silent_client(arm).create_or_update_stream("img", SPEC, timeout=0.05))
    assert caught.value.hint is not None
    assert (caught.value.hint.kind, caught.value.hint.name) == (HintKind.CHECK_ARRIVAL, "img")
    assert caught.value.operation is not None
    assert caught.value.operation.poll_url == IMAGE_URL
    async with silent_arm(silent) as arm:
        with pytest.raises(UnreachableError) as caught:
            await collect(silent_client(arm).delete_stream("my image", timeout=0.05))
    assert caught.value.hint is not None
    assert (caught.value.hint.kind, caught.value.hint.name) == (HintKind.CHECK_ARRIVAL, "my image")


async def test_cancellation_of_a_put_without_an_answer_ends_the_request() -> None:
    silent = SilentTransport()
    before = asyncio.all_tasks()
    async with silent_arm(silent) as arm:
        running = aiter(ImagesClient.from_connection(arm, TARGET).create_or_update_stream("img", SPEC))
        await anext(running)
        waiting = asyncio.ensure_future(anext(running))
        await silent.arrived.wait()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert asyncio.all_tasks() == before


# ── pages of a gateway ──────────────────────────────────────────────────────────────────────────────────────────────


async def test_page_of_a_gateway_instead_of_a_response_is_retried() -> None:
    torn = make_response(b'{"value": [')
    script = ScriptedTransport(HTML_RESPONSE, torn, make_response({"value": [image_resource()]}))
    async with open_client(script) as client:
        assert [image.name for image in await client.list()] == ["img"]


async def test_page_of_a_gateway_instead_of_the_response_to_a_put_is_retried() -> None:
    script = ScriptedTransport(HTML_RESPONSE, created_response(), STATUS_SUCCEEDED, IMAGE_SUCCEEDED)
    seen = await run_build(script)
    assert (seen[-1].state, seen[-1]._repeated) == (BuildState.SUCCEEDED, True)
    assert [request.method for request in script.requests] == ["PUT", "PUT", "GET", "GET"]


# ── get and list ────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_get_retries_and_returns_the_image() -> None:
    script = ScriptedTransport(error_response(503), CONNECTION_RESET, IMAGE_SUCCEEDED)
    async with open_client(script) as client:
        assert (await client.get("img")).name == "img"
    assert script.request_lines == [f"GET {IMAGE_URL}"] * 3


@pytest.mark.parametrize(
    ("step", "error"),
    [
        (error_response(404), NotFoundError),
        (error_response(403), ForbiddenError),
        (error_response(302), ServiceError),
        (HTML_RESPONSE, UnreachableError),
        (make_response(b""), UnreachableError),
        (make_response([]), UnreachableError),
        (make_response({"error": {}}), UnreachableError),
    ],
)
async def test_get_raises_a_typed_error(step: Outcome, error: type[KustoImageError]) -> None:
    async with open_client(ScriptedTransport(default=step)) as client:
        with pytest.raises(error) as caught:
            await client.get("img")
    assert caught.value.hint


async def test_list_reads_all_pages() -> None:
    second = f"{LIST_URL}&$skiptoken=a b"
    script = ScriptedTransport(
        make_response({"value": [image_resource()], "nextLink": second}),
        make_response({"value": [], "nextLink": "/relative?x=1"}),
        make_response({"value": [{**image_resource(), "name": "kustoCluster/other"}], "nextLink": None}),
    )
    async with open_client(script) as client:
        assert [image.name for image in await client.list()] == ["img", "other"]
    assert script.request_lines == [
        f"GET {LIST_URL}",
        f"GET {second.replace(' ', '%20')}",
        f"GET {ENDPOINT}/relative?x=1",
    ]


@pytest.mark.parametrize("link", ["", 5, True, [], {}, {"uri": UNTRUSTED_URL}])
async def test_invalid_next_link_ends_the_list(link: object) -> None:
    async with open_client(ScriptedTransport(make_response({"value": [], "nextLink": link}))) as client:
        assert await client.list() == []


@pytest.mark.parametrize("url", UNTRUSTED_URLS)
async def test_untrusted_next_link_is_not_requested(url: str) -> None:
    script = ScriptedTransport(make_response({"value": [], "nextLink": url}))
    credential = CountingCredential()
    async with open_client(script, credential) as client:
        with pytest.raises(UntrustedAddressError):
            await client.list()
    assert (len(script.requests), credential.count) == (1, 1)


class PairTransport(httpx.AsyncBaseTransport):
    """Responds to the requests for the images and for the cluster, but only once both have arrived."""

    def __init__(self) -> None:
        self._both = asyncio.Barrier(2)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await self._both.wait()
        extensions = {"value": [{"languageExtensionName": "PYTHON", "languageExtensionImageName": "Python3_11_7"}]}
        document = {"id": "x", "properties": {"languageExtensions": extensions}, "value": [image_resource()]}
        content = httpx.ByteStream(json.dumps(document).encode())
        return httpx.Response(200, headers={"content-type": "application/json"}, stream=content)


async def test_images_and_the_active_one_are_read_at_the_same_time() -> None:
    async with (
        asyncio.timeout(5),
        ImagesClient(TARGET, CountingCredential(), transport=PairTransport()) as client,
    ):
        images, active = await client.list_with_active()
    assert [image.name for image in images] == ["img"]
    assert active == ActiveImage("Python3_11_7")


@pytest.mark.slow
async def test_endless_list_raises_unreachable() -> None:
    script = ScriptedTransport(default=lambda request: next_page(request, []))
    async with open_client(script) as client:
        with pytest.raises(UnreachableError, match=f"{MAX_PAGES} pages"):
            await client.list()
    assert len(script.requests) == MAX_PAGES


def next_page(request: httpx.Request, images: list[Any]) -> Outcome:
    """Return a page that links to another one, whose URL was not used before."""
    number = int(request.url.params.get("page", "0")) + 1
    return make_response({"value": images, "nextLink": f"{LIST_URL}&page={number}"})


@pytest.mark.parametrize("links", [[LIST_URL], [f"{LIST_URL}&p=1", f"{LIST_URL}&p=2", f"{LIST_URL}&p=1"]])
async def test_repeated_next_link_raises_at_once(links: list[str]) -> None:
    script = ScriptedTransport(*(make_response({"value": [], "nextLink": link}) for link in links))
    async with open_client(script) as client:
        with pytest.raises(UnreachableError, match="an earlier one"):
            await client.list()
    assert script.unused_steps == 0


@pytest.mark.slow
async def test_list_of_large_pages_raises_when_they_exceed_64_mb() -> None:
    large = image_resource()
    large["properties"]["requirementsFileContent"] = "#" * (7 << 20)
    script = ScriptedTransport(default=lambda request: next_page(request, [large]))
    async with open_client(script) as client:
        with pytest.raises(UnreachableError, match="larger than 64 MB"):
            await client.list()
    assert len(script.requests) == 10


@pytest.mark.parametrize(
    "document", [[], {}, None, {"value": None}, {"value": {}}, {"value": [None]}, {"value": [{}]}, {"value": ["x"]}]
)
async def test_malformed_list_raises_unreachable(document: object) -> None:
    async with open_client(ScriptedTransport(default=make_response(document))) as client:
        with pytest.raises(UnreachableError, match="cannot be read"):
            await client.list()


# ── invalid names ───────────────────────────────────────────────────────────────────────────────────────────────────

CALLS: dict[str, Callable[[ImagesClient, str], Any]] = {
    "build": lambda client, name: client.create_or_update_stream(name, SPEC),
    "delete": lambda client, name: client.delete_stream(name),
    "get": lambda client, name: client.get(name),
    "resume": lambda client, name: resume_named(client.target, Action.BUILD, name),
}


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../..", "a?b", "a#b", "%2e%2e", "a\r\nb", " a", "x" * 500])
@pytest.mark.parametrize("call", CALLS)
async def test_invalid_name_raises_before_any_request_or_token(call: str, name: str) -> None:
    script = ScriptedTransport()
    credential = CountingCredential()
    async with open_client(script, credential) as client:
        with pytest.raises(InvalidInputError, match="image name"):
            await _await_or_collect(CALLS[call](client, name))
    assert (script.requests, credential.count) == ([], 0)


async def test_name_outside_the_rule_is_built_only_if_the_image_exists() -> None:
    missing = ScriptedTransport(error_response(404, "ResourceNotFound"))
    async with open_client(missing) as client:
        with pytest.raises(InvalidInputError, match="'my image'") as refused:
            await collect(client.create_or_update_stream("my image", SPEC))
    assert [problem.field for problem in refused.value.problems] == ["image name"]
    existing = ScriptedTransport(IMAGE_SUCCEEDED, created_response(), STATUS_SUCCEEDED, IMAGE_SUCCEEDED)
    async with open_client(existing) as client:
        assert phases(await collect(client.create_or_update_stream("my image", SPEC)))[-1] is BuildState.SUCCEEDED
    url = IMAGE_URL.replace("/img?", "/my%20image?")
    assert missing.request_lines == [f"GET {url}"]
    assert existing.request_lines[:2] == [f"GET {url}", f"PUT {url}"]


async def _await_or_collect(result: Any) -> None:
    if isinstance(result, AsyncIterator):
        await collect(result)
    else:
        await result
