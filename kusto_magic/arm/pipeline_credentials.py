"""Credentials of pipelines: a new assertion of the pipeline for each token, so that long builds outlive the first one.

Sources: "About security hardening with OpenID Connect" (GitHub Actions); azure.identity.AzurePipelinesCredential.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from kusto_magic.arm.connection_errors import tls_context
from kusto_magic.errors import SignInError
from kusto_magic.hints import Hint, HintKind
from kusto_magic.models.endpoint import is_loopback

AUDIENCE = "api://AzureADTokenExchange"
"""The audience that Entra ID expects of a federated token."""

REQUEST_TIMEOUT = 8.0
"""Seconds that the request for an assertion may take."""

GITHUB_URL, GITHUB_TOKEN = "ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"
"""Variables that GitHub sets for a job with the permission `id-token: write`."""

PIPELINE_VARIABLES = {
    "tenant_id": ("AZURESUBSCRIPTION_TENANT_ID", "AZURE_TENANT_ID"),
    "client_id": ("AZURESUBSCRIPTION_CLIENT_ID", "AZURE_CLIENT_ID"),
    "service_connection_id": ("AZURESUBSCRIPTION_SERVICE_CONNECTION_ID",),
    "system_access_token": ("SYSTEM_ACCESSTOKEN",),
}
"""Variables for each argument of AzurePipelinesCredential; the first one set counts. Tasks of pipelines set them."""


def github_credential(identity: Any, environ: Mapping[str, str], options: Mapping[str, Any]) -> Any:
    """Return a credential that exchanges the identity of a GitHub Actions job for a token of Entra ID.

    `identity` is the module azure.identity, `options` are arguments of its credentials. Raises SignInError if a
    variable is missing.
    """
    if not (environ.get(GITHUB_URL) and environ.get(GITHUB_TOKEN)):
        what = "no token: this is not a job of GitHub Actions with the permission `id-token: write`"
        raise SignInError(what, hint=Hint(HintKind.CHOOSE_CREDENTIAL, values=("workload", "cli")))
    given = _given(environ, {"tenant_id": ("AZURE_TENANT_ID",), "client_id": ("AZURE_CLIENT_ID",)})
    url, token = environ[GITHUB_URL], environ[GITHUB_TOKEN]
    return identity.ClientAssertionCredential(func=lambda: _github_assertion(url, token), **given, **options)


def pipelines_credential(identity: Any, environ: Mapping[str, str], options: Mapping[str, Any]) -> Any:
    """Return the credential of an Azure Pipelines job with a service connection; arguments as for GitHub."""
    return identity.AzurePipelinesCredential(**_given(environ, PIPELINE_VARIABLES), **options)


def _given(environ: Mapping[str, str], variables: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    found = {name: next((environ[it] for it in names if environ.get(it)), "") for name, names in variables.items()}
    missing = tuple(variables[name][0] for name, value in found.items() if not value)
    if missing:
        what = f"no token: variables of the pipeline are not set: {', '.join(missing)}"
        raise SignInError(what, hint=Hint(HintKind.SET_VARIABLES, values=missing))
    return found


def _github_assertion(url: str, token: str) -> str:
    """Return a new assertion of the job. Raises SignInError."""
    import httpx

    parts = urlsplit(url)
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        raise SignInError(
            "no token: the address that issues identities of the job is not an https address",
            hint=Hint(HintKind.CHECK_NETWORK),
        )
    separator = "&" if parts.query else "?"
    transport = httpx.HTTPTransport(verify=tls_context(os.environ), retries=2)
    try:
        with httpx.Client(transport=transport, timeout=REQUEST_TIMEOUT) as client:
            response = client.get(
                f"{url}{separator}audience={quote(AUDIENCE, safe='')}", headers={"Authorization": f"Bearer {token}"}
            )
        assertion = response.raise_for_status().json()["value"]
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        what = f"no token: GitHub returned no identity of this job ({type(error).__name__})"
        raise SignInError(what, hint=Hint(HintKind.CHECK_NETWORK)) from None
    return str(assertion)
