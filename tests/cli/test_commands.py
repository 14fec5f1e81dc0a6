"""The commands of `kusto-image` on an emulated cluster: results, exit codes, JSON."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.arm_responses import TARGET
from support.environment import EmulatedEnvironment
from support.home import Home
from support.shell_command import Result, ShellCommand, check_document

import kusto_magic
from kusto_magic.cli.arguments import COMMANDS, shell_parser
from kusto_magic.commands.arguments import SUBCOMMANDS
from kusto_magic.preflight.report import PreflightReport, Verdict

ONLY_NOTEBOOKS = {"panel", "edit"}


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "requirements.txt"
    path.write_text("humanize==4.9.0\n", encoding="utf-8")
    return str(path)


def document(result: Result) -> dict[str, Any]:
    """Return the JSON of a result, which is valid and names the exit code."""
    found = result.document
    check_document(found)
    assert found["exitCode"] == result.code
    return found


def build(run: ShellCommand, file: str, *more: str) -> Result:
    return run("build", "forecast", "-f", file, "--base", "Python3_11_7", *more)


# ── the commands ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_shell_has_the_commands_of_the_magics_that_need_no_notebook() -> None:
    assert set(COMMANDS) - {"build"} == set(SUBCOMMANDS) - ONLY_NOTEBOOKS
    assert "%" not in shell_parser().format_help()


def test_build_waits_and_shows_the_result(
    kusto_image: ShellCommand, environment: EmulatedEnvironment, file: str
) -> None:
    result = build(kusto_image, file)
    assert (result.code, environment.changes) == (0, ["PUT forecast"])
    assert result.out.startswith("✔ Succeeded: image forecast")
    assert "• " not in result.out, "progress is not part of the result"


@pytest.mark.slow
def test_second_build_sends_nothing_and_says_so(
    kusto_image: ShellCommand, environment: EmulatedEnvironment, file: str
) -> None:
    build(kusto_image, file)
    result = build(kusto_image, file, "--json", "-q")
    [operation] = document(result)["operations"]
    assert (operation["unchanged"], operation["outcome"], result.err) == (True, "succeeded", "")
    assert environment.changes == ["PUT forecast"]
    assert "already up to date; nothing sent" in build(kusto_image, file).out


@pytest.mark.slow
def test_list_show_and_status_as_json(kusto_image: ShellCommand, file: str) -> None:
    build(kusto_image, file)
    listed = document(kusto_image("list", "--json"))
    assert [(it["name"], it["active"], it["packages"]) for it in listed["images"]] == [("forecast", False, 1)]
    assert listed["active"] == {"state": "off", "image": "", "reason": ""}
    [shown] = document(kusto_image("show", "forecast", "--json"))["images"]
    assert shown["requirements"] == "humanize==4.9.0\n"
    [recorded] = document(kusto_image("status", "--json"))["operations"]
    assert (recorded["image"], recorded["action"], recorded["outcome"]) == ("forecast", "build", "succeeded")


@pytest.mark.parametrize("command", ["list", "active", "bases", "bases Python3_11_7", "status", "clusters", "doctor"])
def test_command_that_reads_returns_a_valid_document(kusto_image: ShellCommand, command: str) -> None:
    found = document(kusto_image(*command.split(), "--json"))
    assert found["error"] is None
    assert len(found.keys() - {"version", "command", "exitCode", "error", "messages", "notes"}) >= 1


@pytest.mark.slow
def test_enable_active_disable_and_delete(
    kusto_image: ShellCommand, environment: EmulatedEnvironment, file: str
) -> None:
    build(kusto_image, file)
    assert kusto_image("enable", "forecast").code == 0
    assert document(kusto_image("active", "--json"))["active"]["image"] == "forecast"
    again = document(kusto_image("enable", "forecast", "--json"))
    assert again["operations"][0]["unchanged"]
    assert environment.changes.count("POST addLanguageExtensions") == 1
    refused = kusto_image("delete", "forecast")
    assert (refused.code, "--yes" in refused.out) == (3, True)
    assert kusto_image("disable").code == 0
    assert kusto_image("delete", "forecast", "-q").code == 0
    assert document(kusto_image("list", "--json"))["images"] == []


@pytest.mark.slow
def test_forced_enabling_is_sent(kusto_image: ShellCommand, environment: EmulatedEnvironment, file: str) -> None:
    build(kusto_image, file)
    for more in ([], ["--force"]):
        assert kusto_image("enable", "forecast", *more).code == 0
    assert environment.changes.count("POST addLanguageExtensions") == 2


def test_export_writes_the_text_alone_to_the_standard_output(kusto_image: ShellCommand, file: str) -> None:
    build(kusto_image, file)
    assert kusto_image("export", "forecast", "--as", "requirements").out == "humanize==4.9.0\n"
    assert document(kusto_image("export", "forecast", "--as", "bicep", "--json"))["text"].startswith("//")


@pytest.mark.slow
def test_freeze_writes_requirements_to_the_standard_output(kusto_image: ShellCommand, tmp_path: Path) -> None:
    script = tmp_path / "job.py"
    script.write_text("import rich\n", encoding="utf-8")
    result = kusto_image("freeze", str(script))
    assert result.code == 0
    assert next(line for line in result.out.splitlines() if not line.startswith("#")).startswith("rich==")
    assert "kusto-image build my-image" in result.err


def test_diff_of_a_file_with_its_image(kusto_image: ShellCommand, file: str) -> None:
    build(kusto_image, file)
    Path(file).write_text("humanize==4.10.0\n", encoding="utf-8")
    found = document(build(kusto_image, file, "--diff", "--json"))
    assert [(it["package"], it["before"], it["after"]) for it in found["changes"]] == [
        ("humanize", "==4.9.0", "==4.10.0")
    ]


def test_attach_follows_what_another_process_has_started(
    kusto_image: ShellCommand, environment: EmulatedEnvironment, file: str
) -> None:
    accepted = build(kusto_image, file, "--no-wait", "--json")
    [operation] = document(accepted)["operations"]
    assert (accepted.code, operation["outcome"]) == (0, None)
    [ended] = document(kusto_image("attach", "forecast", "--json"))["operations"]
    assert (ended["id"], ended["outcome"]) == (operation["id"], "succeeded")
    assert environment.changes == ["PUT forecast"]


# ── requirements ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_check_of_a_file_needs_no_cluster(
    kusto_image: ShellCommand, environment: EmulatedEnvironment, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    for name in ("SUBSCRIPTION", "RESOURCE_GROUP", "CLUSTER", "ENDPOINT"):
        monkeypatch.delenv(f"KUSTO_MAGIC_{name}")
    found = document(kusto_image("check", "-f", file, "--base", "Python3_11_7", "--json"))
    assert found["report"]["verdict"] == "compatible"
    assert environment.changes == []
    custom = document(kusto_image("check", "-f", file, "--base", "my-base", "--json"))
    assert custom["report"]["verdict"] == "inconclusive"
    assert "none is chosen" in custom["report"]["reason"]


def test_check_takes_either_a_file_or_an_image(kusto_image: ShellCommand, file: str) -> None:
    build(kusto_image, file)
    assert "compatible" in kusto_image("check", "forecast").out
    both = kusto_image("check", "forecast", "-f", file)
    assert (both.code, "not both" in both.err) == (2, True)


def test_notes_on_a_converted_file_are_written_to_the_standard_error(kusto_image: ShellCommand, file: str) -> None:
    Path(file).write_text("pip install humanize==4.9.0\n", encoding="utf-8")
    result = build(kusto_image, file, "-q", "--json")
    assert document(result)["notes"]


# ── exit codes ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["lst"], "did you mean list?"),
        (["list", "--clutser", "x"], "did you mean --cluster?"),
        (["build", "img", "--base", "Python3_11_7"], "name the requirements file"),
        (["build", "check", "-f", "x"], "`check` is a command"),
        (["build", "img", "-f", "missing.txt", "--base", "Python3_11_7"], "missing.txt cannot be read"),
        (["show", "missing"], "there is no image"),
        (["attach", "img", "--timeout", "soon"], "is not a time such as 90m"),
    ],
)
def test_invalid_input_ends_with_2(kusto_image: ShellCommand, arguments: list[str], text: str) -> None:
    result = kusto_image(*arguments)
    assert (result.code, result.out) == (2, "")
    assert text in result.err
    assert "Next:" in result.err
    found = document(kusto_image(*arguments, "--json"))
    assert found["error"]["type"] == "InvalidInputError"


async def _conflict(_text: str, **_more: Any) -> PreflightReport:
    return PreflightReport(Verdict.CONFLICT, "3.11.7", reason="humanize needs Python 3.12")


def test_conflict_ends_with_3_and_sends_nothing(
    kusto_image: ShellCommand, environment: EmulatedEnvironment, file: str
) -> None:
    environment.answer = _conflict
    for command in (["build", "forecast"], ["check"], ["build", "forecast", "--plan"]):
        result = kusto_image(*command, "-f", file, "--base", "Python3_11_7")
        assert result.code == 3, command
        assert (result.out + result.err).count("humanize needs Python 3.12") == 1
    assert environment.changes == []


def _failed_build(request: httpx.Request) -> httpx.Response | None:
    if request.method != "PUT":
        return None
    body = json.dumps({"error": {"code": "BadRequest", "message": "not\n::set-output name=x::y"}}).encode()
    return httpx.Response(400, headers={"content-type": "application/json"}, stream=httpx.ByteStream(body))


def test_rejected_build_ends_with_1(kusto_image: ShellCommand, environment: EmulatedEnvironment, file: str) -> None:
    environment.transport.fault = _failed_build
    result = build(kusto_image, file)
    assert (result.code, result.err.count("::set-output")) == (1, 0)
    assert not [line for line in result.out.splitlines() if line.lstrip().startswith("::")]
    found = document(build(kusto_image, file, "--json"))
    assert (found["operations"][0]["outcome"], found["error"]["type"]) == ("rejected", "ServiceError")


def _forbidden(request: httpx.Request) -> httpx.Response | None:
    if request.method == "GET" and not request.url.path.endswith("sandboxCustomImages"):
        return None
    body = json.dumps({"error": {"code": "AuthorizationFailed", "message": "no"}}).encode()
    return httpx.Response(403, headers={"content-type": "application/json"}, stream=httpx.ByteStream(body))


def test_missing_permission_ends_with_5(kusto_image: ShellCommand, environment: EmulatedEnvironment, file: str) -> None:
    environment.transport.fault = _forbidden
    assert kusto_image("list").code == 5
    assert build(kusto_image, file).code == 5


def test_operation_that_outlives_the_timeout_ends_with_4(kusto_image: ShellCommand, file: str) -> None:
    result = build(kusto_image, file, "--timeout", "10s")
    assert result.code == 4
    assert "kusto-image attach forecast" in result.out


# ── plans ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.slow
@pytest.mark.parametrize("option", ["--plan", "--fail-on-change"])
def test_plan_of_a_build_sends_nothing(
    kusto_image: ShellCommand, environment: EmulatedEnvironment, file: str, option: str
) -> None:
    created = build(kusto_image, file, option, "--json")
    assert (created.code, document(created)["plan"][0]["change"]) == (10, "create")
    assert environment.changes == []
    build(kusto_image, file)
    same = build(kusto_image, file, option, "--json")
    assert (same.code, document(same)["plan"][0]["change"]) == (0, "nothing")
    Path(file).write_text("humanize==4.10.0\n", encoding="utf-8")
    changed = build(kusto_image, file, option, "--json")
    assert (changed.code, document(changed)["plan"][0]["change"]) == (10, "replace")
    assert ("report" in document(changed)) is (option == "--plan"), "only a plan checks the requirements"
    assert environment.changes == ["PUT forecast"]


@pytest.mark.slow
def test_plans_of_other_changes(kusto_image: ShellCommand, environment: EmulatedEnvironment, file: str) -> None:
    build(kusto_image, file)

    def planned(*command: str) -> tuple[int, str]:
        result = kusto_image(*command, "--plan", "--json")
        return result.code, document(result)["plan"][0]["change"]

    assert planned("enable", "forecast") == (10, "enable")
    assert planned("delete", "forecast") == (10, "delete")
    assert planned("delete", "other") == (0, "nothing")
    assert planned("disable") == (0, "nothing")
    kusto_image("enable", "forecast")
    assert planned("enable", "forecast") == (0, "nothing")
    assert planned("disable") == (10, "disable")
    assert environment.changes == ["PUT forecast", "POST addLanguageExtensions"]


def test_several_clusters_are_one_operation_each(
    kusto_image: ShellCommand, environment: EmulatedEnvironment, file: str
) -> None:
    target = environment.target
    same = target.cluster_id.replace(target.cluster, target.cluster.upper())
    [operation] = document(build(kusto_image, file, "--cluster", target.cluster_id, "--cluster", same, "--json"))[
        "operations"
    ]
    assert operation["clusterId"].lower() == target.cluster_id.lower()


def test_version_and_help_are_written_without_a_cluster(kusto_image: ShellCommand) -> None:
    assert kusto_image("--version").out == f"kusto-image {kusto_magic.__version__}\n"
    assert kusto_image().out == kusto_image("--help").out.rstrip("\n") + "\n"
    assert kusto_image("build", "--help").code == 0


@pytest.mark.slow
def test_disabling_what_is_disabled_is_unchanged(kusto_image: ShellCommand, environment: EmulatedEnvironment) -> None:
    [operation] = document(kusto_image("disable", "--json"))["operations"]
    assert (operation["unchanged"], operation["state"], environment.changes) == (True, "Disabled", [])
    assert document(kusto_image("status", "--json"))["operations"][0]["unchanged"]


@pytest.mark.slow
def test_plan_of_what_would_be_refused_is_refused(
    kusto_image: ShellCommand, environment: EmulatedEnvironment, file: str
) -> None:
    build(kusto_image, file)
    kusto_image("enable", "forecast")
    Path(file).write_text("humanize==4.10.0\n", encoding="utf-8")
    assert build(kusto_image, file, "--plan").code == 3
    assert build(kusto_image, file, "--plan", "--yes").code == 10
    assert kusto_image("delete", "forecast", "--plan").code == 3
    assert kusto_image("delete", "forecast", "--plan", "--yes").code == 10
    assert kusto_image("enable", "missing", "--plan").code == 1
    assert build(kusto_image, file, "--plan", "--cluster", "other").code == 1
    assert kusto_image("delete", "forecast", "--plan", "--cluster", "other").code == 1


@pytest.mark.parametrize("more", [["--diff", "--plan"], ["--dry-run", "--fail-on-change"], ["--diff", "--dry-run"]])
def test_options_that_send_nothing_exclude_each_other(kusto_image: ShellCommand, file: str, more: list[str]) -> None:
    result = build(kusto_image, file, *more)
    assert (result.code, "not allowed with" in result.err) == (2, True)


@pytest.mark.slow
def test_attach_after_a_deletion_reports_it(kusto_image: ShellCommand, file: str) -> None:
    build(kusto_image, file)
    kusto_image("delete", "forecast")
    result = kusto_image("attach", "forecast")
    assert (result.code, "was deleted" in result.out) == (0, True)
    [operation] = document(kusto_image("attach", "forecast", "--json"))["operations"]
    assert (operation["action"], operation["state"]) == ("delete", "Deleted")


@pytest.mark.slow
def test_wait_setting_does_not_concern_attach(
    kusto_image: ShellCommand, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    monkeypatch.setenv("KUSTO_MAGIC_WAIT", "no")
    assert "has accepted" in build(kusto_image, file).out
    for command in ("attach", "wait"):
        found = document(kusto_image(command, "forecast", "--json"))
        assert (found["command"], found["operations"][0]["outcome"]) == (command, "succeeded")


@pytest.mark.parametrize("options", [["--json"], ["--format", "json"], ["--format=json"]])
def test_arguments_that_cannot_be_parsed_are_reported_as_json(kusto_image: ShellCommand, options: list[str]) -> None:
    found = document(kusto_image("list", "--bogus", *options))
    assert (found["command"], found["error"]["problems"][0]["message"]) == ("list", "unknown option '--bogus'")


def test_arguments_that_cannot_be_parsed_are_reported_in_other_formats(kusto_image: ShellCommand) -> None:
    assert kusto_image("list", "--bogus", "--format", "github").out.startswith("::error ")
    [result] = json.loads(kusto_image("list", "--bogus", "--format", "sarif").out)["runs"][0]["results"]
    assert "--bogus" in result["message"]["text"]


def test_option_before_the_command_is_explained(kusto_image: ShellCommand) -> None:
    result = kusto_image("--json", "list")
    assert (result.code, "the command comes first" in result.document["error"]["message"]) == (2, True)


async def _inconclusive(_text: str, **_more: Any) -> PreflightReport:
    return PreflightReport(Verdict.INCONCLUSIVE, "3.11.7", reason="the index cannot be reached")


def test_strict_check_fails_if_it_is_inconclusive(
    kusto_image: ShellCommand, environment: EmulatedEnvironment, file: str
) -> None:
    environment.answer = _inconclusive
    check = ("check", "-f", file, "--base", "Python3_11_7")
    assert [kusto_image(*check, *more).code for more in ([], ["--strict"])] == [0, 3]


@pytest.mark.slow
@pytest.mark.parametrize("more", [["--base", "Python3_11_7"], ["--python", "3.10.8"], ["--fix"]])
def test_check_of_an_image_takes_no_options_of_a_file(kusto_image: ShellCommand, file: str, more: list[str]) -> None:
    build(kusto_image, file)
    result = kusto_image("check", "forecast", *more)
    assert (result.code, more[0] in result.err) == (2, True)


def test_use_keeps_what_is_not_named(kusto_image: ShellCommand, monkeypatch: pytest.MonkeyPatch, home: Home) -> None:
    for name in ("SUBSCRIPTION", "RESOURCE_GROUP", "CLUSTER", "ENDPOINT"):
        monkeypatch.delenv(f"KUSTO_MAGIC_{name}")
    config = home.path / "kusto-magic" / "config.toml"
    assert kusto_image("use", "--cluster", TARGET.cluster_id).code == 0
    assert kusto_image("use", "--tenant", "contoso.com").code == 0
    assert kusto_image("use", "--cluster", "other").code == 0
    saved = tomllib.loads(config.read_text(encoding="utf-8"))
    assert saved == {
        "subscription": TARGET.subscription,
        "resource_group": TARGET.resource_group,
        "cluster": "other",
        "tenant": "contoso.com",
    }


def test_lines_of_included_files_are_annotated_there(kusto_image: ShellCommand, tmp_path: Path) -> None:
    folder = tmp_path / "sub"
    folder.mkdir()
    (folder / "inner.txt").write_text("six\n???\n", encoding="utf-8")
    outer = tmp_path / "outer.txt"
    outer.write_text("-r sub/inner.txt\n-r none.txt\n", encoding="utf-8")
    missing = build(kusto_image, str(outer), "--format", "github").out
    assert f"file={outer.as_posix()},line=2" in missing.replace("%3A", ":")
    outer.write_text("-r sub/inner.txt\n", encoding="utf-8")
    shown = build(kusto_image, str(outer), "--format", "github").out
    assert f"file={(folder / 'inner.txt').as_posix()},line=2" in shown.replace("%3A", ":")
    [problem] = document(build(kusto_image, str(outer), "--json"))["error"]["problems"]
    assert (problem["file"], problem["line"]) == ("sub/inner.txt", 2)


@pytest.mark.slow
def test_freeze_writes_remarks_to_the_standard_error(kusto_image: ShellCommand, tmp_path: Path) -> None:
    query = tmp_path / "query.kql"
    query.write_text("T | evaluate python(typeof(*), 'import rich\\nimport local_only_module')\n", encoding="utf-8")
    result = kusto_image("freeze", str(query))
    assert all(line.startswith(("rich==", "#")) for line in result.out.splitlines())
    assert "local_only_module" in result.err
