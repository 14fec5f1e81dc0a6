"""What tests tell the data plane: contents of images that differ, and queries that are slow, fail or are refused.

`POST /emulator/contents` and `POST /emulator/queries` are not part of Kusto. Each request replaces what was told
before about its cluster (and image); an empty object forgets everything. Nothing of it survives a restart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from packaging.utils import canonicalize_name
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from kusto_magic.emulator.arm import bad_request, read_object
from kusto_magic.emulator.cluster_state import ClusterState
from kusto_magic.emulator.data_errors import KustoError
from kusto_magic.emulator.fleet import Fleet
from kusto_magic.emulator.routing import cluster_named

DATABASES = ("Samples",)
"""The databases of a cluster of which nothing else was told: the emulator's own choice."""

MAX_SECONDS = 3600.0
"""Maximum duration of a query that is told to be slow, in seconds."""


@dataclass(frozen=True, slots=True)
class ToldContents:
    """How an image differs: versions by package (None removes it), errors by the name of what cannot be imported."""

    packages: Mapping[str, str | None] = field(default_factory=dict)
    imports: Mapping[str, str] = field(default_factory=dict)

    def apply(self, packages: Mapping[str, str]) -> dict[str, str]:
        """Return `packages` with the differences; names are compared as package indexes do (PEP 503)."""
        displayed = {canonicalize_name(name): name for name in packages}
        told = {displayed.get(canonicalize_name(name), name): version for name, version in self.packages.items()}
        return {name: version for name, version in {**packages, **told}.items() if version is not None}

    def import_error(self, name: str, packages: Mapping[str, str]) -> str:
        """Return the error of importing a distribution: what was told, that it is missing, or "" for none."""
        told = {canonicalize_name(each): error for each, error in self.imports.items()}
        if canonicalize_name(name) in told:
            return told[canonicalize_name(name)]
        is_missing = canonicalize_name(name) not in {canonicalize_name(each) for each in packages}
        # The emulator does not know the module of a distribution: the name in the text is its own choice.
        return f"ModuleNotFoundError: No module named '{name}'" if is_missing else ""


@dataclass(frozen=True, slots=True)
class ToldQueries:
    """How queries of a cluster behave: seconds, an error instead of a result, and the names of databases.

    `refused` has databases, and management commands such as ".show databases", for which the caller has no rights.
    `memory` is that of a sandbox in MB by its policy, None if the default policy applies.
    """

    seconds: float = 0.0
    error: KustoError | None = None
    databases: tuple[str, ...] = DATABASES
    refused: tuple[str, ...] = ()
    memory: int | None = None


class DataControls:
    """The request handlers of both routes, and what was told."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._contents: dict[tuple[str, str], ToldContents] = {}
        self._queries: dict[str, ToldQueries] = {}

    def routes(self) -> list[BaseRoute]:
        """Return both routes."""
        return [
            Route("/emulator/contents", self._tell_contents, methods=["POST"]),
            Route("/emulator/queries", self._tell_queries, methods=["POST"]),
        ]

    def contents(self, state: ClusterState, image: str) -> ToldContents:
        """Return how an image differs from what it was built of."""
        return self._contents.get((state.cluster.key, image.casefold()), ToldContents())

    def queries(self, state: ClusterState) -> ToldQueries:
        """Return how the queries of a cluster behave."""
        return self._queries.get(state.cluster.key, ToldQueries())

    async def _tell_contents(self, request: Request) -> Response:
        body = await read_object(request)
        if not body:
            self._contents.clear()
            return Response(status_code=204)
        _check_keys(body, {"cluster", "image", "packages", "imports"})
        key = (self._cluster(body), _text(body, "image").casefold())
        self._contents[key] = ToldContents(
            _texts_by_name(body, "packages", removable=True), _texts_by_name(body, "imports")
        )
        return Response(status_code=204)

    async def _tell_queries(self, request: Request) -> Response:
        body = await read_object(request)
        if not body:
            self._queries.clear()
            return Response(status_code=204)
        _check_keys(body, {"cluster", "seconds", "error", "databases", "refused", "memory"})
        databases, refused = _names(body, "databases", DATABASES), _names(body, "refused", ())
        told = ToldQueries(_seconds(body), _error(body), databases, refused, _memory(body))
        self._queries[self._cluster(body)] = told
        return Response(status_code=204)

    def _cluster(self, body: Mapping[str, Any]) -> str:
        return cluster_named(_text(body, "cluster"), self._fleet).cluster.key


def _check_keys(body: Mapping[str, Any], known: set[str]) -> None:
    unknown = sorted(set(body) - known)
    if unknown:
        raise bad_request(f"The property '{unknown[0]}' is unknown; known are {', '.join(sorted(known))}.")


def _text(body: Mapping[str, Any], key: str) -> str:
    value = body.get(key)
    if not isinstance(value, str) or not value:
        raise bad_request(f"The property '{key}' is required and must be a string.")
    return value


def _object(body: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = body.get(key, {})
    if not isinstance(value, dict):
        raise bad_request(f"The property '{key}' must be an object.")
    return value


def _texts_by_name(body: Mapping[str, Any], key: str, *, removable: bool = False) -> Mapping[str, Any]:
    value = _object(body, key)
    if not all(isinstance(text, str) or (removable and text is None) for text in value.values()):
        raise bad_request(f"The values of '{key}' must be strings{' or null' if removable else ''}.")
    return value


def _names(body: Mapping[str, Any], key: str, default: tuple[str, ...]) -> tuple[str, ...]:
    value = body.get(key)
    if value is None:
        return default
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise bad_request(f"The property '{key}' must be a list of strings.")
    return tuple(value)


def _seconds(body: Mapping[str, Any]) -> float:
    value = body.get("seconds", 0)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MAX_SECONDS:
        raise bad_request(f"The property 'seconds' must be a number from 0 to {MAX_SECONDS:g}.")
    return float(value)


def _memory(body: Mapping[str, Any]) -> int | None:
    value = body.get("memory")
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or not 200 <= value <= 65536):
        raise bad_request("The property 'memory' must be a number of MB from 200 to 65536.")
    return value


def _error(body: Mapping[str, Any]) -> KustoError | None:
    value = _object(body, "error")
    if not value:
        return None
    status = value.get("status")
    if isinstance(status, bool) or not isinstance(status, int) or not 400 <= status <= 599:
        raise bad_request("The property 'error.status' is required and must be from 400 to 599.")
    texts = [value.get(key, "") for key in ("message", "code", "type")]
    if not all(isinstance(text, str) for text in texts):
        raise bad_request("The properties 'message', 'code' and 'type' of 'error' must be strings.")
    return KustoError(status, *texts)
