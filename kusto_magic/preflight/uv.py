"""The one place that runs uv: checked lines in, its answer out. No code of a package is run, no raw text handed over.

uv builds packages from source when it is let, and building runs their code. It is not let (`--only-binary :all:`);
it gets a file of ours with nothing but `name[extras]specifier` lines, an environment of our own, no configuration, and
a time limit. Addresses go by environment only, since they may hold credentials and a command line is public.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import subprocess
import sys
import tempfile
import threading
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kusto_magic.preflight.indexes import IndexSettings

MAX_OUTPUT_SIZE = 256 * 1024
MAX_LOCK_SIZE = 16 * 1024 * 1024

_LINE = re.compile(
    r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?(?:\[[A-Za-z0-9.,_-]*\])?(?:[<>=!~]=?=?[A-Za-z0-9.*+!]+,?)*"
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
"""What uv may know of the user's environment: where its cache is, how to reach the network."""
_CREDENTIALS = re.compile(r"UV_INDEX_\w+_(USERNAME|PASSWORD)")


@dataclass(frozen=True, slots=True)
class ResolveRequest:
    """What is asked: checked lines, for a Python version ("3.10.8").

    `prefer` holds versions to keep where they do (normalised name → version), `stand_ins` those of its names that no
    index has a wheel of, because they are installed already. `lowest` takes the lowest version of the lines' own
    packages. `exclude_newer` is a date or a time: what the index got later is left out.
    """

    lines: tuple[str, ...]
    python: str
    prefer: Mapping[str, str] = field(default_factory=dict)
    stub_wheels: frozenset[str] = frozenset()
    lowest: bool = False
    exclude_newer: str | None = None


@dataclass(frozen=True, slots=True)
class ResolveResult:
    """What came back: uv's exit code (None: it was ended for taking too long), its words, and its pylock.toml."""

    code: int | None
    output: str
    lock: str = ""


