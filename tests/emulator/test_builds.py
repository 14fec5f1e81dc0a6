"""How a build ends: the resolver's word, in the background, over a restart."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from support.emulated import BUILD, EmulatorTransport, on_disk

pytestmark = pytest.mark.asyncio


@dataclass
class Judge:
    """A resolver that answers what it is told to, and remembers what it was asked."""

    reason: str | None = None
    asked: list[tuple[str, str]] = field(default_factory=list)
    open: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.open.set()

    async def __call__(self, requirements: str, python_version: str) -> str | None:
        self.asked.append((requirements, python_version))
        await self.open.wait()
        return self.reason


async def test_requirements_that_do_not_fit_fail_at_the_end() -> None:
    wire = EmulatorTransport(resolver=Judge("there is no numpy==99"))
    answer = await wire.put("a")
    wire.clock.move(BUILD - 1)
    assert (await wire.follow(answer)).json()["status"] == "Running"
    wire.clock.move(1)
    failed = await wire.follow(answer)

    assert failed.status_code == 200
    error = failed.json()["error"]
    assert error["code"] == "SandboxCustomImageBuildFailed"
    assert error["message"].startswith("[BadRequest] ")
    assert "the words of the kusto_magic emulator, not of Azure" in error["message"]
    assert error["message"].endswith("there is no numpy==99")
    shown = (await wire.send("GET", "/sandboxCustomImages/a")).json()["properties"]
    assert shown["provisioningState"] == "Failed"
    assert (await wire.put("a")).status_code == 200


async def test_a_failure_by_location_is_an_error_answer() -> None:
    judge = Judge()
    wire = EmulatorTransport(resolver=judge)
    await wire.built("a")
    judge.reason = "no"
    body = {"properties": {"language": "Python"}}
    answer = await wire.send("PATCH", "/sandboxCustomImages/a", json=body)
    busy = await wire.send("POST", "/removeLanguageExtensions", json={"value": [{"languageExtensionName": "R"}]})
    wire.clock.move(BUILD)

    assert (await wire.follow(answer, "Location")).status_code == 400
    assert (await wire.follow(busy, "Location")).status_code == 409


async def test_the_resolver_gets_the_version_at_the_bottom_of_the_chain() -> None:
    judge = Judge()
    wire = EmulatorTransport(resolver=judge)
    await wire.built("base", baseImageName="Python3_11_7_DL", requirementsFileContent="one")
    await wire.built("middle", baseImageName="base", requirementsFileContent="two")
    await wire.built("top", baseImageName="middle")
    await wire.built("own", languageVersion="3.9.7", requirementsFileContent=" four\n")

    assert judge.asked == [("one", "3.11.7"), ("two", "3.11.7"), ("", "3.11.7"), (" four\n", "3.9.7")]


async def test_what_rests_on_an_image_that_is_gone_cannot_be_judged() -> None:
    judge = Judge()
    wire = EmulatorTransport(resolver=judge)
    await wire.built("base")
    await wire.built("middle", baseImageName="base")
    delete = await wire.send("DELETE", "/sandboxCustomImages/base")
    wire.clock.move(BUILD)
    assert (await wire.follow(delete)).json()["status"] == "Succeeded"
    judge.reason = "no"
    judge.asked.clear()
    await wire.built("top", baseImageName="middle")

    assert judge.asked == []
    assert (await wire.put("middle", baseImageName="base")).status_code == 400


@pytest.mark.slow
async def test_a_build_goes_on_until_it_is_judged() -> None:
    judge = Judge("no")
    judge.open.clear()
    wire = EmulatorTransport(resolver=judge)
    answer = await wire.put("a")
    wire.clock.move(BUILD + 60)
    assert (await wire.follow(answer)).json()["status"] == "Running"
    judge.open.set()
    late = (await wire.follow(answer)).json()

    assert late["status"] == "Failed"
    assert late["endTime"].startswith("2024-11-27T12:14:01.74813")
    assert len(judge.asked) == 1


async def test_a_resolver_that_breaks_fails_no_build(caplog: pytest.LogCaptureFixture) -> None:
    async def broken(_requirements: str, _python_version: str) -> str | None:
        raise RuntimeError("index on fire")

    wire = EmulatorTransport(resolver=broken)
    await wire.built("a")

    assert "index on fire" in caplog.text


async def test_after_a_restart_the_resolver_is_asked_again(tmp_path: Path) -> None:
    first = Judge()
    first.open.clear()
    wire = EmulatorTransport(on_disk(tmp_path), resolver=first)
    answer = await wire.put("a")
    wire.resolver = Judge("no")
    again = wire.restarted()
    again.clock.move(BUILD)

    assert (await again.follow(answer)).json()["status"] == "Failed"
    first.open.set()


async def test_a_verdict_outlives_a_restart(tmp_path: Path) -> None:
    wire = EmulatorTransport(on_disk(tmp_path), resolver=Judge("no"))
    answer = await wire.put("a")
    wire.clock.move(BUILD)
    assert (await wire.follow(answer)).json()["status"] == "Failed"
    wire.resolver = Judge()

    assert (await wire.restarted().follow(answer)).json()["status"] == "Failed"


async def test_an_app_serves_several_event_loops() -> None:
    judge = Judge("no")
    wire = EmulatorTransport(resolver=judge)
    answer = await asyncio.to_thread(lambda: asyncio.run(wire.put("a")))
    wire.clock.move(BUILD)

    assert (await wire.follow(answer)).json()["status"] == "Failed"


async def test_a_held_operation_runs_until_it_is_released_and_ends_then() -> None:
    wire = EmulatorTransport(resolver=Judge())
    assert (await wire.http.post("/emulator/hold", headers=wire.headers)).status_code == 204
    answer = await wire.put("a")
    wire.clock.move(100 * BUILD)
    assert (await wire.follow(answer)).json()["status"] == "Running"
    assert (await wire.http.post("/emulator/release", headers=wire.headers)).status_code == 204
    done = (await wire.follow(answer)).json()
    assert done["status"] == "Succeeded"
    assert done["endTime"][:19] == f"{wire.clock.now:%Y-%m-%dT%H:%M:%S}"


async def test_release_ends_an_operation_before_its_time_and_leaves_later_ones_alone() -> None:
    wire = EmulatorTransport(resolver=Judge())
    first = await wire.put("a")
    await wire.http.post("/emulator/release", headers=wire.headers)
    assert (await wire.follow(first)).json()["status"] == "Succeeded"
    second = await wire.put("b")
    assert (await wire.follow(second)).json()["status"] == "Running"


async def test_holding_needs_the_token() -> None:
    wire = EmulatorTransport()
    for action in ("hold", "release"):
        assert (await wire.http.post(f"/emulator/{action}")).status_code == 401
