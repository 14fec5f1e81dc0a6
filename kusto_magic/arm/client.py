"""The images of one cluster: make, follow, get, list, delete.

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

from kusto_magic.arm import operation_start
from kusto_magic.arm import poll_schedule as schedule
from kusto_magic.arm.credentials import TokenCredential
from kusto_magic.arm.operation import Operation, start_operation
from kusto_magic.arm.poller import poll_until_done, require_trusted_url
from kusto_magic.arm.requests import ArmRequests, require_ok
from kusto_magic.arm.response import ArmResponse
from kusto_magic.arm.shared_listing import ImageListCache
from kusto_magic.arm.transport import ArmTransport
from kusto_magic.clock import Clock
from kusto_magic.errors import (
    InUse,
    InvalidInput,
    Problem,
    ServiceError,
    Unreachable,
)
from kusto_magic.models.action import Action
from kusto_magic.models.cluster import PYTHON, LanguageExtension, active_image, extensions_in
from kusto_magic.models.image import API_VERSION, Image, ImageSpec
from kusto_magic.models.naming import image_name_problem
from kusto_magic.models.target import Target

DEFAULT_TIMEOUT = 4 * 3600.0
"""Seconds for which a build is followed unless told otherwise."""


MAX_PAGES = 1000


@asynccontextmanager
async def connect(
    target: Target,
    *,
    credential: TokenCredential | None = None,
    transport: Any = None,
    clock: Clock | None = None,
) -> AsyncIterator[ImagesClient]:
    """Open a client for the images of a cluster.

    `credential` is anything with `get_token`; by default azure-identity's chain, or the emulator's own token where
    the endpoint is on this machine. `transport` (an httpx.AsyncBaseTransport) and `clock` are seams.
    """
    async with ArmTransport(
        target.endpoint, target.scope, credential=credential, transport=transport, clock=clock
    ) as arm:
        yield ImagesClient(arm, target)


class ImagesClient:
    """The sandbox custom images of one cluster. Made by `connect`."""

    def __init__(self, transport: ArmTransport, target: Target) -> None:
        self.target = target
        self._transport = transport
        self._requests = ArmRequests(transport)
        self._list_cache = ImageListCache(transport.clock, partial(self._list, background=True))

    def for_target(self, target: Target) -> ImagesClient:
        """Return a client for another cluster of the same endpoint: same connections, sign-in and budgets as this."""
        return ImagesClient(self._transport, target)

    @property
    def identity(self) -> str:
        """Who is signed in, in words to show; "" before the first request, and where the token does not say."""
        return self._transport.identity

    async def sign_in(self) -> str:
        """Get a token and nothing else; return whom it names, as `identity` does. Raises SignInFailed."""
        return await self._transport.sign_in()

    @property
    def clock(self) -> Clock:
        """The time by which it waits."""
        return self._transport.clock

    def build(
        self,
        name: str,
        spec: ImageSpec,
        *,
        timeout: float = DEFAULT_TIMEOUT,
        estimate: schedule.DurationEstimate | None = None,
    ) -> AsyncIterator[Operation]:
        """Create or update the image `name`, and follow it: Operations, the last one terminal.

        Stop iterating to stop following; the build goes on. `limit` is in seconds; `usual` is how long builds take
        here. Raises InvalidInput (nothing was sent), ServiceError (refused), and what `follow` raises. Source:
        "Create Or Update".
        """
        sent = operation_start.submitting(Action.BUILD, self._image_url(name), spec)
        return self._run(sent, "PUT", spec.to_body(), timeout, estimate)

    def delete(self, name: str, *, timeout: float = DEFAULT_TIMEOUT) -> AsyncIterator[Operation]:
        """Delete the image `name`, and follow it, as `build` does. Source: "Delete"."""
        return self._run(
            operation_start.submitting(Action.DELETE, self._image_url(name)), "DELETE", None, timeout, None
        )

    def enable(self, name: str, *, timeout: float = DEFAULT_TIMEOUT) -> AsyncIterator[Operation]:
        """Let python() run on a managed or custom image, and follow it, as `build` does.

        Source: "Add Language Extensions"; it takes the place of the image that Python ran on.
        """
        extension = LanguageExtension.python(name)
        return self._change_extension(Action.ENABLE, extension, extension.to_body(), timeout)

    def disable(self, name: str = "", *, timeout: float = DEFAULT_TIMEOUT) -> AsyncIterator[Operation]:
        """Switch python() off, and follow it, as `build` does; `name` is the image it ran on, for the record.

        Source: "Remove Language Extensions".
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
        """Return the languages that are switched on. Source: "List Language Extensions" (a POST: counts as a write).

        `background` tells that no person waits for just this answer.
        """
        response = await self._requests.request("POST", self._url("/listLanguageExtensions"), background=background)
        document = require_ok(response, "the language extensions cannot be listed").document()
        if not isinstance(document, dict):
            raise Unreachable("the list of language extensions cannot be read", next_step="try again.")
        return extensions_in(document)

    async def active(self, *, background: bool = False) -> str | None:
        """Return the image python() runs on, None where it is off; "" where that is not said or may not be seen."""
        try:
            return active_image(await self.extensions(background=background))
        except ServiceError:
            return ""

    def resume(self, action: Action, name: str, stored_url: str = "", spec: ImageSpec | None = None) -> Operation:
        """Return an operation begun earlier, for `follow`: by its kept address, or by the image (or cluster) alone."""
        if action in (Action.ENABLE, Action.DISABLE):
            extension = LanguageExtension(PYTHON, name)
            return operation_start.resume(action, self._url(""), stored_url, extension=extension)
        return operation_start.resume(action, self._image_url(name), stored_url, spec)

    def poll(
        self,
        operation: Operation,
        *,
        timeout: float = DEFAULT_TIMEOUT,
        estimate: schedule.DurationEstimate | None = None,
        already_elapsed: float = 0.0,
    ) -> AsyncIterator[Operation]:
        """Ask until the operation is done; yield it as it is after each answer, the last one terminal.

        `ahead` is for how many seconds it has gone on already.

        Raises StatusUnreadable where there is no use in asking on, PollTimeout after `limit` seconds,
        UntrustedAddress where an answer names a foreign address; all carry the operation. While the endpoint does not
        answer, it goes on asking; also while no token can be had, unless that is so from the start: SignInFailed.
        """
        since = self._transport.clock.monotonic()
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

        `background` tells that no person waits for just this answer.
        """
        response = await self._requests.request("GET", self._image_url(name), background=background)
        try:
            return Image.from_json(require_ok(response, f"image {name!r} cannot be read").document())
        except ValueError:
            raise Unreachable(f"the answer about image {name!r} cannot be read", next_step="try again.") from None

    def existing_operation(self, image: Image, spec: ImageSpec) -> Operation | None:
        """Return what goes on or has ended with an image made of the same, for `follow`; None: `build` is needed."""
        return operation_start.existing_operation(image, self._image_url(image.name), spec)

    async def list(self) -> Sequence[Image]:
        """Return the images of the cluster, in the service's order. Source: "List By Cluster"."""
        return await self._list(background=False)

    async def _list(self, *, background: bool) -> Sequence[Image]:
        url: str | None = self._url("/sandboxCustomImages")
        images: list[Image] = []
        for _ in range(MAX_PAGES):
            if url is None:
                return images
            response = require_ok(
                await self._requests.request("GET", url, background=background), "the images cannot be listed"
            )
            found, url = _parse_page(response)
            images += found
        raise Unreachable(f"the list of images does not end after {MAX_PAGES} pages", next_step="try again.")

    async def require_inactive(self, name: str) -> None:
        """Raise InUse where the cluster's python() runs on an image. Who may not see that is not held up."""
        active = await self.active(background=True)
        if active and active.lower() == name.lower():
            what = f"the queries of this cluster run on image {name!r} (python() is enabled with it); nothing was sent"
            step = "add --yes to go on all the same, or take a new name and %kusto_image enable that one then."
            raise InUse(what, next_step=step)

    async def request_json(self, method: str, path: str, what: str, body: bytes | None = None) -> Any:
        """Send another request to the endpoint; return the JSON of the response, or None if it has no body.

        `path` includes the api-version; `what` describes the failure if the service refuses it (ServiceError).
        """
        response = await self._requests.request(method, f"{self.target.endpoint}{path}", body)
        return require_ok(response, what).document()

    async def _run(
        self,
        sent: Operation,
        method: str,
        body: bytes | None,
        timeout: float,
        estimate: schedule.DurationEstimate | None,
        url: str = "",
    ) -> AsyncIterator[Operation]:
        """Send the request that begins an operation, to `url` or else to the image, and follow it."""
        yield sent
        sent_at = self._transport.clock.monotonic()
        begun = require_trusted_url(self._transport, await self._submit(sent, method, url or sent.image_url, body))
        yield begun
        async for operation in poll_until_done(
            self._transport,
            self._list_cache,
            begun,
            since=sent_at,
            timeout=timeout,
            estimate=estimate,
            has_response=True,
        ):
            yield operation

    async def _submit(self, sent: Operation, method: str, url: str, body: bytes | None) -> Operation:
        """Send the request that begins an operation, again while nobody answers properly."""
        try:
            answered, repeated = await self._requests.send(method, url, body, background=True)
        except Unreachable as error:
            raise _with_possible_operation(sent, error) from None
        if answered.status == 409 and repeated:
            return operation_start.adopt_existing(sent)
        try:
            operation = start_operation(sent, answered, repeated=repeated)
        except ServiceError as error:
            if answered.status >= 500 or answered.status == 408:  # a gateway may say so while the service works
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
        raise Unreachable("the list of images cannot be read", next_step="try again.")
    try:
        images = [Image.from_json(value) for value in values]
    except ValueError:
        raise Unreachable("the list of images cannot be read", next_step="try again.") from None
    return images, response.resolve_url(document.get("nextLink"))


def _with_possible_operation(sent: Operation, error: Unreachable | ServiceError) -> Unreachable | ServiceError:
    """Return the error such that what may have been begun all the same can be taken up."""
    if isinstance(error, ServiceError) or error.may_have_arrived:
        error.operation = operation_start.adopt_existing(sent)
        step = f"%kusto_image attach {sent.name} shows whether it was begun all the same"
        error.next_step = f"the request may have arrived; {step}. Else: {error.next_step}"
    return error
