"""The commands of `kusto-image` on an emulated cluster: results, exit codes, JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
from support.environment import EmulatedEnvironment
from support.shell_command import Result, ShellCommand

import kusto_magic
from kusto_magic.cli.arguments import COMMANDS, shell_parser
from kusto_magic.commands.arguments import SUBCOMMANDS
from kusto_magic.preflight.report import PreflightReport, Verdict

SCHEMA = json.loads((Path(kusto_magic.__file__).parent / "cli" / "document.schema.json").read_text(encoding="utf-8"))
ONLY_NOTEBOOKS = {"panel", "edit"}


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "requirements.txt"
    path.write_text("humanize==4.9.0\n", encoding="utf-8")
    return str(path)


def document(result: Result) -> dict[str, Any]:
    """Return the JSON of a result, which is valid and names the exit code."""
    found = result.document
    jsonschema.validate(found, SCHEMA, format_checker=jsonschema.FormatChecker())
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


def test_second_build_sends_nothing_and_says_so(
    kusto_image: ShellCommand, environment: EmulatedEnvironment, file: str
) -> None:
    build(kusto_image, file)
    result = build(kusto_image, file, "--json", "-q")
    [operation] = document(result)["operations"]
    assert (operation["unchanged"], operation["outcome"], result.err) == (True, "succeeded", "")
    assert environment.changes == ["PUT forecast"]
    assert "already up to date; nothing sent" in build(kusto_image, file).out


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


def test_forced_enabling_is_sent(kusto_image: ShellCommand, environment: EmulatedEnvironment, file: str) -> None:
    build(kusto_image, file)
    for more in ([], ["--force"]):
        assert kusto_image("enable", "forecast", *more).code == 0
    assert environment.changes.count("POST addLanguageExtensions") == 2


def test_export_writes_the_text_alone_to_the_standard_output(kusto_image: ShellCommand, file: str) -> None:
    build(kusto_image, file)
    assert kusto_image("export", "forecast", "--as", "requirements").out == "humanize==4.9.0\n"
    assert document(kusto_image("export", "forecast", "--as", "bicep", "--json"))["text"].startswith("//")


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
        assert "humanize needs Python 3.12" in result.out + result.err
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
    result = build(kusto_image, file, "--timeout", "60s")
    assert result.code == 4
    assert "kusto-image attach forecast" in result.out


# ── plans ───────────────────────────────────────────────────────────────────────────────────────────────────────────


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


def test_plans_of_other_changes(kusto_image: ShellCommand, environment: EmulatedEnvironment, file: str) -> None:
    build(kusto_image, file)

    def planned(*command: str) -> tuple[int, str]:
        result = kusto_image(*command, "--plan", "--json")
        return result.code, document(result)["plan"][0]["change"] if "plan" in result.document else ""

    assert planned("enable", "forecast") == (10, "enable")
    assert planned("delete", "forecast") == (10, "delete")
    assert planned("delete", "other") == (0, "nothing")
    assert planned("disable") == (0, "")
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
