"""A token service on loopback: Entra ID over TLS and the instance metadata service, as azure-identity uses them."""

from __future__ import annotations

import base64
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import trustme

TENANT = "11111111-2222-3333-4444-555555555555"
CLIENT = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
SECRET = "abc8Q~PlantedSecretPlantedSecretPlanted12"

Reply = Callable[["TokenRequest"], tuple[int, dict[str, Any]]]


def jwt(**claims: Any) -> str:
    """Return a token in the form of Entra ID's, with an invalid signature."""

    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    return f"{part({'typ': 'JWT', 'alg': 'none'})}.{part({'tid': TENANT, **claims})}.c2lnbmF0dXJlLXNpZ25hdHVyZQ"


class TokenRequest:
    """One request; `given` has the fields of its query and its form."""

    def __init__(self, path: str, given: Mapping[str, str], headers: Mapping[str, str]) -> None:
        self.path = path
        self.given = given
        self.headers = headers


class Entra:
    """The state of the service: `requests` has all token requests; `fault`, if set, responds to them instead.

    `assertions` has the requests of pipelines for an identity of their job.
    """

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.requests: list[TokenRequest] = []
        self.assertions: list[TokenRequest] = []
        self.assertion_status = 200
        self.fault: Reply | None = None
        self.pending = 0
        self.scope = ""
        self.life = 3600
        self.claims: dict[str, Any] = {"appid": CLIENT}
        self.released = threading.Event()

    @property
    def tokens(self) -> int:
        return len(self.requests)

    def answer(self, asked: TokenRequest) -> tuple[int, dict[str, Any]]:
        if asked.path.endswith("/.well-known/openid-configuration"):
            root = asked.path.partition("/v2.0/")[0]
            base = f"{self.endpoint}{root}"
            return 200, {
                "issuer": f"{base}/v2.0",
                "token_endpoint": f"{base}/oauth2/v2.0/token",
                "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
            }
        if asked.path.endswith("/devicecode"):
            self.scope = asked.given["scope"]
            shown = {"user_code": "BKTN7QZD", "verification_uri": "https://login.example/device", "message": "…"}
            return 200, {**shown, "device_code": "planted-device-code", "expires_in": 900, "interval": 0}
        if asked.path.endswith("/assertion"):
            self.assertions.append(asked)
            assertion = f"planted.assertion.{len(self.assertions)}"
            return self.assertion_status, {"value": assertion, "oidcToken": assertion}
        self.requests.append(asked)
        if self.fault is not None:
            return self.fault(asked)
        if "device_code" in asked.given and self.pending:
            self.pending -= 1
            return 400, {"error": "authorization_pending", "error_description": "AADSTS70016: pending"}
        return 200, self._token(asked)

    def _token(self, asked: TokenRequest) -> dict[str, Any]:
        token = jwt(**self.claims, n=self.tokens)
        if asked.path.endswith(("/msi", "/metadata/identity/oauth2/token")):
            return {"access_token": token, "expires_on": str(int(time.time()) + self.life), "resource": "r",
                    "expires_in": str(self.life), "token_type": "Bearer", "client_id": CLIENT}  # fmt: skip
        found = {"access_token": token, "expires_in": self.life, "token_type": "Bearer"}
        if "device_code" in asked.given:
            found |= self._person(asked.given["client_id"])
        return found

    def _person(self, application: str) -> dict[str, Any]:
        """Return the additional fields of a token response for a signed-in user."""
        now = int(time.time())
        who = {"preferred_username": "ada@example.com", "oid": CLIENT, "sub": "s", "aud": application}
        ids = base64.urlsafe_b64encode(json.dumps({"uid": CLIENT, "utid": TENANT}).encode()).decode()
        return {
            "id_token": jwt(**who, iss=f"{self.endpoint}/{TENANT}/v2.0", iat=now, exp=now + 3600),
            "refresh_token": "planted-refresh-token",
            "scope": self.scope,
            "client_info": ids,
        }


@contextmanager
def token_service(folder: Path) -> Iterator[tuple[Entra, Mapping[str, str]]]:
    """Run a token service; yield it and the environment variables that make azure-identity find and trust it."""
    authority = trustme.CA()
    bundle = folder / "entra.pem"
    authority.cert_pem.write_to_path(str(bundle))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with _served(context) as (server, entra):
        host = f"127.0.0.1:{server.server_address[1]}"
        entra.endpoint = f"https://{host}"
        yield entra, {"AZURE_AUTHORITY_HOST": entra.endpoint, "REQUESTS_CA_BUNDLE": str(bundle)}


@contextmanager
def metadata_service() -> Iterator[Entra]:
    """Run the instance metadata service of an Azure machine, which serves managed identities over plain HTTP."""
    with _served(None) as (server, entra):
        entra.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
        yield entra


@contextmanager
def black_hole() -> Iterator[str]:
    """Run a server that accepts requests and does not respond until the block ends."""
    with metadata_service() as entra:

        def silence(_: TokenRequest) -> tuple[int, dict[str, Any]]:
            entra.released.wait(30)
            return 500, {}

        entra.fault = silence
        try:
            yield entra.endpoint
        finally:
            entra.released.set()


@contextmanager
def _served(context: ssl.SSLContext | None) -> Iterator[tuple[ThreadingHTTPServer, Entra]]:
    entra = Entra("")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            parts = urlsplit(self.path)
            fields = parse_qs(parts.query) | parse_qs(self.rfile.read(length).decode())
            given = {name: values[0] for name, values in fields.items()}
            status, document = entra.answer(TokenRequest(parts.path, given, dict(self.headers)))
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815 - the name that http.server looks for

        def log_message(self, *_: object) -> None:
            pass

        def handle(self) -> None:
            with suppress(OSError):  # the client has closed the connection
                super().handle()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server, entra
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
