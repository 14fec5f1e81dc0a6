"""The subcommands in a terminal IPython of this process, with the emulator's app and a test clock."""

from __future__ import annotations

import inspect
import threading
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from support.environment import EmulatedEnvironment, forbidden_cluster
from support.magics_session import RunCell, rows
from support.panel_environment import json_response
from support.requests import build_request
from support.shell import error_of

from kusto_magic.builds.actions import IN_USE_HINT
from kusto_magic.commands.arguments import SUBCOMMANDS, Subcommand
from kusto_magic.commands.cell import expand_template
from kusto_magic.commands.session import TARGET_SETTINGS
from kusto_magic.display.command_hints import MAGICS
from kusto_magic.errors import InUseError, InvalidInputError, MaybeInUseError, Problem
from kusto_magic.hints import Hint, HintKind
from kusto_magic.magics.completer import refresh_names
from kusto_magic.magics.magics import KustoImageMagics
from kusto_magic.magics.notebook_session import NotebookSession, WaitInterrupted
from kusto_magic.models.build_state import BuildState
from kusto_magic.models.cluster import UnknownImage
from kusto_magic.models.image import ImageSpec
from kusto_magic.models.managed_images import MANAGED_IMAGES

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from kusto_magic.builds.build import Build

CELL = "%%kusto_image img --base Python3_11_7\nhumanize==4.9.0\n"
REPLACE = "%%kusto_image img --base Python3_11_7 {}\nhumanize\n"
DELETE = "%kusto_image delete img {}"


def problems_of(shell: InteractiveShell, cell: str) -> tuple[Problem, ...]:
    """Run a cell with invalid input and return its problems."""
    error = error_of(shell, cell)
    assert isinstance(error, InvalidInputError), error
    return error.problems


def shown_image(say: RunCell) -> dict[str, str]:
    """Return the properties of the image `img` that `show` shows."""
    return {row[0]: row[-1] for row in rows(say("%kusto_image show img"))}


# ── listing ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_list_shows_packages_and_active_image(say: RunCell) -> None:
    assert "%%kusto_image NAME" in say("%kusto_image list")  # the next step
    say(CELL)
    say("%%kusto_image upper --base img\npint\nxarray>=2\n")
    say("%kusto_image enable upper")
    assert rows(say("%kusto_image list")) == [
        ["Image", "State", "Active", "Base image", "Packages", "Requirements"],
        ["img", "✔ Succeeded", "Python3_11_7", "1", "humanize==4.9.0"],
        ["upper", "✔ Succeeded", "✔ active", "img", "2", "pint, xarray>=2"],
    ]
    say("%kusto_image enable Python3_10_8")
    assert rows(say("%kusto_image list"))[-1] == ["Python3_10_8", "✔ active", "managed image", "146"]


def test_active_enable_and_disable_report_the_image(say: RunCell, shell: InteractiveShell) -> None:
    assert "python() is disabled" in say("%kusto_image active")
    assert "already" in say("%kusto_image disable")
    enabled = say("%kusto_image enable Python3_11_7")
    assert enabled.splitlines()[-1].startswith("✔ Enabled")
    assert enabled.splitlines()[-1].endswith("uses this image")
    assert "use Python3_11_7." in say("%kusto_image active")
    assert "python() is disabled" in say("%kusto_image disable")
    error = error_of(shell, "%kusto_image enabel img")
    assert error.hint == Hint(HintKind.SHOW_HELP, "%kusto_image")
    assert "enable?" in error.what


def test_active_image_is_not_replaced_or_deleted_without_yes(
    say: RunCell, shell: InteractiveShell, environment: EmulatedEnvironment
) -> None:
    say(CELL)
    say("%kusto_image enable img")
    sent = [*environment.changes]
    for line in (REPLACE, DELETE):
        error = error_of(shell, line.format(""))
        assert type(error) is InUseError
        assert error.hint == IN_USE_HINT
        assert "--yes" in str(error)
    assert environment.changes == sent
    assert "✔ Succeeded" in say(REPLACE.format("--yes"))
    assert "✔ Deleted" in say(DELETE.format("--yes"))


