"""The end of a program with unsent operations, and a forked child."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from support.home import Home

from kusto_magic.builds.manager import BuildManager

if TYPE_CHECKING:
    from kusto_magic.emulator import ReadyTarget

START = """
from kusto_magic.arm import local_emulator
from kusto_magic.builds.manager import default_manager
from kusto_magic.builds.options import BuildOptions
from kusto_magic.builds.request import BuildRequest
from kusto_magic.models.action import Action
from kusto_magic.models.image import ImageSpec
from kusto_magic.models.target import Target
running = local_emulator.find().target
target = Target(running.subscription, running.resource_group, running.cluster, running.endpoint)
manager = default_manager()
"""
FORK = """
import os, sys
print(len(manager.ask(target, lambda client: client.list())), "in the parent", flush=True)
manager.history.recent()
child = os.fork()
if child == 0:
    print(len(manager.ask(target, lambda client: client.list())), "in the child", flush=True)
    spec = ImageSpec("humanize", base_image="Python3_11_7")
    manager.start(BuildRequest(Action.BUILD, target, "of-the-child", spec, BuildOptions(check=False))).result(60)
    print(manager.history.recent()[0].name, flush=True)
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
print(len(manager.ask(target, lambda client: client.list())), "in the parent", flush=True)
"""


def run(home: Home, code: str) -> subprocess.CompletedProcess[str]:
    """Run a program of the user of this home."""
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", START + code]
    return subprocess.run(command, env=home.env, capture_output=True, text=True, check=True, timeout=60)


def test_program_that_ends_submits_what_it_has_started_and_reports_what_is_queued(
    home: Home, emulator: Callable[[float], ReadyTarget]
) -> None:
    emulator(60)
    program = """
spec = ImageSpec("humanize", base_image="Python3_11_7")
manager.start(BuildRequest(Action.BUILD, target, "first", spec, BuildOptions(check=False)))
manager.start(BuildRequest(Action.BUILD, target, "second", spec, BuildOptions(check=False)))
"""
    ended = run(home, program)
    assert ended.stderr == (
        "kusto_magic: the build of 'second' on emulatedcluster was not sent: the program ended while its state was "
        "Queued. Call `result` of the build before the program ends, or send it with "
        "default_manager().attach(target, 'second', send=True).\n"
    )
    listed = run(home, "print([(it.name) for it in manager.ask(target, lambda client: client.list())])")
    assert (listed.stdout, listed.stderr) == ("['first']\n", "")


@pytest.mark.skipif(sys.platform == "win32", reason="fork")
def test_forked_child_has_its_own_loop_history_and_clients(
    home: Home, emulator: Callable[[float], ReadyTarget]
) -> None:
    emulator(0)
    ended = run(home, FORK)
    assert ended.stdout.splitlines() == ["0 in the parent", "0 in the child", "of-the-child", "1 in the parent"]
    assert ended.stderr == ""


def test_manager_without_a_fork_keeps_its_builds() -> None:
    manager = BuildManager()
    manager.forget_parent()  # what the hook of a fork calls
    assert manager.registry.all() == []
    manager.close()
