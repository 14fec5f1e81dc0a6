"""Requests of which nobody knows whether they arrived, and builds that can no longer be followed: nothing is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from support.answers import EVIL, IMAGE_URL, SPEC, begun, failed
from support.emulated import EmulatorTransport
from support.panel import PanelEnvironment, Service
from support.wire import REFUSED, RESET, SILENCE, Outcome, ScriptedTransport, built, every, opened

from kusto_magic.display.card import card, text
from kusto_magic.errors import KustoImageError, ServiceError, Unreachable, UntrustedAddress
from kusto_magic.models.action import Action, Phase
from kusto_magic.models.image import ImageSpec

IMAGE = ImageSpec("humanize\n", base_image="Python3_11_7")

# ── the client ───────────────────────────────────────────────────────────────────────────────────────────────────

MAYBE: dict[str, list[Outcome]] = {
    "resets": [RESET] * 6,
    "silence": [SILENCE] * 6,
    "a reset, then nobody there": [RESET, *[REFUSED] * 5],
    "nobody there, then a reset": [*[REFUSED] * 5, RESET],
    "a gateway gives up": [failed(504)] * 6,
    "busy, then nobody there": [failed(503), *[REFUSED] * 5],
    "408": [failed(408)] * 6,
}
NOT: dict[str, list[Outcome]] = {
    "nobody there": [REFUSED] * 6,
    "no connection in time": [httpx.ConnectTimeout("")] * 6,
    "no proxy": [httpx.ProxyError("502")] * 6,
    "too many requests": [*[failed(429)] * 5, REFUSED],
    "refused": [failed(400)],
}


@pytest.mark.asyncio
@pytest.mark.parametrize("steps", MAYBE.values(), ids=MAYBE.keys())
@pytest.mark.parametrize("action", [Action.BUILD, Action.DELETE])
async def test_a_request_that_may_have_arrived_says_so_and_can_be_taken_up(
    steps: list[Outcome], action: Action
) -> None:
    script = ScriptedTransport(*steps)
    async with opened(script) as client:
        with pytest.raises((Unreachable, ServiceError)) as caught:
            await every(client.build("img", SPEC) if action is Action.BUILD else client.delete("img"))
    assert script.unused == 0
    assert "may have arrived; %kusto_image attach img shows" in caught.value.next_step
    operation = caught.value.operation
    assert (operation.action, operation.poll_url, operation.done) == (action, IMAGE_URL, False)


@pytest.mark.asyncio
@pytest.mark.parametrize("steps", NOT.values(), ids=NOT.keys())
async def test_a_request_that_cannot_have_arrived_does_not_say_so(steps: list[Outcome]) -> None:
    with pytest.raises(KustoImageError) as caught:
        await built(ScriptedTransport(*steps))
    assert "arrived" not in caught.value.next_step
    assert caught.value.operation is None


# ── what is remembered ───────────────────────────────────────────────────────────────────────────────────────────


Ending = Callable[[], httpx.Response]


class Lossy(Service):
    """The emulator's app; `ending`, where set, takes the place of the answer to a PUT, which arrives all the same."""

    ending: Ending | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await super().handle_async_request(request)
        return self.ending() if self.ending and request.method == "PUT" else response


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[PanelEnvironment]:
    wire = EmulatorTransport()
    made = PanelEnvironment(tmp_path, wire)
    made.service = Lossy(wire)
    yield made
    made.close()


def _lost() -> httpx.Response:
    raise httpx.ReadTimeout("")


def _foreign() -> httpx.Response:
    return httpx.Response(201, headers={"azure-asyncoperation": EVIL}, stream=httpx.ByteStream(begun().body))


ENDS: dict[str, tuple[Ending, type[KustoImageError]]] = {
    "no answer": (_lost, Unreachable), "a foreign address": (_foreign, UntrustedAddress)
}  # fmt: skip


@pytest.mark.parametrize(("ending", "error"), ENDS.values(), ids=ENDS.keys())
def test_the_history_keeps_it_as_going_on_and_another_process_takes_it_up(
    desk: PanelEnvironment, ending: Ending, error: type[KustoImageError]
) -> None:
    lossy = desk.service
    assert isinstance(lossy, Lossy)
    lossy.ending = ending
    build = desk.builds.start(desk.target, "img", IMAGE)
    with pytest.raises(error):
        build.wait(30)
    shown = text(card(build, desk.clock.wall()))
    assert shown.startswith("? Unknown: image img")
    assert "%kusto_image attach img" in shown
    record = desk.builds.history.latest("img", desk.target)
    assert record is not None
    assert (record.ended_at, record.state) == (None, Phase.BUILDING.value)
    desk.builds.close()

    lossy.ending = None
    desk.builds = desk.process()
    again = desk.builds.attach(desk.target, "img")
    image = again.wait(30)
    assert (again.id, image is not None and image.state) == (build.id, "Succeeded")


def test_one_that_never_arrived_was_not_sent(desk: PanelEnvironment) -> None:
    def nobody(request: httpx.Request) -> httpx.Response | None:
        if request.method == "PUT":
            raise httpx.ConnectError("connection refused")
        return None

    desk.service.fault = nobody
    build = desk.builds.start(desk.target, "img", IMAGE)
    with pytest.raises(Unreachable):
        build.wait(30)
    assert text(card(build, desk.clock.wall())).startswith("✖ Not submitted")
    record = desk.builds.history.latest("img", desk.target)
    assert record is not None
    assert (record.ended_at is None, record.state) == (False, "Not submitted")
