"""The sign-in host of each cloud."""

from __future__ import annotations

from collections.abc import Mapping

from kusto_magic.models.endpoint import CLOUDS

AUTHORITY_HOSTS = {
    "public": "login.microsoftonline.com",
    "usgov": "login.microsoftonline.us",
    "china": "login.chinacloudapi.cn",
}
"""Sign-in host of each cloud. Source: azure.identity.AzureAuthorityHosts."""


def authority(endpoint: str, environ: Mapping[str, str]) -> str:
    """Return the sign-in host for an endpoint: AZURE_AUTHORITY_HOST, or else that of its cloud."""
    if chosen := environ.get("AZURE_AUTHORITY_HOST"):
        return chosen
    names = {cloud.endpoint: name for name, cloud in CLOUDS.items()}
    return AUTHORITY_HOSTS[names.get(endpoint, "public")]
