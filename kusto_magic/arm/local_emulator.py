"""Start, find and stop the local emulator, which runs as a separate process shared by all kernels.

This is the client side. The running emulator is described in `emulator.json` in `home_folder()` (mode 0600, since it
contains the emulator's token). Its images are stored next to it and survive a restart of the emulator.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kusto_magic.arm.emulator_proof import ConnectionProof, UnprovenEmulatorError
from kusto_magic.emulator.config import MAX_CLUSTERS as MAX_CLUSTERS
from kusto_magic.emulator.config import ReadyTarget
from kusto_magic.emulator.config import parse_cluster_count as parse_cluster_count
from kusto_magic.emulator.file_permissions import make_private
from kusto_magic.errors import EmulatorError
from kusto_magic.hints import Hint, HintKind
from kusto_magic.json_file import replace_json
from kusto_magic.models.api_version import API_VERSION

if TYPE_CHECKING:
    import httpx

START_TIMEOUT = 30.0
"""Seconds within which a new emulator must report that it is ready."""

STOP_TIMEOUT = 10.0
"""Seconds within which the emulator must exit after a stop request."""

LOCK_TIMEOUT = 60.0
"""Seconds to wait for another process that is starting the emulator."""

PROBE_TIMEOUT = 2.0
"""Timeout of requests that check or stop the emulator, in seconds."""

_LOG_TAIL_LENGTH = 2000

_children: list[subprocess.Popen[bytes]] = []
"""Emulators started by this process; kept so that they can be reaped and leave no zombies."""


@dataclass(frozen=True, slots=True)
class RunningEmulator:
    """A running emulator: its target and process ID.

    `build_seconds` is the duration of its builds, `clusters` the number of its clusters.
    """

    target: ReadyTarget
    pid: int
    build_seconds: float
    clusters: int = 1


def home_folder() -> Path:
    """Return the folder of the emulator's files: $KUSTO_MAGIC_HOME, or the user data folder of `kusto-magic`."""
    import platformdirs

    configured = os.environ.get("KUSTO_MAGIC_HOME")
    return Path(configured).expanduser() if configured else platformdirs.user_data_path("kusto-magic", appauthor=False)


def find() -> RunningEmulator | None:
    """Return the emulator of the discovery file if it proves to know its token, or None."""
    running = _read_discovery_file()
    return running if running is not None and _is_alive(running) else None


def build_seconds(endpoint: str) -> float | None:
    """Return the duration of builds in seconds on the emulator at `endpoint`, or None for any other endpoint."""
    running = _read_discovery_file()
    return running.build_seconds if running is not None and running.target.endpoint == endpoint else None


def find_or_start(build_seconds: float = 12, idle_exit: float = 3600, clusters: int = 1) -> RunningEmulator:
    """Return the running emulator; start one if there is none. Raises EmulatorError. See `start`."""
    return find() or start(build_seconds, idle_exit, clusters)


def start(build_seconds: float = 12, idle_exit: float = 3600, clusters: int = 1) -> RunningEmulator:
    """Start an emulator that outlives this process, and return it; a running one is returned unchanged.

    `build_seconds` is the duration of a build, `idle_exit` the seconds without a request after which it exits,
    `clusters` the number of clusters (1 to 2000). Concurrent callers, also in other processes, get the same emulator.
    Blocks until it is ready. Raises EmulatorError.
    """
    try:
        home_folder().mkdir(parents=True, exist_ok=True, mode=0o700)
        with _lock():
            running = find()  # checked under the lock, since another process may have started one
            if running is None:
                running = _launch(build_seconds, idle_exit, clusters)
                _write_discovery_file(running)
            return running
    except OSError as error:
        raise EmulatorError(f"the emulator's folder {home_folder()} cannot be used: {error}") from None


def stop() -> bool:
    """Stop the running emulator and wait for its exit; return whether there was one.

    Its images are kept. Raises EmulatorError.
    """
    running = find()
    if running is None:
        return False
    _request_stop(running)
    deadline = time.monotonic() + STOP_TIMEOUT
    while _is_alive(running):
        if time.monotonic() > deadline:
            raise EmulatorError(f"the emulator (process {running.pid}) does not stop")
        time.sleep(0.02)
    for child in _children:
        if child.pid == running.pid:
            child.wait(STOP_TIMEOUT)
    _reap_children()
    return True


def _request_stop(running: RunningEmulator) -> None:
    """Ask the emulator to stop. Raises EmulatorError, unless it has ended in the meantime."""
    import httpx

    try:
        with _client() as client:
            client.post(f"{running.target.endpoint}/emulator/stop", **_authorized(running)).raise_for_status()
    except (httpx.ConnectError, UnprovenEmulatorError):
        return
    except httpx.HTTPError as error:
        raise EmulatorError(f"the emulator (process {running.pid}) does not stop: {error}") from None


def _reap_children() -> None:
    _children[:] = [child for child in _children if child.poll() is None]


@contextmanager
def _lock() -> Iterator[None]:
    """Hold the lock of the folder.

    It is a file lock of SQLite, which works on every platform and is released when its process dies.
    """
    connection = sqlite3.connect(home_folder() / "emulator.lock", timeout=LOCK_TIMEOUT, isolation_level=None)
    try:
        connection.execute("BEGIN EXCLUSIVE")
        yield
    except sqlite3.OperationalError as error:
        raise EmulatorError(f"another process holds the emulator's lock in {home_folder()}: {error}") from None
    finally:
        connection.close()  # closing rolls back, which releases the lock


