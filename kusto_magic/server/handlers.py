"""Request handlers of the Jupyter server extension, used by JupyterLab's sidebar, status bar and notifications.

`openapi.json` in this folder describes the routes. Every method requires a signed-in user who is authorized for the
resource "kusto_magic". Changes use PUT, POST and DELETE only, so that Jupyter's XSRF check applies. A cluster is
identified by an ID from `/clusters`, never by an address. Errors are problem documents (RFC 9457).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from jupyter_server.utils import url_path_join
from tornado import web

from kusto_magic.errors import (
    InvalidInputError,
    KustoImageError,
    Problem,
)
from kusto_magic.server.build_views import Json, build_json
from kusto_magic.server.serializers import (
    active_json,
    changes_json,
    cluster_json,
    http_status,
    image_json,
    input_problem_json,
    parse_spec,
    problem_json,
)

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

    from kusto_magic.server.build_views import BuildView, ListedBuild
    from kusto_magic.server.build_watcher import BuildWatcher
    from kusto_magic.server.change_log import Changes

PREFIX = "kusto-magic/v1"
PROBLEM_TYPE = "application/problem+json"

MAX_BODY_SIZE = 256 * 1024
"""Maximum size of a request body in bytes: twice the largest requirements text."""

MAX_PARSER_THREADS = 2
"""Maximum number of threads for CPU work and files of the package; apart from those that wait for Azure."""

MAX_WAIT = 30.0
"""Maximum number of seconds for which a long-polling request is held."""


_Result = TypeVar("_Result")
_parsers = ThreadPoolExecutor(MAX_PARSER_THREADS, thread_name_prefix="kusto-magic-parser")


async def in_thread(function: Callable[[], _Result]) -> _Result:
    """Return the result of a function that may take more than 5 ms, called in a thread."""
    return await asyncio.get_running_loop().run_in_executor(_parsers, function)


class BaseHandler(APIHandler):
    """Base of all handlers: authorization, parsing of the body, error responses."""

    auth_resource = "kusto_magic"

    def initialize(self, watcher: BuildWatcher | None = None) -> None:
        """Store the watcher passed to `add_routes`, if any (called by Tornado)."""
        self._watcher = watcher

    @property
    def watcher(self) -> BuildWatcher:
        """The watcher of this server; created on the first request, because its imports are slow."""
        return self._watcher or _default_watcher()

    def update_api_activity(self) -> None:
        """Count only changes as activity, so that a page that polls does not keep an idle server from being culled."""
        if self.request.method != "GET":
            super().update_api_activity()

    def document(self, allowed: Sequence[str]) -> Json:
        """Return the body, a JSON object with only the keys `allowed`. Raises InvalidInputError and HTTPError 413."""
        if len(self.request.body) > MAX_BODY_SIZE:  # the server's own limit is hundreds of megabytes
            raise web.HTTPError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        try:
            document = json.loads(self.request.body)
        except (ValueError, RecursionError):
            raise InvalidInputError([Problem("body", "is not valid JSON")]) from None
        if not isinstance(document, dict) or (unknown := document.keys() - set(allowed)):
            unexpected = "" if not isinstance(document, dict) else f", not {sorted(unknown)[0]!a:.60}"
            raise InvalidInputError([Problem("body", f"must be an object with only {', '.join(allowed)}{unexpected}")])
        return document

    def accept(self, build: BuildView) -> None:
        """Respond with 202 and the build that was started."""
        self.set_status(HTTPStatus.ACCEPTED)
        self.finish(build_json(build))

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Respond with a problem document (called by Tornado for every exception)."""
        error = kwargs.get("exc_info", (None, None, None))[1]
        # A refusal of the service is not a failure of this server.
        status = http_status(error) if isinstance(error, KustoImageError) else status_code
        self.set_status(status)
        # APIHandler.finish would set application/json.
        self.finish(json.dumps(problem_json(status, error)), set_content_type=PROBLEM_TYPE)

    def log_exception(self, typ: Any, value: BaseException | None, tb: Any) -> None:
        """Log errors of this package as one line without a traceback: they are not failures of this server."""
        if isinstance(value, KustoImageError):
            self.log.info("kusto_magic: %s %s: %s", self.request.method, self.request.path, type(value).__name__)
        else:
            super().log_exception(typ, value, tb)


class ClustersHandler(BaseHandler):
    """The known clusters."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Return the clusters: the configured one, the emulator's, then those of the history."""
        clusters = await self.watcher.clusters()
        self.finish({"clusters": [cluster_json(cluster) for cluster in clusters]})


class ClusterImagesHandler(BaseHandler):
    """The images of one cluster."""

    @web.authenticated
    @authorized
    async def get(self, cluster: str) -> None:
        """Return the images, read from Azure."""
        found = await self.watcher.images(cluster)
        images = [image_json(image) for image in found.images]
        self.finish({"images": images, "active": active_json(found.active), "identity": found.identity})


class ImageHandler(BaseHandler):
    """One image."""

    @web.authenticated
    @authorized
    async def put(self, cluster: str, name: str) -> None:
        """Start building the image and return the build."""
        body = self.document(("base", "python", "requirements", "allowIndexOptions", "allowActive"))
        spec = await in_thread(lambda: parse_spec(body))
        self.accept(await self.watcher.create(cluster, name, spec, allow_active=body.get("allowActive") is True))

    @web.authenticated
    @authorized
    async def delete(self, cluster: str, name: str) -> None:
        """Start deleting the image and return the operation."""
        allow_active = self.get_query_argument("allowActive", "") == "true"
        self.accept(await self.watcher.delete(cluster, name, allow_active=allow_active))


