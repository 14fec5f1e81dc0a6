"""Images made with other tools, whose names and requirements this package would not create: every subcommand."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from support.arm_responses import TARGET, image_resource, make_response
from support.emulator_transport import EmulatorTransport
from support.environment import EmulatedEnvironment
from support.magics_session import RunCell, cell_runner, load_magics
from support.scripted_transport import ScriptedTransport, open_connection
from support.shell import error_of

from kusto_magic.arm.transport import ArmTransport
from kusto_magic.builds.history import History
from kusto_magic.builds.manager import BuildManager
from kusto_magic.errors import InvalidInputError
from kusto_magic.hints import Hint, HintKind
from kusto_magic.magics.magics import KustoImageMagics
from kusto_magic.models.export_forms import FORMS
from kusto_magic.models.image import NO_PACKAGES
from kusto_magic.preflight.report import PreflightReport, Verdict

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

NAME = "Größe (2024) .v1"
HASHED = "humanize==4.9.0 \\\n    --hash=sha256:0a1b\n"
MIXED = "humanize==4.9.0 --hash=sha256:0a1b\n-r more.txt\n--index-url https://index.example/simple\n./local.whl\n"
OTHER_IMAGES: dict[str, dict[str, str]] = {
    NAME: {"baseImageName": "Python3_11_7", "requirementsFileContent": "humanize==4.9.0"},
    "hashed": {"languageVersion": "3.11.7", "requirementsFileContent": HASHED},
    "mixed": {"baseImageName": NAME, "requirementsFileContent": MIXED},
    "no requirements": {"languageVersion": "3.11.7"},
    "empty": {"baseImageName": "Python3_11_7", "requirementsFileContent": ""},
    "x" * 100: {"baseImageName": "no requirements", "requirementsFileContent": "-r more.txt\r\n"},
    "secret": {
        "languageVersion": "3.11.7",
        "requirementsFileContent": "--index-url https://u:hunter2@h.example/\npint\n",
    },
}
"""The images by name, with their properties, in the order in which they are built."""


@pytest.fixture
def checked() -> list[str]:
    """The requirements texts that were checked."""
    return []


@pytest.fixture
def environment(tmp_path: Path, checked: list[str]) -> Iterator[EmulatedEnvironment]:
    async def preflight(text: str, **_options: Any) -> PreflightReport:
        checked.append(text)
        return PreflightReport(Verdict.COMPATIBLE, "3.11.7")

    made = EmulatedEnvironment(tmp_path, preflight, EmulatorTransport())
    asyncio.run(_build_all(made.emulator_client()))
    yield made
    made.close()


async def _build_all(emulator: EmulatorTransport) -> None:
    for name, properties in OTHER_IMAGES.items():
        await emulator.build(name, **properties)


@pytest.fixture
def say(shell: InteractiveShell, environment: EmulatedEnvironment, capsys: pytest.CaptureFixture[str]) -> RunCell:
    load_magics(shell, environment)
    return cell_runner(shell, capsys)


def refused(shell: InteractiveShell, cell: str) -> InvalidInputError:
    """Run a cell with invalid input and return its error."""
    error = error_of(shell, cell)
    assert isinstance(error, InvalidInputError), error
    return error


def places(error: InvalidInputError) -> list[tuple[str, int | None]]:
    """Return the field and the line of each problem."""
    return [(problem.field, problem.line) for problem in error.problems]


def test_list_shows_every_image(say: RunCell) -> None:
    lines = say("%kusto_image list").splitlines()[2:]
    shown = {line.partition("  ")[0]: re.split(r" {2,}", line)[1:] for line in lines}
    assert shown.keys() == OTHER_IMAGES.keys()
    assert shown[NAME] == ["✔ Succeeded", "Python3_11_7", "1", "humanize==4.9.0"]
    assert shown["hashed"] == ["✔ Succeeded", "Python 3.11.7", "1", "humanize==4.9.0"]
    assert shown["mixed"][2].startswith("humanize==4.9.0 --hash=sha256:0a1b -r more.txt")
    assert shown["no requirements"] == ["✔ Succeeded", "Python 3.11.7", "0"]
    assert "hunter2" not in "".join(lines)


@pytest.mark.parametrize("name", OTHER_IMAGES)
def test_show_shows_every_image_as_stored(say: RunCell, name: str) -> None:
    text = say(f"%kusto_image show '{name}'")
    assert name in text
    wanted = OTHER_IMAGES[name].get("requirementsFileContent") or NO_PACKAGES
    assert all(line.replace("u:hunter2", "•••") in text for line in wanted.splitlines())


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", [name for name in OTHER_IMAGES if name != "secret"])
def test_export_exports_every_image(say: RunCell, shell: InteractiveShell, name: str, form: str) -> None:
    assert say(f"%kusto_image export '{name}' --as {form} -o text") == ""
    text = str(shell.user_ns["text"])
    if form == "requirements":
        assert text == OTHER_IMAGES[name].get("requirementsFileContent", "")
    if form in ("az", "rest"):
        [path] = re.findall(r"/sandboxCustomImages/([^?]*)\?", text)
        assert re.fullmatch(r"[A-Za-z0-9._~%-]+", path), "one quoted segment"


def test_export_of_a_secret_is_refused(say: RunCell, shell: InteractiveShell) -> None:
    error = refused(shell, "%kusto_image export secret --as bicep")
    assert (places(error), error.hint) == ([("requirements", None)], Hint(HintKind.RECREATE_IMAGE))
    assert "hunter2" not in str(error)


EDITED = {
    NAME: (f"%%kusto_image '{NAME}' --base Python3_11_7\nhumanize==4.9.0", ""),
    "hashed": (f"%%kusto_image hashed --python 3.11.7\n{HASHED}".rstrip(), "line 1: --hash: the service"),
    "mixed": (f"%%kusto_image mixed --base '{NAME}'\n{MIXED}".rstrip(), "line 2: -r: the service"),
    "no requirements": ("%%kusto_image 'no requirements' --python 3.11.7 --no-packages", ""),
    "empty": ("%%kusto_image empty --base Python3_11_7 --no-packages", ""),
    "x" * 100: (f"%%kusto_image {'x' * 100} --base 'no requirements'\n-r more.txt", "line 1: -r: "),
}  # fmt: skip


@pytest.mark.parametrize("name", EDITED)
def test_edit_opens_a_cell_and_names_what_must_be_changed(say: RunCell, shell: InteractiveShell, name: str) -> None:
    shown = say(f"%kusto_image edit '{name}'")
    cell, change = EDITED[name]
    assert shell.rl_next_input == cell
    assert change in shown
    assert ("Before this cell" in shown) is bool(change)


def test_edited_cell_of_an_image_of_another_tool_replaces_it(
    say: RunCell, shell: InteractiveShell, environment: EmulatedEnvironment
) -> None:
    say(f"%kusto_image edit '{NAME}'")
    assert "✔ Succeeded" in say(f"{shell.rl_next_input}\n")
    assert environment.changes == []
    assert "✔ Succeeded" in say(f"{shell.rl_next_input}\npint\n")
    assert environment.changes == [f"PUT {NAME}"]
    error = refused(shell, "%%kusto_image 'new image' --base Python3_11_7\npint")
    assert places(error) == [("image name", None)]
    assert "no such image" in error.what
    assert environment.changes == [f"PUT {NAME}"]


def test_edit_writes_no_secret_into_a_cell(say: RunCell, shell: InteractiveShell) -> None:
    shell.rl_next_input = None
    error = refused(shell, "%kusto_image edit secret")
    assert (places(error), error.hint) == ([("requirements", None)], Hint(HintKind.SHOW_IMAGE, "secret"))
    assert "hunter2" not in str(error)
    assert shell.rl_next_input is None


def test_check_checks_the_package_lines_and_names_the_others(say: RunCell, checked: list[str]) -> None:
    assert "Not checked" not in say(f"%kusto_image check '{NAME}'")
    assert "Not checked: hashes" in say("%kusto_image check hashed")
    shown = say("%kusto_image check mixed")
    assert "line 2: -r: " in shown
    assert "line 4: " in shown
    assert "index options" in shown
    assert checked == ["humanize==4.9.0", "humanize==4.9.0\n", "humanize==4.9.0\n"]


def test_check_says_why_nothing_can_be_checked(say: RunCell, shell: InteractiveShell, checked: list[str]) -> None:
    error = refused(shell, f"%kusto_image check {'x' * 100}")
    assert places(error)[:2] == [("image", None), ("requirements", 1)]
    assert error.hint == Hint(HintKind.SHOW_IMAGE, "x" * 100)
    assert checked == []


def test_diff_compares_every_image_with_its_base(say: RunCell) -> None:
    assert "humanize" in say(f"%kusto_image diff '{NAME}'")
    assert "-r more.txt" in say("%kusto_image diff mixed")
    for name in ("no requirements", "empty"):
        equal, *_unknown_base = say(f"%kusto_image diff '{name}'").splitlines()
        assert name in equal
        assert "same packages" in equal


@pytest.mark.parametrize("name", [NAME, "hashed", "mixed", "x" * 100])
def test_enable_attach_and_delete_accept_every_image(say: RunCell, name: str) -> None:
    assert "✔ Enabled" in say(f"%kusto_image enable '{name}' --wait")
    assert f"use {name}." in say("%kusto_image active")
    assert "✔ Succeeded" in say(f"%kusto_image wait '{name}'")
    assert "InUseError" in say(f"%kusto_image delete '{name}'")
    assert "✔ Deleted" in say(f"%kusto_image delete '{name}' --yes")


@pytest.mark.parametrize("name", ["..", "a/b", "a%2fb", "a?b", "a#b", "%2e%2e", "a\\b"])
@pytest.mark.parametrize("command", ["show", "check", "edit", "export --as az", "attach", "delete", "enable"])
def test_name_that_is_not_one_path_segment_is_refused(
    say: RunCell, shell: InteractiveShell, environment: EmulatedEnvironment, command: str, name: str
) -> None:
    error = refused(shell, f"%kusto_image {command} '{name}'")
    assert places(error) == [("image name", None)]
    assert environment.changes == []


def test_name_that_reads_as_an_option_is_addressed_after_two_dashes(
    say: RunCell, environment: EmulatedEnvironment, shell: InteractiveShell
) -> None:
    asyncio.run(environment.emulator_client().build("-x", languageVersion="3.11.7"))
    assert "-x" in say("%kusto_image show -- -x").split()
    error = refused(shell, "%kusto_image edit -- -x")
    assert (places(error), error.hint) == ([("image name", None)], Hint(HintKind.SHOW_IMAGE, "-x"))
    assert shell.rl_next_input is None


# ── an image of its base alone ───────────────────────────────────────────────────────────────────────────────────


def test_empty_cell_creates_an_image_of_its_base_only_with_the_option(
    say: RunCell, shell: InteractiveShell, environment: EmulatedEnvironment
) -> None:
    [problem] = refused(shell, "%%kusto_image engine --python 3.11.7\n \n").problems
    assert problem.hint == Hint(HintKind.ALLOW_NO_PACKAGES)
    assert environment.changes == []
    assert "✔ Succeeded" in say("%%kusto_image engine --python 3.11.7 --no-packages\n \n")
    assert places(refused(shell, "%%kusto_image engine --no-packages\n \n")) == [("base", None)]
    named = refused(shell, "%%kusto_image engine --python 3.11.7 --no-packages\npint")
    assert places(named) == [("--no-packages", None)]
    assert environment.changes == ["PUT engine"]
    assert NO_PACKAGES in say("%kusto_image show engine")


def test_dry_run_quotes_the_name(say: RunCell) -> None:
    shown = say("%%kusto_image 'a b' --python 3.11.7 --no-packages --dry-run\n \n")
    assert "/sandboxCustomImages/a%20b?" in shown
    assert json.loads(shown.partition("\n\n")[2])["properties"]["requirementsFileContent"] == ""


# ── languages ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def script() -> ScriptedTransport:
    """A service whose images are all for R."""
    return ScriptedTransport(default=make_response(image_resource(language="R", requirementsFileContent=None)))


@pytest.fixture
def ask(
    shell: InteractiveShell, tmp_path: Path, script: ScriptedTransport, capsys: pytest.CaptureFixture[str]
) -> Iterator[RunCell]:
    def connect(endpoint: str, scope: str, credential: object = None) -> ArmTransport:
        return open_connection(script, endpoint, scope)

    builds = BuildManager(history=History(tmp_path / "history.sqlite"), connect=connect)
    magics = KustoImageMagics(shell, builds)
    shell.register_magics(magics)
    magics.subscription, magics.resource_group, magics.cluster = (
        TARGET.subscription, TARGET.resource_group, TARGET.cluster
    )  # fmt: skip
    yield cell_runner(shell, capsys)
    builds.close()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("show img", "R"),
        ("check img", "its language is 'R'; only images for Python can be created or checked"),
        ("edit img", "a cell creates an image for Python, and this one is for R"),
        ("export img --as powershell", "Az.Kusto creates images for Python only, and this one is for 'R'"),
        ("export img --as rest", '"language": "R"'),
    ],
)
def test_image_of_another_language_is_shown_and_exported_but_not_edited(ask: RunCell, line: str, message: str) -> None:
    assert message in ask(f"%kusto_image {line}")
