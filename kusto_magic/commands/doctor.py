"""`%kusto_image doctor`: the facts needed for a bug report, without secrets; the account only with --identity."""

from __future__ import annotations

import os
import platform
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from importlib import metadata

from kusto_magic.arm.client import ImagesClient
from kusto_magic.builds.event_loop import result_or_cancel
from kusto_magic.commands.doctor_machine import HIDDEN, Row, machine
from kusto_magic.commands.session import TARGET_SETTINGS, Session
from kusto_magic.display import data_table
from kusto_magic.display.data_table import DataTable
from kusto_magic.errors import InvalidInputError, KustoImageError
from kusto_magic.models import permission
from kusto_magic.models.cluster import PythonOff, UnknownImage
from kusto_magic.models.image import ImageSpec
from kusto_magic.models.target import Subscription, Target
from kusto_magic.preflight.report import Verdict
from kusto_magic.redaction import redact
from kusto_magic.settings import Settings

PACKAGES = ("kusto-magic", "ipython", "ipykernel", "ipywidgets", "jupyterlab", "httpx", "azure-identity", "uv")
"""Distributions whose versions are reported."""

MAX_CLOCK_OFFSET = 120.0
"""Seconds by which the clock of this machine may differ from the service's; Entra ID's tokens allow 300."""

PROBE, PROBE_PYTHON = "packaging", "3.11.7"
"""A small package that every index has, and a Python of the service: the index is asked for it."""

MISSING, UNKNOWN = "missing: ", "unknown: "
"""Beginnings of results that are marked as failed, although nothing was raised."""

MARKS = {"✔": True, "✖": False, "": None}
"""Meaning of the marks: None is information alone."""

HEAD = ("", "Check", "Result")
"""Column heads."""


def doctor(session: Session, options: Namespace) -> None:
    """Check versions, network, sign-in, permissions, index and history; show a table to paste into a bug report."""
    rows = [*_versions(), *machine(session, os.environ), *_cluster_settings(session, options)]
    settings = _settings(session, options)
    target = _target(settings) if settings else None
    if target is not None:
        rows += _cluster(session, target, names_account=options.identity)
    rows += _history(session)
    cells = [tuple(map(data_table.text, row)) for row in rows]
    data = {"checks": [{"ok": MARKS[mark], "check": name, "result": text} for mark, name, text in rows]}
    session.show_table(DataTable("Report of kusto_magic for a bug report, without secrets", HEAD, cells, data=data))


# ── on this machine ────────────────────────────────────────────────────────────────────────────────────────────────


def _versions() -> Iterator[Row]:
    for name in PACKAGES:  # none of them is imported: that would take seconds
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            version = "not installed"
        yield "", name, version
    yield "", "Python", f"{platform.python_version()} on {platform.system()} {platform.machine()}"


def _settings(session: Session, options: Namespace) -> Settings | None:

    try:
        return session.settings(options)
    except InvalidInputError:
        return None


def _target(settings: Settings) -> Target | None:

    try:
        return settings.target()
    except InvalidInputError:
        return None


def _cluster_settings(session: Session, options: Namespace) -> Iterator[Row]:

    try:
        settings = session.settings(options)
        for name in TARGET_SETTINGS:
            value = getattr(settings, name)
            is_shown = name in ("cloud", "endpoint") or (name == "tenant" and options.identity)
            displayed = value if is_shown else HIDDEN
            if value:
                yield "✔", name.replace("_", " "), f"{displayed} (from {settings.sources[name]})"
        method = "a credential object of the notebook" if session.given else settings.credential or "default"
        yield "", "sign-in method", method
        settings.target()
    except InvalidInputError as error:
        for problem in error.problems:
            advice = f". {session.syntax.hints.text(problem.hint)}" if problem.hint else ""
            yield "✖", problem.field, f"{problem.message}{advice}"


# ── with the cluster ───────────────────────────────────────────────────────────────────────────────────────────────


def _cluster(session: Session, target: Target, *, names_account: bool) -> Iterator[Row]:

    async def sign_in_state(client: ImagesClient) -> str:
        images = await client.list()
        identity = client.account if names_account else client.identity
        who = f", signed in as {identity}" if identity else ""
        count = "1 image" if len(images) == 1 else f"{len(images)} images"
        return f"{count}{who}"

    async def extension_state(client: ImagesClient) -> str:
        match await client.active():
            case PythonOff():
                return "python() is disabled"
            case UnknownImage(reason):
                return f"{UNKNOWN}{reason}"
        return "python() is enabled"

    yield _timed_check(session, target, "sign-in and images", lambda: session.builds.ask(target, sign_in_state))
    yield _clock(session, target)
    yield _timed_check(session, target, "language extensions", lambda: session.builds.ask(target, extension_state))
    if target.is_local:
        yield "", "permissions (RBAC)", "not checked: the emulator has no roles"
    else:
        yield _timed_check(session, target, "permissions (RBAC)", lambda: _permissions(session, target))
    yield _timed_check(session, target, "package index", lambda: _index(session, target))


def _clock(session: Session, target: Target) -> Row:
    """Compare the clock of this machine with the date of the service's last response."""

    async def offset(client: ImagesClient) -> float | None:
        return client.clock_offset

    try:
        ahead = session.builds.ask(target, offset)
    except KustoImageError:  # the line above says why
        ahead = None
    if ahead is None:
        return "", "clock", "not checked: no response with a date"
    if abs(ahead) <= MAX_CLOCK_OFFSET:
        return "✔", "clock", "agrees with that of the service"
    direction = "ahead of" if ahead > 0 else "behind"
    return "✖", "clock", f"{abs(ahead):,.0f} s {direction} that of the service: tokens and times are wrong; set it"


def _index(session: Session, target: Target) -> str:
    """Resolve one small package with the configured index, as the check before a build does."""
    report = result_or_cancel(session.builds.check(target, ImageSpec(PROBE, python_version=PROBE_PYTHON)))
    if report.verdict is Verdict.COMPATIBLE:
        return f"answers: {PROBE} can be resolved"
    return f"{UNKNOWN}{report.reason}"


def _permissions(session: Session, target: Target) -> str:

    granted = session.builds.ask_subscription(Subscription.of(target), lambda client: client.list_permissions(target))
    needed = (*permission.IMAGES, *permission.ACTIVE_IMAGE, *permission.EXTENSIONS)
    missing = permission.missing(needed, granted)
    return f"{MISSING}{', '.join(missing)}" if missing else "all required permissions granted"


def _timed_check(session: Session, target: Target, name: str, check: Callable[[], str]) -> Row:
    """Return the result of a check and its duration."""
    started = time.monotonic()
    try:
        mark, text = "✔", check()
    except KustoImageError as error:
        mark, text = "✖", "; ".join(line.strip() for line in error.lines(session.syntax.hints))
    mark = "✖" if text.startswith((MISSING, UNKNOWN)) else mark  # these are results, not errors
    return mark, name, f"{_without_names(redact(text), target)} ({time.monotonic() - started:.1f} s)"


def _without_names(text: str, target: Target) -> str:
    """Mask the names that identify the cluster: the service repeats full ARM IDs in its messages."""
    for name in (target.subscription, target.resource_group, target.cluster):
        text = text.replace(name, "•••")
    return text


def _history(session: Session) -> Iterator[Row]:
    history = session.builds.history
    records = history.recent(1000)
    unfinished = sum(record.ended_at is None for record in records)
    mark = "✖" if history.warning else "✔"
    yield mark, "history", history.warning or f"{len(records)} records, {unfinished} of them unfinished"
