"""The routes of kusto_magic on a Jupyter server: what JupyterLab's sidebar, status bar and notifications ask.

`openapi.json` beside this file describes them. Each verb wants a signed-in user who is authorised for the resource
"kusto_magic"; changes are PUT, POST and DELETE only, so that Jupyter's XSRF check applies; a cluster comes as an id
that was given out here, never as an address. Errors are problem documents (RFC 9457).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from jupyter_server.utils import url_path_join
from tornado import web

from kusto_magic.errors import (
    InvalidInput,
    KustoImageError,
    Problem,
)
from kusto_magic.server.serializers import (
    Json,
    build_json,
    cluster_json,
    http_status,
    image_json,
    input_problem_json,
    parse_spec,
    problem_json,
)

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

    from kusto_magic.server.build_watcher import BuildView, BuildWatcher

PREFIX = "kusto-magic/v1"
PROBLEM_TYPE = "application/problem+json"

MAX_BODY_SIZE = 256 * 1024
"""Bytes; twice the largest requirements text."""

MAX_WAIT = 30.0
"""Seconds for which a question for news is held at the most."""


class BaseHandler(APIHandler):
    """What all routes have in common: who may ask, how a body is read, how an error is told."""

    auth_resource = "kusto_magic"

    def initialize(self, onlooker: BuildWatcher | None = None) -> None:
        """Take the Onlooker of this server."""
        self._given = onlooker

    @property
    def watcher(self) -> BuildWatcher:
        """The one Onlooker of this server; made at the first question, since that imports much."""
        return self._given or _default_watcher()

    def update_api_activity(self) -> None:
        """Count only changes as activity: a page that asks by itself shall not keep a server from being culled."""
        if self.request.method != "GET":
            super().update_api_activity()

    def document(self, allowed: Sequence[str]) -> Json:
        """Return the body, a JSON object with no other keys than these. Raises InvalidInput, HTTPError 413."""
        if len(self.request.body) > MAX_BODY_SIZE:
            raise web.HTTPError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        try:
            found = json.loads(self.request.body)
        except (ValueError, RecursionError):
            raise InvalidInput([Problem("body", "is no JSON")]) from None
        if not isinstance(found, dict) or (unknown := found.keys() - set(allowed)):
            names = "" if not isinstance(found, dict) else f", without {sorted(unknown)[0]!a:.60}"
            raise InvalidInput([Problem("body", f"is an object with {', '.join(allowed)}{names}")])
        return found

    def accept(self, build: BuildView) -> None:
        """Answer that something is begun, with what is followed."""
        self.set_status(HTTPStatus.ACCEPTED)
        self.finish(build_json(build))

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer with a problem document."""
        error = kwargs.get("exc_info", (None, None, None))[1]
        status = http_status(error) if isinstance(error, KustoImageError) else status_code
        self.set_status(status)
        self.finish(json.dumps(problem_json(status, error)), set_content_type=PROBLEM_TYPE)

    def log_exception(self, typ: Any, value: BaseException | None, tb: Any) -> None:
        """Log our own errors as one line: they are the user's or the service's, not this server's."""
        if isinstance(value, KustoImageError):
            self.log.info("kusto_magic: %s %s: %s", self.request.method, self.request.path, type(value).__name__)
        else:
            super().log_exception(typ, value, tb)


class ClustersHandler(BaseHandler):
    """The clusters known here."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Answer with the clusters: the configured one, the emulator's, those of the history."""
        clusters = await self.watcher.clusters()
        self.finish({"clusters": [cluster_json(cluster) for cluster in clusters]})


class ClusterImagesHandler(BaseHandler):
    """The images of one cluster."""

    @web.authenticated
    @authorized
    async def get(self, cluster: str) -> None:
        """Ask Azure for them and answer."""
        shelf = await self.watcher.images(cluster)
        images = [image_json(image) for image in shelf.images]
        self.finish({"images": images, "active": shelf.active, "identity": shelf.identity})


class ImageHandler(BaseHandler):
    """One image."""

    @web.authenticated
    @authorized
    async def put(self, cluster: str, name: str) -> None:
        """Begin to build it; the answer is the build."""
        spec = parse_spec(self.document(("base", "python", "requirements", "allowIndexOptions")))
        self.accept(await self.watcher.create(cluster, name, spec))

    @web.authenticated
    @authorized
    async def delete(self, cluster: str, name: str) -> None:
        """Begin to delete it; the answer is what is followed."""
        self.accept(await self.watcher.delete(cluster, name))


