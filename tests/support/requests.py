"""Requests for operations, written shortly: `builds.start(build_request(target, "img", SPEC, pin=True))`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from kusto_magic.builds.options import BuildOptions
from kusto_magic.builds.record import BuildRecord
from kusto_magic.builds.request import BuildRequest
from kusto_magic.models.action import Action
from kusto_magic.models.cluster import PYTHON
from kusto_magic.models.image import ImageSpec
from kusto_magic.models.target import Target


def build_request(target: Target, name: str, spec: ImageSpec, **options: Any) -> BuildRequest:
    """Return the request to build an image; `options` are those of `BuildOptions`."""
    return BuildRequest(Action.BUILD, target, name, spec, BuildOptions(**options))


def build_requests(targets: Sequence[Target], name: str, spec: ImageSpec, **options: Any) -> list[BuildRequest]:
    """Return the requests to build an image on several clusters, which wait while a cluster is busy."""
    return [build_request(target, name, spec, **{"queue": True, **options}) for target in targets]


def delete_request(target: Target, name: str, **options: Any) -> BuildRequest:
    """Return the request to delete an image."""
    return BuildRequest(Action.DELETE, target, name, options=BuildOptions(check=False, **options))


def enable_request(target: Target, name: str, **options: Any) -> BuildRequest:
    """Return the request to enable python() with an image."""
    return BuildRequest(Action.ENABLE, target, name, options=BuildOptions(check=False, **options))


def disable_request(target: Target, name: str = PYTHON, **options: Any) -> BuildRequest:
    """Return the request to disable python()."""
    return BuildRequest(Action.DISABLE, target, name, options=BuildOptions(check=False, **options))


def with_request(record: BuildRecord, **changes: Any) -> BuildRecord:
    """Return a record with other values in its request, such as another name or target."""
    return replace(record, request=replace(record.request, **changes))


def without_requirements(record: BuildRecord) -> BuildRecord:
    """Return a record as it is read for lists."""
    assert record.request.spec is not None
    spec = replace(record.request.spec, requirements="", is_validated=True)
    return replace(with_request(record, spec=spec), is_complete=False)
