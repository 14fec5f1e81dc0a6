"""Request handlers of the Jupyter server extension, used by JupyterLab's sidebar, status bar and notifications.

`openapi.json` in this folder describes the routes. Every method requires a signed-in user who is authorized for the
resource "kusto_magic". Changes use PUT, POST and DELETE only, so that Jupyter's XSRF check applies. A cluster is
identified by an ID from `/clusters`, never by an address. Errors are problem documents (RFC 9457).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from jupyter_server.auth.decorator import authorized
from jupyter_server.utils import url_path_join
from tornado import web

from kusto_magic.display.verification_table import verification_table
from kusto_magic.errors import InvalidInputError, Problem
from kusto_magic.hints import hint_json
from kusto_magic.queries.verify import VerifyOptions, failure_of
from kusto_magic.server.base_handler import BaseHandler, in_thread
from kusto_magic.server.build_views import Json, build_json, listed_build_json
from kusto_magic.server.cluster_handlers import (
    ActiveHandler,
    ClusterHandler,
    ClustersHandler,
    EmulatorHandler,
    SubscriptionClustersHandler,
    SubscriptionsHandler,
)
from kusto_magic.server.serializers import (
    active_json,
    changes_json,
    draft_problems,
    image_json,
    input_problem_json,
    parse_spec,
    plan_json,
)

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

    from kusto_magic.server.build_watcher import BuildWatcher

PREFIX = "kusto-magic/v1"

MAX_WAIT = 30.0
"""Maximum number of seconds for which a long-polling request is held."""


class ClusterImagesHandler(BaseHandler):
    """The images of one cluster."""

    @web.authenticated
    @authorized
    async def get(self, cluster: str) -> None:
        """Return the images, read from Azure."""
        found = await self.watcher.images(cluster)
        images = [image_json(image) for image in found.images]
        contents = await self.watcher.contents(cluster)
        active = await in_thread(lambda: active_json(found.active, contents))
        self.finish({"images": images, "active": active, "identity": found.identity})


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


class CheckHandler(BaseHandler):
    """The check of the requirements against the base image, as before a build."""

    @web.authenticated
    @authorized
    async def post(self, cluster: str) -> None:
        """Return the plan; nothing is built. The check ends when the page closes the connection."""
        body = self.document(("base", "python", "requirements", "allowIndexOptions"))
        spec = await in_thread(lambda: parse_spec(body))
        with suppress(asyncio.CancelledError):  # the page has closed the connection
            self.finish({"plan": plan_json(await self.result_while_connected(self.watcher.check(cluster, spec)))})


class VerificationHandler(BaseHandler):
    """What the sandbox holds, compared with what was planned."""

    @web.authenticated
    @authorized
    async def post(self, cluster: str, name: str) -> None:
        """Query the cluster and return the result. The wait ends when the page closes the connection."""
        body = self.document(("imports", "database"))
        imports, database = body.get("imports", False), body.get("database", "")
        if not isinstance(imports, bool) or not isinstance(database, str):
            raise InvalidInputError([Problem("body", "imports must be true or false, database a string")])
        options = VerifyOptions(imports=imports, database=database)
        with suppress(asyncio.CancelledError):  # the page has closed the connection
            verifying = self.watcher.verify(cluster, name, options)
            found, target = await self.result_while_connected(verifying)
            failure = failure_of(found)
            hint = hint_json(failure.hint) if failure else None
            table = verification_table(found, target).to_json()
            self.finish({"verified": found.succeeded, "table": table, "hint": hint})


class ExportHandler(BaseHandler):
    """An image in the language of another tool: its definition, or the lock of its packages."""

    @web.authenticated
    @authorized
    async def get(self, cluster: str, name: str) -> None:
        """Return the text in the format of the query argument `format`. Closing the connection ends the wait."""
        with suppress(asyncio.CancelledError):  # the page has closed the connection
            exporting = self.watcher.export(cluster, name, self.get_query_argument("format", ""))
            text, remark = await self.result_while_connected(exporting)
            self.finish({"text": text, "remark": remark})


class ImageBuildsHandler(BaseHandler):
    """The operations on one image."""

    @web.authenticated
    @authorized
    async def get(self, cluster: str, name: str) -> None:
        """Return the newest operations on the image on this cluster, newest first."""
        views = await self.watcher.builds_of_image(cluster, name)
        self.finish({"builds": [listed_build_json(view, -number) for number, view in enumerate(views)]})


class BuildsHandler(BaseHandler):
    """The builds of this user."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Return the builds that have changed since `after`; with `wait`, as soon as a build changes (long polling)."""
        wait = min(MAX_WAIT, max(0.0, self._seconds()))
        with suppress(asyncio.CancelledError):  # the page has closed the connection
            changes = self.watcher.changes(self.get_query_argument("after", ""), wait)
            self.finish(changes_json(await self.result_while_connected(changes)))

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


class DraftsHandler(BaseHandler):
    """The validation of an image that is being typed, by the same rules as in the kernel."""

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Return the problems of the given parts; nothing is stored or sent."""
        body = self.document(("name", "exists", "base", "python", "requirements"))
        problems = await in_thread(lambda: draft_problems(body))
        self.finish({"problems": [input_problem_json(problem) for problem in problems]})


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
    "/subscriptions": SubscriptionsHandler,
    "/subscriptions/{subscription}/clusters": SubscriptionClustersHandler,
    "/emulator": EmulatorHandler,
    "/clusters": ClustersHandler,
    "/clusters/{cluster}": ClusterHandler,
    "/clusters/{cluster}/check": CheckHandler,
    "/clusters/{cluster}/images": ClusterImagesHandler,
    "/clusters/{cluster}/images/{name}": ImageHandler,
    "/clusters/{cluster}/images/{name}/builds": ImageBuildsHandler,
    "/clusters/{cluster}/images/{name}/export": ExportHandler,
    "/clusters/{cluster}/images/{name}/verification": VerificationHandler,
    "/clusters/{cluster}/active": ActiveHandler,
    "/builds": BuildsHandler,
    "/builds/{build}": BuildHandler,
    "/outputs/{id}": OutputHandler,
    "/requirements": RequirementsHandler,
    "/drafts": DraftsHandler,
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