class ActiveHandler(BaseHandler):
    """The image that the queries of a cluster run on; /clusters/{cluster}/images tells which it is."""

    @web.authenticated
    @authorized
    async def put(self, cluster: str) -> None:
        """Begin to enable an image, managed or custom; the answer is what is followed."""
        self.accept(await self.watcher.enable(cluster, self.document(("image",)).get("image", "")))


class BuildsHandler(BaseHandler):
    """The builds of this user."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Answer with the newest builds; with `after` and `wait` as soon as there is news."""
        wait = min(MAX_WAIT, max(0.0, self._number("wait")))
        news = await self.watcher.wait_for_changes(int(self._number("after")), wait)
        builds = [build_json(build) for build in news.builds]
        self.finish({"revision": news.revision, "warning": news.warning, "builds": builds})

    def _number(self, name: str) -> float:
        try:
            number = float(self.get_query_argument(name, "0"))
        except ValueError:
            number = float("nan")
        if not abs(number) < 1e15:  # nan and inf too
            raise InvalidInput([Problem(name, "is no number")])
        return number


class BuildHandler(BaseHandler):
    """One build."""

    @web.authenticated
    @authorized
    async def get(self, build: str) -> None:
        """Answer with the build as it stands."""
        self.finish(build_json(await self.watcher.build(build)))


class RequirementsHandler(BaseHandler):
    """The check of a requirements text, the kernel's own."""

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Answer with what is wrong with a text; nothing is kept and nothing is sent anywhere."""
        from kusto_magic.requirements import parser as requirements

        given = self.document(("text", "allowIndexOptions"))
        problems = requirements.problems(
            given.get("text", ""), allow_index_options=given.get("allowIndexOptions") is True
        )
        self.finish({"problems": [input_problem_json(problem) for problem in problems]})


class BasesHandler(BaseHandler):
    """The images that Azure ships."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Answer with those that can be a base, the newest first."""
        from kusto_magic.models import managed_packages as managed
        from kusto_magic.models.managed_images import MANAGED_IMAGES

        bases = [
            {"name": it.name, "title": it.title, "python": it.python, "packages": len(managed.packages(it.name))}
            for it in MANAGED_IMAGES.values()
        ]
        self.finish({"bases": bases})


class PackagesHandler(BaseHandler):
    """The names of packages known on this machine."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Answer with the packages of the images that Azure ships."""
        from kusto_magic.models import managed_packages as managed
        from kusto_magic.models.managed_images import MANAGED_IMAGES

        listed = [name for name in MANAGED_IMAGES if name not in managed.MODULE_LISTS]
        self.finish({"packages": sorted({package for image in listed for package in managed.packages(image)})})


ROUTES: Mapping[str, type[BaseHandler]] = {
    "/clusters": ClustersHandler,
    "/clusters/{cluster}/images": ClusterImagesHandler,
    "/clusters/{cluster}/images/{name}": ImageHandler,
    "/clusters/{cluster}/active": ActiveHandler,
    "/builds": BuildsHandler,
    "/builds/{build}": BuildHandler,
    "/requirements": RequirementsHandler,
    "/bases": BasesHandler,
    "/packages": PackagesHandler,
}
"""Every route under PREFIX, as the OpenAPI description spells it."""


def add_routes(app: web.Application, base_url: str, onlooker: BuildWatcher | None = None) -> None:
    """Add the routes to a Jupyter server's application; `onlooker` is a seam, by default this process's own."""
    handlers = [
        (url_path_join(base_url, PREFIX, _pattern(route)) + "$", handler, {"onlooker": onlooker})
        for route, handler in ROUTES.items()
    ]
    app.add_handlers(".*$", handlers)


def _load_jupyter_server_extension(server: ServerApp) -> None:
    """Add the routes; jupyter_server calls this."""
    add_routes(server.web_app, server.base_url)


def _pattern(route: str) -> str:
    return "/".join(f"(?P<{part[1:-1]}>[^/]+)" if part.startswith("{") else part for part in route.split("/"))


@cache
def _default_watcher() -> BuildWatcher:
    import atexit
    import os
    from contextlib import suppress

    from kusto_magic import settings
    from kusto_magic.arm.credentials import CredentialFactory
    from kusto_magic.builds.manager import BuildManager
    from kusto_magic.server.build_watcher import BuildWatcher

    builds = BuildManager()
    atexit.register(builds.close)
    with suppress(InvalidInput):  # said where the settings are used
        found = settings.resolve({}, {}, os.environ, settings.read_config(settings.config_file(os.environ)))
        builds.sign_in(CredentialFactory(found.credential or "default"))
    return BuildWatcher(builds)


# ── what is answered ─────────────────────────────────────────────────────────────────────────────────────────────


# ── what is told of an error ─────────────────────────────────────────────────────────────────────────────────────