async def resolve(
    question: ResolveRequest, settings: IndexSettings, environ: Mapping[str, str], timeout: float
) -> ResolveResult:
    """Resolve the lines of a question for Windows x64 within `limit` seconds. Cancelling it ends uv at once.

    Raises ValueError for a line that is more than a package, OSError when uv cannot be run or its plan not be read.
    """
    unsafe = [line for line in question.lines if not _LINE.fullmatch(line)]
    if unsafe:
        raise ValueError(f"{len(unsafe)} lines are no checked package lines")
    with tempfile.TemporaryDirectory(prefix="kusto-magic-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        _prepare(question, folder)
        command = [uv_program(), *_arguments(question, settings)]
        answer = await run(command, uv_environment(environ, settings, folder), folder, timeout)
        return ResolveResult(answer.code, answer.output, read_plan(folder / _LOCK) if answer.code == 0 else "")


def uv_program() -> str:
    """Return the path of uv. Raises FileNotFoundError when it is not installed."""
    import uv

    return uv.find_uv_bin()


def uv_environment(environ: Mapping[str, str], settings: IndexSettings, folder: Path) -> dict[str, str]:
    """Return the whole environment of uv: ours, and of the user's what it needs to reach the index."""
    kept = {
        name: value for name, value in environ.items() if name in _INHERITED_VARIABLES or _CREDENTIALS.fullmatch(name)
    }
    ours = {
        "UV_NO_CONFIG": "1",
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_HTTP_RETRIES": "0",
        "UV_HTTP_CONNECT_TIMEOUT": "2",
        "UV_HTTP_TIMEOUT": "3",
    }
    if settings.certificates and "SSL_CERT_FILE" not in kept:
        ours["SSL_CERT_FILE"] = settings.certificates
    if settings.default:
        ours["UV_DEFAULT_INDEX"] = settings.default
    if settings.extra:
        ours["UV_INDEX"] = " ".join(settings.extra)
    links = [*settings.find_links, *([str(folder / _STAND_INS)] if (folder / _STAND_INS).is_dir() else [])]
    if links:
        ours["UV_FIND_LINKS"] = ",".join(_without_comma(link) for link in links)
    return kept | ours


def _without_comma(link: str) -> str:
    """Return a place for packages as it can stand in uv's list, which is separated by commas."""
    if "," not in link:
        return link
    return link.replace(",", "%2C") if "://" in link else Path(link).absolute().as_uri().replace(",", "%2C")


# ── what uv gets ───────────────────────────────────────────────────────────────────────────────────────────────

_LINES, _LOCK, _STAND_INS = "requirements.in", "pylock.plan.toml", "installed"


def _arguments(question: ResolveRequest, settings: IndexSettings) -> list[str]:
    arguments = ["pip", "compile", _LINES, "--output-file", _LOCK, "--format", "pylock.toml"]
    arguments += ["--python", sys.executable, "--python-version", question.python, "--python-platform", "windows"]
    arguments += ["--only-binary", ":all:", "--no-header", "--no-annotate", "--color", "never", "--no-progress"]
    arguments += ["--index-strategy", settings.strategy] if settings.strategy else []
    arguments += ["--no-index"] if settings.no_index else []
    arguments += ["--exclude-newer", question.exclude_newer] if question.exclude_newer else []
    return [*arguments, "--resolution", "lowest-direct"] if question.lowest else arguments


def _prepare(question: ResolveRequest, folder: Path) -> None:
    (folder / _LINES).write_text("".join(f"{line}\n" for line in question.lines), encoding="ascii")
    if question.prefer:
        (folder / _LOCK).write_text(_preferences_lock(question.prefer), encoding="utf-8")
    for name in question.stub_wheels & question.prefer.keys():
        _write_stub_wheel(folder / _STAND_INS, name, question.prefer[name])


def _preferences_lock(pins: Mapping[str, str]) -> str:
    """Return a pylock.toml of these versions: uv keeps to what its output file holds already, where it fits."""
    packages = (f'[[packages]]\nname = "{name}"\nversion = "{version}"\n' for name, version in pins.items())
    return 'lock-version = "1.0"\ncreated-by = "kusto_magic"\n' + "".join(packages)


def _write_stub_wheel(folder: Path, name: str, version: str) -> None:
    """Write a wheel that holds nothing, for a package that is installed although no wheel of it can be had."""
    folder.mkdir(exist_ok=True)
    stem = f"{name.replace('-', '_')}-{version}"
    with zipfile.ZipFile(folder / f"{stem}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{stem}.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        wheel.writestr(f"{stem}.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{stem}.dist-info/RECORD", "")


def read_plan(path: Path) -> str:
    """Return the pylock.toml that uv wrote. Raises OSError when there is none, or one of more than 16 MB."""
    if path.stat().st_size > MAX_LOCK_SIZE:
        raise OSError("the plan is too long")
    return path.read_text(encoding="utf-8")


# ── the process ────────────────────────────────────────────────────────────────────────────────────────────────


async def run(command: Sequence[str], environ: Mapping[str, str], folder: Path, timeout: float) -> ResolveResult:
    """Run a program without input and return its exit code and what it wrote to stderr, 256 kB at most.

    It is ended when `limit` seconds are over (the code is None then), when it writes more, or when the task is
    cancelled. A thread reads its output, so that this works on every event loop in every thread: asyncio's own
    subprocesses need a Proactor loop on Windows, and Jupyter chooses another.
    """
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[ResolveResult] = loop.create_future()
    process = _start(command, environ, folder)

    def settle(answer: ResolveResult) -> None:
        if not ended.done():
            ended.set_result(answer)

    def read() -> None:
        answer = _read_to_end(process)
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle, answer)

    reader = threading.Thread(target=read, name="kusto-magic-uv", daemon=True)
    reader.start()
    try:
        async with asyncio.timeout(timeout):
            return await ended
    except TimeoutError:
        return ResolveResult(None, "")
    finally:
        process.kill()
        reader.join(5)


def _start(command: Sequence[str], environ: Mapping[str, str], folder: Path) -> subprocess.Popen[bytes]:
    """Start a program in a process group of its own: an interrupt of the kernel is not meant for it."""
    flags = getattr(subprocess, "CREATE_NO_WINDOW", 0) | getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
    return subprocess.Popen(  # noqa: S603 - uv itself, with arguments of our own
        command,
        env=dict(environ),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        creationflags=flags,
        start_new_session=True,
    )


def _read_to_end(process: subprocess.Popen[bytes]) -> ResolveResult:
    with process:
        output = process.stderr.read(MAX_OUTPUT_SIZE + 1) if process.stderr else b""
        if len(output) > MAX_OUTPUT_SIZE:
            process.kill()
    return ResolveResult(process.returncode, output[:MAX_OUTPUT_SIZE].decode("utf-8", "replace"))
