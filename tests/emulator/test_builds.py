"""Tests of how the resolver decides emulated builds, in the background and after a restart."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from support.emulator_transport import BUILD_SECONDS, EmulatorTransport, persistent_config

pytestmark = pytest.mark.asyncio


@dataclass
class StubResolver:
    """A resolver that returns `reason` once `released` is set, and stores its calls."""

    reason: str | None = None
    calls: list[tuple[str, str]] = field(default_factory=list)
    released: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.released.set()

    async def __call__(self, requirements: str, python_version: str) -> str | None:
        self.calls.append((requirements, python_version))
        await self.released.wait()
        return self.reason


async def test_build_with_conflict_fails_when_its_time_is_over() -> None:
    emulator = EmulatorTransport(resolver=StubResolver("no numpy==99"))
    response = await emulator.put("a")
    emulator.clock.move(BUILD_SECONDS - 1)
    assert (await emulator.poll(response)).json()["status"] == "Running"
    emulator.clock.move(1)
    failed = await emulator.poll(response)

    assert failed.status_code == 200
    error = failed.json()["error"]
    assert error["code"] == "SandboxCustomImageBuildFailed"
    assert error["message"].startswith("[BadRequest] ")
    assert "not from Azure" in error["message"]
    assert error["message"].endswith("no numpy==99")
    shown = (await emulator.send("GET", "/sandboxCustomImages/a")).json()["properties"]
    assert shown["provisioningState"] == "Failed"
    assert (await emulator.put("a")).status_code == 200


async def test_location_of_a_failed_operation_returns_an_error() -> None:
    resolver = StubResolver()
    emulator = EmulatorTransport(resolver=resolver)
    await emulator.build("a")
    resolver.reason = "no"
    body = {"properties": {"language": "Python"}}
    response = await emulator.send("PATCH", "/sandboxCustomImages/a", json=body)
    busy = await emulator.send("POST", "/removeLanguageExtensions", json={"value": [{"languageExtensionName": "R"}]})
    emulator.clock.move(BUILD_SECONDS)

    assert (await emulator.poll(response, "Location")).status_code == 400
    assert (await emulator.poll(busy, "Location")).status_code == 409


async def test_resolver_gets_the_python_version_of_the_base_chain() -> None:
    resolver = StubResolver()
    emulator = EmulatorTransport(resolver=resolver)
    await emulator.build("base", baseImageName="Python3_11_7_DL", requirementsFileContent="one")
    await emulator.build("middle", baseImageName="base", requirementsFileContent="two")
    await emulator.build("top", baseImageName="middle")
    await emulator.build("own", languageVersion="3.9.7", requirementsFileContent=" four\n")

    assert resolver.calls == [("one", "3.11.7"), ("two", "3.11.7"), ("", "3.11.7"), (" four\n", "3.9.7")]


async def test_build_on_a_broken_base_chain_is_not_resolved() -> None:
    resolver = StubResolver()
    emulator = EmulatorTransport(resolver=resolver)
    await emulator.build("base")
    await emulator.build("middle", baseImageName="base")
    delete = await emulator.send("DELETE", "/sandboxCustomImages/base")
    emulator.clock.move(BUILD_SECONDS)
    assert (await emulator.poll(delete)).json()["status"] == "Succeeded"
    resolver.reason = "no"
    resolver.calls.clear()
    await emulator.build("top", baseImageName="middle")

    assert resolver.calls == []
    assert (await emulator.put("middle", baseImageName="base")).status_code == 400


@pytest.mark.slow
async def test_build_runs_until_the_resolver_returns() -> None:
    resolver = StubResolver("no")
    resolver.released.clear()
    emulator = EmulatorTransport(resolver=resolver)
    response = await emulator.put("a")
    emulator.clock.move(BUILD_SECONDS + 60)
    assert (await emulator.poll(response)).json()["status"] == "Running"
    resolver.released.set()
    late = (await emulator.poll(response)).json()

    assert late["status"] == "Failed"
    assert late["endTime"].startswith(f"{emulator.clock.now:%Y-%m-%dT%H:%M:%S}")
    assert len(resolver.calls) == 1


async def test_build_succeeds_if_the_resolver_raises(caplog: pytest.LogCaptureFixture) -> None:
    async def failing(_requirements: str, _python_version: str) -> str | None:
        raise RuntimeError("index on fire")

    emulator = EmulatorTransport(resolver=failing)
    await emulator.build("a")

    assert "index on fire" in caplog.text


async def test_resolver_is_called_again_after_a_restart(tmp_path: Path) -> None:
    first = StubResolver()
    first.released.clear()
    emulator = EmulatorTransport(persistent_config(tmp_path), resolver=first)
    response = await emulator.put("a")
    emulator.resolver = StubResolver("no")
    restarted = emulator.restart()
    restarted.clock.move(BUILD_SECONDS)

    assert (await restarted.poll(response)).json()["status"] == "Failed"
    first.released.set()


async def test_verdict_is_kept_after_a_restart(tmp_path: Path) -> None:
    emulator = EmulatorTransport(persistent_config(tmp_path), resolver=StubResolver("no"))
    response = await emulator.put("a")
    emulator.clock.move(BUILD_SECONDS)
    assert (await emulator.poll(response)).json()["status"] == "Failed"
    emulator.resolver = StubResolver()

    assert (await emulator.restart().poll(response)).json()["status"] == "Failed"


async def test_app_works_in_several_event_loops() -> None:
    resolver = StubResolver("no")
    emulator = EmulatorTransport(resolver=resolver)
    response = await asyncio.to_thread(lambda: asyncio.run(emulator.put("a")))
    emulator.clock.move(BUILD_SECONDS)

    assert (await emulator.poll(response)).json()["status"] == "Failed"


async def test_held_operation_runs_until_release() -> None:
    emulator = EmulatorTransport(resolver=StubResolver())
    assert (await emulator.http.post("/emulator/hold", headers=emulator.headers)).status_code == 204
    response = await emulator.put("a")
    emulator.clock.move(100 * BUILD_SECONDS)
    assert (await emulator.poll(response)).json()["status"] == "Running"
    assert (await emulator.http.post("/emulator/release", headers=emulator.headers)).status_code == 204
    done = (await emulator.poll(response)).json()
    assert done["status"] == "Succeeded"
    assert done["endTime"][:19] == f"{emulator.clock.now:%Y-%m-%dT%H:%M:%S}"


async def test_release_ends_running_but_not_later_operations() -> None:
    emulator = EmulatorTransport(resolver=StubResolver())
    first = await emulator.put("a")
    await emulator.http.post("/emulator/release", headers=emulator.headers)
    assert (await emulator.poll(first)).json()["status"] == "Succeeded"
    second = await emulator.put("b")
    assert (await emulator.poll(second)).json()["status"] == "Running"


async def test_hold_and_release_require_the_token() -> None:
    emulator = EmulatorTransport()
    for action in ("hold", "release"):
        assert (await emulator.http.post(f"/emulator/{action}")).status_code == 401
