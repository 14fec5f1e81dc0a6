"""Requests about one image by its name; a wrong name is reported with the nearest one."""

from __future__ import annotations

import difflib
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from kusto_magic.arm.client import ImagesClient
from kusto_magic.commands.session import Session
from kusto_magic.display.command_hints import CommandSyntax
from kusto_magic.errors import InvalidInputError, KustoImageError, NotFoundError, Problem, excerpt
from kusto_magic.hints import Hint, HintKind
from kusto_magic.models.image import Image
from kusto_magic.models.managed_images import MANAGED_IMAGES
from kusto_magic.models.target import Target

T = TypeVar("T")


def get_image(session: Session, target: Target, name: str) -> Image:
    """Return an image. Raises InvalidInputError with the nearest name if it does not exist."""
    return ask_about(session, target, name, lambda client: client.get(name))


def ask_about(session: Session, target: Target, name: str, request: Callable[[ImagesClient], Awaitable[T]]) -> T:
    """Run a request about an image. Raises InvalidInputError with the nearest name if it does not exist."""
    try:
        return session.builds.ask(target, request)
    except NotFoundError as missing:
        error = _missing(session, target, name, missing)
    raise error


def _missing(session: Session, target: Target, name: str, missing: NotFoundError) -> KustoImageError:
    """Return the error to raise: `missing` if not the image, but the cluster does not exist."""
    try:
        images = session.builds.ask(target, lambda client: client.list())
    except KustoImageError:
        return missing
    error = no_image(session.syntax, name, [image.name for image in images])
    if (build := session.builds.running(target, name)) is not None:
        error.hint = Hint(HintKind.WAIT_FOR_BUILD, build.name)
    return error


def no_image(syntax: CommandSyntax, name: str, images: Sequence[str]) -> InvalidInputError:
    """Return the error for a name that no image of the cluster has."""
    if name in MANAGED_IMAGES:
        bases = syntax.command("bases", name)
        problem = f"{name} is a managed image, not one of this cluster; {bases} lists its packages"
        return InvalidInputError([Problem("image", problem)], hint=Hint(HintKind.CHECK_NAME))
    close = difflib.get_close_matches(name.lower(), {image.lower(): image for image in images}, n=1)
    nearest = next((image for image in images if image.lower() in close), "")
    suggestion = f"; did you mean {nearest}?" if nearest else "" if images else ", which has no images yet"
    problem = f"there is no image {excerpt(name)} on this cluster{suggestion}"
    return InvalidInputError([Problem("image", problem)], hint=Hint(HintKind.CHECK_NAME))
