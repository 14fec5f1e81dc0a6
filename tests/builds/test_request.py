"""Rules that a request has to obey before anything is started."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.arm_responses import TARGET

from kusto_magic.builds.history import History
from kusto_magic.builds.manager import BuildManager
from kusto_magic.builds.options import BuildOptions
from kusto_magic.builds.request import BuildRequest
from kusto_magic.errors import InvalidInputError
from kusto_magic.models.action import Action


@pytest.mark.parametrize("timeout", [0, -5, float("nan"), "60", None])
def test_timeout_must_be_a_positive_number(timeout: Any) -> None:
    with pytest.raises(InvalidInputError) as refused:
        BuildOptions(timeout=timeout)
    assert refused.value.problems[0].field == "timeout"


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (BuildRequest("delete", TARGET, "img"), "action"),  # type: ignore[arg-type]  # a user without types
        (BuildRequest(Action.BUILD, TARGET, "img"), "requirements"),
        (BuildRequest(Action.DELETE, TARGET, ".."), "image name"),
        (BuildRequest(Action.ENABLE, TARGET, ""), "image name"),
    ],
)
def test_invalid_request_is_refused(request_: BuildRequest, field: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        request_.require_valid()
    assert refused.value.problems[0].field == field


def test_fleet_without_clusters_is_refused(tmp_path: Path) -> None:
    manager = BuildManager(history=History(tmp_path / "history.sqlite"))
    with pytest.raises(InvalidInputError):
        manager.start_fleet([])
    manager.close()
