"""Runs queries with azure-kusto-data, Microsoft's client of the data plane; the only module that imports it."""

from __future__ import annotations

import logging
import os
from datetime import timedelta
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from kusto_magic.arm.daemon_thread import run_in_daemon_thread
from kusto_magic.arm.transport import user_agent
from kusto_magic.models.endpoint import is_loopback
from kusto_magic.queries import query_errors
from kusto_magic.queries.query import Query, Rows

MAX_ROWS = 10_000
"""Maximum number of rows that are read of an answer; an image has some hundred packages."""


async def run_query(query: Query) -> Rows:
    """Run a query. The URI must have been checked: the token is sent there.

    Raises QueryError if the cluster refuses it or it fails, UnreachableError and SignInError.
    """
    # The library's asynchronous client needs aiohttp; its synchronous one blocks, so it has a thread.
    return await run_in_daemon_thread(partial(_run, query), "kusto_magic query")


def _run(query: Query) -> Rows:
    from azure.kusto.data import ClientRequestProperties, KustoClient, KustoConnectionStringBuilder

    # It would log the query and the token's claims.
    logging.getLogger("azure.kusto").setLevel(logging.WARNING)
    # With a callback, the library asks no sign-in service of its own, and does not log in anywhere else.
    connection = KustoConnectionStringBuilder.with_token_provider(query.uri, lambda: query.token)
    connection.application_for_tracing = user_agent()
    connection.user_name_for_tracing = "[none]"  # by default the user's name on this machine
    properties = ClientRequestProperties()
    properties.set_option(properties.request_timeout_option_name, timedelta(seconds=query.timeout))
    try:
        with KustoClient(connection) as client:
            _configure(client._session, query.uri)
            run = client.execute_mgmt if query.is_management else client.execute_query
            return _rows(run(query.database, query.text, properties))
    except Exception as error:  # also what its parsing of an unreadable answer raises
        failure = query_errors.from_library(error, query)
    raise failure  # outside the except block: the library's error holds the request and its token


def _configure(session: Any, uri: str) -> None:
    """Use the proxies and certificates that requests to Resource Manager use; the library has no settings for them."""
    if is_loopback(urlsplit(uri).hostname or ""):
        session.trust_env = False  # a proxy would get the emulator's token
    elif not any(os.environ.get(name) for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")):
        session.verify = os.environ.get("SSL_CERT_FILE") or True  # requests does not read this variable


def _rows(answer: Any) -> Rows:
    table = answer.primary_results[0]
    names = [column.column_name for column in table.columns]
    return [dict(zip(names, row.to_list(), strict=True)) for row, _ in zip(table, range(MAX_ROWS), strict=False)]