def test_unknown_active_image_is_shown_as_unknown_and_needs_yes(
    say: RunCell, shell: InteractiveShell, environment: EmulatedEnvironment
) -> None:
    say(CELL)
    environment.transport.fault = forbidden_cluster
    unknown = environment.builds().ask(environment.target, lambda client: client.active())
    assert isinstance(unknown, UnknownImage)
    assert "AuthorizationFailed" in unknown.reason
    assert say("%kusto_image active").strip() == unknown.text(MAGICS)
    listed = say("%kusto_image list")
    assert rows(listed)[1][:3] == ["img", "✔ Succeeded", "unknown"]
    assert unknown.text(MAGICS) in listed
    assert shown_image(say)["Active"] == "unknown"
    assert f"✖  language extensions  unknown: {unknown.reason}" in say("%kusto_image doctor")
    sent = [*environment.changes]
    for line in (REPLACE, DELETE):
        error = error_of(shell, line.format(""))
        assert isinstance(error, MaybeInUseError)
        assert error.hint == Hint(HintKind.CONFIRM).after(unknown.hint)
        assert unknown.reason in error.what
        assert "--yes" in str(error)
    assert environment.changes == sent
    assert "python() is disabled" in say("%kusto_image disable")
    assert "✔ Succeeded" in say(REPLACE.format("--yes"))
    assert "✔ Deleted" in say(DELETE.format("--yes"))


def test_show_says_whether_the_image_is_active(say: RunCell) -> None:
    say(CELL)
    assert shown_image(say)["Active"] == "no"
    say("%kusto_image enable img")
    assert shown_image(say)["Active"] == "✔ active"


def test_clusters_shows_the_image_that_python_runs_on(say: RunCell) -> None:
    say("%kusto_image enable Python3_11_7")
    assert rows(say("%kusto_image clusters"))[1][-1] == "Python3_11_7"


def test_status_lists_operations_of_this_machine(say: RunCell) -> None:
    assert "No operations" in say("%kusto_image status")
    say(CELL)
    say("%kusto_image delete img")
    head, deleted, built = rows(say("%kusto_image status"))
    assert head == ["Image", "Cluster", "Action", "State", "Started", "Duration"]
    assert (deleted[2:4], built[2:4]) == (["delete", "✔ Deleted"], ["build", "✔ Succeeded"])


def test_status_tells_operations_of_running_processes_from_those_of_ended_ones(
    say: RunCell, shell: InteractiveShell, environment: EmulatedEnvironment
) -> None:
    spec = ImageSpec("humanize\n", base_image="Python3_11_7")
    environment.clock.released.clear()
    other = environment.builds()  # another process
    building = other.start(build_request(environment.target, "first", spec, check=False))
    environment.wait_for(building, BuildState.BUILDING)
    environment.wait_for(other.start(build_request(environment.target, "second", spec, check=False)), BuildState.QUEUED)
    _head, *shown = rows(say("%kusto_image status"))
    assert [(row[0], row[3], row[5]) for row in shown] == [
        ("second", "• Queued", "in progress"),
        ("first", "• Building", "in progress"),
    ]
    other.close()
    _head, *shown = rows(say("%kusto_image status"))
    assert [(row[0], row[3], row[5]) for row in shown] == [
        ("second", "✖ Not submitted", "never sent"),
        ("first", "? Unknown", "outcome unknown"),
    ]


def test_clusters_lists_the_subscription(say: RunCell, magics: KustoImageMagics) -> None:
    head, cluster = rows(say("%kusto_image clusters"))
    assert head == ["Cluster", "Selected", "Resource group", "Region", "State", "SKU", "Python"]
    assert cluster == [
        magics.cluster, "✔ in use", magics.resource_group, "East US", "Running", "Standard_E8as_v5+1TB_PS", "off"
    ]  # fmt: skip
    magics.subscription = ""
    assert "subscription: not set" in say("%kusto_image clusters")


def test_bases_lists_images_or_packages_of_one(say: RunCell, shell: InteractiveShell) -> None:
    listed = say("%kusto_image bases")
    assert ["Python3_11_7", "3.11.7", "131", "as documented by Microsoft in 2024-09", "preview"] in rows(listed)
    assert ["Python3_10_8", "3.10.8", "146", "as documented by Microsoft in 2024-09"] in rows(listed)
    assert "deprecated" in listed
    packages = rows(say("%kusto_image bases Python3_11_7"))
    assert ["numpy", "1.26.4"] in packages
    [problem] = problems_of(shell, "%kusto_image bases numpy")
    assert problem.field == "image"
    assert all(name in problem.message for name in MANAGED_IMAGES)


