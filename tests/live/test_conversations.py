"""Recorded traffic replayed through the real client, and a check that the emulator still responds as recorded.

Every file in tests/live/conversations/ is replayed; add a recording of a cluster by copying it there.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from support.placeholders import MAIL, REDACTED, TARGET, UUID
from support.recording import Conversation
from support.scenario_runner import BUILD_SECONDS, record_with_emulator, replay_recording
from support.scenarios import SCENARIOS

from kusto_magic.redaction import HIDDEN, redact

pytestmark = pytest.mark.asyncio

FOLDER = Path(__file__).parent / "conversations"
FILES = {path.stem: path for path in sorted(FOLDER.glob("*.json"))}
DECIMALS = re.compile(r"(?<=:\d\d)\.\d+(?=Z)")


@pytest.mark.parametrize("name", FILES)
async def test_replay_gives_the_recorded_steps(name: str) -> None:
    recorded = Conversation.read(FILES[name])
    steps, _ = await replay_recording(recorded)
    assert steps == recorded.steps


@pytest.mark.slow
@pytest.mark.parametrize("name", SCENARIOS)
async def test_emulator_responses_match_the_recording(name: str) -> None:
    recorded, current = Conversation.read(FILES[f"emulator-{name}"]), await record_with_emulator(name, SCENARIOS[name])
    assert _comparable(current) == _comparable(recorded), "if the change is intended: python noxfile.py record"


def _comparable(recorded: Conversation) -> str:
    """Return the text without the date and fractions of seconds; the emulator derives one from a random ID."""
    return DECIMALS.sub("", replace(recorded, recorded="").to_text())


async def test_replay_advances_the_clock() -> None:
    _, clock = await replay_recording(Conversation.read(FILES["emulator-create-and-delete"]))
    assert clock.passed > BUILD_SECONDS


async def test_handwritten_files_are_marked() -> None:
    for name, path in FILES.items():
        recorded = Conversation.read(path)
        assert (
            (recorded.against == "Azure, in parts") == name.startswith("observed-") == ("by hand" in recorded.about)
        ), name


@pytest.mark.parametrize("name", FILES)
async def test_recording_contains_only_placeholders(name: str) -> None:
    text = FILES[name].read_text("utf-8")
    assert redact(text).replace(HIDDEN, REDACTED) == text
    assert {found[0] for found in UUID.finditer(text) if not found[0].startswith("00000000-0000-4000-8000-")} == set()
    assert {found[0] for found in MAIL.finditer(text) if not found[0].endswith("@example.com")} == set()
    assert set(re.findall(r"/resourceGroups/([^/\"']+)", text)) == {TARGET.resource_group}
    assert set(re.findall(r"/Microsoft\.Kusto/clusters/([^/?\"']+)", text, re.IGNORECASE)) == {TARGET.cluster}


async def test_different_request_fails_with_a_diff() -> None:
    recorded = Conversation.read(FILES["emulator-missing-image"])
    recorded.exchanges[0]["asked"]["path"] = recorded.exchanges[0]["asked"]["path"].replace("image-1", "image-9")
    with pytest.raises(AssertionError, match=r"request 1 of 2 is another:(?s:.*)\n-.*image-9(?s:.*)\n\+.*image-1"):
        await replay_recording(recorded)


async def test_different_body_fails() -> None:
    recorded = Conversation.read(FILES["emulator-create-and-delete"])
    recorded.exchanges[0]["asked"]["json"]["properties"]["requirementsFileContent"] = "pillow"
    with pytest.raises(AssertionError, match=r'-.*"requirementsFileContent": "pillow"'):
        await replay_recording(recorded)


async def test_different_method_fails() -> None:
    recorded = Conversation.read(FILES["emulator-missing-image"])
    recorded.exchanges[1]["asked"]["method"] = "GET"
    with pytest.raises(AssertionError, match=r'-.*"GET"(?s:.*)\+.*"DELETE"'):
        await replay_recording(recorded)


async def test_extra_request_fails() -> None:
    recorded = Conversation.read(FILES["emulator-missing-image"])
    recorded.exchanges.pop()
    with pytest.raises(AssertionError, match="a request too many, after all 1: DELETE"):
        await replay_recording(recorded)


async def test_missing_request_fails() -> None:
    recorded = Conversation.read(FILES["emulator-missing-image"])
    recorded.exchanges.append(recorded.exchanges[0])
    with pytest.raises(AssertionError, match="1 recorded requests were not sent, the first: GET"):
        await replay_recording(recorded)


async def test_recorded_network_error_is_replayed() -> None:
    recorded = Conversation.read(FILES["emulator-missing-image"])
    asked = recorded.exchanges[0]["asked"]
    recorded.exchanges.insert(0, {"at": 0.0, "asked": asked, "failed": "ReadTimeout"})
    steps, clock = await replay_recording(recorded)
    assert steps == recorded.steps  # the client retried
    assert clock.passed >= 1
