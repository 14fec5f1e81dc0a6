"""The emulator as a process: found again, started once, ended."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from support.home import Home

from kusto_magic.arm import local_emulator as launch
from kusto_magic.emulator import ReadyTarget
from kusto_magic.emulator.server import bind
from kusto_magic.emulator.store import Store
from kusto_magic.errors import EmulatorError

pytestmark = pytest.mark.slow  # most tests start the emulator as a process
COMMAND = [sys.executable, "-m", "kusto_magic.emulator"]
DEADLINE = 30.0
BODY = {"properties": {"language": "Python", "languageVersion": "3.10.8"}}


@pytest.fixture
def place(home: Home) -> Iterator[Path]:
    """Give the launcher a folder of its own, and leave no process behind."""
    yield launch.home_folder()
    launch.stop()


def image_url(running: launch.RunningEmulator, name: str, cluster: str = "") -> str:
    target = running.target
    group = f"{target.endpoint}/subscriptions/{target.subscription}/resourceGroups/{target.resource_group}"
    return (
        f"{group}/providers/Microsoft.Kusto/clusters/{cluster or target.cluster}"
        f"/sandboxCustomImages/{name}?api-version=2024-04-13"
    )


def ask(running: launch.RunningEmulator, method: str, name: str, cluster: str = "") -> httpx.Response:
    headers = {"Authorization": f"Bearer {running.target.token}"}
    body = BODY if method == "PUT" else None
    with httpx.Client(trust_env=False) as client:
        return client.request(method, image_url(running, name, cluster), json=body, headers=headers)


def read_ready(line: str) -> launch.RunningEmulator:
    said = json.loads(line)
    ready = ReadyTarget(said["endpoint"], said["token"], **said["target"])
    return launch.RunningEmulator(ready, said["pid"], said["instance"], said["build_seconds"], said["clusters"])


def in_another_process(code: str, env: dict[str, str]) -> subprocess.Popen[str]:
    source = f"from kusto_magic.arm import local_emulator as launch\n{code}"
    return subprocess.Popen([sys.executable, "-c", source], env=env, stdout=subprocess.PIPE, text=True)


def test_nothing_runs_at_first(place: Path) -> None:
    assert launch.find() is None
    assert launch.stop() is False
    assert list(place.iterdir()) == []


def test_it_is_started_found_used_and_ended(place: Path) -> None:
    running = launch.start(build_seconds=0)

    assert launch.find() == running
    assert launch.start() == running
    assert launch.find_or_start() == running
    assert ask(running, "PUT", "kept").status_code == 201
    assert running.target.token not in repr(running)
    assert launch.stop() is True
    assert launch.find() is None
    with pytest.raises(httpx.ConnectError):
        ask(running, "GET", "kept")


def test_images_and_address_outlive_it(place: Path) -> None:
    first = launch.start(build_seconds=0)
    ask(first, "PUT", "kept")
    launch.stop()
    second = launch.start(build_seconds=0)

    assert second.target.endpoint == first.target.endpoint
    assert second.target.token != first.target.token
    assert ask(second, "GET", "kept").json()["properties"]["provisioningState"] == "Succeeded"


def test_it_has_as_many_clusters_as_it_is_told_and_each_keeps_its_images(place: Path) -> None:
    fleet = launch.start(build_seconds=0, clusters=3)
    assert (fleet.clusters, launch.find()) == (3, fleet)
    assert launch.find_or_start(clusters=7) == fleet
    assert [ask(fleet, "PUT", "kept", f"fleet00{n}").status_code for n in (1, 2, 3)] == [201, 201, 404]
    launch.stop()
    alone = launch.find_or_start(build_seconds=0)
    assert (alone.clusters, ask(alone, "GET", "kept", "fleet001").status_code) == (1, 404)
    launch.stop()
    again = launch.start(build_seconds=0, clusters=2)
    assert [ask(again, "GET", "kept", f"fleet00{n}").status_code for n in (1, 2)] == [200, 404]


def test_a_discovery_file_of_before_there_were_fleets_is_of_one_cluster(place: Path) -> None:
    running = launch.start()
    file = place / "emulator.json"
    written = json.loads(file.read_text())
    assert written.pop("clusters") == 1
    file.write_text(json.dumps(written))

    assert launch.find() == running


def test_another_process_finds_it_and_its_starter_may_go(place: Path, home: Home) -> None:
    with in_another_process("print(launch.start().instance)", home.env) as starter:
        started = starter.communicate(timeout=DEADLINE)[0].strip()
    running = launch.find()

    assert running is not None
    assert running.instance == started


def test_two_starts_at_once_end_with_one(place: Path, home: Home) -> None:
    starters = [in_another_process("print(launch.start().instance)", home.env) for _ in range(2)]
    instances = {starter.communicate(timeout=DEADLINE)[0].strip() for starter in starters}

    assert len(instances) == 1
    assert [running.instance for running in [launch.find()] if running] == list(instances)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_what_it_writes_is_its_owner_s_alone(place: Path) -> None:
    launch.start()

    for name in ("emulator.json", "emulator.sqlite", "emulator.log"):
        assert stat.S_IMODE((place / name).stat().st_mode) == 0o600, name
    assert not [path for path in place.iterdir() if path.name.startswith("emulator-")]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"endpoint": 1}',
        '{"endpoint":"http://evil.example:80","token":"t","pid":1,"instance":"i","target":{"subscription":"s","resource_group":"g","cluster":"c"}}',
        '{"endpoint":"http://127.0.0.1:1","token":"t","pid":1,"instance":"i","target":{"subscription":"s","resource_group":"g","cluster":"c"}}',
        '{"endpoint":"http://127.0.0.1:1","token":"t","pid":1,"instance":"i","target":{"subscription":"s","unknown":"g"}}',
    ],
)
def test_a_discovery_file_that_leads_nowhere_is_no_emulator(place: Path, text: str) -> None:
    (place / "emulator.json").write_text(text)

    assert launch.find() is None


def test_another_instance_at_the_address_is_not_ours(place: Path) -> None:
    running = launch.start()
    file = place / "emulator.json"
    written = file.read_text()
    file.write_text(written.replace(running.instance, "another"))
    assert launch.find() is None
    file.write_text(written.replace(running.target.token, "another"))
    assert launch.find() is None
    file.write_text(written)
    assert launch.find() == running


def test_a_start_that_fails_says_why(place: Path) -> None:
    (place / "emulator.sqlite").write_text("this is no database, and long enough to be seen as none")

    with pytest.raises(EmulatorError, match=r"cannot use its state file .*: file is not a database"):
        launch.start()
    assert launch.find() is None


def test_a_folder_that_cannot_be_used_is_named(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (place / "file").write_text("")
    monkeypatch.setenv("KUSTO_MAGIC_HOME", str(place / "file"))

    with pytest.raises(EmulatorError, match="cannot be used"):
        launch.start()


def test_a_proxy_is_never_asked(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")

    assert launch.find_or_start() == launch.find()


def test_the_command_says_one_line_and_ends_when_idle(home: Home) -> None:
    command = [*COMMAND, "--idle-exit", "0.1"]
    with subprocess.Popen(command, env=home.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        out, err = process.communicate(timeout=DEADLINE)

    assert (process.returncode, err) == (0, "")
    line = json.loads(out)
    assert sorted(line) == ["build_seconds", "clusters", "endpoint", "instance", "pid", "target", "token"]
    assert sorted(line["target"]) == ["cluster", "resource_group", "subscription"]
    assert line["pid"] == process.pid


@pytest.mark.parametrize("cluster", ["emulatedcluster", "fleet001"])
def test_it_does_not_end_while_something_is_built(home: Home, tmp_path: Path, cluster: str) -> None:
    state = tmp_path / "state.sqlite"
    command = [*COMMAND, "--idle-exit", "1", "--build-seconds", "3", "--clusters", "2", "--state", str(state)]
    with subprocess.Popen(command, env=home.env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert ask(read_ready(process.stdout.readline()), "PUT", "a", cluster).status_code == 201
        process.wait(DEADLINE)

    assert process.returncode == 0
    assert [image.state for image in Store(state, "emulatedcluster").for_cluster(cluster).images()] == ["Succeeded"]


@pytest.mark.parametrize(
    "option",
    [
        "--port=65536",
        "--port=x",
        "--build-seconds=-1",
        "--idle-exit=nan",
        "--clusters=0",
        "--clusters=2001",
        "--clusters=x",
    ],
)
def test_an_option_that_makes_no_sense_is_refused(home: Home, option: str) -> None:
    refused = subprocess.run([*COMMAND, option], env=home.env, capture_output=True, text=True, check=False)

    assert (refused.returncode, refused.stdout) == (2, "")
    assert option.partition("=")[0] in refused.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals to end a process by")
@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(home: Home, ending: signal.Signals) -> None:
    with subprocess.Popen(COMMAND, env=home.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        os.kill(process.pid, ending)
        out, err = process.communicate(timeout=DEADLINE)

    assert (process.returncode, out, err) == (0, "", "")


def test_a_taken_port_is_refused_when_asked_for_and_left_when_preferred(place: Path, home: Home) -> None:
    port = launch.start().target.endpoint.rpartition(":")[2]
    strict = subprocess.run([*COMMAND, "--port", port], env=home.env, capture_output=True, text=True, check=False)
    preferring = [*COMMAND, "--prefer-port", port, "--idle-exit", "0.1"]
    loose = subprocess.run(preferring, env=home.env, capture_output=True, text=True, check=True)

    assert (strict.returncode, strict.stdout) == (1, "")
    assert f"cannot listen on 127.0.0.1:{port}" in strict.stderr
    assert json.loads(loose.stdout)["endpoint"].rpartition(":")[2] != port


def test_it_listens_on_loopback_only_and_without_nagle_s_algorithm() -> None:
    with bind(0) as listener:
        assert listener.getsockname()[0] == "127.0.0.1"
        assert listener.proto == socket.IPPROTO_TCP  # what asyncio asks before it sets TCP_NODELAY


def test_how_long_builds_take_is_known_of_our_own_emulator_only(place: Path) -> None:
    running = launch.start(build_seconds=7)
    assert launch.build_seconds(running.target.endpoint) == 7
    assert launch.build_seconds("http://127.0.0.1:1") is None
