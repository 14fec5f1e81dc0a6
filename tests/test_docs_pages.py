"""The pages beside the README fail here when they are stale: what they quote, name and link is in the code."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from support import reference
from support.answers import failed

from kusto_magic import credentials, errors, explanations, refusals
from kusto_magic.auth import StaticCredential
from kusto_magic.history import KEPT
from kusto_magic.resolver import _PASSED_ON

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "kusto_magic"
ELSEWHERE = {"node_modules", "build", "dist"}
PAGES = sorted(
    path
    for path in ROOT.rglob("*.md")
    if not any(part in ELSEWHERE or part.startswith(".") for part in path.relative_to(ROOT).parts)
)


def _text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@cache
def _trees() -> dict[str, ast.Module]:
    paths = PACKAGE.rglob("*.py")
    return {str(path.relative_to(PACKAGE)): ast.parse(path.read_text(encoding="utf-8")) for path in paths}


@cache
def _words() -> str:
    """Return all texts in the package, a line each, without docstrings; and the front end's source."""
    found: list[str] = []
    for tree in _trees().values():
        said = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        found += [
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said
        ]
    return "\n".join([*found, *(path.read_text("utf-8") for path in (ROOT / "labextension" / "src").rglob("*.ts*"))])


# ── REFERENCE.md ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_environment_variable_is_in_the_reference() -> None:
    named = {name for rows in reference.VARIABLES.values() for names in rows for name in names.split(", ")}
    whole = {name for name in named if "…" not in name}
    read = {name for name in _variables_read() if not name.startswith("KUSTO_MAGIC_") or name == "KUSTO_MAGIC_HOME"}
    assert read - whole == set()
    keys = {f"PIP_{key.upper().replace('-', '_')}" for key in _pip_keys()}
    assert whole - read == keys, "these are named, and the code does not read them"


def _variables_read() -> set[str]:
    """Return the names that the code asks an environment for or passes on: constants in capitals, with their place."""
    others = {"CERTIFICATE_VERIFY_FAILED", "CREATE_NEW_PROCESS_GROUP", "CREATE_NO_WINDOW"}
    asked = re.findall(
        r"environ(?:\.get\(|\[)\"([A-Z_]+[A-Z])\"", "\n".join(map(ast.unparse, _trees().values())).replace("'", '"')
    )
    constants = re.findall(r"^[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+$", _words(), re.MULTILINE)
    return {*asked, *constants, *(name for name in _PASSED_ON if name.isupper())} - others


def _pip_keys() -> list[str]:
    source = (PACKAGE / "indexes.py").read_text(encoding="utf-8")
    return re.findall(r'(?<![.\w])get\("([a-z-]+)"\)', source)


# ── TROUBLESHOOTING.md ───────────────────────────────────────────────────────────────────────────────────────────

TROUBLE = _text("TROUBLESHOOTING.md")
OF_OTHERS = {
    "No module named 'kusto_magic'": "Python",
    "Cell magic `%%kusto_image` not found": "IPython",
    "Line magic function `%kusto_image` not found": "IPython",
}


def _rows() -> Iterator[list[str]]:
    for line in TROUBLE.splitlines():
        if line.startswith("| ") and not line.startswith("| you see"):
            yield line.strip("|").split(" | ")


def _code(text: str) -> list[str]:
    return [two or one for two, one in re.findall(r"``(.+?)``|`([^`]+)`", text)]


_VARIES = re.compile(r"…|; |\(?HTTP \d*|(?:^|\b)(?:line 2|subscription|config\.toml|no token|building image)(?:: |$| )")
"""What varies in a quoted message: `…`, a status, the field before a colon; and `; `, which joins two texts."""


def _constant_parts(quoted: str) -> list[str]:
    return [stripped for part in _VARIES.split(quoted) if len(stripped := part.strip(" :;,()'`")) > 3]


def test_every_message_that_is_quoted_is_in_the_code() -> None:
    quoted = [one for row in _rows() for one in _code(row[0]) if one not in OF_OTHERS]
    quoted += [one for row in _rows() if "cannot be asked" in row[0] for one in _code(row[1])]
    assert len(quoted) > 80
    parts = {part: one for one in quoted for part in _constant_parts(one)}
    assert [f"{part!r} of {one!r}" for part, one in parts.items() if part not in _words()] == []


def test_every_error_is_explained() -> None:
    kinds = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, Exception)}
    assert kinds - {name for line in TROUBLE.splitlines() for name in _code(line)} == set()


@pytest.mark.parametrize("status", [*refusals._REFUSALS, 500])
def test_every_refusal_is_explained_under_its_kind(status: int) -> None:
    refused = refusals.refusal(failed(status), "it was refused")
    [row] = [row for row in _rows() if f"HTTP {status}" in _code(row[0])]
    assert _code(row[1]) == [type(refused).__name__]


def _raised() -> Iterator[tuple[str, str]]:
    """Yield each message that an error of ours is made with: error, the longest part that does not vary."""
    kinds = {name for name, kind in vars(errors).items() if isinstance(kind, type)} - {"InvalidInput", "Problem"}
    for tree in _trees().values():
        for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)):
            assigned = [node for node in ast.walk(function) if isinstance(node, ast.Assign)]
            for call in (node for node in ast.walk(function) if isinstance(node, ast.Call) and node.args):
                if isinstance(call.func, ast.Name) and call.func.id in kinds:
                    for text in _texts_of(call.args[0], assigned):
                        yield call.func.id, text


