"""The base of a custom image: a managed image, or a chain of custom images that ends at one."""

from __future__ import annotations

from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Layers:
    """What an image consists of: the requirements texts of its custom images, the lowest first, on a managed image.

    `base` is the managed image; None means plain Python. `python` is the Python version.
    """

    texts: tuple[str, ...]
    python: str
    base: str | None = None


def layers(store: ClusterStore, image: ImageRow) -> Layers | None:
    """Return the layers of a custom image, or None if its chain of base images is broken."""
    texts: list[str] = []
    seen: set[str] = set()
    below: ImageRow | None = image
    while below is not None and below.key not in seen:  # deleted, or a cycle
        seen.add(below.key)
        texts.insert(0, below.requirements or "")
        if below.language_version is not None:
            return Layers(tuple(texts), below.language_version)
        base = below.base_image or ""
        if base in MANAGED:
            return Layers(tuple(texts), MANAGED[base], base)
        below = store.image(base)
    return None


def layers_of_name(store: ClusterStore, name: str) -> Layers | None:
    """Return the layers of a managed or custom image, or None if it does not exist or its chain is broken."""
    if name in MANAGED:
        return Layers((), MANAGED[name], name)
    image = store.image(name)
    return None if image is None else layers(store, image)


def python_version(store: ClusterStore, image: ImageRow) -> str | None:
    """Return the Python version of an image, or None if its chain of base images is broken."""
    found = layers(store, image)
    return None if found is None else found.python


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
