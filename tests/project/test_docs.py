"""The documentation matches the code: quoted messages, names, links, tests and numbers."""

from __future__ import annotations

import ast
import inspect
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import reference
from IPython.core.interactiveshell import InteractiveShell
from support.arm_responses import error_response
from support.checkout import ROOT, texts

import kusto_magic
from kusto_magic import errors
from kusto_magic.arm import service_errors, sign_in_errors
from kusto_magic.arm.credentials import StaticCredential
from kusto_magic.builds.history import MAX_STORED_RECORDS
from kusto_magic.preflight import diagnosis
from kusto_magic.preflight.uv import _INHERITED_VARIABLES

PACKAGE = ROOT / "kusto_magic"
PAGES = tuple(path for path in texts(".md") if ".github" not in path.parts)


def _text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@cache
def _trees() -> dict[str, ast.Module]:
    paths = PACKAGE.rglob("*.py")
    return {str(path.relative_to(PACKAGE)): ast.parse(path.read_text(encoding="utf-8")) for path in paths}


@cache
def _strings() -> str:
    """Return the string constants of the package, without docstrings, and the source of the front end."""
    found: list[str] = []
    for tree in _trees().values():
        nodes = list(ast.walk(tree))
        docstrings = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
        found += [
            node.value
            for node in nodes
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings
        ]
    return "\n".join([*found, *(path.read_text("utf-8") for path in (ROOT / "labextension" / "src").rglob("*.ts*"))])


# ── REFERENCE.md ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_reference_lists_every_environment_variable() -> None:
    named = {name for rows in reference.VARIABLES.values() for names in rows for name in names.split(", ")}
    whole = {name for name in named if "…" not in name}
    read = {name for name in _variables_read() if not name.startswith("KUSTO_MAGIC_") or name == "KUSTO_MAGIC_HOME"}
    assert read - whole == set()
    keys = {f"PIP_{key.upper().replace('-', '_')}" for key in _pip_keys()}
    assert whole - read == keys, "listed, but not read by the code"


def test_attributes_and_internal_members_in_the_generator_exist() -> None:
    for name, attributes in reference.ATTRIBUTES.items():
        source = inspect.getsource(getattr(kusto_magic, name))
        assert [
            it for it in attributes if not re.search(rf"^ +(?:self\.)?{it}\b(?:: | = )", source, re.MULTILINE)
        ] == []
    for name, members in reference.INTERNAL.items():
        assert [member for member in members if not hasattr(getattr(kusto_magic, name), member)] == []


def _variables_read() -> set[str]:
    """Return the environment variables that the code reads or passes on: constants in capitals."""
    others = {
        "CERTIFICATE_VERIFY_FAILED", "CREATE_NEW_PROCESS_GROUP", "CREATE_NO_WINDOW", "E_SB_QUERY_THROTTLED_ERROR",
    }  # fmt: skip
    sources = "\n".join(path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py"))
    looked_up = re.findall(r"environ(?:\.get\(|\[)\s*\"([A-Z_]+[A-Z])\"", sources)
    constants = re.findall(r"^[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+$", _strings(), re.MULTILINE)
    return {*looked_up, *constants, *(name for name in _INHERITED_VARIABLES if name.isupper())} - others


def _pip_keys() -> list[str]:
    source = (PACKAGE / "preflight" / "indexes.py").read_text(encoding="utf-8")
    return re.findall(r'(?<![.\w])get\("([a-z-]+)"\)', source)


# ── TROUBLESHOOTING.md ─────────────────────────────────────────────────────────────────────────────────────────────

TROUBLESHOOTING = _text("TROUBLESHOOTING.md")
MESSAGES_OF_OTHERS = {
    "No module named 'kusto_magic'": "Python",
    "Cell magic `%%kusto_image` not found": "IPython",
    "Line magic function `%kusto_image` not found": "IPython",
}


def _rows() -> Iterator[list[str]]:
    for line in TROUBLESHOOTING.splitlines():
        if line.startswith("| ") and not line.startswith("| message"):
            yield line.strip("|").split(" | ")


def _code(text: str) -> list[str]:
    return [two or one for two, one in re.findall(r"``(.+?)``|`([^`]+)`", text)]


_VARIES = re.compile(r"…|; |\(?HTTP \d*|(?:^|\b)(?:line 2|subscription|config\.toml|no token|building image)(?:: |$| )")
"""The variable parts of a quoted message: `…`, a status, the field before a colon; and `; `, which joins two texts."""


def _constant_parts(quoted: str) -> list[str]:
    return [stripped for part in _VARIES.split(quoted) if len(stripped := part.strip(" :;,()'`")) > 3]


def test_quoted_messages_are_in_the_code() -> None:
    quoted = [one for row in _rows() for one in _code(row[0]) if one not in MESSAGES_OF_OTHERS]
    quoted += [one for row in _rows() if "cannot be queried" in row[0] for one in _code(row[1])]
    assert len(quoted) > 80
    parts = {part: one for one in quoted for part in _constant_parts(one)}
    assert [f"{part!r} of {one!r}" for part, one in parts.items() if part not in _strings()] == []


def test_troubleshooting_explains_every_error_class() -> None:
    assert _error_classes() - {name for line in TROUBLESHOOTING.splitlines() for name in _code(line)} == set()


@pytest.mark.parametrize("status", [*service_errors._ERRORS_BY_STATUS, 500])
def test_troubleshooting_lists_every_status_with_its_error_class(status: int) -> None:
    error = service_errors.error_from_response(error_response(status), "the request was rejected")
    [row] = [row for row in _rows() if f"HTTP {status}" in _code(row[0])]
    assert _code(row[1]) == [type(error).__name__]


def _error_classes() -> set[str]:
    return {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, Exception)}


