"""Client for the sandbox custom images of one cluster: build, poll, get, list, delete, enable, disable.

`connect(target)` opens an `ImagesClient`. Source: Microsoft.Kusto/clusters/sandboxCustomImages, api-version
2024-04-13.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import quote

from kusto_magic.arm import operation_start, poll_schedule
from kusto_magic.arm.credentials import TokenCredential
from kusto_magic.arm.operation import Operation, start_operation
from kusto_magic.arm.paging import PageLimit
from kusto_magic.arm.poller import poll_until_done, require_trusted_url
from kusto_magic.arm.requests import ArmRequests, require_ok
from kusto_magic.arm.response import ArmResponse
from kusto_magic.arm.shared_listing import ImageListCache
from kusto_magic.arm.transport import ArmTransport
from kusto_magic.clock import Clock
from kusto_magic.errors import InUse, InvalidInput, Problem, ServiceError, Unreachable
from kusto_magic.models.action import Action
from kusto_magic.models.api_version import API_VERSION
from kusto_magic.models.cluster import PYTHON, LanguageExtension, active_image, extensions_in
from kusto_magic.models.image import Image, ImageSpec
from kusto_magic.models.naming import image_name_problem
from kusto_magic.models.target import Target
from kusto_magic.settings import DEFAULT_TIMEOUT_HOURS

DEFAULT_TIMEOUT = DEFAULT_TIMEOUT_HOURS * 3600
"""Default seconds after which polling stops; the operation itself continues."""


@asynccontextmanager
async def connect(
    target: Target,
    *,
    credential: TokenCredential | None = None,
    transport: Any = None,
    clock: Clock | None = None,
) -> AsyncIterator[ImagesClient]:
    """Open a client for the images of a cluster.

    `credential` is any object with `get_token`; the default is azure-identity's chain, or the emulator's own token if
    the endpoint is on this machine. `transport` (an httpx.AsyncBaseTransport) and `clock` can be replaced in tests.
    """
    async with ArmTransport(
        target.endpoint, target.scope, credential=credential, transport=transport, clock=clock
    ) as arm:
        yield ImagesClient(arm, target)


class ImagesClient:
    """The sandbox custom images of one cluster. Created by `connect`."""

    def __init__(self, transport: ArmTransport, target: Target) -> None:
        self.target = target
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
        `estimate` is the usual duration of builds on this cluster. Raises InvalidInput (nothing was sent),
        ServiceError (the request was refused), and the errors of `poll`. Source: "Create Or Update".
        """
        sent = operation_start.submitting(Action.BUILD, self._image_url(name), spec)
        return self._run(sent, "PUT", spec.to_body(), timeout, estimate)

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

    async def extensions(self, *, background: bool = False) -> tuple[LanguageExtension, ...]:
        """Return the enabled language extensions. Source: "List Language Extensions" (a POST: counts as a write).

        `background`: no user is waiting for this request.
        """
        response = await self._requests.request("POST", self._url("/listLanguageExtensions"), background=background)
        document = require_ok(response, "the language extensions cannot be listed").document()
        if not isinstance(document, dict):
            raise Unreachable("the list of language extensions cannot be read", next_step="Try again.")
        return extensions_in(document)

    async def active(self, *, background: bool = False) -> str | None:
        """Return the image that python() runs on; None if it is off, "" if that is unknown or may not be read."""
        try:
            return active_image(await self.extensions(background=background))
        except ServiceError:
            return ""

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
            raise Unreachable(f"the response for image {name!r} cannot be read", next_step="Try again.") from None

    def existing_operation(self, image: Image, spec: ImageSpec) -> Operation | None:
        """Return the operation, for `poll`, that built or builds the image as `spec`; None if a build is needed."""
        return operation_start.existing_operation(image, self._image_url(image.name), spec)

    async def list(self) -> Sequence[Image]:
        """Return the images of the cluster, in the service's order. Source: "List By Cluster"."""
        return await self._list(background=False)

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
        """Raise InUse if python() runs on the image; skipped if the caller may not read which one is active."""
        active = await self.active(background=True)
        if active and active.lower() == name.lower():
            what = f"queries on this cluster use image {name!r} (python() is enabled with it); nothing was sent"
            step = (
                "Add --yes to proceed anyway, or choose a new name and enable it with %kusto_image enable afterwards."
            )
            raise InUse(what, next_step=step)

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
        yield sent
        sent_at = self._transport.clock.monotonic()
        started = require_trusted_url(self._transport, await self._submit(sent, method, url or sent.image_url, body))
        yield started
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

    async def _submit(self, sent: Operation, method: str, url: str, body: bytes | None) -> Operation:
        """Send the request that starts an operation; repeat it while there is no usable response."""
        try:
            response, repeated = await self._requests.send(method, url, body, background=True)
        except Unreachable as error:
            raise _with_possible_operation(sent, error) from None
        if response.status == 409 and repeated:  # the first attempt may be what the service is busy with
            return operation_start.adopt_existing(sent)
        try:
            operation = start_operation(sent, response, repeated=repeated)
        except ServiceError as error:
            if response.status >= 500 or response.status == 408:  # a gateway may say so while the service works
                raise _with_possible_operation(sent, error) from None
            raise
        return replace(operation, note=operation.note or ("the request was sent again" if repeated else ""))

    def _url(self, rest: str) -> str:
        path = quote(self.target.cluster_id, safe="/") + rest
        return f"{self.target.endpoint}{path}?api-version={API_VERSION}"

    def _image_url(self, name: str) -> str:
        problem = image_name_problem(name)
        if problem:
            raise InvalidInput([Problem("image name", problem)])
        return self._url(f"/sandboxCustomImages/{quote(name, safe='')}")


def _parse_page(response: ArmResponse) -> tuple[list[Image], str | None]:
    document = response.document()
    values = document.get("value") if isinstance(document, dict) else None
    if not isinstance(values, list):
        raise Unreachable("the list of images cannot be read", next_step="Try again.")
    try:
        images = [Image.from_json(value) for value in values]
    except ValueError:
        raise Unreachable("the list of images cannot be read", next_step="Try again.") from None
    return images, response.resolve_url(document.get("nextLink"))


def _with_possible_operation(sent: Operation, error: Unreachable | ServiceError) -> Unreachable | ServiceError:
    """Attach the possibly started operation to the error, so that it can be resumed."""
    if isinstance(error, ServiceError) or error.may_have_arrived:
        error.operation = operation_start.adopt_existing(sent)
        step = f"%kusto_image attach {sent.name} shows whether the operation was started"
        error.next_step = f"The request may have arrived: {step}. Otherwise: {error.next_step}"
    return error
