"""Queries with azure-kusto-data to an emulated cluster on a real socket: rows, and the error of each failure."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from support.data_plane import DATABASE, MANAGED, StubInventory
from support.emulator_transport import always_compatible
from support.peer import served_emulator
from support.queries import tell, turn_on

from kusto_magic.emulator import EmulatorConfig, ReadyTarget
from kusto_magic.errors import (
    ForbiddenError,
    KustoImageError,
    QueryError,
    SignInError,
    ThrottledError,
    UnreachableError,
)
from kusto_magic.hints import HintKind
from kusto_magic.models.inventory import Inventory, inventory_query
from kusto_magic.queries.client import run_query
from kusto_magic.queries.query import Query

TOKEN = "secret-of-the-test"
pytestmark = [pytest.mark.slow, pytest.mark.asyncio]  # a real socket


@pytest.fixture(scope="module")
def ready() -> Iterator[ReadyTarget]:
    config = EmulatorConfig(build_seconds=0, extension_seconds=0)
    with served_emulator(config, always_compatible, inventory=StubInventory()) as ready:
        turn_on(ready, MANAGED)
        yield ready


@pytest.fixture
def query(ready: ReadyTarget) -> Iterator[Query]:
    uri = f"{ready.endpoint}/clusters/{ready.cluster}"
    yield Query(uri, ready.token, DATABASE, inventory_query(["numpy"]), 60)
    tell(ready, "queries")
    tell(ready, "contents")


async def failure(query: Query) -> KustoImageError:
    with pytest.raises(KustoImageError) as caught:
        await run_query(query)
    assert query.token not in str(caught.value)
    return caught.value


async def test_rows_are_those_of_the_image(query: Query) -> None:
    found = Inventory.from_rows(await run_query(query))
    assert found.packages == {"numpy": "1.26.4", "bottleneck": "1.3.7"}
    assert found.imports == {"numpy": ""}


async def test_databases_are_listed(query: Query) -> None:
    rows = await run_query(replace(query, text=".show databases", is_management=True))
    assert [row["DatabaseName"] for row in rows] == [DATABASE]


async def test_missing_database_says_to_choose_another(query: Query) -> None:
    error = await failure(replace(query, database="Nowhere"))
    assert isinstance(error, QueryError)
    assert error.hint is not None
    assert error.hint.kind is HintKind.CHOOSE_DATABASE
    assert "Nowhere" in str(error)


async def test_missing_right_names_the_database_and_not_the_account(query: Query, ready: ReadyTarget) -> None:
    tell(ready, "queries", refused=[DATABASE])
    error = await failure(query)
    assert isinstance(error, ForbiddenError)
    assert "may not query database 'Samples'" in str(error)
    assert "aaduser" not in str(error)
    assert error.hint is not None
    assert error.hint.kind is HintKind.ASK_FOR_DATABASE_ROLE


async def test_busy_sandbox_says_to_wait(query: Query, ready: ReadyTarget) -> None:
    tell(ready, "queries", error={"status": 429})
    error = await failure(query)
    assert isinstance(error, ThrottledError)
    assert "Retrying after some backoff" in str(error)


async def test_slow_query_ends_at_its_time_limit(query: Query, ready: ReadyTarget) -> None:
    tell(ready, "queries", seconds=60)
    error = await failure(replace(query, timeout=0.1))
    assert isinstance(error, QueryError)
    assert "timed out" in str(error)
    assert error.hint is not None
    assert error.hint.kind is HintKind.RETRY


@pytest.mark.parametrize("status", [400, 500, 503])
async def test_failing_query_shows_the_message_of_the_cluster(query: Query, ready: ReadyTarget, status: int) -> None:
    message = "it broke for ada@example.org"
    tell(ready, "queries", error={"status": status, "code": "Broken", "message": message})
    error = await failure(query)
    assert isinstance(error, QueryError)
    assert "Broken: it broke for …" in str(error)


async def test_refused_token_is_a_failed_sign_in(query: Query) -> None:
    error = await failure(replace(query, token="wrong"))
    assert isinstance(error, SignInError)


async def test_proxy_of_the_environment_gets_no_token_of_an_emulator(
    query: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.getsockname()[1]}")
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        assert await run_query(query)


async def test_closed_port_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    error = await failure(Query(f"http://127.0.0.1:{port}/clusters/c", TOKEN, DATABASE, "x", 5))
    assert isinstance(error, UnreachableError)
    assert re.fullmatch(rf"127\.0\.0\.1:{port} cannot be reached \(\[\w+ \d+\] [^:()]+\)", error.what)


class _Answers(BaseHTTPRequestHandler):
    """Answers every request with the server's `answer`, and keeps its headers."""

    def do_POST(self) -> None:
        self.server.seen.append(dict(self.headers))  # type: ignore[attr-defined]
        self.rfile.read(int(self.headers["content-length"]))
        status, headers, body = self.server.answer  # type: ignore[attr-defined]
        self.send_response(status)
        for name, value in {"content-length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Write nothing."""


@pytest.fixture
def server() -> Iterator[Any]:
    made: Any = HTTPServer(("127.0.0.1", 0), _Answers)
    made.seen = []
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


@pytest.mark.parametrize(
    "answer",
    [
        (200, {}, b"<html>sign in</html>"),
        (200, {}, b"[]"),
        (200, {}, b"{}"),
        (200, {}, json.dumps([{"FrameType": "DataTable", "Rows": 5}]).encode()),
        (200, {}, b""),
        (502, {}, b"<html>bad gateway</html>"),
        (403, {"content-type": "application/json"}, b"{}"),
        (302, {"location": "http://127.0.0.1:9/elsewhere"}, b""),
    ],
    ids=["page", "no tables", "object", "broken table", "nothing", "gateway", "refusal", "redirect"],
)
async def test_unreadable_answer_is_an_error_of_this_package(server: Any, answer: Any) -> None:
    server.answer = answer
    uri = f"http://127.0.0.1:{server.server_port}/clusters/c"
    assert await failure(Query(uri, TOKEN, DATABASE, "x", 5))
    assert len(server.seen) == 1, "no redirect is followed"


async def test_request_names_this_package_and_not_the_user(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("USERNAME", "USER", "LOGNAME", "USERDOMAIN"):
        monkeypatch.setenv(name, "ada-lovelace")
    server.answer = (500, {}, b"{}")
    await failure(Query(f"http://127.0.0.1:{server.server_port}/clusters/c", TOKEN, DATABASE, "x", 5))
    [headers] = server.seen
    assert headers["x-ms-app"].startswith("kusto-magic/")
    assert headers["Authorization"] == f"Bearer {TOKEN}"
    assert "ada-lovelace" not in str(headers)
    assert headers["x-ms-user"] == "[none]"
