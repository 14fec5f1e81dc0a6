"""What is said to the service: the same functions against the emulator, a recording, and a real cluster.

A conversation works with images of its own name only, and notes each step as the client saw it. It asserts nothing:
what came of it is compared afterwards, with what a file says, or by a reader.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from itertools import groupby

from kusto_magic.arm.client import ImagesClient
from kusto_magic.arm.operation import Operation
from kusto_magic.arm.response import ArmResponse
from kusto_magic.arm.transport import ArmTransport
from kusto_magic.errors import BuildError, ServiceError
from kusto_magic.models.image import API_VERSION, ImageSpec

SPEC = ImageSpec("Pillow", python_version="3.10.8")
OTHER_SPEC = ImageSpec("Pillow\nhumanize", python_version="3.10.8")
IMPOSSIBLE = ImageSpec("kusto-magic-there-is-no-such-package==0.0.1", python_version="3.10.8")
TYPE = "Microsoft.Kusto/clusters/sandboxCustomImages"


@dataclass
class Talk:
    """One conversation under way: who speaks, about which image, and what has come of each step."""

    client: ImagesClient
    arm: ArmTransport
    name: str
    steps: list[dict[str, str]] = field(default_factory=list)

    @property
    def second(self) -> str:
        """The name of a second image, where one is needed."""
        return f"{self.name}-2"

    def note(self, step: str, result: str, phases: str = "") -> None:
        self.steps.append({"step": step, "phases": phases, "result": result})

    async def follow(self, step: str, operations: AsyncIterator[Operation]) -> None:
        """Follow an operation to its end, and note every phase it was seen in."""
        seen: list[Operation] = []
        try:
            async for operation in operations:
                seen.append(operation)  # noqa: PERF401 - what was seen before an error is noted too
        except (ServiceError, BuildError) as error:
            self.note(step, _named(error), _phases(seen))
        else:
            fault = seen[-1].fault
            self.note(step, f"{seen[-1].phase} {fault.code if fault else ''}".strip(), _phases(seen))

    async def show(self, step: str, name: str) -> None:
        try:
            image = await self.client.get(name)
        except ServiceError as error:
            self.note(step, _named(error))
        else:
            self.note(step, f"{image.state} {image.language} {image.base_label} {image.requirements!r}")

    async def send(self, method: str, rest: str, body: bytes | None = None, version: str = API_VERSION) -> ArmResponse:
        """Send what the client would not, to a path under the cluster."""
        target = self.client.target
        return await self.arm.send(method, f"{target.endpoint}{target.cluster_id}{rest}?api-version={version}", body)

    async def check_name(self, step: str, name: str) -> None:
        """Ask whether a name is free; note the answer."""
        body = json.dumps({"name": name, "type": TYPE}).encode()
        answer = await self.send("POST", "/sandboxCustomImagesCheckNameAvailability", body)
        document = answer.document()
        said = document if isinstance(document, dict) else {}
        words = [str(answer.status), "free" if said.get("nameAvailable") is True else "", str(said.get("reason", ""))]
        taken = "not free" if said.get("nameAvailable") is False else answer.fault().code
        self.note(step, " ".join(word for word in (*words, taken) if word))


def _phases(seen: list[Operation]) -> str:
    """Return the phases as they came: "Sending, Building ×12, Confirming, Succeeded"."""
    runs = [(phase, len(list(same))) for phase, same in groupby(operation.phase for operation in seen)]
    return ", ".join(phase if often == 1 else f"{phase} ×{often}" for phase, often in runs)


def _named(error: ServiceError | BuildError) -> str:
    status = f"{error.status} " if isinstance(error, ServiceError) else ""
    return f"{type(error).__name__} {status}{error.fault.code}".strip()


Held = Callable[[Talk], Awaitable[None]]


async def create_and_delete(talk: Talk) -> None:
    await talk.follow("create", talk.client.build(talk.name, SPEC))
    await talk.show("get", talk.name)
    names = [image.name for image in await talk.client.list()]
    talk.note("list", "it is there" if talk.name in names else "it is not there")
    await talk.follow("delete", talk.client.delete(talk.name))
    await talk.show("get the deleted one", talk.name)


async def update(talk: Talk) -> None:
    await talk.follow("create", talk.client.build(talk.name, SPEC))
    await talk.follow("update", talk.client.build(talk.name, OTHER_SPEC))
    await talk.show("get", talk.name)
    await talk.follow("delete", talk.client.delete(talk.name))


async def failed_build(talk: Talk) -> None:
    await talk.follow("create", talk.client.build(talk.name, IMPOSSIBLE))
    await talk.show("get", talk.name)
    await talk.follow("delete", talk.client.delete(talk.name))


async def missing_image(talk: Talk) -> None:
    await talk.show("get", talk.name)
    await talk.follow("delete", talk.client.delete(talk.name))


async def taken_name(talk: Talk) -> None:
    await talk.check_name("before", talk.name)
    await talk.follow("create", talk.client.build(talk.name, SPEC))
    await talk.check_name("afterwards", talk.name)
    await talk.follow("delete", talk.client.delete(talk.name))


async def another_change(talk: Talk) -> None:
    """Begin a build, and others before it has ended: of the same image, and of a second one."""
    begun = await _begun(talk.client.build(talk.name, SPEC))
    await talk.follow("the same image again", talk.client.build(talk.name, OTHER_SPEC))
    await talk.follow("a second image", talk.client.build(talk.second, SPEC))
    await talk.follow("delete the image", talk.client.delete(talk.name))
    await talk.follow("the first build", talk.client.poll(begun))
    await talk.follow("delete", talk.client.delete(talk.name))
    await talk.follow("delete the second one", talk.client.delete(talk.second))


async def _begun(operations: AsyncIterator[Operation]) -> Operation:
    """Return an operation after the answer to its first request; the service goes on with it."""
    await anext(operations)
    return await anext(operations)


async def enable_and_disable(talk: Talk) -> None:
    """Let the cluster's python() run on the image for a moment; only where it was off before."""
    talk.note("active before", str(await talk.client.active()))
    await talk.follow("create", talk.client.build(talk.name, SPEC))
    await talk.follow("enable", talk.client.enable(talk.name))
    talk.note("active", str(await talk.client.active()))
    await talk.follow("disable", talk.client.disable(talk.name))
    talk.note("active afterwards", str(await talk.client.active()))
    await talk.follow("delete", talk.client.delete(talk.name))


CONVERSATIONS: dict[str, Held] = {
    "create-and-delete": create_and_delete,
    "update": update,
    "failed-build": failed_build,
    "missing-image": missing_image,
    "taken-name": taken_name,
    "another-change": another_change,
    "enable-and-disable": enable_and_disable,
}
"""What `python noxfile.py record` holds with the emulator, and `python noxfile.py azure` with a real cluster."""

SWITCHES = frozenset({"enable-and-disable"})
"""The conversations that change what the queries of the cluster run on."""
