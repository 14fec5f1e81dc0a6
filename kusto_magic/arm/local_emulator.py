"""Start the emulator as a process of its own, and find it again from another kernel.

This is the client's side. The emulator that runs is written down in `emulator.json` in the folder `home()` (mode 0600:
it holds the emulator's own token); its images are kept beside it, so they outlive it.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kusto_magic.emulator.config import MAX_CLUSTERS as MAX_CLUSTERS
from kusto_magic.emulator.config import SERVICE, ReadyTarget
from kusto_magic.emulator.config import parse_cluster_count as parse_cluster_count
from kusto_magic.emulator.file_permissions import make_private
from kusto_magic.errors import EmulatorError

if TYPE_CHECKING:
    import httpx

START_TIMEOUT = 30.0
"""Seconds until a new emulator must have said that it is ready."""

STOP_TIMEOUT = 10.0
LOCK_TIMEOUT = 60.0
PROBE_TIMEOUT = 2.0
_LOG_TAIL_LENGTH = 2000

_children: list[subprocess.Popen[bytes]] = []
"""Emulators started by this process: kept, so that one that ends is waited for and leaves no zombie."""


@dataclass(frozen=True, slots=True)
class RunningEmulator:
    """An emulator that runs: what a client needs, its process id, and the id it answers `GET /` with.

    `build_seconds` is how long its builds take, `clusters` how many clusters it has.
    """

    target: ReadyTarget
    pid: int
    instance: str
    build_seconds: float
    clusters: int = 1


def home_folder() -> Path:
    """Return the folder of the emulator's files: $KUSTO_MAGIC_HOME, or the user's data folder of `kusto-magic`."""
    import platformdirs

    chosen = os.environ.get("KUSTO_MAGIC_HOME")
    return Path(chosen).expanduser() if chosen else platformdirs.user_data_path("kusto-magic", appauthor=False)


def find() -> RunningEmulator | None:
    """Return the emulator that was started here and still answers and knows its token, or None."""
    running = _read_discovery_file()
    return running if running is not None and _is_alive(running) else None


def build_seconds(endpoint: str) -> float | None:
    """Return how long builds take on the emulator that was started here for `endpoint`, None for any other."""
    running = _read_discovery_file()
    return running.build_seconds if running is not None and running.target.endpoint == endpoint else None


def find_or_start(build_seconds: float = 12, idle_exit: float = 3600, clusters: int = 1) -> RunningEmulator:
    """Return the running emulator, started if there is none. Raises EmulatorError. See `start`."""
    return find() or start(build_seconds, idle_exit, clusters)


def start(build_seconds: float = 12, idle_exit: float = 3600, clusters: int = 1) -> RunningEmulator:
    """Start an emulator that outlives this process and return it; one that already runs is returned as it is.

    `build_seconds`: how long a build takes; `idle_exit`: after how many seconds without a request it ends; `clusters`:
    how many there are (1 to 2000). Two processes that start at once get the same one. Blocks until it is ready. Raises
    EmulatorError.
    """
    try:
        home_folder().mkdir(parents=True, exist_ok=True, mode=0o700)
        with _lock():
            running = find()
            if running is None:
                running = _launch(build_seconds, idle_exit, clusters)
                _write_discovery_file(running)
            return running
    except OSError as error:
        raise EmulatorError(f"the emulator's folder {home_folder()} cannot be used: {error}") from None


def stop() -> bool:
    """End the running emulator and wait for it; return whether there was one. Its images stay. Raises EmulatorError."""
    running = find()
    if running is None:
        return False
    with _client() as client:
        client.post(f"{running.target.endpoint}/emulator/stop", headers=_bearer(running)).raise_for_status()
        deadline = time.monotonic() + STOP_TIMEOUT
        while _identity(client, running.target.endpoint) is not None:
            if time.monotonic() > deadline:
                raise EmulatorError(f"the emulator (process {running.pid}) does not end")
            time.sleep(0.02)
    for child in _children:
        if child.pid == running.pid:
            child.wait(STOP_TIMEOUT)
    _reap_children()
    return True


def _reap_children() -> None:
    _children[:] = [child for child in _children if child.poll() is None]


@contextmanager
def _lock() -> Iterator[None]:
    """Hold the lock of the folder. SQLite's file lock: works on every system and dies with its process."""
    connection = sqlite3.connect(home_folder() / "emulator.lock", timeout=LOCK_TIMEOUT, isolation_level=None)
    try:
        connection.execute("BEGIN EXCLUSIVE")
        yield
    except sqlite3.OperationalError as error:
        raise EmulatorError(f"another process keeps the lock of the emulator in {home_folder()}: {error}") from None
    finally:
        connection.close()


