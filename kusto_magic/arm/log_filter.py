"""Logging filters that redact secrets in the logs of third-party libraries, at every level.

httpx logs whole URLs and httpcore whole header lists, which contain ARM's signature of an operation's URL.
azure-identity and its libraries log tenant IDs, and at DEBUG also device codes and tracebacks.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from kusto_magic.redaction import HIDDEN, redact

# A filter is not inherited by child loggers, so each one is named.
HTTP_LOGGERS = ("httpx", *(f"httpcore.{part}" for part in ("connection", "http11", "http2", "proxy", "socks")))
SIGN_IN_LOGGERS = ("azure.identity", "azure.core", "msal", "msal_extensions", "urllib3")

_GUID = re.compile(r"\b([0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", re.IGNORECASE)

_DEVICE_CODE = re.compile(r"""(["'](?:device_)?code["']:\s*["'])[^"']+""")


def shorten_guids(text: str) -> str:
    """Return the text with each GUID cut to its first part, which is enough to tell them apart."""
    return _GUID.sub(r"\1…", text)


class _RedactingFilter(logging.Filter):
    """Redact the message of a log record and its traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        if _is_signing_in.get() and not _is_configured(record.name):
            return False
        # `msg` is complete: a handler would insert `args` once more.
        record.msg, record.args = self.redacted(record.getMessage()), ()
        if record.exc_info:
            # A handler would format exc_info itself; exc_text is used as it is.
            record.exc_text = self.redacted(logging.Formatter().formatException(record.exc_info))
            record.exc_info = None
        return True

    def redacted(self, text: str) -> str:
        return redact(text)


class _IdFilter(_RedactingFilter):
    """Redact as above, and shorten IDs, since tenant IDs are among them."""

    def redacted(self, text: str) -> str:
        return _DEVICE_CODE.sub(rf"\1{HIDDEN}", shorten_guids(redact(text)))


class _SignInIdFilter(_IdFilter):
    """Redact only records about a sign-in: other code in this process uses the library as well."""

    def filter(self, record: logging.LogRecord) -> bool:
        if _is_signing_in.get():
            return super().filter(record)
        text = record.getMessage()
        return super().filter(record) if "/oauth2/" in text or "/.well-known/" in text else True


_is_signing_in: ContextVar[bool] = ContextVar("kusto_magic_is_signing_in", default=False)


@contextmanager
def quiet_sign_in() -> Iterator[None]:
    """Drop the records that azure-identity and its libraries log on this thread in the block.

    Without a logging configuration, Python writes warnings to stderr, which is the output of the running cell. Records
    of loggers that the user has configured are kept, see `_is_configured`.
    """
    install_sign_in_filters()
    token = _is_signing_in.set(True)
    try:
        yield
    finally:
        _is_signing_in.reset(token)


def _is_configured(name: str) -> bool:
    """Return whether a logger or one of its parents has a level or handler: the libraries themselves set none.

    The root logger does not count, since a configuration of it is not meant for these libraries.
    """
    logger: logging.Logger | None = logging.getLogger(name)
    while logger is not None and logger is not logging.root:
        if logger.level or any(not isinstance(handler, logging.NullHandler) for handler in logger.handlers):
            return True
        logger = logger.parent
    return False


def install_http_filters() -> None:
    """Redact the logs of httpx and httpcore from now on."""
    _add(_RedactingFilter(), HTTP_LOGGERS)


def install_sign_in_filters() -> None:
    """Redact the logs of azure-identity and its libraries from now on; call it after they are imported."""
    names = tuple(logging.root.manager.loggerDict)  # a filter applies to one logger, not to its children
    _add(_IdFilter(), (name for name in names if name.startswith(SIGN_IN_LOGGERS) and not name.startswith("urllib3")))
    _add(_SignInIdFilter(), (name for name in names if name.startswith("urllib3")))


def _add(new_filter: logging.Filter, names: Iterable[str]) -> None:
    for name in names:
        logger = logging.getLogger(name)
        # Every transport and every credential installs them.
        if not any(isinstance(existing, _RedactingFilter) for existing in logger.filters):
            logger.addFilter(new_filter)
