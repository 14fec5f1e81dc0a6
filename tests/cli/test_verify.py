"""`verify` in a shell, on an emulated cluster: what it shows, and the words for each failure."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from support.environment import EmulatedEnvironment, forbidden_cluster
from support.requests import build_request, disable_request, enable_request
from support.shell_command import ShellCommand

from kusto_magic.models.image import ImageSpec

SPEC = ImageSpec("humanize\n", base_image="Python3_11_7")


@pytest.fixture
def enabled(environment: EmulatedEnvironment) -> EmulatedEnvironment:
    """Build the image "img" and enable it."""
    builds = environment.builds()
    builds.start(build_request(environment.target, "img", SPEC)).result(30)
    builds.start(enable_request(environment.target, "img")).result(30)
    return environment


def test_image_that_holds_its_plan_is_verified(kusto_image: ShellCommand, enabled: EmulatedEnvironment) -> None:
    result = kusto_image("verify", "img")
    assert (result.code, result.err) == (0, "")
    assert "Verified: 2 of 2 packages are as planned" in result.out
    assert "the check before the build of 2024-11-27 12:08 UTC" in result.out
    assert enabled.changes.count("POST query") == 1


def test_name_can_be_left_out(kusto_image: ShellCommand, enabled: EmulatedEnvironment) -> None:
    assert "Verified: 2 of 2" in kusto_image("verify").out


@pytest.mark.parametrize(
    ("packages", "shown"),
    [
        ({"humanize": "4.8.0"}, "humanize 4.8.0 (expected: 4.9.0)"),
        ({"extra": None}, "extra is missing (expected: 1.0)"),
    ],
)
def test_other_version_and_missing_package_fail(
    kusto_image: ShellCommand, enabled: EmulatedEnvironment, packages: dict[str, Any], shown: str
) -> None:
    enabled.tell("contents", image="img", packages=packages)
    result = kusto_image("verify", "img")
    assert result.code == 1
    assert "Different: 1 of 2 packages are as planned" in result.out
    assert shown in result.out
    assert "VerificationError: image 'img' is not as planned" in result.err
    assert "--force; --pin sends exactly the versions" in result.err


def test_failed_import_is_shown_with_its_error(kusto_image: ShellCommand, enabled: EmulatedEnvironment) -> None:
    enabled.tell("contents", image="img", imports={"humanize": "ImportError: DLL load failed"})
    assert kusto_image("verify", "img").code == 0, "nothing was imported"
    result = kusto_image("verify", "img", "--import")
    assert result.code == 1
    assert "0 of 1 packages were imported" in result.out
    assert "humanize: ImportError: DLL load failed" in result.out


def test_annotations_name_what_differs(kusto_image: ShellCommand, enabled: EmulatedEnvironment) -> None:
    enabled.tell("contents", image="img", packages={"extra": None}, imports={"humanize": "ImportError: no DLL"})
    shown = kusto_image("verify", "img", "--import", "--format", "github").out
    [line] = [line for line in shown.splitlines() if line.startswith("::error ")]
    assert "extra is missing (expected: 1.0)%0A- humanize: ImportError: no DLL" in line
    [result] = json.loads(kusto_image("verify", "img", "--format", "sarif").out)["runs"][0]["results"]
    assert result["message"]["text"].endswith("- extra is missing (expected: 1.0)")


def test_empty_database_is_refused(kusto_image: ShellCommand, enabled: EmulatedEnvironment) -> None:
    result = kusto_image("verify", "img", "--database", "")
    assert result.code == 2
    assert "the name is empty" in result.err
    assert enabled.queries.sent == []


def test_result_as_json(kusto_image: ShellCommand, enabled: EmulatedEnvironment) -> None:
    enabled.tell("contents", image="img", packages={"humanize": "4.8.0"})
    document = kusto_image("verify", "img", "--json").document
    found = document["verification"]
    assert (found["verified"], found["packages"], found["equal"], found["source"]) == (False, 2, 1, "plan")
    assert found["differences"] == [{"package": "humanize", "expected": "==4.9.0", "found": "4.8.0"}]
    assert document["error"]["type"] == "VerificationError"


def test_image_of_another_tool_is_compared_with_its_requirements(
    kusto_image: ShellCommand, environment: EmulatedEnvironment
) -> None:
    image = {"languageVersion": "3.11.7", "requirementsFileContent": "humanize>=4\n"}
    asyncio.run(environment.emulator_client().build("img", **image))
    environment.set_active("img")
    result = kusto_image("verify", "img")
    assert "1 of 1 packages are as required" in result.out
    assert "this machine has no check of its last build" in result.out


def test_image_that_is_not_active_is_not_queried(kusto_image: ShellCommand, enabled: EmulatedEnvironment) -> None:
    enabled.builds().start(build_request(enabled.target, "other", SPEC)).result(30)
    result = kusto_image("verify", "other")
    assert result.code == 3
    assert "image 'other' cannot be verified: queries use image 'img'" in result.err
    assert "kusto-image enable other enables it" in result.err
    assert enabled.queries.sent == []


def test_python_that_is_off_is_not_queried(kusto_image: ShellCommand, enabled: EmulatedEnvironment) -> None:
    enabled.builds().start(disable_request(enabled.target)).result(30)
    result = kusto_image("verify", "img")
    assert result.code == 3
    assert "python() is off: no query can run Python" in result.err
    assert "enable img" in result.err


def test_unknown_active_image_is_not_queried(kusto_image: ShellCommand, enabled: EmulatedEnvironment) -> None:
    enabled.transport.fault = forbidden_cluster
    result = kusto_image("verify", "img")
    assert result.code == 5
    assert "the cluster cannot be read" in result.err


def test_missing_right_names_the_role(kusto_image: ShellCommand, enabled: EmulatedEnvironment) -> None:
    enabled.tell("queries", refused=["Samples"])
    result = kusto_image("verify", "img")
    assert result.code == 5
    assert "the account may not query database 'Samples'" in result.err
    assert "role Viewer" in result.err


def test_account_without_a_database_is_told_so(kusto_image: ShellCommand, enabled: EmulatedEnvironment) -> None:
    enabled.tell("queries", databases=[])
    result = kusto_image("verify", "img")
    assert result.code == 1
    assert "the account may query no database of this cluster" in result.err


def test_wrong_database_is_named(kusto_image: ShellCommand, enabled: EmulatedEnvironment) -> None:
    result = kusto_image("verify", "img", "--database", "Nowhere")
    assert result.code == 1
    assert "Database 'Nowhere' was not found." in result.err
    assert "Add --database" in result.err


@pytest.mark.parametrize(
    ("error", "shown", "code"),
    [
        ({"status": 429}, "too many queries with python() now", 1),
        ({"status": 500, "message": "out of luck"}, "out of luck", 1),
        ({"status": 504}, "timed out", 1),
    ],
)
def test_failing_query_shows_why(
    kusto_image: ShellCommand, enabled: EmulatedEnvironment, error: dict[str, Any], shown: str, code: int
) -> None:
    enabled.tell("queries", error=error)
    result = kusto_image("verify", "img")
    assert result.code == code
    assert shown in result.err
    assert "Next: " in result.err


def test_text_of_the_cluster_is_escaped(kusto_image: ShellCommand, enabled: EmulatedEnvironment) -> None:
    enabled.tell("contents", image="img", packages={"humanize": "<b>\x1b[2J\u202e"})
    result = kusto_image("verify", "img")
    assert "\x1b[2J" not in result.out
    assert "\u202e" not in result.out
