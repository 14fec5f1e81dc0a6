"""From a path to a handler, the way Resource Manager does it: names compare without case, every call is checked."""

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
"""(request, api-version) → answer."""

ClusterHandler = Callable[[Request, str, ClusterState], Awaitable[Response]]
"""(request, api-version, the engine of the cluster that the path names) → answer."""

SUBSCRIPTION = "/subscriptions/{subscription}/providers/Microsoft.Kusto"
GROUP = "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Kusto"
CLUSTER = GROUP + "/clusters/{cluster}"


class AnyCaseRoute(Route):
    """A route whose fixed segments match in any case; the values of the others keep theirs."""

    def __init__(self, path: str, endpoint: Callable[[Request], Awaitable[Response]], methods: Iterable[str]) -> None:
        super().__init__(path, endpoint, methods=list(methods))
        self.methods = set(methods)  # without the HEAD that Starlette adds to a GET
        self.path_regex = re.compile(self.path_regex.pattern, re.IGNORECASE)


class ArmRoute(AnyCaseRoute):
    """A route of Microsoft.Kusto: the api-version and the scope are checked before a handler is asked."""

    def __init__(self, path: str, handlers: Mapping[str, Handler], config: EmulatorConfig) -> None:
        async def endpoint(request: Request) -> Response:
            version = api_version(request)
            check_scope(request, config)
            return await handlers[request.method](request, version)

        super().__init__(path, endpoint, handlers)


class ClusterRoute(ArmRoute):
    """A route about one cluster: what is due there is carried out before its handler is asked."""

    def __init__(self, path: str, handlers: Mapping[str, ClusterHandler], fleet: Fleet) -> None:
        async def handle(request: Request, version: str) -> Response:
            engine = find_cluster(request, fleet)
            await engine.apply_due()
            return await handlers[request.method](request, version, engine)

        super().__init__(path, dict.fromkeys(handlers, handle), fleet.config)


def check_scope(request: Request, config: EmulatorConfig) -> None:
    """Raise ArmError 404 when the path names another subscription or group than the one that exists."""
    named = request.path_params
    if not _same(named["subscription"], config.subscription):
        message = f"The subscription '{named['subscription']}' could not be found."
        raise ArmError(404, "SubscriptionNotFound", message)
    if not _same(named.get("group", config.resource_group), config.resource_group):
        message = f"Resource group '{named['group']}' could not be found."
        raise ArmError(404, "ResourceGroupNotFound", message)


def find_cluster(request: Request, fleet: Fleet) -> ClusterState:
    """Return the engine of the cluster that the path names. Raises ArmError 404 where there is none."""
    name = request.path_params["cluster"]
    engine = fleet.state(name)
    if engine is None:
        message = (
            f"The Resource 'Microsoft.Kusto/clusters/{name}' under resource group '{fleet.config.resource_group}' was "
            "not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix"
        )
        raise ArmError(404, "ResourceNotFound", message)
    return engine


def _same(one: str, other: str) -> bool:
    return one.casefold() == other.casefold()
