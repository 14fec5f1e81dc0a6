"""`%kusto_image doctor`: everything that a report of a problem needs, and nothing that is secret."""

from __future__ import annotations

import os
import platform
import time
from argparse import Namespace
from collections.abc import Awaitable, Callable, Iterator
from importlib import metadata
from typing import TYPE_CHECKING, TypeVar

from kusto_magic.commands.session import TARGET_SETTINGS, Session

if TYPE_CHECKING:
    from kusto_magic.arm.client import ImagesClient
    from kusto_magic.models.target import Target
    from kusto_magic.settings import Settings

PACKAGES = ("kusto-magic", "ipython", "ipykernel", "ipywidgets", "jupyterlab", "httpx", "azure-identity", "uv")
HIDDEN = "set, not shown"

T = TypeVar("T")
Row = tuple[str, str, str]


def doctor(session: Session, options: Namespace) -> None:
    """Look at everything, and show it as a table that can go into a report as it is."""
    from kusto_magic.display.bundle import table

    rows = [*_versions(session), *_cluster_settings(session, options)]
    settings = _settings(session, options)
    target = _target(settings) if settings else None
    if target is not None:
        rows += _cluster(session, target)
    rows += _history(session)
    session.show(table(("", "what", "found"), rows, ""))


# ── on this machine ──────────────────────────────────────────────────────────────────────────────────────────────


def _versions(session: Session) -> Iterator[Row]:
    for name in PACKAGES:
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            version = "not installed here"
        yield "", name, version
    yield "", "Python", f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    kind = "a terminal" if not session.in_kernel else "a kernel, a person before it"
    if session.in_kernel and not session.is_interactive:
        kind = "a kernel that nobody watches (no input is taken)"
    editor = "VS Code" if "VSCODE_PID" in os.environ else "a Jupyter server" if "JPY_SESSION_NAME" in os.environ else ""
    yield "", "front end", ", ".join(part for part in (kind, editor) if part)


def _settings(session: Session, options: Namespace) -> Settings | None:
    from kusto_magic.errors import InvalidInput

    try:
        return session.settings(options)
    except InvalidInput:
        return None


def _target(settings: Settings) -> Target | None:
    from kusto_magic.errors import InvalidInput

    try:
        return settings.target()
    except InvalidInput:
        return None


def _cluster_settings(session: Session, options: Namespace) -> Iterator[Row]:
    from kusto_magic.errors import InvalidInput

    try:
        settings = session.settings(options)
        for name in TARGET_SETTINGS:
            value = getattr(settings, name)
            shown = HIDDEN if name in ("subscription", "resource_group", "cluster") else value
            if value:
                yield "✔", name.replace("_", " "), f"{shown} (from {settings.sources[name]})"
        settings.target()
    except InvalidInput as refused:
        for problem in refused.problems:
            yield "✖", problem.field, problem.message


# ── with the cluster ─────────────────────────────────────────────────────────────────────────────────────────────


def _cluster(session: Session, target: Target) -> Iterator[Row]:
    from kusto_magic.models.cluster import active_image

    async def listed(client: ImagesClient) -> str:
        images = await client.list()
        who = f", signed in as {client.identity}" if client.identity else ""
        return f"{len(images)} images{who}"

    async def switched(client: ImagesClient) -> str:
        name = active_image(await client.extensions())
        return "python() is switched off" if name is None else "python() is switched on"

    yield _timed_check(session, target, "sign-in and images", listed)
    yield _timed_check(session, target, "language extensions", switched)
    if target.is_local:
        yield "", "rights (RBAC)", "not asked: the emulator knows no roles"
    else:
        yield _timed_check(session, target, "rights (RBAC)", _permissions)


async def _permissions(client: ImagesClient) -> str:
    from kusto_magic.arm.subscription import list_permissions
    from kusto_magic.models import permission as rights

    lacking = rights.missing((*rights.IMAGES, *rights.EXTENSIONS), await list_permissions(client))
    return f"missing: {', '.join(lacking)}" if lacking else "all that are needed"


def _timed_check(
    session: Session, target: Target, what: str, question: Callable[[ImagesClient], Awaitable[str]]
) -> Row:
    """Return what came of a question, and how long it took."""
    from kusto_magic.errors import KustoImageError
    from kusto_magic.redaction import redact

    began = time.monotonic()
    try:
        mark, words = "✔", session.builds.ask(target, question)
    except KustoImageError as error:
        mark, words = "✖", "; ".join(line.strip() for line in error.lines())
    mark = "✖" if words.startswith("missing: ") else mark
    return mark, what, f"{_without_names(redact(words), target)} ({time.monotonic() - began:.1f} s)"


def _without_names(words: str, target: Target) -> str:
    """Take out what says whose cluster it is: the service repeats whole ids in its messages."""
    for name in (target.subscription, target.resource_group, target.cluster):
        words = words.replace(name, "•••")
    return words


def _history(session: Session) -> Iterator[Row]:
    history = session.builds.history
    records = history.recent(1000)
    going_on = sum(record.ended_at is None for record in records)
    mark = "✖" if history.warning else "✔"
    yield mark, "history", history.warning or f"{len(records)} kept, {going_on} of them without an end"
