"""Managed images: the images shipped by Azure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ManagedImage:
    """A managed image: its name in the API, its Python version, and a title with its status."""

    name: str
    python: str
    title: str


MANAGED_IMAGES: Mapping[str, ManagedImage] = {
    image.name: image
    for image in (
        ManagedImage("Python3_11_7", "3.11.7", "Python 3.11.7 (preview)"),
        ManagedImage("Python3_11_7_DL", "3.11.7", "Python 3.11.7 DL (preview)"),
        ManagedImage("Python3_10_8", "3.10.8", "Python 3.10.8"),
        ManagedImage("Python3_10_8_DL", "3.10.8", "Python 3.10.8 DL"),
        ManagedImage("Python3_6_5", "3.6.5", "Python 3.6.5 (deprecated)"),
    )
}
"""Members of ARM's enum `LanguageExtensionImageName` that are Python and can be a base image, newest first."""
