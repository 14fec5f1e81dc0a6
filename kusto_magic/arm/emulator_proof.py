"""Proof that a connection leads to the emulator that issued a token, made before the token is sent on it.

Another program can listen on the port of an emulator that has ended. Therefore each new connection starts with a
challenge: a random nonce, which the emulator returns as an HMAC with its token. The token itself is not sent.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlsplit

PROOF_PATH = "/emulator/proof"
"""Path of the challenge; the emulator serves it without a token."""

PROOF_TIMEOUT = 10.0
"""Seconds within which the proof must be complete; the emulator can be busy with many clusters."""

MAX_PROOF_SIZE = 4096
"""Maximum size of the response with the proof in bytes, including its headers."""

CONNECTED = "connection.connect_tcp.complete"
"""httpcore's trace event for a new connection. Source: httpx, "Extensions", `trace`."""


class UnprovenEmulatorError(Exception):
    """The program at the other end of a new connection is not the emulator; no request was sent on it."""


class _AsyncStream(Protocol):
    async def read(self, _size: int, _timeout: float, /) -> bytes: ...
    async def write(self, _data: bytes, _timeout: float, /) -> None: ...
    async def aclose(self) -> None: ...


class _Stream(Protocol):
    def read(self, _size: int, _timeout: float, /) -> bytes: ...
    def write(self, _data: bytes, _timeout: float, /) -> None: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class ConnectionProof:
    """Verifies each new connection of a request; its two methods are callbacks for httpcore's `trace` extension.

    `endpoint` is the origin of the emulator, `timeout` in seconds.
    """

    token: str = field(repr=False)
    endpoint: str
    timeout: float = PROOF_TIMEOUT

    async def verify_async(self, event: str, info: Mapping[str, Any]) -> None:
        """Verify a connection that has just been opened. Raises UnprovenEmulatorError, and closes it then."""
        if event != CONNECTED:
            return
        stream: _AsyncStream = info["return_value"]
        challenge = _Challenge(self)
        try:
            with suppress(Exception):  # errors of httpcore and of the streams below it: there is no proof
                await stream.write(challenge.request, self.timeout)
                while challenge.add(await stream.read(MAX_PROOF_SIZE, challenge.seconds_left)):
                    pass
        finally:
            if not challenge.is_met:
                await stream.aclose()
        if not challenge.is_met:
            raise UnprovenEmulatorError

    def verify(self, event: str, info: Mapping[str, Any]) -> None:
        """Verify a connection as `verify_async` does, for a client without an event loop."""
        if event != CONNECTED:
            return
        stream: _Stream = info["return_value"]
        challenge = _Challenge(self)
        with suppress(Exception):
            stream.write(challenge.request, self.timeout)
            while challenge.add(stream.read(MAX_PROOF_SIZE, challenge.seconds_left)):
                pass
        if not challenge.is_met:
            stream.close()
            raise UnprovenEmulatorError


class _Challenge:
    """One challenge: `request` is what is sent, `is_met` whether the response proves that the token is known."""

    def __init__(self, proof: ConnectionProof) -> None:
        nonce, netloc = secrets.token_urlsafe(32), urlsplit(proof.endpoint).netloc
        # With the port, so that a program on another port cannot pass on the proof of the emulator.
        message = f"kusto_magic emulator {netloc} {nonce}".encode()
        self.request = f"GET {PROOF_PATH}?nonce={nonce} HTTP/1.1\r\nHost: {netloc}\r\n\r\n".encode()
        self.is_met = False
        self._expected = hmac.new(proof.token.encode(), message, hashlib.sha256).hexdigest().encode()
        self._deadline = time.monotonic() + proof.timeout
        self._response = b""

    @property
    def seconds_left(self) -> float:
        """The time that is left for the response; positive, since 0 would mean no limit."""
        return max(0.001, self._deadline - time.monotonic())

    def add(self, received: bytes) -> bool:
        """Add a part of the response, b"" at its end; return whether more is needed."""
        self._response += received
        head, separator, body = self._response.partition(b"\r\n\r\n")
        if not separator or len(body) < len(self._expected):
            return bool(received) and len(self._response) < MAX_PROOF_SIZE and time.monotonic() < self._deadline
        self.is_met = head.startswith(b"HTTP/1.1 200 ") and hmac.compare_digest(body, self._expected)
        return False
