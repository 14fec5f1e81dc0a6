"""The subcommands about one image: show, check, attach, wait, delete; and the list of all."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from kusto_magic.session import Session

if TYPE_CHECKING:
    from kusto_magic.builds import Build
    from kusto_magic.models import ImageSpec, Target


def list_images(here: Session, options: Namespace) -> None:
    """List the images of the cluster."""
    from kusto_magic.card import table

    _, target = here.place(options)
    images = here.builds.ask(target, lambda client: client.list())
    rows = [(image.name, image.state, image.foundation, _packages(image.requirements)) for image in images]
    empty = f"Cluster {target.cluster} has no custom images yet; %%kusto_image NAME --base Python3_11_7 makes one."
    here.show(table(("image", "state", "base", "requirements"), rows, empty))


def show(here: Session, options: Namespace) -> None:
    """Show an image as the service has it."""
    from kusto_magic.card import table
    from kusto_magic.redaction import redact

    _, target = here.place(options)
    image = here.builds.ask(target, lambda client: client.get(options.name))
    lines = redact(image.requirements).splitlines()
    rows = [
        ("image", image.name),
        ("cluster", target.cluster),
        ("state", image.state),
        ("base", image.foundation),
        ("language", image.language),
        *(("requirements" if n == 0 else "", line) for n, line in enumerate(lines)),
    ]
    here.show(table(("property", "value"), rows, ""))


def check(here: Session, options: Namespace) -> None:
    """Ask whether an image's requirements would still install."""
    _, target = here.place(options)
    image = here.builds.ask(target, lambda client: client.get(options.name))
    show_check(here, target, image.to_spec())


def show_check(here: Session, target: Target, spec: ImageSpec) -> None:
    """Show what the preflight says, and send nothing. Raises DoesNotFit, so that a headless run notices."""
    from kusto_magic import plan
    from kusto_magic.builds import refuse_misfit, wait

    forecast = wait(here.builds.check(target, spec))
    here.show(plan.bundle(forecast))
    refuse_misfit(forecast)


def attach(here: Session, options: Namespace) -> Build | None:
    """Follow what goes on with an image."""
    settings = here.settings(options)
    # In a kernel that was restarted no cluster is chosen yet; the history knows where the image was begun.
    known = None if settings.cluster else here.builds.history.latest(options.name)
    target = known.target if known else settings.target()
    build = here.builds.attach(target, options.name, limit=settings.limit_hours * 3600)
    return here.present(build, options, settings)


def wait(here: Session, options: Namespace) -> Build | None:
    """Wait until what goes on with an image has ended."""
    options.wait = "yes"
    return attach(here, options)


def delete(here: Session, options: Namespace) -> Build | None:
    """Delete an image."""
    settings, target = here.place(options)
    return here.present(here.builds.delete(target, options.name), options, settings)


def _packages(requirements: str) -> str:
    from kusto_magic import requirements as requirements_text
    from kusto_magic.errors import InvalidInput

    try:
        packages = requirements_text.parse(requirements, allow_index_options=True).packages
    except InvalidInput:
        return " ".join(requirements.split())[:80]
    return ", ".join(package.text for package in packages)
