"""Base image chain: the Python version and the packages that an image inherits through its base images."""

from __future__ import annotations

from dataclasses import dataclass

from kusto_magic.arm.client import ImagesClient
from kusto_magic.errors import KustoImageError, NotFoundError
from kusto_magic.models.image import ImageSpec
from kusto_magic.models.managed_images import MANAGED_IMAGES

MAX_DEPTH = 20
"""Maximum depth of custom base images; deeper chains are treated as cycles."""


@dataclass(frozen=True, slots=True)
class BaseChain:
    """The resolved chain of base images.

    `python` is the Python version ("" if unknown), `managed` the managed image at the bottom, or None. `layers` are
    the requirements texts of the custom images in between, the lowest first. `unknown` is the reason why the chain is
    incomplete ("" if it is complete); `missing`: the base image does not exist on the cluster.
    """

    python: str
    managed: str | None = None
    layers: tuple[str, ...] = ()
    unknown: str = ""
    missing: bool = False


async def resolve_base_chain(client: ImagesClient | None, spec: ImageSpec) -> BaseChain:
    """Return the base image chain of `spec`; custom base images are read from the cluster, if there is a client.

    Failures are reported in `BaseChain.unknown` and never raised.
    """
    if spec.python_version is not None:
        return BaseChain(spec.python_version)
    layers: list[str] = []
    name = spec.base_image or ""
    for _ in range(MAX_DEPTH):
        if name in MANAGED_IMAGES:
            return BaseChain(MANAGED_IMAGES[name].python, name, tuple(reversed(layers)))
        if client is None:
            return BaseChain("", unknown=f"the base image {name!r} is known only on its cluster, and none is chosen")
        try:
            image = await client.get(name)
        except NotFoundError:
            # A managed image newer than this package is not among the custom images either, but it does exist.
            may_be_managed = name.lower().startswith("python3_")
            return BaseChain("", unknown=f"the cluster has no base image {name!r}", missing=not may_be_managed)
        except KustoImageError as error:  # the check becomes inconclusive; the build is not stopped
            return BaseChain("", unknown=f"the base image {name!r} cannot be read: {error.what}")
        layers.append(image.requirements)
        if not image.base_image:
            return BaseChain(image.language_version, None, tuple(reversed(layers)))
        name = image.base_image
    return BaseChain("", unknown=f"the base images of {spec.base_image!r} form a cycle")
