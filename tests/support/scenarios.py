"""Scenarios: sequences of client calls that run against the emulator, a recording or a real cluster.

A scenario uses only images with its own name and records the result of each step as the client saw it. It asserts
nothing; the results are compared afterwards, with a recording or by a reader.
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
from kusto_magic.models.api_version import API_VERSION
from kusto_magic.models.image import ImageSpec

SPEC = ImageSpec("Pillow", python_version="3.10.8")
OTHER_SPEC = ImageSpec("Pillow\nhumanize", python_version="3.10.8")
FAILING_SPEC = ImageSpec("kusto-magic-there-is-no-such-package==0.0.1", python_version="3.10.8")
TYPE = "Microsoft.Kusto/clusters/sandboxCustomImages"


@dataclass
class ScenarioRun:
    """A running scenario: its client, its image name and the results of its steps."""

    client: ImagesClient
    arm: ArmTransport
    name: str
    steps: list[dict[str, str]] = field(default_factory=list)

    @property
    def second(self) -> str:
        """The name of the second image, for scenarios with two."""
        return f"{self.name}-2"

    def note(self, step: str, result: str, phases: str = "") -> None:
        self.steps.append({"step": step, "phases": phases, "result": result})

    async def follow(self, step: str, operations: AsyncIterator[Operation]) -> None:
        """Poll an operation to its end and record its phases and its result."""
        seen: list[Operation] = []
        try:
            async for operation in operations:
                seen.append(operation)  # noqa: PERF401 - the phases before an error are recorded too
        except (ServiceError, BuildError) as error:
            self.note(step, _named(error), _phases(seen))
        else:
            fault = seen[-1].fault
            self.note(step, f"{seen[-1].state} {fault.code if fault else ''}".strip(), _phases(seen))

    async def show(self, step: str, name: str) -> None:
        try:
            image = await self.client.get(name)
        except ServiceError as error:
            self.note(step, _named(error))
        else:
            self.note(step, f"{image.state} {image.language} {image.base_label} {image.requirements!r}")

    async def send(self, method: str, rest: str, body: bytes | None = None, version: str = API_VERSION) -> ArmResponse:
        """Send a request that the client would not send, to a path below the cluster."""
        target = self.client.target
        return await self.arm.send(method, f"{target.endpoint}{target.cluster_id}{rest}?api-version={version}", body)

    async def check_name(self, step: str, name: str) -> None:
        """Check whether a name is available and record the result."""
        body = json.dumps({"name": name, "type": TYPE}).encode()
        response = await self.send("POST", "/sandboxCustomImagesCheckNameAvailability", body)
        document = response.document()
        result = document if isinstance(document, dict) else {}
        available = result.get("nameAvailable")
        parts = [str(response.status), "free" if available is True else "", str(result.get("reason", ""))]
        taken = "not free" if available is False else response.fault().code
        self.note(step, " ".join(part for part in (*parts, taken) if part))


def _phases(seen: list[Operation]) -> str:
    """Return the phases in order: "Submitting, Building ×12, Confirming, Succeeded"."""
    runs = [(phase, len(list(same))) for phase, same in groupby(operation.state for operation in seen)]
    return ", ".join(phase if often == 1 else f"{phase} ×{often}" for phase, often in runs)


def _named(error: ServiceError | BuildError) -> str:
    status = f"{error.status} " if isinstance(error, ServiceError) else ""
    return f"{type(error).__name__} {status}{error.fault.code}".strip()


Scenario = Callable[[ScenarioRun], Awaitable[None]]


async def create_and_delete(run: ScenarioRun) -> None:
    await run.follow("create", run.client.create_or_update_stream(run.name, SPEC))
    await run.show("get", run.name)
    names = [image.name for image in await run.client.list()]
    run.note("list", "it is there" if run.name in names else "it is not there")
    await run.follow("delete", run.client.delete_stream(run.name))
    await run.show("get the deleted one", run.name)


async def update(run: ScenarioRun) -> None:
    await run.follow("create", run.client.create_or_update_stream(run.name, SPEC))
    await run.follow("update", run.client.create_or_update_stream(run.name, OTHER_SPEC))
    await run.show("get", run.name)
    await run.follow("delete", run.client.delete_stream(run.name))


async def failed_build(run: ScenarioRun) -> None:
    await run.follow("create", run.client.create_or_update_stream(run.name, FAILING_SPEC))
    await run.show("get", run.name)
    await run.follow("delete", run.client.delete_stream(run.name))


async def missing_image(run: ScenarioRun) -> None:
    await run.show("get", run.name)
    await run.follow("delete", run.client.delete_stream(run.name))


async def taken_name(run: ScenarioRun) -> None:
    await run.check_name("before", run.name)
    await run.follow("create", run.client.create_or_update_stream(run.name, SPEC))
    await run.check_name("afterwards", run.name)
    await run.follow("delete", run.client.delete_stream(run.name))


async def another_change(run: ScenarioRun) -> None:
    """Start a build and, while it runs, further changes of the same image and of a second one."""
    operation = await _first_response(run.client.create_or_update_stream(run.name, SPEC))
    await run.follow("the same image again", run.client.create_or_update_stream(run.name, OTHER_SPEC))
    await run.follow("a second image", run.client.create_or_update_stream(run.second, SPEC))
    await run.follow("delete the image", run.client.delete_stream(run.name))
    await run.follow("the first build", run.client.poll(operation))
    await run.follow("delete", run.client.delete_stream(run.name))
    await run.follow("delete the second one", run.client.delete_stream(run.second))


async def _first_response(operations: AsyncIterator[Operation]) -> Operation:
    """Return an operation after the response to its first request; the service continues it."""
    await anext(operations)
    return await anext(operations)


async def enable_and_disable(run: ScenarioRun) -> None:
    """Enable the image for a moment; used only if python() was disabled before."""
    run.note("active before", str(await run.client.active()))
    await run.follow("create", run.client.create_or_update_stream(run.name, SPEC))
    await run.follow("enable", run.client.enable_stream(run.name))
    run.note("active", str(await run.client.active()))
    await run.follow("disable", run.client.disable_stream(run.name))
    run.note("active afterwards", str(await run.client.active()))
    await run.follow("delete", run.client.delete_stream(run.name))


SCENARIOS: dict[str, Scenario] = {
    "create-and-delete": create_and_delete,
    "update": update,
    "failed-build": failed_build,
    "missing-image": missing_image,
    "taken-name": taken_name,
    "another-change": another_change,
    "enable-and-disable": enable_and_disable,
}
"""Scenarios that `noxfile.py record` runs with the emulator and `noxfile.py azure` with a real cluster."""

ENABLING_SCENARIOS = frozenset({"enable-and-disable"})
"""Scenarios that change the image that queries use."""
