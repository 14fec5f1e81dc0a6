"""The live suite itself, tried with the emulator as if that were Azure; and how it is switched on."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from support.azure import CLEARING_LIMIT, OFF, PREFIX, Live, Run, configured
from support.clock import MovableClock
from support.conversations import SPEC, Held, Talk, create_and_delete
from support.home import Home
from support.packages import served, write_wheel
from support.placeholders import TARGET
from support.probes import EVERYTHING, QUESTIONS
from support.recording import Conversation
from support.unknowns import report
from support.wire import REFUSED, ScriptedTransport

from kusto_magic.arm.credentials import StaticCredential
from kusto_magic.emulator import EmulatorConfig, ReadyTarget, create_app
from kusto_magic.errors import InvalidInput, Unreachable
from kusto_magic.models.endpoint import CLOUDS
from kusto_magic.models.target import Target

ROOT = Path(__file__).parent.parent.parent
BUILD_SECONDS = 0.3

pytestmark = pytest.mark.slow


def cluster_id(ready: ReadyTarget) -> str:
    return (
        f"/subscriptions/{ready.subscription}/resourceGroups/{ready.resource_group}"
        f"/providers/Microsoft.Kusto/clusters/{ready.cluster}"
    )


def variables(ready: ReadyTarget, folder: Path) -> Mapping[str, str]:
    return {
        f"{PREFIX}CLUSTER": cluster_id(ready),
        f"{PREFIX}ENDPOINT": ready.endpoint,
        f"{PREFIX}CONFIRM": "yes",
        f"{PREFIX}ENABLE": "yes",
        f"{PREFIX}FOLDER": str(folder),
    }


def images(ready: ReadyTarget) -> list[str]:
    url = f"{ready.endpoint}{cluster_id(ready)}/sandboxCustomImages?api-version=2024-04-13"
    with httpx.Client(trust_env=False, headers={"Authorization": f"Bearer {ready.token}"}) as client:
        return [image["name"] for image in client.get(url).raise_for_status().json()["value"]]


def live_suite(env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run the live suite in a process of its own, with just this environment."""
    command = [sys.executable, "-P", "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/live/test_azure.py"]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, encoding="utf-8", check=False)


