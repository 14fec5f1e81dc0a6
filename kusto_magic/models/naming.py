"""Rules for the names of subscriptions, resource groups, clusters and images."""

from __future__ import annotations

import re
import unicodedata

from kusto_magic.errors import excerpt
from kusto_magic.models.managed_images import MANAGED_IMAGES

RESERVED_NAMES = frozenset({*(name.lower() for name in MANAGED_IMAGES), "pythoncustomimage", "r"})


_SUBSCRIPTION = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


_CLUSTER = re.compile(r"[A-Za-z][A-Za-z0-9-]{1,61}")


_IMAGE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")


_VERSION = re.compile(r"3\.[0-9]{1,2}\.[0-9]{1,2}")


def subscription_problem(value: object) -> str:
    """Return the rule a subscription id breaks, or "". Source: common-types v5, SubscriptionIdParameter."""
    if isinstance(value, str) and _SUBSCRIPTION.fullmatch(value):
        return ""
    return f"{excerpt(value)} is no subscription id; it is a UUID like 01234567-89ab-cdef-0123-456789abcdef"


def resource_group_problem(value: object) -> str:
    """Return the rule a resource group name breaks, or "".

    Source: "Naming rules for Azure resources", Microsoft.Resources: 1 to 90 letters, digits, underscores,
    hyphens, periods and parentheses, not ending in a period. Letters of every script are allowed there; look-alikes
    (full-width forms, ligatures) are not allowed here.
    """
    if (
        isinstance(value, str)
        and 1 <= len(value) <= 90
        and all(char.isalnum() or char in "_-.()" for char in value)
        and unicodedata.normalize("NFKC", value) == value
        and not value.endswith(".")
    ):
        return ""
    rule = "1 to 90 letters, digits, '_', '-', '.', '(' and ')', not ending in '.'"
    return f"{excerpt(value)} is no resource group name; it has {rule}"


def cluster_problem(value: object) -> str:
    """Return the rule a cluster name breaks, or "".

    Source: "Naming rules for Azure resources", Microsoft.Kusto: 4 to 22 lowercase letters and digits, the first a
    letter. ARM compares without case, and older clusters may be longer, so this is the wider rule.
    """
    if isinstance(value, str) and _CLUSTER.fullmatch(value):
        return ""
    rule = "2 to 62 letters, digits and '-', the first a letter, and no address"
    return f"{excerpt(value)} is no cluster name; it has {rule}"


def image_name_problem(value: object) -> str:
    """Return the rule an image name breaks, or "".

    The specification allows everything (`^.*$`), and the service's own limits are unknown; this is what it was
    seen to accept (letters, digits, '.', '-', '_'), so that a name is one segment of a path and an argument.
    """
    if not isinstance(value, str) or not _IMAGE.fullmatch(value):
        rule = "1 to 128 letters, digits, '.', '-' and '_', the first no '.' or '-'"
        return f"{excerpt(value)} is no image name; it has {rule}"
    if value.lower() in RESERVED_NAMES:
        return f"{excerpt(value)} is the name of an image that Azure ships; choose another"
    return ""


def base_image_problem(value: object) -> str:
    """Return the rule a base image name breaks, or "": a managed image or the name of a custom one."""
    if isinstance(value, str):
        managed = next((name for name in MANAGED_IMAGES if name.lower() == value.lower()), None)
        if managed is not None:
            return "" if managed == value else f"{excerpt(value)}: the managed image is spelled {managed}"
    return image_name_problem(value)


def python_version_problem(value: object) -> str:
    """Return the rule a Python version breaks, or "". Which versions the service has is not documented."""
    if isinstance(value, str) and _VERSION.fullmatch(value):
        return ""
    return f"{excerpt(value)} is no full Python version; it is three numbers like 3.10.8"
