"""Client for the sandbox custom images of one cluster, its language extensions, and the operations on both.

Source: Microsoft.Kusto/clusters/sandboxCustomImages, api-version 2024-04-13.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from copy import copy
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from kusto_magic.arm import operation_start
from kusto_magic.arm.base_client import ArmClient
from kusto_magic.arm.credentials import Credential, CredentialFactory
from kusto_magic.arm.operation import Operation
from kusto_magic.arm.paging import PageLimit
from kusto_magic.arm.poll_schedule import DurationEstimate
from kusto_magic.arm.poller import poll_until_done
from kusto_magic.arm.requests import require_ok
from kusto_magic.arm.response import ArmResponse
from kusto_magic.arm.shared_listing import ImageListCache
from kusto_magic.arm.submission import NOTICE_INTERVAL, submit
from kusto_magic.arm.transport import ArmTransport
from kusto_magic.arm.urls import cluster_url, image_url
from kusto_magic.clock import Clock
from kusto_magic.error_texts import failure_reason
from kusto_magic.errors import InvalidInputError, NotFoundError, Problem, ServiceError, UnreachableError
from kusto_magic.hints import Hint, HintKind
from kusto_magic.models.action import ACTIONS, Action
from kusto_magic.models.cluster import PYTHON, Cluster, LanguageExtension, PythonState, UnknownImage
from kusto_magic.models.image import Image, ImageSpec
from kusto_magic.models.naming import build_name_problem, image_name_problem
from kusto_magic.models.target import Target
from kusto_magic.settings import DEFAULT_TIMEOUT

if TYPE_CHECKING:
    import httpx

_UNREADABLE_CLUSTER = "the response for the cluster cannot be read"


@dataclass(frozen=True, slots=True)
class _Options:
    """The arguments of `ImagesClient.with_options`."""

    background: bool = False
    estimate: DurationEstimate | None = None
    already_elapsed: float = 0.0
    notice_interval: float = NOTICE_INTERVAL
    action: Action = Action.BUILD


class ImagesClient(ArmClient):
    """The sandbox custom images of one cluster. Use it as an async context manager.

    `credential` is any object with `get_token` or `get_token_info`; the default is azure-identity's chain, or the
    emulator's own token if the endpoint is on this machine. It is asked for the scope of the target only. `transport`
    replaces the network. Raises UnreachableError if a configured proxy cannot be used.

    Each operation has two methods. `create_or_update`, `delete`, `enable` and `disable` return when it is done and
    raise if it failed; their `..._stream` yields the Operation after each response, the last one terminal. To stop
    polling, cancel the first or stop iterating over the second: the operation continues in Azure.
    """

    def __init__(
        self,
        target: Target,
        credential: Credential | None = None,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        credential = credential or CredentialFactory()(target.endpoint, target.subscription)
        self._set_up(ArmTransport(target.endpoint, target.scope, credential=credential, transport=transport), target)

    @classmethod
    def from_connection(cls, connection: ArmTransport, target: Target) -> ImagesClient:
        """Return a client that shares a connection: its sign-in, rate limits and sockets."""
        client = cls.__new__(cls)
        client._set_up(connection, target)
        return client

    def _set_up(self, connection: ArmTransport, target: Target) -> None:
        super().__init__(connection)
        self.target = target
        self._options = _Options()
        self._list_cache = ImageListCache(connection.clock, partial(self._list, background=True))

    def with_options(
        self,
        *,
        background: bool = False,
        estimate: DurationEstimate | None = None,
        already_elapsed: float = 0.0,
        notice_interval: float = NOTICE_INTERVAL,
        action: Action = Action.BUILD,
    ) -> ImagesClient:
        """Return a client for the engine of builds, which shares everything with this one but these options.

        `background`: no user is waiting for the responses. `estimate` is the usual duration of builds on this cluster,
        `already_elapsed` how many seconds an operation to poll has been running, `notice_interval` as for `submit`,
        `action` what the operations of `create_or_update` are called.
        """
        client = copy(self)
        client._options = _Options(background, estimate, already_elapsed, notice_interval, action)
        return client

    @property
    def clock(self) -> Clock:
        """The clock that times polls and retries."""
        return self._connection.clock

    # ── operations ──────────────────────────────────────────────────────────────────────────────────────────────────

    async def create_or_update(self, name: str, spec: ImageSpec, *, timeout: float = DEFAULT_TIMEOUT) -> Image:
        """Create or update the image `name`, wait until it is built, and return it.

        `timeout` is in seconds. A name that new images cannot have is sent only if the image exists, which is read
        first. Raises InvalidInputError (nothing was sent), ServiceError (the request was refused), BuildFailedError and
        BuildCanceledError, ImageDiffersError if the image is not what was sent, and the errors of `poll`. Source:
        "Create Or Update".
        """
        operation = await _last(self.create_or_update_stream(name, spec, timeout=timeout))
        assert operation.image is not None  # noqa: S101 - for the type checker: a successful build has one
        return operation.image

    def create_or_update_stream(
        self, name: str, spec: ImageSpec, *, timeout: float = DEFAULT_TIMEOUT
    ) -> AsyncIterator[Operation]:
        """Create or update the image `name`; yield the Operation after each response, the last one terminal.

        `Operation.raise_for_failure` then raises what `create_or_update` raises for a failure.
        """
        if problem := build_name_problem(name):
            raise InvalidInputError([Problem("image name", problem)])
        sent = operation_start.submitting(self._options.action, image_url(self.target, name), spec)
        operations = self._run(sent, spec.to_body(), timeout)
        rule = image_name_problem(name)
        return self._run_if_exists(name, rule, operations) if rule else operations

    async def delete(self, name: str, *, timeout: float = DEFAULT_TIMEOUT) -> None:
        """Delete the image `name` and wait until it is deleted; raises as `create_or_update`. Source: "Delete"."""
        await _last(self.delete_stream(name, timeout=timeout))

    def delete_stream(self, name: str, *, timeout: float = DEFAULT_TIMEOUT) -> AsyncIterator[Operation]:
        """Delete the image `name`; yield the Operation as `create_or_update_stream` does."""
        return self._run(operation_start.submitting(Action.DELETE, image_url(self.target, name)), None, timeout)

    async def enable(self, name: str, *, timeout: float = DEFAULT_TIMEOUT) -> None:
        """Enable python() with a managed or custom image, and wait until it is enabled.

        The image replaces the one that Python was enabled with. Raises as `create_or_update`. Source: "Add Language
        Extensions".
        """
        await _last(self.enable_stream(name, timeout=timeout))

    def enable_stream(self, name: str, *, timeout: float = DEFAULT_TIMEOUT) -> AsyncIterator[Operation]:
        """Enable python() with an image; yield the Operation as `create_or_update_stream` does."""
        extension = LanguageExtension.python(name)
        return self._change_extension(Action.ENABLE, "add", extension, extension.to_body(), timeout)

    async def disable(self, name: str = "", *, timeout: float = DEFAULT_TIMEOUT) -> None:
        """Disable python() and wait until it is disabled; `name` is the image that it was enabled with, not sent.

        Raises as `create_or_update`. Source: "Remove Language Extensions".
        """
        await _last(self.disable_stream(name, timeout=timeout))

    def disable_stream(self, name: str = "", *, timeout: float = DEFAULT_TIMEOUT) -> AsyncIterator[Operation]:
        """Disable python(); yield the Operation as `create_or_update_stream` does."""
        return self._change_extension(
            Action.DISABLE, "remove", LanguageExtension(PYTHON, name), LanguageExtension(PYTHON).to_body(), timeout
        )

    def poll(self, operation: Operation, *, timeout: float = DEFAULT_TIMEOUT) -> AsyncIterator[Operation]:
        """Poll the operation until it is done; yield it after each response, the last one terminal.

        Raises StatusUnreadableError if polling again cannot help, PollTimeoutError after `timeout` seconds,
        UntrustedAddressError if a response names a URL outside the endpoint; all of them carry the operation. An
        unreachable endpoint or a failed sign-in is retried, except that a sign-in that fails before the first response
        raises SignInError.
        """
        since = self.clock.monotonic()  # a change of the wall clock must not end it
        return self._poll(operation, since, timeout, has_response=False)

    def _change_extension(
        self, action: Action, verb: str, extension: LanguageExtension, body: bytes, timeout: float
    ) -> AsyncIterator[Operation]:
        sent = operation_start.submitting(action, cluster_url(self.target), extension=extension)
        return self._run(sent, body, timeout, cluster_url(self.target, f"/{verb}LanguageExtensions"))

    async def _run(
        self, sent: Operation, body: bytes | None, timeout: float, url: str = ""
    ) -> AsyncIterator[Operation]:
        """Send the request that starts an operation, to `url` or else to the image, and poll the operation."""
        yield sent  # before the request, so that the history notes that it may be sent
        sent_at = self.clock.monotonic()
        started, method, interval = sent, ACTIONS[sent.action].method, self._options.notice_interval
        submitting = submit(
            self._requests, sent, method, url or sent.image_url, body, timeout=timeout, notice_interval=interval
        )
        async with aclosing(submitting) as submission:
            async for started in submission:
                yield started
        async for operation in self._poll(started, sent_at, timeout, has_response=True):
            yield operation

    def _poll(
        self, operation: Operation, since: float, timeout: float, *, has_response: bool
    ) -> AsyncIterator[Operation]:
        return poll_until_done(
            self._connection,
            self._list_cache,
            operation,
            since=since,
            timeout=timeout,
            estimate=self._options.estimate,
            has_response=has_response,
            already_elapsed=self._options.already_elapsed,
        )

    async def _run_if_exists(
        self, name: str, rule: str, operations: AsyncIterator[Operation]
    ) -> AsyncIterator[Operation]:
        """Run a build only if the image exists: its name breaks `rule`, which holds for new images."""
        try:
            await self.with_options(background=True).get(name)
        except NotFoundError:
            problem = Problem("image name", f"there is no such image on this cluster, and for a new one {rule}")
            raise InvalidInputError([problem]) from None
        async for operation in operations:
            yield operation

    # ── reads ───────────────────────────────────────────────────────────────────────────────────────────────────────

    async def get(self, name: str) -> Image:
        """Return the image `name`. Raises NotFoundError, and other ServiceErrors. Source: "Get"."""
        response = await self._get(image_url(self.target, name))
        missing = f"there is no image {name!r} on this cluster"
        what = missing if response.status == 404 else f"image {name!r} cannot be read"
        try:
            return Image.from_json(require_ok(response, what).document())
        except ValueError:
            raise UnreachableError(
                f"the response for image {name!r} cannot be read", hint=Hint(HintKind.RETRY)
            ) from None

    async def list(self) -> Sequence[Image]:
        """Return the images of the cluster, in the service's order. Source: "List By Cluster"."""
        return await self._list(background=self._options.background)

    async def list_with_active(self) -> tuple[Sequence[Image], PythonState]:
        """Return the images and what python() runs on, read at the same time. Raises as `list` and `active` do."""
        return await asyncio.gather(self.list(), self.active())

    async def extensions(self) -> tuple[LanguageExtension, ...]:
        """Return the enabled language extensions, with their images. Source: Microsoft.Kusto/clusters, "Get"."""
        return (await self.cluster()).extensions

    async def cluster(self) -> Cluster:
        """Return the cluster. Raises ServiceError and UnreachableError. Source: Microsoft.Kusto/clusters, "Get"."""
        try:
            return await self._cluster()
        except ValueError:
            raise UnreachableError(_UNREADABLE_CLUSTER, hint=Hint(HintKind.RETRY)) from None

    async def active(self) -> PythonState:
        """Return what python() runs on: an ActiveImage, PythonOff, or UnknownImage with the reason.

        It is unknown if the cluster may not be read or does not name its image. Raises NotFoundError and
        UnreachableError.
        """
        try:
            return (await self._cluster()).python
        except ValueError:
            return UnknownImage(_UNREADABLE_CLUSTER, Hint(HintKind.RETRY))
        except NotFoundError:
            raise
        except ServiceError as error:
            return UnknownImage(failure_reason(error), error.hint)

    async def _cluster(self) -> Cluster:
        """Return the cluster. Raises ServiceError, UnreachableError, and ValueError if the response cannot be read."""
        response = await self._get(cluster_url(self.target))
        missing = f"there is no cluster {self.target.cluster!r} in resource group {self.target.resource_group!r}"
        what = missing if response.status == 404 else "the cluster cannot be read"
        return Cluster.from_json(require_ok(response, what).document())

    async def _get(self, url: str) -> ArmResponse:
        return await self._requests.request("GET", url, background=self._options.background)

    async def _list(self, *, background: bool) -> Sequence[Image]:
        url: str | None = cluster_url(self.target, "/sandboxCustomImages")
        limit = PageLimit("the list of images")
        limit.add_link(url)
        images: list[Image] = []
        while url is not None:
            response = require_ok(
                await self._requests.request("GET", url, background=background), "the images cannot be listed"
            )
            found, url = _parse_page(response)
            limit.add_page(len(response.body))
            limit.add_link(url)
            images += found
        return images


async def _last(operations: AsyncIterator[Operation]) -> Operation:
    """Return the terminal operation. Raises what `Operation.raise_for_failure` raises."""
    *_, last = [operation async for operation in operations]
    last.raise_for_failure()
    return last


def _parse_page(response: ArmResponse) -> tuple[list[Image], str | None]:
    document = response.document()
    values = document.get("value") if isinstance(document, dict) else None
    if not isinstance(values, list):
        raise UnreachableError("the list of images cannot be read", hint=Hint(HintKind.RETRY))
    try:
        images = [Image.from_json(value) for value in values]
    except ValueError:
        raise UnreachableError("the list of images cannot be read", hint=Hint(HintKind.RETRY)) from None
    return images, response.resolve_url(document.get("nextLink"))
