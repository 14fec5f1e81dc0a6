"""Errors as text: in one line, as lines, without the ids that differ between failures of the same kind."""

from __future__ import annotations

import re

from kusto_magic.errors import BuildError, KustoImageError, QueryError, ServiceError

_IDENTIFIES_ONE_FAILURE = re.compile(r"HTTP \d{3}$|(?:request|operation) id ", re.IGNORECASE)
"""Parts of a one-line message that differ between failures of the same kind."""


def one_line(error: BaseException | None) -> str:
    """Return an error as one line, including the service's message and the request ids; "" for None."""
    if isinstance(error, KustoImageError):
        return "; ".join([error.what, *(line.strip() for line in error.details())])
    return "" if error is None else type(error).__name__


def failure_reason(error: BaseException | None) -> str:
    """Return an error as `one_line` does, without the request ids."""
    # Without the ids, equal failures have equal text and can be grouped.
    if isinstance(error, ServiceError | BuildError | QueryError):
        return "; ".join([error.what, *error.fault.summary_lines()])
    return one_line(error)


def failure_lines(error: KustoImageError) -> tuple[str, ...]:
    """Return an error as lines: what happened, then why, without the request ids."""
    details = (
        error.fault.summary_lines() if isinstance(error, ServiceError | BuildError | QueryError) else error.details()
    )
    return (error.what, *(line.strip() for line in details))


def support_ids(error: BaseException | None) -> str:
    """Return what to quote in a support request: the status and the ids of the service, "" if it gave none."""
    lines = error.details() if isinstance(error, ServiceError | BuildError | QueryError) else []
    return " · ".join(line.strip() for line in lines if _IDENTIFIES_ONE_FAILURE.match(line.strip()))


def ids_from_message(message: str) -> str:
    """Return the status and the ids of a message written by `one_line`, as `support_ids` returns them."""
    return " · ".join(part for part in message.split("; ") if _IDENTIFIES_ONE_FAILURE.match(part))


def reason_from_message(message: str) -> str:
    """Return a message written by `one_line` without status and ids, as `failure_reason` returns it for the error."""
    # The records of the history have only the message, not the error.
    return "; ".join(part for part in message.split("; ") if not _IDENTIFIES_ONE_FAILURE.match(part))
