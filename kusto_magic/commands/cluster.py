"""Subcommands for the cluster: use, panel, clusters, active, enable and disable."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Mapping, Sequence

from kusto_magic import settings
from kusto_magic.arm import local_emulator
from kusto_magic.arm.credentials import GivenCredential
from kusto_magic.arm.subscription import SubscriptionClient
from kusto_magic.builds.build import Build
from kusto_magic.builds.fleet import Fleet
from kusto_magic.builds.options import BuildOptions
from kusto_magic.builds.request import BuildRequest
from kusto_magic.commands import documents
from kusto_magic.commands.given_credential import given_credential
from kusto_magic.commands.session import TARGET_SETTINGS, Session
from kusto_magic.commands.sign_in import sign_in
from kusto_magic.display import data_table
from kusto_magic.display.data_table import Cell, DataTable
from kusto_magic.errors import InvalidInputError, Problem
from kusto_magic.hints import Hint, HintKind
from kusto_magic.models.action import Action
from kusto_magic.models.cluster import PYTHON, ActiveImage, Cluster, PythonState, UnknownImage
from kusto_magic.models.endpoint import is_loopback
from kusto_magic.models.naming import base_image_problem
from kusto_magic.models.target import Subscription, Target
from kusto_magic.settings import Settings, SignIn

CLUSTERS_HEAD = ("Cluster", "Selected", "Resource group", "Region", "State", "SKU", "Python")
"""Column heads of `clusters`."""


def use(session: Session, options: Namespace) -> None:
    """Choose the cluster for this notebook, or the emulator."""
    before = {name: getattr(session.config, name) for name in TARGET_SETTINGS}
    given = given_credential(session.variables, options.given) if options.given else None
    if given and options.save:
        raise InvalidInputError(
            [Problem("--save", "a credential object cannot be saved; leave out one of the options")]
        )
    values = _cluster_settings(options, before)
    _set_traits(session, values)
    try:
        # The traits set above supply the cluster.
        found, target = session.resolve_target(Namespace(credential=options.credential))
        who = _sign_in(session, found.sign_in, target, given, is_named=bool(options.credential))
        if options.save:
            _save(values | ({"credential": options.credential} if options.credential else {}), target)
    except BaseException:  # also an interrupted sign-in: keep the previous cluster
        _set_traits(session, before)
        raise
    session.name_cache.clear()
    where = "on the local emulator" if target.is_local else f"at {target.endpoint}"
    subscription = "" if target.is_local else f" of subscription {target.subscription[:8]}…"
    signed_in = f" Signed in as {who}." if who else ""
    session.show_message(
        f"Using cluster {target.cluster} in resource group {target.resource_group}{subscription}, {where}.{signed_in}"
    )


def _cluster_settings(options: Namespace, before: Mapping[str, str]) -> dict[str, str]:
    if options.what == "emulator" and not (options.unless_set and _is_configured()):
        return _start_emulator(options)
    return _settings_from_options(options, before)


def _is_configured() -> bool:
    """Return whether the environment or config.toml set a cluster."""
    found = settings.resolve({}, {}, os.environ, settings.read_config(settings.config_file(os.environ)))
    return bool(found.cluster)


def _sign_in(session: Session, chosen: SignIn, target: Target, given: GivenCredential | None, *, is_named: bool) -> str:
    """Sign in if the line names a method or an object; return the identity, or "" if it is not known."""
    if target.is_local or not (given or is_named):
        return session.builds.identity(target)
    try:
        who = sign_in(session, chosen, target, given)
    except BaseException:  # also an interrupted sign-in
        session.restore_sign_in()
        raise
    session.config.credential = "" if given else chosen.credential
    session.sign_in, session.given = chosen, given
    return who


def _set_traits(session: Session, values: Mapping[str, str]) -> None:
    for name in TARGET_SETTINGS:
        setattr(session.config, name, values[name])


def _settings_from_options(options: Namespace, before: Mapping[str, str]) -> dict[str, str]:
    """Return the target settings of a line; omitted ones keep their value, unless it belonged to the emulator."""
    from urllib.parse import urlsplit

    current = {} if is_loopback(urlsplit(before["endpoint"]).hostname or "") else dict(before)
    if options.cloud or options.endpoint:
        current |= {"cloud": "", "endpoint": ""}
    if "/" in (options.cluster or ""):  # a full ARM ID
        current |= {"subscription": "", "resource_group": ""}
    if options.subscription or "/" in (options.cluster or ""):  # it may be another tenant's
        current |= {"tenant": ""}
    return {name: getattr(options, name) or current.get(name, "") for name in TARGET_SETTINGS}


def _save(values: Mapping[str, str], target: Target) -> None:
    if target.is_local:
        raise InvalidInputError([Problem("--save", "the URL of the emulator changes with each start; it is not saved")])
    settings.save(settings.config_file(os.environ), values)


def _start_emulator(options: Namespace) -> dict[str, str]:

    seconds, count = options.build_seconds, options.clusters
    # Asked only if an option may differ from its setting.
    running = None if seconds is None and count is None else local_emulator.find()
    if running is not None:
        seconds = running.build_seconds if seconds is None else seconds
        count = running.clusters if count is None else count
        if (seconds, count) != (running.build_seconds, running.clusters):
            local_emulator.stop()  # its images and running builds are stored on disk
    emulator = local_emulator.find_or_start(12 if seconds is None else seconds, clusters=count or 1).target
    names = (emulator.subscription, emulator.resource_group, emulator.cluster, "", emulator.endpoint, "")
    return dict(zip(TARGET_SETTINGS, names, strict=True))


def panel(session: Session, options: Namespace) -> None:
    """Open the form to create and manage images."""
    session.open_panel(session.settings(options))


def clusters(session: Session, options: Namespace) -> None:
    """List the clusters of the subscription."""
    settings = session.settings(options)
    if not settings.subscription:
        raise InvalidInputError([Problem("subscription", "not set")], hint=Hint(HintKind.CHOOSE_SUBSCRIPTION))
    subscription = Subscription(settings.subscription, settings.endpoint_url)
    found = session.builds.ask_subscription(subscription, SubscriptionClient.list_clusters)
    session.name_cache.clusters = tuple(cluster.name for cluster in found)
    rows = [_row(cluster, is_selected=_is_selected(cluster, settings)) for cluster in found]
    others = session.syntax.command("clusters", "--subscription", "ID")
    empty = f"No clusters found that you can access in this subscription; {others} lists those of another one."
    caption = f"Clusters of subscription {settings.subscription[:8]}…"
    data = {"clusters": [documents.cluster_json(it, is_selected=_is_selected(it, settings)) for it in found]}
    session.show_table(DataTable(caption, CLUSTERS_HEAD, rows, empty, data=data))


def _is_selected(cluster: Cluster, settings: Settings) -> bool:
    selected = (settings.cluster.lower(), settings.resource_group.lower())
    return (cluster.name.lower(), cluster.resource_group.lower()) == selected


def _row(cluster: Cluster, *, is_selected: bool) -> tuple[Cell, ...]:
    place = (cluster.resource_group, cluster.location, cluster.state, cluster.sku, str(cluster.python))
    return tuple(map(data_table.text, (cluster.name, "✔ in use" if is_selected else "", *place)))


def active(session: Session, options: Namespace) -> None:
    """Show the image that queries use."""
    _, target = session.resolve_target(options)
    state = _active(session, target)
    match state:
        case ActiveImage(name):
            text = f"Queries on cluster {target.cluster} use {name}."
        case UnknownImage() as unknown:
            text = unknown.text(session.syntax.hints)
        case _:
            enabling = session.syntax.command("enable", "IMAGE")
            text = f"python() is disabled on cluster {target.cluster}; {enabling} enables it."
    session.show_message(text, {"active": documents.active_json(state)})


def enable(session: Session, options: Namespace) -> Build | Fleet | None:
    """Enable python() with an image, on several clusters in parallel."""
    settings, targets = session.resolve_targets(options)
    build_options = change_options(options, settings, targets)
    requests = [BuildRequest(Action.ENABLE, target, options.name, options=build_options) for target in targets]
    return session.start(requests, options, settings)


def disable(session: Session, options: Namespace) -> Build | Fleet | None:
    """Disable python(), on several clusters in parallel."""
    settings, targets = session.resolve_targets(options)
    python = _active(session, targets[0]) if len(targets) == 1 else None
    name = python.name if isinstance(python, ActiveImage) else ""
    # It becomes part of the commands that the card suggests.
    known = PYTHON if not name or base_image_problem(name) else name
    build_options = change_options(options, settings, targets)
    requests = [BuildRequest(Action.DISABLE, target, known, options=build_options) for target in targets]
    return session.start(requests, options, settings)


def change_options(options: Namespace, settings: Settings, targets: Sequence[Target]) -> BuildOptions:
    """Return the options of a deletion, enabling or disabling; a fleet always waits for busy clusters."""
    queue, protect = options.queue or len(targets) > 1, not getattr(options, "yes", False)
    timeout = settings.timeout_hours * 3600
    force = getattr(options, "force", False)
    return BuildOptions(check=False, force=force, queue=queue, protect_active=protect, timeout=timeout)


def _active(session: Session, target: Target) -> PythonState:
    return session.builds.ask(target, lambda client: client.active())
