"""The live suite: the recorded scenarios, and probes of undocumented behavior, with a real cluster. Off by default.

`python noxfile.py azure` runs it if a cluster is configured. It creates images with its own names and deletes them. It
records each scenario, redacted, in .dev/conversations/, and the findings in unknowns.md there.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator

import pytest
from support.live_probes import PROBES
from support.live_report import render_report
from support.live_suite import SKIP_REASON, LiveRun, configured
from support.recording import Conversation
from support.scenario_runner import replay_recording
from support.scenarios import ENABLING_SCENARIOS, SCENARIOS

from kusto_magic.errors import InvalidInputError
from kusto_magic.models.build_state import SUCCESS_STATES

ENVIRON = dict(os.environ)
"""The environment before any test: fixtures hide the developer's sign-in, which is needed here."""

OBSERVED = frozenset({"create-and-delete", "update"})
"""Scenarios whose results were observed in Azure; only these are known to succeed."""

pytestmark = [pytest.mark.azure, pytest.mark.timeout(4 * 3600)]


@pytest.fixture(scope="module")
def run() -> Iterator[LiveRun]:
    """Provide the live run, with the environment in which pytest was started."""
    try:
        live = configured(ENVIRON)
    except InvalidInputError as wrong:
        pytest.fail("\n".join(wrong.lines()), pytrace=False)
    if live is None:
        pytest.skip(SKIP_REASON)
    with pytest.MonkeyPatch.context() as environment:
        for name in os.environ.keys() - ENVIRON.keys():
            environment.delenv(name)
        for name, value in ENVIRON.items():
            environment.setenv(name, value)
        yield (made := LiveRun.of(live))
    sys.stderr.write(f"\nfindings: {live.folder / 'unknowns.md'}\n" if made.written else "")


def run_and_replay(run: LiveRun, title: str) -> Conversation:
    """Run a scenario and record it; fail if it leaves images on the cluster or cannot be replayed."""
    try:
        recording = asyncio.run(run.run(title, (SCENARIOS | PROBES)[title]))
    finally:
        path = run.live.folder / "unknowns.md"
        path.write_text(render_report(run.written, run.left), encoding="utf-8", newline="\n")
    steps, _ = asyncio.run(replay_recording(recording))
    assert steps == recording.steps
    return recording


@pytest.mark.parametrize("title", [title for title in SCENARIOS if title not in ENABLING_SCENARIOS])
def test_scenario(run: LiveRun, title: str) -> None:
    recording = run_and_replay(run, title)
    results = [step["result"] for step in recording.steps if step["phases"]]
    assert title not in OBSERVED or set(results) <= {state.value for state in SUCCESS_STATES}


@pytest.mark.parametrize("title", sorted(ENABLING_SCENARIOS))
def test_scenario_that_enables_python(run: LiveRun, title: str) -> None:
    if not run.live.may_enable:
        pytest.skip("changes the image that queries use: set KUSTO_MAGIC_TEST_ENABLE to yes to run it")
    if not asyncio.run(run.python_is_off()):
        pytest.skip("python() is enabled on this cluster, or its state cannot be read: not changed")
    run_and_replay(run, title)


@pytest.mark.parametrize("title", PROBES)
def test_probe(run: LiveRun, title: str) -> None:
    run_and_replay(run, title)
