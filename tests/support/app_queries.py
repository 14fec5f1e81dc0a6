"""Queries to the emulator's app without a socket, in place of azure-kusto-data."""

from __future__ import annotations

import httpx

from kusto_magic.queries import query_errors
from kusto_magic.queries.query import Query, Rows


class AnsweredError(Exception):
    """What azure-kusto-data raises for a response with an error status."""

    def __init__(self, response: httpx.Response) -> None:
        super().__init__("the library's own text")
        self.http_response = response


class AppQueries:
    """Runs queries through a transport; `sent` has them."""

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self._transport = transport
        self.sent: list[Query] = []

    async def __call__(self, query: Query) -> Rows:
        """Send a query, and return the rows of its first table."""
        self.sent.append(query)
        kind = "mgmt" if query.is_management else "query"
        http = httpx.AsyncClient(transport=self._transport)  # not closed: others use its transport
        response = await http.post(
            f"{query.uri}/v1/rest/{kind}",
            json={"db": query.database, "csl": query.text},
            headers={"Authorization": f"Bearer {query.token}"},
        )
        if response.is_error:
            raise query_errors.from_library(AnsweredError(response), query)
        [table, *_] = response.json()["Tables"]
        names = [column["ColumnName"] for column in table["Columns"]]
        return [dict(zip(names, row, strict=True)) for row in table["Rows"]]
