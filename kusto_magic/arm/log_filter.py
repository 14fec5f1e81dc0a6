"""Keeps what is secret out of the logs of the libraries used here, at every level.

httpx logs whole URLs and httpcore whole header lists, which hold ARM's signature of an operation's address;
azure-identity and its libraries log tenants' ids, and at DEBUG device codes and tracebacks.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable

from kusto_magic.redaction import HIDDEN, redact

WIRE = ("httpx", *(f"httpcore.{part}" for part in ("connection", "http11", "http2", "proxy", "socks")))
SIGN_IN = ("azure.identity", "azure.core", "msal", "msal_extensions", "urllib3")

_GUID = re.compile(r"\b([0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", re.IGNORECASE)

_DEVICE_CODE = re.compile(r"""(["'](?:device_)?code["']:\s*["'])[^"']+""")


def shortened(text: str) -> str:
    """Return a text with only the first part of each GUID in it: enough to tell them apart."""
    return _GUID.sub(r"\1…", text)


class _Redacted(logging.Filter):
    """Makes the text of a record, and that of its traceback, safe to keep."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = self.safe(record.getMessage()), ()
        if record.exc_info:
            record.exc_text = self.safe(logging.Formatter().formatException(record.exc_info))
            record.exc_info = None
        return True

    def safe(self, text: str) -> str:
        return redact(text)


class _WithoutIds(_Redacted):
    """The same, with ids shortened: those of tenants are among them."""

    def safe(self, text: str) -> str:
        return _DEVICE_CODE.sub(rf"\1{HIDDEN}", shortened(redact(text)))


class _WithoutIdsInSignIns(_WithoutIds):
    """For a library that others in this process use as well: only what is about a sign-in is touched."""

    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        return super().filter(record) if "/oauth2/" in text or "/.well-known/" in text else True


def keep_wire_clean() -> None:
    """Make the logs of httpx and httpcore safe from now on."""
    _add(_Redacted(), WIRE)


def keep_sign_in_clean() -> None:
    """Make the logs of azure-identity and its libraries safe from now on; call it when they are imported."""
    known = tuple(logging.root.manager.loggerDict)  # a filter holds for one logger, not for those below it
    _add(_WithoutIds(), (name for name in known if name.startswith(SIGN_IN) and not name.startswith("urllib3")))
    _add(_WithoutIdsInSignIns(), (name for name in known if name.startswith("urllib3")))


def _add(wanted: logging.Filter, names: Iterable[str]) -> None:
    for name in names:
        logger = logging.getLogger(name)
        if not any(isinstance(known, _Redacted) for known in logger.filters):
            logger.addFilter(wanted)
