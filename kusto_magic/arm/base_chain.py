"""What an image stands on: the Python version and the packages that a base brings along, through custom images."""

from __future__ import annotations

from dataclasses import dataclass

from kusto_magic.arm.client import ImagesClient
from kusto_magic.errors import KustoImageError, NotFound
from kusto_magic.models.image import ImageSpec
from kusto_magic.models.managed_images import MANAGED_IMAGES

MAX_DEPTH = 20
"""Custom images that stand on custom images, at most: further than that is taken for a circle."""


@dataclass(frozen=True, slots=True)
class BaseChain:
    """`python` is the version ("" where unknown), `managed` the managed image at the bottom, or None.

    `layers` are the requirements texts of the custom images between, the lowest first. `unknown` says why the rest
    could not be learnt, "" where all is known; `missing` that the cluster has no such image to build on.
    """

    python: str
    managed: str | None = None
    layers: tuple[str, ...] = ()
    unknown: str = ""
    missing: bool = False


async def resolve_base_chain(client: ImagesClient, spec: ImageSpec, *, background: bool = False) -> BaseChain:
    """Return what `spec` stands on, asking the cluster for custom bases. Never raises for what it cannot learn.

    `background` tells that no person waits for just this answer.
    """
    if spec.python_version is not None:
        return BaseChain(spec.python_version)
    layers: list[str] = []
    name = spec.base_image or ""
    for _ in range(MAX_DEPTH):
        if name in MANAGED_IMAGES:
            return BaseChain(MANAGED_IMAGES[name].python, name, tuple(reversed(layers)))
        try:
            image = await client.get(name, background=background)
        except NotFound:
            # A managed image that came after this package was made is no custom image of the cluster, but is there.
            maybe_managed = name.lower().startswith("python3_")
            return BaseChain("", unknown=f"the cluster has no image {name!r} to build on", missing=not maybe_managed)
        except KustoImageError as error:
            return BaseChain("", unknown=f"the base image {name!r} could not be read: {error.what}")
        layers.append(image.requirements)
        if not image.base_image:
            return BaseChain(image.language_version, None, tuple(reversed(layers)))
        name = image.base_image
    return BaseChain("", unknown=f"the base images of {spec.base_image!r} go round in a circle")
