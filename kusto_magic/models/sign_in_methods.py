"""The ways to sign in, by name."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from kusto_magic.errors import excerpt
from kusto_magic.redaction import redact

CREDENTIAL_TYPES: Mapping[str, str] = {
    "default": "azure-identity's default chain: the next six methods in order",
    "environment": "AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET or …_CERTIFICATE_PATH",
    "workload": "the federated token of a Kubernetes pod",
    "managed": "the managed identity of this machine (AZURE_CLIENT_ID names a user-assigned one)",
    "cli": "az login",
    "powershell": "Connect-AzAccount",
    "developer": "azd auth login",
    "browser": "a browser on this machine",
    "device": "a code to enter in a browser on any machine",
    "github": "the identity of a GitHub Actions job, for AZURE_CLIENT_ID in AZURE_TENANT_ID",
    "pipelines": "the service connection of an Azure Pipelines job (AZURESUBSCRIPTION_…, SYSTEM_ACCESSTOKEN)",
    "fabric": "the user of a Microsoft Fabric notebook; Fabric does not document that it has tokens for this service",
}
"""Descriptions of the sign-in methods by name; `arm.credentials` implements them."""


def credential_type_problem(name: str) -> str:
    """Return why `name` is not a valid sign-in method, or ""."""
    if name in CREDENTIAL_TYPES:
        return ""
    close = difflib.get_close_matches(name.lower(), CREDENTIAL_TYPES, n=1)
    hint = f"did you mean {close[0]}?" if close else f"choose one of {', '.join(CREDENTIAL_TYPES)}"
    return f"unknown sign-in method {redact(excerpt(name))}; {hint}"
