"""One list answers for several builds on a cluster: how many requests that makes, and what it must not change."""

from __future__ import annotations

import asyncio
import re

import httpx
import pytest
from support.answers import answer, failed
from support.clock import MovableClock
from support.wire import ScriptedTransport, opened

from kusto_magic.arm.client import ImagesClient
from kusto_magic.arm.operation import Operation
from kusto_magic.arm.poller import MAX_LIST_AGE
from kusto_magic.arm.response import ArmResponse
from kusto_magic.arm.shared_listing import RETRY_INTERVAL, ImageListCache
from kusto_magic.errors import Unreachable
from kusto_magic.models.action import Action, Phase
from kusto_magic.models.image import Image

pytestmark = pytest.mark.asyncio

TOOK = 300.0
IMAGES = [f"img-{number}" for number in range(20)]


class Cluster:
    """A cluster on which all images are built at once and take 300 s; `lists` tells how its list answers."""

    def __init__(self, ends: str = "Succeeded") -> None:
        self.script = ScriptedTransport(forever=self._answer)
        self.lists: ArmResponse | None = None
        self.ends = ends

    def _over(self) -> bool:
        return self.script.clock.monotonic() >= TOOK

    def _answer(self, request: httpx.Request) -> ArmResponse:
        path = request.url.path
        if path.endswith("/sandboxCustomImages"):
            shown = [self._image(name) for name in IMAGES]
            return self.lists or answer({"value": shown})
        name = path.rpartition("/")[2]
        if "operationResults" in path:
            return answer({"status": self.ends if self._over() else "Running"})
        return answer(self._image(name))

    def _image(self, name: str) -> dict[str, object]:
        state = self.ends if self._over() else "Creating"
        properties = {"language": "PYTHON", "languageVersion": "3.10.8", "provisioningState": state}
        return {"id": f"/x/{name}", "name": f"cluster/{name}", "properties": properties}

    async def follow(self, images: list[str]) -> list[Operation]:
        async with opened(self.script) as client:
            return await asyncio.gather(*(_end(client, name) for name in images))

    def asked(self, pattern: str) -> int:
        return len([line for line in self.script.lines if re.search(pattern, line)])


async def _end(client: ImagesClient, name: str) -> Operation:
    last = client.resume(Action.BUILD, name, f"{client.target.endpoint}/operationResults/{name}")
    async for operation in client.poll(last):
        last = operation
    return last


async def test_one_alone_asks_for_itself() -> None:
    cluster = Cluster()
    (end,) = await cluster.follow(IMAGES[:1])
    assert end.phase is Phase.SUCCEEDED
    assert not cluster.asked(r"sandboxCustomImages\?")


async def test_twenty_share_lists_and_are_asked_when_they_seem_to_have_ended() -> None:
    cluster = Cluster()
    ends = await cluster.follow(IMAGES)
    assert {end.phase for end in ends} == {Phase.SUCCEEDED}
    assert cluster.asked(r"sandboxCustomImages\?") > 3
    # The first poll (what was kept may be long over), one every two minutes, and the end: not one a turn.
    assert cluster.asked("operationResults") <= len(IMAGES) * (2 + TOOK / MAX_LIST_AGE + 1)
    assert cluster.asked("sandboxCustomImages/img-") == len(IMAGES)


@pytest.mark.parametrize("word", ["Failed", "Canceled"])
async def test_how_it_ended_is_the_operations_word(word: str) -> None:
    ends = await Cluster(word).follow(IMAGES[:3])
    assert [end.phase.value for end in ends] == [word] * 3


OTHER = {"id": "/x/other"}


@pytest.mark.parametrize(
    "lists", [failed(403), failed(500), answer(b"<html>"), answer({"value": []}), answer({"value": [OTHER]})]
)
async def test_without_a_list_each_asks_for_itself(lists: ArmResponse) -> None:
    cluster = Cluster()
    cluster.lists = lists
    ends = await cluster.follow(IMAGES[:3])
    assert {end.phase for end in ends} == {Phase.SUCCEEDED}


async def test_a_list_that_never_changes_hides_no_end() -> None:
    cluster = Cluster()
    stuck = {"id": "/x/img-0", "name": "cluster/img-0", "properties": {"provisioningState": "Creating"}}
    cluster.lists = answer({"value": [stuck, stuck | {"name": "cluster/img-1"}]})
    ends = await cluster.follow(IMAGES[:2])
    assert {end.phase for end in ends} == {Phase.SUCCEEDED}
    assert cluster.script.clock.passed <= TOOK + MAX_LIST_AGE + 60


async def test_no_list_is_asked_for_again_at_once_where_none_can_be_had() -> None:
    asked = 0

    async def ask() -> list[Image]:
        nonlocal asked
        asked += 1
        raise Unreachable("no list", next_step="")

    clock = MovableClock()
    rounds = ImageListCache(clock, ask)
    with rounds.subscribe(), rounds.subscribe():
        for _ in range(3):
            assert await rounds.get("img", 10) is None
            clock.move(11)
        assert asked == 1
        clock.move(RETRY_INTERVAL)
        assert await rounds.get("img", 10) is None
        assert asked == 2
