"""What an image should hold: the plan of its check, or its requirements, and those of the custom images below it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from kusto_magic.arm.base_chain import BaseChain, resolve_base_chain
from kusto_magic.arm.client import ImagesClient
from kusto_magic.errors import InvalidInputError
from kusto_magic.models.cluster_contents import ClusterContents
from kusto_magic.models.image import Image, ImageSpec
from kusto_magic.models.managed_images import MANAGED_IMAGES
from kusto_magic.models.verification import Expectation, ExpectationSource, ExpectedPackage
from kusto_magic.requirements import parser
from kusto_magic.requirements.markers import marker_applies

REBUILT = "the image is being built again: the sandbox may hold the one before"
"""A remark about an image in the middle of a build."""

FindPlan = Callable[[Image], Awaitable[Expectation | None]]
"""Returns what the check before the build of an image planned, or None if this machine knows no such check."""


async def find_expectation(
    client: ImagesClient, name: str, find_plan: FindPlan, contents: ClusterContents
) -> Expectation:
    """Return what the image `name` should hold. Raises as `ImagesClient.get` does."""
    if name in MANAGED_IMAGES:
        listed = contents.base(name)
        found = listed.packages.items()
        packages = tuple(ExpectedPackage(package, f"=={version}", direct=False) for package, version in found)
        return Expectation(listed.python, packages, ExpectationSource.LISTED, listed=listed)
    image = await client.get(name)
    chain = await _chain(client, image)
    base = contents.base(chain.managed) if chain.managed else None
    python = base.python if base else chain.python
    known = await find_plan(image) or _required(image, python)
    below = _below(chain, python, {package.name for package in known.packages})
    return replace(
        known,
        packages=(*known.packages, *below),
        python=python,
        base=chain.managed or "",
        listed=base,
        remarks=(REBUILT,) if image.outcome is None else (),
    )


async def _chain(client: ImagesClient, image: Image) -> BaseChain:
    if not image.base_image:
        return BaseChain(image.language_version)
    try:
        spec = ImageSpec("", base_image=image.base_image, allow_no_packages=True)
    except InvalidInputError:  # made by another tool, with a name that no image can have
        return BaseChain("")
    return await resolve_base_chain(client, spec)


def _required(image: Image, python: str) -> Expectation:
    read = parser.read(image.requirements)
    skipped = len({problem.line for problem in read.problems})
    return Expectation(python, _expected([image.requirements], python), ExpectationSource.REQUIREMENTS, skipped=skipped)


def _below(chain: BaseChain, python: str, known: set[str]) -> tuple[ExpectedPackage, ...]:
    """Return what the custom images below require, without what the image itself decides."""
    packages = _expected(list(chain.layers), python)
    return tuple(replace(package, direct=False) for package in packages if package.name not in known)


def _expected(texts: Sequence[str], python: str) -> tuple[ExpectedPackage, ...]:
    """Return the packages that the lines of these texts require; the last text decides."""
    lines = [line for text in texts for line in parser.read(text).packages if marker_applies(line.marker, python)]
    return tuple({line.name: ExpectedPackage(line.name, line.specifier) for line in lines}.values())
