"""Validation of the names of subscriptions, resource groups, clusters and images.

There are two rules for the name of an image: `image_name_problem` for one that this package creates, and
`existing_image_problem` for one that exists, possibly made with another tool.
"""

from __future__ import annotations

import difflib
import re
import unicodedata

from kusto_magic.display_text import INVISIBLE_CATEGORIES
from kusto_magic.errors import excerpt
from kusto_magic.models.managed_images import MANAGED_IMAGES

RESERVED_NAMES = frozenset({*(name.lower() for name in MANAGED_IMAGES), "pythoncustomimage", "r"})
"""Lowercase names that custom images cannot have: the members of ARM's enum `LanguageExtensionImageName`."""

MAX_EXISTING_NAME_LENGTH = 260
"""Maximum number of characters in the name of an existing image; a limit of this package."""

# Explicit ranges: \d and \w also match characters of other scripts.
_SUBSCRIPTION = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_DOMAIN = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,8}[A-Za-z][A-Za-z0-9-]{0,61}[A-Za-z0-9]")
_CLUSTER = re.compile(r"[A-Za-z][A-Za-z0-9-]{1,61}")
_IMAGE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_VERSION = re.compile(r"3\.[0-9]{1,2}\.[0-9]{1,2}")

_MANAGED_LIKE = re.compile(
    r"(?:python|py)?[ _.-]?(3)[ _.-]?(\d{1,2})(?:[ _.-](\d{1,2}))?(?:[ _.-]?(dl))?", re.IGNORECASE
)

_UNSAFE_IN_PATH = "/\\?#%"
"""Characters that servers and proxies treat specially in a path, also where they are quoted."""


def subscription_problem(value: object) -> str:
    """Return the rule that a subscription id breaks, or "". Source: common-types v5, SubscriptionIdParameter."""
    if isinstance(value, str) and _SUBSCRIPTION.fullmatch(value):
        return ""
    return f"{excerpt(value)} is not a valid subscription id: use a UUID such as 01234567-89ab-cdef-0123-456789abcdef"


def tenant_problem(value: str) -> str:
    """Return why a text is neither the ID of a tenant nor one of its domains, or ""."""
    if _SUBSCRIPTION.fullmatch(value) or (len(value) <= 253 and _DOMAIN.fullmatch(value)):
        return ""
    return f"{excerpt(value)} is not a valid tenant: use its ID, a UUID, or a domain such as contoso.onmicrosoft.com"


def resource_group_problem(value: object) -> str:
    """Return the rule that a resource group name breaks, or "".

    Source: "Naming rules for Azure resources", Microsoft.Resources: 1 to 90 letters, digits, underscores,
    hyphens, periods and parentheses, not ending in a period. Letters of every script are allowed there; this function
    additionally rejects look-alikes (full-width forms, ligatures).
    """
    if (
        isinstance(value, str)
        and 1 <= len(value) <= 90
        and all(char.isalnum() or char in "_-.()" for char in value)
        and unicodedata.normalize("NFKC", value) == value
        and not value.endswith(".")
    ):
        return ""
    rule = "1–90 letters, digits, '_', '-', '.', '(' or ')', not ending in '.'"
    return f"{excerpt(value)} is not a valid resource group name: use {rule}"


def cluster_problem(value: object) -> str:
    """Return the rule that a cluster name breaks, or "".

    Source: "Naming rules for Azure resources", Microsoft.Kusto: 4 to 22 lowercase letters and digits, the first a
    letter. ARM compares names without case, and older clusters may have longer names, so this rule is wider.
    """
    if isinstance(value, str) and _CLUSTER.fullmatch(value):
        return ""
    rule = "2–62 letters, digits or '-', starting with a letter (the name, not the URL)"
    return f"{excerpt(value)} is not a valid cluster name: use {rule}"


