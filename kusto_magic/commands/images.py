"""Subcommands for existing images: list, status, bases, show, check, attach, wait and delete."""

from __future__ import annotations

from argparse import Namespace
from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from kusto_magic.arm.client import ImagesClient
from kusto_magic.builds.build import Build
from kusto_magic.builds.event_loop import result_or_cancel
from kusto_magic.builds.fleet import Fleet
from kusto_magic.builds.record import BuildRecord
from kusto_magic.builds.request import BuildRequest
from kusto_magic.builds.state import state_of_record
from kusto_magic.commands.cluster import change_options
from kusto_magic.commands.session import Session
from kusto_magic.display import preflight_report
from kusto_magic.display.bundle import duration, table
from kusto_magic.display.cell_hints import MAGICS, listed
from kusto_magic.errors import InvalidInputError, NotFoundError, Problem
from kusto_magic.hints import Hint, HintKind
from kusto_magic.models import managed_packages
from kusto_magic.models.action import Action
from kusto_magic.models.build_state import BuildState
from kusto_magic.models.cluster import ActiveImage, PythonState, UnknownImage
from kusto_magic.models.image import NO_PACKAGES, Image, ImageSpec
from kusto_magic.models.managed_images import MANAGED_IMAGES
from kusto_magic.models.target import Target
from kusto_magic.redaction import redact
from kusto_magic.requirements import parser

ACTIVE = "✔ active"
"""Mark of the image that queries use."""

MAX_ROWS = 20
"""Maximum number of rows of `status`, newest first."""

MAX_RECORDS = 2000
"""Maximum number of history records read for these rows; a fleet has one record for each cluster."""

IN_PROGRESS, OUTCOME_UNKNOWN, NEVER_SENT = "in progress", "outcome unknown", "never sent"
"""Texts instead of the duration of an operation that has not ended; a fleet shows the first one that applies."""

MAX_WIDTH = 80
"""Maximum number of characters of the requirements column."""


def list_images(session: Session, options: Namespace) -> None:
    """List the images of the cluster, and the managed image if queries use one."""
    _, target = session.resolve_target(options)
    images, active = session.builds.ask(target, lambda client: client.list_with_active())
    session.name_cache.images = tuple(image.name for image in images)
    rows = [
        (image.name, _mark(image.name, active), image.state, image.base_label, *_packages(image)) for image in images
    ]
    if isinstance(active, ActiveImage) and not any(row[1] for row in rows):
        rows.append((active.name, ACTIVE, "", "", str(len(managed_packages.packages(active.name)) or ""), ""))
    empty = f"Cluster {target.cluster} has no custom images yet; %%kusto_image NAME --base Python3_11_7 creates one."
    session.show(table(("image", "active", "state", "base image", "packages", "requirements"), rows, empty))
    if isinstance(active, UnknownImage):
        session.show_message(active.text(MAGICS))


def _mark(name: str, active: PythonState) -> str:

    if isinstance(active, UnknownImage):
        return str(active)
    return ACTIVE if isinstance(active, ActiveImage) and active.is_named(name) else ""


def status(session: Session, _options: Namespace) -> None:
    """List the operations started from this machine; a fleet has one row."""
    history = session.builds.history
    newest: dict[str, BuildRecord] = {}
    for record in history.recent(MAX_RECORDS, with_texts=False):
        newest.setdefault(record.fleet or record.id, record)  # newest first, so the first record of a fleet stays
    rows = [
        _fleet_row(session, history.fleet(record.fleet)) if record.fleet else _build_row(session, record)
        for record in list(newest.values())[:MAX_ROWS]
    ]
    head = ("image", "cluster", "action", "state", "started", "duration", "message")
    session.show(table(head, rows, "No builds yet."))
    if history.warning:
        session.show_message(f"Note: {history.warning}.")


def _build_row(session: Session, record: BuildRecord) -> tuple[str, ...]:
    state, open_text = _shown_state(session, record)
    duration = _duration_text(record.started_at, record.ended_at, open_text)
    return (
        record.name,
        record.target.cluster,
        record.action,
        state,
        _start_text(record.started_at),
        duration,
        record.message,
    )


def _shown_state(session: Session, record: BuildRecord) -> tuple[str, str]:
    """Return the state of an operation, and the text instead of its duration, or "" if it has ended."""
    running = session.builds.registry.by_id(record.id)
    if record.ended_at is not None:
        return record.state, ""
    if running is not None:
        return running.state, IN_PROGRESS
    is_active = session.builds.is_held_elsewhere(record)
    state = state_of_record(record, is_active=is_active)
    return state, IN_PROGRESS if is_active else NEVER_SENT if state is BuildState.NOT_SUBMITTED else OUTCOME_UNKNOWN


