"""The only module that runs uv: it passes validated lines and returns uv's result. No package code is executed.

Building a package from source runs its code, so it is disabled (`--only-binary :all:`). uv gets a generated file with
only `name[extras]specifier` lines, a controlled environment, no configuration and a timeout. URLs are passed in
environment variables only: they may contain credentials, and other users can read command lines.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kusto_magic.preflight import supervisor
from kusto_magic.preflight.indexes import IndexSettings

MAX_OUTPUT_SIZE = 256 * 1024
"""Maximum number of bytes read from uv's stderr; uv is killed if it writes more."""

MAX_LOCK_SIZE = 16 * 1024 * 1024
"""Maximum size of uv's lock file in bytes."""

MAX_MEMORY = 2 * 1024 * 1024 * 1024
"""Maximum number of bytes that uv may allocate, on Linux: an index page that does not end would fill the memory."""

GRACE_PERIOD = 5.0
"""Seconds after the timeout at which the supervisor kills uv by itself, if this process is suspended."""

_LINE = re.compile(
    r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?(?:\[[A-Za-z0-9.,_-]*\])?(?:[<>=!~]=?=?[A-Za-z0-9.*+!]++,?)*+"
)
_INHERITED_VARIABLES = frozenset(
    {
        *("HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "XDG_CACHE_HOME", "XDG_DATA_HOME", "NETRC"),
        *("SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "TEMP", "TMP", "TMPDIR"),
        *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "SSL_CLIENT_CERT", "UV_SYSTEM_CERTS", "UV_NATIVE_TLS", "UV_INSECURE_HOST"),
        *("UV_CACHE_DIR", "UV_OFFLINE"),
    }
)
"""Environment variables passed on to uv: the location of its cache and the network configuration."""

_CREDENTIALS = re.compile(r"UV_INDEX_\w+_(USERNAME|PASSWORD)")


@dataclass(frozen=True, slots=True)
class ResolveRequest:
    """Validated lines to resolve for a Python version ("3.10.8").

    `prefer` are versions to keep if possible (normalized name → version). `stub_wheels` are names in `prefer` that are
    installed although no index has a wheel for them. `lowest` selects the lowest versions of the packages that the
    lines name. `exclude_newer` is a date or time; releases uploaded later are ignored.

    `constraints` are the only versions to choose of what the lines need, `placeholders` are further versions that count
    as available (both: normalized name → version). `dependencies` is false to resolve the lines alone, each for itself,
    `offline` to use only what uv has in its cache.
    """

    lines: tuple[str, ...]
    python: str
    prefer: Mapping[str, str] = field(default_factory=dict)
    stub_wheels: frozenset[str] = frozenset()
    lowest: bool = False
    exclude_newer: str | None = None
    constraints: Mapping[str, str] = field(default_factory=dict)
    placeholders: Mapping[str, str] = field(default_factory=dict)
    dependencies: bool = True
    offline: bool = False


@dataclass(frozen=True, slots=True)
class ResolveResult:
    """The exit code of uv (None after a timeout), its output, and its pylock.toml."""

    code: int | None
    output: str
    lock: str = ""


async def resolve(
    request: ResolveRequest, settings: IndexSettings, environ: Mapping[str, str], timeout: float
) -> ResolveResult:
    """Resolve lines for Windows x64 within `timeout` seconds. Canceling the task terminates uv immediately.

    Raises ValueError for a line that is not a plain package line, OSError if uv cannot run or its output is unreadable.
    """
    unsafe = [line for line in (*request.lines, *_constraints(request)) if not _LINE.fullmatch(line)]
    if unsafe:
        raise ValueError(f"{len(unsafe)} lines are not validated package lines")
    # On Windows, a file that uv still has open cannot be deleted.
    with tempfile.TemporaryDirectory(prefix="kusto-magic-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        _prepare(request, folder)
        command = [uv_program(), *_arguments(request, settings)]
        result = await run(command, uv_environment(environ, settings, folder), folder, timeout)
        return ResolveResult(result.code, result.output, read_plan(folder / _LOCK) if result.code == 0 else "")


def uv_program() -> str:
    """Return the path of uv. Raises FileNotFoundError if it is not installed."""
    import uv

    return uv.find_uv_bin()


def uv_environment(environ: Mapping[str, str], settings: IndexSettings, folder: Path) -> dict[str, str]:
    """Return the complete environment of uv: our settings, and the user's variables needed to reach the index."""
    inherited = {
        name: value for name, value in environ.items() if name in _INHERITED_VARIABLES or _CREDENTIALS.fullmatch(name)
    }
    variables = {
        "UV_NO_CONFIG": "1",  # the indexes are passed explicitly
        "UV_PYTHON_DOWNLOADS": "never",  # wheels are resolved without that Python
        # Short limits: the check is optional, and an unreachable index must not delay the build.
        "UV_HTTP_RETRIES": "0",
        "UV_HTTP_CONNECT_TIMEOUT": "2",
        "UV_HTTP_TIMEOUT": "3",
    }
    if settings.certificates and "SSL_CERT_FILE" not in inherited:
        variables["SSL_CERT_FILE"] = settings.certificates
    if settings.default:
        variables["UV_DEFAULT_INDEX"] = settings.default
    if settings.extra:
        variables["UV_INDEX"] = " ".join(settings.extra)
    links = [*settings.find_links, *([str(folder / _STUB_WHEELS)] if (folder / _STUB_WHEELS).is_dir() else [])]
    if links:
        variables["UV_FIND_LINKS"] = ",".join(_without_comma(link) for link in links)
    return inherited | variables


def _without_comma(link: str) -> str:
    """Escape commas in a package location, because uv's list is separated by commas."""
    if "," not in link:
        return link
    return link.replace(",", "%2C") if "://" in link else Path(link).absolute().as_uri().replace(",", "%2C")


# ── input and output files ─────────────────────────────────────────────────────────────────────────────────────────

_LINES, _CONSTRAINTS, _LOCK, _STUB_WHEELS = "requirements.in", "constraints.in", "pylock.plan.toml", "installed"


def _arguments(request: ResolveRequest, settings: IndexSettings) -> list[str]:
    arguments = ["pip", "compile", _LINES, "--output-file", _LOCK, "--format", "pylock.toml"]
    # The running interpreter: otherwise uv searches the machine for one.
    arguments += ["--python", sys.executable, "--python-version", request.python, "--python-platform", "windows"]
    arguments += ["--only-binary", ":all:", "--no-header", "--no-annotate", "--color", "never", "--no-progress"]
    arguments += ["--constraints", _CONSTRAINTS] if request.constraints else []
    arguments += ["--index-strategy", settings.strategy] if settings.strategy else []
    arguments += ["--no-index"] if settings.no_index else []
    arguments += ["--exclude-newer", request.exclude_newer] if request.exclude_newer else []
    arguments += [] if request.dependencies else ["--no-deps"]
    arguments += ["--offline"] if request.offline else []
    return [*arguments, "--resolution", "lowest-direct"] if request.lowest else arguments


def _prepare(request: ResolveRequest, folder: Path) -> None:
    (folder / _LINES).write_text("".join(f"{line}\n" for line in request.lines), encoding="ascii")
    (folder / _CONSTRAINTS).write_text("".join(f"{line}\n" for line in _constraints(request)), encoding="ascii")
    if prefer := _effective_preferences(request):
        (folder / _LOCK).write_text(_preferences_lock(prefer), encoding="utf-8")
    for name in request.stub_wheels & request.prefer.keys():
        _write_stub_wheel(folder / _STUB_WHEELS, name, request.prefer[name])
    for name, version in request.placeholders.items():
        _write_stub_wheel(folder / _STUB_WHEELS, name, version)


def _constraints(request: ResolveRequest) -> list[str]:
    return [f"{name}=={version}" for name, version in request.constraints.items()]


_EXACT_LINE = re.compile(r"([a-z0-9-]+)(?:\[[^\]]*\])?==[^*,=]+")


def _effective_preferences(request: ResolveRequest) -> dict[str, str]:
    """Return the preferences without those that a line requires exactly.

    uv takes a preferred version from the first index that has it, also if only another index has a suitable wheel.
    """
    lines = (*request.lines, *_constraints(request))
    exact = {found[1] for line in lines if (found := _EXACT_LINE.fullmatch(line))} - request.placeholders.keys()
    return {name: version for name, version in request.prefer.items() if name not in exact}


def _preferences_lock(pins: Mapping[str, str]) -> str:
    """Return a pylock.toml of these versions: uv prefers the versions in an existing output file."""
    packages = (f'[[packages]]\nname = "{name}"\nversion = "{version}"\n' for name, version in pins.items())
    return 'lock-version = "1.0"\ncreated-by = "kusto_magic"\n' + "".join(packages)


def _write_stub_wheel(folder: Path, name: str, version: str) -> None:
    """Write an empty wheel, for a version of a package that has no wheel on any index."""
    folder.mkdir(exist_ok=True)
    stem = f"{name.replace('-', '_')}-{version}"
    with zipfile.ZipFile(folder / f"{stem}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{stem}.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        wheel.writestr(f"{stem}.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{stem}.dist-info/RECORD", "")


def read_plan(path: Path) -> str:
    """Return the pylock.toml written by uv. Raises OSError if it is missing or larger than 16 MB."""
    if path.stat().st_size > MAX_LOCK_SIZE:
        raise OSError("the lock file is too large")
    return path.read_text(encoding="utf-8")


# ── the process ────────────────────────────────────────────────────────────────────────────────────────────────────


async def run(
    command: Sequence[str], environ: Mapping[str, str], folder: Path, timeout: float, memory: int = MAX_MEMORY
) -> ResolveResult:
    """Run a program without input and return its exit code and at most 256 kB of its stderr.

    The program is killed after `timeout` seconds (the code is then None), if it writes more, if the task is canceled,
    or when this process ends. On Linux it can allocate at most `memory` bytes. A thread reads its output, so that this
    works on every event loop in every thread: asyncio's own subprocesses need a Proactor loop on Windows, and Jupyter
    selects another loop there.
    """
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[ResolveResult] = loop.create_future()
    process = _start(command, environ, folder, timeout, memory)

    def settle(result: ResolveResult) -> None:
        if not ended.done():  # a timeout cancels the future
            ended.set_result(result)

    def read() -> None:
        result = _read_to_end(process)
        with contextlib.suppress(RuntimeError):  # the loop is closed, so nothing waits for the result
            loop.call_soon_threadsafe(settle, result)

    reader = threading.Thread(target=read, name="kusto-magic-uv", daemon=True)
    reader.start()
    try:
        async with asyncio.timeout(timeout):
            return await ended
    except TimeoutError:
        return ResolveResult(None, "")
    finally:
        _kill(process)
        reader.join(5)  # uv must have ended before its folder is removed


def _start(
    command: Sequence[str], environ: Mapping[str, str], folder: Path, timeout: float, memory: int
) -> subprocess.Popen[bytes]:
    """Start a program under the supervisor, in its own process group: an interrupt of the kernel does not reach it."""
    if not Path(command[0]).exists():
        raise FileNotFoundError(f"{command[0]} does not exist")
    # The supervisor gets the environment of this process, in which this Python can start; uv gets only `environ`.
    limits = [str(timeout + GRACE_PERIOD), str(memory)]
    flags = getattr(subprocess, "CREATE_NO_WINDOW", 0) | getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
    process = subprocess.Popen(  # noqa: S603 - uv itself, with fixed arguments
        [sys.executable, "-S", "-P", supervisor.__file__, *limits, *command],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,  # the result is in the lock file
        stderr=subprocess.PIPE,
        creationflags=flags,
        start_new_session=True,
    )
    assert process.stdin is not None  # noqa: S101 - for the type checker
    process.stdin.write(supervisor.encode_environment(environ))
    process.stdin.flush()
    return process


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a program and its supervisor."""
    if sys.platform == "win32":
        if process.stdin is not None:
            process.stdin.close()  # the supervisor then kills the program and ends
    elif process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _read_to_end(process: subprocess.Popen[bytes]) -> ResolveResult:
    with process:
        # One byte more than allowed shows that there is more.
        output = process.stderr.read(MAX_OUTPUT_SIZE + 1) if process.stderr else b""
        if len(output) > MAX_OUTPUT_SIZE:
            _kill(process)
    return ResolveResult(process.returncode, output[:MAX_OUTPUT_SIZE].decode("utf-8", "replace"))
