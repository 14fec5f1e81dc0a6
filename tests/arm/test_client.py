"""The client against scripted answers: what is sent when, and what comes of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from support.answers import (
    CREATING,
    DONE,
    ENDPOINT,
    EVIL,
    FOREIGN,
    HTML,
    IMAGE_URL,
    LIST_URL,
    LOCATION_URL,
    POLL_URL,
    RUNNING,
    SPEC,
    THERE,
    answer,
    begun,
    failed,
    image,
    status,
)
from support.wire import FAULTS, RESET, Credential, Outcome, ScriptedTransport, built, deleted, every, opened, phases

from kusto_magic.arm.client import ImagesClient
from kusto_magic.arm.operation import NOTE_SENT_TWICE
from kusto_magic.arm.poll_schedule import MAX_DELAY, MIN_DELAY
from kusto_magic.arm.requests import MAX_ATTEMPTS, MAX_READ_ATTEMPTS
from kusto_magic.errors import (
    BuildFailed,
    Conflict,
    Forbidden,
    InvalidInput,
    KustoImageError,
    NotFound,
    ServiceError,
    StatusUnreadable,
    Unreachable,
    UntrustedAddress,
)
from kusto_magic.models.action import Action, Phase

BUSY = {"code": "ServiceIsInMaintenance", "message": "[Conflict] Cluster 'c' is in process of maintenance."}

pytestmark = pytest.mark.asyncio


# ── the usual way ────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_build_as_it_was_seen() -> None:
    script = ScriptedTransport(begun(), RUNNING, RUNNING, DONE, THERE)
    seen = await built(script)
    assert phases(seen) == [
        Phase.SUBMITTING, Phase.BUILDING, Phase.BUILDING, Phase.BUILDING, Phase.CONFIRMING, Phase.SUCCEEDED
    ]  # fmt: skip
    assert script.lines == [f"PUT {IMAGE_URL}", *[f"GET {POLL_URL}"] * 3, f"GET {IMAGE_URL}"]
    assert seen[-1].image is not None
    assert seen[-1].image.requirements == "Pillow"


async def test_without_a_word_from_the_service_our_own_schedule_is_kept() -> None:
    """Without experience the waits only grow, between 0.5 and 30 seconds; the confirmation comes at once."""
    script = ScriptedTransport(begun(), *[RUNNING] * 400, DONE, THERE)
    await built(script)
    *waits, last = script.clock.slept
    assert MIN_DELAY <= min(waits) < max(waits) <= MAX_DELAY
    assert waits == sorted(waits)
    assert last == 0.0


async def test_nothing_is_sent_before_the_first_operation_was_seen() -> None:
    script = ScriptedTransport()
    async with opened(script) as client:
        first = await anext(aiter(client.build("img", SPEC)))
    assert (first.phase, first.poll_url) == (Phase.SUBMITTING, "")
    assert script.asked == []


async def test_a_failed_build_comes_with_the_services_words() -> None:
    seen = await built(
        ScriptedTransport(begun(), RUNNING, status("Failed", error={"code": "Bad", "message": "no such package"}))
    )
    with pytest.raises(BuildFailed, match="Bad: no such package"):
        seen[-1].raise_for_failure()


async def test_a_deletion_as_it_was_seen() -> None:
    first = answer(b"", 202, {"location": LOCATION_URL, "azure-asyncoperation": POLL_URL})
    script = ScriptedTransport(first, RUNNING, DONE)
    assert phases(await deleted(script)) == [Phase.SUBMITTING, Phase.DELETING, Phase.DELETING, Phase.SUCCEEDED]
    assert script.lines == [f"DELETE {IMAGE_URL}", *[f"GET {POLL_URL}"] * 2]
    assert script.asked[0].body == b""


async def test_a_deletion_of_nothing() -> None:
    with pytest.raises(NotFound):
        await deleted(ScriptedTransport(failed(404, "ResourceNotFound")))
    assert (await deleted(ScriptedTransport(answer(b"", 204))))[-1].phase is Phase.SUCCEEDED
    assert (await deleted(ScriptedTransport(RESET, failed(404))))[-1].phase is Phase.SUCCEEDED


async def test_an_image_made_anew_while_it_is_deleted_ends_the_wait() -> None:
    script = ScriptedTransport(answer(b"", 202), answer(image("Deleting")), forever=THERE)
    with pytest.raises(StatusUnreadable, match="still there"):
        await deleted(script)
    assert len(script.asked) < 12


# ── rule 11: a request that is repeated ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
async def test_a_put_is_sent_again_while_nobody_answers_properly(fault: Outcome) -> None:
    script = ScriptedTransport(fault, fault, begun(), DONE, THERE)
    seen = await built(script)
    assert seen[-1].phase is Phase.SUCCEEDED
    assert {asked.body for asked in script.asked[:3]} == {SPEC.to_body()}
    assert script.times[:3] == [0.0, 1.0, 3.0]
    assert seen[1].repeated
    assert "sent again" in seen[1].note


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
async def test_a_conflict_after_a_repetition_is_decided_by_the_image(fault: Outcome) -> None:
    script = ScriptedTransport(fault, failed(409, "RequestConflict"), failed(404), CREATING, THERE)
    seen = await built(script)
    assert (seen[-1].phase, seen[-1].note) == (Phase.SUCCEEDED, NOTE_SENT_TWICE)
    assert script.lines == [*[f"PUT {IMAGE_URL}"] * 2, *[f"GET {IMAGE_URL}"] * 3]


async def test_an_adopted_build_that_fails_has_failed() -> None:
    seen = await built(ScriptedTransport(RESET, failed(409), CREATING, answer(image("Failed"))))
    assert seen[-1].phase is Phase.FAILED


async def test_an_adopted_build_that_is_somebody_elses_is_not_ours() -> None:
    with pytest.raises(StatusUnreadable, match="other requirements"):
        await built(ScriptedTransport(RESET, failed(409), answer(image(requirementsFileContent="numpy"))))


async def test_a_conflict_of_a_single_request_is_a_conflict() -> None:
    with pytest.raises(Conflict):
        await built(ScriptedTransport(failed(409)))
    with pytest.raises(Conflict):  # 429 was no arrival: nothing of ours can be running
        await built(ScriptedTransport(failed(429), failed(409)))


async def test_a_collision_after_a_repetition_follows_the_first_request() -> None:
    script = ScriptedTransport(failed(504), begun(), status("Failed", error=BUSY), CREATING, THERE)
    seen = await built(script)
    assert (seen[-1].phase, seen[-1].note) == (Phase.SUCCEEDED, NOTE_SENT_TWICE)


async def test_a_collision_of_a_single_request_is_a_failure() -> None:
    seen = await built(ScriptedTransport(failed(429), begun(), status("Failed", error=BUSY)))
    assert seen[-1].phase is Phase.FAILED


async def test_a_request_that_nobody_answers_is_given_up() -> None:
    script = ScriptedTransport(forever=RESET)
    with pytest.raises(Unreachable):
        await built(script)
    assert len(script.asked) == MAX_ATTEMPTS
    script = ScriptedTransport(forever=failed(503, "Busy"))
    with pytest.raises(ServiceError, match="Busy"):
        await built(script)
    assert len(script.asked) == MAX_ATTEMPTS


@pytest.mark.parametrize(
    ("code", "error"), [(400, ServiceError), (403, Forbidden), (404, NotFound), (307, ServiceError)]
)
async def test_a_put_that_is_refused_is_not_repeated(code: int, error: type[ServiceError]) -> None:
    script = ScriptedTransport(failed(code, headers={"location": EVIL}))
    with pytest.raises(error):
        await built(script)
    assert len(script.asked) == 1


async def test_a_question_that_nobody_answers_is_given_up_soon() -> None:
    script = ScriptedTransport(forever=RESET)
    async with opened(script) as client:
        with pytest.raises(Unreachable):
            await client.list()
    assert len(script.asked) == MAX_READ_ATTEMPTS
    assert sum(script.clock.slept) <= 5


# ── get and list ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_get() -> None:
    script = ScriptedTransport(failed(503), RESET, THERE)
    async with opened(script) as client:
        assert (await client.get("img")).name == "img"
    assert script.lines == [f"GET {IMAGE_URL}"] * 3


@pytest.mark.parametrize(
    ("step", "error"),
    [
        (failed(404), NotFound),
        (failed(403), Forbidden),
        (failed(302), ServiceError),
        (HTML, Unreachable),
        (answer(b""), Unreachable),
        (answer([]), Unreachable),
        (answer({"error": {}}), Unreachable),
    ],
)
async def test_what_get_may_meet(step: Outcome, error: type[KustoImageError]) -> None:
    async with opened(ScriptedTransport(step)) as client:
        with pytest.raises(error) as caught:
            await client.get("img")
    assert caught.value.next_step


async def test_list_goes_through_the_pages() -> None:
    second = f"{LIST_URL}&$skiptoken=a b"
    script = ScriptedTransport(
        answer({"value": [image()], "nextLink": second}),
        answer({"value": [], "nextLink": "/relative?x=1"}),
        answer({"value": [{**image(), "name": "kustoCluster/other"}], "nextLink": None}),
    )
    async with opened(script) as client:
        assert [it.name for it in await client.list()] == ["img", "other"]
    assert script.lines == [f"GET {LIST_URL}", f"GET {second.replace(' ', '%20')}", f"GET {ENDPOINT}/relative?x=1"]


@pytest.mark.parametrize("link", ["", 5, True, [], {}, {"uri": EVIL}])
async def test_a_next_link_that_is_none_ends_the_list(link: object) -> None:
    async with opened(ScriptedTransport(answer({"value": [], "nextLink": link}))) as client:
        assert await client.list() == []


@pytest.mark.parametrize("url", FOREIGN)
async def test_a_foreign_next_link_gets_nothing(url: str) -> None:
    script = ScriptedTransport(answer({"value": [], "nextLink": url}))
    credential = Credential()
    async with opened(script, credential) as client:
        with pytest.raises(UntrustedAddress):
            await client.list()
    assert (len(script.asked), credential.count) == (1, 1)


async def test_a_list_without_an_end_is_given_up() -> None:
    script = ScriptedTransport(forever=answer({"value": [], "nextLink": LIST_URL}))
    async with opened(script) as client:
        with pytest.raises(Unreachable, match="does not end"):
            await client.list()
    assert len(script.asked) == 1000


@pytest.mark.parametrize(
    "document", [[], {}, None, {"value": None}, {"value": {}}, {"value": [None]}, {"value": [{}]}, {"value": ["x"]}]
)
async def test_a_list_that_cannot_be_read(document: object) -> None:
    async with opened(ScriptedTransport(answer(document))) as client:
        with pytest.raises(Unreachable, match="cannot be read"):
            await client.list()


# ── bad names ────────────────────────────────────────────────────────────────────────────────────────────────────

CALLS: dict[str, Callable[[ImagesClient, str], Any]] = {
    "build": lambda client, name: client.build(name, SPEC),
    "delete": lambda client, name: client.delete(name),
    "get": lambda client, name: client.get(name),
    "resume": lambda client, name: client.resume(Action.BUILD, name),
}


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../..", "a?b", "a#b", "%2e%2e", "a\r\nb", "a b", "x" * 500])
@pytest.mark.parametrize("call", CALLS)
async def test_a_bad_name_is_refused_with_no_request_and_no_token(call: str, name: str) -> None:
    script = ScriptedTransport()
    credential = Credential()
    async with opened(script, credential) as client:
        with pytest.raises(InvalidInput, match="image name"):
            await _awaited(CALLS[call](client, name))
    assert (script.asked, credential.count) == ([], 0)


async def _awaited(result: Any) -> None:
    if isinstance(result, AsyncIterator):
        await every(result)
    else:
        await result
