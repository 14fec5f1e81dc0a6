"""Running uv: its environment, its input files and its termination."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kusto_magic.preflight.diagnosis import diagnose
from kusto_magic.preflight.indexes import IndexSettings
from kusto_magic.preflight.supervisor import MAX_FILE_SIZE, encode_environment
from kusto_magic.preflight.uv import (
    MAX_LOCK_SIZE,
    MAX_OUTPUT_SIZE,
    ResolveRequest,
    read_plan,
    resolve,
    run,
    uv_environment,
    uv_program,
)

SYSTEM = {name: os.environ[name] for name in ("SYSTEMROOT", "TEMP", "TMP") if name in os.environ}


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


# ── the process ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.asyncio
async def test_run_returns_exit_code_and_output(tmp_path: Path) -> None:
    code = "import os, sys; sys.stderr.write(os.getcwd() + os.environ['GIVEN']); print('unseen'); sys.exit(3)"
    result = await run(python(code), SYSTEM | {"GIVEN": "!"}, tmp_path, 60)

    assert (result.code, result.output) == (3, f"{tmp_path}!")


@pytest.mark.slow
@pytest.mark.asyncio
async def test_run_kills_the_process_after_timeout(tmp_path: Path) -> None:
    program = python("import threading; threading.Event().wait()")
    result = await asyncio.wait_for(run(program, SYSTEM, tmp_path, 0.2), 60)

    assert result.code is None


@pytest.mark.asyncio
async def test_run_kills_the_process_after_too_much_output(tmp_path: Path) -> None:
    endless = "import sys\nwhile True: sys.stderr.write('x' * 65536)"
    result = await run(python(endless), SYSTEM, tmp_path, 60)

    assert result.code != 0
    assert len(result.output) == MAX_OUTPUT_SIZE


@pytest.mark.asyncio
async def test_run_kills_the_process_when_canceled(tmp_path: Path) -> None:
    """The process holds a connection, which closes when the process ends."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        connect = f"import socket; socket.create_connection(('127.0.0.1', {server.getsockname()[1]})).recv(1)"
        task = asyncio.create_task(run(python(connect), SYSTEM, tmp_path, 60))
        connection, _ = await asyncio.to_thread(server.accept)
        with connection:
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            connection.settimeout(30)
            assert await asyncio.to_thread(connection.recv, 1) == b""
    assert not [thread for thread in threading.enumerate() if thread.name == "kusto-magic-uv"]


@pytest.mark.asyncio
@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not limit the memory of a process")
async def test_run_limits_the_memory_of_the_process(tmp_path: Path) -> None:
    greedy = python("data = []\nwhile True: data.append(bytes(16 << 20))")
    result = await asyncio.wait_for(run(greedy, SYSTEM, tmp_path, 60, memory=256 << 20), 60)

    assert (result.code, "MemoryError" in result.output) == (1, True)


@pytest.mark.asyncio
@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not limit the size of files")
async def test_run_limits_the_size_of_files(tmp_path: Path) -> None:
    code = f"open('file', 'wb').truncate({MAX_FILE_SIZE} + 1)"
    result = await run(python(code), SYSTEM, tmp_path, 60)

    assert "File too large" in result.output


@pytest.mark.asyncio
async def test_program_that_cannot_be_run_is_an_error_message(tmp_path: Path) -> None:
    (tmp_path / "uv").write_bytes(b"\0")
    (tmp_path / "uv").chmod(0o755)
    result = await run([str(tmp_path / "uv")], SYSTEM, tmp_path, 60)

    assert (result.code, result.output.partition(":")[0]) == (126, "error")


PARENT = """
import asyncio, pathlib, sys
from kusto_magic.preflight.uv import run
asyncio.run(run([sys.executable, "-c", sys.argv[1]], {}, pathlib.Path("."), 600))
"""


