"""Holds a conversation with somebody: the emulator on a clock that moves, a recording, a real cluster."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx

from kusto_magic.arm.client import ImagesClient
from kusto_magic.arm.credentials import StaticCredential, TokenCredential
from kusto_magic.arm.transport import ArmTransport
from kusto_magic.clock import Clock
from kusto_magic.emulator import EmulatorConfig, create_app
from kusto_magic.models.image import API_VERSION
from kusto_magic.models.target import Target
from support.clock import MovableClock
from support.conversations import IMPOSSIBLE, Held, Talk
from support.placeholders import IMAGE, TARGET, Placeholders
from support.probes import EVERYTHING
from support.recording import Conversation, Recording, Replay

EMULATED_BUILD = 300.0
"""Seconds; what a build was seen to take."""


async def hold(
    title: str,
    held: Held,
    target: Target,
    name: str,
    *,
    inner: httpx.AsyncBaseTransport,
    credential: TokenCredential,
    clock: Clock,
    into: Conversation,
) -> Conversation:
    """Hold a conversation and write it down into `into`, also what there is of it when it ends with an error."""
    placeholders = Placeholders(target, name)
    recording = Recording(inner, clock, placeholders)
    into.conversation, into.exchanges = title, recording.exchanges
    async with ArmTransport(
        target.endpoint, target.scope, credential=credential, transport=recording, clock=clock
    ) as arm:
        talk = Talk(ImagesClient(arm, target), arm, name)
        try:
            await held(talk)
        finally:
            into.steps = [{key: placeholders.text(text) for key, text in step.items()} for step in talk.steps]
    return into


async def record_emulator(title: str, held: Held) -> Conversation:
    """Hold a conversation with an emulator of its own, on a clock that moves when somebody sleeps."""
    clock = MovableClock()
    config = EmulatorConfig(build_seconds=EMULATED_BUILD, extension_seconds=EMULATED_BUILD)
    app = create_app(config, resolver=_resolve, clock=clock.wall)
    ready = config.ready
    target = Target(ready.subscription, ready.resource_group, ready.cluster, ready.endpoint)
    return await hold(
        title,
        held,
        target,
        "my-image",
        inner=httpx.ASGITransport(app),
        credential=StaticCredential(ready.token),
        clock=clock,
        into=blank("emulator", "Recorded by `python noxfile.py record`."),
    )


async def _resolve(requirements: str, _python: str) -> str | None:
    return "there is no such package" if IMPOSSIBLE.requirements in requirements else None


def blank(against: str, about: str) -> Conversation:
    """Return an empty conversation of today."""
    return Conversation("", against, datetime.now(UTC).date().isoformat(), API_VERSION, about)


async def replay(kept: Conversation) -> tuple[list[dict[str, str]], MovableClock]:
    """Hold a conversation once more, with a recording; return what the client made of it, and the clock then.

    Fails where the client asks for something else than was recorded, or for less.
    """
    clock = MovableClock()
    transport = Replay(kept, clock)
    credential = StaticCredential("nothing-is-signed-in-to")
    async with ArmTransport(
        TARGET.endpoint, TARGET.scope, credential=credential, transport=transport, clock=clock
    ) as arm:
        talk = Talk(ImagesClient(arm, TARGET), arm, IMAGE)
        await EVERYTHING[kept.conversation](talk)
    transport.assert_all_asked()
    return talk.steps, clock
