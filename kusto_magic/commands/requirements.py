"""Subcommands for requirements texts: diff, edit and export."""

from __future__ import annotations

import shlex
from argparse import Namespace
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from kusto_magic import export as exports
from kusto_magic.builds.plan_lookup import NOT_BUILT, built_lock, checked_lock
from kusto_magic.commands import documents
from kusto_magic.commands.lookup import get_image, no_image
from kusto_magic.commands.session import Session
from kusto_magic.display import data_table
from kusto_magic.display.cell_text import cell_name_problem, cell_text
from kusto_magic.display.data_table import Cell, DataTable
from kusto_magic.errors import InvalidInputError, Problem
from kusto_magic.hints import Hint, HintKind
from kusto_magic.models.export_forms import LOCK_FORMS
from kusto_magic.models.image import Image, ImageSpec
from kusto_magic.models.managed_images import MANAGED_IMAGES
from kusto_magic.models.target import Target
from kusto_magic.preflight.package_diff import Change, PackageSet, diff_packages, managed_package_set, package_set
from kusto_magic.redaction import redact
from kusto_magic.requirements import parser, rules


def diff(session: Session, options: Namespace) -> None:
    """Compare the packages of image B with A, or of A with its base image."""
    _, target = session.resolve_target(options)
    images = _images(session, target)
    after = _package_set(session, options.other or options.name, images)
    before = _package_set(session, options.name, images) if options.other else _base_of(session, options.name, images)
    names = (options.name, options.other) if options.other else (before.base_label or "its base image", options.name)
    _show_changes(session, before, after, names)


def show_diff(session: Session, target: Target, name: str, spec: ImageSpec) -> None:
    """Compare a cell with the image of the same name, or with its base image if there is none."""
    images = _images(session, target)
    after = package_set(spec, images)
    if name.lower() in images:
        before, named = package_set(images[name.lower()], images), f"{name} now"
    else:
        before, named = package_set(_without_packages(spec), images), spec.base_label
    _show_changes(session, before, after, (named, f"this {session.syntax.text_noun}"))


def _show_changes(session: Session, before: PackageSet, after: PackageSet, names: tuple[str, str]) -> None:
    changes = diff_packages(before, after)
    rows = [tuple(_cells(change)) for change in changes]
    unknown = before.unknown or after.unknown
    notes = [f"The packages of {unknown} are not known; only the requirements on top of it are compared."]
    counts = Counter(change.kind for change in changes)
    caption = f"From {names[0]} to {names[1]}: {', '.join(f'{count} {kind}' for kind, count in counts.most_common())}"
    empty = f"{names[0]} and {names[1]} contain the same packages."
    data = {"changes": [documents.change_json(change) for change in changes]}
    session.show_table(DataTable(caption, ("Package", *names, "Change"), rows, empty, notes if unknown else [], data))


def _cells(change: Change) -> Iterator[Cell]:
    yield data_table.text(change.package)
    for version in (change.before, change.after):
        yield data_table.text("–" if version is None else version.removeprefix("==") or "as written")
    yield data_table.change(change.kind)


def _images(session: Session, target: Target) -> dict[str, Image]:
    return {image.name.lower(): image for image in session.builds.ask(target, lambda client: client.list())}


def _package_set(session: Session, name: str, images: dict[str, Image]) -> PackageSet:
    if name in MANAGED_IMAGES:
        return managed_package_set(name)
    return package_set(_existing(session, name, images), images)


def _base_of(session: Session, name: str, images: dict[str, Image]) -> PackageSet:
    return package_set(replace(_existing(session, name, images), requirements=""), images)


def _without_packages(spec: ImageSpec) -> Image:
    """Return the base of a spec as an image without requirements."""
    return Image("", base_image=spec.base_image or "", language_version=spec.python_version or "")


def _existing(session: Session, name: str, images: dict[str, Image]) -> Image:
    if found := images.get(name.lower()):
        return found
    raise no_image(session.syntax, name, [*(image.name for image in images.values()), *MANAGED_IMAGES])


def edit(session: Session, options: Namespace) -> None:
    """Open a cell with the current definition of an image, also if it cannot be sent without changes."""
    _, target = session.resolve_target(options)
    image = get_image(session, target, options.name)
    _require_writable(image)
    try:
        spec = image.to_spec()
    except InvalidInputError as error:  # made with another tool: the rules apply when the cell is run
        session.insert_cell(_cell_as_stored(image))
        problems = "; ".join(session.syntax.listed(error.problems))
        session.show_message(f"Before this cell can be run, change what kusto_magic does not send: {problems}.")
        return
    # The cell runs in this notebook, where the cluster is already chosen, so it needs no cluster options.
    # The service compares names without case. It may return its own spelling of the name, but no other name.
    name = image.name if image.name.lower() == options.name.lower() else options.name
    session.insert_cell(cell_text(name, spec, target, target))
    if named := parser.parse(spec.requirements, allow_index_options=True).index_options:
        indexes = ", ".join(dict.fromkeys(url for _, url in named))
        session.show_message(
            f"The image names package indexes: {indexes}. Add --allow-index-options to the cell if you trust them."
        )


def _require_writable(image: Image) -> None:
    """Raise InvalidInputError if the definition of an image must not or cannot be written into a cell."""
    names = {"image name": image.name, "base image": image.base_image, "Python version": image.language_version}
    problems = [Problem(field, message) for field, name in names.items() if (message := cell_name_problem(name))]
    if not image.is_python:
        problems.append(
            Problem("language", f"a cell creates an image for Python, and this one is for {image.language}")
        )
    if secret := rules.secret_in(image.requirements):
        problems.append(Problem("requirements", f"{secret}, which the notebook would store"))
    if problems:
        raise InvalidInputError(problems, hint=Hint(HintKind.SHOW_IMAGE, image.name))


def _cell_as_stored(image: Image) -> str:
    """Return a cell with the base and the text of an image; invisible characters are escaped."""
    version = ["--python", image.language_version] if image.language_version else []
    line = shlex.join(["%%kusto_image", image.name, *(["--base", image.base_image] if image.base_image else version)])
    return f"{line}\n{redact(image.requirements)}".rstrip("\n")


def export(session: Session, options: Namespace) -> None:
    """Export an image as infrastructure code, a request or a requirements file, or the lock of its packages."""
    _, target = session.resolve_target(options)
    image = get_image(session, target, options.name)
    lock = built_lock(session.builds.history, target, image)
    if lock is None and options.form in LOCK_FORMS:
        lock = checked_lock(session.check(target, image.to_spec()))
        session.remark(NOT_BUILT)
    text = exports.export(options.form, image.name, image, target, lock, session.builds.contents.read(target))
    if options.output:
        session.variables[options.output] = text
    if options.to:
        path = Path(options.to).expanduser()
        _write(path, text)
        session.show_message(f"Written to {path.resolve()}.")
    elif not options.output:
        session.show_code(text)


def _write(path: Path, text: str) -> None:
    try:
        # Mode "x" fails for an existing file; newline="" writes the text byte for byte.
        with path.open("x", encoding="utf-8", newline="") as file:
            file.write(text)
    except FileExistsError:
        raise InvalidInputError([Problem("--to", f"{path.name} already exists; choose another name")]) from None
    except OSError as error:
        raise InvalidInputError([Problem("--to", f"{path.name} cannot be written: {error.strerror}")]) from None