@pytest.mark.slow
def test_process_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    """The process holds a connection, which closes when the process ends."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        connect = f"import socket; socket.create_connection(('127.0.0.1', {server.getsockname()[1]})).recv(1)"
        environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        with subprocess.Popen([sys.executable, "-c", PARENT, connect], cwd=tmp_path, env=environ) as parent:
            server.settimeout(60)
            connection, _ = server.accept()
            parent.kill()
        with connection:
            connection.settimeout(30)
            assert connection.recv(1) == b""


WAIT = "import threading; threading.Event().wait()"
RUNNERS = ["main", "_run_with_thread"] if sys.platform != "win32" else ["main"]


@pytest.mark.slow
@pytest.mark.parametrize("runner", RUNNERS)
@pytest.mark.parametrize(("seconds", "closes"), [("0.2", False), ("600", True)])
def test_supervisor_ends_the_process_by_itself(runner: str, seconds: str, closes: bool) -> None:
    """At the time limit, and at the end of the pipe."""
    supervised = [sys.executable, "-c", WAIT]
    call = f"main(['{seconds}', str(2 << 30), *{supervised!r}])"
    if runner != "main":
        call = f"{runner}({supervised!r}, _read_environment(), {seconds})"
    program = "from kusto_magic.preflight.supervisor import *\nfrom kusto_magic.preflight.supervisor import "
    program += f"_read_environment, _run_with_thread\nsys.exit({call} != 0)"
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, env=environ) as process:
        assert process.stdin is not None
        process.stdin.write(encode_environment(SYSTEM))
        process.stdin.flush()
        if closes:
            process.stdin.close()
        assert process.wait(60) == 1


class _EndlessPage(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/vnd.pypi.simple.v1+json")
        self.end_headers()
        files = b'{"filename":"a-1.0-py3-none-any.whl","url":"/a-1.0-py3-none-any.whl","hashes":{}},' * 1_000
        with contextlib.suppress(OSError):
            self.wfile.write(b'{"meta":{"api-version":"1.1"},"name":"a","files":[')
            while True:
                self.wfile.write(files)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
        """Log nothing."""


@pytest.mark.slow
@pytest.mark.asyncio
@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not limit the memory of a process")
async def test_endless_index_page_is_inconclusive(tmp_path: Path) -> None:
    (tmp_path / "in").write_text("a\n")
    server = ThreadingHTTPServer(("127.0.0.1", 0), _EndlessPage)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        url = f"http://127.0.0.1:{server.server_port}/simple"
        command = [uv_program(), "pip", "compile", "in", "--no-cache", "--python", sys.executable, "--index-url", url]
        result = await run(command, uv_environment({}, IndexSettings(), tmp_path), tmp_path, 60, memory=256 << 20)
    finally:
        server.shutdown()
        server.server_close()
    assert result.code not in (0, None)
    assert "does not end" in diagnose(result.output, [], "3.11.7").reason


@pytest.mark.asyncio
async def test_run_raises_for_missing_program(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="no-such-program"):
        await run([str(tmp_path / "no-such-program")], SYSTEM, tmp_path, 60)


def test_missing_or_too_large_plan_raises(tmp_path: Path) -> None:
    plan = tmp_path / "pylock.toml"
    with pytest.raises(OSError, match="pylock"):
        read_plan(plan)
    with plan.open("wb") as file:
        file.truncate(MAX_LOCK_SIZE + 1)
    with pytest.raises(OSError, match="too large"):
        read_plan(plan)


# ── input and environment ──────────────────────────────────────────────────────────────────────────────────────────

UNSAFE = [
    "",
    " ",
    "-e .",
    "--no-binary :all:",
    "a b",
    "a @ file:///x",
    "./a",
    "a/b",
    "a;x",
    "a\nb",
    "a#b",
    "${A}",
    "é",
    "a\\",
]


@pytest.mark.asyncio
@pytest.mark.parametrize("line", UNSAFE)
async def test_resolve_accepts_package_lines_only(line: str) -> None:
    with pytest.raises(ValueError, match="1 lines"):
        await resolve(ResolveRequest(("fine", line), "3.10.8"), IndexSettings(no_index=True), SYSTEM, 60)


@given(
    st.text(alphabet="ab1.-_[],=<>!~*+ /\\:@;#$\n\t'\"", max_size=12).filter(
        lambda line: set(line) & set(" /\\:@;#$\n\t'\"")
    )
)
def test_line_with_other_characters_does_not_reach_uv(line: str) -> None:
    with pytest.raises(ValueError, match="package lines"):
        asyncio.run(resolve(ResolveRequest((line,), "3.10.8"), IndexSettings(no_index=True), SYSTEM, 60))


def test_uv_environment_contains_only_network_variables(tmp_path: Path) -> None:
    environ = {
        "HOME": "/home/me",
        "HTTPS_PROXY": "http://proxy:1",
        "SSL_CERT_FILE": "/certs",
        "UV_INDEX_OURS_PASSWORD": "p",
        "PATH": "/bin",
        "PYTHONPATH": "/evil",
        "UV_NO_CONFIG": "0",
        "UV_FIND_LINKS": "/evil",
        "UV_DEFAULT_INDEX": "https://evil",
        "UV_NO_BINARY": "1",
        "UV_CONSTRAINT": "/evil",
        "UV_PYTHON_DOWNLOADS": "automatic",
        "AZURE_CLIENT_SECRET": "s",
    }
    settings = IndexSettings(
        default="https://a.example/simple",
        extra=("https://b.example/1", "https://b.example/2"),
        find_links=("https://c.example/x,y", "/a/b,c"),
        certificates="/other",
    )

    assert uv_environment(environ, settings, tmp_path) == {
        "HOME": "/home/me",
        "HTTPS_PROXY": "http://proxy:1",
        "SSL_CERT_FILE": "/certs",
        "UV_INDEX_OURS_PASSWORD": "p",
        "UV_NO_CONFIG": "1",
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_HTTP_RETRIES": "0",
        "UV_HTTP_CONNECT_TIMEOUT": "2",
        "UV_HTTP_TIMEOUT": "3",
        "UV_DEFAULT_INDEX": "https://a.example/simple",
        "UV_INDEX": "https://b.example/1 https://b.example/2",
        "UV_FIND_LINKS": f"https://c.example/x%2Cy,{Path('/a/b,c').absolute().as_uri().replace(',', '%2C')}",
    }


def test_pip_certificates_are_used_for_uv(tmp_path: Path) -> None:
    environ = uv_environment({}, IndexSettings(certificates="/ca.pem"), tmp_path)

    assert environ["SSL_CERT_FILE"] == "/ca.pem"
    assert not {"UV_DEFAULT_INDEX", "UV_INDEX", "UV_FIND_LINKS"} & environ.keys()