def _fleet_row(session: Session, records: Sequence[BuildRecord]) -> tuple[str, ...]:
    """Return the row of a fleet from the newest (that is, the last) record of each cluster."""
    newest = {record.target.key: record for record in records}.values()
    shown = [_shown_state(session, record) for record in newest]
    states = Counter(state for state, _ in shown).most_common()
    open_texts = {text for _, text in shown}
    open_text = next((text for text in (IN_PROGRESS, OUTCOME_UNKNOWN, NEVER_SENT) if text in open_texts), "")
    started = min(record.started_at for record in newest)
    ends = [record.ended_at for record in newest]
    duration = _duration_text(started, None if None in ends else max(end for end in ends if end), open_text)
    message = next((record.message for record in newest if record.message), "")
    state_text = ", ".join(f"{count} {state}" for state, count in states)
    return (
        records[0].name,
        f"{len(newest)} clusters",
        records[0].action,
        state_text,
        _start_text(started),
        duration,
        message,
    )


def _duration_text(started: datetime, ended: datetime | None, otherwise: str) -> str:

    return otherwise if ended is None else duration((ended - started).total_seconds())


def _start_text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def bases(session: Session, options: Namespace) -> None:
    """List the managed images, or the packages of one."""
    if options.name is None:
        rows = [
            (image.name, image.python, str(len(managed_packages.packages(image.name))), _status_text(image.title))
            for image in MANAGED_IMAGES.values()
        ]
        session.show(table(("image", "Python", "packages", "status"), rows, ""))
    elif options.name in MANAGED_IMAGES:
        session.show(table(("package", "version"), sorted(managed_packages.packages(options.name).items()), ""))
    else:
        available = ", ".join(MANAGED_IMAGES)
        raise InvalidInputError(
            [Problem("image", f"there is no managed image with this name; choose one of {available}")]
        )
    session.show_message(f"Source: Microsoft's documentation of {managed_packages.LIST_DATE}.")


def _status_text(title: str) -> str:
    return title.partition("(")[2].rstrip(")")


def show(session: Session, options: Namespace) -> None:
    """Show an image as stored by the service."""
    _, target = session.resolve_target(options)
    try:
        image, active = session.builds.ask(target, lambda client: _image_and_active(client, options.name))
    except NotFoundError as missing:
        if (build := session.builds.running(target, options.name)) is not None:
            missing.hint = Hint(HintKind.WAIT_FOR_BUILD, build.name)
        raise
    lines = redact(image.requirements).splitlines()  # an image of another tool may contain a password
    rows = [
        ("image", image.name),
        ("cluster", target.cluster),
        ("state", image.state),
        ("active", _mark(image.name, active) or "no"),
        ("base image", image.base_label),
        ("language", image.language),
        *(("requirements" if n == 0 else "", line) for n, line in enumerate(lines or [NO_PACKAGES])),
    ]
    session.show(table(("property", "value"), rows, ""))


async def _image_and_active(client: ImagesClient, name: str) -> tuple[Image, PythonState]:
    image = await client.get(name)  # first: an invalid name raises before anything is sent
    return image, await client.active()


def check(session: Session, options: Namespace) -> None:
    """Check that an image's requirements can still be installed; lines that cannot be checked are named."""
    _, target = session.resolve_target(options)
    image = session.builds.ask(target, lambda client: client.get(options.name))
    try:
        spec, unchecked = image.to_spec(use_index_options=options.allow_index_options), ""
    except InvalidInputError:  # made with another tool
        spec, unchecked = _readable(image)
    if unchecked:
        session.show_message(f"Only the package lines are checked. {unchecked}")
    show_check(session, target, spec)


def _readable(image: Image) -> tuple[ImageSpec, str]:
    """Return the part of an image that can be checked, and what cannot be checked and why.

    Raises InvalidInputError if nothing can be checked.
    """
    try:
        spec = image.readable_spec()
    except InvalidInputError as error:
        problems = [Problem("image", "this image cannot be checked"), *error.problems]
        raise InvalidInputError(problems, hint=Hint(HintKind.SHOW_IMAGE, image.name)) from None
    read = parser.read(image.requirements)
    reasons = listed(read.problems)
    reasons += ["hashes are not verified"] if read.has_hashes else []
    reasons += ["index options are ignored"] if read.index_options else []
    return spec, f"Not checked: {'; '.join(reasons)}."


def show_check(session: Session, target: Target, spec: ImageSpec) -> None:
    """Show the preflight report without sending anything.

    Raises RequirementsConflictError after a conflict, so that a non-interactive run fails.
    """
    report = result_or_cancel(session.builds.check(target, spec))
    session.show(preflight_report.bundle(report, MAGICS))
    report.raise_for_conflict()


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
    target = origin.target if origin else settings.target()
    return session.present(
        session.builds.attach(target, options.name, timeout=timeout, send=options.send), options, settings
    )


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


def _packages(image: Image) -> tuple[str, str]:
    """Return the number and the list of the packages in an image's requirements."""
    read = parser.read(image.requirements)
    if read.problems:  # an image of another tool may have lines that this package rejects
        return "", _truncate(redact(" ".join(image.requirements.split())))
    return str(len(read.packages)), _truncate(", ".join(package.text for package in read.packages))


def _truncate(text: str) -> str:
    return text if len(text) <= MAX_WIDTH else text[: MAX_WIDTH - 1] + "…"
