"""Subcommands for existing images: list, show, check, attach, wait and delete."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from dataclasses import replace

from kusto_magic.arm.client import ImagesClient
from kusto_magic.builds.build import Build
from kusto_magic.builds.fleet import Fleet
from kusto_magic.builds.plan_lookup import built_lock
from kusto_magic.builds.request import BuildRequest
from kusto_magic.commands import documents
from kusto_magic.commands.cluster import change_options
from kusto_magic.commands.lookup import ask_about, get_image
from kusto_magic.commands.session import Session
from kusto_magic.display import data_table
from kusto_magic.display.data_table import Cell, DataTable
from kusto_magic.errors import (
    InvalidInputError,
    KustoImageError,
    NotFoundError,
    Problem,
    RequirementsConflictError,
)
from kusto_magic.hints import Hint, HintKind
from kusto_magic.models.action import Action
from kusto_magic.models.build_state import BuildState, Outcome
from kusto_magic.models.cluster import ActiveImage, PythonState, UnknownImage
from kusto_magic.models.cluster_contents import BaseList
from kusto_magic.models.image import NO_PACKAGES, Image, ImageSpec
from kusto_magic.models.managed_images import MANAGED_IMAGES
from kusto_magic.models.target import Target
from kusto_magic.preflight.report import PreflightReport
from kusto_magic.redaction import redact
from kusto_magic.requirements import parser

LIST_HEAD = ("Image", "State", "Active", "Base image", "Packages", "Requirements")
"""Column heads of `list`."""

ACTIVE = "✔ active"
"""Mark of the image that queries use."""

MAX_WIDTH = 80
"""Maximum number of characters of the requirements column."""


def list_images(session: Session, options: Namespace) -> None:
    """List the images of the cluster, and the managed image if queries use one."""
    _, target = session.resolve_target(options)
    images, active = session.builds.ask(target, lambda client: client.list_with_active())
    session.name_cache.images = tuple(image.name for image in images)
    rows = [_row(image, active) for image in images]
    if isinstance(active, ActiveImage) and not any(active.is_named(image.name) for image in images):
        rows.append(_managed_row(session.builds.contents.read(target).base(active.name)))
    empty = f"Cluster {target.cluster} has no custom images yet; {session.syntax.new_image} creates one."
    notes = [active.text(session.syntax.hints)] if isinstance(active, UnknownImage) else []
    data = {
        "images": [documents.image_json(image, active) for image in images],
        "active": documents.active_json(active),
    }
    session.show_table(DataTable(f"Images of {target.label}", LIST_HEAD, rows, empty, notes, data))


def _row(image: Image, active: PythonState) -> tuple[Cell, ...]:
    number, packages = _packages(image)
    return (
        data_table.text(image.name),
        _state(image),
        data_table.text(_mark(image.name, active)),
        data_table.text(image.base_label),
        data_table.count(number),
        data_table.text(packages),
    )


def _managed_row(listed: BaseList) -> tuple[Cell, ...]:
    number = len(listed.packages) or None
    cells = (listed.image, "", ACTIVE, "managed image" if listed.image in MANAGED_IMAGES else "")
    return (*map(data_table.text, cells), data_table.count(number), data_table.text(""))


def _state(image: Image) -> Cell:
    # The RPC: a resource without provisioningState has succeeded.
    return data_table.state(image.shown_state, image.shown_state.outcome)


def _mark(name: str, active: PythonState) -> str:
    if isinstance(active, UnknownImage):
        return str(active)
    return ACTIVE if isinstance(active, ActiveImage) and active.is_named(name) else ""


def show(session: Session, options: Namespace) -> None:
    """Show an image as stored by the service."""
    _, target = session.resolve_target(options)
    image, active = ask_about(session, target, options.name, lambda client: _image_and_active(client, options.name))
    caption = f"Image {image.name} on {target.label}"
    lock = built_lock(session.builds.history, target, image)
    properties = _properties(session, target, image, active, lock.digest if lock else "")
    rows = [(data_table.text(label), cell) for label, cell in properties if cell.text]
    data = documents.image_json(image, active) | {"lock": lock.digest if lock else ""}
    session.show_table(DataTable(caption, (), rows, data={"images": [data]}))


def _properties(
    session: Session, target: Target, image: Image, active: PythonState, lock: str
) -> Iterator[tuple[str, Cell]]:
    managed = MANAGED_IMAGES.get(image.base_image)
    number, _ = _packages(image)
    last = session.builds.history.latest(image.name, target)
    failed = last is not None and image.outcome is Outcome.FAILED and last.request.info.creates_image
    yield "State", _state(image)
    yield "Active", data_table.text(_mark(image.name, active) or "no")
    yield "Base image", data_table.text(image.base_image)
    yield "Python", data_table.text(managed.python if managed else image.language_version)
    yield "Language", data_table.text("" if image.is_python else image.language)
    yield "Packages", data_table.text("" if number is None else str(number))
    yield "Lock", data_table.text(lock)
    # An image of another tool may contain a password.
    yield "Requirements", data_table.code(redact(image.requirements).rstrip() or NO_PACKAGES)
    yield "Error", data_table.text(last.message if last and failed else "")
    yield "Next step", data_table.text(_next_step(session, image))


def _next_step(session: Session, image: Image) -> str:
    if image.outcome is None:
        return f"{session.syntax.command('wait', image.name)} waits until it is done."
    return "" if image.outcome is Outcome.SUCCEEDED else session.syntax.repair(image.name)


async def _image_and_active(client: ImagesClient, name: str) -> tuple[Image, PythonState]:
    image = await client.get(name)  # first: an invalid name raises before anything is sent
    return image, await client.active()


def check(session: Session, options: Namespace) -> None:
    """Check that an image's requirements can still be installed; lines that cannot be checked are named."""
    _, target = session.resolve_target(options)
    image = get_image(session, target, options.name)
    try:
        spec, unchecked = image.to_spec(use_index_options=options.allow_index_options), ""
    except InvalidInputError:  # made with another tool
        spec, unchecked = _readable(session, image)
    if options.exclude_newer:
        spec = replace(spec, exclude_newer=options.exclude_newer)
    if unchecked:
        session.show_message(f"Only the package lines are checked. {unchecked}")
    show_check(session, target, spec)


