"""The JSON of the REST API."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from tornado import web

from kusto_magic.errors import (
    InvalidInput,
    KustoImageError,
    Problem,
    ServiceError,
    ServiceFault,
    SignInFailed,
    Unreachable,
)

if TYPE_CHECKING:
    from kusto_magic.models.image import ImageSpec
    from kusto_magic.server.build_watcher import BuildView, ImageView
    from kusto_magic.server.clusters import KnownCluster

Json = dict[str, Any]


def cluster_json(cluster: KnownCluster) -> Json:
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


def image_json(seen: ImageView) -> Json:
    from kusto_magic.redaction import redact

    image = seen.image
    return {
        "name": image.name,
        "state": image.state or "Succeeded",  # the RPC: a resource without provisioningState is one that succeeded
        "base": image.base_label,
        "baseImage": image.base_image,
        "pythonVersion": image.language_version,
        "requirements": redact(image.requirements),
        "build": seen.build,
    }


def build_json(seen: BuildView) -> Json:
    from kusto_magic.display.card import MIME, bundle

    return {"card": bundle(seen.card)[MIME], "clusterId": seen.cluster.id, "active": seen.active}


def input_problem_json(problem: Problem) -> Json:
    return {"field": problem.field, "line": problem.line, "message": problem.message}


def parse_spec(given: Json) -> ImageSpec:
    """Read what an image shall be. Raises InvalidInput."""
    from kusto_magic.models.image import ImageSpec

    return ImageSpec(
        given.get("requirements", ""),
        given.get("base"),
        given.get("python"),
        allow_index_options=given.get("allowIndexOptions") is True,
    )


def http_status(error: KustoImageError) -> int:
    """Return our HTTP status. Not the service's 401 and 403: a page would take them for its own sign-in."""
    from kusto_magic.server.clusters import UnknownIdError

    if isinstance(error, ServiceError) and error.status in (400, 404, 409, 429):
        return error.status
    kinds: tuple[tuple[type[KustoImageError], HTTPStatus], ...] = (
        (InvalidInput, HTTPStatus.BAD_REQUEST),
        (UnknownIdError, HTTPStatus.NOT_FOUND),
        (Unreachable, HTTPStatus.GATEWAY_TIMEOUT),
        (SignInFailed, HTTPStatus.BAD_GATEWAY),
        (ServiceError, HTTPStatus.BAD_GATEWAY),
    )
    return next((status for kind, status in kinds if isinstance(error, kind)), HTTPStatus.INTERNAL_SERVER_ERROR)


def problem_json(status: int, error: BaseException | None) -> Json:
    told: Json = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}
    if isinstance(error, KustoImageError):
        fault: ServiceFault | None = getattr(error, "fault", None)
        problems = error.problems if isinstance(error, InvalidInput) else ()
        detail = "\n".join([error.what, *(line.strip() for line in error.details() if not problems)])
        code = fault.code if fault and fault.code else type(error).__name__
        told |= {"title": type(error).__name__, "detail": detail, "code": code, "next": error.next_step}
        told["problems"] = [input_problem_json(problem) for problem in problems]
    elif isinstance(error, web.HTTPError) and status < HTTPStatus.INTERNAL_SERVER_ERROR and error.log_message:
        told["detail"] = error.log_message
    return told
