"""The cluster around the images: how it stands, and which image its python() plugin runs; their ARM JSON.

Source of the JSON: Microsoft.Kusto/clusters, api-version 2024-04-13: "Get", "List", "List Language Extensions",
"Add Language Extensions", "Remove Language Extensions".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kusto_magic.errors import InvalidInput, Problem
from kusto_magic.models.managed_images import MANAGED_IMAGES
from kusto_magic.models.naming import base_image_problem

PYTHON = "PYTHON"
CUSTOM = "PythonCustomImage"
"""The member of ARM's enum `LanguageExtensionImageName` that says: the image is a custom one, named beside it."""


@dataclass(frozen=True, slots=True)
class LanguageExtension:
    """A language that is switched on: `language` is "PYTHON" or "R", `name` its image, "" where that is not said.

    Seen: the service lists extensions without the keys for the image.
    """

    language: str
    name: str = ""

    @classmethod
    def python(cls, name: str) -> LanguageExtension:
        """Return Python on a managed or custom image. Raises InvalidInput for a name that is none."""
        if problem := base_image_problem(name):
            raise InvalidInput([Problem("image name", problem)])
        return cls(PYTHON, name)

    @classmethod
    def from_json(cls, document: object) -> LanguageExtension:
        """Read an entry of a LanguageExtensionsList. Raises ValueError when it is none."""
        if not isinstance(document, dict) or not isinstance(document.get("languageExtensionName"), str):
            raise ValueError("no language extension")
        custom = _text(document, "languageExtensionCustomImageName")
        image = _text(document, "languageExtensionImageName")
        return cls(document["languageExtensionName"].upper(), custom or ("" if image == CUSTOM else image))

    def to_body(self) -> bytes:
        """Return the body that adds this extension, or removes it where `name` is "".

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
    """A cluster as the service shows it; what an answer leaves out is "".

    `location` is the region's display name, `state` such as "Running" or "Stopped", `provisioning` is
    `provisioningState`. `sku` is such as "Standard_E8as_v5+1TB_PS".
    """

    id: str
    location: str = ""
    state: str = ""
    provisioning: str = ""
    sku: str = ""
    extensions: tuple[LanguageExtension, ...] = ()

    @classmethod
    def from_json(cls, document: object) -> Cluster:
        """Read a cluster. Raises ValueError when it is none."""
        if not isinstance(document, dict) or not isinstance(document.get("id"), str):
            raise ValueError("no cluster")
        properties, sku = _object(document, "properties"), _object(document, "sku")
        return cls(
            document["id"],
            _text(document, "location"),
            _text(properties, "state"),
            _text(properties, "provisioningState"),
            _text(sku, "name"),
            extensions_in(_object(properties, "languageExtensions")),
        )

    @property
    def name(self) -> str:
        """The cluster's own name."""
        return self.id.rpartition("/")[2]

    @property
    def resource_group(self) -> str:
        """The resource group, "" where the id shows none."""
        parts = self.id.split("/")
        places = [at for at, part in enumerate(parts[:-1]) if part.lower() == "resourcegroups"]
        return parts[places[0] + 1] if places else ""


def extensions_in(document: Mapping[str, Any]) -> tuple[LanguageExtension, ...]:
    """Return the entries of a LanguageExtensionsList; what cannot be read as one is left out."""
    values = document.get("value")
    found = []
    for value in values if isinstance(values, list) else []:
        try:
            found.append(LanguageExtension.from_json(value))
        except ValueError:
            continue
    return tuple(found)


def active_image(extensions: tuple[LanguageExtension, ...]) -> str | None:
    """Return the name of the image that Python runs on; "" where it is on but not said which, None where it is off."""
    return next((extension.name for extension in extensions if extension.language == PYTHON), None)


def _object(document: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = document.get(key)
    return value if isinstance(value, dict) else {}


def _text(document: Mapping[str, Any], key: str) -> str:
    value = document.get(key)
    return value if isinstance(value, str) else ""
