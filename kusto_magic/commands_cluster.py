"""The subcommands about the cluster: which one is meant, and the panel for it."""

from __future__ import annotations

from argparse import Namespace

from kusto_magic.session import PLACE, Session


def use(here: Session, options: Namespace) -> None:
    """Choose the cluster for this notebook, or the emulator."""
    place = _emulator(options) if options.what == "emulator" else {name: getattr(options, name) or "" for name in PLACE}
    _, target = here.place(Namespace(**place))
    for name in PLACE:
        setattr(here.magics, name, place[name])
    where = "on the local emulator" if target.is_local else f"at {target.endpoint}"
    here.say(f"Using cluster {target.cluster} in resource group {target.resource_group}, {where}.")


def _emulator(options: Namespace) -> dict[str, str]:
    from kusto_magic.emulator import launch

    if options.build_seconds is not None:
        launch.stop()  # its images and running builds stay
    ready = launch.find_or_start(12 if options.build_seconds is None else options.build_seconds).target
    names = (ready.subscription, ready.resource_group, ready.cluster, "", ready.endpoint)
    return dict(zip(PLACE, names, strict=True))


def panel(here: Session, options: Namespace) -> None:
    """Open the form."""
    from kusto_magic.panel import ImagePanel

    ImagePanel(settings=here.settings(options), builds=here.builds, shell=here.shell).display()