def test_it_is_skipped_with_a_reason_that_says_how(home: Home) -> None:
    done = live_suite(home.env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert OFF in done.stdout
    assert f"{len(EVERYTHING)} skipped" in done.stdout


@pytest.mark.slow
def test_the_whole_suite_runs_and_leaves_nothing(
    home: Home, emulator: Callable[[float], ReadyTarget], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages, folder = tmp_path / "packages", tmp_path / "conversations"
    packages.mkdir()
    for name in ("pillow", "humanize"):
        write_wheel(packages, name, "10.4.0")
    with served(packages) as index:
        monkeypatch.setenv("UV_DEFAULT_INDEX", index)  # the emulator's builds ask it
        ready = emulator(BUILD_SECONDS)
        done = live_suite({**home.env, **variables(ready, folder)})
    assert done.returncode == 0, done.stdout + done.stderr
    assert "skipped" not in done.stdout
    assert images(ready) == []
    texts = {path.name: path.read_text("utf-8") for path in folder.iterdir()}
    assert texts.keys() == {"unknowns.md", *(f"emulator-{title}.json" for title in EVERYTHING)}
    for secret in (ready.token, ready.cluster, ready.subscription, ready.resource_group, ready.endpoint):
        assert not any(secret in text for text in texts.values())
    assert [question for question in QUESTIONS.values() if question not in texts["unknowns.md"]] == []


class Stage:
    """An emulator in this process, and a run of the live suite with it, on a clock that only moves by sleeping."""

    def __init__(self, folder: Path, **options: Any) -> None:
        config, self.clock = EmulatorConfig(build_seconds=300), MovableClock()
        self.app: Starlette = create_app(config, resolver=fits, clock=self.clock.wall)
        ready = config.ready
        target = Target(ready.subscription, ready.resource_group, ready.cluster, ready.endpoint)
        self.wire: httpx.AsyncBaseTransport = httpx.ASGITransport(self.app)
        credential = StaticCredential(ready.token)
        self.run = Run(Live(target, folder=folder, **options), lambda: self.wire, credential, self.clock)

    @property
    def images(self) -> list[str]:
        return [image.name for image in self.app.state.fleet.engines()[0].store.images()]


async def fits(_requirements: str, _python: str) -> None:
    return None


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path / "conversations")


def test_what_fails_midway_is_written_down_and_cleared_away(stage: Stage) -> None:
    async def failing(talk: Talk) -> None:
        await talk.follow("create", talk.client.build(talk.name, SPEC))
        await anext(begun := talk.client.build(talk.second, SPEC))
        await anext(begun)
        assert len(stage.images) == 2
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(stage.run.hold("failing", failing))
    assert (stage.images, stage.run.left) == ([], [])
    kept = Conversation.read(stage.run.live.folder / "emulator-failing.unfinished.json")
    assert [step["step"] for step in kept.steps] == ["create"]
    assert "it did not come to its end" in report(stage.run.written, [])


async def _interrupted(stage: Stage, held: Held, at: asyncio.Event) -> None:
    task = asyncio.create_task(stage.run.hold("interrupted", held))
    await at.wait()
    assert stage.images != []
    task.cancel()  # what asyncio.run does on Ctrl-C
    with suppress(asyncio.CancelledError):
        await task
    assert task.cancelled()


def test_an_interrupt_clears_away_what_is_still_being_built(stage: Stage) -> None:
    async def main() -> None:
        building = asyncio.Event()

        async def held(talk: Talk) -> None:
            await anext(begun := talk.client.build(talk.name, SPEC))
            await anext(begun)
            building.set()
            await asyncio.Event().wait()

        await _interrupted(stage, held, building)

    asyncio.run(main())
    assert (stage.images, stage.run.left) == ([], [])
    assert stage.clock.passed > 300  # nothing can be deleted before the build has ended


def test_python_is_switched_off_again(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "conversations", may_enable=True)

    async def held(talk: Talk) -> None:
        await talk.follow("create", talk.client.build(talk.name, SPEC))
        await talk.follow("enable", talk.client.enable(talk.name))
        assert not await stage.run.python_is_off()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(stage.run.hold("enabled", held))
    assert stage.app.state.fleet.engines()[0].store.extensions() == []
    assert stage.images == []
    assert asyncio.run(stage.run.python_is_off())


def test_what_cannot_be_cleared_away_is_named(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    async def held(talk: Talk) -> None:
        await talk.follow("create", talk.client.build(talk.name, SPEC))
        stage.wire = ScriptedTransport(forever=REFUSED)

    with pytest.raises(Unreachable):
        asyncio.run(stage.run.hold("lost", held))
    name = f"kusto-magic-test-{stage.run.id}-0"
    assert stage.images == [name]
    assert stage.run.left == [name, f"{name}-2"]
    assert stage.clock.passed > CLEARING_LIMIT
    assert f"left on the cluster, perhaps: {name}, {name}-2" in capsys.readouterr().err
    assert name in report(stage.run.written, stage.run.left)


def test_other_images_are_left_alone(stage: Stage) -> None:
    async def made(talk: Talk) -> None:
        await talk.follow("create", talk.client.build("theirs", SPEC))

    asyncio.run(stage.run.hold("made", made))
    kept = asyncio.run(stage.run.hold("create-and-delete", create_and_delete))
    assert stage.images == ["theirs"]
    assert "theirs" not in kept.to_text()


def test_the_report_names_what_the_emulator_does_otherwise() -> None:
    steps = [{"step": "create", "phases": "Sending, Building ×7, Failed", "result": "Failed Oops"}]
    error = {"answered": {"status": 200, "headers": {"retry-after": "5"}, "json": {"error": {"code": "Oops"}}}}
    exchange = {"at": 0.0, "asked": {"method": "PUT", "path": "/"}, **error}
    kept = Conversation("failed-build", "Azure", "2026-11-24", "2024-04-13", steps=steps, exchanges=[exchange])
    said = report([(kept, Path("azure-failed-build.json"))], [])
    emulated = "Failed SandboxCustomImageBuildFailed (Sending, Building, Failed)"
    assert f"- create: `Failed Oops (Sending, Building, Failed)` — the emulator: `{emulated}`" in said
    assert '"code": "Oops"' in said
    assert "PUT 200 retry-after" in said


ON = {f"{PREFIX}CLUSTER": TARGET.cluster_id, f"{PREFIX}CONFIRM": "yes"}


@pytest.mark.parametrize("environ", [{}, ON | {f"{PREFIX}CONFIRM": "1"}, ON | {f"{PREFIX}CLUSTER": ""}])
def test_it_is_off_unless_a_cluster_is_named_and_confirmed(environ: Mapping[str, str]) -> None:
    assert configured(environ) is None


def test_it_is_switched_on_by_the_environment() -> None:
    assert configured(ON) == Live(TARGET)
    more = {f"{PREFIX}ENDPOINT": CLOUDS["usgov"].endpoint, f"{PREFIX}CREDENTIAL": "cli", f"{PREFIX}ENABLE": "yes"}
    live = configured(ON | more)
    assert live is not None
    assert (live.target.endpoint, live.credential, live.may_enable) == (CLOUDS["usgov"].endpoint, "cli", True)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("ENDPOINT", "https://evil.example", "that of an Azure cloud, or on this machine"),
        ("ENDPOINT", "http://management.azure.com", "endpoint"),
        ("CLUSTER", "mycluster", "subscription: not set"),
        ("CLUSTER", "/subscriptions/x", "cluster: "),
        ("CREDENTIAL", "magic", "no way 'magic' to sign in"),
    ],
)
def test_what_is_wrong_there_is_said_and_nothing_sent(name: str, value: str, said: str) -> None:
    with pytest.raises(InvalidInput) as wrong:
        configured(ON | {PREFIX + name: value})
    assert said in str(wrong.value)
    assert "nothing was sent" in str(wrong.value)
