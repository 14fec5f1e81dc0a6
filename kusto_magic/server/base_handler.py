"""Base of the request handlers: authorization, parsing of the body, error responses."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar

from jupyter_server.base.handlers import APIHandler
from tornado import web

from kusto_magic.errors import InvalidInputError, KustoImageError, Problem
from kusto_magic.server.build_views import Json, build_json
from kusto_magic.server.serializers import http_status, problem_json

if TYPE_CHECKING:
    from kusto_magic.server.build_views import BuildView
    from kusto_magic.server.build_watcher import BuildWatcher

PROBLEM_TYPE = "application/problem+json"

MAX_BODY_SIZE = 256 * 1024
"""Maximum size of a request body in bytes: twice the largest requirements text."""

MAX_PARSER_THREADS = 2
"""Maximum number of threads for CPU work and files of the package; apart from those that wait for Azure."""

_Result = TypeVar("_Result")
_parsers = ThreadPoolExecutor(MAX_PARSER_THREADS, thread_name_prefix="kusto-magic-parser")


async def in_thread(function: Callable[[], _Result]) -> _Result:
    """Return the result of a function that may take more than 5 ms, called in a thread."""
    return await asyncio.get_running_loop().run_in_executor(_parsers, function)


class BaseHandler(APIHandler):
    """Base of all handlers: authorization, parsing of the body, error responses."""

    auth_resource = "kusto_magic"
    _work: asyncio.Future[Any] | None = None

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

    async def result_while_connected(self, work: Awaitable[_Result]) -> _Result:
        """Return the result of work that is canceled, with CancelledError, when the page closes the connection."""
        started = asyncio.ensure_future(work)
        self._work = started
        return await started

    def on_connection_close(self) -> None:
        """Cancel the work of a page that no longer waits (called by Tornado)."""
        super().on_connection_close()
        if self._work is not None:
            self._work.cancel()

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
        builds.sign_in(CredentialFactory.of(found.sign_in))
    return BuildWatcher(builds)
