"""The shared list of a cluster's images: the number of requests, and results that it must not change."""

from __future__ import annotations

import asyncio
import re

import httpx
import pytest
from support.arm_responses import error_response, make_response
from support.clock import MovableClock
from support.scripted_transport import ScriptedTransport, open_client

from kusto_magic.arm.client import ImagesClient
from kusto_magic.arm.operation import Operation
from kusto_magic.arm.operation_start import resume_named
from kusto_magic.arm.poller import MAX_LIST_AGE
from kusto_magic.arm.response import ArmResponse
from kusto_magic.arm.shared_listing import RETRY_INTERVAL, ImageListCache
from kusto_magic.errors import UnreachableError
from kusto_magic.models.action import Action
from kusto_magic.models.build_state import BuildState
from kusto_magic.models.image import Image

pytestmark = pytest.mark.asyncio

DURATION = 300.0
IMAGES = [f"img-{number}" for number in range(20)]


class Cluster:
    """A cluster that builds all images at once, for 300 s; `lists` replaces the response to a list request."""

    def __init__(self, ends: str = "Succeeded") -> None:
        self.script = ScriptedTransport(default=self._answer)
        self.lists: ArmResponse | None = None
        self.ends = ends

    def _has_ended(self) -> bool:
        return self.script.clock.monotonic() >= DURATION

    def _answer(self, request: httpx.Request) -> ArmResponse:
        path = request.url.path
        if path.endswith("/sandboxCustomImages"):
            shown = [self._image(name) for name in IMAGES]
            return self.lists or make_response({"value": shown})
        name = path.rpartition("/")[2]
        if "operationResults" in path:
            return make_response({"status": self.ends if self._has_ended() else "Running"})
        return make_response(self._image(name))

    def _image(self, name: str) -> dict[str, object]:
        state = self.ends if self._has_ended() else "Creating"
        properties = {"language": "PYTHON", "languageVersion": "3.10.8", "provisioningState": state}
        return {"id": f"/x/{name}", "name": f"cluster/{name}", "properties": properties}

    async def poll(self, images: list[str]) -> list[Operation]:
        async with open_client(self.script) as client:
            return await asyncio.gather(*(_poll_until_done(client, name) for name in images))

    def count(self, pattern: str) -> int:
        return len([line for line in self.script.request_lines if re.search(pattern, line)])


async def _poll_until_done(client: ImagesClient, name: str) -> Operation:
    last = resume_named(client.target, Action.BUILD, name, f"{client.target.endpoint}/operationResults/{name}")
    async for operation in client.poll(last):
        last = operation
    return last


async def test_single_build_is_polled_without_a_list() -> None:
    cluster = Cluster()
    (end,) = await cluster.poll(IMAGES[:1])
    assert end.state is BuildState.SUCCEEDED
    assert not cluster.count(r"sandboxCustomImages\?")


@pytest.mark.slow
async def test_twenty_builds_share_lists_until_they_end() -> None:
    cluster = Cluster()
    ends = await cluster.poll(IMAGES)
    assert {end.state for end in ends} == {BuildState.SUCCEEDED}
    assert cluster.count(r"sandboxCustomImages\?") > 3
    # The first poll (a resumed build may have ended), one every two minutes, and the last one.
    assert cluster.count("operationResults") <= len(IMAGES) * (2 + DURATION / MAX_LIST_AGE + 1)
    assert cluster.count("sandboxCustomImages/img-") == len(IMAGES)


@pytest.mark.parametrize("word", ["Failed", "Canceled"])
async def test_final_state_is_read_from_the_operation(word: str) -> None:
    ends = await Cluster(word).poll(IMAGES[:3])
    assert [end.state.value for end in ends] == [word] * 3


OTHER = {"id": "/x/other"}


@pytest.mark.parametrize(
    "lists",
    [
        error_response(403),
        error_response(500),
        make_response(b"<html>"),
        make_response({"value": []}),
        make_response({"value": [OTHER]}),
    ],
)
async def test_builds_are_polled_themselves_without_a_usable_list(lists: ArmResponse) -> None:
    cluster = Cluster()
    cluster.lists = lists
    ends = await cluster.poll(IMAGES[:3])
    assert {end.state for end in ends} == {BuildState.SUCCEEDED}


async def test_stale_list_does_not_hide_the_end() -> None:
    cluster = Cluster()
    creating = {"id": "/x/img-0", "name": "cluster/img-0", "properties": {"provisioningState": "Creating"}}
    cluster.lists = make_response({"value": [creating, creating | {"name": "cluster/img-1"}]})
    ends = await cluster.poll(IMAGES[:2])
    assert {end.state for end in ends} == {BuildState.SUCCEEDED}
    assert cluster.script.clock.passed <= DURATION + MAX_LIST_AGE + 60


async def test_failed_list_is_not_retried_at_once() -> None:
    fetches = 0

    async def fetch() -> list[Image]:
        nonlocal fetches
        fetches += 1
        raise UnreachableError("no list")

    clock = MovableClock()
    cache = ImageListCache(clock, fetch)
    with cache.subscribe(), cache.subscribe():
        for _ in range(3):
            assert await cache.get("img", 10) is None
            clock.move(11)
        assert fetches == 1
        clock.move(RETRY_INTERVAL)
        assert await cache.get("img", 10) is None
        assert fetches == 2
