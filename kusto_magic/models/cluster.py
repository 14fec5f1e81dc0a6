"""Clusters, their language extensions (the image that python() uses), and their JSON in Azure Resource Manager.

Source of the JSON: Microsoft.Kusto/clusters, api-version 2024-04-13: "Get", "List", "Add Language Extensions",
"Remove Language Extensions". "List Language Extensions" is not used: seen, it returns languages without their images.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from kusto_magic.display_text import DisplayText, visible_line
from kusto_magic.errors import InvalidInputError, Problem
from kusto_magic.hints import Hint, HintKind, HintTable
from kusto_magic.models.managed_images import MANAGED_IMAGES
from kusto_magic.models.naming import base_image_problem

PYTHON = "PYTHON"
"""The member of ARM's enum `LanguageExtensionName` for Python."""

CUSTOM = "PythonCustomImage"
"""The member of ARM's enum `LanguageExtensionImageName` for a custom image, which another property names."""


@dataclass(frozen=True, slots=True)
class PythonOff:
    """Python is not enabled on the cluster."""

    def __str__(self) -> str:
        return "off"


@dataclass(frozen=True, slots=True)
class ActiveImage:
    """Python is enabled with the image `name`, managed or custom."""

    name: str

    def __str__(self) -> str:
        return self.name

    def is_named(self, name: str) -> bool:
        """Return whether this is the image `name`; ARM compares names without case."""
        return self.name.lower() == name.lower()


@dataclass(frozen=True, slots=True)
class UnknownImage:
    """It is not known whether Python is enabled, or with which image: why, and what to do about it."""

    reason: str
    hint: Hint | None = None

    def __str__(self) -> str:
        return "unknown"

    def text(self, table: HintTable) -> str:
        """Return the reason and what to do, for display."""
        return f"Which image queries use is unknown: {self.reason}. {table.text(self.hint)}".rstrip()


PythonState: TypeAlias = PythonOff | ActiveImage | UnknownImage
"""What the python() of a cluster runs on. `str` returns it as text: "off", the image or "unknown"."""

NO_EXTENSIONS = UnknownImage("the response for the cluster has no list of language extensions", Hint(HintKind.RETRY))
"""State of a cluster whose response does not show what is enabled."""

NO_IMAGE_NAME = UnknownImage(
    "python() is enabled, but the response for the cluster does not name its image",
    Hint(HintKind.ENABLE_IMAGE),
)
"""State of a cluster that shows that Python is enabled, but not with which image."""


@dataclass(frozen=True, slots=True)
class LanguageExtension:
    """An enabled language: `language` is "PYTHON" or "R", `name` its image, or "" if the service does not name it."""

    language: str
    name: str = ""

    @classmethod
    def python(cls, name: str) -> LanguageExtension:
        """Return Python on a managed or custom image. Raises InvalidInputError if the name is not valid."""
        if problem := base_image_problem(name):
            raise InvalidInputError([Problem("image name", problem)])
        return cls(PYTHON, name)

    @classmethod
    def from_json(cls, document: object) -> LanguageExtension:
        """Parse an entry of a LanguageExtensionsList. Raises ValueError if it is not valid."""
        if not isinstance(document, dict) or not isinstance(document.get("languageExtensionName"), str):
            raise ValueError("not a language extension")
        # Custom images were never seen here; other names of images are "cluster/image" in the service's responses.
        custom = _text(document, "languageExtensionCustomImageName").rpartition("/")[2].strip()
        image = _text(document, "languageExtensionImageName").strip()
        names = [name for name in (custom, image) if name.lower() not in ("", CUSTOM.lower())]
        return cls(_text(document, "languageExtensionName").strip().upper(), names[0] if names else "")

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
    `provisioningState`. `sku` is a name such as "Standard_E8as_v5+1TB_PS", `python` what queries run on, `uri` where
    they are sent: to be checked by `query_uri.query_uri` before.
    """

    id: str
    location: str = ""
    state: str = ""
    provisioning: str = ""
    sku: str = ""
    extensions: tuple[LanguageExtension, ...] = ()
    python: PythonState = NO_EXTENSIONS
    uri: str = ""

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
            python_state(_object(properties, "languageExtensions")),
            _text(properties, "uri"),
        )

    def is_switched(self, image: str) -> bool:
        """Return whether Python is known to be enabled with this image; "": known to be disabled."""
        if not image:
            return isinstance(self.python, PythonOff)
        return isinstance(self.python, ActiveImage) and self.python.is_named(image)

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


def python_state(document: Mapping[str, Any]) -> PythonState:
    """Return what Python runs on according to the LanguageExtensionsList of a cluster.

    Without Python, an entry that cannot be read makes it unknown: it may be the one for Python.
    """
    extensions = extensions_in(document)
    python = next((extension for extension in extensions if extension.language == PYTHON), None)
    if python is not None:
        return ActiveImage(python.name) if python.name else NO_IMAGE_NAME
    values = document.get("value")
    is_readable = isinstance(values, list) and len(values) == len(extensions)
    return PythonOff() if is_readable else NO_EXTENSIONS


def _object(document: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = document.get(key)
    return value if isinstance(value, dict) else {}


def _text(document: Mapping[str, Any], key: str) -> DisplayText:
    """Return a string of a response for display, "" if it is missing or not a string."""
    value = document.get(key)
    return visible_line(value if isinstance(value, str) else "")