# ── help, and what is missing ──────────────────────────────────────────────────────────────────────────────────────


def test_magic_without_a_subcommand_lists_all_of_them(say: RunCell) -> None:
    shown = say("%kusto_image")
    assert {row[0] for row in rows(shown)} >= SUBCOMMANDS.keys()
    assert "%kusto_image use emulator" in shown
    assert "Error" not in shown


@pytest.mark.parametrize("command", ["show {}", "check {}", "edit {}", "export {} --as bicep", "attach {}", "diff {}"])
def test_wrong_name_of_an_image_suggests_the_nearest(say: RunCell, shell: InteractiveShell, command: str) -> None:
    [problem] = problems_of(shell, f"%kusto_image {command.format('imgg')}")
    assert problem.message.startswith("there is no image 'imgg' on this cluster")
    say(CELL)
    [problem] = problems_of(shell, f"%kusto_image {command.format('imgg')}")
    assert problem.message == "there is no image 'imgg' on this cluster; did you mean img?"


def test_managed_image_is_no_image_of_the_cluster(shell: InteractiveShell, magics: KustoImageMagics) -> None:
    [problem] = problems_of(shell, "%kusto_image show Python3_11_7")
    assert "%kusto_image bases Python3_11_7 lists its packages" in problem.message


def test_missing_cluster_is_one_problem_that_says_how_to_choose_one(
    shell: InteractiveShell, magics: KustoImageMagics
) -> None:
    for name in TARGET_SETTINGS:
        setattr(magics, name, "")
    error = error_of(shell, "%kusto_image list")
    assert isinstance(error, InvalidInputError)
    assert [problem.field for problem in error.problems] == ["cluster"]
    assert error.hint == Hint(HintKind.CHOOSE_CLUSTER)


def test_failure_is_shown_once_in_the_cell_and_completely_in_another_one(say: RunCell, shell: InteractiveShell) -> None:
    shown = say("%%kusto_image img --base no-such-image --no-check -o built\nhumanize\n")
    assert shown.count("Next: ") == 1
    assert shown.splitlines()[-1] == "ServiceError: see the result above."
    again = say("built.result()")
    assert "the build request was refused" in again
    assert again.count("Next: ") == 1


def test_failed_image_shows_the_error_and_the_next_step(say: RunCell, environment: EmulatedEnvironment) -> None:
    say(CELL)
    assert "Next step" not in shown_image(say)
    environment.transport.fault = _failed_image
    shown = shown_image(say)
    assert shown["State"] == "✖ Failed"
    assert shown["Next step"].startswith("%kusto_image edit img ")


def _failed_image(request: httpx.Request) -> httpx.Response | None:
    if request.method != "GET" or not request.url.path.endswith("/img"):
        return None
    properties = {"language": "Python", "baseImageName": "Python3_11_7", "provisioningState": "Failed"}
    return json_response({"id": "/x/img", "name": "c/img", "properties": properties})


# ── comparing ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_diff_compares_images_base_and_cell(say: RunCell) -> None:
    say(CELL)
    say("%%kusto_image other --base Python3_11_7\nhumanize==4.10.0\npint\n")
    assert rows(say("%kusto_image diff img other"))[1:] == [
        ["humanize", "4.9.0", "4.10.0", "→ changed"],
        ["pint", "–", "any version", "+ added"],
    ]
    assert rows(say("%kusto_image diff img")) == [
        ["Package", "Python3_11_7", "img", "Change"],
        ["humanize", "–", "4.9.0", "+ added"],
    ]
    cell = say("%%kusto_image img --base Python3_11_7 --diff\npint\n")
    assert rows(cell) == [
        ["Package", "img now", "this cell", "Change"],
        ["humanize", "4.9.0", "–", "− removed"],
        ["pint", "–", "any version", "+ added"],
    ]
    assert "img and Python3_11_7" not in say("%kusto_image diff img Python3_11_7")
    assert "contain the same packages" in say("%kusto_image diff img img")
    new = say("%%kusto_image new --python 3.10.8 --diff\npint\n")
    assert "Python 3.10.8" in new.splitlines()[-1]
    assert "not known" in new.splitlines()[-1]