def _raised() -> Iterator[tuple[str, str]]:
    """Yield each message that an error class is called with: the class, the longest constant part."""
    kinds = _error_classes() - {"InvalidInputError"}
    for tree in _trees().values():
        for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)):
            assigned = [node for node in ast.walk(function) if isinstance(node, ast.Assign)]
            for call in (node for node in ast.walk(function) if isinstance(node, ast.Call) and node.args):
                if isinstance(call.func, ast.Name) and call.func.id in kinds:
                    for text in _texts_of(call.args[0], assigned):
                        yield call.func.id, text


def _texts_of(node: ast.expr, assigned: list[ast.Assign]) -> Iterator[str]:
    """Yield the longest constant part of a text, or of the values assigned to its name in the function."""
    if isinstance(node, ast.Name):
        for one in assigned:
            if node.id in (target.id for target in one.targets if isinstance(target, ast.Name)):
                yield from _texts_of(one.value, [])
    parts = [part.value for part in ast.walk(node) if isinstance(part, ast.Constant) and isinstance(part.value, str)]
    if not isinstance(node, ast.Name) and parts:
        yield max(parts, key=len).strip(" :;,()'")


def test_troubleshooting_explains_every_message_of_an_error() -> None:
    raised = list(_raised())
    assert len(raised) > 20
    assert [f"{kind}: {text}" for kind, text in raised if text not in TROUBLESHOOTING] == []


def test_troubleshooting_explains_every_failure_of_sign_in_and_index() -> None:
    failures = [what for _, what, _ in sign_in_errors._MEANINGS]
    failures += [what for what, _ in sign_in_errors._UNAVAILABLE.values()]
    assert [what for what in failures if f"no token: {what}" not in TROUBLESHOOTING] == []
    reasons = [*diagnosis._INCONCLUSIVE.values(), *diagnosis._CONNECTION.values()]
    assert [reason for reason in reasons if f"`{reason}`" not in TROUBLESHOOTING] == []


def test_ipython_shows_the_quoted_message_without_the_extension(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str]
) -> None:
    shell.run_cell("%%kusto_image first --base Python3_11_7\nhumanize")
    shell.run_cell("%kusto_image list")
    output = "".join(capsys.readouterr())
    assert [words for words, whose in MESSAGES_OF_OTHERS.items() if whose == "IPython" and words not in output] == []


# ── the other pages ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("document", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_has_a_target(document: Path) -> None:
    broken = [link for link in _links(document) if not _has_target(document, link)]
    assert broken == []


def _links(page: Path) -> list[str]:
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"\]\((?!https?:|mailto:)([^)\s]+)\)", text)


def _has_target(page: Path, link: str) -> bool:
    place, _, anchor = link.partition("#")
    target = (page.parent / place).resolve() if place else page
    return target.exists() and (not anchor or anchor in _anchors(target))