class ActiveHandler(BaseHandler):
    """The image that queries use; it is part of the response of /clusters/{cluster}/images."""

    @web.authenticated
    @authorized
    async def put(self, cluster: str) -> None:
        """Start enabling a managed or custom image and return the operation."""
        self.accept(await self.watcher.enable(cluster, self.document(("image",)).get("image", "")))


class BuildsHandler(BaseHandler):
    """The builds of this user."""

    _response: asyncio.Task[Changes[ListedBuild]] | None = None

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Return the builds that have changed since `after`; with `wait`, as soon as a build changes (long polling)."""
        wait = min(MAX_WAIT, max(0.0, self._seconds()))
        self._response = asyncio.create_task(self.watcher.changes(self.get_query_argument("after", ""), wait))
        with suppress(asyncio.CancelledError):  # by `on_connection_close`
            self.finish(changes_json(await self._response))

    def on_connection_close(self) -> None:
        """Stop waiting for a page that no longer waits (called by Tornado)."""
        super().on_connection_close()
        if self._response is not None:
            self._response.cancel()

    def _seconds(self) -> float:
        try:
            number = float(self.get_query_argument("wait", "0"))
        except ValueError:
            number = float("nan")
        if not abs(number) < 1e15:  # also rejects nan and inf
            raise InvalidInputError([Problem("wait", "is not a valid number")])
        return number


class BuildHandler(BaseHandler):
    """One build."""

    @web.authenticated
    @authorized
    async def get(self, build: str) -> None:
        """Return the current state of the build."""
        self.finish(build_json(await self.watcher.build(build)))


class OutputHandler(BaseHandler):
    """The card of a build or of a fleet, for the output of a cell whose kernel no longer updates it."""

    @web.authenticated
    @authorized
    async def get(self, id: str) -> None:  # noqa: A002 - the name in the route
        """Return the representations of the card by MIME type."""
        self.finish({"data": await self.watcher.output(id)})


class RequirementsHandler(BaseHandler):
    """The validation of a requirements text, by the same rules as in the kernel."""

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Return the problems of a text; nothing is stored or sent."""
        problems = await in_thread(self._problems)
        self.finish({"problems": [input_problem_json(problem) for problem in problems]})

    def _problems(self) -> list[Problem]:
        from kusto_magic.requirements import parser

        body = self.document(("text", "allowIndexOptions"))
        return parser.problems(body.get("text", ""), allow_index_options=body.get("allowIndexOptions") is True)


class BasesHandler(BaseHandler):
    """The managed images, which Azure ships."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Return the managed images that can be a base image, newest first."""
        self.finish({"bases": await in_thread(_bases)})


def _bases() -> list[Json]:
    from kusto_magic.models import managed_packages
    from kusto_magic.models.managed_images import MANAGED_IMAGES

    return [
        {
            "name": image.name,
            "title": image.title,
            "python": image.python,
            "packages": len(managed_packages.packages(image.name)),
        }
        for image in MANAGED_IMAGES.values()
    ]


class PackagesHandler(BaseHandler):
    """The package names for completion."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Return the names of the packages in the managed images, sorted."""
        self.finish({"packages": await in_thread(_package_names)})


def _package_names() -> list[str]:
    from kusto_magic.models import managed_packages
    from kusto_magic.models.managed_images import MANAGED_IMAGES

    listed = [name for name in MANAGED_IMAGES if name not in managed_packages.MODULE_LISTS]
    return sorted({package for image in listed for package in managed_packages.packages(image)})


ROUTES: Mapping[str, type[BaseHandler]] = {
    "/clusters": ClustersHandler,
    "/clusters/{cluster}/images": ClusterImagesHandler,
    "/clusters/{cluster}/images/{name}": ImageHandler,
    "/clusters/{cluster}/active": ActiveHandler,
    "/builds": BuildsHandler,
    "/builds/{build}": BuildHandler,
    "/outputs/{id}": OutputHandler,
    "/requirements": RequirementsHandler,
    "/bases": BasesHandler,
    "/packages": PackagesHandler,
}
"""Handlers by route below PREFIX, in the notation of the OpenAPI description."""


def add_routes(app: web.Application, base_url: str, watcher: BuildWatcher | None = None) -> None:
    """Add the routes to a Jupyter server's application; `watcher` defaults to that of the process."""
    handlers = [
        (url_path_join(base_url, PREFIX, _pattern(route)) + "$", handler, {"watcher": watcher})
        for route, handler in ROUTES.items()
    ]
    app.add_handlers(".*$", handlers)


def _load_jupyter_server_extension(server: ServerApp) -> None:
    """Add the routes (called by jupyter_server)."""
    add_routes(server.web_app, server.base_url)


def _pattern(route: str) -> str:
    return "/".join(f"(?P<{part[1:-1]}>[^/]+)" if part.startswith("{") else part for part in route.split("/"))


@cache
def _default_watcher() -> BuildWatcher:
    import atexit
    import os

    from kusto_magic import settings
    from kusto_magic.arm.credentials import CredentialFactory
    from kusto_magic.builds.manager import BuildManager
    from kusto_magic.server.build_watcher import BuildWatcher

    builds = BuildManager()
    atexit.register(builds.close)
    with suppress(InvalidInputError):  # invalid settings are reported where they are used
        found = settings.resolve({}, {}, os.environ, settings.read_config(settings.config_file(os.environ)))
        builds.sign_in(CredentialFactory(found.credential or "default"))
    return BuildWatcher(builds)
