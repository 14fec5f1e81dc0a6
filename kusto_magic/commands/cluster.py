"""The subcommands about the cluster: which one is meant, what it runs, the panel for it."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Mapping
from typing import TYPE_CHECKING

from kusto_magic.commands.session import TARGET_SETTINGS, Session

if TYPE_CHECKING:
    from kusto_magic.builds.build import Build
    from kusto_magic.builds.fleet import Fleet
    from kusto_magic.models.target import Target


def use(session: Session, options: Namespace) -> None:
    """Choose the cluster for this notebook, or the emulator."""
    before = {name: getattr(session.magics, name) for name in TARGET_SETTINGS}
    place = _cluster_settings(options, before)
    _set_traits(session, place)
    try:
        _, target = session.resolve_target(Namespace(credential=options.credential))
        who = _sign_in(session, options.credential, target)
        if options.save:
            _save(place | ({"credential": options.credential} if options.credential else {}), target)
    except BaseException:
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
    """Return whether the environment or config.toml name a cluster."""
    from kusto_magic import settings

    found = settings.resolve({}, {}, os.environ, settings.read_config(settings.config_file(os.environ)))
    return bool(found.cluster)


def _sign_in(session: Session, kind: str, target: Target) -> str:
    """Sign in as the line says; return whom it names, also where that was said before, "" where that is not known."""
    if not kind or target.is_local:
        return session.builds.identity(target)
    from kusto_magic.commands.sign_in import sign_in

    who = sign_in(session, kind, target)
    session.magics.credential = session.credential_type = kind
    return who


def _set_traits(session: Session, place: Mapping[str, str]) -> None:
    for name in TARGET_SETTINGS:
        setattr(session.magics, name, place[name])


def _settings_from_options(options: Namespace, before: Mapping[str, str]) -> dict[str, str]:
    """Return the place that a line names; what it leaves out stays, unless that was the emulator's."""
    from urllib.parse import urlsplit

    from kusto_magic.models.endpoint import is_loopback

    kept = {} if is_loopback(urlsplit(before["endpoint"]).hostname or "") else dict(before)
    if options.cloud or options.endpoint:
        kept |= {"cloud": "", "endpoint": ""}
    if "/" in (options.cluster or ""):  # a whole ARM id
        kept |= {"subscription": "", "resource_group": ""}
    return {name: getattr(options, name) or kept.get(name, "") for name in TARGET_SETTINGS}


def _save(place: Mapping[str, str], target: Target) -> None:
    from kusto_magic import settings
    from kusto_magic.errors import InvalidInput, Problem

    if target.is_local:
        words = "the emulator's address changes with each start; %kusto_image use emulator finds it"
        raise InvalidInput([Problem("--save", words)])
    settings.save(settings.config_file(os.environ), place)


def _start_emulator(options: Namespace) -> dict[str, str]:
    from kusto_magic.arm import local_emulator as launch

    seconds, count = options.build_seconds, options.clusters
    running = None if seconds is None and count is None else launch.find()
    if running is not None:
        seconds = running.build_seconds if seconds is None else seconds
        count = running.clusters if count is None else count
        if (seconds, count) != (running.build_seconds, running.clusters):
            launch.stop()  # its images and running builds stay
    ready = launch.find_or_start(12 if seconds is None else seconds, clusters=count or 1).target
    names = (ready.subscription, ready.resource_group, ready.cluster, "", ready.endpoint)
    return dict(zip(TARGET_SETTINGS, names, strict=True))


def panel(session: Session, options: Namespace) -> None:
    """Open the form."""
    from kusto_magic.panel.panel import ImagePanel

    ImagePanel(settings=session.settings(options), builds=session.builds, shell=session.shell).display()


def clusters(session: Session, options: Namespace) -> None:
    """List the clusters of the subscription."""
    from kusto_magic.arm.subscription import list_clusters
    from kusto_magic.display.bundle import table
    from kusto_magic.errors import InvalidInput, Problem
    from kusto_magic.models.cluster import active_image
    from kusto_magic.models.endpoint import CLOUDS
    from kusto_magic.models.target import Target

    settings = session.settings(options)
    if not settings.subscription:
        step = "%kusto_image clusters --subscription ID, or choose one first with %kusto_image use."
        raise InvalidInput([Problem("subscription", "not set")], next_step=step)
    endpoint = settings.endpoint or CLOUDS[settings.cloud or "public"].endpoint
    # The list needs a subscription only; a target has a group and a cluster too.
    anywhere = Target(settings.subscription, "any", "any", endpoint=endpoint)
    found = session.builds.ask(anywhere, list_clusters)
    session.name_cache.clusters = tuple(cluster.name for cluster in found)
    rows = [
        (it.name, it.resource_group, it.location, it.state, it.sku, _python_state(active_image(it.extensions)))
        for it in found
    ]
    empty = "You may see no cluster in this subscription."
    session.show(table(("cluster", "resource group", "region", "state", "SKU", "Python"), rows, empty))


def _python_state(active: str | None) -> str:
    return "off" if active is None else active or "on"


def active(session: Session, options: Namespace) -> None:
    """Say which image the queries of the cluster run on."""
    _, target = session.resolve_target(options)
    name = _active(session, target)
    words = {
        None: f"python() is switched off on cluster {target.cluster}; %kusto_image enable IMAGE switches it on.",
        "": f"python() is switched on on cluster {target.cluster}; the service does not say with which image.",
    }
    session.show_message(words.get(name, f"The queries of cluster {target.cluster} run on {name}."))


def enable(session: Session, options: Namespace) -> Build | Fleet | None:
    """Let the queries of the cluster run on an image, on several clusters side by side."""
    from kusto_magic.builds.options import BuildOptions
    from kusto_magic.models.action import Action

    settings, targets = session.resolve_targets(options)
    if len(targets) > 1:
        how = BuildOptions(check=False, queue=True)
        return session.present(
            session.builds.change_fleet(Action.ENABLE, targets, options.name, how), options, settings
        )
    return session.present(session.builds.enable(targets[0], options.name, queue=options.queue), options, settings)


def disable(session: Session, options: Namespace) -> Build | Fleet | None:
    """Switch python() off, on several clusters side by side."""
    from kusto_magic.builds.options import BuildOptions
    from kusto_magic.models.action import Action
    from kusto_magic.models.cluster import PYTHON

    settings, targets = session.resolve_targets(options)
    if len(targets) > 1:
        how = BuildOptions(check=False, queue=True)
        return session.present(session.builds.change_fleet(Action.DISABLE, targets, PYTHON, how), options, settings)
    target = targets[0]
    name = _active(session, target)
    if name is None:
        session.show_message(f"python() is switched off on cluster {target.cluster} already.")
        return None
    return session.present(session.builds.disable(target, name, queue=options.queue), options, settings)


def _active(session: Session, target: Target) -> str | None:
    from kusto_magic.models.cluster import active_image

    return active_image(session.builds.ask(target, lambda client: client.extensions()))
