"""The plan of an operation: what it would change, without sending anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from kusto_magic.builds.plan import Plan, PlannedChange, plan_of
from kusto_magic.builds.request import BuildRequest
from kusto_magic.builds.runner import spec_to_send
from kusto_magic.commands.session import Session
from kusto_magic.display import data_table
from kusto_magic.display.data_table import DataTable

HEAD = ("Image", "Cluster", "Change", "Reason")
"""Column heads."""


def show_plan(session: Session, requests: Sequence[BuildRequest], *, check: bool) -> bool:
    """Show what requests would change; return whether anything would. `check` also runs the check of a build.

    Raises RequirementsConflictError if the check finds that nothing would be sent, and errors of the requests.
    """
    requests = [_as_sent(session, requests[0], request, check=check) for request in requests]
    plans = [_plan(session, request) for request in requests]
    changes = sum(plan.change is not PlannedChange.NOTHING for plan in plans)
    caption = f"Plan: {changes} of {len(plans)} would change. Nothing was sent."
    rows = [tuple(map(data_table.text, (it.name, it.target.cluster, it.change, it.reason))) for it in plans]
    session.show_table(DataTable(caption, HEAD, rows, data={"plan": list(map(_json, plans))}))
    return changes > 0


def _plan(session: Session, request: BuildRequest) -> Plan:
    request.require_valid()
    return session.builds.ask(request.target, lambda client: plan_of(client, request))


def _as_sent(session: Session, first: BuildRequest, request: BuildRequest, *, check: bool) -> BuildRequest:
    """Return a build's request with the spec that the check would send; it is checked once for all clusters."""
    options = request.options
    needs_check = options.pin or options.fix
    if request.spec is None or not options.check or not (check or needs_check):
        return request
    report = session.check(request.target, request.spec, fix=options.fix)
    if request is first:
        session.show_report(report)
    return replace(request, spec=spec_to_send(request.spec, report, pin=options.pin))


def _json(plan: Plan) -> dict[str, str]:
    return {
        "image": plan.name,
        "cluster": plan.target.cluster,
        "clusterId": plan.target.cluster_id,
        "change": plan.change.value,
        "reason": plan.reason,
    }
