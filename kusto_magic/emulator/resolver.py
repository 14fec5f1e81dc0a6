"""The resolver that decides whether an emulated build succeeds, and what the built image contains.

It is the only module that uses the rest of the package.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from importlib import resources

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

Resolver = Callable[[str, str], Awaitable[str | None]]
"""(requirements text, Python version such as "3.10.8") → the reason of a conflict, or None."""

Inventory = Callable[[tuple[str, ...], str, str | None], Awaitable[Mapping[str, str]]]
"""(requirements texts of an image, the lowest first; Python version; managed base image or None) → versions by name."""


async def resolve(requirements: str, python_version: str) -> str | None:
    """Return why the requirements cannot be installed, or None if they can be or the check is inconclusive."""
    from kusto_magic.preflight.check import run_preflight
    from kusto_magic.preflight.report import Verdict

    report = await run_preflight(requirements, python=python_version, corrections=False)
    return report.reason if report.verdict is Verdict.CONFLICT else None


async def installed(texts: tuple[str, ...], python: str, base: str | None) -> Mapping[str, str]:
    """Return the packages of an image: those of its managed base, changed by what each text installs.

    The emulator's own choice: plain Python contains nothing, not even pip. Names are written as in the list of the
    managed image or in the texts, and normalized if in neither.
    """
    from kusto_magic.models import managed_packages

    found, names = dict(managed_packages.packages(base or "")), _listed_names(base)
    for number, text in enumerate(texts):
        found |= await _added(text, python, base, texts[:number])
        names = _written_names(text) | names
    return {names.get(name, name): version for name, version in found.items()}


async def _added(text: str, python: str, base: str | None, below: tuple[str, ...]) -> Mapping[str, str]:
    """Return what a text installs on the layers below.

    The emulator's own choice: if it cannot be resolved, such as without a network, the lines that pin a version.
    """
    from kusto_magic.errors import InvalidInputError
    from kusto_magic.preflight.check import run_preflight
    from kusto_magic.preflight.report import Verdict

    try:
        report = await run_preflight(text, python=python, base=base, base_requirements=below, corrections=False)
    except InvalidInputError:  # the emulator builds any text
        return _pins(text)
    if report.verdict is Verdict.COMPATIBLE:
        return {package.name: package.version for package in report.packages}
    return _pins(text)


def _pins(text: str) -> dict[str, str]:
    from kusto_magic.requirements.parser import read

    pinned = ((line.name, Requirement(line.spec).specifier) for line in read(text).packages)
    clauses = [(name, next(iter(specifier))) for name, specifier in pinned if len(specifier) == 1]
    return {name: one.version for name, one in clauses if one.operator in ("==", "===") and "*" not in one.version}


def _written_names(text: str) -> dict[str, str]:
    from kusto_magic.requirements.parser import read

    return {line.name: Requirement(line.text).name for line in read(text).packages}


def _listed_names(base: str | None) -> dict[str, str]:
    document = (resources.files("kusto_magic") / "data" / "managed-image-packages.json").read_text(encoding="utf-8")
    listed = json.loads(document)["images"].get(base, {}).get("packages", {})
    return {str(canonicalize_name(name)): name for name in listed}
