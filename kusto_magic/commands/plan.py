"""The plan of an operation: what it would change, without sending anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from kusto_magic.builds.event_loop import result_or_cancel
from kusto_magic.builds.options import BuildOptions
from kusto_magic.builds.plan import Plan, PlannedChange, plan_of
from kusto_magic.builds.request import BuildRequest
from kusto_magic.builds.runner import spec_to_send
from kusto_magic.commands.session import Session
from kusto_magic.display import data_table
from kusto_magic.display.data_table import DataTable
from kusto_magic.models.cluster_contents import ClusterContents
from kusto_magic.models.image import ImageSpec
from kusto_magic.models.target import Target

HEAD = ("Image", "Cluster", "Change", "Reason")
"""Column heads."""


def show_plan(session: Session, requests: Sequence[BuildRequest], *, check: bool) -> bool:
    """Show what requests would change; return whether anything would. `check` also runs the check of a build.

    Raises RequirementsConflictError if the check finds that nothing would be sent, and errors of the requests.
    """
    for request in requests:
        request.require_valid()
    requests = _as_sent(session, requests, check=check)
    # All are sent before the first answer is waited for.
    asked = [session.builds.submit(it.target, partial(plan_of, request=it)) for it in requests]
    plans = [result_or_cancel(future, session.builds.wait_observer) for future in asked]
    changes = sum(plan.change is not PlannedChange.NOTHING for plan in plans)
    caption = f"Plan: {changes} of {len(plans)} would change. Nothing was sent."
    rows = [tuple(map(data_table.text, (it.name, it.target.cluster, it.change, it.reason))) for it in plans]
    session.show_table(DataTable(caption, HEAD, rows, data={"plan": list(map(_json, plans))}))
    return changes > 0


def _as_sent(session: Session, requests: Sequence[BuildRequest], *, check: bool) -> Sequence[BuildRequest]:
    """Return the requests with the spec that the check would send: the same for clusters with the same base images."""
    first = requests[0]
    options = first.options
    if first.spec is None or not options.check or not (check or options.pin or options.fix):
        return requests
    sent: dict[ClusterContents, ImageSpec] = {}
    return [replace(it, spec=_checked(session, it.target, first.spec, options, sent)) for it in requests]


def _checked(
    session: Session, target: Target, spec: ImageSpec, options: BuildOptions, sent: dict[ClusterContents, ImageSpec]
) -> ImageSpec:
    """Return what the check would send to a cluster; `sent` is what is known already, by what clusters contain."""
    contents = session.builds.contents.read(target)
    if contents not in sent:
        report = session.check(target, spec, fix=options.fix)
        session.show_report(report)
        sent[contents] = spec_to_send(spec, report, pin=options.pin)
    return sent[contents]


def _json(plan: Plan) -> dict[str, str]:
    return {
        "image": plan.name,
        "cluster": plan.target.cluster,
        "clusterId": plan.target.cluster_id,
        "change": plan.change.value,
        "reason": plan.reason,
    }
