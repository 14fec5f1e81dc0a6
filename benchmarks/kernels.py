"""Measure the cost in a real kernel: loading, a cell beside many builds, the time from a cell to its request.

Also what importing and the first build cost in a plain Python, against Microsoft's client.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from figures import Figure
from jupyter_client.manager import start_new_kernel
from running import HERE, fake
from task import BASE, GROUP, SUBSCRIPTION, Task, ask

TIMEOUT = 60.0
"""Seconds to wait for a kernel or a request."""

PAUSE = 0.03
"""Seconds between two executions of a cell."""

QUIET: dict[str, Any] = {"stderr": subprocess.DEVNULL}
LONG = 4 * 3600.0
LEARNT = tuple(300.0 + 1.5 * number for number in range(20))
EXTENSIONS = {"floor": "floor_ext", "ours": "kusto_magic", "bigquery-magics": "bigquery_magics", "jupysql": "sql"}
"""The floor only registers a magic; the others are measured if they are installed."""

FLOOR = """
import sys, types
floor = types.ModuleType("floor_ext")
floor.load_ipython_extension = lambda shell: shell.register_magic_function(lambda line: None, "line", "floor_magic")
sys.modules["floor_ext"] = floor
"""
LOADED = """
import time
started = time.perf_counter()
get_ipython().extension_manager.load_extension({name!r})
print(time.perf_counter() - started)
"""
FOLLOWING = """
import sys
sys.path.insert(0, {here!r})
from contender_ours import Contender
from task import Task
following = Contender(Task.from_argument({task!r}), lambda *_reported: None)
await following.begin(range({builds}))
await following.near_the_end()
"""
READY = """
import json, time
from kusto_magic.arm.credentials import StaticCredential
from kusto_magic.builds.manager import default_manager
default_manager().sign_in(lambda endpoint, subscription="": StaticCredential("token"))
started = []
get_ipython().events.register("pre_run_cell", lambda info: started.append(time.monotonic()))
get_ipython().run_line_magic("load_ext", "kusto_magic")
"""
# A cluster for each cell: changes of one cluster by one kernel wait for each other.
CELL = f"%%kusto_image image --base {BASE} --no-check --cluster {{cluster}}\nnumpy==1.26.4\n"
COUNTED = "print(json.dumps(started))"
FIRST_BUILD = """
import asyncio, importlib, json, sys, time
from task import Task
sys.path.insert(0, {here!r})
bare, started = len(sys.modules), time.monotonic()
importlib.import_module({package!r})
imported, of_package = time.monotonic() - started, len(sys.modules) - bare
contender = importlib.import_module("contender_{who}").Contender(Task.from_argument({task!r}), lambda *_reported: None)
asyncio.run(contender.begin(range(1)))
print(json.dumps([imported, of_package, started, len(sys.modules) - bare]), flush=True)
import os; os._exit(0)
"""
PACKAGES = {"ours": "kusto_magic", "sync": "azure.mgmt.kusto"}


@dataclass(frozen=True, slots=True)
class Setting:
    """Number of kernels or processes, executions of `1+1`, builds beside them, and cells that send."""

    starts: int
    executions: int
    builds: int
    cells: int


FULL = Setting(10, 300, 500, 21)
QUICK = Setting(1, 30, 20, 4)
SMALLEST = Setting(1, 3, 2, 2)


def measure(setting: Setting = FULL) -> list[Figure]:
    """Return the figures measured in kernels, and the cost of imports."""
    parts: tuple[Callable[[Setting], Iterator[Figure]], ...] = (loading, beside_builds, to_the_wire, first_build)
    return [figure for part in parts for figure in part(setting)]


def loading(setting: Setting) -> Iterator[Figure]:
    """Yield the duration of `%load_ext`, in new kernels one after the other."""
    names = {name: module for name, module in EXTENSIONS.items() if name == "floor" or _is_installed(module)}
    taken: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(setting.starts):
        for name, module in names.items():
            with kernel({}) as client:
                written(client, FLOOR)
                taken[name].append(float(written(client, LOADED.format(name=module)).split()[-1]) * 1000)
    for name, times in taken.items():
        yield Figure("%load_ext", name, tuple(times), "ms")


def beside_builds(setting: Setting) -> Iterator[Figure]:
    """Yield the duration of a cell `1+1`, in an idle kernel and while it polls builds."""
    with fake(LONG, LONG) as port, kernel({}) as client:
        task = Task(port, setting.builds, 10, learnt=LEARNT, window=1.0)
        written(client, "import sys")
        yield Figure("cell 1+1", "idle kernel", _executions(client, setting.executions), "ms")
        following = FOLLOWING.format(here=str(HERE), task=task.to_argument(), builds=setting.builds)
        written(client, following)
        time.sleep(1.0)
        yield Figure("cell 1+1", f"ours, {setting.builds} builds", _executions(client, setting.executions), "ms")


def to_the_wire(setting: Setting) -> Iterator[Figure]:
    """Yield the time from the start of a cell to its first request and to the PUT, as the server sees them."""
    with fake(LONG, LONG) as port:
        place = {"SUBSCRIPTION": SUBSCRIPTION, "RESOURCE_GROUP": GROUP, "CLUSTER": "cluster"}
        place |= {"ENDPOINT": Task(port, 1, 1).endpoint, "WAIT": "no"}
        with kernel({f"KUSTO_MAGIC_{name}": value for name, value in place.items()}) as client:
            written(client, READY)
            for number in range(setting.cells):
                written(client, CELL.format(cluster=f"cluster{number}"))
                _until_sent(port, number + 1)
            started = json.loads(written(client, COUNTED).splitlines()[-1])
        report = ask(port, "report")
    images = [f"cluster{number}/image" for number in range(setting.cells)]
    first = [report["first"][image] - start for image, start in zip(images, started, strict=False)]
    put = [report["builds"][image]["arrived"] - start for image, start in zip(images, started, strict=False)]
    yield Figure("cell to the first request", "ours", tuple(1000 * seconds for seconds in first[1:]), "ms")
    yield Figure("cell to the PUT", "ours", tuple(1000 * seconds for seconds in put[1:]), "ms")


def first_build(setting: Setting) -> Iterator[Figure]:
    """Yield the cost of an import and of a first build in a new Python: seconds, and loaded modules."""
    runs: dict[str, list[list[float]]] = {who: [] for who in PACKAGES}
    for _ in range(setting.starts):
        for who, package in PACKAGES.items():
            runs[who].append(_first_build(who, package))
    titles = (
        "import",
        "modules after the import",
        "start of the import to the first PUT",
        "modules after the first PUT",
    )
    for title, unit, scale, at in zip(titles, ("ms", "", "ms", ""), (1000, 1, 1000, 1), range(4), strict=True):
        for who, seen in runs.items():
            yield Figure(title, who, tuple(run[at] * scale for run in seen), unit)


def _first_build(who: str, package: str) -> list[float]:
    with fake(LONG, LONG) as port, tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        code = FIRST_BUILD.format(here=str(HERE), who=who, package=package, task=Task(port, 1, 1).to_argument())
        environ = {**os.environ, "PYTHONPATH": str(HERE), "KUSTO_MAGIC_HOME": home}
        printed = subprocess.run([sys.executable, "-c", code], env=environ, check=True, capture_output=True).stdout
        imported, of_package, started, modules = json.loads(printed)
        arrived = ask(port, "report")["builds"]["cluster0/image0"]["arrived"]
    return [imported, of_package, arrived - started, modules]


def _is_installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _executions(client: Any, times: int) -> tuple[float, ...]:
    taken = []
    for _ in range(times + 1):
        started = time.perf_counter()
        _answered(client, client.execute("1+1", store_history=False))
        taken.append((time.perf_counter() - started) * 1000)
        time.sleep(PAUSE)
    return tuple(taken[1:])


def _answered(client: Any, request: str) -> dict[str, Any]:
    while True:
        reply = client.get_shell_msg(timeout=TIMEOUT)
        if reply["parent_header"].get("msg_id") == request:
            return dict(reply["content"])


def _until_sent(port: int, builds: int) -> None:
    end = time.monotonic() + TIMEOUT
    while ask(port, "counts").get("PUT", 0) < builds:
        if time.monotonic() > end:
            raise TimeoutError("the request of the cell did not arrive")
        time.sleep(0.05)


@contextmanager
def kernel(more: dict[str, str]) -> Iterator[Any]:
    """Start a kernel with folders of its own; yield its client, warmed up."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        own = {name: str(Path(home)) for name in ("IPYTHONDIR", "KUSTO_MAGIC_HOME")}
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("KUSTO_MAGIC_", "AZURE_"))}
        manager, client = start_new_kernel(env={**kept, **own, **more, "PYDEVD_DISABLE_FILE_VALIDATION": "1"}, **QUIET)
        try:
            yield client
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)


def written(client: Any, code: str) -> str:
    """Run a cell and return its output. Raises RuntimeError with its error."""
    texts: list[str] = []

    def take(message: dict[str, Any]) -> None:
        if message["msg_type"] == "stream":
            texts.append(message["content"]["text"])

    reply = client.execute_interactive(code, output_hook=take, timeout=TIMEOUT)
    if reply["content"]["status"] != "ok":
        raise RuntimeError("\n".join(reply["content"].get("traceback", []))[-2000:])
    return "".join(texts)
