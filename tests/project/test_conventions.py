"""Conventions: the size of modules, the language, no patches in tests, and workflows that call existing commands."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.checkout import ROOT, texts

MAX_LINES = 350
MODULES = [
    *(ROOT / "kusto_magic").rglob("*.py"),
    *(path for path in (ROOT / "labextension" / "src").rglob("*.ts*") if not path.name.endswith(".gen.ts")),
]
WORDS_OF_CELLS = r"%+kusto_image|--queue|--yes|--no-check|--pin\b|--send|--as |run the cell|the cell\b"
"""What a user of the magics knows and others do not; the sentences of the front ends for hints have it."""

PATCHES = r"\bmock\b|\bMock\b|monkeypatch\.setattr|\bpatch\("
WORKFLOWS = sorted((ROOT / ".github" / "workflows").iterdir())

PHRASES = {
    r"\b(?:last heard|heard of)\b": "last update, received",  # codespell:ignore heard
    r"\bgo(?:es|ing)? on\b": "continue, resume",
    r"\bso (?:many|much)\b(?! (?:as|that)\b)": "number of, maximum number of",
    r"\b(?:take|takes|taken|taking|took) up\b(?! to\b)": "resume",
    r"\bcould not tell\b": "inconclusive",
    r"\b(?:do|does|did) not fit\b(?! (?:in|into|on|the)\b)": "conflict",
    r"\b(?:be|is) had\b": "is available, is returned",
    r"\bfrom here\b": "in this process, on this machine",
    r"\bin words\b(?!$| for )": "as text",
    r"\b(?<!there )is no (?:image|cluster|package|query|version|notebook|subscription|endpoint|number|name|text)\b": (
        "is not a valid …"
    ),
    r"\bis no resource group\b": "is not a valid …",
    r"\b(?:some|no)body\b": "another user, no user",
    r"\ball the same\b": "anyway",
    r"\brooms?\b": "module",
    r"\bstands\b(?! (?:for|out)\b)": "exists, is",
    r"\b(?:made of the same|there already)\b": "up to date, exists",
    r"\bsmall letters\b": "lower case",
    r"\bone's own\b": "custom",
    r", for one\b": "for example",
}
"""Phrases that the language guide forbids, and what to write instead. Single words are in .ci/words.txt."""

TEXTS = (".py", ".md", ".ts", ".tsx", ".ipynb", ".json")
UNCHECKED = {"conversations", "data", "package-lock.json", "results.json"}


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


def _texts() -> Iterator[Path]:
    unchecked = (path for path in texts(*TEXTS) if not UNCHECKED.intersection(path.relative_to(ROOT).parts))
    yield from (path for path in unchecked if path != Path(__file__))


def _phrases(path: Path) -> Iterator[str]:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if path.name == "CHANGELOG.md" and line.startswith("|"):  # the old names
            continue
        for phrase, better in PHRASES.items():
            if found := re.search(phrase, line, re.IGNORECASE):
                yield f"{path.relative_to(ROOT).as_posix()}:{number}: {found[0]!r}, write: {better}"


def _words_of_cells(source: str) -> list[str]:
    return re.findall(WORDS_OF_CELLS, source)


def test_modules_below_the_front_ends_name_no_magic_option_or_cell() -> None:
    package = ROOT / "kusto_magic"
    folders = ("models", "requirements", "preflight", "arm", "builds")
    modules = [*(path for folder in folders for path in (package / folder).rglob("*.py"))]
    modules += [package / f"{name}.py" for name in ("errors", "hints", "program_hints", "settings", "export")]
    # Cells and magics are the subject of freeze.
    texts = {path.name: path.read_text("utf-8") for path in modules if path.parent.name != "freeze"}
    assert len(texts) > 60
    assert {name: found for name, text in texts.items() if (found := _words_of_cells(text))} == {}


@pytest.mark.parametrize(
    "bad", ["`%%kusto_image NAME`", "%kusto_image list", "add --queue", "with --yes", "--as cli", "run the cell again"]
)
def test_rule_for_modules_below_the_front_ends_finds_a_magic_an_option_and_a_cell(bad: str) -> None:
    assert _words_of_cells(f'raise InvalidInputError("it failed; {bad}")')
    assert not _words_of_cells(
        'raise InvalidInputError("it failed", hint=Hint(HintKind.RETRY))  # uv needs --only-binary'
    )


def test_modules_have_at_most_350_lines() -> None:
    lines = {path.relative_to(ROOT).as_posix(): len(path.read_text("utf-8").splitlines()) for path in MODULES}
    assert {name: count for name, count in lines.items() if count > MAX_LINES} == {}


@pytest.mark.slow
def test_texts_contain_no_forbidden_phrase() -> None:
    paths = list(_texts())
    assert {path.suffix for path in paths} >= {".py", ".md", ".tsx", ".ipynb"}
    assert [found for path in paths for found in _phrases(path)] == []


def test_phrase_rules_find_what_they_forbid() -> None:
    bad = ["it goes on", "so many builds", "'x' is no image", "taken up", "does not fit", "nobody", "a room"]
    good = ["there is no image", "takes up to an hour", "so much that", "does not fit the width", "stands for"]
    found = [any(re.search(phrase, text, re.IGNORECASE) for phrase in PHRASES) for text in [*bad, *good]]
    assert found == [True] * len(bad) + [False] * len(good)


@pytest.mark.slow
def test_tests_use_no_mocks_and_no_patches() -> None:
    texts = {path: path.read_text("utf-8") for path in (ROOT / "tests").rglob("*.py") if path != Path(__file__)}
    assert texts
    assert {path.name: re.findall(PATCHES, text) for path, text in texts.items() if re.search(PATCHES, text)} == {}


def test_only_one_module_escapes_html() -> None:
    """The others use its functions, which take a DisplayText, so that mypy finds text that is shown as it came."""
    escaping = r"from html import|\bimport html\b|html\.escape"
    found = [path for path in MODULES if path.suffix == ".py" and re.search(escaping, path.read_text(encoding="utf-8"))]
    assert [path.name for path in found] == ["bundle.py"]


def test_contributing_names_every_session() -> None:
    assert _sessions() >= {"test", "fast", "lint", "package"}
    assert _sessions() - _calls((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")) == set()


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflow_calls_existing_sessions_with_minimal_permissions(path: Path) -> None:
    workflow = _read(path)
    commands = " ".join(step.get("run", "") for step in _steps(workflow))
    assert _calls(commands)
    assert _calls(commands) <= _sessions()
    assert set(workflow["permissions"].items()) <= {("contents", "read"), ("id-token", "write")}
    lines = re.findall(r"\buses: (.+)", path.read_text(encoding="utf-8"))
    assert len(lines) == sum("uses" in step for step in _steps(workflow))
    pinned = r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+"
    assert [line for line in lines if not re.fullmatch(pinned, line)] == []


def test_each_action_has_one_version_in_all_workflows() -> None:
    used = {line for path in WORKFLOWS for line in re.findall(r"\buses: (.+)", path.read_text(encoding="utf-8"))}
    assert len({line.partition("@")[0] for line in used}) == len(used) > 4


def test_updates_are_proposed_for_workflows_front_end_and_package() -> None:
    updates = _read(ROOT / ".github" / "dependabot.yml")["updates"]
    assert {it["package-ecosystem"]: it["directory"] for it in updates} == {
        "github-actions": "/",
        "npm": "/labextension",
        "pip": "/",
    }


@pytest.mark.parametrize("name", ["bug", "feature"])
def test_issue_form_has_fields_with_labels(name: str) -> None:
    form = _read(ROOT / ".github" / "ISSUE_TEMPLATE" / f"{name}.yml")
    fields = [part for part in form["body"] if part["type"] != "markdown"]
    assert form["name"]
    assert form["description"]
    assert all(part["id"] and part["attributes"]["label"] for part in fields)


def test_pre_commit_hooks_are_the_linters() -> None:
    [repository] = _read(ROOT / ".pre-commit-config.yaml")["repos"]
    assert repository["repo"] == "local"
    entries = {hook["entry"].removeprefix("python noxfile.py lint -- ") for hook in repository["hooks"]}
    table = (ROOT / ".ci" / "steps.py").read_text("utf-8").partition("\nLINTERS = {")[2].partition("\n}")[0]
    linters = re.findall(r'"(\w+)": \[', table)
    assert entries == {*linters, "frontend"}


def test_files_named_in_the_tools_exist() -> None:
    texts = {path.name: path.read_text("utf-8") for path in [*(ROOT / ".ci").glob("*.py"), ROOT / "noxfile.py"]}
    lowest = texts["steps.py"].partition("\nLOWEST = (")[2].partition("\n)")[0]
    named = {f"tests/{name}.py" for name in re.findall(r'"([\w/]+)"', lowest)}
    named |= {path for text in texts.values() for path in re.findall(r"(?:tests|kusto_magic|\.ci)/[\w/]+\.py", text)}
    assert len(named) > 20
    assert [path for path in sorted(named) if not (ROOT / path).is_file()] == []
