"""Tests of the live suite itself, with the emulator in place of Azure, and of its configuration."""

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
from support.clock import MovableClock
from support.home import Home
from support.live_probes import ALL_SCENARIOS, QUESTIONS
from support.live_report import render_report
from support.live_suite import CLEANUP_TIMEOUT, SKIP_REASON, VARIABLE_PREFIX, LiveOptions, LiveRun, configured
from support.package_index import package_index, write_wheel
from support.placeholders import TARGET
from support.recording import Conversation
from support.scenarios import SPEC, Scenario, ScenarioRun, create_and_delete
from support.scripted_transport import CONNECTION_REFUSED, ScriptedTransport

from kusto_magic.arm.credentials import StaticCredential
from kusto_magic.emulator import EmulatorConfig, ReadyTarget, create_app
from kusto_magic.errors import InvalidInputError, UnreachableError
from kusto_magic.hints import HintKind
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
        f"{VARIABLE_PREFIX}CLUSTER": cluster_id(ready),
        f"{VARIABLE_PREFIX}ENDPOINT": ready.endpoint,
        f"{VARIABLE_PREFIX}CONFIRM": "yes",
        f"{VARIABLE_PREFIX}ENABLE": "yes",
        f"{VARIABLE_PREFIX}FOLDER": str(folder),
    }


def images(ready: ReadyTarget) -> list[str]:
    url = f"{ready.endpoint}{cluster_id(ready)}/sandboxCustomImages?api-version=2024-04-13"
    with httpx.Client(trust_env=False, headers={"Authorization": f"Bearer {ready.token}"}) as client:
        return [image["name"] for image in client.get(url).raise_for_status().json()["value"]]


