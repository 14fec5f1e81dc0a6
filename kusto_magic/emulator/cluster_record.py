"""What has been changed of an emulated cluster: the part of its body that is stored."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from kusto_magic.emulator.arm import bad_request, etag

SKU: Mapping[str, Any] = {"name": "Standard_E8as_v5+1TB_PS", "tier": "Standard", "capacity": 2}
"""The SKU of a cluster that has not been changed: that of Microsoft's recordings."""

STATE = "Running"

IDENTITY: Mapping[str, str] = {
    "principalId": "9a1b0c2d-0000-4000-8000-000000000002",
    "tenantId": "9a1b0c2d-0000-4000-8000-000000000003",
    "type": "SystemAssigned",
}

PROPERTIES: Mapping[str, Any] = {
    "state": STATE,
    "stateReason": "",
    "uri": "",
    "dataIngestionUri": "",
    "trustedExternalTenants": [],
    "virtualNetworkConfiguration": None,
    "optimizedAutoscale": None,
    "enableDiskEncryption": False,
    "enableStreamingIngest": False,
    "keyVaultProperties": None,
    "languageExtensions": None,
    "enablePurge": None,
    "enableDoubleEncryption": False,
    "engineType": "V3",
    "acceptedAudiences": [],
    "restrictOutboundNetworkAccess": "Disabled",
    "allowedFqdnList": [],
    "calloutPolicies": None,
    "publicNetworkAccess": "Enabled",
    "allowedIpRangeList": [],
    "enableAutoStop": True,
    "publicIPType": "IPv4",
    "virtualClusterGraduationProperties": None,
    "privateEndpointConnections": [],
    "migrationCluster": None,
    "zoneStatus": "NonZonal",
    "provisioningState": "Succeeded",
}
"""The properties of a cluster, in order and with the values of a recording of 2024-11-27."""

_SET_BY_SERVICE = {
    "state", "stateReason", "uri", "dataIngestionUri", "languageExtensions", "privateEndpointConnections",
    "migrationCluster", "provisioningState",
}  # fmt: skip
"""Properties that a request cannot set; the language extensions are stored separately."""


@dataclass(frozen=True, slots=True)
class ClusterRecord:
    """The changes of a cluster; `changed` is the time of the last one in ticks.

    `name` and `region` (display name) are those of a cluster that a request has created, "" for one of the
    configuration. A value of None has not been changed.
    """

    changed: int
    name: str = ""
    region: str = ""
    is_deleted: bool = False
    state: str = STATE
    sku: Mapping[str, Any] | None = None
    tags: Mapping[str, str] | None = None
    identity: Mapping[str, Any] | None = None
    properties: Mapping[str, Any] = field(default_factory=dict)

    @property
    def etag(self) -> str:
        """OBSERVED: the time of the last change with seven decimals, in quotes; in the body and as a header."""
        return etag(self.changed)

    def to_json(self) -> str:
        """Return the record as JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> ClusterRecord:
        """Return the record of a JSON text that `to_json` has returned; keys of a newer version are ignored."""
        known = {each.name for each in fields(cls)}
        return cls(**{key: value for key, value in json.loads(text).items() if key in known})

    def merged(self, body: Mapping[str, Any]) -> ClusterRecord:
        """Return the record after a request with `body`: what it names is replaced. Raises ArmError 400."""
        found: dict[str, Any] = {key: _object(body, key) for key in ("sku", "tags", "identity") if key in body}
        properties = {key: value for key, value in _object(body, "properties").items() if key not in _SET_BY_SERVICE}
        return replace(self, **found, properties={**self.properties, **properties})


def _object(body: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = body.get(key)
    if value is not None and not isinstance(value, dict):
        raise bad_request(f"The property '{key}' must be an object.")
    return value or {}


def check_sku(sku: Mapping[str, Any] | None) -> None:
    """Raise ArmError 400 for an unusable SKU. The text about the capacity is OBSERVED (2024-11-27)."""
    name, capacity = (sku or {}).get("name"), (sku or {}).get("capacity", 2)
    if not isinstance(name, str) or not name:
        raise bad_request("The property 'sku.name' is required and must be a string.")
    least = 1 if name.startswith("Dev(") else 2
    if not isinstance(capacity, int) or isinstance(capacity, bool) or not least <= capacity <= 1000:
        raise bad_request(f"Invalid SKU capacity provided, the SKU {name} should be between {least} and 1000")