def _anchors(page: Path) -> set[str]:
    """Return the anchors of the headings as GitHub creates them; repeated headings get a number."""
    found: list[str] = []
    for heading in re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        found.append(re.sub(r"[^\w\- ]", "", words.lower()).strip().replace(" ", "-"))
    return {
        f"{anchor}-{found[:number].count(anchor)}" if anchor in found[:number] else anchor
        for number, anchor in enumerate(found)
    }


def test_readme_links_to_every_page() -> None:
    reached = {(ROOT / link.partition("#")[0]).resolve() for link in _links(ROOT / "README.md")}
    assert [str(path.relative_to(ROOT)) for path in PAGES if path not in {*reached, ROOT / "README.md"}] == []


def test_security_names_existing_tests() -> None:
    text, named = _text("SECURITY.md"), 0
    _, *sections = re.split(r"\]\((tests/[\w/]+\.py)\)", text)
    for file, following in zip(sections[::2], sections[1::2], strict=True):
        tests = re.findall(r"`(test_\w+)`", following)
        source = _text(file)
        assert tests, file
        assert [test for test in tests if f"def {test}(" not in source] == [], file
        named += len(tests)
    assert named == len(re.findall(r"`test_\w+`", text)) > 25


def test_every_statement_of_security_names_a_test() -> None:
    tables = re.findall(r"^\|.*\| test \|\n\|[-|]+\n((?:\|.*\n)+)", _text("SECURITY.md"), re.MULTILINE)
    rows = [row for table in tables for row in table.splitlines()]
    assert len(rows) > 15
    assert [row for row in rows if "`test_" not in row] == []


def test_names_in_the_architecture_page_are_in_their_files() -> None:
    for row in re.findall(r"^\|.*$", (PACKAGE / "README.md").read_text(encoding="utf-8"), re.MULTILINE):
        for file, name in re.findall(r"\]\(([\w./]+)\) `(\w+)`", row):
            assert re.search(rf"\b{name}\b", (PACKAGE / file).read_text(encoding="utf-8")), row


def test_page_of_the_emulator_lists_the_choices_that_each_module_marks() -> None:
    sources = {path.stem: path.read_text(encoding="utf-8") for path in (PACKAGE / "emulator").glob("*.py")}
    marks = {name: _remarks(source).count("own choice") for name, source in sources.items()}
    section = (PACKAGE / "emulator" / "README.md").read_text("utf-8").partition("## Choices of the emulator")[2]
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", section, re.MULTILINE))
    listed = {name: len(choices.split("; ")) for name, choices in rows.items()}
    assert listed == {name: count for name, count in marks.items() if count}


def _remarks(source: str) -> str:
    """Return a module without its docstring; texts of several lines are joined."""
    docstring = ast.get_docstring(ast.parse(source), clean=False) or ""
    return re.sub(r"\s+#?\s*", " ", source.replace(docstring, "", 1))


def test_readme_describes_microsofts_sdk_correctly() -> None:
    from azure.mgmt.kusto._configuration import KustoManagementClientConfiguration
    from azure.mgmt.kusto.operations import SandboxCustomImagesOperations

    [creating], [progress] = (
        re.findall(rf"^\| {name} \|(.+)$", _text("README.md"), re.MULTILINE) for name in ("create an image", "progress")
    )
    assert any(hasattr(SandboxCustomImagesOperations, name) for name in _code(creating))
    credential: Any = StaticCredential("token")
    interval = KustoManagementClientConfiguration(credential, "subscription").polling_interval
    assert f"polls every {interval} s" in progress


def test_wheel_contains_no_markdown() -> None:
    wheel = tomllib.loads(_text("pyproject.toml"))["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert "*.md" in wheel["exclude"]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_table_has_a_header(path: Path) -> None:
    lines = ["", *path.read_text(encoding="utf-8").splitlines()]
    starts = [n for n, line in enumerate(lines) if line.startswith("|") and not lines[n - 1].startswith("|")]
    assert [
        lines[n] for n in starts if not lines[n + 1].startswith("|--") and not lines[n + 1].startswith("| --")
    ] == []


def test_security_states_the_number_of_records() -> None:
    assert f"the last {MAX_STORED_RECORDS:,} operations" in _text("SECURITY.md")
