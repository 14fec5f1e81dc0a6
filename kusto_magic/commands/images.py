"""The subcommands about images as they are: listed, shown, checked, followed, deleted."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING

from kusto_magic.commands.session import Session

if TYPE_CHECKING:
    from datetime import datetime

    from kusto_magic.arm.client import ImagesClient
    from kusto_magic.builds.build import Build
    from kusto_magic.builds.fleet import Fleet
    from kusto_magic.builds.record import BuildRecord
    from kusto_magic.models.image import Image, ImageSpec
    from kusto_magic.models.target import Target

ACTIVE = "✔ active"
MAX_ROWS = 20
"""So many of the things begun from here are listed, the newest."""

MAX_RECORDS = 2000
"""So many of the newest records are read for it: a fleet has one for each cluster."""

MAX_WIDTH = 80
"""Characters of an image's requirements in the list."""


def list_images(session: Session, options: Namespace) -> None:
    """List the images of the cluster, and the managed one where its queries run on that."""
    from kusto_magic.display.bundle import table
    from kusto_magic.models import managed_packages as managed

    _, target = session.resolve_target(options)
    images, active = session.builds.ask(target, _images_and_active)
    session.name_cache.images = tuple(image.name for image in images)
    rows = [
        (image.name, _mark(image.name, active), image.state, image.base_label, *_packages(image)) for image in images
    ]
    if active and not any(row[1] for row in rows):
        rows.append((active, ACTIVE, "", "", str(len(managed.packages(active)) or ""), ""))
    empty = f"Cluster {target.cluster} has no custom images yet; %%kusto_image NAME --base Python3_11_7 makes one."
    session.show(table(("image", "active", "state", "base", "packages", "requirements"), rows, empty))


async def _images_and_active(client: ImagesClient) -> tuple[Sequence[Image], str | None]:
    """Return the images and the name of the one that queries run on, "" where that is not said or may not be seen."""
    import asyncio

    return await asyncio.gather(client.list(), client.active())


def _mark(name: str, active: str | None) -> str:
    return ACTIVE if active and active.lower() == name.lower() else ""


def status(session: Session, _options: Namespace) -> None:
    """List what was begun from here; a fleet in one row."""
    from kusto_magic.display.bundle import table

    history = session.builds.history
    begun: dict[str, BuildRecord] = {}
    for record in history.recent(MAX_RECORDS):
        begun.setdefault(record.fleet or record.id, record)
    rows = [
        _fleet_row(history.fleet(record.fleet)) if record.fleet else _build_row(session, record)
        for record in list(begun.values())[:MAX_ROWS]
    ]
    head = ("image", "cluster", "what", "state", "began", "took", "said")
    session.show(table(head, rows, "Nothing was begun from here yet."))
    if history.warning:
        session.show_message(f"Note: {history.warning}.")


def _build_row(session: Session, record: BuildRecord) -> tuple[str, ...]:
    followed = session.builds.running(record.target, record.image)
    is_followed = followed is not None and followed.id == record.id
    state = followed.operation.phase.value if followed is not None and is_followed else record.state
    took = _duration_text(record.started_at, record.ended_at, "goes on" if is_followed else "no end heard of")
    return (
        record.image,
        record.target.cluster,
        record.action,
        state,
        _start_text(record.started_at),
        took,
        record.message,
    )


def _fleet_row(records: Sequence[BuildRecord]) -> tuple[str, ...]:
    """Return the row of a fleet; of each cluster the newest record counts, which is the last."""
    from collections import Counter

    newest = {record.target.key: record for record in records}.values()
    states = Counter(record.state for record in newest).most_common()
    began = min(record.started_at for record in newest)
    ends = [record.ended_at for record in newest]
    took = _duration_text(began, None if None in ends else max(end for end in ends if end), "not all have ended")
    said = next((record.message for record in newest if record.message), "")
    words = ", ".join(f"{count} {state}" for state, count in states)
    return (records[0].image, f"{len(newest)} clusters", records[0].action, words, _start_text(began), took, said)


def _duration_text(began: datetime, ended: datetime | None, otherwise: str) -> str:
    from kusto_magic.display.bundle import duration

    return otherwise if ended is None else duration((ended - began).total_seconds())


