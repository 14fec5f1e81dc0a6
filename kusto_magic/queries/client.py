"""Runs queries with azure-kusto-data, Microsoft's client of the data plane; the only module that imports it."""

from __future__ import annotations

import json
from datetime import timedelta
from functools import partial
from typing import Any

from kusto_magic.arm.daemon_thread import run_in_daemon_thread
from kusto_magic.arm.transport import user_agent
from kusto_magic.errors import KustoImageError
from kusto_magic.queries import query_errors
from kusto_magic.queries.query import Query, Rows

MAX_ROWS = 10_000
"""Maximum number of rows of a response; an image has some hundred packages."""

PATIENCE = 45.0
"""Seconds beyond the time limit of a query in which its response must have arrived."""


async def run_query(query: Query) -> Rows:
    """Run a query. The URI must have been checked: the token is sent there.

    Raises QueryError if the cluster refuses it or it fails, UnreachableError, SignInError, and ThrottledError.
    """
    # The library's asynchronous client needs aiohttp; its synchronous one blocks, so it has a thread.
    return await run_in_daemon_thread(partial(_run, query), "kusto_magic query")


def _run(query: Query) -> Rows:
    failure: KustoImageError
    try:
        return _send(query)
    except KustoImageError:
        raise
    except ImportError:
        failure = query_errors.no_library()
    except Exception as error:  # also what the library's parsing of an unreadable response raises
        failure = query_errors.from_library(error, query)
    raise failure  # outside the except block: the library's error holds the request and its token


def _send(query: Query) -> Rows:
    from azure.kusto.data import ClientRequestProperties, KustoClient, KustoConnectionStringBuilder

    from kusto_magic.queries.http_adapter import configure

    # With a callback, the library asks no sign-in service of its own, and does not log in anywhere else.
    connection = KustoConnectionStringBuilder.with_token_provider(query.uri, lambda: query.token)
    connection.application_for_tracing = user_agent()
    connection.user_name_for_tracing = "[none]"  # by default the user's name on this machine
    properties = ClientRequestProperties()
    properties.set_option(properties.request_timeout_option_name, timedelta(seconds=query.timeout))
    with KustoClient(connection) as client:
        # The library has no public way to its connections.
        adapter = configure(client._session, query.uri, query.timeout + PATIENCE)
        run = client.execute_mgmt if query.is_management else client.execute_query
        response = run(query.database, query.text, properties)
        _require_complete(adapter.content)
        return _rows(response)


def _require_complete(content: bytes) -> None:
    """Raise QueryError if a response says that it has only a part of the result, which the library ignores."""
    frames = json.loads(content)
    last = frames[-1] if isinstance(frames, list) and frames else {}
    if isinstance(last, dict) and last.get("HasErrors"):
        raise query_errors.incomplete(last.get("OneApiErrors"))


def _rows(response: Any) -> Rows:
    table = response.primary_results[0]
    if len(table) > MAX_ROWS:
        raise query_errors.unreadable()
    names = [column.column_name for column in table.columns]
    return [dict(zip(names, row.to_list(), strict=True)) for row in table]
