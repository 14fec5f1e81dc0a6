"""The language extensions of a cluster, which select the image that the python() plugin uses."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from kusto_magic.emulator.arm import Json, bad_request, read_object
from kusto_magic.emulator.cluster_state import ClusterState
from kusto_magic.emulator.fleet import Fleet
from kusto_magic.emulator.managed_images import MANAGED, invalid_image_name
from kusto_magic.emulator.operation_results import OperationResults
from kusto_magic.emulator.routing import CLUSTER, ClusterRoute

CUSTOM = "PythonCustomImage"
IMAGE_NAMES = ("R", *MANAGED, CUSTOM)
"""ARM's enum LanguageExtensionImageName (2025-02-14)."""

DEFAULT_IMAGES = {"PYTHON": "Python3_6_5", "R": "R"}
"""The image of an extension that was added without one (OBSERVED)."""

_KEYS = ("languageExtensionName", "languageExtensionImageName", "languageExtensionCustomImageName")


class Extensions:
    """The request handlers of listLanguageExtensions, addLanguageExtensions and removeLanguageExtensions."""

    def __init__(self, fleet: Fleet, polling: OperationResults) -> None:
        self._fleet = fleet
        self._polling = polling

    def routes(self) -> list[ClusterRoute]:
        """Return the three routes."""
        handlers = {"list": self._list, "add": self._add, "remove": self._remove}
        return [
            ClusterRoute(f"{CLUSTER}/{verb}LanguageExtensions", {"POST": handler}, self._fleet)
            for verb, handler in handlers.items()
        ]

    async def _list(self, _request: Request, _version: str, state: ClusterState) -> Response:
        # OBSERVED: names only; the cluster has the images.
        return Json({"value": [{_KEYS[0]: entry[_KEYS[0]].upper()} for entry in state.store.extensions()]})

    async def _add(self, request: Request, version: str, state: ClusterState) -> Response:
        entries = _read_entries(await read_object(request))
        for entry in entries:
            _check(state, entry)
        return self._accepted(request, version, state, {"add": entries})

    async def _remove(self, request: Request, version: str, state: ClusterState) -> Response:
        return self._accepted(request, version, state, {"remove": _read_entries(await read_object(request))})

    def _accepted(self, request: Request, version: str, state: ClusterState, change: dict[str, Any]) -> Response:
        operation = state.change_extensions(change)
        return Response(status_code=202, headers=self._polling.headers(request, version, operation, location=True))


def read_extensions(state: ClusterState, body: dict[str, Any]) -> list[dict[str, str]] | None:
    """Return the extensions in the body of a cluster, or None if it has none. Raises ArmError 400.

    An image name is required (OBSERVED in 2022: 400 "The request is invalid." without one).
    """
    properties = body.get("properties")
    given = properties.get("languageExtensions") if isinstance(properties, dict) else None
    if given is None:
        return None
    if not isinstance(given, dict) or not given.get("value"):
        return []
    entries = _read_entries(given)
    if not all(_KEYS[1] in entry for entry in entries):
        raise bad_request("The request is invalid.")
    for entry in entries:
        _check(state, entry)
    return entries


def extensions_of_cluster(state: ClusterState) -> list[dict[str, str | None]]:
    """Return the language extensions as a cluster shows them (OBSERVED; a custom image is SPEC)."""
    return [_shown(entry[_KEYS[0]].upper(), entry) for entry in state.store.extensions()]


def active_python_image(state: ClusterState) -> str | None:
    """Return the name of the managed or custom image that python() uses, or None if it is disabled."""
    shown = [entry for entry in extensions_of_cluster(state) if entry[_KEYS[0]] == "PYTHON"]
    return (shown[0][_KEYS[2]] or shown[0][_KEYS[1]]) if shown else None


def _shown(language: str, entry: dict[str, str]) -> dict[str, str | None]:
    image, custom = entry.get(_KEYS[1], DEFAULT_IMAGES[language]), entry.get(_KEYS[2])
    return dict(zip(_KEYS, (language, image, custom), strict=True))


def _check(state: ClusterState, entry: dict[str, str]) -> None:
    """Raise ArmError 400 for an image that does not exist. SPEC: a custom name requires PythonCustomImage."""
    image, custom = entry.get(_KEYS[1]), entry.get(_KEYS[2])
    if image is not None and image not in IMAGE_NAMES:
        raise bad_request(invalid_image_name(image, IMAGE_NAMES))
    if (custom is not None) != (image == CUSTOM):
        message = f"When {_KEYS[2]} is set, {_KEYS[1]} should be set to '{CUSTOM}', and only then."
        raise bad_request(message)
    row = None if custom is None else state.store.image(custom)
    if custom is not None and (row is None or row.state != "Succeeded"):
        raise bad_request(f"There is no sandbox custom image '{custom}' that has been built.")


def _read_entries(body: dict[str, Any]) -> list[dict[str, str]]:
    """Return the entries of a LanguageExtensionsList. Raises ArmError 400; the texts are the emulator's own choice."""
    value = body.get("value")
    if not isinstance(value, list) or not value or not all(isinstance(entry, dict) for entry in value):
        raise bad_request("The property 'value' is required and must be a list of language extensions.")
    entries = [{key: entry[key] for key in _KEYS if entry.get(key) is not None} for entry in value]
    if not all(isinstance(text, str) for entry in entries for text in entry.values()):
        raise bad_request("The properties of a language extension must be strings.")
    if not all(entry.get(_KEYS[0], "").upper() in {"PYTHON", "R"} for entry in entries):
        raise bad_request(f"The property '{_KEYS[0]}' is required and must be 'PYTHON' or 'R'.")
    return entries