def image_name_problem(value: object) -> str:
    """Return the rule that an image name breaks, or "".

    The specification allows everything (`^.*$`), and the limits of the service are unknown. This rule is what the
    service was seen to accept (letters, digits, '.', '-', '_'), so that a name is one path segment and one argument.
    """
    if not isinstance(value, str) or not _IMAGE.fullmatch(value):
        rule = "1–128 letters, digits, '.', '-' or '_', not starting with '.' or '-'"
        return f"{excerpt(value)} is not a valid image name: use {rule}"
    if value.lower() in RESERVED_NAMES:
        return f"{excerpt(value)} is the name of an image shipped by Azure; choose another name"
    return ""


def existing_image_problem(value: object) -> str:
    """Return why an image of this name cannot be addressed, or "".

    Other tools may create names that `image_name_problem` rejects. Any name is accepted that stays one segment of a URL
    path after quoting, whatever a proxy does with it, and that looks like what it is.
    """
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_EXISTING_NAME_LENGTH:
        reason = f"a name has 1–{MAX_EXISTING_NAME_LENGTH} characters"
    elif unsafe := next((char for char in value if char in _UNSAFE_IN_PATH), ""):
        reason = f"a name with {unsafe!r} cannot be sent in a URL"
    elif hidden := next((char for char in value if unicodedata.category(char) in INVISIBLE_CATEGORIES), ""):
        reason = f"U+{ord(hidden):04X} is invisible or changes how the name is displayed"
    elif value.strip(".") == "" or value.strip() != value:
        reason = "it consists of dots only" if value.strip(".") == "" else "it starts or ends with a blank"
    else:
        return ""
    return f"{excerpt(value)} is not a valid image name: {reason}"


def build_name_problem(value: object) -> str:
    """Return why no image of this name can be built, or "".

    A name that breaks only the rule for new images may belong to an existing one, which can be replaced: whether it
    exists is checked when the request is sent (`ImagesClient.create_or_update`).
    """
    if isinstance(value, str) and value.lower() in RESERVED_NAMES:
        return image_name_problem(value)
    return existing_image_problem(value)


def meant_managed_image(value: str) -> str:
    """Return the managed image that another spelling means ("Python3.11.7", "3.11"), or ""."""
    found = _MANAGED_LIKE.fullmatch(value.strip())
    if found is None or value in MANAGED_IMAGES:
        return ""
    release, suffix = ".".join(part for part in found.group(1, 2, 3) if part), "_DL" if found[4] else ""
    names = [
        image.name
        for image in MANAGED_IMAGES.values()
        if f"{image.python}.".startswith(f"{release}.") and image.name.endswith("_DL") == bool(suffix)
    ]
    return names[0] if len(names) == 1 else ""


def unknown_managed_image_note(value: str) -> str:
    """Return a note on a base that is spelled like a managed image, and is none that this package knows, or ""."""
    if not _MANAGED_LIKE.fullmatch(value) or value in MANAGED_IMAGES or meant_managed_image(value):
        return ""
    close = difflib.get_close_matches(value, MANAGED_IMAGES, n=1, cutoff=0)
    return f"{excerpt(value)} is not a managed image of this version; did you mean {close[0]}?"


def base_image_problem(value: object) -> str:
    """Return the rule that a base image name breaks, or "": it is a managed image or may be an existing custom one."""
    if isinstance(value, str):
        managed = next((name for name in MANAGED_IMAGES if name.lower() == value.lower()), None)
        if managed is not None:
            return "" if managed == value else f"{excerpt(value)}: the managed image is spelled {managed}"
    return build_name_problem(value)


def python_version_problem(value: object) -> str:
    """Return the rule that a Python version breaks, or "". The versions that the service offers are not documented."""
    if isinstance(value, str) and _VERSION.fullmatch(value):
        return ""
    meant = meant_managed_image(value) or value if isinstance(value, str) else ""
    example = MANAGED_IMAGES[meant].python if meant in MANAGED_IMAGES else "3.10.8"
    return f"{excerpt(value)} is not a full Python version: use three numbers such as {example}"