def _launch(build_seconds: float, idle_exit: float, clusters: int) -> RunningEmulator:
    _reap_children()
    before = _read_discovery_file()
    port = before.target.endpoint.rpartition(":")[2] if before else "0"  # endpoints stay the same if they can
    log = home_folder() / "emulator.log"
    command = [sys.executable, "-P", "-m", "kusto_magic.emulator", "--prefer-port", port]
    command += ["--build-seconds", str(build_seconds), "--idle-exit", str(idle_exit)]
    command += ["--clusters", str(clusters), "--state", str(home_folder() / "emulator.sqlite")]
    make_private(log)
    with log.open("wb") as stderr:
        child = subprocess.Popen(  # noqa: S603 - our own module
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stderr, **_detached_process_options()
        )
    _children.append(child)
    line = _first_line(child)
    try:
        return _from_json(json.loads(line))
    except ValueError:
        child.kill()
        child.wait()
        said = log.read_text("utf-8", errors="replace").strip()[-_LOG_TAIL_LENGTH:]
        raise EmulatorError(
            f"the emulator did not start: {said or 'it said nothing'}",
            next_step=f"mend what it says; to begin anew without its images, delete {home_folder() / 'emulator.sqlite'}.",
        ) from None


def _detached_process_options() -> dict[str, Any]:
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}


def _first_line(child: subprocess.Popen[bytes]) -> bytes:
    """Return the first line the child writes; b"" when it ends without one or the deadline passes."""
    lines: queue.Queue[bytes] = queue.Queue()

    def read() -> None:
        assert child.stdout is not None  # noqa: S101 - it was started with a pipe
        with child.stdout:
            lines.put(child.stdout.readline())

    threading.Thread(target=read, daemon=True).start()
    with contextlib.suppress(queue.Empty):
        return lines.get(timeout=START_TIMEOUT)
    return b""


def _read_discovery_file() -> RunningEmulator | None:
    """Return what the discovery file says; None when there is none, or none that can be believed."""
    try:
        return _from_json(json.loads(_discovery_path().read_bytes()))
    except (OSError, ValueError):
        return None


def _from_json(line: Any) -> RunningEmulator:
    """Read a ready line. Raises ValueError."""
    try:
        target = ReadyTarget(endpoint=line["endpoint"], token=line["token"], **line["target"])
        running = RunningEmulator(target, line["pid"], line["instance"], float(line["build_seconds"]))
        running = replace(running, clusters=int(line.get("clusters", 1)))  # before there were fleets, none was named
    except (TypeError, KeyError):
        raise ValueError("no ready line of the emulator") from None
    texts = (target.endpoint, target.token, target.subscription, target.resource_group, target.cluster)
    if not all(isinstance(text, str) for text in (*texts, running.instance)) or not isinstance(running.pid, int):
        raise ValueError("no ready line of the emulator")
    scheme, _, port = target.endpoint.rpartition(":")
    if scheme != "http://127.0.0.1" or not (port.isascii() and port.isdigit()):
        raise ValueError("an emulator is on loopback only")
    return running


def _write_discovery_file(running: RunningEmulator) -> None:
    """Write the discovery file at once or not at all; only its owner can read it."""
    ready = running.target
    target = {"subscription": ready.subscription, "resource_group": ready.resource_group, "cluster": ready.cluster}
    line = {"endpoint": ready.endpoint, "token": ready.token, "target": target, "pid": running.pid}
    handle, name = tempfile.mkstemp(dir=home_folder(), prefix="emulator-")  # mode 0600
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        line |= {"instance": running.instance, "build_seconds": running.build_seconds}
        json.dump(line | {"clusters": running.clusters}, file)
    Path(name).replace(_discovery_path())


def _discovery_path() -> Path:
    return home_folder() / "emulator.json"


def _client() -> httpx.Client:
    import httpx

    return httpx.Client(trust_env=False, timeout=PROBE_TIMEOUT)  # loopback never goes through a proxy


def _bearer(running: RunningEmulator) -> dict[str, str]:
    return {"Authorization": f"Bearer {running.target.token}"}


def _identity(client: httpx.Client, endpoint: str) -> dict[str, Any] | None:
    """Return what answers `GET /` there if it is an emulator; None for nothing or something else."""
    import httpx

    try:
        answer = client.get(f"{endpoint}/").json()
    except (httpx.HTTPError, ValueError):
        return None
    return answer if isinstance(answer, dict) and answer.get("service") == SERVICE else None


def _is_alive(running: RunningEmulator) -> bool:
    """Whether this very emulator is still there, and takes the token. The token goes nowhere else."""
    import httpx

    target = running.target
    path = (
        f"/subscriptions/{target.subscription}/resourceGroups/{target.resource_group}"
        f"/providers/Microsoft.Kusto/clusters/{target.cluster}?api-version=2024-04-13"
    )
    with _client() as client:
        identity = _identity(client, running.target.endpoint)
        if identity is None or identity.get("instance") != running.instance:
            return False
        try:
            answer = client.get(target.endpoint + path, headers=_bearer(running))
        except httpx.HTTPError:
            return False
    return answer.is_success
