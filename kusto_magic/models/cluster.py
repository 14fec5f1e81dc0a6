"""Clusters, their language extensions (the image that python() uses), and their JSON in Azure Resource Manager.

Source of the JSON: Microsoft.Kusto/clusters, api-version 2024-04-13: "Get", "List", "List Language Extensions",
"Add Language Extensions", "Remove Language Extensions".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kusto_magic.display_text import DisplayText, visible_line
from kusto_magic.errors import InvalidInput, Problem
from kusto_magic.models.managed_images import MANAGED_IMAGES
from kusto_magic.models.naming import base_image_problem

PYTHON = "PYTHON"
"""The member of ARM's enum `LanguageExtensionName` for Python."""

CUSTOM = "PythonCustomImage"
"""The member of ARM's enum `LanguageExtensionImageName` for a custom image, which another property names."""


@dataclass(frozen=True, slots=True)
class LanguageExtension:
    """An enabled language: `language` is "PYTHON" or "R", `name` its image, or "" if the service does not name it.

    Seen: the service lists extensions without the keys for the image.
    """

    language: str
    name: str = ""

    @classmethod
    def python(cls, name: str) -> LanguageExtension:
        """Return Python on a managed or custom image. Raises InvalidInput if the name is not valid."""
        if problem := base_image_problem(name):
            raise InvalidInput([Problem("image name", problem)])
        return cls(PYTHON, name)

    @classmethod
    def from_json(cls, document: object) -> LanguageExtension:
        """Parse an entry of a LanguageExtensionsList. Raises ValueError if it is not valid."""
        if not isinstance(document, dict) or not isinstance(document.get("languageExtensionName"), str):
            raise ValueError("not a language extension")
        custom = _text(document, "languageExtensionCustomImageName")
        image = _text(document, "languageExtensionImageName")
        return cls(_text(document, "languageExtensionName").upper(), custom or ("" if image == CUSTOM else image))

    def to_body(self) -> bytes:
        """Return the request body that adds this extension, or removes it if `name` is "".

        Source: "When languageExtensionCustomImageName is set, languageExtensionImageName should be set to
        'PythonCustomImage'."
        """
        entry = {"languageExtensionName": self.language}
        if self.name in MANAGED_IMAGES:
            entry["languageExtensionImageName"] = self.name
        elif self.name:
            entry |= {"languageExtensionImageName": CUSTOM, "languageExtensionCustomImageName": self.name}
        return json.dumps({"value": [entry]}, separators=(",", ":")).encode()


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster as the service returns it; omitted values are "".

    `location` is the region's display name, `state` such as "Running" or "Stopped", `provisioning` is
    `provisioningState`. `sku` is a name such as "Standard_E8as_v5+1TB_PS".
    """

    id: str
    location: str = ""
    state: str = ""
    provisioning: str = ""
    sku: str = ""
    extensions: tuple[LanguageExtension, ...] = ()

    @classmethod
    def from_json(cls, document: object) -> Cluster:
        """Parse a cluster. Raises ValueError if it is not valid."""
        if not isinstance(document, dict) or not isinstance(document.get("id"), str):
            raise ValueError("not a cluster")
        properties, sku = _object(document, "properties"), _object(document, "sku")
        return cls(
            _text(document, "id"),
            _text(document, "location"),
            _text(properties, "state"),
            _text(properties, "provisioningState"),
            _text(sku, "name"),
            extensions_in(_object(properties, "languageExtensions")),
        )

    @property
    def name(self) -> str:
        """The name of the cluster."""
        return self.id.rpartition("/")[2]

    @property
    def resource_group(self) -> str:
        """The resource group, or "" if the id contains none."""
        parts = self.id.split("/")
        # ARM ids are compared without case, and services differ in the spelling of "resourceGroups".
        indexes = [index for index, part in enumerate(parts[:-1]) if part.lower() == "resourcegroups"]
        return parts[indexes[0] + 1] if indexes else ""


def extensions_in(document: Mapping[str, Any]) -> tuple[LanguageExtension, ...]:
    """Return the valid entries of a LanguageExtensionsList."""
    values = document.get("value")
    found = []
    for value in values if isinstance(values, list) else []:
        try:
            found.append(LanguageExtension.from_json(value))
        except ValueError:
            continue  # one invalid entry must not hide the others
    return tuple(found)


def active_image(extensions: tuple[LanguageExtension, ...]) -> str | None:
    """Return the name of the image that Python uses: "" if the service does not name it, None if Python is disabled."""
    return next((extension.name for extension in extensions if extension.language == PYTHON), None)


def _object(document: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = document.get(key)
    return value if isinstance(value, dict) else {}


def _text(document: Mapping[str, Any], key: str) -> DisplayText:
    """Return a string of a response for display, "" if it is missing or not a string."""
    value = document.get(key)
    return visible_line(value if isinstance(value, str) else "")
