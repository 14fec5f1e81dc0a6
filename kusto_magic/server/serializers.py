"""Conversion between Python objects and the JSON of the REST API, as described by `openapi.json`.

Modules that are slow to import are imported inside the functions, so that the server starts quickly.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING

from tornado import web

from kusto_magic.errors import (
    InvalidInputError,
    KustoImageError,
    NotActiveError,
    Problem,
    QueryError,
    RequirementsConflictError,
    ServiceError,
    SignInError,
    UnreachableError,
)
from kusto_magic.hints import hint_json
from kusto_magic.server.build_views import Json
from kusto_magic.service_fault import ServiceFault

if TYPE_CHECKING:
    from kusto_magic.models.cluster import PythonState
    from kusto_magic.models.cluster_contents import ClusterContents
    from kusto_magic.models.image import ImageSpec
    from kusto_magic.preflight.report import PreflightReport
    from kusto_magic.server.build_views import ListedBuild
    from kusto_magic.server.build_watcher import ImageView
    from kusto_magic.server.change_log import Changes
    from kusto_magic.server.cluster_finder import FoundCluster, FoundSubscription
    from kusto_magic.server.clusters import KnownCluster


def cluster_json(cluster: KnownCluster) -> Json:
    """Return a cluster as the schema `Cluster`; `cloud` is "" for a custom Resource Manager endpoint."""
    from kusto_magic.models.endpoint import CLOUDS

    target = cluster.target
    return {
        "id": cluster.id,
        "name": target.cluster,
        "resourceGroup": target.resource_group,
        "subscription": target.subscription,
        "emulator": target.is_local,
        "cloud": next((name for name, cloud in CLOUDS.items() if cloud.endpoint == target.endpoint), ""),
    }


def subscription_json(subscription: FoundSubscription) -> Json:
    """Return a subscription as the schema `Subscription`."""
    return {"id": subscription.id, "name": subscription.listed.name, "state": subscription.listed.state}


def found_cluster_json(found: FoundCluster) -> Json:
    """Return a cluster of a subscription as the schema `FoundCluster`."""
    return {**cluster_json(found.known), "location": found.cluster.location, "state": found.cluster.state}


def image_json(view: ImageView) -> Json:
    """Return an image as the schema `Image`; credentials in its requirements are redacted."""
    from kusto_magic.redaction import redact

    image = view.image
    return {
        "name": image.name,
        "state": image.shown_state,
        "outcome": image.shown_state.outcome,
        "base": image.base_label,
        "baseImage": image.base_image,
        "pythonVersion": image.language_version,
        "requirements": redact(image.requirements),
        "packages": view.packages,
        "build": view.build,
    }


def plan_json(report: PreflightReport) -> Json:
    """Return the result of a check as the schema `Plan`."""
    from kusto_magic.display import bundle
    from kusto_magic.preflight.report_json import report_json

    shown: Json = bundle.visible_json(report_json(report))
    return shown


def active_json(state: PythonState, contents: ClusterContents) -> Json:
    """Return what queries run on as the schema `ActiveImage`; its members are "" or null where they do not apply.

    `contents` is what was read from the cluster.
    """
    from kusto_magic.models.cluster import ActiveImage, UnknownImage

    shown: Json = {"state": "off", "image": "", "managedPackages": None, "reason": "", "hint": None}
    match state:
        case ActiveImage(name):
            packages = len(contents.base(name).packages) or None
            return shown | {"state": "on", "image": name, "managedPackages": packages}
        case UnknownImage(reason, hint):
            return shown | {"state": "unknown", "reason": reason, "hint": hint_json(hint)}
    return shown


def changes_json(changes: Changes[ListedBuild]) -> str:
    """Return the JSON of the response of `GET /builds`, joined from that of its builds."""
    builds = ",".join(entry.value.json for entry in changes.entries)
    rest = {
        "revision": changes.revision,
        "complete": changes.complete,
        "warning": changes.warning,
        "removed": changes.removed,
    }
    return f'{json.dumps(rest)[:-1]}, "builds": [{builds}]}}'


def input_problem_json(problem: Problem) -> Json:
    """Return one problem of the input as the schema `InputProblem`."""
    return {
        "field": problem.field,
        "line": problem.line,
        "message": problem.message,
        "hint": hint_json(problem.hint),
        "fix": problem.fix,
    }


def parse_spec(body: Json) -> ImageSpec:
    """Return the spec that a body of the schema `Spec` describes. Raises InvalidInputError."""
    from kusto_magic.models.image import ImageSpec

    return ImageSpec(
        body.get("requirements", ""),
        body.get("base"),
        body.get("python"),
        allow_index_options=body.get("allowIndexOptions") is True,  # a string such as "false" must not allow them
    )


def draft_problems(body: Json) -> list[Problem]:
    """Return the problems of an image that is being typed, a body of the schema `Draft`; absent parts have none."""
    from kusto_magic.models import naming
    from kusto_magic.requirements import parser

    # The rule for new images is stricter: other tools can have made one that exists.
    name_rule = naming.build_name_problem if body.get("exists") is True else naming.image_name_problem
    rules = (
        ("name", "image name", name_rule),
        ("base", "base image", naming.base_image_problem),
        ("python", "Python version", naming.python_version_problem),
    )
    found = [Problem(field, message) for key, field, rule in rules if key in body and (message := rule(body[key]))]
    return found + (parser.problems(body["requirements"]) if "requirements" in body else [])


def http_status(error: KustoImageError) -> int:
    """Return the HTTP status for an error.

    The service's 401 and 403 become 502, because a page would take them for a failed sign-in to the Jupyter server.
    """
    from kusto_magic.server.clusters import UnknownIdError

    if isinstance(error, ServiceError) and error.status in (400, 404, 409, 429):
        return error.status
    kinds: tuple[tuple[type[KustoImageError], HTTPStatus], ...] = (
        (InvalidInputError, HTTPStatus.BAD_REQUEST),
        (UnknownIdError, HTTPStatus.NOT_FOUND),
        (UnreachableError, HTTPStatus.GATEWAY_TIMEOUT),
        (SignInError, HTTPStatus.BAD_GATEWAY),
        (ServiceError, HTTPStatus.BAD_GATEWAY),
        (QueryError, HTTPStatus.BAD_GATEWAY),
        (NotActiveError, HTTPStatus.CONFLICT),
        (RequirementsConflictError, HTTPStatus.CONFLICT),
    )
    return next((status for kind, status in kinds if isinstance(error, kind)), HTTPStatus.INTERNAL_SERVER_ERROR)


def problem_json(status: int, error: BaseException | None) -> Json:
    """Return the problem document (RFC 9457) of an error.

    Only errors of this package and client errors carry details; others may contain internal information.
    """
    document: Json = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}
    if isinstance(error, KustoImageError):
        fault: ServiceFault | None = getattr(error, "fault", None)
        problems = error.problems if isinstance(error, InvalidInputError) else ()
        detail = "\n".join([error.what, *(line.strip() for line in error.details() if not problems)])
        code = fault.code if fault and fault.code else type(error).__name__
        document |= {"title": type(error).__name__, "detail": detail, "code": code, "hint": hint_json(error.hint)}
        document["problems"] = [input_problem_json(problem) for problem in problems]
    elif isinstance(error, web.HTTPError) and status < HTTPStatus.INTERNAL_SERVER_ERROR and error.log_message:
        document["detail"] = error.log_message
    return document
