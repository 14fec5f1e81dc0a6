"""Connections of azure-kusto-data: as for requests to Resource Manager, with limits for time and size."""

from __future__ import annotations

import os
import time
from typing import Any
from urllib.parse import urlsplit

from requests import PreparedRequest, Response, Session
from requests.adapters import HTTPAdapter

from kusto_magic.arm.connection_errors import tls_context
from kusto_magic.models.endpoint import is_loopback

MAX_RESPONSE_SIZE = 8 * 1024 * 1024
"""Maximum size of a decompressed response in bytes: an image has some hundred packages of about 100 bytes."""

CHUNK = 65536


class ResponseLimitError(Exception):
    """The response is larger than MAX_RESPONSE_SIZE, or did not end in time."""


class LimitedAdapter(HTTPAdapter):
    """Reads a response up to a size, until `end` (monotonic seconds); `content` is the last one."""

    def __init__(self, end: float, **options: Any) -> None:
        self._options = options
        self._end = end
        self.content = b""
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Create the pool of connections, which trusts what the caller trusts (called by requests)."""
        super().init_poolmanager(*args, **(kwargs | self._options))

    def proxy_manager_for(self, proxy: Any, **kwargs: Any) -> Any:
        """Return the pool of a proxy, with the same trust (called by requests)."""
        return super().proxy_manager_for(proxy, **(kwargs | self._options))

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:
        """Send a request and read its response. Raises ResponseLimitError, and requests' errors."""
        kwargs["stream"] = True
        response = super().send(request, *args, **kwargs)
        content = bytearray()
        for chunk in response.iter_content(CHUNK):
            content += chunk
            if len(content) > MAX_RESPONSE_SIZE or time.monotonic() > self._end:
                response.close()
                raise ResponseLimitError
        self.content = response._content = bytes(content)  # where requests keeps a response that was read
        return response


def configure(session: Session, uri: str, timeout: float) -> LimitedAdapter:
    """Let a session trust, and send to, what requests to Resource Manager do; return its adapter.

    `timeout` is in seconds. Raises UnreachableError if the configured certificates cannot be used.
    """
    is_local = is_loopback(urlsplit(uri).hostname or "")
    # A proxy would get the emulator's token.
    session.trust_env = not is_local
    session.auth = _unchanged  # requests would otherwise replace the token by a password of ~/.netrc
    options = {} if is_local else {"ssl_context": tls_context(os.environ)}
    adapter = LimitedAdapter(time.monotonic() + timeout, **options)
    session.mount(uri.partition("://")[0] + "://", adapter)
    return adapter


def _unchanged(request: PreparedRequest) -> PreparedRequest:
    return request
