"""`bases --live` in a shell, on an emulated cluster: what it shows, keeps, and says if it cannot read anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.environment import EmulatedEnvironment, always_compatible
from support.requests import build_request, enable_request
from support.shell_command import ShellCommand

from kusto_magic.models.cluster_contents import BaseList, SandboxPolicy
from kusto_magic.models.image import ImageSpec
from kusto_magic.models.managed_packages import packages
from kusto_magic.preflight.report import PreflightReport
from kusto_magic.queries.contents_store import FOLDER

BASE = "Python3_11_7"
SPEC = ImageSpec("humanize\n", base_image=BASE)


@pytest.fixture
def managed(environment: EmulatedEnvironment) -> EmulatedEnvironment:
    """Let python() run on a managed image."""
    environment.builds().start(enable_request(environment.target, BASE)).result(30)
    return environment


def test_packages_of_the_active_managed_image_are_read(kusto_image: ShellCommand, managed: EmulatedEnvironment) -> None:
    result = kusto_image("bases", "--live")
    assert (result.code, result.err) == (0, "")
    assert f"2 packages of managed image {BASE} as read from the cluster on 2024-11-27" in result.out
    lines = [line.split() for line in result.out.splitlines()]
    assert ["humanize", "4.9.0", "not", "listed"] in lines
    assert ["numpy", "–", "1.26.4"] in lines, "it is documented, and the emulated image does not have it"
    last = lines.index(["humanize", "4.9.0", "not", "listed"])
    assert ["extra", "1.0", "not", "listed"] in lines[:last], "what differs comes first"
    assert "0 in another version, 2 not listed, 131 listed but not in the image." in result.out
    assert "the query ran in database Samples" in result.out
    assert "Checks expect 1,024 MB of memory in a sandbox, as read from the cluster on 2024-11-27" in result.out


def test_list_is_used_by_later_checks_of_this_cluster(
    kusto_image: ShellCommand, managed: EmulatedEnvironment, tmp_path: Path
) -> None:
    seen: list[dict[str, Any]] = []

    async def answer(text: str, **options: Any) -> PreflightReport:
        seen.append(options)
        return await always_compatible(text, **options)

    managed.answer = answer
    managed.tell("queries", memory=4096)
    requirements = tmp_path / "r.txt"
    requirements.write_text("humanize\n")
    kusto_image("check", "--file", str(requirements), "--base", BASE)
    kusto_image("bases", "--live")
    kusto_image("check", "--file", str(requirements), "--base", BASE)
    managed.builds().start(build_request(managed.target, "img", SPEC)).result(30)
    before, *after = [options["base"] for options in seen]
    assert before == BaseList.documented(BASE)
    assert [read.packages for read in after] == [{"humanize": "4.9.0", "extra": "1.0"}] * 2
    assert [options["policy"].memory for options in seen] == [SandboxPolicy().memory, 4096, 4096]


def test_list_that_was_read_is_shown_again_without_a_request(
    kusto_image: ShellCommand, managed: EmulatedEnvironment
) -> None:
    kusto_image("bases", "--live")
    sent = len(managed.queries.sent)
    [row] = [line for line in kusto_image("bases").out.splitlines() if line.startswith(f"{BASE} ")]
    assert "as read from the cluster on 2024-11-27" in row
    assert "as read from the cluster" in kusto_image("bases", BASE).out
    assert "as documented by Microsoft" in kusto_image("bases", "Python3_10_8").out
    assert len(managed.queries.sent) == sent


def test_result_as_json(kusto_image: ShellCommand, managed: EmulatedEnvironment) -> None:
    document = kusto_image("bases", "--live", "--json").document
    assert document["packages"] == [{"name": "extra", "version": "1.0"}, {"name": "humanize", "version": "4.9.0"}]
    assert document["sandbox"]["memory"] == 1024
    [listed] = document["bases"]
    assert (listed["name"], listed["packages"]) == (BASE, 2)
    assert listed["readAt"].startswith("2024-11-27T")
    assert listed in kusto_image("bases", "--json").document["bases"]


def test_verify_compares_with_the_list_that_was_read(kusto_image: ShellCommand, managed: EmulatedEnvironment) -> None:
    assert kusto_image("verify").code == 1, "the emulated image is not as documented"
    kusto_image("bases", "--live")
    result = kusto_image("verify")
    assert result.code == 0
    assert "2 of 2 packages are as read before" in result.out


def test_policy_that_may_not_be_read_is_said(kusto_image: ShellCommand, managed: EmulatedEnvironment) -> None:
    managed.tell("queries", refused=[".show cluster policy sandbox"])
    result = kusto_image("bases", "--live")
    assert result.code == 0
    assert "The sandbox policy was not read: the account may not read the sandbox policy" in result.out
    assert "Checks expect 1,024 MB of memory in a sandbox, by default." in result.out


def test_missing_right_names_the_role(kusto_image: ShellCommand, managed: EmulatedEnvironment) -> None:
    managed.tell("queries", refused=["Samples"])
    result = kusto_image("bases", "--live")
    assert result.code == 5
    assert "role Viewer" in result.err


def test_custom_image_cannot_be_read(kusto_image: ShellCommand, environment: EmulatedEnvironment) -> None:
    builds = environment.builds()
    builds.start(build_request(environment.target, "img", SPEC)).result(30)
    builds.start(enable_request(environment.target, "img")).result(30)
    result = kusto_image("bases", "--live")
    assert result.code == 3
    assert "queries use custom image 'img', and only a managed image can be read" in result.err
    assert f"kusto-image enable {BASE} enables it" in result.err


def test_other_managed_image_than_the_active_one_is_not_read(
    kusto_image: ShellCommand, managed: EmulatedEnvironment
) -> None:
    result = kusto_image("bases", "Python3_10_8", "--live")
    assert result.code == 3
    assert f"image 'Python3_10_8' cannot be read: queries use image '{BASE}'" in result.err


def test_python_that_is_off_is_not_queried(kusto_image: ShellCommand, environment: EmulatedEnvironment) -> None:
    result = kusto_image("bases", "--live")
    assert result.code == 3
    assert "python() is off" in result.err


def test_versions_that_are_equal_do_not_differ(kusto_image: ShellCommand, managed: EmulatedEnvironment) -> None:
    equal = dict(packages(BASE)) | {"requests": "2.31", "click": "8.1.7.0", "idna": "3.6"}
    managed.tell("contents", image=BASE, packages=equal)
    result = kusto_image("bases", "--live")
    assert "1 in another version, 2 not listed, 0 listed but not in the image." in result.out
    managed.tell("contents", image=BASE, packages={"odd": "1.0-py39_custom"})
    assert "Left out since their names or versions are not valid: 1." in kusto_image("bases", "--live").out


def test_platform_cannot_add_a_line(kusto_image: ShellCommand, managed: EmulatedEnvironment) -> None:
    managed.tell("contents", image=BASE, packages={"odd\nsuggestion: run this": "1.0\nwarning: that"})
    result = kusto_image("bases", "--live")
    assert not [line for line in result.out.splitlines() if line.strip().startswith(("suggestion", "warning"))]


def test_what_was_read_is_forgotten(kusto_image: ShellCommand, managed: EmulatedEnvironment) -> None:
    kusto_image("bases", "--live")
    sent = len(managed.queries.sent)
    result = kusto_image("bases", BASE, "--forget")
    assert (result.code, result.err) == (0, "")
    assert f"The list of {BASE} is forgotten" in result.out
    assert "as documented by Microsoft" in kusto_image("bases", BASE).out
    assert "What was read from it is forgotten" in kusto_image("bases", "--forget").out
    assert len(managed.queries.sent) == sent
    assert kusto_image("bases", "--forget", "--live").code == 2


def test_cluster_that_cannot_exist_is_not_ignored(kusto_image: ShellCommand, managed: EmulatedEnvironment) -> None:
    result = kusto_image("bases", "--cluster", "no such!!")
    assert result.code == 2
    assert "cluster" in result.err


def test_list_that_cannot_be_kept_is_said_to_be_lost(kusto_image: ShellCommand, managed: EmulatedEnvironment) -> None:
    (managed.history_path.parent / FOLDER).write_text("a file where the folder should be")
    result = kusto_image("bases", "--live")
    assert "This list is lost when the session ends: " in result.out
    assert "from now on" not in result.out


def test_database_needs_a_query(kusto_image: ShellCommand, environment: EmulatedEnvironment) -> None:
    result = kusto_image("bases", "--database", "Samples")
    assert result.code == 2
    assert "it needs --live" in result.err
