"""The rules of the house: rooms of a readable size, no test doubles that patch, and workflows that call what exists."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent.parent
LONGEST = 400
LONGER_WITH_REASON = {"kusto_magic/operations.py": "owns every transition of an operation"}
SCRIPTS = [path for path in (ROOT / "labextension" / "src").rglob("*.ts*") if not path.name.endswith(".gen.ts")]
ROOMS = [*(ROOT / "kusto_magic").rglob("*.py"), *SCRIPTS]
FORBIDDEN = r"\bmock\b|\bMock\b|monkeypatch\.setattr|\bpatch\("
WORKFLOWS = sorted((ROOT / ".github" / "workflows").iterdir())


def _sessions() -> set[str]:
    tree = ast.parse((ROOT / "noxfile.py").read_text(encoding="utf-8"))
    functions = (node for node in tree.body if isinstance(node, ast.FunctionDef))
    return {node.name for node in functions if any("nox.session" in ast.unparse(one) for one in node.decorator_list)}


def _calls(text: str) -> set[str]:
    return set(re.findall(r"noxfile\.py ([\w-]+)", text))


def _read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def _steps(workflow: Any) -> Iterator[dict[str, Any]]:
    for job in workflow["jobs"].values():
        yield from job["steps"]


def test_rooms_are_small_enough_to_read() -> None:
    lines = {path.relative_to(ROOT).as_posix(): len(path.read_text("utf-8").splitlines()) for path in ROOMS}
    assert {name for name, count in lines.items() if count > LONGEST} == set(LONGER_WITH_REASON)


def test_no_test_patches_what_it_tests() -> None:
    texts = {path: path.read_text("utf-8") for path in (ROOT / "tests").rglob("*.py") if path != Path(__file__)}
    assert texts
    assert {path.name: re.findall(FORBIDDEN, text) for path, text in texts.items() if re.search(FORBIDDEN, text)} == {}


def test_contributing_names_every_session() -> None:
    assert _sessions() >= {"test", "fast", "lint", "package"}
    assert _sessions() - _calls((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")) == set()


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_calls_sessions_that_exist_with_few_rights(path: Path) -> None:
    workflow = _read(path)
    commands = " ".join(step.get("run", "") for step in _steps(workflow))
    assert _calls(commands)
    assert _calls(commands) <= _sessions()
    assert set(workflow["permissions"].items()) <= {("contents", "read"), ("id-token", "write")}
    used = [step["uses"] for step in _steps(workflow) if "uses" in step]
    assert [action for action in used if not re.fullmatch(r"[\w-]+/[\w-]+@(v\d+|release/v\d+)", action)] == []


def test_the_hooks_before_a_commit_are_the_checks_of_lint() -> None:
    [repository] = _read(ROOT / ".pre-commit-config.yaml")["repos"]
    assert repository["repo"] == "local"
    entries = {hook["entry"].removeprefix("python noxfile.py lint -- ") for hook in repository["hooks"]}
    linters = re.findall(
        r'"(\w+)": \[', re.findall(r"^LINTERS = .+", (ROOT / "noxfile.py").read_text("utf-8"), re.M)[0]
    )
    assert entries == {*linters, "frontend"}
