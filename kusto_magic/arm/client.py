"""Client for the sandbox custom images of one cluster: build, poll, get, list, delete, enable, disable.

`connect(target)` opens an `ImagesClient`. Source: Microsoft.Kusto/clusters/sandboxCustomImages, api-version
2024-04-13.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from functools import partial
from typing import Any
from urllib.parse import quote

from kusto_magic.arm import operation_start, poll_schedule
from kusto_magic.arm.credentials import Credential
from kusto_magic.arm.operation import Operation
from kusto_magic.arm.paging import PageLimit
from kusto_magic.arm.poller import poll_until_done, require_trusted_url
from kusto_magic.arm.requests import ArmRequests, require_ok
from kusto_magic.arm.response import ArmResponse
from kusto_magic.arm.shared_listing import ImageListCache
from kusto_magic.arm.submission import NOTICE_INTERVAL, submit
from kusto_magic.arm.transport import ArmTransport
from kusto_magic.clock import Clock
from kusto_magic.errors import (
    InUse,
    InvalidInput,
    MaybeInUse,
    NotFound,
    Problem,
    ServiceError,
    Unreachable,
    failure_reason,
)
from kusto_magic.hints import Hint, HintKind
from kusto_magic.models.action import Action
from kusto_magic.models.api_version import API_VERSION
from kusto_magic.models.cluster import PYTHON, ActiveImage, Cluster, LanguageExtension, PythonState, UnknownImage
from kusto_magic.models.image import Image, ImageSpec
from kusto_magic.models.naming import build_name_problem, existing_image_problem, image_name_problem
from kusto_magic.models.target import Target
from kusto_magic.settings import DEFAULT_TIMEOUT_HOURS

DEFAULT_TIMEOUT = DEFAULT_TIMEOUT_HOURS * 3600
"""Default seconds after which polling stops; the operation itself continues."""

IN_USE_HINT = Hint(HintKind.CONFIRM, then=Hint(HintKind.USE_NEW_NAME))
"""What to do after InUse."""

_UNREADABLE_CLUSTER = "the response for the cluster cannot be read"


@asynccontextmanager
async def connect(
    target: Target,
    *,
    credential: Credential | None = None,
    transport: Any = None,
    clock: Clock | None = None,
) -> AsyncIterator[ImagesClient]:
    """Open a client for the images of a cluster.

    `credential` is any object with `get_token` or `get_token_info`; the default is azure-identity's chain, or the
    emulator's own token if the endpoint is on this machine. It is asked for the scope of the target only. `transport`
    (an httpx.AsyncBaseTransport) and `clock` can be replaced in tests.
    """
    async with ArmTransport(
        target.endpoint, target.scope, credential=credential, transport=transport, clock=clock
    ) as arm:
        yield ImagesClient(arm, target)


class ImagesClient:
    """The sandbox custom images of one cluster. Created by `connect`."""

    def __init__(self, transport: ArmTransport, target: Target, *, notice_interval: float = NOTICE_INTERVAL) -> None:
        self.target = target
        self._notice_interval = notice_interval
        self._transport = transport
        self._requests = ArmRequests(transport)
        self._list_cache = ImageListCache(transport.clock, partial(self._list, background=True))

    def for_target(self, target: Target) -> ImagesClient:
        """Return a client for another cluster of the same endpoint; it shares connections, sign-in and rate limits."""
        return ImagesClient(self._transport, target)

    @property
    def identity(self) -> str:
        """The signed-in identity, for display; "" before the first request or if the token names none."""
        return self._transport.identity

    async def sign_in(self) -> str:
        """Get a token without sending a request; return its `identity`. Raises SignInFailed."""
        return await self._transport.sign_in()

    @property
    def clock(self) -> Clock:
        """The clock that times polls and retries."""
        return self._transport.clock

    def build(
        self,
        name: str,
        spec: ImageSpec,
        *,
        timeout: float = DEFAULT_TIMEOUT,
        estimate: poll_schedule.DurationEstimate | None = None,
    ) -> AsyncIterator[Operation]:
        """Create or update the image `name` and poll the build; yield the Operation after each response.

        The last Operation is terminal. To stop polling, stop iterating: the build continues. `timeout` is in seconds;
        `estimate` is the usual duration of builds on this cluster. A name that new images cannot have is sent only if
        the image exists, which is read first. Raises InvalidInput (nothing was sent), ServiceError (the request was
        refused), and the errors of `poll`. Source: "Create Or Update".
        """
        if problem := build_name_problem(name):
            raise InvalidInput([Problem("image name", problem)])
        sent = operation_start.submitting(Action.BUILD, self._image_url(name), spec)
        operations = self._run(sent, "PUT", spec.to_body(), timeout, estimate)
        rule = image_name_problem(name)
        return self._run_if_exists(name, rule, operations) if rule else operations

    def delete(self, name: str, *, timeout: float = DEFAULT_TIMEOUT) -> AsyncIterator[Operation]:
        """Delete the image `name` and poll the operation, as `build` does. Source: "Delete"."""
        return self._run(
            operation_start.submitting(Action.DELETE, self._image_url(name)), "DELETE", None, timeout, None
        )

    def enable(self, name: str, *, timeout: float = DEFAULT_TIMEOUT) -> AsyncIterator[Operation]:
        """Enable python() with a managed or custom image and poll the operation, as `build` does.

        The image replaces the one that Python was enabled with. Source: "Add Language Extensions".
        """
        extension = LanguageExtension.python(name)
        return self._change_extension(Action.ENABLE, extension, extension.to_body(), timeout)

    def disable(self, name: str = "", *, timeout: float = DEFAULT_TIMEOUT) -> AsyncIterator[Operation]:
        """Disable python() and poll the operation, as `build` does.

        `name` is the image that python() was enabled with; it is not sent. Source: "Remove Language Extensions".
        """
        return self._change_extension(
            Action.DISABLE, LanguageExtension(PYTHON, name), LanguageExtension(PYTHON).to_body(), timeout
        )

    def _change_extension(
        self, action: Action, extension: LanguageExtension, body: bytes, timeout: float
    ) -> AsyncIterator[Operation]:
        verb = "add" if action is Action.ENABLE else "remove"
        sent = operation_start.submitting(action, self._url(""), extension=extension)
        return self._run(sent, "POST", body, timeout, None, self._url(f"/{verb}LanguageExtensions"))

    async def extensions(self) -> tuple[LanguageExtension, ...]:
        """Return the enabled language extensions, with their images. Source: Microsoft.Kusto/clusters, "Get"."""
        try:
            return (await self._cluster(background=False)).extensions
        except ValueError:
            raise Unreachable(_UNREADABLE_CLUSTER, hint=Hint(HintKind.RETRY)) from None

    async def active(self, *, background: bool = False) -> PythonState:
        """Return what python() runs on: an ActiveImage, PythonOff, or UnknownImage with the reason.

        It is unknown if the cluster may not be read or does not name its image. Raises NotFound and Unreachable.
        """
        try:
            return (await self._cluster(background=background)).python
        except ValueError:
            return UnknownImage(_UNREADABLE_CLUSTER, Hint(HintKind.RETRY))
        except NotFound:
            raise
        except ServiceError as error:
            return UnknownImage(failure_reason(error), error.hint)

    async def _cluster(self, *, background: bool) -> Cluster:
        """Return the cluster. Raises ServiceError, Unreachable, and ValueError if the response cannot be read."""
        response = await self._requests.request("GET", self._url(""), background=background)
        missing = f"there is no cluster {self.target.cluster!r} in resource group {self.target.resource_group!r}"
        what = missing if response.status == 404 else "the cluster cannot be read"
        return Cluster.from_json(require_ok(response, what).document())

    def resume(self, action: Action, name: str, stored_url: str = "", spec: ImageSpec | None = None) -> Operation:
        """Return an operation started earlier, for `poll`: by its stored URL, or else by the image or cluster."""
        if action in (Action.ENABLE, Action.DISABLE):
            extension = LanguageExtension(PYTHON, name)
            return operation_start.resume(action, self._url(""), stored_url, extension=extension)
        return operation_start.resume(action, self._image_url(name), stored_url, spec)

    def poll(
        self,
        operation: Operation,
        *,
        timeout: float = DEFAULT_TIMEOUT,
        estimate: poll_schedule.DurationEstimate | None = None,
        already_elapsed: float = 0.0,
    ) -> AsyncIterator[Operation]:
        """Poll the operation until it is done; yield it after each response, the last one terminal.

        `already_elapsed` is how many seconds the operation has been running. Raises StatusUnreadable if polling again
        cannot help, PollTimeout after `timeout` seconds, UntrustedAddress if a response names a URL outside the
        endpoint; all of them carry the operation. An unreachable endpoint or a failed sign-in is retried, except that
        a sign-in that fails before the first response raises SignInFailed.
        """
        since = self._transport.clock.monotonic()  # a change of the wall clock must not end it
        return poll_until_done(
            self._transport,
            self._list_cache,
            operation,
            since=since,
            timeout=timeout,
            estimate=estimate,
            has_response=False,
            already_elapsed=already_elapsed,
        )

    async def get(self, name: str, *, background: bool = False) -> Image:
        """Return the image `name`. Raises NotFound, and other ServiceErrors. Source: "Get".

        `background`: no user is waiting for this request.
        """
        response = await self._requests.request("GET", self._image_url(name), background=background)
        missing = f"there is no image {name!r} on this cluster"
        what = missing if response.status == 404 else f"image {name!r} cannot be read"
        try:
            return Image.from_json(require_ok(response, what).document())
        except ValueError:
            raise Unreachable(f"the response for image {name!r} cannot be read", hint=Hint(HintKind.RETRY)) from None

    def existing_operation(self, image: Image, spec: ImageSpec) -> Operation | None:
        """Return the operation, for `poll`, that built or builds the image as `spec`; None if a build is needed."""
        return operation_start.existing_operation(image, self._image_url(image.name), spec)

    async def list(self) -> Sequence[Image]:
        """Return the images of the cluster, in the service's order. Source: "List By Cluster"."""
        return await self._list(background=False)

    async def list_with_active(self) -> tuple[Sequence[Image], PythonState]:
        """Return the images and what python() runs on, read at the same time. Raises as `list` and `active` do."""
        return await asyncio.gather(self.list(), self.active())

    async def _list(self, *, background: bool) -> Sequence[Image]:
        url: str | None = self._url("/sandboxCustomImages")
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

    async def require_inactive(self, name: str) -> None:
        """Raise InUse if python() runs on the image, or MaybeInUse if that is not known. Raises as `active` does."""
        match await self.active(background=True):
            case ActiveImage() as active if active.is_named(name):
                what = f"queries on this cluster use image {name!r} (python() is enabled with it); nothing was sent"
                raise InUse(what, hint=IN_USE_HINT)
            case UnknownImage(reason, hint):
                what = f"which image python() runs on could not be determined: {reason}; nothing was sent"
                raise MaybeInUse(what, hint=Hint(HintKind.CONFIRM).after(hint))

    async def request_json(
        self, method: str, path: str, what: str, body: bytes | None = None, *, limit: PageLimit | None = None
    ) -> Any:
        """Send any other request to the endpoint; return the JSON of the response, or None if it has no body.

        `path` includes the api-version; `what` describes the failure if the service refuses it (ServiceError). `limit`
        counts the size of the response as a page of a list.
        """
        response = await self._requests.request(method, f"{self.target.endpoint}{path}", body)
        if limit is not None:
            limit.add_page(len(response.body))
        return require_ok(response, what).document()

    async def _run(
        self,
        sent: Operation,
        method: str,
        body: bytes | None,
        timeout: float,
        estimate: poll_schedule.DurationEstimate | None,
        url: str = "",
    ) -> AsyncIterator[Operation]:
        """Send the request that starts an operation, to `url` or else to the image, and poll the operation."""
        yield sent  # before the request, so that the history notes that it may be sent
        sent_at = self._transport.clock.monotonic()
        started = sent
        async with aclosing(self._submit(sent, method, url or sent.image_url, body, timeout)) as submission:
            async for started in submission:
                yield require_trusted_url(self._transport, started) if started.poll_url else started
        async for operation in poll_until_done(
            self._transport,
            self._list_cache,
            started,
            since=sent_at,
            timeout=timeout,
            estimate=estimate,
            has_response=True,
        ):
            yield operation

    def _submit(
        self, sent: Operation, method: str, url: str, body: bytes | None, timeout: float
    ) -> AsyncGenerator[Operation, None]:
        interval = self._notice_interval
        return submit(self._requests, sent, method, url, body, timeout=timeout, notice_interval=interval)

    async def _run_if_exists(
        self, name: str, rule: str, operations: AsyncIterator[Operation]
    ) -> AsyncIterator[Operation]:
        """Run a build only if the image exists: its name breaks `rule`, which holds for new images."""
        try:
            await self.get(name, background=True)
        except NotFound:
            problem = Problem("image name", f"there is no such image on this cluster, and for a new one {rule}")
            raise InvalidInput([problem]) from None
        async for operation in operations:
            yield operation

    def _url(self, rest: str) -> str:
        path = quote(self.target.cluster_id, safe="/") + rest  # resource groups may contain non-ASCII letters
        return f"{self.target.endpoint}{path}?api-version={API_VERSION}"

    def _image_url(self, name: str) -> str:
        if problem := existing_image_problem(name):  # such as "..": it would be the URL of another resource
            raise InvalidInput([Problem("image name", problem)])
        return self._url(f"/sandboxCustomImages/{quote(name, safe='')}")


def _parse_page(response: ArmResponse) -> tuple[list[Image], str | None]:
    document = response.document()
    values = document.get("value") if isinstance(document, dict) else None
    if not isinstance(values, list):
        raise Unreachable("the list of images cannot be read", hint=Hint(HintKind.RETRY))
    try:
        images = [Image.from_json(value) for value in values]
    except ValueError:
        raise Unreachable("the list of images cannot be read", hint=Hint(HintKind.RETRY)) from None
    return images, response.resolve_url(document.get("nextLink"))
