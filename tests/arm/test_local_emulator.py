"""The emulator process: start, find and stop."""

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

from kusto_magic.arm import local_emulator
from kusto_magic.emulator import ReadyTarget
from kusto_magic.emulator.server import bind
from kusto_magic.emulator.store import Store
from kusto_magic.errors import EmulatorError
from kusto_magic.hints import Hint, HintKind

pytestmark = pytest.mark.slow  # most tests start the emulator process
COMMAND = [sys.executable, "-m", "kusto_magic.emulator"]
DEADLINE = 30.0
BODY = {"properties": {"language": "Python", "languageVersion": "3.10.8"}}


@pytest.fixture
def folder(home: Home) -> Iterator[Path]:
    """Use a separate folder, and stop the emulator afterwards."""
    yield local_emulator.home_folder()
    local_emulator.stop()


def image_url(running: local_emulator.RunningEmulator, name: str, cluster: str = "") -> str:
    target = running.target
    group = f"{target.endpoint}/subscriptions/{target.subscription}/resourceGroups/{target.resource_group}"
    return (
        f"{group}/providers/Microsoft.Kusto/clusters/{cluster or target.cluster}"
        f"/sandboxCustomImages/{name}?api-version=2024-04-13"
    )


def send_request(running: local_emulator.RunningEmulator, method: str, name: str, cluster: str = "") -> httpx.Response:
    headers = {"Authorization": f"Bearer {running.target.token}"}
    body = BODY if method == "PUT" else None
    with httpx.Client(trust_env=False) as client:
        return client.request(method, image_url(running, name, cluster), json=body, headers=headers)


def read_ready(line: str) -> local_emulator.RunningEmulator:
    document = json.loads(line)
    ready = ReadyTarget(document["endpoint"], document["token"], **document["target"])
    return local_emulator.RunningEmulator(ready, document["pid"], document["build_seconds"], document["clusters"])


def run_in_another_process(code: str, env: dict[str, str]) -> subprocess.Popen[str]:
    source = f"from kusto_magic.arm import local_emulator\n{code}"
    return subprocess.Popen([sys.executable, "-c", source], env=env, stdout=subprocess.PIPE, text=True)


def test_find_and_stop_without_an_emulator(folder: Path) -> None:
    assert local_emulator.find() is None
    assert local_emulator.stop() is False
    assert list(folder.iterdir()) == []


def test_emulator_is_started_found_and_stopped(folder: Path) -> None:
    running = local_emulator.start(build_seconds=0)

    assert local_emulator.find() == running
    assert local_emulator.start() == running
    assert local_emulator.find_or_start() == running
    assert send_request(running, "PUT", "kept").status_code == 201
    assert running.target.token not in repr(running)
    assert local_emulator.stop() is True
    assert local_emulator.find() is None
    with pytest.raises(httpx.ConnectError):
        send_request(running, "GET", "kept")


def test_images_and_endpoint_survive_a_restart(folder: Path) -> None:
    first = local_emulator.start(build_seconds=0)
    send_request(first, "PUT", "kept")
    local_emulator.stop()
    second = local_emulator.start(build_seconds=0)

    assert second.target.endpoint == first.target.endpoint
    assert second.target.token != first.target.token
    assert send_request(second, "GET", "kept").json()["properties"]["provisioningState"] == "Succeeded"


def test_each_cluster_keeps_its_images_across_restarts(folder: Path) -> None:
    fleet = local_emulator.start(build_seconds=0, clusters=3)
    assert (fleet.clusters, local_emulator.find()) == (3, fleet)
    assert local_emulator.find_or_start(clusters=7) == fleet
    assert [send_request(fleet, "PUT", "kept", f"fleet00{n}").status_code for n in (1, 2, 3)] == [201, 201, 404]
    local_emulator.stop()
    single = local_emulator.find_or_start(build_seconds=0)
    assert (single.clusters, send_request(single, "GET", "kept", "fleet001").status_code) == (1, 404)
    local_emulator.stop()
    again = local_emulator.start(build_seconds=0, clusters=2)
    assert [send_request(again, "GET", "kept", f"fleet00{n}").status_code for n in (1, 2)] == [200, 404]


def test_discovery_file_without_clusters_means_one_cluster(folder: Path) -> None:
    running = local_emulator.start()
    file = folder / "emulator.json"
    written = json.loads(file.read_text())
    assert written.pop("clusters") == 1
    file.write_text(json.dumps(written))

    assert local_emulator.find() == running


def test_emulator_outlives_the_process_that_started_it(folder: Path, home: Home) -> None:
    with run_in_another_process("print(local_emulator.start().pid)", home.env) as starter:
        started = starter.communicate(timeout=DEADLINE)[0].strip()
    running = local_emulator.find()

    assert running is not None
    assert running.pid == int(started)


def test_concurrent_starts_return_the_same_emulator(folder: Path, home: Home) -> None:
    starters = [run_in_another_process("print(local_emulator.start().pid)", home.env) for _ in range(2)]
    processes = {int(starter.communicate(timeout=DEADLINE)[0]) for starter in starters}

    assert len(processes) == 1
    assert [running.pid for running in [local_emulator.find()] if running] == list(processes)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no POSIX file modes")
