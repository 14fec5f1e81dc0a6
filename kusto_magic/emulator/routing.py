"""From a path to a handler, the way Resource Manager does it: names compare without case, every call is checked."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from kusto_magic.emulator.arm import ArmError, api_version
from kusto_magic.emulator.engine import Engine

Handler = Callable[[Request, str], Awaitable[Response]]
"""(request, api-version) → answer."""

SUBSCRIPTION = "/subscriptions/{subscription}/providers/Microsoft.Kusto"
GROUP = "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Kusto"
CLUSTER = GROUP + "/clusters/{cluster}"


class ArmRoute(Route):
    """A route whose fixed segments match in any case; the values of the others keep theirs."""

    def __init__(self, path: str, handlers: Mapping[str, Handler], engine: Engine) -> None:
        async def endpoint(request: Request) -> Response:
            version = api_version(request)
            check_scope(request, engine)
            await engine.settle()
            return await handlers[request.method](request, version)

        super().__init__(path, endpoint, methods=list(handlers))
        self.methods = set(handlers)  # without the HEAD that Starlette adds to a GET
        self.path_regex = re.compile(self.path_regex.pattern, re.IGNORECASE)


def check_scope(request: Request, engine: Engine) -> None:
    """Raise ArmError 404 when the path names another subscription, group or cluster than the one that exists."""
    config, named = engine.config, request.path_params
    if not _same(named["subscription"], config.subscription):
        message = f"The subscription '{named['subscription']}' could not be found."
        raise ArmError(404, "SubscriptionNotFound", message)
    if not _same(named.get("group", config.resource_group), config.resource_group):
        message = f"Resource group '{named['group']}' could not be found."
        raise ArmError(404, "ResourceGroupNotFound", message)
    if not _same(named.get("cluster", config.cluster), config.cluster):
        message = (
            f"The Resource 'Microsoft.Kusto/clusters/{named['cluster']}' under resource group "
            f"'{config.resource_group}' was not found. For more details please go to "
            "https://aka.ms/ARMResourceNotFoundFix"
        )
        raise ArmError(404, "ResourceNotFound", message)


def _same(one: str, other: str) -> bool:
    return one.casefold() == other.casefold()
