"""Requests without a response, which may have arrived, and builds that can no longer be polled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from support.arm_responses import IMAGE_URL, SPEC, UNTRUSTED_URL, created_response, error_response
from support.emulator_transport import EmulatorTransport
from support.panel_environment import EmulatorService, PanelEnvironment
from support.requests import build_request
from support.scripted_transport import (
    CONNECTION_REFUSED,
    CONNECTION_RESET,
    READ_TIMEOUT,
    Outcome,
    ScriptedTransport,
    collect,
    open_client,
    run_build,
)

from kusto_magic.display.card_sources import card
from kusto_magic.errors import KustoImageError, ServiceError, UnreachableError, UntrustedAddressError
from kusto_magic.hints import HintKind
from kusto_magic.models.action import Action
from kusto_magic.models.build_state import BuildState
from kusto_magic.models.image import ImageSpec

IMAGE = ImageSpec("humanize\n", base_image="Python3_11_7")

# ── the client ───────────────────────────────────────────────────────────────────────────────────────────────────

MAYBE: dict[str, list[Outcome]] = {
    "resets": [CONNECTION_RESET] * 6,
    "silence": [READ_TIMEOUT] * 6,
    "a reset, then connection refused": [CONNECTION_RESET, *[CONNECTION_REFUSED] * 5],
    "connection refused, then a reset": [*[CONNECTION_REFUSED] * 5, CONNECTION_RESET],
    "a gateway gives up": [error_response(504)] * 6,
    "busy, then connection refused": [error_response(503), *[CONNECTION_REFUSED] * 5],
    "408": [error_response(408)] * 6,
}
NOT: dict[str, list[Outcome]] = {
    "connection refused": [CONNECTION_REFUSED] * 6,
    "no connection in time": [httpx.ConnectTimeout("")] * 6,
    "no proxy": [httpx.ProxyError("502")] * 6,
    "too many requests": [*[error_response(429)] * 5, CONNECTION_REFUSED],
    "refused": [error_response(400)],
}


@pytest.mark.asyncio
@pytest.mark.parametrize("steps", MAYBE.values(), ids=MAYBE.keys())
@pytest.mark.parametrize("action", [Action.BUILD, Action.DELETE])
async def test_request_that_may_have_arrived_raises_with_a_resumable_operation(
    steps: list[Outcome], action: Action
) -> None:
    script = ScriptedTransport(*steps)
    async with open_client(script) as client:
        with pytest.raises((UnreachableError, ServiceError)) as caught:
            await collect(
                client.create_or_update_stream("img", SPEC) if action is Action.BUILD else client.delete_stream("img")
            )
    assert script.unused_steps == 0
    assert caught.value.hint is not None
    assert (caught.value.hint.kind, caught.value.hint.name) == (HintKind.CHECK_ARRIVAL, "img")
    operation = caught.value.operation
    assert operation is not None
    assert (operation.action, operation.poll_url, operation.done) == (action, IMAGE_URL, False)


@pytest.mark.asyncio
@pytest.mark.parametrize("steps", NOT.values(), ids=NOT.keys())
async def test_request_that_cannot_have_arrived_raises_without_operation(steps: list[Outcome]) -> None:
    with pytest.raises(KustoImageError) as caught:
        await run_build(ScriptedTransport(*steps))
    assert caught.value.hint is not None
    assert caught.value.hint.kind is not HintKind.CHECK_ARRIVAL
    assert caught.value.operation is None


# ── what is remembered ───────────────────────────────────────────────────────────────────────────────────────────


Ending = Callable[[], httpx.Response]


class Lossy(EmulatorService):
    """The emulator's app; `ending`, if set, replaces the response to a PUT, which is still executed."""

    ending: Ending | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await super().handle_async_request(request)
        return self.ending() if self.ending and request.method == "PUT" else response


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[PanelEnvironment]:
    emulator = EmulatorTransport()
    made = PanelEnvironment(tmp_path, emulator)
    made.service = Lossy(emulator)
    yield made
    made.close()


def _lost() -> httpx.Response:
    raise httpx.ReadTimeout("")


def _foreign() -> httpx.Response:
    return httpx.Response(
        201, headers={"azure-asyncoperation": UNTRUSTED_URL}, stream=httpx.ByteStream(created_response().body)
    )


ENDS: dict[str, tuple[Ending, type[KustoImageError]]] = {
    "no answer": (_lost, UnreachableError), "a foreign address": (_foreign, UntrustedAddressError)
}  # fmt: skip


@pytest.mark.parametrize(("ending", "error"), ENDS.values(), ids=ENDS.keys())
def test_unanswered_build_stays_unfinished_and_is_resumed_by_another_process(
    environment: PanelEnvironment, ending: Ending, error: type[KustoImageError]
) -> None:
    lossy = environment.service
    assert isinstance(lossy, Lossy)
    lossy.ending = ending
    build = environment.builds.start(build_request(environment.target, "img", IMAGE))
    with pytest.raises(error):
        build.result(30)
    shown = card(build, environment.clock.wall()).text()
    assert shown.startswith("? Unknown: image img")
    assert isinstance(build.error, KustoImageError)
    assert build.error.hint is not None
    assert (build.error.hint.kind, build.error.hint.name) in ((HintKind.CHECK_ARRIVAL, "img"), (HintKind.RESUME, "img"))
    record = environment.builds.history.latest("img", environment.target)
    assert record is not None
    assert (record.ended_at, record.state) == (None, BuildState.BUILDING.value)
    environment.builds.close()

    lossy.ending = None
    environment.builds = environment.process()
    resumed = environment.builds.attach(environment.target, "img")
    image = resumed.result(30)
    assert (resumed.id, image is not None and image.state) == (build.id, "Succeeded")


def test_build_whose_request_never_arrived_is_not_submitted(environment: PanelEnvironment) -> None:
    def refuse_connection(request: httpx.Request) -> httpx.Response | None:
        if request.method == "PUT":
            raise httpx.ConnectError("connection refused")
        return None

    environment.service.fault = refuse_connection
    build = environment.builds.start(build_request(environment.target, "img", IMAGE))
    with pytest.raises(UnreachableError):
        build.result(30)
    assert card(build, environment.clock.wall()).text().startswith("✖ Not submitted")
    record = environment.builds.history.latest("img", environment.target)
    assert record is not None
    assert (record.ended_at is None, record.state) == (False, "Not submitted")
