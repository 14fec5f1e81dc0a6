"""The workflows in REFERENCE.md: their steps, run one after the other on the emulator."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.home import Home

import kusto_magic
from kusto_magic.emulator import ReadyTarget

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(sys.platform == "win32" or not shutil.which("bash"), reason="the steps are scripts for bash"),
]

WORKFLOWS = Path(kusto_magic.__file__).parent / "cli" / "workflows"


@pytest.fixture
def environment(home: Home, emulator: Callable[[float], ReadyTarget]) -> dict[str, str]:
    """The environment of the steps: `kusto-image` is on the PATH, and the cluster is the emulator's."""
    ready = emulator(1.0)
    folder = home.path / "bin"
    folder.mkdir()
    command = folder / "kusto-image"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -P -m kusto_magic "$@"\n', encoding="utf-8")
    command.chmod(0o755)
    (home.work / "requirements.txt").write_text("humanize==4.9.0\n", encoding="utf-8")
    cluster = (
        f"/subscriptions/{ready.subscription}/resourceGroups/{ready.resource_group}"
        f"/providers/Microsoft.Kusto/clusters/{ready.cluster}"
    )
    chosen = {"KUSTO_MAGIC_CLUSTER": cluster, "KUSTO_MAGIC_ENDPOINT": ready.endpoint}
    return home.env | chosen | {"PATH": f"{folder}:{home.env['PATH']}"}


def _run(script: str, home: Home, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    command = ["bash", "-eu", "-o", "pipefail", "-c", script]
    return subprocess.run(command, cwd=home.work, env=dict(environment), capture_output=True, text=True, check=False)


def _workflow(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((WORKFLOWS / name).read_text(encoding="utf-8"))
    return found


def _run_job(job: str, home: Home, environment: Mapping[str, str]) -> dict[str, subprocess.CompletedProcess[str]]:
    """Run the steps of a job of GitHub Actions, but not the installation; return what each has written."""
    workflow = _workflow("github-actions.yml")
    variables = {name: value for name, value in workflow["jobs"][job].get("env", {}).items() if "${{" not in value}
    variables = {**environment, **workflow["env"], **variables, "GITHUB_ENV": str(home.path / "github-env")}
    results = {}
    for step in workflow["jobs"][job]["steps"]:
        if "run" not in step or step["name"] == "Install":
            continue
        results[step["name"]] = result = _run(step["run"], home, variables)
        if (home.path / "github-env").exists():
            lines = (home.path / "github-env").read_text(encoding="utf-8").splitlines()
            variables |= dict(line.split("=", 1) for line in lines)
        if result.returncode:
            break
    return results


def test_pull_request_is_checked_and_a_conflict_annotated(home: Home, environment: dict[str, str]) -> None:
    good = _run_job("check", home, environment)["Check"]
    assert (good.returncode, "compatible" in good.stdout, "::error" in good.stdout) == (0, True, False), good.stderr
    (home.work / "requirements.txt").write_text("humanize==4.9.0\n???\n", encoding="utf-8")
    bad = _run_job("check", home, environment)["Check"]
    assert bad.returncode == 2
    assert re.search(r"^::error file=requirements\.txt,line=2,title=kusto-image::", bad.stdout, re.MULTILINE)


def test_push_builds_and_enables_and_sends_nothing_the_second_time(home: Home, environment: dict[str, str]) -> None:
    first = _run_job("build", home, environment)
    assert [result.returncode for result in first.values()] == [0] * 4, first
    assert re.search(r"forecast-[0-9a-f]{8}\s+✔ Succeeded\s+✔ active", first["List"].stdout)
    second = _run_job("build", home, environment)
    assert [result.returncode for result in second.values()] == [0] * 4, second
    for step in ("Build", "Enable"):
        assert "already up to date; nothing sent" in second[step].stdout


def test_pipeline_of_azure_builds_and_enables_on_the_clusters_of_a_query(
    home: Home, environment: dict[str, str]
) -> None:
    pipeline = _workflow("azure-pipelines.yml")
    [_, step] = pipeline["jobs"][0]["steps"]
    names = pipeline["variables"] | {"clusters": "where name startswith 'emulated'"}  # they have no tags
    script = re.sub(r"\$\((\w+)\)", lambda found: names.get(found[1], found[0]), step["inputs"]["inlineScript"])
    result = _run(script, home, environment)
    assert result.returncode == 0, result.stderr
    listed = json.loads(_run("kusto-image list --json", home, environment).stdout)
    assert [image["active"] for image in listed["images"]] == [True]
