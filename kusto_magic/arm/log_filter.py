"""Keeps what is secret out of the logs of the libraries used here, at every level.

httpx logs whole URLs and httpcore whole header lists, which hold ARM's signature of an operation's address;
azure-identity and its libraries log tenants' ids, and at DEBUG device codes and tracebacks.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable

from kusto_magic.redaction import HIDDEN, redact

HTTP_LOGGERS = ("httpx", *(f"httpcore.{part}" for part in ("connection", "http11", "http2", "proxy", "socks")))
SIGN_IN_LOGGERS = ("azure.identity", "azure.core", "msal", "msal_extensions", "urllib3")

_GUID = re.compile(r"\b([0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", re.IGNORECASE)

_DEVICE_CODE = re.compile(r"""(["'](?:device_)?code["']:\s*["'])[^"']+""")


def without_query(text: str) -> str:
    """Return a text with only the first part of each GUID in it: enough to tell them apart."""
    return _GUID.sub(r"\1…", text)


class _RedactingFilter(logging.Filter):
    """Makes the text of a record, and that of its traceback, safe to keep."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = self.safe(record.getMessage()), ()
        if record.exc_info:
            record.exc_text = self.safe(logging.Formatter().formatException(record.exc_info))
            record.exc_info = None
        return True

    def safe(self, text: str) -> str:
        return redact(text)


class _IdFilter(_RedactingFilter):
    """The same, with ids shortened: those of tenants are among them."""

    def safe(self, text: str) -> str:
        return _DEVICE_CODE.sub(rf"\1{HIDDEN}", without_query(redact(text)))


class _SignInIdFilter(_IdFilter):
    """For a library that others in this process use as well: only what is about a sign-in is touched."""

    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        return super().filter(record) if "/oauth2/" in text or "/.well-known/" in text else True


def install_http_filters() -> None:
    """Make the logs of httpx and httpcore safe from now on."""
    _add(_RedactingFilter(), HTTP_LOGGERS)


def install_sign_in_filters() -> None:
    """Make the logs of azure-identity and its libraries safe from now on; call it when they are imported."""
    known = tuple(logging.root.manager.loggerDict)  # a filter holds for one logger, not for those below it
    _add(_IdFilter(), (name for name in known if name.startswith(SIGN_IN_LOGGERS) and not name.startswith("urllib3")))
    _add(_SignInIdFilter(), (name for name in known if name.startswith("urllib3")))


def _add(wanted: logging.Filter, names: Iterable[str]) -> None:
    for name in names:
        logger = logging.getLogger(name)
        if not any(isinstance(known, _RedactingFilter) for known in logger.filters):
            logger.addFilter(wanted)
