"""A conversation with the service: written down as it goes, redacted; and played back, strictly.

A file is JSON: what it is, the steps as the client saw them, and each exchange: what was asked, what was answered, how
many seconds after the start. Nothing of the request's headers is kept, and of the answer's only `KEPT`. What was asked
and answered several times in a row stands there once, with the times of the others in "again".
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import httpx

from kusto_magic.clock import Clock
from support.clock import MovableClock
from support.placeholders import ENDPOINT, Placeholders

KEPT = (
    "azure-asyncoperation", "location", "retry-after", "retry-after-ms", "x-ms-retry-after-ms", "content-type",
    "x-ms-request-id", "x-ms-correlation-request-id", "x-ms-operation-root-activity-id", "x-ms-failure-cause",
)  # fmt: skip
"""The headers of an answer that are kept: they decide something, or are what a ticket quotes."""

_OF_ONE_REQUEST = ("x-ms-request-id", "x-ms-correlation-request-id")


@dataclass
class Conversation:
    """What is in one file. `conversation` names the function that held it, `against` is "emulator" or "Azure".

    `steps` is what the client made of it: lists of "step", "phases", "result". `about` says what a reader should know.
    """

    conversation: str
    against: str
    recorded: str
    api_version: str
    about: str = ""
    steps: list[dict[str, str]] = field(default_factory=list)
    exchanges: list[dict[str, Any]] = field(default_factory=list)

    def to_text(self) -> str:
        """Return the text of the file."""
        return json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def read(cls, path: Path) -> Conversation:
        """Return what is in a file."""
        return cls(**json.loads(path.read_text("utf-8")))


class Recording(httpx.AsyncBaseTransport):
    """Passes everything on to another transport, and writes into `exchanges` what may be kept of it."""

    def __init__(self, inner: httpx.AsyncBaseTransport, clock: Clock, placeholders: Placeholders) -> None:
        self.exchanges: list[dict[str, Any]] = []
        self._inner = inner
        self._clock = clock
        self._start = clock.monotonic()
        self._placeholders = placeholders

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        sent = await request.aread()
        at = round(self._clock.monotonic() - self._start, 1)
        asked = {"method": request.method, "path": request.url.raw_path.decode("ascii"), **_body(sent)}
        try:
            answer = await self._inner.handle_async_request(request)
            raw = b"".join([chunk async for chunk in answer.aiter_raw()])
            await answer.aclose()
        except httpx.TransportError as error:
            self._keep({"at": at, "asked": asked, "failed": type(error).__name__})
            raise
        headers = {name: answer.headers[name] for name in KEPT if name in answer.headers}
        answered = {"status": answer.status_code, "headers": headers, **_body(raw)}
        self._keep({"at": at, "asked": asked, "answered": answered})
        return httpx.Response(answer.status_code, headers=answer.headers, stream=httpx.ByteStream(raw))

    def _keep(self, exchange: dict[str, Any]) -> None:
        kept = self._placeholders.document(exchange)
        if self.exchanges and _without_ids(kept) == _without_ids(self.exchanges[-1]):
            last = self.exchanges[-1]
            last["again"] = f"{last.get('again', '')} {kept['at']}".lstrip()
        else:
            self.exchanges.append(kept)

    async def aclose(self) -> None:
        await self._inner.aclose()


class Replay(httpx.AsyncBaseTransport):
    """Answers as a file says, one request after the other; another request than the recorded one fails the test.

    The clock is moved to when each request was sent, if the client has not waited that long itself.
    """

    def __init__(self, kept: Conversation, clock: MovableClock) -> None:
        self._exchanges = list(_each(kept.exchanges))
        self._clock = clock
        self.count = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = await request.aread()
        asked = {"method": request.method, "path": request.url.raw_path.decode("ascii"), **_body(body)}
        total = len(self._exchanges)
        assert self.count < total, f"a request too many, after all {total}: {request.method} {asked['path']}"
        assert str(request.url).startswith(ENDPOINT + "/"), f"asked elsewhere: {request.url}"
        exchange = self._exchanges[self.count]
        self.count += 1
        assert asked == exchange["asked"], (
            f"request {self.count} of {total} is another:\n{_difference(exchange, asked)}"
        )
        self._clock.move(max(0.0, exchange["at"] - self._clock.monotonic()))
        if "failed" in exchange:
            raise getattr(httpx, exchange["failed"])("as recorded")
        return _answer(exchange["answered"])

    def assert_all_asked(self) -> None:
        """Fail where the client stopped asking before the conversation was over."""
        rest = [f"{it['asked']['method']} {it['asked']['path']}" for it in self._exchanges[self.count :]]
        assert rest == [], f"{len(rest)} recorded requests were not sent, the first: {rest[0]}"


def _without_ids(exchange: Mapping[str, Any]) -> dict[str, Any]:
    """Return what makes an exchange the same as the one before."""
    same = {key: value for key, value in exchange.items() if key not in ("at", "again")}
    if "answered" in same:
        headers = {name: value for name, value in same["answered"]["headers"].items() if name not in _OF_ONE_REQUEST}
        same["answered"] = {**same["answered"], "headers": headers}
    return same


def _each(exchanges: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for exchange in exchanges:
        yield exchange
        for at in exchange.get("again", "").split():
            yield {**exchange, "at": float(at)}


def _body(raw: bytes) -> dict[str, Any]:
    """Return a body as JSON where it is that, else as text; nothing where there is none."""
    if not raw:
        return {}
    try:
        return {"json": json.loads(raw)}
    except (ValueError, RecursionError):
        return {"text": raw.decode("utf-8", "backslashreplace")}


def _answer(kept: Mapping[str, Any]) -> httpx.Response:
    body = json.dumps(kept["json"], ensure_ascii=False) if "json" in kept else kept.get("text", "")
    headers = list(kept["headers"].items())
    return httpx.Response(kept["status"], headers=headers, stream=httpx.ByteStream(body.encode()))


def _difference(exchange: Mapping[str, Any], asked: Mapping[str, Any]) -> str:
    recorded, sent = (json.dumps(it, indent=1, ensure_ascii=False).splitlines() for it in (exchange["asked"], asked))
    return "\n".join(difflib.unified_diff(recorded, sent, "recorded", "sent", lineterm=""))