def test_diff_suggests_closest_image_name(say: RunCell, shell: InteractiveShell) -> None:
    say(CELL)
    error = error_of(shell, "%kusto_image diff imgg")
    assert error.hint == Hint(HintKind.CHECK_NAME)
    assert "img?" in error.what


# ── the same again, and without doing it ───────────────────────────────────────────────────────────────────────────


def test_unchanged_cell_sends_nothing_unless_forced(say: RunCell, environment: EmulatedEnvironment) -> None:
    say(CELL)
    assert environment.changes == ["PUT img"]
    assert "up to date" in say(CELL)
    assert environment.changes == ["PUT img"]
    assert "up to date" not in say(CELL.replace("Python3_11_7", "Python3_11_7 --force"))
    assert environment.changes == ["PUT img"] * 2


def test_file_option_sends_file_byte_for_byte(
    say: RunCell, shell: InteractiveShell, tmp_path: Path, environment: EmulatedEnvironment
) -> None:
    path = tmp_path / "requirements.txt"
    path.write_bytes(b"# a comment\r\nhumanize==4.9.0\r\n")
    line = f"%%kusto_image img --base Python3_11_7 --file '{path}'"
    assert "✔ Succeeded" in say(f"{line}\n\n")
    image = environment.builds().ask(environment.target, lambda client: client.get("img"))
    assert image.requirements == "# a comment\r\nhumanize==4.9.0\r\n"
    both = problems_of(shell, f"{line}\nnumpy\n")
    missing = problems_of(shell, f"{line.replace(str(path), 'none.txt')}\n\n")
    assert [problem.field for problem in (*both, *missing)] == ["--file", "--file"]
    assert "not empty" in both[0].message
    assert "none.txt cannot be read" in missing[0].message


def test_template_replaces_variables_and_reports_invalid_ones(say: RunCell, shell: InteractiveShell) -> None:
    shell.user_ns |= {"version": "4.9.0", "packages": ["a"]}
    shown = say("%%kusto_image img --base Python3_11_7 --template --dry-run\nhumanize=={version}\n")
    assert "humanize==4.9.0" in shown
    lines = "a=={versoin}\nb=={packages}\nc=={1+1}\nd=={\n"
    found = problems_of(shell, f"%%kusto_image img --base Python3_11_7 --template\n{lines}")
    assert [(problem.field, problem.line) for problem in found] == [("template", n) for n in range(1, 5)]
    causes = ("versoin does not exist", "packages is not a string", "'{1+1}' is not", "'{' is not")
    assert all(cause in problem.message for cause, problem in zip(causes, found, strict=True))
    [unexpanded] = problems_of(shell, "%%kusto_image img --base Python3_11_7\nhumanize=={version}\n")
    assert (unexpanded.field, unexpanded.line) == ("requirements", 1)
    assert "not expanded" in unexpanded.message
    assert expand_template("{{ and }} and {version}", {"version": 4}) == "{ and } and 4"


# ── writing ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_edit_opens_a_cell_with_the_image(say: RunCell, shell: InteractiveShell) -> None:
    say(CELL)
    assert "next prompt" in say("%kusto_image edit img")
    assert shell.rl_next_input == "%%kusto_image img --base Python3_11_7\nhumanize==4.9.0"
    index = "--index-url https://packages.example.org/simple"
    say(f"%%kusto_image indexed --base img --allow-index-options\n{index}\npint\n")
    say("%kusto_image edit indexed")
    assert shell.rl_next_input == f"%%kusto_image indexed --base img\n{index}\npint"


def test_export_shows_stores_or_writes_the_text(say: RunCell, shell: InteractiveShell, tmp_path: Path) -> None:
    say(CELL)
    assert "resource customImage 'Microsoft.Kusto/" in say("%kusto_image export img --as bicep")
    assert say("%kusto_image export img --as requirements -o text") == ""
    assert shell.user_ns["text"] == "humanize==4.9.0\n"
    path = tmp_path / "image.tf"
    line = f"%kusto_image export img --as terraform --to '{path}'"
    assert str(path) in say(line)
    assert "azapi_resource" in path.read_text(encoding="utf-8")
    path.write_text("mine", encoding="utf-8")
    [problem] = problems_of(shell, line)
    assert (problem.field, "image.tf already exists" in problem.message) == ("--to", True)
    assert path.read_text(encoding="utf-8") == "mine"
    error = error_of(shell, "%kusto_image export img --as bicpe")
    assert error.hint == Hint(HintKind.SHOW_HELP, "%kusto_image export")
    assert "bicep?" in error.what


