"""The live suite's other side: which cluster, how its conversations are held, and how everything is put back.

A cluster is meant by environment variables only. Every image has a name of its own, `kusto-magic-test-…`; it is deleted
after its conversation, also when that failed or was interrupted, and what could not be deleted is named.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from kusto_magic import settings
from kusto_magic.arm.client import ImagesClient, connect
from kusto_magic.arm.credentials import CredentialFactory, TokenCredential
from kusto_magic.arm.transport import tls_context
from kusto_magic.clock import Clock, SystemClock
from kusto_magic.errors import BuildError, Conflict, InvalidInput, NotFound, Problem, Unreachable
from kusto_magic.models.endpoint import CLOUDS
from kusto_magic.models.target import Target
from support.conversations import Held
from support.holding import blank, hold
from support.recording import Conversation

PREFIX = "KUSTO_MAGIC_TEST_"
OFF = (
    f"talks to a real cluster, and is off: set {PREFIX}CLUSTER to the cluster's whole ARM id and {PREFIX}CONFIRM to "
    "yes (it takes hours and changes the cluster; CONTRIBUTING.md says how)"
)
FOLDER = Path(__file__).parent.parent.parent / ".dev" / "conversations"

CLEARING_LIMIT = 3600.0
"""Seconds for which an image is tried to be deleted: nothing can be while another change runs."""

PAUSE = 15.0
"""Seconds between two tries."""


@dataclass(frozen=True)
class Live:
    """What the environment asks for: which cluster, how to sign in, whether python() may be switched on."""

    target: Target
    credential: str = "default"
    may_enable: bool = False
    folder: Path = FOLDER


def configured(environ: Mapping[str, str]) -> Live | None:
    """Return what the environment asks for, None where that is nothing. Raises InvalidInput where it is wrong."""
    cluster, confirmed = environ.get(f"{PREFIX}CLUSTER", ""), environ.get(f"{PREFIX}CONFIRM", "")
    if not cluster or confirmed != "yes":
        return None
    endpoint = environ.get(f"{PREFIX}ENDPOINT") or CLOUDS["public"].endpoint
    kind = environ.get(f"{PREFIX}CREDENTIAL") or "default"
    try:
        asked = settings.resolve({"cluster": cluster, "endpoint": endpoint, "credential": kind}, {}, {}, "")
        target = asked.target()
    except InvalidInput as wrong:
        raise InvalidInput(wrong.problems, next_step=f"mend the {PREFIX}… variables; nothing was sent.") from None
    if not target.is_local and target.endpoint not in {cloud.endpoint for cloud in CLOUDS.values()}:
        problem = Problem("endpoint", "it is that of an Azure cloud, or on this machine")
        raise InvalidInput([problem], next_step=f"mend {PREFIX}ENDPOINT; nothing was sent.")
    folder = Path(environ.get(f"{PREFIX}FOLDER") or FOLDER)
    return Live(target, kind, environ.get(f"{PREFIX}ENABLE") == "yes", folder)


class Network(httpx.AsyncBaseTransport):
    """The network as `Arm` itself uses it, with the proxies and certificates of the environment."""

    def __init__(self, target: Target) -> None:
        secure = target.endpoint.startswith("https:")
        verify = tls_context(os.environ) if secure else True
        self._http = httpx.AsyncClient(verify=verify, trust_env=not target.is_local, follow_redirects=False)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self._http.send(request, stream=True)

    async def aclose(self) -> None:
        await self._http.aclose()


class HastyClock(SystemClock):
    """The real time, but nobody waits long: for an emulator with fast builds."""

    async def sleep(self, seconds: float) -> None:
        """Sleep a tenth of a second at most."""
        await super().sleep(min(seconds, 0.1))


@dataclass
class Run:
    """One run of the suite. `network`, `credential` and `clock` are seams; by default they are the real ones."""

    live: Live
    network: Callable[[], httpx.AsyncBaseTransport]
    credential: TokenCredential
    clock: Clock
    id: str = field(default_factory=lambda: secrets.token_hex(4))
    left: list[str] = field(default_factory=list)
    written: list[tuple[Conversation, Path]] = field(default_factory=list)

    @classmethod
    def of(cls, live: Live) -> Run:
        """Return a run over the network."""
        credential = CredentialFactory(live.credential, _show_code)(live.target.endpoint)
        clock = HastyClock() if live.target.is_local else SystemClock()
        return cls(live, lambda: Network(live.target), credential, clock)

    @property
    def _seams(self) -> dict[str, Any]:
        return {"credential": self.credential, "clock": self.clock}

    async def hold(self, title: str, held: Held) -> Conversation:
        """Hold a conversation, write it down, and clear away what it made, whatever happens."""
        name = f"kusto-magic-test-{self.id}-{len(self.written)}"
        by = "emulator" if self.live.target.is_local else "Azure"
        into = blank(by, "Recorded by the live suite, `python noxfile.py azure`.")
        path = self.live.folder / f"{by.lower()}-{title}.unfinished.json"
        self.written.append((into, path))
        try:
            await hold(title, held, self.live.target, name, inner=self.network(), into=into, **self._seams)
            path = path.with_suffix("").with_suffix(".json")
        except asyncio.CancelledError:
            sys.stderr.write("\ninterrupted; what was made is deleted once its build has ended (again: it is left)\n")
            raise
        finally:
            try:
                self._write(into, path)
            finally:
                await self._clear([name, f"{name}-2"])
        return into

    def _write(self, into: Conversation, path: Path) -> None:
        self.live.folder.mkdir(parents=True, exist_ok=True)
        self.written[-1][1].unlink(missing_ok=True)  # of an earlier run
        path.write_text(into.to_text(), encoding="utf-8", newline="\n")
        self.written[-1] = (into, path)

    async def _clear(self, names: Sequence[str]) -> None:
        left = list(names)
        try:
            async with connect(self.live.target, transport=self.network(), **self._seams) as client:
                for name in reversed(names):  # the second one may be built on the first
                    await self._delete(client, name)
                    left.remove(name)
        finally:
            self.left += left
            if left:
                said = f"left on the cluster, perhaps: {', '.join(left)}; %kusto_image delete NAME"
                sys.stderr.write(f"\n{said}\n")

    async def _delete(self, client: ImagesClient, name: str) -> None:
        """Delete an image, as soon as the cluster lets us. Raises what the last try raised."""
        until = self.clock.monotonic() + CLEARING_LIMIT
        while True:
            try:
                await self._switch_off(client, name)
                await client.get(name)
                async for _ in client.delete(name):
                    pass
            except NotFound:
                return
            except (Conflict, Unreachable, BuildError):  # another change runs, or nobody answers: both pass
                if self.clock.monotonic() > until:
                    raise
            if self.clock.monotonic() > until:
                raise TimeoutError(f"{name} is still there")
            await self.clock.sleep(PAUSE)

    async def python_is_off(self) -> bool:
        """Return whether the cluster's python() is surely off, so that it may be switched on for a moment."""
        async with connect(self.live.target, transport=self.network(), **self._seams) as client:
            return await client.active() is None

    async def _switch_off(self, client: ImagesClient, name: str) -> None:
        if self.live.may_enable and ((await client.active()) or "").lower() == name.lower():
            async for _ in client.disable(name):
                pass


def _show_code(address: str, code: str, _until: datetime) -> None:
    sys.stderr.write(f"\nTo sign in, open {address} and type {code}\n")
