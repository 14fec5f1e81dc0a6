"""Access control for the emulator, which listens on the user's machine.

Before any route is called, the Host must be that of the emulator (against DNS rebinding), a foreign Origin is rejected,
the bearer token is compared in constant time, and the body must have the right type and size. There are no CORS
headers.
"""

from __future__ import annotations

import hashlib
import hmac
import re

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kusto_magic.emulator.arm import ArmError, bad_request
from kusto_magic.emulator.config import EmulatorConfig
from kusto_magic.emulator.data_errors import refusal

PROOF_PATH = "/emulator/proof"
"""Path at which the emulator proves that it knows its token."""

_METADATA = re.compile(r"(?:/clusters/[^/]+)?/v1/rest/auth/metadata")
"""Paths at which a client of the data plane asks how to sign in, before it has a token."""

_NONCE = re.compile(r"[A-Za-z0-9_-]{32,128}")


def prove(config: EmulatorConfig, nonce: str) -> str:
    """Return the proof that the emulator knows its token, as hexadecimal digits. Raises ArmError 400.

    It contains the port, so that a program on another port cannot pass it on.
    """
    if not _NONCE.fullmatch(nonce):
        raise bad_request("The nonce must have 32 to 128 letters, digits, '-' or '_'.")
    message = f"kusto_magic emulator 127.0.0.1:{config.port} {nonce}"
    return hmac.new(config.token.encode(), message.encode(), hashlib.sha256).hexdigest()


class SecurityMiddleware:
    """ASGI middleware that rejects requests that break the rules.

    Identification, proof and the metadata of the data plane need no token.
    """

    def __init__(self, app: ASGIApp, config: EmulatorConfig) -> None:
        self._app = app
        self._config = config
        self._hosts = {f"127.0.0.1:{config.port}", f"localhost:{config.port}"}
        if config.port == 80:
            self._hosts |= {"127.0.0.1", "localhost"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond to a rejected request; pass the others on, with their body already read."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        try:
            self._check_caller(scope, headers)
            body = await self._read(headers, receive)
        except ArmError as error:
            await refusal(error, scope)(scope, receive, send)
            return
        await self._app(scope, _replay(body, receive), send)

    def _check_caller(self, scope: Scope, headers: Headers) -> None:
        # A second Host header could mislead one parser.
        if headers.getlist("host") not in ([host] for host in self._hosts):
            raise ArmError(403, "Forbidden", "The Host header does not name the kusto_magic emulator.")
        if any(origin.removeprefix("http://") not in self._hosts for origin in headers.getlist("origin")):
            raise ArmError(403, "Forbidden", "Requests of a foreign Origin are refused.")
        if scope["path"] not in {"/", PROOF_PATH} and not _METADATA.fullmatch(scope["path"]):
            self._check_token(headers)
        if {".", ".."} & set(scope["path"].split("/")):
            raise bad_request("A path with '.' or '..' as a segment is refused.")

    def _check_token(self, headers: Headers) -> None:
        # Codes and texts are those of Resource Manager, without the URLs of its sign-in endpoints.
        challenge = {"WWW-Authenticate": 'Bearer realm="kusto_magic emulator"'}
        given = headers.get("authorization", "")
        if not given:
            message = "Authentication failed. The 'Authorization' header is missing."
            raise ArmError(401, "AuthenticationFailed", message, challenge)
        # As bytes: compare_digest raises TypeError for a str with non-ASCII characters.
        if not hmac.compare_digest(given.encode("latin-1"), f"Bearer {self._config.token}".encode()):
            raise ArmError(401, "InvalidAuthenticationToken", "The access token is invalid.", challenge)

    async def _read(self, headers: Headers, receive: Receive) -> bytes:
        limit = self._config.max_body
        too_large = ArmError(413, "RequestEntityTooLarge", f"The request body is larger than {limit} bytes.")
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > limit:  # `isdigit` also rejects a sign
            raise too_large
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > limit:  # a chunked body has no length
                raise too_large
        # Pages of other origins can send only simple types without a CORS preflight.
        if body and headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            message_text = "The request body must be sent with the content type 'application/json'."
            raise ArmError(415, "UnsupportedMediaType", message_text)
        return body


def _replay(body: bytes, receive: Receive) -> Receive:
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return messages.pop() if messages else await receive()

    return replayed
