"""URLs of the resources of a cluster."""

from __future__ import annotations

from urllib.parse import quote

from kusto_magic.errors import InvalidInputError, Problem
from kusto_magic.models.api_version import API_VERSION
from kusto_magic.models.naming import existing_image_problem
from kusto_magic.models.target import Target


def cluster_url(target: Target, rest: str = "") -> str:
    """Return the URL of a cluster, or of what `rest` names below it, such as "/sandboxCustomImages"."""
    path = quote(target.cluster_id, safe="/") + rest  # resource groups may contain non-ASCII letters
    return f"{target.endpoint}{path}?api-version={API_VERSION}"


def image_url(target: Target, name: str) -> str:
    """Return the URL of an image. Raises InvalidInputError if no image can have the name."""
    if problem := existing_image_problem(name):  # such as "..": it would be the URL of another resource
        raise InvalidInputError([Problem("image name", problem)])
    return cluster_url(target, f"/sandboxCustomImages/{quote(name, safe='')}")