def _start_text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def bases(session: Session, options: Namespace) -> None:
    """List the managed images, or the packages of one."""
    from kusto_magic.display.bundle import table
    from kusto_magic.errors import InvalidInput, Problem
    from kusto_magic.models import managed_packages as managed
    from kusto_magic.models.managed_images import MANAGED_IMAGES

    if options.name is None:
        rows = [
            (image.name, image.python, str(len(managed.packages(image.name))), _status_text(image.title))
            for image in MANAGED_IMAGES.values()
        ]
        session.show(table(("image", "Python", "packages", "standing"), rows, ""))
    elif options.name in MANAGED_IMAGES:
        session.show(table(("package", "version"), sorted(managed.packages(options.name).items()), ""))
    else:
        known = ", ".join(MANAGED_IMAGES)
        raise InvalidInput([Problem("image", f"there is no managed image of that name; there are {known}")])
    session.show_message(f"As Microsoft's documentation listed them in {managed.LIST_DATE}.")


def _status_text(title: str) -> str:
    return title.partition("(")[2].rstrip(")")


def show(session: Session, options: Namespace) -> None:
    """Show an image as the service has it."""
    from kusto_magic.display.bundle import table
    from kusto_magic.errors import NotFound
    from kusto_magic.redaction import redact

    _, target = session.resolve_target(options)
    try:
        image = session.builds.ask(target, lambda client: client.get(options.name))
    except NotFound as missing:
        if (build := session.builds.running(target, options.name)) is not None:
            missing.next_step = f"{build!r} goes on; %kusto_image wait {build.name} waits for its end."
        raise
    lines = redact(image.requirements).splitlines()
    rows = [
        ("image", image.name),
        ("cluster", target.cluster),
        ("state", image.state),
        ("base", image.base_label),
        ("language", image.language),
        *(("requirements" if n == 0 else "", line) for n, line in enumerate(lines)),
    ]
    session.show(table(("property", "value"), rows, ""))


def check(session: Session, options: Namespace) -> None:
    """Ask whether an image's requirements would still install."""
    _, target = session.resolve_target(options)
    image = session.builds.ask(target, lambda client: client.get(options.name))
    show_check(session, target, image.to_spec())


def show_check(session: Session, target: Target, spec: ImageSpec) -> None:
    """Show what the preflight says, and send nothing. Raises RequirementsConflict, so that a headless run notices."""
    from kusto_magic.builds.event_loop import result_or_cancel
    from kusto_magic.display import preflight_report as plan

    forecast = result_or_cancel(session.builds.check(target, spec))
    session.show(plan.bundle(forecast))
    forecast.raise_for_conflict()


def attach(session: Session, options: Namespace) -> Build | Fleet | None:
    """Follow what goes on with an image; where it was begun on several clusters at once, with all of them."""
    settings = session.settings(options)
    limit = settings.timeout_hours * 3600
    history = session.builds.history
    latest = history.latest_open(options.name) or history.latest(options.name)
    if latest is not None and latest.fleet and not options.cluster:
        return session.present(session.builds.attach_fleet(latest, timeout=limit), options, settings)
    # In a kernel that was restarted no cluster is chosen yet; the history knows where the image was begun.
    known = None if settings.cluster else latest
    target = known.target if known else settings.target()
    return session.present(session.builds.attach(target, options.name, timeout=limit, send=True), options, settings)


def wait(session: Session, options: Namespace) -> Build | Fleet | None:
    """Wait until what goes on with an image has ended."""
    options.wait = "yes"
    return attach(session, options)


def delete(session: Session, options: Namespace) -> Build | Fleet | None:
    """Delete an image, on several clusters side by side."""
    from kusto_magic.builds.options import BuildOptions
    from kusto_magic.models.action import Action

    settings, targets = session.resolve_targets(options)
    if len(targets) > 1:
        how = BuildOptions(check=False, queue=True, protect_active=not options.yes)
        return session.present(
            session.builds.change_fleet(Action.DELETE, targets, options.name, how), options, settings
        )
    build = session.builds.delete(targets[0], options.name, queue=options.queue, protect_active=not options.yes)
    return session.present(build, options, settings)


def _packages(image: Image) -> tuple[str, str]:
    """Return how many packages an image asks for, and which."""
    from kusto_magic.errors import InvalidInput
    from kusto_magic.redaction import redact
    from kusto_magic.requirements import parser as requirements_text

    try:
        packages = requirements_text.parse(image.requirements, allow_index_options=True).packages
    except InvalidInput:
        return "", _truncate(redact(" ".join(image.requirements.split())))
    return str(len(packages)), _truncate(", ".join(package.text for package in packages))


def _truncate(text: str) -> str:
    return text if len(text) <= MAX_WIDTH else text[: MAX_WIDTH - 1] + "…"
