"""The runner of the live suite: selects the cluster, runs and records scenarios, and cleans up.

The cluster is selected by environment variables only. Every image has a unique name, `kusto-magic-test-…`; it is
deleted after its scenario, also if that fails or is interrupted, and images that could not be deleted are reported.
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
from kusto_magic.arm.client import ImagesClient
from kusto_magic.arm.connection_errors import tls_context
from kusto_magic.arm.credentials import CredentialFactory, TokenCredential
from kusto_magic.arm.transport import ArmTransport
from kusto_magic.clock import Clock, SystemClock
from kusto_magic.errors import BuildError, ConflictError, InvalidInputError, NotFoundError, Problem, UnreachableError
from kusto_magic.hints import Hint, HintKind
from kusto_magic.models.cluster import ActiveImage, PythonOff
from kusto_magic.models.endpoint import CLOUDS
from kusto_magic.models.target import Target
from support.recording import Conversation
from support.scenario_runner import new_conversation, run_scenario
from support.scenarios import Scenario

VARIABLE_PREFIX = "KUSTO_MAGIC_TEST_"
SKIP_REASON = (
    f"uses a real cluster and is disabled: set {VARIABLE_PREFIX}CLUSTER to the full ARM ID of the cluster and "
    f"{VARIABLE_PREFIX}CONFIRM to yes (it takes hours and changes the cluster; see CONTRIBUTING.md)"
)
FOLDER = Path(__file__).parent.parent.parent / ".dev" / "conversations"

CLEANUP_TIMEOUT = 3600.0
"""Seconds for which the deletion of an image is retried, since it fails while another change runs."""

RETRY_INTERVAL = 15.0
"""Seconds between two attempts."""


@dataclass(frozen=True)
class LiveOptions:
    """The options from the environment: cluster, credential, whether python() may be enabled, output folder."""

    target: Target
    credential: str = "default"
    may_enable: bool = False
    folder: Path = FOLDER


def configured(environ: Mapping[str, str]) -> LiveOptions | None:
    """Return the options from the environment, or None if the suite is disabled. Raises InvalidInputError."""
    cluster, confirmed = environ.get(f"{VARIABLE_PREFIX}CLUSTER", ""), environ.get(f"{VARIABLE_PREFIX}CONFIRM", "")
    if not cluster or confirmed != "yes":
        return None
    endpoint = environ.get(f"{VARIABLE_PREFIX}ENDPOINT") or CLOUDS["public"].endpoint
    kind = environ.get(f"{VARIABLE_PREFIX}CREDENTIAL") or "default"
    try:
        resolved = settings.resolve({"cluster": cluster, "endpoint": endpoint, "credential": kind}, {}, {}, "")
        target = resolved.target()
    except InvalidInputError as error:
        variables = tuple(f"{VARIABLE_PREFIX}{name}" for name in ("CLUSTER", "ENDPOINT", "CREDENTIAL"))
        raise InvalidInputError(error.problems, hint=Hint(HintKind.SET_VARIABLES, values=variables)) from None
    if not target.is_local and target.endpoint not in {cloud.endpoint for cloud in CLOUDS.values()}:
        problem = Problem("endpoint", "must be that of an Azure cloud, or on this machine")
        raise InvalidInputError([problem], hint=Hint(HintKind.SET_VARIABLES, values=(f"{VARIABLE_PREFIX}ENDPOINT",)))
    folder = Path(environ.get(f"{VARIABLE_PREFIX}FOLDER") or FOLDER)
    return LiveOptions(target, kind, environ.get(f"{VARIABLE_PREFIX}ENABLE") == "yes", folder)


class Network(httpx.AsyncBaseTransport):
    """The network as `ArmTransport` uses it, with the proxies and certificates of the environment."""

    def __init__(self, target: Target) -> None:
        secure = target.endpoint.startswith("https:")
        verify = tls_context(os.environ) if secure else True
        self._http = httpx.AsyncClient(verify=verify, trust_env=not target.is_local, follow_redirects=False)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self._http.send(request, stream=True)

    async def aclose(self) -> None:
        await self._http.aclose()


class ShortSleepClock(SystemClock):
    """The system clock with short sleeps, for an emulator with fast builds."""

    async def sleep(self, seconds: float) -> None:
        """Sleep a tenth of a second at most."""
        await super().sleep(min(seconds, 0.1))


@dataclass
class LiveRun:
    """One run of the suite; `network`, `credential` and `clock` can be replaced in tests."""

    live: LiveOptions
    network: Callable[[], httpx.AsyncBaseTransport]
    credential: TokenCredential
    clock: Clock
    id: str = field(default_factory=lambda: secrets.token_hex(4))
    left: list[str] = field(default_factory=list)
    written: list[tuple[Conversation, Path]] = field(default_factory=list)

    @classmethod
    def of(cls, live: LiveOptions) -> LiveRun:
        """Return a run that uses the network."""
        credential = CredentialFactory(live.credential, _show_code)(live.target.endpoint)
        clock = ShortSleepClock() if live.target.is_local else SystemClock()
        return cls(live, lambda: Network(live.target), credential, clock)

    def _client(self) -> ImagesClient:
        target = self.live.target
        connection = ArmTransport(target.endpoint, target.scope, transport=self.network(), **self._seams)
        return ImagesClient.from_connection(connection, target)

    @property
    def _seams(self) -> dict[str, Any]:
        return {"credential": self.credential, "clock": self.clock}

    async def run(self, title: str, scenario: Scenario) -> Conversation:
        """Run a scenario, save the recording and delete its images, also after an error or an interruption."""
        name = f"kusto-magic-test-{self.id}-{len(self.written)}"
        by = "emulator" if self.live.target.is_local else "Azure"
        into = new_conversation(by, "Recorded by the live suite, `python noxfile.py azure`.")
        path = self.live.folder / f"{by.lower()}-{title}.unfinished.json"
        self.written.append((into, path))
        try:
            await run_scenario(title, scenario, self.live.target, name, inner=self.network(), into=into, **self._seams)
            path = path.with_suffix("").with_suffix(".json")
        except asyncio.CancelledError:
            sys.stderr.write(
                "\ninterrupted; images are deleted when their builds end (interrupt again to leave them)\n"
            )
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
            async with self._client() as client:
                for name in reversed(names):  # the second one may be built on the first
                    await self._delete(client, name)
                    left.remove(name)
        finally:
            self.left += left
            if left:
                sys.stderr.write(f"\nimages that may remain: {', '.join(left)}; use %kusto_image delete NAME\n")

    async def _delete(self, client: ImagesClient, name: str) -> None:
        """Delete an image, with retries until the cluster is free. Raises the error of the last attempt."""
        until = self.clock.monotonic() + CLEANUP_TIMEOUT
        while True:
            try:
                await self._switch_off(client, name)
                await client.get(name)
                async for _ in client.delete_stream(name):
                    pass
            except NotFoundError:
                return
            except (
                ConflictError,
                UnreachableError,
                BuildError,
            ):  # another change is running, or there is no response: retry
                if self.clock.monotonic() > until:
                    raise
            if self.clock.monotonic() > until:
                raise TimeoutError(f"{name} still exists")
            await self.clock.sleep(RETRY_INTERVAL)

    async def python_is_off(self) -> bool:
        """Return whether python() is known to be disabled, so that a scenario may enable it."""
        async with self._client() as client:
            return isinstance(await client.active(), PythonOff)

    async def _switch_off(self, client: ImagesClient, name: str) -> None:
        active = await client.active() if self.live.may_enable else None
        if isinstance(active, ActiveImage) and active.is_named(name):
            async for _ in client.disable_stream(name):
                pass


def _show_code(address: str, code: str, _until: datetime) -> None:
    sys.stderr.write(f"\nTo sign in, open {address} and enter {code}\n")
