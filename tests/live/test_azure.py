"""The live suite: the recorded conversations, and what nobody knows, with a real cluster. Off unless one is named.

`python noxfile.py azure` runs it. It makes images of its own names and deletes them, writes every conversation down,
redacted, into .dev/conversations/, and what it learnt into unknowns.md there.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator

import pytest
from support.azure import OFF, Run, configured
from support.conversations import CONVERSATIONS, SWITCHES
from support.holding import replay
from support.probes import PROBES
from support.recording import Conversation
from support.unknowns import report

from kusto_magic.errors import InvalidInput

ENVIRON = dict(os.environ)
"""As it was before any test: the fixtures keep tests out of the developer's own sign-in, which is wanted here."""

OBSERVED = frozenset({"create-and-delete", "update"})
"""The conversations whose ends were seen in Azure: only these are known to go well."""

pytestmark = [pytest.mark.azure, pytest.mark.timeout(4 * 3600)]


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    """Hold all conversations of this run in the environment it was started in; write the report after each."""
    try:
        live = configured(ENVIRON)
    except InvalidInput as wrong:
        pytest.fail("\n".join(wrong.lines()), pytrace=False)
    if live is None:
        pytest.skip(OFF)
    with pytest.MonkeyPatch.context() as environment:
        for name in os.environ.keys() - ENVIRON.keys():
            environment.delenv(name)
        for name, value in ENVIRON.items():
            environment.setenv(name, value)
        yield (made := Run.of(live))
    sys.stderr.write(f"\nwhat was learnt: {live.folder / 'unknowns.md'}\n" if made.written else "")


def held(run: Run, title: str) -> Conversation:
    """Hold a conversation; fail where something of it is left on the cluster, or where it cannot be replayed."""
    try:
        kept = asyncio.run(run.hold(title, (CONVERSATIONS | PROBES)[title]))
    finally:
        path = run.live.folder / "unknowns.md"
        path.write_text(report(run.written, run.left), encoding="utf-8", newline="\n")
    steps, _ = asyncio.run(replay(kept))
    assert steps == kept.steps
    return kept


@pytest.mark.parametrize("title", [title for title in CONVERSATIONS if title not in SWITCHES])
def test_a_conversation(run: Run, title: str) -> None:
    kept = held(run, title)
    ends = [step["result"] for step in kept.steps if step["phases"]]
    assert title not in OBSERVED or ends == ["Succeeded"] * len(ends)


@pytest.mark.parametrize("title", sorted(SWITCHES))
def test_a_conversation_that_switches_python_on(run: Run, title: str) -> None:
    if not run.live.may_enable:
        pytest.skip("changes what queries run on: set KUSTO_MAGIC_TEST_ENABLE to yes")
    if not asyncio.run(run.python_is_off()):
        pytest.skip("python() is on in this cluster, or may not be seen: it is left alone")
    held(run, title)


@pytest.mark.parametrize("title", PROBES)
def test_what_nobody_knows_is_asked(run: Run, title: str) -> None:
    held(run, title)
