"""Creation of an image from a requirements text: the text is checked, shown, compared or sent, as the options say."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Sequence
from dataclasses import replace

from kusto_magic.builds.build import Build
from kusto_magic.builds.fleet import Fleet
from kusto_magic.builds.options import BuildOptions
from kusto_magic.builds.request import BuildRequest
from kusto_magic.commands.cell import CHECK_NAME, CellInput, read_spec_to_send, show_dry_run
from kusto_magic.commands.cell_check import read_cell_or_check
from kusto_magic.commands.images import show_check
from kusto_magic.commands.lock import lock_spec
from kusto_magic.commands.requirements import show_diff
from kusto_magic.commands.session import Session
from kusto_magic.errors import InvalidInputError, Problem
from kusto_magic.models.action import Action
from kusto_magic.models.target import Target
from kusto_magic.preflight.report import PreflightReport


def create(
    session: Session, options: Namespace, text: str, earlier_notes: Callable[[], Sequence[str]] = tuple
) -> Build | Fleet | None:
    """Create the image of a requirements text, or do what the options ask for instead.

    `earlier_notes` returns how the text differs from what was written, before it was read here. With a lock, the check
    runs first. Raises InvalidInputError with all problems, RequirementsConflictError, and LockDriftError.
    """
    found = read_cell_or_check(session, options, text)
    session.show_notes([*earlier_notes(), *found.notes])
    report: PreflightReport | None = None
    if found.lock is not None and not options.diff:
        spec, report = lock_spec(session, found.lock, options, next(iter(found.targets), None), found.spec)
        found = replace(found, spec=spec)
    if options.name == CHECK_NAME:
        target = _single_target(found.targets, CHECK_NAME) if found.targets else None
        show_check(session, target, found.spec, fix=options.fix, report=report)
    elif options.dry_run:
        sent = read_spec_to_send(session, options, found.targets[0], found.spec)
        show_dry_run(session, found.targets, options.name, sent)
    elif options.diff:
        show_diff(session, _single_target(found.targets, "--diff"), options.name, found.spec)
    else:
        many = len(found.targets) > 1 or options.clusters_from is not None
        return session.start(build_requests(options, found), options, found.settings, as_fleet=many)
    return None


def build_requests(options: Namespace, found: CellInput) -> list[BuildRequest]:
    """Return a request for each cluster; a fleet always waits for busy clusters."""
    build_options = BuildOptions(
        check=not options.no_check,
        pin=options.pin,
        fix=options.fix,
        force=options.force,
        queue=options.queue or len(found.targets) > 1 or options.clusters_from is not None,
        protect_active=not options.yes,
        timeout=found.settings.timeout_hours * 3600,
    )
    return [BuildRequest(Action.BUILD, target, options.name, found.spec, build_options) for target in found.targets]


def _single_target(targets: Sequence[Target], usage: str) -> Target:
    """Return the only target. Raises InvalidInputError if there are several."""
    if len(targets) > 1:
        raise InvalidInputError([Problem("cluster", f"{usage} works on one cluster; {len(targets)} are given")])
    return targets[0]
