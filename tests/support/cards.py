"""Cards of a build, as values."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from kusto_magic.display.card import Card
from kusto_magic.models.action import Action
from kusto_magic.models.build_state import BuildState

STARTED = datetime(2026, 11, 23, 14, 3, 5, tzinfo=UTC)
RUNNING = Card(
    id="0123",
    image="img",
    cluster="help",
    emulator=False,
    action=Action.BUILD,
    state=BuildState.BUILDING,
    ended=False,
    base="Python3_11_7",
    requirements="numpy\npandas",
    started_at=STARTED,
    as_of=datetime(2026, 11, 23, 14, 4, 25, tzinfo=UTC),
    last_response_at=datetime(2026, 11, 23, 14, 4, 20, tzinfo=UTC),
    seconds=80.0,
    estimate="usually 4 min to 6 min (3 earlier builds on this cluster)",
    error=(),
    hint=None,
    note="",
)
DONE = replace(RUNNING, state=BuildState.SUCCEEDED, ended=True, estimate="", seconds=302.0)
