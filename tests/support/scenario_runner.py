"""Run scenarios and record them: with the emulator on a manual clock, with a recording, or with a real cluster."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx

from kusto_magic.arm.client import ImagesClient
from kusto_magic.arm.credentials import StaticCredential, TokenCredential
from kusto_magic.arm.transport import ArmTransport
from kusto_magic.clock import Clock
from kusto_magic.emulator import EmulatorConfig, create_app
from kusto_magic.models.api_version import API_VERSION
from kusto_magic.models.target import Target
from support.clock import MovableClock
from support.live_probes import ALL_SCENARIOS
from support.placeholders import IMAGE, TARGET, Placeholders
from support.recording import Conversation, Recording, Replay
from support.scenarios import FAILING_SPEC, Scenario, ScenarioRun

BUILD_SECONDS = 300.0
"""Duration of an emulated build in seconds, as observed on the service."""


async def run_scenario(
    title: str,
    held: Scenario,
    target: Target,
    name: str,
    *,
    inner: httpx.AsyncBaseTransport,
    credential: TokenCredential,
    clock: Clock,
    into: Conversation,
) -> Conversation:
    """Run a scenario and store its recording in `into`, also the part before an error."""
    placeholders = Placeholders(target, name)
    recording = Recording(inner, clock, placeholders)
    into.conversation, into.exchanges = title, recording.exchanges
    async with ArmTransport(
        target.endpoint, target.scope, credential=credential, transport=recording, clock=clock
    ) as arm:
        run = ScenarioRun(ImagesClient.from_connection(arm, target), arm, name)
        try:
            await held(run)
        finally:
            into.steps = [{key: placeholders.text(text) for key, text in step.items()} for step in run.steps]
    return into


async def record_with_emulator(title: str, held: Scenario) -> Conversation:
    """Run a scenario with a new emulator on a manual clock and return the recording."""
    clock = MovableClock()
    config = EmulatorConfig(build_seconds=BUILD_SECONDS, extension_seconds=BUILD_SECONDS)
    app = create_app(config, resolver=_resolve, clock=clock.wall)
    ready = config.ready
    target = Target(ready.subscription, ready.resource_group, ready.cluster, ready.endpoint)
    return await run_scenario(
        title,
        held,
        target,
        "my-image",
        inner=httpx.ASGITransport(app),
        credential=StaticCredential(ready.token),
        clock=clock,
        into=new_conversation("emulator", "Recorded by `python noxfile.py record`."),
    )


async def _resolve(requirements: str, _python: str) -> str | None:
    return "there is no such package" if FAILING_SPEC.requirements in requirements else None


def new_conversation(against: str, about: str) -> Conversation:
    """Return an empty recording with the current date."""
    return Conversation("", against, datetime.now(UTC).date().isoformat(), API_VERSION, about)


async def replay_recording(kept: Conversation) -> tuple[list[dict[str, str]], MovableClock]:
    """Run a scenario with a recording; return the steps as the client saw them, and the clock.

    Fails if the client sends other requests than recorded, or fewer.
    """
    clock = MovableClock()
    transport = Replay(kept, clock)
    credential = StaticCredential("nothing-is-signed-in-to")
    async with ArmTransport(
        TARGET.endpoint, TARGET.scope, credential=credential, transport=transport, clock=clock
    ) as arm:
        run = ScenarioRun(ImagesClient.from_connection(arm, TARGET), arm, IMAGE)
        await ALL_SCENARIOS[kept.conversation](run)
    transport.assert_all_asked()
    return run.steps, clock
