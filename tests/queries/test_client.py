"""Queries with azure-kusto-data to an emulated cluster on a real socket: rows, and the error of each failure."""

from __future__ import annotations

import json
import re
import socket
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
import trustme
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
from kusto_magic.queries.http_adapter import MAX_RESPONSE_SIZE, ResponseLimitError, configure
from kusto_magic.queries.query import Query

JWT = "eyJhbGciOiJub25lIn0.eyJhIjoiYiJ9.abcdefghijk"
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
    message = f"it broke for ada@example.org with {JWT} {'x' * 5000}"
    tell(ready, "queries", error={"status": status, "code": "Broken", "message": message})
    error = await failure(query)
    assert isinstance(error, QueryError)
    assert "Broken: it broke for … with" in str(error)
    assert JWT not in str(error)
    assert len(str(error)) < 1000


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


def ask(server: Any) -> Query:
    return Query(f"http://127.0.0.1:{server.server_port}/clusters/c", TOKEN, DATABASE, "x", 5)


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
async def test_unreadable_response_is_an_error_of_this_package(server: Any, answer: Any) -> None:
    server.answer = answer
    error = await failure(ask(server))
    if answer[0] == 403:
        assert isinstance(error, ForbiddenError)
    else:
        assert isinstance(error, UnreachableError)
        assert error.what == "the response to the query cannot be read"
    assert len(server.seen) == 1, "no redirect is followed"


@pytest.mark.parametrize("status", [200, 500])
async def test_nested_response_is_refused_and_the_error_holds_no_token(server: Any, status: int) -> None:
    server.answer = (status, {}, b"[" * 200_000)
    error = await failure(ask(server))
    assert isinstance(error, UnreachableError)
    assert (error.__context__, error.__cause__) == (None, None)


async def test_response_with_errors_is_not_taken_for_a_result(server: Any) -> None:
    columns = [{"ColumnName": "kind", "ColumnType": "string"}]
    table = {"FrameType": "DataTable", "TableId": 0, "TableKind": "PrimaryResult", "TableName": "PrimaryResult"}
    end = {"FrameType": "DataSetCompletion", "HasErrors": True, "Cancelled": False}
    end |= {"OneApiErrors": [{"error": {"code": "LimitsExceeded", "message": "x", "@message": "out of memory"}}]}
    server.answer = (200, {}, json.dumps([{**table, "Columns": columns, "Rows": [["python"]]}, end]).encode())
    error = await failure(ask(server))
    assert isinstance(error, QueryError)
    assert "out of memory" in str(error)


async def test_response_beyond_the_maximum_size_is_not_read(server: Any) -> None:
    server.answer = (200, {}, b" " * (MAX_RESPONSE_SIZE + 1))
    error = await failure(ask(server))
    assert error.what.endswith("sent no usable response in time")


async def test_response_that_does_not_end_in_time_is_not_read(server: Any) -> None:
    server.answer = (200, {}, b"{}")
    uri = f"http://127.0.0.1:{server.server_port}/"
    with requests.Session() as session:
        configure(session, uri, timeout=-1)
        with pytest.raises(ResponseLimitError):
            session.post(uri, data=b"x")


async def test_password_of_a_netrc_file_does_not_replace_the_token(
    server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("default login joe password hunter2\n", encoding="utf-8")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    server.answer = (500, {}, b"{}")
    uri = f"http://127.0.0.1:{server.server_port}/"
    with requests.Session() as session:
        configure(session, uri, timeout=5)
        session.trust_env = True  # as for a cluster that is not on this machine
        session.post(uri, data=b"x", headers={"Authorization": f"Bearer {TOKEN}"})
    assert [headers["Authorization"] for headers in server.seen] == [f"Bearer {TOKEN}"]


async def test_connections_trust_the_certificates_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    with requests.Session() as session:
        adapter = configure(session, "https://c.kusto.windows.net", timeout=5)
        context = adapter.poolmanager.connection_pool_kw["ssl_context"]
    assert [found["subject"] for found in context.get_ca_certs()] != []


async def test_missing_library_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "azure.kusto.data", None)
    error = await failure(Query("http://127.0.0.1:9/clusters/c", TOKEN, DATABASE, "x", 5))
    assert "azure-kusto-data 6 or later" in str(error)
    assert "python -m pip install" in str(error)


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
