"""The subcommand `bases`: the managed images, and what they contain as documented or as read from the cluster."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator, Sequence

from kusto_magic.builds.event_loop import result_or_cancel
from kusto_magic.commands import documents
from kusto_magic.commands.session import Session
from kusto_magic.display import data_table
from kusto_magic.display.data_table import Cell, DataTable
from kusto_magic.display.waits import SlowQuery
from kusto_magic.errors import InvalidInputError, Problem
from kusto_magic.models.cluster_contents import NOTHING_READ, BaseList, ClusterContents
from kusto_magic.models.managed_images import MANAGED_IMAGES, ManagedImage
from kusto_magic.models.managed_packages import LIST_DATE
from kusto_magic.queries.live_base import LiveBase

BASES_HEAD = ("Image", "Python", "Packages", "List", "Status")
PACKAGES_HEAD = ("Package", "Version", "Documented version")
"""Column heads of the managed images and of the packages of one."""

NOT_LISTED = "not listed"
ABSENT = "–"
"""How a package is shown that the documented list does not have, or that the image does not contain."""


def bases(session: Session, options: Namespace) -> None:
    """List the managed images, or the packages of one; with `--live`, read them from the cluster first."""
    if options.name is not None and options.name not in MANAGED_IMAGES:
        available = ", ".join(MANAGED_IMAGES)
        raise InvalidInputError(
            [Problem("image", f"there is no managed image with this name; choose one of {available}")]
        )
    if options.live:
        _show_live(session, options)
        return
    if options.database is not None:
        raise InvalidInputError([Problem("--database", "it needs --live, which queries the cluster")])
    contents = _contents(session, options)
    if options.name is None:
        _show_all(session, contents)
    else:
        _show_packages(session, contents.base(options.name), [])


def _contents(session: Session, options: Namespace) -> ClusterContents:
    """Return what was read from the chosen cluster before; nothing is sent."""
    try:
        if session.has_target(options):
            return session.builds.contents.read(session.resolve_target(options)[1])
    except InvalidInputError:  # invalid settings are reported where a cluster is needed
        pass
    return NOTHING_READ


def _show_all(session: Session, contents: ClusterContents) -> None:
    lists = {name: contents.base(name) for name in MANAGED_IMAGES}
    rows = [_row(image, lists[name]) for name, image in MANAGED_IMAGES.items()]
    data = {"bases": [_base_json(lists[name]) for name in MANAGED_IMAGES]}
    session.show_table(DataTable("Managed images shipped by Azure", BASES_HEAD, rows, data=data))


def _row(image: ManagedImage, listed: BaseList) -> tuple[Cell, ...]:
    return (
        data_table.text(image.name),
        data_table.text(listed.python or image.python),
        data_table.count(len(listed.packages)),
        data_table.text(listed.source),
        data_table.text(image.title.partition("(")[2].rstrip(")")),
    )


def _base_json(listed: BaseList) -> documents.Json:
    return {
        "name": listed.image,
        "python": listed.python or MANAGED_IMAGES[listed.image].python,
        "packages": len(listed.packages),
        "readAt": documents.time_json(listed.read_at),
    }


def _show_packages(session: Session, listed: BaseList, notes: list[str]) -> None:
    head: Sequence[str] = PACKAGES_HEAD[:2]
    rows = [*map(_row_of, sorted(listed.packages.items()))]
    if listed.read_at is not None:
        compared = _compared(listed)
        head, rows = PACKAGES_HEAD, [*map(_row_of, compared)]
        different = sum(documented != "" for _, _, documented in compared)
        notes = [f"{different} of them differ from Microsoft's documentation of {LIST_DATE}.", *notes]
    caption = f"{len(listed.packages)} packages of managed image {listed.label}"
    packages = [{"name": name, "version": version} for name, version in sorted(listed.packages.items())]
    data = {"bases": [_base_json(listed)], "packages": packages}
    session.show_table(DataTable(caption, head, rows, notes=notes, data=data))


def _row_of(texts: Sequence[str]) -> tuple[Cell, ...]:
    return tuple(map(data_table.text, texts))


def _compared(listed: BaseList) -> list[tuple[str, str, str]]:
    """Return name, version and documented version ("" if it is the same) of each package, the different ones first."""
    documented = BaseList.documented(listed.image).packages
    found = []
    for name in listed.packages.keys() | documented.keys():
        version, other = listed.packages.get(name, ABSENT), documented.get(name, NOT_LISTED)
        found.append((name, version, "" if version == other else other))
    return sorted(found, key=lambda package: (package[2] == "", package[0]))


def _show_live(session: Session, options: Namespace) -> None:
    """Read the active managed image and show it. Raises as `BuildManager.read_base` does."""
    _, target = session.resolve_target(options)
    reading = session.builds.read_base(target, options.name or "", options.database or "")
    found = result_or_cancel(reading, SlowQuery(session.progress_output, target.cluster))
    _show_packages(session, found.listed, list(_live_notes(found, target.label)))


def _live_notes(found: LiveBase, cluster: str) -> Iterator[str]:
    listed = found.listed
    yield f"Python {listed.python} on {listed.platform}; the query ran in database {found.database}."
    yield f"Checks of images for {cluster} compare with this list from now on, instead of that of {LIST_DATE}."
    if found.policy is None:
        yield f"The memory of a sandbox is not known: {found.policy_reason}."
    else:
        yield f"A sandbox has {found.policy.memory:,} MB of memory."
    if found.unsaved:
        yield f"The list is kept until this session ends: {found.unsaved}."
