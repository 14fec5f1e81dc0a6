"""The subcommands that write and compare texts: diff, edit, freeze, export."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from kusto_magic.commands.session import Session

if TYPE_CHECKING:
    from kusto_magic.models.image import Image, ImageSpec
    from kusto_magic.models.target import Target
    from kusto_magic.preflight.package_diff import Contents

NOTEBOOK_PATH = ("JPY_SESSION_NAME", "__vsc_ipynb_file__")
"""Where a kernel is told its notebook's path: by a Jupyter server in the environment, by VS Code as a variable."""


def diff(here: Session, options: Namespace) -> None:
    """Show which packages two images hold otherwise: B against A, or A against what it is built on."""
    _, target = here.place(options)
    images = _images(here, target)
    after = _held(options.other or options.name, images)
    before = _held(options.name, images) if options.other else _base_of(options.name, images)
    names = (options.name, options.other) if options.other else (before.foundation or "its base", options.name)
    _show_changes(here, before, after, names)


def show_diff(here: Session, target: Target, name: str, spec: ImageSpec) -> None:
    """Show what a cell would change in the image of its name; a new one is compared with its base."""
    from kusto_magic.preflight.package_diff import contents

    images = _images(here, target)
    after = contents(spec, images)
    if name.lower() in images:
        before, named = contents(images[name.lower()], images), f"{name} now"
    else:
        before, named = contents(_emptied(spec), images), spec.foundation
    _show_changes(here, before, after, (named, "this cell"))


def _show_changes(here: Session, before: Contents, after: Contents, names: tuple[str, str]) -> None:
    from kusto_magic.display.bundle import table
    from kusto_magic.preflight.package_diff import compare

    changes = compare(before, after)
    rows = [(it.package, it.before or _none(it.before), it.after or _none(it.after), it.kind) for it in changes]
    same = f"{names[0]} and {names[1]} hold the same packages."
    here.show(table(("package", *names, "what"), rows, same))
    for side in (before, after):
        if side.unknown:
            here.say(f"What {side.unknown} holds is not known; only the requirements upon it are compared.")
            break


def _none(value: str | None) -> str:
    return "–" if value is None else "as written"


def _images(here: Session, target: Target) -> dict[str, Image]:
    return {image.name.lower(): image for image in here.builds.ask(target, lambda client: client.list())}


def _held(name: str, images: dict[str, Image]) -> Contents:
    from kusto_magic.models.managed_images import MANAGED_IMAGES
    from kusto_magic.preflight.package_diff import contents, managed_contents

    return managed_contents(name) if name in MANAGED_IMAGES else contents(_existing(name, images), images)


def _base_of(name: str, images: dict[str, Image]) -> Contents:
    from dataclasses import replace

    from kusto_magic.preflight.package_diff import contents

    return contents(replace(_existing(name, images), requirements=""), images)


def _emptied(spec: ImageSpec) -> Image:
    """Return what a spec is built on, with nothing upon it."""
    from kusto_magic.models.image import Image

    return Image("", base_image=spec.base_image or "", language_version=spec.python_version or "")


def _existing(name: str, images: dict[str, Image]) -> Image:
    import difflib

    from kusto_magic.errors import InvalidInput, Problem, excerpt
    from kusto_magic.models.managed_images import MANAGED_IMAGES

    if found := images.get(name.lower()):
        return found
    known = [*(image.name for image in images.values()), *MANAGED_IMAGES]
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean {close[0]}?" if close else ""
    step = "%kusto_image list shows the images of the cluster, %kusto_image bases those of Azure."
    raise InvalidInput([Problem("image", f"the cluster has no {excerpt(name)}{hint}")], next_step=step)


def edit(here: Session, options: Namespace) -> None:
    """Open a cell that makes an image as it is now."""
    from kusto_magic.export import cell_text
    from kusto_magic.requirements import parser as requirements

    _, target = here.place(options)
    image = here.builds.ask(target, lambda client: client.get(options.name))
    spec = image.to_spec()
    line, *lines = cell_text(image.name, spec, target, target).split("\n")
    if requirements.parse(spec.requirements, allow_index_options=True).index_options:
        line += " --allow-index-options"
    here.next_cell("\n".join([line, *lines]))


def freeze(here: Session, options: Namespace) -> None:
    """Open a cell with the packages that this notebook imports."""
    from kusto_magic.errors import InvalidInput, Problem
    from kusto_magic.requirements import freeze as freezing

    if options.from_notebook is None:
        sources = list(here.shell.history_manager.input_hist_raw)
    else:
        sources = freezing.cells_of(Path(options.from_notebook or _notebook(here)))
    found = freezing.freeze(sources)
    if not found.pins:
        where = "the cells run so far import" if options.from_notebook is None else "the notebook imports"
        raise InvalidInput([Problem("imports", f"{where} no package that an index has")])
    base = options.base or _base_for_this_python()
    here.next_cell(f"%%kusto_image {options.name} --base {base}\n{found.requirements}".rstrip("\n"))
    if found.left_out or found.unread:
        unread = [f"{found.unread} cells are no Python"] if found.unread else []
        here.say("Left out: " + "; ".join([*found.left_out, *unread]) + ".")


def _notebook(here: Session) -> str:
    from kusto_magic.errors import InvalidInput, Problem

    path = os.environ.get(NOTEBOOK_PATH[0]) or here.shell.user_ns.get(NOTEBOOK_PATH[1])
    if isinstance(path, str) and path.endswith(".ipynb") and Path(path).is_file():
        return path
    words = "this front end does not tell its kernel where the notebook is; name it: --from-notebook PATH"
    raise InvalidInput([Problem("--from-notebook", words)])


def _base_for_this_python() -> str:
    """Return the managed image with the Python that runs here, else the newest; those with deep learning come after."""
    from kusto_magic.models.managed_images import MANAGED_IMAGES

    here = f"{sys.version_info.major}.{sys.version_info.minor}."
    same = [image.name for image in MANAGED_IMAGES.values() if image.python.startswith(here)]
    return same[0] if same else next(iter(MANAGED_IMAGES))


def export(here: Session, options: Namespace) -> None:
    """Write an image in the form that a team's infrastructure keeps it in."""
    from kusto_magic import export as exports
    from kusto_magic.display.bundle import code

    _, target = here.place(options)
    image = here.builds.ask(target, lambda client: client.get(options.name))
    text = exports.export(options.form, image.name, image, target)
    if options.output:
        here.shell.user_ns[options.output] = text
    if options.to:
        _write(Path(options.to).expanduser(), text)
        here.say(f"Written to {options.to}.")
    elif not options.output:
        here.show(code(text))


def _write(path: Path, text: str) -> None:
    from kusto_magic.errors import InvalidInput, Problem

    try:
        with path.open("x", encoding="utf-8", newline="") as file:
            file.write(text)
    except FileExistsError:
        raise InvalidInput([Problem("--to", f"{path.name} is there already; choose another name")]) from None
    except OSError as error:
        raise InvalidInput([Problem("--to", f"{path.name} cannot be written: {error.strerror}")]) from None