def _texts_of(node: ast.expr, assigned: list[ast.Assign]) -> Iterator[str]:
    """Yield the longest constant of a text, or of what was assigned to its name in the function."""
    if isinstance(node, ast.Name):
        for one in assigned:
            if node.id in (target.id for target in one.targets if isinstance(target, ast.Name)):
                yield from _texts_of(one.value, [])
    parts = [part.value for part in ast.walk(node) if isinstance(part, ast.Constant) and isinstance(part.value, str)]
    if not isinstance(node, ast.Name) and parts:
        yield max(parts, key=len).strip(" :;,()'")


def test_every_message_of_an_error_is_explained() -> None:
    raised = list(_raised())
    assert len(raised) > 20
    assert [f"{kind}: {text}" for kind, text in raised if text not in TROUBLE] == []


def test_every_failure_of_a_sign_in_and_of_an_index_is_explained() -> None:
    said = [what for _, what, _ in credentials._MEANINGS]
    said += [what for what, _ in credentials._UNAVAILABLE.values()]
    assert [what for what in said if f"no token: {what}" not in TROUBLE] == []
    reasons = [*explanations._OUT_OF_REACH.values(), *explanations._CONNECTION.values()]
    assert [reason for reason in reasons if f"`{reason}`" not in TROUBLE] == []


def test_what_ipython_says_without_the_extension(shell: InteractiveShell, capsys: pytest.CaptureFixture[str]) -> None:
    shell.run_cell("%%kusto_image first --base Python3_11_7\nhumanize")
    shell.run_cell("%kusto_image list")
    told = "".join(capsys.readouterr())
    assert [words for words, whose in OF_OTHERS.items() if whose == "IPython" and words not in told] == []


# ── the other pages ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("document", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_to_a_file_and_every_anchor_to_a_heading(document: Path) -> None:
    lost = [link for link in _links(document) if not _leads_somewhere(document, link)]
    assert lost == []


def _links(page: Path) -> list[str]:
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"\]\((?!https?:|mailto:)([^)\s]+)\)", text)


def _leads_somewhere(page: Path, link: str) -> bool:
    place, _, anchor = link.partition("#")
    target = (page.parent / place).resolve() if place else page
    return target.exists() and (not anchor or anchor in _anchors(target))


def _anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them; a heading that comes again gets a number."""
    found: list[str] = []
    for heading in re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        found.append(re.sub(r"[^\w\- ]", "", words.lower()).strip().replace(" ", "-"))
    return {
        f"{anchor}-{found[:number].count(anchor)}" if anchor in found[:number] else anchor
        for number, anchor in enumerate(found)
    }


def test_the_readme_leads_to_every_page() -> None:
    reached = {(ROOT / link.partition("#")[0]).resolve() for link in _links(ROOT / "README.md")}
    assert [str(path.relative_to(ROOT)) for path in PAGES if path not in {*reached, ROOT / "README.md"}] == []


def test_every_test_that_security_names_is_there() -> None:
    named = 0
    for row in _text("SECURITY.md").split("\n"):
        files = [ROOT / "tests" / name for name in re.findall(r"\(tests/(\w+\.py)\)", row)]
        found = "".join(path.read_text(encoding="utf-8") for path in files)
        tests = re.findall(r"`(test_\w+)`", row)
        named += len(tests)
        assert [test for test in tests if f"def {test}(" not in found] == [], row
        assert bool(files) == bool(tests) or not row.startswith("|"), row
    assert named > 25


def test_every_name_that_how_it_works_points_at_is_in_its_file() -> None:
    for row in re.findall(r"^\|.*$", (PACKAGE / "README.md").read_text(encoding="utf-8"), re.MULTILINE):
        for file, name in re.findall(r"\]\(([\w./]+)\) `(\w+)`", row):
            assert re.search(rf"\b{name}\b", (PACKAGE / file).read_text(encoding="utf-8")), row


def test_own_choices_of_the_emulator_are_marked_in_the_page_and_in_the_code() -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in (PACKAGE / "emulator").glob("*.py"))
    page = (PACKAGE / "emulator" / "README.md").read_text(encoding="utf-8")
    assert page.count("(own choice)") <= code.count("own choice")
    assert page.count("(own choice)") > 2


def test_what_the_readme_says_of_the_sdk_holds() -> None:
    from azure.mgmt.kusto._configuration import KustoManagementClientConfiguration
    from azure.mgmt.kusto.operations import SandboxCustomImagesOperations

    [making], [progress] = (
        re.findall(rf"^\| {name} \|(.+)$", _text("README.md"), re.MULTILINE) for name in ("make an image", "progress")
    )
    assert any(hasattr(SandboxCustomImagesOperations, name) for name in _code(making))
    credential: Any = StaticCredential("token")
    asks = KustoManagementClientConfiguration(credential, "subscription").polling_interval
    assert f"asks every {asks} s" in progress


def test_no_page_goes_into_the_wheel() -> None:
    wheel = tomllib.loads(_text("pyproject.toml"))["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert "*.md" in wheel["exclude"]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_table_has_its_head(path: Path) -> None:
    lines = ["", *path.read_text(encoding="utf-8").splitlines()]
    begins = [n for n, line in enumerate(lines) if line.startswith("|") and not lines[n - 1].startswith("|")]
    assert [
        lines[n] for n in begins if not lines[n + 1].startswith("|--") and not lines[n + 1].startswith("| --")
    ] == []


def test_the_page_says_how_many_records_are_kept() -> None:
    assert f"the last {KEPT:,} things begun" in _text("SECURITY.md")
