"""Routing as in Resource Manager: paths are matched without case, and api-version and scope are checked."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from kusto_magic.emulator.arm import ArmError, api_version
from kusto_magic.emulator.cluster_state import ClusterState
from kusto_magic.emulator.config import EmulatorConfig
from kusto_magic.emulator.fleet import Fleet

Handler = Callable[[Request, str], Awaitable[Response]]
"""(request, api-version) → response."""

ClusterHandler = Callable[[Request, str, ClusterState], Awaitable[Response]]
"""(request, api-version, state of the cluster in the path) → response."""

SUBSCRIPTION = "/subscriptions/{subscription}/providers/Microsoft.Kusto"
LOCATION = SUBSCRIPTION + "/locations/{location}"
GROUP = "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Kusto"
CLUSTER = GROUP + "/clusters/{cluster}"


class AnyCaseRoute(Route):
    """A route whose fixed segments match without case; parameter values keep their case."""

    def __init__(self, path: str, endpoint: Callable[[Request], Awaitable[Response]], methods: Iterable[str]) -> None:
        super().__init__(path, endpoint, methods=list(methods))
        self.methods = set(methods)  # without the HEAD that Starlette adds to a GET
        self.path_regex = re.compile(self.path_regex.pattern, re.IGNORECASE)


class ArmRoute(AnyCaseRoute):
    """A route of Microsoft.Kusto; api-version and scope are checked before the handler is called."""

    def __init__(self, path: str, handlers: Mapping[str, Handler], config: EmulatorConfig) -> None:
        async def endpoint(request: Request) -> Response:
            version = api_version(request)
            check_scope(request, config)
            return await handlers[request.method](request, version)

        super().__init__(path, endpoint, handlers)


class ClusterRoute(ArmRoute):
    """A route of one cluster; the change that is due is applied before the handler is called."""

    def __init__(self, path: str, handlers: Mapping[str, ClusterHandler], fleet: Fleet) -> None:
        async def handle(request: Request, version: str) -> Response:
            state = find_cluster(request, fleet)
            await state.apply_due()
            return await handlers[request.method](request, version, state)

        super().__init__(path, dict.fromkeys(handlers, handle), fleet.config)


def check_scope(request: Request, config: EmulatorConfig) -> None:
    """Raise ArmError 404 if the subscription or resource group in the path does not exist."""
    named = request.path_params
    if not _same(named["subscription"], config.subscription):
        message = f"The subscription '{named['subscription']}' could not be found."
        raise ArmError(404, "SubscriptionNotFound", message)
    if not _same(named.get("group", config.resource_group), config.resource_group):
        message = f"Resource group '{named['group']}' could not be found."
        raise ArmError(404, "ResourceGroupNotFound", message)


def find_cluster(request: Request, fleet: Fleet) -> ClusterState:
    """Return the state of the cluster in the path. Raises ArmError 404 if it does not exist."""
    return cluster_named(request.path_params["cluster"], fleet)


def cluster_named(name: str, fleet: Fleet) -> ClusterState:
    """Return the state of the cluster with this name. Raises ArmError 404 if it does not exist."""
    state = fleet.state(name)
    if state is None:
        message = (
            f"The Resource 'Microsoft.Kusto/clusters/{name}' under resource group '{fleet.config.resource_group}' was "
            "not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix"
        )
        raise ArmError(404, "ResourceNotFound", message)
    return state


def _same(one: str, other: str) -> bool:
    return one.casefold() == other.casefold()