def test_files_are_accessible_by_their_owner_only(folder: Path) -> None:
    local_emulator.start()

    for name in ("emulator.json", "emulator.sqlite", "emulator.log"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600, name
    assert not [path for path in folder.iterdir() if path.name.startswith("emulator-")]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"endpoint": 1}',
        '{"endpoint":"http://evil.example:80","token":"t","pid":1,"target":{"subscription":"s","resource_group":"g","cluster":"c"}}',
        '{"endpoint":"http://127.0.0.1:1","token":"t","pid":1,"target":{"subscription":"s","resource_group":"g","cluster":"c"}}',
        '{"endpoint":"http://127.0.0.1:1","token":"t","pid":1,"target":{"subscription":"s","unknown":"g"}}',
    ],
)
def test_invalid_discovery_file_is_ignored(folder: Path, text: str) -> None:
    (folder / "emulator.json").write_text(text)

    assert local_emulator.find() is None


def test_find_ignores_another_token(folder: Path) -> None:
    running = local_emulator.start()
    file = folder / "emulator.json"
    written = file.read_text()
    file.write_text(written.replace(running.target.token, "another"))
    assert local_emulator.find() is None
    file.write_text(written)
    assert local_emulator.find() == running


def test_failed_start_raises_with_the_reason(folder: Path) -> None:
    state_file = folder / "emulator.sqlite"
    state_file.write_text("this is not a database, and long enough to be recognized as such")

    with pytest.raises(EmulatorError, match="not a database") as caught:
        local_emulator.start()
    assert caught.value.hint == Hint(HintKind.FIX_EMULATOR, str(state_file))
    assert local_emulator.find() is None


def test_unusable_folder_raises_emulator_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "file").write_text("")
    monkeypatch.setenv("KUSTO_MAGIC_HOME", str(folder / "file"))

    with pytest.raises(EmulatorError, match="cannot be used"):
        local_emulator.start()


def test_proxy_is_not_used(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")

    assert local_emulator.find_or_start() == local_emulator.find()


def test_command_prints_one_line_and_exits_when_idle(home: Home) -> None:
    command = [*COMMAND, "--idle-exit", "0.1"]
    with subprocess.Popen(command, env=home.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        out, err = process.communicate(timeout=DEADLINE)

    assert (process.returncode, err) == (0, "")
    line = json.loads(out)
    assert sorted(line) == ["build_seconds", "clusters", "endpoint", "instance", "pid", "target", "token"]
    assert sorted(line["target"]) == ["cluster", "resource_group", "subscription"]
    assert line["pid"] == process.pid


@pytest.mark.parametrize("cluster", ["emulatedcluster", "fleet001"])
def test_command_does_not_exit_during_a_build(home: Home, tmp_path: Path, cluster: str) -> None:
    state = tmp_path / "state.sqlite"
    command = [*COMMAND, "--idle-exit", "1", "--build-seconds", "3", "--clusters", "2", "--state", str(state)]
    with subprocess.Popen(command, env=home.env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert send_request(read_ready(process.stdout.readline()), "PUT", "a", cluster).status_code == 201
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
def test_invalid_option_is_rejected(home: Home, option: str) -> None:
    refused = subprocess.run([*COMMAND, option], env=home.env, capture_output=True, text=True, check=False)

    assert (refused.returncode, refused.stdout) == (2, "")
    assert option.partition("=")[0] in refused.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals that stop a process")
@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_signal_stops_the_command_cleanly(home: Home, ending: signal.Signals) -> None:
    with subprocess.Popen(COMMAND, env=home.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        os.kill(process.pid, ending)
        out, err = process.communicate(timeout=DEADLINE)

    assert (process.returncode, out, err) == (0, "", "")


def test_occupied_port_is_rejected_if_required_and_replaced_if_preferred(folder: Path, home: Home) -> None:
    port = local_emulator.start().target.endpoint.rpartition(":")[2]
    strict = subprocess.run([*COMMAND, "--port", port], env=home.env, capture_output=True, text=True, check=False)
    preferring = [*COMMAND, "--prefer-port", port, "--idle-exit", "0.1"]
    loose = subprocess.run(preferring, env=home.env, capture_output=True, text=True, check=True)

    assert (strict.returncode, strict.stdout) == (1, "")
    assert f"cannot listen on 127.0.0.1:{port}" in strict.stderr
    assert json.loads(loose.stdout)["endpoint"].rpartition(":")[2] != port


def test_listener_is_on_loopback_with_tcp_nodelay() -> None:
    with bind(0) as listener:
        assert listener.getsockname()[0] == "127.0.0.1"
        assert listener.proto == socket.IPPROTO_TCP  # asyncio sets TCP_NODELAY only then


def test_build_seconds_is_none_for_another_endpoint(folder: Path) -> None:
    running = local_emulator.start(build_seconds=7)
    assert local_emulator.build_seconds(running.target.endpoint) == 7
    assert local_emulator.build_seconds("http://127.0.0.1:1") is None