def _launch(build_seconds: float, idle_exit: float, clusters: int) -> RunningEmulator:
    _reap_children()
    previous = _read_discovery_file()
    # Prefer the previous port, so that stored endpoints stay valid.
    port = previous.target.endpoint.rpartition(":")[2] if previous else "0"
    log = home_folder() / "emulator.log"
    # -P: a module in the working folder must not shadow an imported one.
    command = [sys.executable, "-P", "-m", "kusto_magic.emulator", "--prefer-port", port]
    command += ["--build-seconds", str(build_seconds), "--idle-exit", str(idle_exit)]
    command += ["--clusters", str(clusters), "--state", str(home_folder() / "emulator.sqlite")]
    make_private(log)
    with log.open("wb") as stderr:  # a file: a pipe would lose its reader with this process
        child = subprocess.Popen(  # noqa: S603 - our own module
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stderr, **_detached_process_options()
        )
    _children.append(child)
    line = _first_line(child)
    try:
        return _from_json(json.loads(line))
    except ValueError:
        child.kill()  # without its ready line it cannot be found or stopped later
        child.wait()
        output = log.read_text("utf-8", errors="replace").strip()[-_LOG_TAIL_LENGTH:]
        state_file = home_folder() / "emulator.sqlite"
        raise EmulatorError(
            f"the emulator did not start: {output or 'no output'}",
            hint=Hint(HintKind.FIX_EMULATOR, str(state_file)),
        ) from None


def _detached_process_options() -> dict[str, Any]:
    # A Ctrl-C in the terminal of this process must not reach the emulator, which other kernels use as well.
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}


def _first_line(child: subprocess.Popen[bytes]) -> bytes:
    """Return the first line of the child's output; b"" if it exits without one or `START_TIMEOUT` passes."""
    lines: queue.Queue[bytes] = queue.Queue()

    def read() -> None:
        assert child.stdout is not None  # noqa: S101 - it was started with a pipe
        with child.stdout:  # nothing follows the ready line, so the pipe is not needed any longer
            lines.put(child.stdout.readline())

    # A thread, since a blocking read of a pipe has no timeout on Windows.
    # A daemon, so that a silent child does not keep this process alive.
    threading.Thread(target=read, daemon=True).start()
    with contextlib.suppress(queue.Empty):
        return lines.get(timeout=START_TIMEOUT)
    return b""


def _read_discovery_file() -> RunningEmulator | None:
    """Return the emulator that the discovery file describes, or None if the file is missing or invalid."""
    try:
        return _from_json(json.loads(_discovery_path().read_bytes()))
    except (OSError, ValueError):  # written by an incompatible version, or edited
        return None


def _from_json(line: Any) -> RunningEmulator:
    """Parse a ready line. Raises ValueError."""
    try:
        target = ReadyTarget(endpoint=line["endpoint"], token=line["token"], **line["target"])
        running = RunningEmulator(target, line["pid"], float(line["build_seconds"]))
        running = replace(running, clusters=int(line.get("clusters", 1)))  # absent in files of older versions
    except (TypeError, KeyError):
        raise ValueError("not a ready line of the emulator") from None
    texts = (target.endpoint, target.token, target.subscription, target.resource_group, target.cluster)
    if not all(isinstance(text, str) for text in texts) or not isinstance(running.pid, int):
        raise ValueError("not a ready line of the emulator")
    scheme, _, port = target.endpoint.rpartition(":")
    if scheme != "http://127.0.0.1" or not (port.isascii() and port.isdigit()):
        # A manipulated file must not direct requests to another host.
        raise ValueError("the emulator listens on loopback only")
    return running


def _write_discovery_file(running: RunningEmulator) -> None:
    """Write the discovery file atomically; only its owner can read it."""
    ready = running.target
    target = {"subscription": ready.subscription, "resource_group": ready.resource_group, "cluster": ready.cluster}
    line = {"endpoint": ready.endpoint, "token": ready.token, "target": target, "pid": running.pid}
    replace_json(_discovery_path(), line | {"build_seconds": running.build_seconds, "clusters": running.clusters})


def _discovery_path() -> Path:
    return home_folder() / "emulator.json"


def _client() -> httpx.Client:
    import httpx  # slow to import, and not needed in sessions with Azure

    return httpx.Client(trust_env=False, timeout=PROBE_TIMEOUT)  # loopback never goes through a proxy


def _authorized(running: RunningEmulator) -> dict[str, Any]:
    """Return the options of a request with the token; it raises UnprovenEmulatorError if another program responds."""
    token, endpoint = running.target.token, running.target.endpoint
    proof = ConnectionProof(token, endpoint, PROBE_TIMEOUT)
    return {"headers": {"Authorization": f"Bearer {token}"}, "extensions": {"trace": proof.verify}}


def _is_alive(running: RunningEmulator) -> bool:
    """Return whether this very emulator is running and accepts the token, which is sent to no other program."""
    import httpx

    target = running.target
    path = (
        f"/subscriptions/{target.subscription}/resourceGroups/{target.resource_group}"
        f"/providers/Microsoft.Kusto/clusters/{target.cluster}?api-version={API_VERSION}"
    )
    try:
        with _client() as client:
            return client.get(target.endpoint + path, **_authorized(running)).is_success
    except (httpx.HTTPError, UnprovenEmulatorError):
        return False
