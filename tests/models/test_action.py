"""The table of actions and the states, and their copies for the browser."""

from __future__ import annotations

import json
from importlib import resources

from kusto_magic.models.action import ACTIONS, WORKING_STATES, Action
from kusto_magic.models.build_state import NOT_STARTED, SUCCESS_STATES, BuildState, Outcome

SCHEMAS = json.loads((resources.files("kusto_magic.server") / "openapi.json").read_text(encoding="utf-8"))[
    "components"
]["schemas"]


def test_every_action_has_its_properties_and_states_of_its_own() -> None:
    assert list(ACTIONS) == list(Action)
    assert len(WORKING_STATES) == len(ACTIONS)
    assert {info.success_state for info in ACTIONS.values()} == SUCCESS_STATES
    assert not any(state.is_terminal for state in WORKING_STATES)


def test_browser_knows_the_same_outcomes() -> None:
    assert SCHEMAS["Outcome"]["enum"] == [outcome.value for outcome in Outcome]


def test_every_state_is_in_progress_or_has_an_outcome() -> None:
    assert {state for state in BuildState if state.outcome is None} == {
        *NOT_STARTED,
        *WORKING_STATES,
        BuildState.CONFIRMING,
    }
