"""Bill of materials of a lock: CycloneDX 1.6 as JSON. The same lock gives the same document.

It is written here and not with cyclonedx-python-lib: the document is a few lists, and the library with its five
dependencies would be installed for this alone; the tests validate with its copy of the official schema.

Source: https://cyclonedx.org/docs/1.6/json/
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from kusto_magic.models.cluster_contents import NOTHING_READ, BaseList, ClusterContents
from kusto_magic.models.lock import Lock, LockedPackage

_NAMESPACE = uuid.UUID("6f7d3c1e-52f0-5b0e-9f0a-0d8c2f0f7a41")
"""Namespace of the serial numbers: they are made of the name, the digest of the lock, and the components."""

_PROPERTY = "kusto-magic:{}"
_IMAGE = "image"


def cyclonedx_text(name: str, lock: Lock, contents: ClusterContents = NOTHING_READ) -> str:
    """Return the bill of materials of the image `name`: the packages of its lock, and those of its managed image.

    `contents` is what was read from the cluster. The documented list of a managed image is incomplete, and that of a
    custom base image is not known, so the composition is said to be incomplete.
    """
    base = contents.base(lock.managed)
    locked = [_locked(package) for package in sorted(lock.packages, key=lambda package: package.name)]
    components = [_python(lock), *locked, *_base_components(lock, base)]
    direct = [component["bom-ref"] for component in components]
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(_NAMESPACE, f'{name} {lock.digest} {json.dumps(components)}')}",
        "version": 1,
        "metadata": {
            "tools": {"components": [{"type": "application", "name": "kusto-magic"}]},
            "component": {"type": "container", "bom-ref": _IMAGE, "name": name, "properties": _image_properties(lock)},
        },
        "components": components,
        "dependencies": [{"ref": _IMAGE, "dependsOn": direct}],
        "compositions": [{"aggregate": "incomplete", "assemblies": [_IMAGE]}],
    }
    return json.dumps(document, indent=2) + "\n"


def _image_properties(lock: Lock) -> list[dict[str, str]]:
    values = {
        "lock": lock.digest,
        "platform": lock.platform,
        "base-image": lock.base_image,
        "managed-image": lock.managed,
        "exclude-newer": lock.exclude_newer,
        "requirements": lock.requirements,
    }
    return _properties(**{name: value for name, value in values.items() if value})


def _properties(**values: str) -> list[dict[str, str]]:
    return [{"name": _PROPERTY.format(name), "value": value} for name, value in values.items()]


def _python(lock: Lock) -> dict[str, Any]:
    purl = f"pkg:generic/python@{lock.python}"
    return {"type": "platform", "bom-ref": purl, "name": "python", "version": lock.python, "purl": purl}


def _locked(package: LockedPackage) -> dict[str, Any]:
    hashes = [{"alg": "SHA-256", "content": package.sha256}] if package.sha256 else []
    origin = "base image" if package.in_base else "requirements"
    return _component(package.name, package.version, origin) | ({"hashes": hashes} if hashes else {})


def _base_components(lock: Lock, base: BaseList) -> Sequence[dict[str, Any]]:
    others = sorted(base.packages.items() - lock.versions.items())
    origin = f"base image, {base.source}"
    return [_component(name, version, origin) for name, version in others if name not in lock.versions]


def _component(name: str, version: str, origin: str) -> dict[str, Any]:
    purl = f"pkg:pypi/{name}@{quote(version, safe='')}"
    properties = _properties(origin=origin)
    return {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": version,
        "purl": purl,
        "properties": properties,
    }
