"""The `%%kusto_image` cell for an image, and the names that can be written into one."""

from __future__ import annotations

import shlex

from kusto_magic.errors import InvalidInputError, Problem, excerpt
from kusto_magic.hints import Hint, HintKind
from kusto_magic.models.endpoint import CLOUDS
from kusto_magic.models.image import ImageSpec
from kusto_magic.models.naming import existing_image_problem
from kusto_magic.models.target import Target

_BRACES = "{}"
"""Characters of a variable in the line of a cell: commands.arguments.parse replaces {name}."""


def cell_text(
    name: str, spec: ImageSpec, target: Target | None, chosen: Target | None, *, is_draft: bool = False
) -> str:
    """Return the `%%kusto_image` cell for an image; it names the cluster if that is not the `chosen` one.

    A cell without packages gets the option that allows that, unless it `is_draft`: its lines are to be chosen.

    Raises InvalidInputError for a name that is not valid: it may come from the service.
    """
    rules = {
        "image name": existing_image_problem(name) or cell_name_problem(name),
        "base image": cell_name_problem(spec.base_image or ""),
    }
    if problems := [Problem(field, rule) for field, rule in rules.items() if rule]:
        raise InvalidInputError(problems, hint=Hint(HintKind.CHOOSE_NAME))
    empty = [] if is_draft or spec.has_packages else ["--no-packages"]
    base = ["--base", spec.base_image] if spec.base_image else ["--python", spec.python_version or ""]
    cluster = [] if target is None or target == chosen else _cluster_arguments(target)
    line = shlex.join(["%%kusto_image", name, *base, *empty, *cluster])
    return f"{line}\n{spec.requirements}".rstrip("\n")


def cell_name_problem(value: str) -> str:
    """Return why the name of an existing image cannot be written into the line of a cell, or ""."""
    if value.startswith("-"):
        return f"{excerpt(value)} starts with '-', so the cell would read it as an option"
    if any(char in _BRACES for char in value):
        return f"{excerpt(value)} contains '{{' or '}}', which stand for a variable in the line of a cell"
    return ""


def _cluster_arguments(target: Target) -> list[str]:
    arguments = ["--cluster", target.cluster_id]
    cloud = next((name for name, cloud in CLOUDS.items() if cloud.endpoint == target.endpoint), None)
    return [*arguments, "--cloud", cloud] if cloud else [*arguments, "--endpoint", target.endpoint]
