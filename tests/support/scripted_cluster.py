"""A scripted Resource Manager with one cluster, and that cluster's answers to queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from kusto_magic.arm.response import ArmResponse
from kusto_magic.queries.query import POLICY, Query, Rows
from support.arm_responses import error_response, image_resource, make_response
from support.scripted_transport import ScriptedTransport

URI = "https://kustoCluster.eastus.kusto.windows.net"
TEXT = "numpy==1.26.4\nhumanize>=4\nsix; sys_platform == 'linux'\n"
HELD = {"numpy": "1.26.4", "humanize": "4.9.0"}


def rows(
    python: str = "3.10.8", /, *, imports: Mapping[str, str] | None = None, **packages: Any
) -> list[dict[str, str]]:
    found = [("python", "", python), ("platform", "", "Windows-10")]
    found += [("package", name, version) for name, version in {**HELD, **packages}.items()]
    found += [("import", name, error) for name, error in (imports or {}).items()]
    return [dict(zip(("kind", "name", "value"), row, strict=True)) for row in found]


class Cluster:
    """Answers queries with rows or an error, and commands with databases and the sandbox policy; keeps the queries."""

    def __init__(
        self, answer: Any = None, databases: Sequence[str] = ("Samples", "Other"), policy: str | Exception = "null"
    ) -> None:
        self.answer = rows() if answer is None else answer
        self.databases = databases
        self.policy = policy
        self.queries: list[Query] = []

    async def __call__(self, query: Query) -> Rows:
        self.queries.append(query)
        if query.text == POLICY:
            if isinstance(self.policy, Exception):
                raise self.policy
            return [{"PolicyName": "SandboxPolicy", "Policy": self.policy}]
        if query.is_management:
            return [{"DatabaseName": name, "PrettyName": ""} for name in self.databases]
        if isinstance(self.answer, Exception):
            raise self.answer
        answer: Rows = self.answer
        return answer


def cluster_response(active: str | None, uri: str = URI) -> ArmResponse:
    """Return the cluster whose queries use an image; python() is off if `active` is None."""
    custom = {"languageExtensionImageName": "PythonCustomImage", "languageExtensionCustomImageName": active}
    managed = {"languageExtensionImageName": active}
    names = managed if active and active.startswith("Python3") else custom
    value = [] if active is None else [{"languageExtensionName": "PYTHON", **names}]
    properties = {"uri": uri, "languageExtensions": {"value": value}}
    return make_response({"id": "/x/kustoCluster", "properties": properties})


def service(
    active: str | None = "img", uri: str = URI, images: Mapping[str, Mapping[str, Any]] | None = None
) -> ScriptedTransport:
    """Return a Resource Manager with a cluster and its images."""
    known = {"img": {"requirementsFileContent": TEXT}} if images is None else images

    def respond(request: httpx.Request) -> ArmResponse:
        name = request.url.path.rpartition("/sandboxCustomImages/")[2]
        if "/sandboxCustomImages" not in request.url.path:
            return cluster_response(active, uri)
        return (
            make_response(image_resource(**known[name])) if name in known else error_response(404, "ResourceNotFound")
        )

    return ScriptedTransport(default=respond)
