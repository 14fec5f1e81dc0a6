"""The data plane of the emulated clusters: sign-in metadata, queries and management commands.

It emulates what Microsoft's client azure-kusto-data needs in order to ask which packages the image of python() has.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from kusto_magic.emulator.arm import Json
from kusto_magic.emulator.cluster_state import ClusterState
from kusto_magic.emulator.data_controls import DataControls, ToldContents, ToldQueries
from kusto_magic.emulator.data_errors import KustoError, database_not_found, not_authorized
from kusto_magic.emulator.data_formats import RequestFacts, Table, v1_query, v1_result, v2_frames
from kusto_magic.emulator.data_requests import KustoRequest, read_request
from kusto_magic.emulator.extensions import active_python_image
from kusto_magic.emulator.fleet import Fleet
from kusto_magic.emulator.inventory_query import SCHEMA, parse_inventory_query
from kusto_magic.emulator.managed_images import Layers, layers_of_name
from kusto_magic.emulator.management_commands import run_command
from kusto_magic.emulator.resolver import Inventory
from kusto_magic.emulator.resolver_cache import InventoryCache
from kusto_magic.emulator.routing import AnyCaseRoute

METADATA_PATH = "/v1/rest/auth/metadata"
CLUSTER_PATH = "/clusters/{cluster}"

PLATFORM = "Windows-10-10.0.20348-SP0"
"""platform.platform() in the sandbox: the emulator's own choice, a Windows Server 2022."""

METADATA = {
    "AzureAD": {
        "LoginEndpoint": "https://login.microsoftonline.com",
        "LoginMfaRequired": False,
        "KustoClientAppId": "db662dc1-0cfe-4e1c-a843-19a68e65be58",
        "KustoClientRedirectUri": "https://microsoft/kustoclient",
        "KustoServiceResourceId": "https://kusto.kusto.windows.net",
        "FirstPartyAuthorityUrl": "https://login.microsoftonline.com/f8cdef31-a31e-4b4a-93e4-5f571e91255a",
    }
}
"""How a client signs in: the values of the public cloud, which Microsoft's clients also have as defaults."""

Sleep = Callable[[float], Awaitable[None]]
"""Wait for a number of seconds."""

Render = Callable[[Table, RequestFacts], Any]
"""(result of a query, its request) → the JSON of the response."""


class DataPlane:
    """The request handlers of the data plane."""

    def __init__(self, fleet: Fleet, controls: DataControls, inventory: Inventory, sleep: Sleep) -> None:
        self._fleet = fleet
        self._controls = controls
        self._inventory = InventoryCache(inventory)
        self._sleep = sleep

    def routes(self) -> list[AnyCaseRoute]:
        """Return the routes of the data plane."""
        return [
            AnyCaseRoute(METADATA_PATH, _metadata, ["GET"]),
            AnyCaseRoute(CLUSTER_PATH + METADATA_PATH, _metadata, ["GET"]),
            AnyCaseRoute(CLUSTER_PATH + "/v2/rest/query", self._query_handler(v2_frames), ["POST"]),
            AnyCaseRoute(CLUSTER_PATH + "/v1/rest/query", self._query_handler(v1_query), ["POST"]),
            AnyCaseRoute(CLUSTER_PATH + "/v1/rest/mgmt", self._command, ["POST"]),
        ]

    def _query_handler(self, render: Render) -> Callable[[Request], Awaitable[Response]]:
        async def handle(request: Request) -> Response:
            return await self._query(request, render)

        return handle

    async def _command(self, request: Request) -> Response:
        state = await self._state(request)
        asked = await read_request(request)
        return Json(v1_result(run_command(state, self._controls.queries(state), asked)))

    async def _query(self, request: Request, render: Render) -> Response:
        state = await self._state(request)
        asked, told = await read_request(request), self._controls.queries(state)
        _check_database(told, asked.database)
        imports = parse_inventory_query(asked.query)
        image = _active_image(state)
        layers = _layers(state, image)
        await self._wait(told, asked)
        if told.error is not None:
            return told.error.response(request.scope)
        rows = await self._rows(layers, self._controls.contents(state, image), imports)
        return Json(render(Table(SCHEMA, rows), _facts(request)))

    async def _state(self, request: Request) -> ClusterState:
        name = request.path_params["cluster"]
        state = self._fleet.state(name)
        if state is not None:
            await state.apply_due()  # which may delete it
        if state is None or state.record.is_deleted:
            # The text is the emulator's own choice: the real cluster would have no address.
            raise KustoError(404, f"The kusto_magic emulator has no cluster '{name}'.")
        return state

    async def _wait(self, told: ToldQueries, asked: KustoRequest) -> None:
        if told.seconds:
            await self._sleep(min(told.seconds, asked.timeout))
        if told.seconds > asked.timeout:
            raise KustoError(504)

    async def _rows(self, layers: Layers, told: ToldContents, imports: tuple[str, ...]) -> list[tuple[str, str, str]]:
        packages = told.apply(await self._inventory.packages(layers))
        listed = sorted(packages.items(), key=lambda item: item[0].casefold())
        return [
            ("python", "", layers.python),
            ("platform", "", PLATFORM),
            *(("package", name, version) for name, version in listed),
            *(("import", name, told.import_error(name, packages)) for name in imports),
        ]


async def _metadata(_request: Request) -> Response:
    # The same for every name, also of clusters that do not exist: without a token, it must not reveal them.
    return Json(METADATA)


def _check_database(told: ToldQueries, database: str) -> None:
    if database in told.refused:
        raise not_authorized(database)
    if database not in told.databases:
        raise database_not_found(database)


def _active_image(state: ClusterState) -> str:
    image = active_python_image(state)
    if image is None:
        # How Kusto words it is not known: the emulator's own choice.
        message = "Semantic error: The Python plugin is disabled on this cluster (message of the kusto_magic emulator)."
        raise KustoError(400, message, type="Kusto.Data.Exceptions.SemanticException")
    return image


def _layers(state: ClusterState, image: str) -> Layers:
    # The emulator's own choice: an image that is being built again, or failed to, has what its current text installs.
    layers = layers_of_name(state.store, image)
    if layers is None:
        # Deleted since it was enabled, or one of its base images. The text is the emulator's own choice.
        raise KustoError(400, f"The sandbox image '{image}' or one of its base images does not exist.")
    return layers


def _facts(request: Request) -> RequestFacts:
    state = request.state
    return RequestFacts(state.moment, state.client_request, state.correlation)
