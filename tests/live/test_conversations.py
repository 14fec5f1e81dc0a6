"""Conversations with the service, played back through the real client; the emulator still holds its own as recorded.

Every file in tests/live/conversations/ is replayed: one that was recorded from a cluster is dropped in there.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from support.conversations import CONVERSATIONS
from support.holding import EMULATED_BUILD, record_emulator, replay
from support.placeholders import GONE, MAIL, TARGET, UUID
from support.recording import Conversation

from kusto_magic.redaction import HIDDEN, redact

pytestmark = pytest.mark.asyncio

FOLDER = Path(__file__).parent / "conversations"
FILES = {path.stem: path for path in sorted(FOLDER.glob("*.json"))}
DECIMALS = re.compile(r"(?<=:\d\d)\.\d+(?=Z)")


@pytest.mark.parametrize("name", FILES)
async def test_the_client_makes_the_same_of_it(name: str) -> None:
    kept = Conversation.read(FILES[name])
    steps, _ = await replay(kept)
    assert steps == kept.steps


@pytest.mark.slow
@pytest.mark.parametrize("name", CONVERSATIONS)
async def test_the_emulator_still_says_the_same(name: str) -> None:
    kept, anew = Conversation.read(FILES[f"emulator-{name}"]), await record_emulator(name, CONVERSATIONS[name])
    assert _comparable(anew) == _comparable(kept), "if that is meant: python noxfile.py record"


def _comparable(kept: Conversation) -> str:
    """Return the text without the day and the decimals of times: the emulator takes one of them from a random id."""
    return DECIMALS.sub("", replace(kept, recorded="").to_text())


async def test_the_clock_goes_along() -> None:
    _, clock = await replay(Conversation.read(FILES["emulator-create-and-delete"]))
    assert clock.passed > EMULATED_BUILD


async def test_files_put_together_by_hand_say_so() -> None:
    for name, path in FILES.items():
        kept = Conversation.read(path)
        assert (kept.against == "Azure, in parts") == name.startswith("observed-") == ("by hand" in kept.about), name


@pytest.mark.parametrize("name", FILES)
async def test_it_holds_placeholders_only(name: str) -> None:
    text = FILES[name].read_text("utf-8")
    assert redact(text).replace(HIDDEN, GONE) == text
    assert {found[0] for found in UUID.finditer(text) if not found[0].startswith("00000000-0000-4000-8000-")} == set()
    assert {found[0] for found in MAIL.finditer(text) if not found[0].endswith("@example.com")} == set()
    assert set(re.findall(r"/resourceGroups/([^/\"']+)", text)) == {TARGET.resource_group}
    assert set(re.findall(r"/Microsoft\.Kusto/clusters/([^/\"']+)", text, re.IGNORECASE)) == {TARGET.cluster}


async def test_another_request_than_the_recorded_one_fails_readably() -> None:
    kept = Conversation.read(FILES["emulator-missing-image"])
    kept.exchanges[0]["asked"]["path"] = kept.exchanges[0]["asked"]["path"].replace("image-1", "image-9")
    with pytest.raises(AssertionError, match=r"request 1 of 2 is another:(?s:.*)\n-.*image-9(?s:.*)\n\+.*image-1"):
        await replay(kept)


async def test_another_body_fails() -> None:
    kept = Conversation.read(FILES["emulator-create-and-delete"])
    kept.exchanges[0]["asked"]["json"]["properties"]["requirementsFileContent"] = "pillow"
    with pytest.raises(AssertionError, match=r'-.*"requirementsFileContent": "pillow"'):
        await replay(kept)


async def test_another_method_fails() -> None:
    kept = Conversation.read(FILES["emulator-missing-image"])
    kept.exchanges[1]["asked"]["method"] = "GET"
    with pytest.raises(AssertionError, match=r'-.*"GET"(?s:.*)\+.*"DELETE"'):
        await replay(kept)


async def test_a_request_too_many_fails() -> None:
    kept = Conversation.read(FILES["emulator-missing-image"])
    kept.exchanges.pop()
    with pytest.raises(AssertionError, match="a request too many, after all 1: DELETE"):
        await replay(kept)


async def test_a_request_too_few_fails() -> None:
    kept = Conversation.read(FILES["emulator-missing-image"])
    kept.exchanges.append(kept.exchanges[0])
    with pytest.raises(AssertionError, match="1 recorded requests were not sent, the first: GET"):
        await replay(kept)


async def test_what_failed_on_the_way_fails_again() -> None:
    kept = Conversation.read(FILES["emulator-missing-image"])
    asked = kept.exchanges[0]["asked"]
    kept.exchanges.insert(0, {"at": 0.0, "asked": asked, "failed": "ReadTimeout"})
    steps, clock = await replay(kept)
    assert steps == kept.steps  # the client asked again
    assert clock.passed >= 1
