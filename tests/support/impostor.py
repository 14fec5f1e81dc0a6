"""A program that listens on the emulator's port and pretends to be the emulator."""

from __future__ import annotations

import json
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from kusto_magic.arm.local_emulator import RunningEmulator

TIMEOUT_S = 10.0


class Impostor:
    """Listens on 127.0.0.1; responds to every request as the emulator would, as far as it can without the token.

    `paths` and `tokens` are the paths and the Authorization headers that it received. With `relay_to`, an endpoint, it
    passes challenges on to the emulator there and returns its responses.
    """

    def __init__(self, port: int, relay_to: str) -> None:
        self.paths: list[str] = []
        self.tokens: list[str] = []
        self._identity = {"service": "kusto_magic emulator", "version": "0", "instance": "impostor"}
        self._relay_to = relay_to
        impostor = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                impostor.paths.append(self.path)
                impostor.tokens += self.headers.get_all("authorization", [])
                body = impostor._body(self.path)
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self) -> None:
                self.do_GET()

            def log_message(self, *_args: object) -> None:
                """Write nothing to standard error."""

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True

    @property
    def port(self) -> int:
        return self.server.server_port

    def _body(self, path: str) -> bytes:
        if self._relay_to and path.startswith("/emulator/proof"):
            with urllib.request.urlopen(self._relay_to + path, timeout=TIMEOUT_S) as response:  # noqa: S310
                proof: bytes = response.read()
                return proof
        return json.dumps(self._identity).encode()


@contextmanager
def impostor_of(emulator: RunningEmulator, port: int | None = None, *, relay_to: str = "") -> Iterator[Impostor]:
    """Run a program that pretends to be `emulator`, on its port or on another (0: any)."""
    own = int(emulator.target.endpoint.rpartition(":")[2])
    impostor = Impostor(own if port is None else port, relay_to)
    thread = threading.Thread(target=impostor.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield impostor
    finally:
        impostor.server.shutdown()
        thread.join(TIMEOUT_S)
        impostor.server.server_close()
