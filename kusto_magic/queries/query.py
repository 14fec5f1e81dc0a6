"""One query or management command, and its rows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

DATABASES = ".show databases"
POLICY = ".show cluster policy sandbox"
"""Commands about the databases and the sandboxes. Source: documentation of management commands."""

Rows = Sequence[Mapping[str, object]]
"""The rows of the first table of an answer, each by the names of its columns."""


@dataclass(frozen=True, slots=True)
class Query:
    """A query to send: `uri` is the address of the cluster, `token` is for it alone, `timeout` in seconds."""

    uri: str
    token: str = field(repr=False)
    database: str
    text: str
    timeout: float
    is_management: bool = False


RunQuery = Callable[[Query], Awaitable[Rows]]
"""Runs a query. Raises QueryError, UnreachableError and SignInError."""