# ── settings ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_use_save_writes_the_cluster_to_config(say: RunCell, magics: KustoImageMagics) -> None:
    subscription = "01234567-89ab-cdef-0123-456789abcdef"
    say(f"%kusto_image use --save --subscription {subscription} --resource-group team --cluster mine")
    for name in TARGET_SETTINGS:
        setattr(magics, name, "")
    target = magics._session.resolve_target(Namespace())[1]
    assert (target.subscription, target.resource_group, target.cluster) == (subscription, "team", "mine")


def test_use_keeps_omitted_settings_except_those_of_the_emulator(
    say: RunCell, shell: InteractiveShell, magics: KustoImageMagics
) -> None:
    subscription = "01234567-89ab-cdef-0123-456789abcdef"
    omitted = problems_of(shell, "%kusto_image use --cluster mine")
    assert [problem.field for problem in omitted] == ["subscription", "resource group"]
    say(f"%kusto_image use --subscription {subscription} --resource-group team --cluster mine --cloud china")
    say("%kusto_image use --cluster other")
    chosen = {name: getattr(magics, name) for name in TARGET_SETTINGS}
    assert chosen == {
        "subscription": subscription, "resource_group": "team", "cluster": "other", "cloud": "china", "endpoint": "",
        "tenant": "",
    }  # fmt: skip
    assert [problem.field for problem in problems_of(shell, "%kusto_image use --cluster ..")] == ["cluster"]
    assert {name: getattr(magics, name) for name in TARGET_SETTINGS} == chosen
    cluster = f"/subscriptions/{subscription}/resourceGroups/team2/providers/Microsoft.Kusto/clusters/third"
    shown = say(f"%kusto_image use --cluster {cluster} --cloud public")
    assert all(part in shown for part in ("third", "team2", "https://management.azure.com"))


@pytest.mark.parametrize(("name", "subcommand"), SUBCOMMANDS.items())
def test_every_subcommand_has_a_function(name: str, subcommand: Subcommand) -> None:
    assert inspect.isfunction(subcommand.load(name))


@pytest.mark.parametrize("command", SUBCOMMANDS)
def test_every_subcommand_prints_help(say: RunCell, command: str) -> None:
    assert say(f"%kusto_image {command} --help").startswith(f"usage: %kusto_image {command} ")


def test_completion_names_come_from_a_connected_cluster(
    say: RunCell, magics: KustoImageMagics, environment: EmulatedEnvironment
) -> None:
    session = magics._session
    refresh_names(session)
    _wait_for_names(session)
    assert not session.has_client(environment.target), "Tab alone does not start a sign-in"
    say("%kusto_image list")
    environment.builds().start(
        build_request(environment.target, "from-elsewhere", ImageSpec("pint\n", base_image="Python3_11_7"))
    ).result(30)
    session.name_cache.refreshed_at = None
    refresh_names(session)
    _wait_for_names(session)
    assert session.name_cache.images == ("from-elsewhere",)


def _wait_for_names(session: NotebookSession) -> None:
    """Wait until the names are stored: callbacks run in the order in which they were added."""
    stored = threading.Event()
    if session.name_cache.listing is not None:
        session.name_cache.listing.add_done_callback(lambda _listing: stored.set())
        assert stored.wait(10)


def test_interrupt_before_sending_reports_nothing_sent(environment: EmulatedEnvironment) -> None:
    environment.clock.released.clear()
    builds = environment.builds()
    spec = ImageSpec("pint\n", base_image="Python3_11_7")
    first = builds.start(build_request(environment.target, "one", spec))
    _wait_for(first, "Building")
    second = builds.start(
        build_request(environment.target, "one", ImageSpec("xarray\n", base_image="Python3_11_7"), queue=True)
    )
    _wait_for(second, "Queued")
    text = " ".join(WaitInterrupted(second)._render_traceback_())
    assert "nothing was sent" in text
    assert "restart" not in text
    assert "restart" in " ".join(WaitInterrupted(first)._render_traceback_())


def _wait_for(build: Build, phase: str) -> None:
    reached = threading.Event()
    build.observe(lambda change: reached.set() if change["new"].state == phase else None, "operation")
    assert build.operation.state == phase or reached.wait(10)