def _readable(session: Session, image: Image) -> tuple[ImageSpec, str]:
    """Return the part of an image that can be checked, and what cannot be checked and why.

    Raises InvalidInputError if nothing can be checked.
    """
    try:
        spec = image.readable_spec()
    except InvalidInputError as error:
        problems = [Problem("image", "this image cannot be checked"), *error.problems]
        raise InvalidInputError(problems, hint=Hint(HintKind.SHOW_IMAGE, image.name)) from None
    read = parser.read(image.requirements)
    reasons = session.syntax.listed(read.problems)
    reasons += ["hashes are not verified"] if read.has_hashes else []
    reasons += ["index options are ignored"] if read.index_options else []
    return spec, f"Not checked: {'; '.join(reasons)}."


def show_check(
    session: Session,
    target: Target | None,
    spec: ImageSpec,
    *,
    fix: bool = False,
    report: PreflightReport | None = None,
) -> None:
    """Show the preflight report without sending anything; with `fix`, that of the corrected requirements.

    Without a target, only managed images are known as base images. `report` is the result if it is known already.
    Raises RequirementsConflictError after a conflict, so that a non-interactive run fails.
    """
    show_checked(session, report or session.check(target, spec, fix=fix))


def show_checked(session: Session, report: PreflightReport) -> None:
    """Show the result of a check. Raises RequirementsConflictError after a conflict."""
    session.show_report(report)
    try:
        report.raise_for_conflict()
    except RequirementsConflictError as error:
        error.is_shown = session.is_interactive  # the log of a non-interactive run often has only the error
        raise


def attach(session: Session, options: Namespace) -> Build | Fleet | None:
    """Poll the operation of an image, or of all clusters if it was started on a fleet.

    With `--send`, an operation that the service has not confirmed is sent again.
    """
    settings = session.settings(options)
    timeout = settings.timeout_hours * 3600
    history = session.builds.history
    # An open operation is resumed even if a newer one has ended.
    latest = history.latest_open(options.name) or history.latest(options.name)
    if latest is not None and latest.fleet and not options.cluster:
        return session.present(
            session.builds.attach_fleet(latest, timeout=timeout, send=options.send), options, settings
        )
    # After a kernel restart no cluster is chosen; the history has the cluster of the latest operation.
    origin = None if settings.cluster else latest
    target = origin.target if origin else session.target_of(settings)
    if _show_deleted(session, target, options.name):
        return None
    _require_image(session, target, options.name)
    return session.present(
        session.builds.attach(target, options.name, timeout=timeout, send=options.send), options, settings
    )


def _show_deleted(session: Session, target: Target, name: str) -> bool:
    """Show an image that this machine has deleted, and that is still absent; return whether it is."""
    last = session.builds.history.latest(name, target)
    if last is None or last.state is not BuildState.DELETED or session.builds.running(target, name) is not None:
        return False
    try:
        session.builds.ask(target, lambda client: client.get(name))
    except NotFoundError:
        data = {"operations": [documents.operation_json(last)]}
        session.show_message(f"Image {last.name!r} was deleted from {target.label}.", data)
        return True
    return False


def _require_image(session: Session, target: Target, name: str) -> None:
    """Raise InvalidInputError if there is no operation to resume, and no image."""
    if session.builds.running(target, name) is None and session.builds.history.latest(name, target) is None:
        try:
            get_image(session, target, name)
        except InvalidInputError:
            raise
        except KustoImageError:
            return  # it is polled and reported as that of any operation


def wait(session: Session, options: Namespace) -> Build | Fleet | None:
    """Wait until the operation of an image is done."""
    options.wait = "yes"
    return attach(session, options)


def delete(session: Session, options: Namespace) -> Build | Fleet | None:
    """Delete an image, on several clusters in parallel."""
    settings, targets = session.resolve_targets(options)
    build_options = change_options(options, settings, targets)
    requests = [BuildRequest(Action.DELETE, target, options.name, options=build_options) for target in targets]
    return session.start(requests, options, settings)


def _packages(image: Image) -> tuple[int | None, str]:
    """Return the number and the list of the packages in an image's requirements; None if it is not known."""
    read = parser.read(image.requirements)
    if read.problems:  # an image of another tool may have lines that this package rejects
        return None, _truncate(redact(" ".join(image.requirements.split())))
    return len(read.packages), _truncate(", ".join(package.text for package in read.packages))


def _truncate(text: str) -> str:
    return text if len(text) <= MAX_WIDTH else text[: MAX_WIDTH - 1] + "…"
