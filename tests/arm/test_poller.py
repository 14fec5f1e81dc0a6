"""Polling: delays, outages, timeouts, cancellation, and URLs that must not be requested."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest
from support.arm_responses import (
    ENDPOINT,
    HTML_RESPONSE,
    IMAGE_CREATING,
    IMAGE_SUCCEEDED,
    IMAGE_URL,
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
    from_service,
    image_resource,
    make_response,
)
from support.clock import START
from support.scripted_transport import (
    CONNECTION_REFUSED,
    CONNECTION_RESET,
    FAULTS,
    CountingCredential,
    Outcome,
    ScriptedTransport,
    collect,
    exception_chain_text,
    open_client,
    phases,
    run_build,
    run_poll,
)

from kusto_magic.arm.operation import Operation
from kusto_magic.arm.operation_start import resume_named
from kusto_magic.arm.poll_schedule import DurationEstimate
from kusto_magic.errors import (
    PollTimeoutError,
    SignInError,
    StatusUnreadableError,
    ThrottledError,
    UntrustedAddressError,
)
from kusto_magic.hints import Hint, HintKind
from kusto_magic.models.action import Action
from kusto_magic.models.build_state import BuildState
from kusto_magic.settings import DEFAULT_TIMEOUT

pytestmark = pytest.mark.asyncio


# ── rule 10: Retry-After ────────────────────────────────────────────────────────────────────────────────────────────


async def test_429_waits_for_retry_after() -> None:
    script = ScriptedTransport(
        error_response(429, headers={"retry-after": "17"}),
        make_response(image_resource("Creating"), 201, {"azure-asyncoperation": POLL_URL, "retry-after": "5"}),
        error_response(429, headers={"retry-after": "40"}),
        error_response(503, headers={"x-ms-retry-after-ms": "2500"}),
        STATUS_SUCCEEDED,
        IMAGE_SUCCEEDED,
    )  # fmt: skip
    assert (await run_build(script))[-1].state is BuildState.SUCCEEDED
    assert script.request_times == [0.0, 17.0, 22.0, 62.0, 64.5, 64.5]
    assert max(script.clock.slept) <= 600


async def test_permanent_429_raises_throttled() -> None:
    with pytest.raises(ThrottledError):
        await run_build(ScriptedTransport(default=error_response(429)))


# ── rule 5: outages ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("seconds", [90, 300, 1800])
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
async def test_polling_survives_an_outage(fault: Outcome, seconds: float) -> None:
    script = ScriptedTransport(created_response(), STATUS_RUNNING)
    outage = script.fail_until(seconds, fault, STATUS_SUCCEEDED)
    script.default = lambda request: IMAGE_SUCCEEDED if str(request.url) == IMAGE_URL else outage(request)
    seen = await run_build(script)
    assert seen[-1].state is BuildState.SUCCEEDED
    assert script.clock.passed >= seconds
    assert script.clock.passed < seconds + 61
    assert len(script.requests) < 20 + seconds / 30


async def test_poll_error_is_set_during_an_outage() -> None:
    seen = await run_build(
        ScriptedTransport(
            created_response(),
            CONNECTION_REFUSED,
            error_response(503),
            STATUS_RUNNING,
            STATUS_SUCCEEDED,
            IMAGE_SUCCEEDED,
        )
    )
    before, refused, unavailable, after = (operation.poll_error for operation in seen[1:5])
    assert (before, unavailable, after) == ("", "HTTP 503", "")
    assert "(connection refused)" in refused


async def test_polling_survives_a_sign_in_outage() -> None:
    """Without a network there is no new token either, and a build of an hour outlives a token."""
    script = ScriptedTransport(created_response(), STATUS_RUNNING)
    credential = CountingCredential(script.clock, life=10)
    script.default = lambda _: STATUS_SUCCEEDED if script.request_lines[-1].endswith("HASHxyz") else IMAGE_SUCCEEDED
    async with open_client(script, credential) as client:
        polling = aiter(client.create_or_update_stream("img", SPEC))
        seen = [await anext(polling) for _ in range(3)]
        script.clock.move(60)
        credential.fault = OSError("network is unreachable")
        seen += [await anext(polling) for _ in range(10)]
        assert "unreachable" in seen[-1].poll_error
        credential.fault = None
        seen += await collect(polling)
    assert (seen[-1].state, seen[-1].poll_error) == (BuildState.SUCCEEDED, "")


async def test_sign_in_that_fails_from_the_start_raises() -> None:
    script = ScriptedTransport()
    credential = CountingCredential()
    credential.fault = RuntimeError("please run az login")
    with pytest.raises(SignInError):
        await run_build(script, credential)
    async with open_client(script, credential) as client:
        with pytest.raises(SignInError) as caught:
            await collect(client.poll(resume_named(TARGET, Action.BUILD, "img")))
    assert caught.value.operation is not None
    assert caught.value.operation.poll_url == IMAGE_URL
    assert script.requests == []


async def test_rejected_token_is_renewed_once_while_polling() -> None:
    script = ScriptedTransport(created_response(), make_response(b"", 401), STATUS_SUCCEEDED, IMAGE_SUCCEEDED)
    assert (await run_build(script))[-1].state is BuildState.SUCCEEDED
    assert [request.token for request in script.requests] == ["token-1", "token-1", "token-2", "token-2"]
    assert script.requests[1].url == script.requests[2].url


@pytest.mark.parametrize(
    "refused", [[error_response(401)] * 2, [error_response(400)], [error_response(403)]], ids=["401", "400", "403"]
)
async def test_rejected_poll_raises_and_can_be_resumed(refused: list[Outcome]) -> None:
    script = ScriptedTransport(created_response(), *refused)
    with pytest.raises(StatusUnreadableError) as caught:
        await run_build(script)
    assert caught.value.operation.poll_url == POLL_URL
    assert script.unused_steps == 0


# ── rules 4, 6, 7, 8 ────────────────────────────────────────────────────────────────────────────────────────────────


async def test_newest_url_is_polled_whether_relative_or_not() -> None:
    renewed = make_response({"status": "Running"}, 200, {"azure-asyncoperation": "/subscriptions/s/second?x=1"})
    script = ScriptedTransport(
        created_response("/subscriptions/s/first?x=1"), renewed, STATUS_SUCCEEDED, IMAGE_SUCCEEDED
    )
    await run_build(script)
    assert [line.removeprefix(f"GET {ENDPOINT}") for line in script.request_lines[1:3]] == [
        "/subscriptions/s/first?x=1", "/subscriptions/s/second?x=1"
    ]  # fmt: skip


async def test_lagging_image_is_polled_again() -> None:
    script = ScriptedTransport(
        created_response(),
        STATUS_SUCCEEDED,
        error_response(404),
        IMAGE_CREATING,
        error_response(404),
        HTML_RESPONSE,
        IMAGE_SUCCEEDED,
    )
    seen = await run_build(script)
    assert phases(seen)[2:] == [BuildState.CONFIRMING] * 5 + [BuildState.SUCCEEDED]


FINAL: dict[str, tuple[Outcome, BuildState, str]] = {
    "Failed": (make_response(image_resource("Failed")), BuildState.FAILED, ""),
    "Canceled": (make_response(image_resource("Canceled")), BuildState.CANCELED, ""),
    "without a state": (make_response(image_resource(None)), BuildState.SUCCEEDED, ""),
    "with another text": (
        make_response(image_resource(requirementsFileContent="numpy")),
        BuildState.SUCCEEDED,
        "requirements",
    ),
}


@pytest.mark.parametrize(("final", "phase", "differences"), FINAL.values(), ids=FINAL.keys())
async def test_image_state_determines_the_result(final: Outcome, phase: BuildState, differences: str) -> None:
    seen = await run_build(ScriptedTransport(created_response(), STATUS_SUCCEEDED, final))
    assert seen[-1].state is phase
    assert " and ".join(seen[-1].differences) == differences


async def test_image_that_stays_404_ends_polling() -> None:
    script = ScriptedTransport(created_response(), STATUS_SUCCEEDED, default=error_response(404))
    with pytest.raises(StatusUnreadableError, match="does not exist"):
        await run_build(script)
    assert 60 < script.clock.passed < 1800


async def test_missing_operation_is_replaced_by_the_image() -> None:
    script = ScriptedTransport(created_response(), *[error_response(404)] * 3, IMAGE_CREATING, IMAGE_SUCCEEDED)
    assert (await run_build(script))[-1].state is BuildState.SUCCEEDED
    assert script.request_lines[-2:] == [f"GET {IMAGE_URL}"] * 2


@pytest.mark.parametrize("last", [make_response(b""), make_response(image_resource()), make_response(b"", 204)])
async def test_location_is_polled_until_done(last: Outcome) -> None:
    script = ScriptedTransport(
        make_response(image_resource("Creating"), 201, {"location": LOCATION_URL}),
        make_response(b"", 202),
        last,
        IMAGE_SUCCEEDED,
    )
    assert (await run_build(script))[-1].state is BuildState.SUCCEEDED
    assert script.request_lines[1:3] == [f"GET {LOCATION_URL}"] * 2


async def test_unreadable_responses_end_polling_and_not_the_build() -> None:
    script = ScriptedTransport(created_response(), default=from_service(make_response([])))
    with pytest.raises(StatusUnreadableError) as caught:
        await run_build(script)
    script = ScriptedTransport(STATUS_SUCCEEDED, IMAGE_SUCCEEDED)
    async with open_client(script) as client:
        assert (await collect(client.poll(caught.value.operation)))[-1].state is BuildState.SUCCEEDED


# ── rules 12 and 13: timeouts and clocks ────────────────────────────────────────────────────────────────────────────


@pytest.mark.slow
async def test_endless_operation_raises_poll_timeout_after_four_hours() -> None:
    script = ScriptedTransport(created_response(), default=STATUS_RUNNING)
    with pytest.raises(PollTimeoutError, match="after 4 hours") as caught:
        await run_build(script)
    assert script.clock.passed == DEFAULT_TIMEOUT == 4 * 3600
    assert caught.value.operation.poll_url == POLL_URL
    assert caught.value.hint == Hint(HintKind.RESUME, "img")
    assert len(script.requests) < 1500  # at most one in ten seconds


@pytest.mark.slow
@pytest.mark.parametrize(("timeout", "text"), [(600, "10 minutes"), (90, "1.5 minutes"), (5400, "1.5 hours")])
async def test_timeout_counts_from_the_first_request(timeout: float, text: str) -> None:
    script = ScriptedTransport(CONNECTION_RESET, CONNECTION_RESET, created_response(), default=STATUS_RUNNING)
    with pytest.raises(PollTimeoutError, match=text):
        await run_build(script, timeout=timeout)
    assert script.clock.passed == timeout


@pytest.mark.parametrize(
    "forever",
    [
        CONNECTION_RESET,
        error_response(503),
        error_response(429, headers={"retry-after": "600"}),
        make_response(image_resource("X")),
    ],
)
async def test_timeout_holds_for_any_response(forever: Outcome) -> None:
    script = ScriptedTransport(default=forever)
    with pytest.raises(PollTimeoutError):
        await run_poll(script, timeout=1000)
    assert script.clock.passed == 1000


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (error_response(503), "HTTP 503"),
        (HTML_RESPONSE, "unreadable response, HTTP 200"),
        (CONNECTION_REFUSED, "management.azure.com cannot be reached (connection refused)"),
    ],
    ids=["503", "page", "network"],
)
async def test_timeout_says_since_when_there_was_no_usable_response(fault: Outcome, reason: str) -> None:
    script = ScriptedTransport(created_response(), *[STATUS_RUNNING] * 10, default=fault)
    with pytest.raises(PollTimeoutError) as caught:
        await run_build(script, timeout=3600)
    since = START + timedelta(seconds=script.request_times[10])
    assert f"since {since:%Y-%m-%d %H:%M} UTC ({reason})" in caught.value.what
    assert "still building" not in caught.value.what, "that is not known"


@pytest.mark.parametrize("failures", [0, 3])
async def test_end_during_a_sleep_of_the_machine_is_seen(failures: int) -> None:
    """The network may need some seconds after the wake-up."""

    def sleep(_: httpx.Request) -> Outcome:
        script.clock.move(8 * 3600)
        return STATUS_RUNNING

    ending: list[Outcome] = [*[CONNECTION_REFUSED] * failures, STATUS_SUCCEEDED, IMAGE_SUCCEEDED]
    script = ScriptedTransport(created_response(), STATUS_RUNNING, sleep, *ending)
    assert (await run_build(script))[-1].state is BuildState.SUCCEEDED


async def test_after_a_sleep_of_the_machine_one_response_is_enough_to_give_up() -> None:
    def sleep(_: httpx.Request) -> Outcome:
        script.clock.move(8 * 3600)
        return STATUS_RUNNING

    script = ScriptedTransport(created_response(), sleep, CONNECTION_REFUSED, STATUS_RUNNING)
    with pytest.raises(PollTimeoutError, match="still building"):
        await run_build(script)
    assert script.unused_steps == 0


async def test_after_a_sleep_of_the_machine_polling_without_a_response_ends() -> None:
    def sleep(_: httpx.Request) -> Outcome:
        script.clock.move(8 * 3600)
        return STATUS_RUNNING

    script = ScriptedTransport(created_response(), sleep, default=CONNECTION_REFUSED)
    with pytest.raises(PollTimeoutError, match="no usable response"):
        await run_build(script)
    assert script.clock.passed < 8 * 3600 + 120


@pytest.mark.parametrize("skew", [timedelta(days=-900), timedelta(days=900)])
async def test_wall_clock_change_does_not_end_polling(skew: timedelta) -> None:
    def jump(_: httpx.Request) -> Outcome:
        script.clock.skew = skew
        return STATUS_RUNNING

    script = ScriptedTransport(created_response(), jump, STATUS_RUNNING, STATUS_SUCCEEDED, IMAGE_SUCCEEDED)
    assert (await run_build(script))[-1].state is BuildState.SUCCEEDED


# ── rule 14: cancellation ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("request_number", range(5))
async def test_no_request_is_sent_after_a_cancellation(request_number: int) -> None:
    responses: list[Outcome] = [
        CONNECTION_RESET,
        created_response(),
        error_response(503),
        STATUS_SUCCEEDED,
        IMAGE_SUCCEEDED,
    ]

    def interrupted(_: httpx.Request) -> Outcome:
        task.cancel()
        return responses[request_number]

    script = ScriptedTransport(*responses[:request_number], interrupted)
    task = asyncio.create_task(run_build(script))
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(script.requests) == request_number + 1


async def test_stopping_the_iteration_stops_polling() -> None:
    script = ScriptedTransport(created_response(), STATUS_RUNNING)
    async with open_client(script) as client:
        async for operation in client.create_or_update_stream("img", SPEC):
            if operation.status == "Running":
                break
    assert len(script.requests) == 2


# ── untrusted URLs ──────────────────────────────────────────────────────────────────────────────────────────────────


def _untrusted_responses(header: str, url: str) -> dict[str, list[Outcome]]:
    later: dict[str, Outcome] = {
        "azure-asyncoperation": make_response({"status": "Running"}, 200, {header: url}),
        "location": make_response(b"", 202, {header: url}),
    }
    good = {"azure-asyncoperation": POLL_URL, "location": LOCATION_URL}[header]
    first = make_response(image_resource("Creating"), 201, {header: good})
    return {
        "at first": [make_response(image_resource("Creating"), 201, {header: url})],
        "later": [first, later[header]],
    }


@pytest.mark.parametrize("when", ["at first", "later"])
@pytest.mark.parametrize("header", ["azure-asyncoperation", "location"])
@pytest.mark.parametrize("url", UNTRUSTED_URLS)
async def test_untrusted_url_is_not_requested_and_the_build_can_be_resumed(url: str, header: str, when: str) -> None:
    steps = _untrusted_responses(header, url)[when]
    script = ScriptedTransport(*steps)
    credential = CountingCredential(script.clock)
    with pytest.raises(UntrustedAddressError) as caught:
        await run_build(script, credential)
    assert (len(script.requests), credential.count) == (len(steps), 1)
    assert all(line.startswith((f"PUT {ENDPOINT}/", f"GET {ENDPOINT}/")) for line in script.request_lines)

    second = ScriptedTransport(IMAGE_CREATING, IMAGE_SUCCEEDED)
    assert caught.value.operation is not None
    async with open_client(second) as client:
        assert (await collect(client.poll(caught.value.operation)))[-1].state is BuildState.SUCCEEDED
    assert second.request_lines == [f"GET {IMAGE_URL}"] * 2


@pytest.mark.parametrize(
    ("steps", "addresses"),
    [
        ([created_response(UNTRUSTED_URL)], [""]),
        (
            [created_response(), make_response({"status": "Running"}, 200, {"azure-asyncoperation": UNTRUSTED_URL})],
            ["", POLL_URL],
        ),
    ],
    ids=["at first", "later"],
)
async def test_yielded_operations_contain_no_untrusted_url(steps: list[Outcome], addresses: list[str]) -> None:
    """The history stores the URL of each yielded operation, so none of them may be untrusted."""
    seen: list[Operation] = []
    async with open_client(ScriptedTransport(*steps)) as client:
        with pytest.raises(UntrustedAddressError):
            await _collect(client.create_or_update_stream("img", SPEC), seen)
    assert [operation.poll_url for operation in seen] == addresses


async def _collect(operations: AsyncIterator[Operation], into: list[Operation]) -> None:
    async for operation in operations:
        into.append(operation)  # noqa: PERF401 - keeps the operations yielded before an error


@pytest.mark.parametrize("url", [*UNTRUSTED_URLS, "garbage", "https://[", "x" * 1_000_000])
async def test_untrusted_stored_url_raises_before_any_request_or_token(url: str) -> None:
    script = ScriptedTransport()
    credential = CountingCredential()
    async with open_client(script, credential) as client:
        with pytest.raises(UntrustedAddressError) as caught:
            await collect(client.poll(resume_named(TARGET, Action.BUILD, "img", url)))
        with pytest.raises(UntrustedAddressError) as with_blank:
            await collect(client.poll(resume_named(TARGET, Action.BUILD, "my image", url)))
    assert (script.requests, credential.count) == ([], 0)
    assert caught.value.operation is not None
    assert caught.value.operation.poll_url == IMAGE_URL
    assert with_blank.value.hint == Hint(HintKind.RESUME, "my image", then=Hint(HintKind.REPORT_ENDPOINT))


async def test_errors_contain_no_signature_and_no_token() -> None:
    for step in (error_response(403, message=f"see {POLL_URL}"), from_service(make_response([]))):
        with pytest.raises(StatusUnreadableError) as caught:
            await run_build(ScriptedTransport(created_response(), default=step))
        text = exception_chain_text(caught.value)
        assert "SIGNATURE" not in text
        assert "token-1" not in text


# ── resuming ────────────────────────────────────────────────────────────────────────────────────────────────────────

STORED_URL = POLL_URL.partition("&t=")[0]


async def test_resumed_build_polls_its_stored_url_at_once() -> None:
    script = ScriptedTransport(STATUS_RUNNING, STATUS_SUCCEEDED, IMAGE_SUCCEEDED)
    assert (await run_poll(script, STORED_URL))[-1].state is BuildState.SUCCEEDED
    assert script.request_lines[0] == f"GET {STORED_URL}"
    assert script.request_times[0] == 0.0


@pytest.mark.parametrize("refused", [error_response(400), error_response(403), error_response(404)])
async def test_rejected_stored_url_is_replaced_by_the_image(refused: Outcome) -> None:
    script = ScriptedTransport(refused, IMAGE_SUCCEEDED)
    assert (await run_poll(script, STORED_URL))[-1].state is BuildState.SUCCEEDED
    assert script.request_lines == [f"GET {STORED_URL}", f"GET {IMAGE_URL}"]


async def test_resumed_delete_polls_the_image() -> None:
    assert (await run_poll(ScriptedTransport(error_response(404)), action=Action.DELETE))[
        -1
    ].state is BuildState.DELETED


async def test_terminal_operation_is_not_polled() -> None:
    ended = (await run_build(ScriptedTransport(created_response(), STATUS_SUCCEEDED, IMAGE_SUCCEEDED)))[-1]
    script = ScriptedTransport()
    async with open_client(script) as client:
        assert await collect(client.poll(ended)) == []


async def test_already_elapsed_shifts_the_schedule() -> None:
    estimate = DurationEstimate(300, 330, 3, "this cluster", (300.0, 315.0, 330.0))

    async def first_delay(already_elapsed: float) -> float:
        script = ScriptedTransport(STATUS_RUNNING, default=STATUS_SUCCEEDED)
        async with open_client(script) as client:
            resumed = resume_named(TARGET, Action.BUILD, "img", POLL_URL, SPEC)
            polling = client.with_options(estimate=estimate, already_elapsed=already_elapsed).poll(resumed)
            await anext(polling)
            await anext(polling)
        return script.request_times[1] - script.request_times[0]

    assert await first_delay(310) < await first_delay(0) / 3
