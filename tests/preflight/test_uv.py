"""Running uv: its environment, its input files and its termination."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kusto_magic.preflight.indexes import IndexSettings
from kusto_magic.preflight.uv import (
    MAX_LOCK_SIZE,
    MAX_OUTPUT_SIZE,
    ResolveRequest,
    read_plan,
    resolve,
    run,
    uv_environment,
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
    with pytest.raises(ValueError, match="1 lines are not validated package lines"):
        await resolve(ResolveRequest(("fine", line), "3.10.8"), IndexSettings(no_index=True), SYSTEM, 60)


@given(
    st.text(alphabet="ab1.-_[],=<>!~*+ /\\:@;#$\n\t'\"", max_size=12).filter(
        lambda line: set(line) & set(" /\\:@;#$\n\t'\"")
    )
)
def test_line_with_other_characters_does_not_reach_uv(line: str) -> None:
    with pytest.raises(ValueError, match="not validated package lines"):
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
