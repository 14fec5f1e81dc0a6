"""The subcommand `bases`: the managed images, and what they contain as documented or as read from the cluster."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence

from packaging.version import Version

from kusto_magic.builds.event_loop import result_or_cancel
from kusto_magic.commands import documents
from kusto_magic.commands.session import TARGET_SETTINGS, Session
from kusto_magic.display import data_table
from kusto_magic.display.data_table import Cell, DataTable
from kusto_magic.display.waits import SlowQuery
from kusto_magic.errors import InvalidInputError, Problem
from kusto_magic.models.cluster_contents import NOTHING_READ, BaseList, ClusterContents
from kusto_magic.models.managed_images import MANAGED_IMAGES, ManagedImage
from kusto_magic.models.managed_packages import LIST_DATE
from kusto_magic.queries.live_base import LiveBase

BASES_HEAD = ("Image", "Python", "Packages", "List", "Status")
"""Column heads of the managed images."""

PACKAGES_HEAD = ("Package", "Version", "Documented version")
"""Column heads of the packages of a managed image."""

NOT_LISTED = "not listed"
"""Documented version of a package that Microsoft's list does not have."""

ABSENT = "–"
"""Version of a documented package that the image does not contain."""


def bases(session: Session, options: Namespace) -> None:
    """List the managed images, or the packages of one; with `--live`, read them from the cluster first."""
    if options.name is not None and options.name not in MANAGED_IMAGES:
        available = ", ".join(MANAGED_IMAGES)
        raise InvalidInputError(
            [Problem("image", f"there is no managed image with this name; choose one of {available}")]
        )
    if options.database is not None and not options.live:
        raise InvalidInputError([Problem("--database", "it needs --live, which queries the cluster")])
    if options.live:
        _show_live(session, options)
    elif options.forget:
        _forget(session, options)
    else:
        _show_kept(session, options)


def _show_kept(session: Session, options: Namespace) -> None:
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
    except InvalidInputError:
        if any(getattr(options, name, None) for name in TARGET_SETTINGS):
            raise
        # Invalid settings are reported where a cluster is needed.
    return NOTHING_READ


def _forget(session: Session, options: Namespace) -> None:
    """Forget what was read from the cluster, of one image or of all; nothing is sent."""
    _, target = session.resolve_target(options)
    unsaved = session.builds.contents.forget(target, options.name or "")
    if unsaved:
        raise InvalidInputError([Problem("--forget", unsaved)])
    what = f"The list of {options.name}" if options.name else "What was read from it"
    session.show_message(
        f"{what} is forgotten: checks for {target.label} compare with Microsoft's documentation again."
    )


def _show_all(session: Session, contents: ClusterContents) -> None:
    lists = {name: contents.base(name) for name in MANAGED_IMAGES}
    rows = [_row(image, lists[name]) for name, image in MANAGED_IMAGES.items()]
    data = {"bases": [_base_json(lists[name]) for name in MANAGED_IMAGES]}
    session.show_table(DataTable("Managed images shipped by Azure", BASES_HEAD, rows, data=data))


def _row(image: ManagedImage, listed: BaseList) -> tuple[Cell, ...]:
    return (
        data_table.text(image.name),
        data_table.text(listed.python),
        data_table.count(len(listed.packages)),
        data_table.text(listed.source),
        data_table.text(image.title.partition("(")[2].rstrip(")")),
    )


def _base_json(listed: BaseList) -> documents.Json:
    return {
        "name": listed.image,
        "python": listed.python,
        "packages": len(listed.packages),
        "readAt": documents.time_json(listed.read_at),
    }


def _show_packages(
    session: Session, listed: BaseList, notes: Sequence[str], data: Mapping[str, object] | None = None
) -> None:
    is_read = listed.read_at is not None
    compared = _compared(listed)
    head, rows = (PACKAGES_HEAD, compared) if is_read else (PACKAGES_HEAD[:2], [row[:2] for row in compared])
    caption = f"{len(listed.packages)} packages of managed image {listed.label}"
    packages = [{"name": name, "version": version} for name, version in sorted(listed.packages.items())]
    data = {"bases": [_base_json(listed)], "packages": packages, **(data or {})}
    notes = [*(_differences(listed, compared) if is_read else ()), *notes]
    session.show_table(
        DataTable(caption, head, [tuple(map(data_table.text, row)) for row in rows], notes=notes, data=data)
    )


def _compared(listed: BaseList) -> list[tuple[str, str, str]]:
    """Return name, version and documented version ("" if it is the same) of each package, the different ones first."""
    documented = BaseList.documented(listed.image).packages
    found = []
    for name in listed.packages.keys() | documented.keys():
        version, other = listed.packages.get(name, ABSENT), documented.get(name, NOT_LISTED)
        found.append((name, version, "" if _is_same(version, other) else other))
    return sorted(found, key=lambda package: (package[2] == "", package[0]))


def _is_same(version: str, other: str) -> bool:
    return not {version, other} & {ABSENT, NOT_LISTED} and Version(version) == Version(other)


def _differences(listed: BaseList, compared: Sequence[tuple[str, str, str]]) -> Iterator[str]:
    """Yield how a list that was read differs from the documented one."""
    missing = sum(version == ABSENT for _, version, _ in compared)
    added = sum(documented == NOT_LISTED for _, _, documented in compared)
    changed = sum(documented != "" for _, _, documented in compared) - missing - added
    yield (
        f"Compared with Microsoft's documentation of {LIST_DATE}: {changed} in another version, {added} not listed, "
        f"{missing} listed but not in the image."
    )
    if listed.left_out:
        yield f"Left out since their names or versions are not valid: {listed.left_out}."


def _show_live(session: Session, options: Namespace) -> None:
    """Read the active managed image and show it. Raises as `BuildManager.read_base` does."""
    _, target = session.resolve_target(options)
    reading = session.builds.read_base(target, options.name or "", options.database or "")
    found = result_or_cancel(reading, SlowQuery(session.progress_output, target.cluster))
    policy = {"memory": found.policy.memory, "readAt": documents.time_json(found.policy.read_at)}
    _show_packages(session, found.listed, list(_live_notes(found, target.label)), {"sandbox": policy})


def _live_notes(found: LiveBase, cluster: str) -> Iterator[str]:
    listed, policy = found.listed, found.policy
    yield f"Python {listed.python} on {listed.platform}; the query ran in database {found.database}."
    if found.unsaved:
        yield f"This list is lost when the session ends: {found.unsaved}."
    else:
        yield f"Checks of images for {cluster} compare with this list from now on, instead of that of {LIST_DATE}."
    if found.policy_reason:
        yield f"The sandbox policy was not read: {found.policy_reason}."
    yield f"Checks expect {policy.memory:,} MB of memory in a sandbox, {policy.source}."
