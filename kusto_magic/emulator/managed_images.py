"""The base of a custom image: a managed image, or a chain of custom images that ends at one."""

from __future__ import annotations

from kusto_magic.emulator.arm import bad_request
from kusto_magic.emulator.store import ClusterStore, ImageRow

MANAGED = {
    "Python3_6_5": "3.6.5",
    "Python3_10_8": "3.10.8",
    "Python3_10_8_DL": "3.10.8",
    "Python3_11_7": "3.11.7",
    "Python3_11_7_DL": "3.11.7",
}
"""The Python members of ARM's enum LanguageExtensionImageName (2025-02-14), and their Python version."""


def invalid_image_name(name: str, supported: tuple[str, ...]) -> str:
    """Return the message for an unknown image name: OBSERVED text, with the current names."""
    return f"Invalid languageExtensionImageName `{name}`. Supported image names are: `{', '.join(supported)}`"


def python_version(store: ClusterStore, image: ImageRow) -> str | None:
    """Return the Python version of an image, or None if its chain of base images is broken."""
    seen = {image.key}
    while image.language_version is None:
        base = image.base_image or ""
        if base in MANAGED:
            return MANAGED[base]
        below = store.image(base)
        if below is None or below.key in seen:  # deleted, or a cycle
            return None
        seen.add(below.key)
        image = below
    return image.language_version


def check_base(store: ClusterStore, image: ImageRow) -> None:
    """Raise ArmError 400 if the base image of `image` is not allowed. All rules are the emulator's own choice."""
    base = image.base_image
    if base is None or base in MANAGED:
        return
    below = store.image(base)
    if below is None:
        raise bad_request(invalid_image_name(base, tuple(MANAGED)))
    # An image that names itself is refused below, with a message of its own.
    if below.key != image.key and below.state != "Succeeded":
        raise bad_request(f"The base image '{below.name}' is not ready: its provisioning state is '{below.state}'.")
    if _is_based_on(store, below, image.key):
        raise bad_request(f"The image '{image.name}' cannot be its own base image.")


def _is_based_on(store: ClusterStore, image: ImageRow, key: str) -> bool:
    seen: set[str] = set()
    below: ImageRow | None = image
    while below is not None and below.key not in seen:
        if below.key == key:
            return True
        seen.add(below.key)
        below = store.image(below.base_image or "")
    return False