def live_suite(env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run the live suite in a separate process with this environment."""
    command = [sys.executable, "-P", "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/live/test_azure.py"]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, encoding="utf-8", check=False)


def test_live_suite_is_skipped_with_instructions(home: Home) -> None:
    done = live_suite(home.env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert SKIP_REASON in done.stdout
    assert f"{len(ALL_SCENARIOS)} skipped" in done.stdout


@pytest.mark.slow
def test_live_suite_passes_and_leaves_no_images(
    home: Home, emulator: Callable[[float], ReadyTarget], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages, folder = tmp_path / "packages", tmp_path / "conversations"
    packages.mkdir()
    for name in ("pillow", "humanize"):
        write_wheel(packages, name, "10.4.0")
    with package_index(packages) as index:
        monkeypatch.setenv("UV_DEFAULT_INDEX", index)  # used by the emulator's builds
        ready = emulator(BUILD_SECONDS)
        done = live_suite({**home.env, **variables(ready, folder)})
    assert done.returncode == 0, done.stdout + done.stderr
    assert "skipped" not in done.stdout
    assert images(ready) == []
    texts = {path.name: path.read_text("utf-8") for path in folder.iterdir()}
    assert texts.keys() == {"unknowns.md", *(f"emulator-{title}.json" for title in ALL_SCENARIOS)}
    for secret in (ready.token, ready.cluster, ready.subscription, ready.resource_group, ready.endpoint):
        assert not any(secret in text for text in texts.values())
    assert [question for question in QUESTIONS.values() if question not in texts["unknowns.md"]] == []


class Stage:
    """An in-process emulator and a run of the live suite with it; the clock advances only by sleeping."""

    def __init__(self, folder: Path, **options: Any) -> None:
        config, self.clock = EmulatorConfig(build_seconds=300), MovableClock()
        self.app: Starlette = create_app(config, resolver=compatible, clock=self.clock.wall)
        ready = config.ready
        target = Target(ready.subscription, ready.resource_group, ready.cluster, ready.endpoint)
        self.transport: httpx.AsyncBaseTransport = httpx.ASGITransport(self.app)
        credential = StaticCredential(ready.token)
        self.run = LiveRun(
            LiveOptions(target, folder=folder, **options), lambda: self.transport, credential, self.clock
        )

    @property
    def images(self) -> list[str]:
        return [image.name for image in self.app.state.fleet.states()[0].store.images()]


async def compatible(_requirements: str, _python: str) -> None:
    return None


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path / "conversations")


def test_failed_scenario_is_recorded_and_cleaned_up(stage: Stage) -> None:
    async def failing(talk: ScenarioRun) -> None:
        await talk.follow("create", talk.client.create_or_update_stream(talk.name, SPEC))
        await anext(operations := talk.client.create_or_update_stream(talk.second, SPEC))
        await anext(operations)
        assert len(stage.images) == 2
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(stage.run.run("failing", failing))
    assert (stage.images, stage.run.left) == ([], [])
    recording = Conversation.read(stage.run.live.folder / "emulator-failing.unfinished.json")
    assert [step["step"] for step in recording.steps] == ["create"]
    assert "not finished" in render_report(stage.run.written, [])


async def _interrupted(stage: Stage, held: Scenario, at: asyncio.Event) -> None:
    task = asyncio.create_task(stage.run.run("interrupted", held))
    await at.wait()
    assert stage.images != []
    task.cancel()  # what asyncio.run does on Ctrl-C
    with suppress(asyncio.CancelledError):
        await task
    assert task.cancelled()


def test_cancellation_cleans_up_builds_in_progress(stage: Stage) -> None:
    async def main() -> None:
        building = asyncio.Event()

        async def held(talk: ScenarioRun) -> None:
            await anext(operations := talk.client.create_or_update_stream(talk.name, SPEC))
            await anext(operations)
            building.set()
            await asyncio.Event().wait()

        await _interrupted(stage, held, building)

    asyncio.run(main())
    assert (stage.images, stage.run.left) == ([], [])
    assert stage.clock.passed > 300  # an image cannot be deleted during its build


def test_python_is_disabled_during_cleanup(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "conversations", may_enable=True)

    async def held(talk: ScenarioRun) -> None:
        await talk.follow("create", talk.client.create_or_update_stream(talk.name, SPEC))
        await talk.follow("enable", talk.client.enable_stream(talk.name))
        assert not await stage.run.python_is_off()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(stage.run.run("enabled", held))
    assert stage.app.state.fleet.states()[0].store.extensions() == []
    assert stage.images == []
    assert asyncio.run(stage.run.python_is_off())


def test_leftover_images_are_reported(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    async def held(talk: ScenarioRun) -> None:
        await talk.follow("create", talk.client.create_or_update_stream(talk.name, SPEC))
        stage.transport = ScriptedTransport(default=CONNECTION_REFUSED)

    with pytest.raises(UnreachableError):
        asyncio.run(stage.run.run("lost", held))
    name = f"kusto-magic-test-{stage.run.id}-0"
    assert stage.images == [name]
    assert stage.run.left == [name, f"{name}-2"]
    assert stage.clock.passed > CLEANUP_TIMEOUT
    assert f"images that may remain: {name}, {name}-2" in capsys.readouterr().err
    assert name in render_report(stage.run.written, stage.run.left)


def test_other_images_are_not_touched(stage: Stage) -> None:
    async def create_other(talk: ScenarioRun) -> None:
        await talk.follow("create", talk.client.create_or_update_stream("unrelated-image", SPEC))

    asyncio.run(stage.run.run("create-other", create_other))
    recording = asyncio.run(stage.run.run("create-and-delete", create_and_delete))
    assert stage.images == ["unrelated-image"]
    assert "unrelated-image" not in recording.to_text()


def test_report_shows_differences_from_the_emulator() -> None:
    steps = [{"step": "create", "phases": "Submitting, Building ×7, Failed", "result": "Failed Oops"}]
    error = {"answered": {"status": 200, "headers": {"retry-after": "5"}, "json": {"error": {"code": "Oops"}}}}
    exchange = {"at": 0.0, "asked": {"method": "PUT", "path": "/"}, **error}
    recording = Conversation("failed-build", "Azure", "2026-11-24", "2024-04-13", steps=steps, exchanges=[exchange])
    text = render_report([(recording, Path("azure-failed-build.json"))], [])
    emulated = "Failed SandboxCustomImageBuildFailed (Submitting, Building, Failed)"
    assert f"- create: `Failed Oops (Submitting, Building, Failed)` — the emulator: `{emulated}`" in text
    assert '"code": "Oops"' in text
    assert "PUT 200 retry-after" in text


ON = {f"{VARIABLE_PREFIX}CLUSTER": TARGET.cluster_id, f"{VARIABLE_PREFIX}CONFIRM": "yes"}


@pytest.mark.parametrize(
    "environ", [{}, ON | {f"{VARIABLE_PREFIX}CONFIRM": "1"}, ON | {f"{VARIABLE_PREFIX}CLUSTER": ""}]
)
def test_suite_is_off_without_a_confirmed_cluster(environ: Mapping[str, str]) -> None:
    assert configured(environ) is None


def test_environment_enables_the_suite() -> None:
    assert configured(ON) == LiveOptions(TARGET)
    more = {
        f"{VARIABLE_PREFIX}ENDPOINT": CLOUDS["usgov"].endpoint,
        f"{VARIABLE_PREFIX}CREDENTIAL": "cli",
        f"{VARIABLE_PREFIX}ENABLE": "yes",
    }
    live = configured(ON | more)
    assert live is not None
    assert (live.target.endpoint, live.credential, live.may_enable) == (CLOUDS["usgov"].endpoint, "cli", True)


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("ENDPOINT", "https://evil.example", "that of an Azure cloud, or on this machine"),
        ("ENDPOINT", "http://management.azure.com", "endpoint"),
        ("CLUSTER", "mycluster", "subscription: not set"),
        ("CLUSTER", "/subscriptions/x", "cluster: "),
        ("CREDENTIAL", "magic", "unknown sign-in method 'magic'"),
    ],
)
def test_invalid_environment_raises_and_nothing_is_sent(name: str, value: str, text: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        configured(ON | {VARIABLE_PREFIX + name: value})
    assert text in str(caught.value)
    assert caught.value.hint is not None
    assert caught.value.hint.kind is HintKind.SET_VARIABLES
