"""The README and the REFERENCE match the code: commands, options, settings, names and examples."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import kusto_magic
from kusto_magic import errors
from kusto_magic.commands.arguments import SUBCOMMANDS, cell_parser
from kusto_magic.models import permission
from kusto_magic.settings import NAMES

ROOT = Path(__file__).parent.parent.parent
README, REFERENCE, CHANGELOG = (
    (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "REFERENCE.md", "CHANGELOG.md")
)


def test_first_two_commands_of_the_readme_are_sessions() -> None:
    commands = re.findall(r"^```\n(.+)\n```$", README, re.MULTILINE)[:2]
    assert commands == ["python noxfile.py lab", "python noxfile.py test"]
    sessions = (ROOT / "noxfile.py").read_text(encoding="utf-8")
    assert "def lab(session" in sessions
    assert "def test(session" in sessions
    assert "noxfile.py test" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_readme_and_reference_list_every_subcommand() -> None:
    assert [name for name in SUBCOMMANDS if f"`{name}`" not in README and f"%kusto_image {name}" not in README] == []
    expected = "\n".join(f"| [`{name}`](#{name}) | {sub.help} |" for name, sub in SUBCOMMANDS.items())
    assert expected in REFERENCE, f"the table should read:\n{expected}"


def test_reference_lists_every_option_of_the_cell() -> None:
    expected = [
        f"| `{', '.join(action.option_strings)}{f' {action.metavar}' if action.metavar else ''}` | {action.help} |"
        for action in cell_parser()._actions
        if action.option_strings and action.dest != "help"
    ]
    assert [row for row in expected if row not in REFERENCE] == []


def test_reference_lists_every_setting() -> None:
    section = REFERENCE.partition("## Settings")[2].partition("### ")[0]
    assert re.findall(r"^\| `(\w+)` ", section, re.MULTILINE) == list(NAMES)


def test_readme_has_at_most_900_words() -> None:
    assert len(README.split()) <= 900


FRONT_ENDS = {
    "JupyterLab", "Notebook 7", "IPython", "jupyter console", "jupyter execute", "nbclient", "papermill", "nbconvert",
    "VS Code", "Colab", "JupyterHub", "remote kernel", "Fabric",
}  # fmt: skip


def test_readme_says_of_each_front_end_how_it_was_tried() -> None:
    section = README.partition("## Front ends")[2].partition("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| ")][1:]
    assert {name for name in FRONT_ENDS if not any(name in row[0] for row in rows)} == set()
    for name, tried in rows:
        tests = re.findall(r"\]\((tests/[\w/]+/test_\w+\.py)\)", tried)
        assert tests or tried == "not tried", name
        assert [path for path in tests if "def test_" not in (ROOT / path).read_text(encoding="utf-8")] == [], name


def test_reference_lists_every_permission() -> None:
    assert [
        action for action in (*permission.IMAGES, *permission.EXTENSIONS) if f"| `{action}` |" not in REFERENCE
    ] == []


def test_python_examples_of_the_readme_import_public_names() -> None:
    blocks = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    assert blocks
    for block in blocks:
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and node.module == "kusto_magic":
                assert {alias.name for alias in node.names} <= set(kusto_magic.__all__)


def test_every_public_name_can_be_imported() -> None:
    for name in kusto_magic.__all__:
        assert getattr(kusto_magic, name) is not None
    assert sorted(kusto_magic.__all__) == kusto_magic.__all__
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        kusto_magic.nothing  # type: ignore[attr-defined]  # noqa: B018 - reading it is the test


def test_every_error_is_public_and_in_the_tree_of_its_module() -> None:
    kinds = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, Exception)}
    assert kinds - set(kusto_magic.__all__) == set()
    assert kinds - set(re.findall(r"\w+", errors.__doc__ or "")) == set()


def test_changelog_has_a_section_for_the_version() -> None:
    assert f"## {kusto_magic.__version__}" in CHANGELOG or "## Unreleased" in CHANGELOG
