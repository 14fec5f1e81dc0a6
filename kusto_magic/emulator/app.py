"""The ASGI application of the emulator."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from kusto_magic.emulator.arm import ArmError, Json, on_failure
from kusto_magic.emulator.catalog import Catalog
from kusto_magic.emulator.cluster_actions import ClusterActions
from kusto_magic.emulator.clusters import Clusters
from kusto_magic.emulator.config import SERVICE, EmulatorConfig
from kusto_magic.emulator.data_controls import DataControls
from kusto_magic.emulator.data_errors import KustoError, on_arm_error, on_http_error, on_kusto_error
from kusto_magic.emulator.data_plane import DataPlane, Sleep
from kusto_magic.emulator.extensions import Extensions
from kusto_magic.emulator.fleet import Fleet
from kusto_magic.emulator.graph import Graph
from kusto_magic.emulator.images import Images
from kusto_magic.emulator.middleware import RateLimits, RequestIds
from kusto_magic.emulator.operation_results import OperationResults
from kusto_magic.emulator.resolver import Inventory, Resolver, installed, resolve
from kusto_magic.emulator.security import PROOF_PATH, SecurityMiddleware, prove


def create_app(
    config: EmulatorConfig | None = None,
    *,
    resolver: Resolver | None = None,
    inventory: Inventory | None = None,
    clock: Callable[[], datetime] | None = None,
    sleep: Sleep = asyncio.sleep,
    stop: Callable[[], None] | None = None,
) -> Starlette:
    """Return the emulator as an ASGI application, which needs no lifespan events.

    `config` defines what is emulated; `config.ready` is what a client needs. `resolver` decides whether a build
    succeeds, `inventory` what an image contains, `clock` returns the time (aware, UTC), and `sleep` waits during slow
    queries; tests pass their own. `stop`, if given, is called by an authorized `POST /emulator/stop`. After
    `POST /emulator/hold` no operation ends until `POST /emulator/release`, which ends all of them immediately.
    `POST /emulator/contents` and `POST /emulator/queries` change what queries see (`data_controls`).
    `app.state.fleet` has the emulated clusters; `app.state.throttled` counts the 429 responses by kind.
    """
    config = config or EmulatorConfig()
    clock = clock or _now
    fleet = Fleet(config, clock, resolver or resolve)
    polling = OperationResults(fleet)
    controls = DataControls(fleet)
    throttled: Counter[str] = Counter()
    app = Starlette(
        routes=[
            *_own_routes(config, fleet, stop),
            *Images(fleet, polling).routes(),
            *Extensions(fleet, polling).routes(),
            *Clusters(fleet, polling).routes(),
            *ClusterActions(fleet, polling).routes(),
            *Catalog(fleet).routes(),
            *Graph(fleet, clock, throttled).routes(),
            *polling.routes(),
            *DataPlane(fleet, controls, inventory or installed, sleep).routes(),
            *controls.routes(),
        ],
        middleware=[
            Middleware(RequestIds, config=config, clock=clock),  # outermost: refusals carry IDs too
            Middleware(SecurityMiddleware, config=config),  # before the limits: a foreign page must not exhaust them
            Middleware(RateLimits, config=config, clock=clock, throttled=throttled),
        ],
        exception_handlers={
            ArmError: on_arm_error,
            KustoError: on_kusto_error,
            HTTPException: on_http_error,
            Exception: on_failure,
        },
    )
    app.router.redirect_slashes = False  # unknown paths get ARM's 404 instead of a redirect
    app.state.fleet = fleet
    app.state.throttled = throttled
    app.state.ready = config.ready
    return app


def _now() -> datetime:
    return datetime.now(UTC)


def _own_routes(config: EmulatorConfig, fleet: Fleet, stop: Callable[[], None] | None) -> list[BaseRoute]:
    """Return the routes that are not part of Resource Manager: identification, proof, hold, release and stop."""

    async def identify(_request: Request) -> Response:
        return Json({"service": SERVICE, "version": version("kusto-magic"), "instance": config.instance})

    async def proof(request: Request) -> Response:
        return PlainTextResponse(prove(config, request.query_params.get("nonce", "")))

    async def shut_down(_request: Request) -> Response:
        assert stop is not None  # noqa: S101 - the route exists only then
        stop()
        return Response(status_code=202)

    async def hold(_request: Request) -> Response:
        fleet.hold()
        return Response(status_code=204)

    async def release(_request: Request) -> Response:
        fleet.release()
        return Response(status_code=204)

    routes: list[BaseRoute] = [
        Route("/", identify, methods=["GET"]),
        Route(PROOF_PATH, proof, methods=["GET"]),
        Route("/emulator/hold", hold, methods=["POST"]),
        Route("/emulator/release", release, methods=["POST"]),
    ]
    return [*routes, Route("/emulator/stop", shut_down, methods=["POST"])] if stop else routes
