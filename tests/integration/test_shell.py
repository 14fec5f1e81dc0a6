"""`kusto-image` as a process: a script, interrupts, and operations that a notebook has started."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from support.emulator_process import EmulatorControl
from support.entra import black_hole
from support.home import Home
from support.interrupts import accept_interrupts
from support.kernel import Kernel
from support.shell_command import check_document

from kusto_magic.emulator import ReadyTarget

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="a script for sh, and signals")
COMMAND = [sys.executable, "-P", "-m", "kusto_magic"]
SCRIPT = """
set -eu
kusto_image() { "$PYTHON" -P -m kusto_magic "$@" --emulator; }
kusto_image check -f requirements.txt --base Python3_11_7 --json > check.json
kusto_image build forecast -f requirements.txt --base Python3_11_7 --json > build.json
kusto_image enable forecast --json > enable.json
kusto_image list --json > list.json
kusto_image disable --json > disable.json
kusto_image delete forecast --json > delete.json
"""
HEAVY = ("IPython", "ipykernel", "ipywidgets", "jupyter_client", "jupyter_core", "jupyterlab", "notebook", "matplotlib")
NOT_FOR_HELP = (*HEAVY, "asyncio", "azure", "httpx", "packaging", "rich", "sqlite3", "traitlets", "uvicorn")
RUN_AND_LIST_MODULES = """
import sys
from kusto_magic.cli.main import main
code = main(sys.argv[1:])
loaded = {name.partition(".")[0] for name in sys.modules}
sys.stderr.write(f"\\nLOADED {' '.join(sorted(loaded))}\\n")
sys.exit(code)
"""


@pytest.fixture
def folder(home: Home, emulator: Callable[[float], ReadyTarget]) -> Path:
    """The working folder of commands, with a requirements file; builds on the emulator take a second."""
    emulator(1.0)
    (home.work / "requirements.txt").write_text("humanize==4.9.0\n", encoding="utf-8")
    return home.work


def run(home: Home, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments], cwd=home.work, env=home.env, capture_output=True, text=True, timeout=120, check=False
    )


class Running:
    """A command that builds an image; its standard error is read up to a state."""

    def __init__(self, environment: Mapping[str, str], folder: Path, *arguments: str, until: str) -> None:
        self._process = subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=folder,
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=None if sys.platform == "win32" else accept_interrupts,
        )
        assert self._process.stderr is not None
        self.read = self.out = ""
        for line in self._process.stderr:
            self.read += line
            if until in line:
                return
        raise AssertionError(self.read)

    def end(self, number: signal.Signals) -> tuple[int, str]:
        """Send a signal; return the exit code and the rest of the standard error."""
        self._process.send_signal(number)
        self.out, rest = self._process.communicate(timeout=60)
        return self._process.returncode, rest


def build(*more: str) -> list[str]:
    return ["build", "forecast", "-f", "requirements.txt", "--base", "Python3_11_7", "--emulator", *more]


@POSIX
def test_script_checks_builds_enables_lists_and_deletes(home: Home, folder: Path) -> None:
    environment = {**home.env, "PYTHON": sys.executable}
    result = subprocess.run(
        ["sh", "-c", SCRIPT], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stdout) == (0, ""), result.stderr
    documents: dict[str, Any] = {path.stem: json.loads(path.read_text("utf-8")) for path in folder.glob("*.json")}
    for document in documents.values():
        check_document(document)
    assert documents["check"]["report"]["verdict"] == "compatible"
    assert documents["build"]["operations"][0]["state"] == "Succeeded"
    assert documents["enable"]["operations"][0]["state"] == "Enabled"
    assert [(image["name"], image["active"]) for image in documents["list"]["images"]] == [("forecast", True)]
    assert documents["delete"]["operations"][0]["state"] == "Deleted"


@pytest.mark.parametrize(
    ("arguments", "excluded", "code"),
    [
        (["--help"], NOT_FOR_HELP, 0),
        (["build", "--help"], NOT_FOR_HELP, 0),
        (build(), HEAVY, 0),
        (["lst"], NOT_FOR_HELP, 2),
    ],
)
def test_command_imports_only_what_it_needs(
    home: Home, folder: Path, arguments: list[str], excluded: tuple[str, ...], code: int
) -> None:
    command = [sys.executable, "-P", "-c", RUN_AND_LIST_MODULES, *arguments]
    result = subprocess.run(command, cwd=folder, env=home.env, capture_output=True, text=True, check=False)
    assert result.returncode == code, result.stderr
    loaded = set(result.stderr.rpartition("LOADED ")[2].split())
    assert loaded & set(excluded) == set()


@POSIX
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_build_is_detached_and_can_be_attached(home: Home, folder: Path, number: signal.Signals) -> None:
    emulator = EmulatorControl(home)
    emulator.hold()
    code, rest = Running(home.env, folder, *build(), until="Building").end(number)
    emulator.release()
    assert code == 4, rest
    assert "Detached after" in rest
    assert "Next: kusto-image attach forecast" in rest
    assert "Traceback" not in rest
    attached = run(home, "attach", "forecast", "--json")
    assert (attached.returncode, json.loads(attached.stdout)["operations"][0]["state"]) == (0, "Succeeded")


@POSIX
@pytest.mark.parametrize(("number", "expected"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupt_before_the_request_sends_nothing(
    home: Home, folder: Path, number: signal.Signals, expected: int
) -> None:
    with black_hole() as index:  # the check waits for it until it is interrupted
        environment = home.env | {"UV_DEFAULT_INDEX": f"{index}/simple"}
        running = Running(environment, folder, *build("--json"), until="Checking")
        code, rest = running.end(number)
    assert (code, "nothing was sent" in rest) == (expected, True), rest
    found = json.loads(running.out)
    assert (found["exitCode"], found["operations"][0]["outcome"]) == (expected, "notSubmitted")
    assert json.loads(run(home, "list", "--emulator", "--json").stdout)["images"] == []
    assert run(home, "attach", "forecast", "--emulator").returncode == 3


def test_notebook_follows_a_build_of_the_shell_and_the_other_way_round(
    home: Home, folder: Path, kernel: Kernel
) -> None:
    kernel.execute("%load_ext kusto_magic")
    kernel.execute("%kusto_image use emulator")
    started = run(home, *build("--no-wait", "--json"))
    assert started.returncode == 0, started.stderr
    shown = kernel.execute("%kusto_image wait forecast")
    assert (shown.status, shown.error) == ("ok", "")
    kernel.execute("%%kusto_image other --base Python3_11_7 --no-wait\nhumanize==4.9.0")
    deadline = time.monotonic() + 60
    while (attached := run(home, "attach", "other", "--emulator", "--json")).returncode == 2:
        assert time.monotonic() < deadline, "the notebook's build is not in the history"
    [operation] = json.loads(attached.stdout)["operations"]
    assert (attached.returncode, operation["outcome"]) == (0, "succeeded")
    recorded = json.loads(run(home, "status", "--json").stdout)["operations"]
    assert {(it["image"], it["action"], it["state"]) for it in recorded} == {
        ("forecast", "build", "Succeeded"),
        ("other", "build", "Succeeded"),
    }


def test_standard_input_is_a_requirements_file(home: Home, folder: Path) -> None:
    command = [*COMMAND, *build("--json")]
    command[command.index("requirements.txt")] = "-"
    text = "humanize==4.9.0  # größe\n".encode()
    result = subprocess.run(command, cwd=folder, env=home.env, input=text, capture_output=True, check=False)
    assert result.returncode == 0, result.stderr
    [image] = json.loads(run(home, "show", "forecast", "--emulator", "--json").stdout)["images"]
    assert image["requirements"] == text.decode()


@POSIX
def test_closed_pipe_ends_without_a_traceback(home: Home, folder: Path) -> None:
    script = f"'{sys.executable}' -P -m kusto_magic bases Python3_11_7_DL | head -n 1"
    result = subprocess.run(["sh", "-c", script], cwd=folder, env=home.env, capture_output=True, text=True, check=False)
    assert result.stdout.count("\n") == 1
    assert result.stderr == ""


@POSIX
def test_help_takes_less_than_a_fifth_of_a_second_of_the_processor(home: Home, folder: Path) -> None:
    def seconds() -> float:
        before = os.times()
        subprocess.run([*COMMAND, "--help"], cwd=folder, env=home.env, stdout=subprocess.DEVNULL, check=True)
        after = os.times()
        return after.children_user + after.children_system - before.children_user - before.children_system

    assert min(seconds() for _ in range(5)) < 0.2
