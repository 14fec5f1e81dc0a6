"""The operations of sandboxCustomImages."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from kusto_magic.emulator.arm import API_2023, IMAGE_TYPE, ArmError, Json, bad_request, read_object
from kusto_magic.emulator.cluster_state import BUILD, ClusterState
from kusto_magic.emulator.fleet import Fleet
from kusto_magic.emulator.managed_images import check_base
from kusto_magic.emulator.operation_results import OperationResults
from kusto_magic.emulator.routing import CLUSTER, ClusterRoute
from kusto_magic.emulator.store import ImageRow, OperationRow

_FIELDS = {
    "languageVersion": "language_version",
    "baseImageName": "base_image",
    "requirementsFileContent": "requirements",
}


class Images:
    """The request handlers of sandboxCustomImages."""

    def __init__(self, fleet: Fleet, polling: OperationResults) -> None:
        self._fleet = fleet
        self._polling = polling
        polling.add_result(BUILD, _result)

    def routes(self) -> list[ClusterRoute]:
        """Return the routes of all operations on images."""
        one = {"GET": self._get, "PUT": self._put, "PATCH": self._patch, "DELETE": self._delete}
        return [
            ClusterRoute(CLUSTER + "/sandboxCustomImages", {"GET": self._list}, self._fleet),
            ClusterRoute(CLUSTER + "/sandboxCustomImages/{image}", one, self._fleet),
            ClusterRoute(CLUSTER + "/sandboxCustomImagesCheckNameAvailability", {"POST": self._check}, self._fleet),
        ]

    async def _list(self, _request: Request, version: str, state: ClusterState) -> Response:
        return Json({"value": [_shown(state, image, version) for image in state.store.images()]})

    async def _get(self, request: Request, version: str, state: ClusterState) -> Response:
        return Json(_shown(state, _existing(request, state), version))

    async def _put(self, request: Request, version: str, state: ClusterState) -> Response:
        name = request.path_params["image"]
        given = _read_image(await read_object(request), ImageRow(name, "", ""), version)
        existing = state.store.image(name)
        if existing is None:
            return self._start(request, version, state, given, 201)
        state.refuse_unless_terminal(existing)
        return self._start(request, version, state, replace(given, name=existing.name), 200)

    async def _patch(self, request: Request, version: str, state: ClusterState) -> Response:
        existing = _existing(request, state)
        merged = _read_image(await read_object(request), existing, version)
        state.refuse_unless_terminal(existing)
        return self._start(request, version, state, merged, 202)

    def _start(self, request: Request, version: str, state: ClusterState, image: ImageRow, status: int) -> Response:
        """Start the build; `status` is 201 for a new image, 200 or 202 for a change of an existing one."""
        check_base(state.store, image)
        # "Creating" and "Accepted" in the response are OBSERVED; "Running" in a GET during an update is the emulator's
        # own choice out of the enum.
        returned, stored = ("Creating", "Creating") if status == 201 else ("Accepted", "Running")
        operation = state.build(replace(image, state=stored))
        headers = self._polling.headers(request, version, operation, location=status == 202)
        return Json(_body(state, replace(image, state=returned), image.language), status, headers)

    async def _delete(self, request: Request, version: str, state: ClusterState) -> Response:
        # Whether the service deletes an image that is in use, or that another image is based on, is not known. The
        # emulator's own choice: it does. 204 for a missing image is SPEC.
        image = state.store.image(request.path_params["image"])
        if image is None:
            return Response(status_code=204)
        state.refuse_unless_terminal(image)
        operation = state.delete(image)
        return Response(status_code=202, headers=self._polling.headers(request, version, operation, location=True))

    async def _check(self, request: Request, _version: str, state: ClusterState) -> Response:
        body = await read_object(request)
        name, kind = body.get("name"), body.get("type")
        if not isinstance(name, str) or not name or not isinstance(kind, str):
            raise bad_request("The properties 'name' and 'type' are required.")
        if kind.casefold() != IMAGE_TYPE.casefold():
            raise bad_request(f"The type '{kind}' is not '{IMAGE_TYPE}'.")
        available = state.store.image(name) is None
        taken = f"Name '{name}' is already taken. Please specify a different name"
        return Json({"name": name, "nameAvailable": available, "message": "" if available else taken})


def _existing(request: Request, state: ClusterState) -> ImageRow:
    name = request.path_params["image"]
    image = state.store.image(name)
    if image is None:
        message = f"The resource with identifier '{state.image_id(name)}' is not found."
        raise ArmError(404, "ResourceNotFound", message)
    return image


def _result(state: ClusterState, operation: OperationRow, version: str) -> dict[str, Any] | None:
    """Return the image that an operation has built; None if it has been deleted since."""
    image = state.store.image(operation.subject)
    return None if image is None else _shown(state, image, version)


def _shown(state: ClusterState, image: ImageRow, version: str) -> dict[str, Any]:
    """Return an image as in GET and LIST: "PYTHON", and a displayName in the first api-version (OBSERVED)."""
    if version == API_2023:
        body = _body(state, replace(image, base_image=None), image.language.upper())
        return body | {"displayName": image.name}
    return _body(state, image, image.language.upper())


def _body(state: ClusterState, image: ImageRow, language: str) -> dict[str, Any]:
    fields = {key: getattr(image, attribute) for key, attribute in _FIELDS.items()}
    given = {key: value for key, value in fields.items() if value is not None}
    return {
        "id": state.image_id(image.name),
        "name": f"{state.cluster.name}/{image.name}",
        "type": IMAGE_TYPE,
        "properties": {"language": language, **given, "provisioningState": image.state},
    }


def _read_image(body: dict[str, Any], before: ImageRow, version: str) -> ImageRow:
    """Return `before` updated with `body`. Raises ArmError 400; the texts are the emulator's own choice.

    Setting one of languageVersion and baseImageName removes the other.
    """
    properties = body.get("properties")
    if not isinstance(properties, dict):
        raise bad_request("The property 'properties' is required and must be an object.")
    language = properties.get("language")
    if not isinstance(language, str) or language.casefold() != "python":
        raise bad_request("The property 'properties.language' is required and must be 'Python'.")
    known = {key: name for key, name in _FIELDS.items() if version != API_2023 or key != "baseImageName"}
    given = {name: _text(properties, key) for key, name in known.items() if properties.get(key) is not None}
    if {"language_version", "base_image"} <= given.keys():
        raise bad_request("Specify either 'languageVersion' or 'baseImageName', not both.")
    if "language_version" in given or "base_image" in given:
        before = replace(before, language_version=None, base_image=None)
    image = replace(before, language=language, **given)
    if image.language_version is None and image.base_image is None:
        raise bad_request("Either 'languageVersion' or 'baseImageName' should be specified.")
    return image


def _text(properties: dict[str, Any], key: str) -> str:
    value = properties[key]
    if not isinstance(value, str) or (not value and key != "requirementsFileContent"):
        raise bad_request(f"The property 'properties.{key}' must be a non-empty string.")
    return value
