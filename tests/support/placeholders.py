"""Anonymization of recorded exchanges: identifying values are replaced by placeholders of the same shape.

The same value is always replaced by the same placeholder: a UUID by a UUID, a name by a name. Secrets are hidden by
`kusto_magic.redaction` in addition. Regions, SKUs, times and versions are kept.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any
from urllib.parse import quote, unquote

from kusto_magic.models.endpoint import CLOUDS
from kusto_magic.models.naming import RESERVED_NAMES
from kusto_magic.models.target import Target
from kusto_magic.redaction import HIDDEN, redact

ENDPOINT = CLOUDS["public"].endpoint
"""The placeholder of the endpoint."""

TARGET = Target("00000000-0000-4000-8000-000000000001", "group-1", "cluster-1")
"""The placeholder of the cluster."""

IMAGE = "image-1"
"""The placeholder of the image; names that contain its name keep the rest: image-1-2."""

REDACTED = "REDACTED"

_SUBSTRING_FROM = 6
"""Minimum length of names that are replaced inside words; shorter names, such as "a", only as whole words."""

UUID = re.compile(
    r"(?<![0-9a-f])[0-9a-f]{8}(-?)[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{12}(?![0-9a-f])", re.IGNORECASE
)
MAIL = re.compile(r"[\w.+'#-]+(?:@|%40)[\w-]+(?:\.[\w-]+)+")
_TENANT = re.compile(r"[\w-]+(?=\.onmicrosoft\.(?:com|us|de|cn)\b)", re.IGNORECASE)
_PLACES = (
    ("group", re.compile(r"/resourceGroups/([^/?'\"\s]+)", re.IGNORECASE)),
    ("cluster", re.compile(r"/Microsoft\.Kusto/clusters/([^/?'\"\s]+)", re.IGNORECASE)),
    ("image", re.compile(r"/clusters/[^/]+/sandboxCustomImages/([^/?'\"\s]+)", re.IGNORECASE)),
)
"""Positions of names in Resource Manager IDs."""

_IMAGE_KEYS = frozenset({"baseimagename", "languageextensioncustomimagename", "displayname"})
_PERSONAL_KEYS = frozenset({"createdby", "lastmodifiedby", "tenantid", "objectid", "principalid", "clientid"})
_CLUSTER_KEYS = frozenset({"state", "provisioningstate", "languageextensions", "enginetype"})
"""The properties of a cluster that are kept; others may reveal networks, keys and people."""

_WORDS_OF_ARM = (
    "Microsoft.Kusto", "/subscriptions/", "/resourceGroups/", "/providers/", "/clusters", "/sandboxCustomImages",
    ".kusto.windows.net", "/locations/", "/operationResults/", "operationResultResponseType",
)  # fmt: skip
"""Parts of URLs that are never replaced, even if a cluster or a group has such a name."""


_FORM = frozenset({"at", "asked", "answered", "failed", "method", "path", "status", "headers", "json", "text"})
"""The keys of an exchange itself (`recording.py`)."""


class Placeholders:
    """The placeholders of one recording with the cluster `target` and the image `name`."""

    def __init__(self, target: Target, name: str) -> None:
        self._own = name
        self._endpoint = target.endpoint
        self._names: dict[str, str] = {}
        self._others: dict[tuple[str, str], str] = {}
        self._counts = {kind: count(1) for kind in ("group", "cluster", "image", "uuid", "user")}
        self._other("uuid", target.subscription)
        for kind, known in (("group", target.resource_group), ("cluster", target.cluster), ("image", name)):
            self._learn(kind, known)

    def document(self, document: Any) -> Any:
        """Return a JSON value, such as an exchange, with placeholders."""
        for text in _strings(document):
            self._learn_from(text)
        self._learn_images(document)
        return self._kept(document)

    def text(self, text: str) -> str:
        """Return a text with placeholders."""
        self._learn_from(text)
        return self._replaced(text)

    # ── what is to be replaced ───────────────────────────────────────────────────────────────────────────────

    def _learn_from(self, text: str) -> None:
        for kind, place in _PLACES:
            for found in place.findall(text):
                self._learn(kind, unquote(found))

    def _learn(self, kind: str, name: str) -> None:
        is_managed = kind == "image" and name.lower() in RESERVED_NAMES
        if not name or is_managed or name.lower() in self._names or self._is_own(name):
            return
        placeholder = f"{kind}-{next(self._counts[kind])}"
        for spelled in {name, quote(name), quote(name, safe=""), json.dumps(name)[1:-1]}:
            self._names[spelled.lower()] = placeholder

    def _is_own(self, name: str) -> bool:
        return self._own.lower() in self._names and self._own.lower() in name.lower()

    def _learn_images(self, document: Any) -> None:
        for key, value in _pairs(document):
            if key.lower() in _IMAGE_KEYS and isinstance(value, str):
                self._learn("image", value)

    def _other(self, kind: str, value: str) -> str:
        """Return the placeholder of a UUID (by its digits) or of a person."""
        key = (kind, value.lower())
        if key not in self._others:
            number = next(self._counts[kind])
            made = f"00000000-0000-4000-8000-{number:012d}" if kind == "uuid" else f"user-{number}@example.com"
            self._others[key] = made
        return self._others[key]

    # ── replacing ────────────────────────────────────────────────────────────────────────────────────────────

    def _kept(self, value: Any, key: str = "") -> Any:
        if isinstance(value, str):
            return self._other("user", value) if key.lower() in _PERSONAL_KEYS and value else self._replaced(value)
        if isinstance(value, list):
            return [self._kept(item, key) for item in value]
        if isinstance(value, dict):
            allowed = self._allowed(value).items()
            return {name if name in _FORM else self._replaced(name): self._kept(item, name) for name, item in allowed}
        return value

    def _allowed(self, resource: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the public part of a JSON object, without the tags of clusters and the contents of others' images."""
        kind, properties = str(resource.get("type", "")).lower(), resource.get("properties")
        if kind == "microsoft.kusto/clusters":
            kept = {name: resource[name] for name in ("id", "name", "type", "location", "sku") if name in resource}
            inner = properties if isinstance(properties, dict) else {}
            return kept | {"properties": {name: inner[name] for name in inner if name.lower() in _CLUSTER_KEYS}}
        if kind == "microsoft.kusto/clusters/sandboxcustomimages" and not self._is_ours(resource):
            inner = properties if isinstance(properties, dict) else {}
            hidden = {"requirementsFileContent": REDACTED} if "requirementsFileContent" in inner else {}
            return {**resource, "properties": {**inner, **hidden}} if inner else resource
        return resource

    def _is_ours(self, image: Mapping[str, Any]) -> bool:
        return self._own.lower() in str(image.get("name", "")).lower()

    def _replaced(self, text: str) -> str:
        text = redact(text).replace(HIDDEN, REDACTED)
        text = re.sub(re.escape(self._endpoint) + r"(?![\w.:-])", ENDPOINT, text, flags=re.IGNORECASE)
        text = self._without_names(text)
        text = UUID.sub(self._uuid, text)
        text = MAIL.sub(lambda found: self._other("user", found[0]), text)
        return _TENANT.sub("example", text)

    def _without_names(self, text: str) -> str:
        kept = "|".join(map(re.escape, _WORDS_OF_ARM))
        names = "|".join(map(_pattern, sorted(self._names, key=len, reverse=True)))
        found = re.compile(f"(?P<kept>{kept})|{names}", re.IGNORECASE)
        return found.sub(lambda it: it[0] if it["kept"] else self._names[it[0].lower()], text)

    def _uuid(self, found: re.Match[str]) -> str:
        digits = found[0].replace("-", "").lower()
        dashed = f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
        made = dashed if dashed.startswith("00000000-0000-4000-8000-") else self._other("uuid", dashed)
        return made if found[1] else made.replace("-", "")


def _pattern(name: str) -> str:
    whole = re.escape(name)
    return whole if len(name) >= _SUBSTRING_FROM else rf"(?<![a-z0-9]){whole}(?![a-z0-9])"


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for _, inner in _pairs(value):
        if isinstance(inner, str):
            yield inner


def _pairs(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every nested value of a JSON value with its key."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield name, item
            yield from _pairs(item, name)
    elif isinstance(value, list):
        for item in value:
            yield key, item
            yield from _pairs(item, key)
