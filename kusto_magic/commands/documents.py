"""JSON of what commands show, for programs: the values of `document.schema.json`.

Texts of the service have no credentials; times are in UTC (ISO 8601).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from kusto_magic.arm.operation import NOTE_UNCHANGED
from kusto_magic.builds.build import Build
from kusto_magic.builds.record import BuildRecord
from kusto_magic.builds.state import state_of_record
from kusto_magic.error_texts import failure_reason
from kusto_magic.errors import InvalidInputError, KustoImageError
from kusto_magic.hints import HintTable
from kusto_magic.models.cluster import ActiveImage, Cluster, PythonState, UnknownImage
from kusto_magic.models.image import Image
from kusto_magic.models.verification import Difference, Verification
from kusto_magic.preflight.package_diff import Change
from kusto_magic.preflight.report import PreflightReport
from kusto_magic.redaction import redact
from kusto_magic.requirements import parser

Json = dict[str, Any]


def image_json(image: Image, active: PythonState) -> Json:
    """Return an image with all its requirements; `active` and `packages` are null if they are not known."""
    read = parser.read(image.requirements)
    return {
        "name": image.name,
        "state": image.shown_state.value,
        "outcome": image.shown_state.outcome,
        "active": None if isinstance(active, UnknownImage) else is_active(image.name, active),
        "baseImage": image.base_image,
        "pythonVersion": image.language_version,
        "language": image.language,
        "packages": None if read.problems else len(read.packages),
        "requirements": redact(image.requirements),
    }


def is_active(name: str, active: PythonState) -> bool:
    """Return whether python() is known to run on an image."""
    return isinstance(active, ActiveImage) and active.is_named(name)


def active_json(active: PythonState) -> Json:
    """Return what python() runs on: `state` is "on", "off" or "unknown"."""
    match active:
        case ActiveImage(name):
            return {"state": "on", "image": name, "reason": ""}
        case UnknownImage(reason):
            return {"state": "unknown", "image": "", "reason": reason}
    return {"state": "off", "image": "", "reason": ""}


def cluster_json(cluster: Cluster, *, is_selected: bool) -> Json:
    """Return a cluster of a subscription."""
    return {
        "id": cluster.id,
        "name": cluster.name,
        "resourceGroup": cluster.resource_group,
        "location": cluster.location,
        "state": cluster.state,
        "sku": cluster.sku,
        "selected": is_selected,
        "python": active_json(cluster.python),
    }


def change_json(change: Change) -> Json:
    """Return the change of one package between two images; a version is null where the package is not installed."""
    return {"package": change.package, "before": change.before, "after": change.after, "kind": change.kind}


def operation_json(member: Build | BuildRecord, *, is_active: bool = True) -> Json:
    """Return an operation. `is_active` is whether the process of an unfinished record still runs."""
    started, ended = member.started_at, member.ended_at
    if isinstance(member, Build):
        state, is_unchanged = member.state, member.is_unchanged
        message = failure_reason(member.error) or member.operation.note
    else:
        state, message = state_of_record(member, is_active=is_active), member.message
        is_unchanged = message == NOTE_UNCHANGED
    return {
        "id": member.id,
        "fleet": member.fleet,
        "action": member.action.value,
        "image": member.name,
        "cluster": member.target.cluster,
        "clusterId": member.target.cluster_id,
        "state": state.value,
        "outcome": state.outcome,
        "unchanged": is_unchanged,
        "startedAt": time_json(started),
        "endedAt": time_json(ended),
        "seconds": round((ended - started).total_seconds(), 1) if ended else None,
        "message": redact(message),
        "lock": lock_digest(member.report),
    }


def verification_json(found: Verification) -> Json:
    """Return the result of `verify`; `source` is "plan", "requirements" or "listed"."""
    return {
        "image": found.image,
        "verified": found.succeeded,
        "packages": found.total,
        "equal": found.equal,
        "source": found.expectation.source.value,
        "plannedAt": time_json(found.expectation.planned_at),
        "python": found.inventory.python,
        "expectedPython": found.expectation.python,
        "platform": found.inventory.platform,
        "database": found.database,
        "differences": [_difference_json(it) for it in found.differences],
        "imports": dict(found.inventory.imports),
        "memory": found.inventory.memory,
        "baseImage": found.expectation.base,
        "baseDifferences": [_difference_json(it) for it in found.base_differences],
        "inventory": dict(found.inventory.packages),
    }


def _difference_json(difference: Difference) -> Json:
    return {"package": difference.name, "expected": difference.expected, "found": difference.found}


def lock_digest(report: PreflightReport | None) -> str:
    """Return the digest of the lock of a check, "" if there is none."""
    return report.lock.digest if report is not None and report.lock is not None else ""


def time_json(moment: datetime | None) -> str | None:
    """Return a time in UTC, or None."""
    return None if moment is None else moment.astimezone(UTC).isoformat(timespec="seconds")


def error_json(error: KustoImageError, hints: HintTable) -> Json:
    """Return an error; its problems have the line of the requirements, counted from 1, and the corrected line."""
    problems = error.problems if isinstance(error, InvalidInputError) else ()
    return {
        "type": type(error).__name__,
        "message": error.what,
        "details": [] if problems else [line.strip() for line in error.details()],
        "next": hints.text(error.hint),
        "problems": [
            {"field": it.field, "message": it.message, "file": it.file, "line": it.line, "fix": it.fix}
            | {"next": hints.text(it.hint)}
            for it in problems
        ],
        "corrected": error.correction.text if isinstance(error, InvalidInputError) and error.correction else None,
    }
