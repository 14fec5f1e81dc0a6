"""Bills of materials, held against the official schema of CycloneDX 1.6."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from support.locking import package
from support.requirement_texts import TEXTS

from kusto_magic.models import managed_packages
from kusto_magic.models.cluster_contents import NOTHING_READ, BaseList, ClusterContents
from kusto_magic.models.lock import Lock, LockedPackage
from kusto_magic.models.sbom import cyclonedx_text

LOCK = Lock(
    "3.11.7",
    "Windows x64",
    "requests==2.31.0\n",
    (
        package("requests", "2.31.0"),
        replace(package("idna", "3.7"), in_base=True),
        package("torch", "2.2.0+cpu"),
        LockedPackage("flashtext", "2.7", in_base=True),
    ),
    "Python3_11_7",
    "Python3_11_7",
)
VALIDATOR = JsonStrictValidator(SchemaVersion.V1_6)


def document(lock: Lock, name: str = "forecast", contents: ClusterContents = NOTHING_READ) -> dict[str, Any]:
    """Return a valid bill of materials."""
    text = cyclonedx_text(name, lock, contents)
    error = VALIDATOR.validate_str(text)
    assert error is None, error
    found: dict[str, Any] = json.loads(text)
    return found


def test_components_are_those_of_the_lock_with_their_hashes() -> None:
    found = {it["name"]: it for it in document(LOCK)["components"]}
    requests = found["requests"]
    assert (requests["version"], requests["purl"]) == ("2.31.0", "pkg:pypi/requests@2.31.0")
    assert requests["hashes"] == [{"alg": "SHA-256", "content": LOCK.packages[0].sha256}]
    assert found["torch"]["purl"] == "pkg:pypi/torch@2.2.0%2Bcpu"
    assert "hashes" not in found["flashtext"]
    assert found["python"]["version"] == "3.11.7"


def test_packages_of_the_managed_image_are_listed_once_and_say_where_they_are_from() -> None:
    components = document(LOCK)["components"]
    names = [it["name"] for it in components]
    assert len(names) == len(set(names))
    assert set(managed_packages.packages("Python3_11_7")) <= set(names)
    origin = {it["name"]: it["properties"][0]["value"] for it in components if "properties" in it}
    assert (origin["torch"], origin["idna"]) == ("requirements", "base image")
    assert origin["tornado"] == "base image, as documented by Microsoft in 2024-09"


def test_list_that_was_read_replaces_the_documented_one() -> None:
    read = BaseList("Python3_11_7", {"tornado": "9.9"}, datetime(2026, 11, 26, tzinfo=UTC))
    contents = ClusterContents((read,))
    found = {it["name"]: it for it in document(LOCK, contents=contents)["components"]}
    assert found["tornado"]["version"] == "9.9"
    assert found["tornado"]["properties"][0]["value"] == "base image, as read from the cluster on 2026-11-26 00:00 UTC"
    assert "pandas" not in found
    assert document(LOCK, contents=contents)["serialNumber"] != document(LOCK)["serialNumber"]


def test_document_names_the_lock_and_is_the_same_each_time() -> None:
    found = document(LOCK)
    properties = {it["name"]: it["value"] for it in found["metadata"]["component"]["properties"]}
    assert properties["kusto-magic:lock"] == LOCK.digest
    assert found == document(LOCK)
    assert found["serialNumber"] != document(replace(LOCK, requirements="x"))["serialNumber"]
    assert found["compositions"] == [{"aggregate": "incomplete", "assemblies": ["image"]}]


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_document_with_any_requirements_is_valid(text: str) -> None:
    plain = Lock("3.10.8", "Windows x64", text, exclude_newer="2024-06-30")
    properties = document(plain)["metadata"]["component"]["properties"]
    assert {"name": "kusto-magic:requirements", "value": text} in properties
