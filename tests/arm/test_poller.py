"""The client while it follows an operation: waits, outages, limits, interrupts, addresses it must not ask."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest
from support.answers import (
    CREATING,
    DONE,
    ENDPOINT,
    EVIL,
    FOREIGN,
    HTML,
    IMAGE_URL,
    LOCATION_URL,
    POLL_URL,
    RUNNING,
    SPEC,
    THERE,
    answer,
    begun,
    failed,
    image,
)
from support.wire import (
    FAULTS,
    REFUSED,
    RESET,
    Credential,
    Outcome,
    ScriptedTransport,
    built,
    every,
    followed,
    opened,
    phases,
    whole_chain,
)

from kusto_magic.arm.client import DEFAULT_TIMEOUT
from kusto_magic.arm.operation import Operation
from kusto_magic.arm.poll_schedule import DurationEstimate
from kusto_magic.errors import (
    PollTimeout,
    SignInFailed,
    StatusUnreadable,
    Throttled,
    UntrustedAddress,
)
from kusto_magic.models.action import Action, Phase

pytestmark = pytest.mark.asyncio


# ── rule 10: Retry-After ─────────────────────────────────────────────────────────────────────────────────────────


async def test_too_many_requests_wait_as_long_as_is_asked_for() -> None:
    script = ScriptedTransport(
        failed(429, headers={"retry-after": "17"}),
        answer(image("Creating"), 201, {"azure-asyncoperation": POLL_URL, "retry-after": "5"}),
        failed(429, headers={"retry-after": "40"}),
        failed(503, headers={"x-ms-retry-after-ms": "2500"}),
        DONE,
        THERE,
    )  # fmt: skip
    assert (await built(script))[-1].phase is Phase.SUCCEEDED
    assert script.times == [0.0, 17.0, 22.0, 62.0, 64.5, 64.5]
    assert max(script.clock.slept) <= 600


async def test_throttling_that_does_not_end_is_said_so() -> None:
    with pytest.raises(Throttled):
        await built(ScriptedTransport(forever=failed(429)))


# ── rule 5: outages while following ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("seconds", [90, 300, 1800])
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
async def test_an_outage_is_survived(fault: Outcome, seconds: float) -> None:
    script = ScriptedTransport(begun(), RUNNING)
    outage = script.until(seconds, fault, DONE)
    script.forever = lambda request: THERE if str(request.url) == IMAGE_URL else outage(request)
    seen = await built(script)
    assert seen[-1].phase is Phase.SUCCEEDED
    assert script.clock.passed >= seconds
    assert script.clock.passed < seconds + 61
    assert len(script.asked) < 20 + seconds / 30


async def test_an_outage_is_told_while_it_lasts() -> None:
    seen = await built(ScriptedTransport(begun(), REFUSED, failed(503), RUNNING, DONE, THERE))
    assert [operation.poll_error for operation in seen[1:5]] == [
        "", "management.azure.com cannot be reached (connection refused)", "HTTP 503", ""
    ]  # fmt: skip


async def test_an_outage_of_the_sign_in_is_survived_too() -> None:
    """Where there is no network there is no new token either; a build of an hour outlives a token."""
    script = ScriptedTransport(begun(), RUNNING)
    credential = Credential(script.clock, life=10)
    script.forever = lambda _: DONE if script.lines[-1].endswith("HASHxyz") else THERE
    async with opened(script, credential) as client:
        following = aiter(client.build("img", SPEC))
        seen = [await anext(following) for _ in range(3)]
        script.clock.move(60)
        credential.fault = OSError("network is unreachable")
        seen += [await anext(following) for _ in range(10)]
        assert "unreachable" in seen[-1].poll_error
        credential.fault = None
        seen += await every(following)
    assert (seen[-1].phase, seen[-1].poll_error) == (Phase.SUCCEEDED, "")


async def test_a_sign_in_that_fails_from_the_start_is_said_at_once() -> None:
    script = ScriptedTransport()
    credential = Credential()
    credential.fault = RuntimeError("please run az login")
    with pytest.raises(SignInFailed):
        await built(script, credential)
    async with opened(script, credential) as client:
        with pytest.raises(SignInFailed) as caught:
            await every(client.poll(client.resume(Action.BUILD, "img")))
    assert caught.value.operation.poll_url == IMAGE_URL
    assert script.asked == []


async def test_a_refused_token_is_renewed_once_while_following() -> None:
    script = ScriptedTransport(begun(), answer(b"", 401), DONE, THERE)
    assert (await built(script))[-1].phase is Phase.SUCCEEDED
    assert [asked.token for asked in script.asked] == ["token-1", "token-1", "token-2", "token-2"]
    assert script.asked[1].url == script.asked[2].url


@pytest.mark.parametrize("refused", [[failed(401)] * 2, [failed(400)], [failed(403)]], ids=["401", "400", "403"])
async def test_a_refused_reading_is_an_error_at_once_and_can_be_taken_up(refused: list[Outcome]) -> None:
    script = ScriptedTransport(begun(), *refused)
    with pytest.raises(StatusUnreadable) as caught:
        await built(script)
    assert caught.value.operation.poll_url == POLL_URL
    assert script.unused == 0


# ── rules 4, 6, 7, 8 ─────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_newest_address_is_asked_relative_or_not() -> None:
    renewed = answer({"status": "Running"}, 200, {"azure-asyncoperation": "/subscriptions/s/second?x=1"})
    script = ScriptedTransport(begun("/subscriptions/s/first?x=1"), renewed, DONE, THERE)
    await built(script)
    assert [line.removeprefix(f"GET {ENDPOINT}") for line in script.lines[1:3]] == [
        "/subscriptions/s/first?x=1", "/subscriptions/s/second?x=1"
    ]  # fmt: skip


async def test_a_final_look_that_lags_is_repeated() -> None:
    script = ScriptedTransport(begun(), DONE, failed(404), CREATING, failed(404), HTML, THERE)
    seen = await built(script)
    assert phases(seen)[2:] == [Phase.CONFIRMING] * 5 + [Phase.SUCCEEDED]


FINAL: dict[str, tuple[Outcome, Phase, str]] = {
    "Failed": (answer(image("Failed")), Phase.FAILED, ""),
    "Canceled": (answer(image("Canceled")), Phase.CANCELED, ""),
    "without a state": (answer(image(None)), Phase.SUCCEEDED, ""),
    "with another text": (answer(image(requirementsFileContent="numpy")), Phase.SUCCEEDED, "other requirements"),
}


@pytest.mark.parametrize(("final", "phase", "note"), FINAL.values(), ids=FINAL.keys())
async def test_the_image_has_the_last_word(final: Outcome, phase: Phase, note: str) -> None:
    seen = await built(ScriptedTransport(begun(), DONE, final))
    assert seen[-1].phase is phase
    assert note in seen[-1].note


async def test_an_image_that_never_comes_ends_the_following() -> None:
    script = ScriptedTransport(begun(), DONE, forever=failed(404))
    with pytest.raises(StatusUnreadable, match="not there"):
        await built(script)
    assert 60 < script.clock.passed < 1800


async def test_a_record_that_is_gone_is_replaced_by_the_image() -> None:
    script = ScriptedTransport(begun(), *[failed(404)] * 3, CREATING, THERE)
    assert (await built(script))[-1].phase is Phase.SUCCEEDED
    assert script.lines[-2:] == [f"GET {IMAGE_URL}"] * 2


@pytest.mark.parametrize("last", [answer(b""), answer(image()), answer(b"", 204)])
async def test_by_location(last: Outcome) -> None:
    script = ScriptedTransport(
        answer(image("Creating"), 201, {"location": LOCATION_URL}), answer(b"", 202), last, THERE
    )
    assert (await built(script))[-1].phase is Phase.SUCCEEDED
    assert script.lines[1:3] == [f"GET {LOCATION_URL}"] * 2


async def test_answers_that_cannot_be_read_end_the_following_and_not_the_build() -> None:
    script = ScriptedTransport(begun(), forever=HTML)
    with pytest.raises(StatusUnreadable) as caught:
        await built(script)
    script = ScriptedTransport(DONE, THERE)
    async with opened(script) as client:
        assert (await every(client.poll(caught.value.operation)))[-1].phase is Phase.SUCCEEDED


# ── rules 12 and 13: limits and clocks ───────────────────────────────────────────────────────────────────────────


async def test_an_operation_that_never_ends_is_left_after_four_hours_and_can_be_taken_up() -> None:
    script = ScriptedTransport(begun(), forever=RUNNING)
    with pytest.raises(PollTimeout, match="after 4 hours; it goes on in Azure") as caught:
        await built(script)
    assert script.clock.passed == DEFAULT_TIMEOUT == 4 * 3600
    assert caught.value.operation.poll_url == POLL_URL
    assert caught.value.next_step == "%kusto_image attach img"
    assert len(script.asked) < 1500  # one in ten seconds


@pytest.mark.parametrize(("limit", "words"), [(600, "10 minutes"), (90, "1.5 minutes"), (5400, "1.5 hours")])
async def test_the_limit_can_be_set_and_counts_from_the_first_request(limit: float, words: str) -> None:
    script = ScriptedTransport(RESET, RESET, begun(), forever=RUNNING)
    with pytest.raises(PollTimeout, match=words):
        await built(script, timeout=limit)
    assert script.clock.passed == limit


@pytest.mark.parametrize(
    "forever", [RESET, failed(503), failed(429, headers={"retry-after": "600"}), answer(image("X"))]
)
async def test_the_limit_holds_whatever_the_answers(forever: Outcome) -> None:
    script = ScriptedTransport(forever=forever)
    with pytest.raises(PollTimeout):
        await followed(script, timeout=1000)
    assert script.clock.passed == 1000


@pytest.mark.parametrize("skew", [timedelta(days=-900), timedelta(days=900)])
async def test_a_clock_that_is_set_ends_nothing(skew: timedelta) -> None:
    def jump(_: httpx.Request) -> Outcome:
        script.clock.skew = skew
        return RUNNING

    script = ScriptedTransport(begun(), jump, RUNNING, DONE, THERE)
    assert (await built(script))[-1].phase is Phase.SUCCEEDED


# ── rule 14: interrupts ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("request_number", range(5))
async def test_not_one_more_request_after_an_interrupt(request_number: int) -> None:
    answers: list[Outcome] = [RESET, begun(), failed(503), DONE, THERE]

    def interrupted(_: httpx.Request) -> Outcome:
        task.cancel()
        return answers[request_number]

    script = ScriptedTransport(*answers[:request_number], interrupted)
    task = asyncio.create_task(built(script))
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(script.asked) == request_number + 1


async def test_whoever_stops_iterating_stops_following() -> None:
    script = ScriptedTransport(begun(), RUNNING)
    async with opened(script) as client:
        async for operation in client.build("img", SPEC):
            if operation.status == "Running":
                break
    assert len(script.asked) == 2


# ── foreign addresses ────────────────────────────────────────────────────────────────────────────────────────────


def _named(header: str, url: str) -> dict[str, list[Outcome]]:
    later: dict[str, Outcome] = {
        "azure-asyncoperation": answer({"status": "Running"}, 200, {header: url}),
        "location": answer(b"", 202, {header: url}),
    }
    good = {"azure-asyncoperation": POLL_URL, "location": LOCATION_URL}[header]
    first = answer(image("Creating"), 201, {header: good})
    return {"at first": [answer(image("Creating"), 201, {header: url})], "later": [first, later[header]]}


@pytest.mark.parametrize("when", ["at first", "later"])
@pytest.mark.parametrize("header", ["azure-asyncoperation", "location"])
@pytest.mark.parametrize("url", FOREIGN)
async def test_a_foreign_address_gets_nothing_and_the_build_is_not_lost(url: str, header: str, when: str) -> None:
    steps = _named(header, url)[when]
    script = ScriptedTransport(*steps)
    credential = Credential(script.clock)
    with pytest.raises(UntrustedAddress) as caught:
        await built(script, credential)
    assert (len(script.asked), credential.count) == (len(steps), 1)
    assert all(line.startswith(("PUT https://management.azure.com/", f"GET {ENDPOINT}/")) for line in script.lines)

    again = ScriptedTransport(CREATING, THERE)
    async with opened(again) as client:
        assert (await every(client.poll(caught.value.operation)))[-1].phase is Phase.SUCCEEDED
    assert again.lines == [f"GET {IMAGE_URL}"] * 2


@pytest.mark.parametrize(
    ("steps", "addresses"),
    [
        ([begun(EVIL)], [""]),
        ([begun(), answer({"status": "Running"}, 200, {"azure-asyncoperation": EVIL})], ["", POLL_URL]),
    ],
    ids=["at first", "later"],
)
async def test_no_operation_that_is_seen_holds_a_foreign_address(steps: list[Outcome], addresses: list[str]) -> None:
    """Whoever keeps what is seen, to take it up again, keeps no foreign address."""
    seen: list[Operation] = []
    async with opened(ScriptedTransport(*steps)) as client:
        with pytest.raises(UntrustedAddress):
            await _collect(client.build("img", SPEC), seen)
    assert [operation.poll_url for operation in seen] == addresses


async def _collect(operations: AsyncIterator[Operation], into: list[Operation]) -> None:
    async for operation in operations:
        into.append(operation)  # noqa: PERF401 - what was seen before an error counts


@pytest.mark.parametrize("url", [*FOREIGN, "garbage", "https://[", "x" * 1_000_000])
async def test_a_kept_address_that_is_foreign_is_refused_before_a_token_is_asked_for(url: str) -> None:
    script = ScriptedTransport()
    credential = Credential()
    async with opened(script, credential) as client:
        with pytest.raises(UntrustedAddress) as caught:
            await every(client.poll(client.resume(Action.BUILD, "img", url)))
    assert (script.asked, credential.count) == ([], 0)
    assert caught.value.operation.poll_url == IMAGE_URL


async def test_no_error_shows_or_holds_the_signature_or_a_token() -> None:
    for step in (failed(403, message=f"see {POLL_URL}"), HTML):
        with pytest.raises(StatusUnreadable) as caught:
            await built(ScriptedTransport(begun(), forever=step))
        said = whole_chain(caught.value)
        assert "SIGNATURE" not in said
        assert "token-1" not in said


# ── resuming ─────────────────────────────────────────────────────────────────────────────────────────────────────

KEPT = POLL_URL.partition("&t=")[0]


async def test_a_build_is_taken_up_by_its_kept_address_at_once() -> None:
    script = ScriptedTransport(RUNNING, DONE, THERE)
    assert (await followed(script, KEPT))[-1].phase is Phase.SUCCEEDED
    assert script.lines[0] == f"GET {KEPT}"
    assert script.times[0] == 0.0


@pytest.mark.parametrize("refused", [failed(400), failed(403), failed(404)])
async def test_a_kept_address_that_is_refused_gives_way_to_the_image(refused: Outcome) -> None:
    script = ScriptedTransport(refused, THERE)
    assert (await followed(script, KEPT))[-1].phase is Phase.SUCCEEDED
    assert script.lines == [f"GET {KEPT}", f"GET {IMAGE_URL}"]


async def test_a_deletion_is_taken_up_by_the_image() -> None:
    assert (await followed(ScriptedTransport(failed(404)), action=Action.DELETE))[-1].phase is Phase.SUCCEEDED


async def test_what_has_ended_is_not_followed() -> None:
    ended = (await built(ScriptedTransport(begun(), DONE, THERE)))[-1]
    script = ScriptedTransport()
    async with opened(script) as client:
        assert await every(client.poll(ended)) == []


async def test_what_had_gone_on_before_is_asked_as_often_as_it_would_have_been() -> None:
    usual = DurationEstimate(300, 330, 3, "this cluster", (300.0, 315.0, 330.0))

    async def first_wait(ahead: float) -> float:
        script = ScriptedTransport(RUNNING, forever=DONE)
        async with opened(script) as client:
            following = client.poll(
                client.resume(Action.BUILD, "img", POLL_URL, SPEC), estimate=usual, already_elapsed=ahead
            )
            await anext(following)
            await anext(following)
        return script.times[1] - script.times[0]

    assert await first_wait(310) < await first_wait(0) / 3
