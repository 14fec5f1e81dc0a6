"""Exports, parsed with a parser of their language: nothing is lost, and no text is interpreted as code."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tree_sitter_bicep
import tree_sitter_powershell
from hypothesis import assume, given
from hypothesis import strategies as st
from tree_sitter import Language, Node, Parser

from kusto_magic.errors import InvalidInputError
from kusto_magic.export import export
from kusto_magic.models.api_version import API_VERSION
from kusto_magic.models.export_forms import ALL_FORMS, FORMS
from kusto_magic.models.image import Image, ImageSpec
from kusto_magic.models.lock import Lock
from kusto_magic.models.target import Target
from kusto_magic.requirements.rules import secret_in

SUBSCRIPTION = "01234567-89ab-cdef-0123-456789abcdef"
TARGET = Target(SUBSCRIPTION, "team(data)", "mycluster")
NAME = "3.fore-cast_x"
LOCK = Lock("3.11.7", "Windows x64", "numpy\n", base_image="Python3_11_7")
TYPE = f"Microsoft.Kusto/clusters/sandboxCustomImages@{API_VERSION}"
AWKWARD = [
    "numpy==1.26.4\npandas>=2; python_version > '3.10'\n",
    "one-line-without-an-end",
    "",
    "\n\n",
    '# it\'s ${HOME} $HOME $(touch broken) `touch broken` %{if true} {{token}} "quoted" \\ \\n \\${x}\n',
    "# ''' \"\"\" '@ \"@ EOF JSON $${a} %%{b} \\' \\\" `$x `n\nJSON\nEOF\n",
    "# ‘curved’ ‚low‛ “double” „low‟ and é, 漢字, 🐍\n",
    "a\r\n\tb # c\td\r\n",
]
each_text = pytest.mark.parametrize("text", AWKWARD)
texts = st.text(st.sampled_from("ab1=#'\"`$\\{}%()[]@<>!&|;*?~ \t\n‘’“”é🐍"), max_size=60)


def image(text: str) -> Image:
    return Image(NAME, "PYTHON", base_image="Python3_11_7", requirements=text, state="Succeeded")


def exported(form: str, text: str) -> str:
    return export(form, NAME, image(text), TARGET)


# ── Bicep and PowerShell, parsed with tree-sitter grammars ──────────────────────────────────────────────────────────


def tree(grammar: Any, text: str) -> Node:
    root = Parser(Language(grammar.language())).parse(text.encode()).root_node
    assert not root.has_error, text
    return root


def nodes(root: Node, *kinds: str) -> Iterator[Node]:
    if root.type in kinds:
        yield root
    else:
        for child in root.children:
            yield from nodes(child, *kinds)


def source(node: Node) -> str:
    assert node.text is not None
    return node.text.decode()


def bicep_string(node: Node) -> str:
    """Parse a string according to "Data types in Bicep"; an interpolation fails the test."""
    assert {child.type for child in node.children} <= {"'", "string_content", "escape_sequence"}
    escapes = {"\\\\": "\\", "\\'": "'", "\\n": "\n", "\\r": "\r", "\\t": "\t", "\\$": "$"}
    return re.sub(r"\\.", lambda found: escapes[found[0]], source(node)[1:-1])


def read_bicep(text: str) -> dict[str, Any]:
    custom = next(n for n in nodes(tree(tree_sitter_bicep, text), "resource_declaration") if TYPE in source(n))
    read: dict[str, Any] = {}
    for pair in nodes(custom, "object_property"):
        pairs = [pair] if pair.children[-1].type != "object" else list(nodes(pair.children[-1], "object_property"))
        for one in pairs:
            strings = [bicep_string(node) for node in nodes(one.children[-1], "string")]
            is_call = one.children[-1].type == "call_expression"
            read[source(one.children[0])] = strings[-1].join(strings[:-1]) if is_call else "".join(strings)
    return read


def powershell_string(node: Node) -> str:
    """Parse a string according to about_Quoting_Rules; of the expandable strings, only two escapes are accepted."""
    quoted = source(node)
    if quoted[0] == "'":
        return re.sub("(['‘’‚‛])\\1", r"\1", quoted[1:-1])
    return {'"`n"': "\n", '"`r"': "\r"}[quoted]


def read_powershell(text: str) -> tuple[dict[str, str], str]:
    """Return the parameters, the requirements evaluated, and the command."""
    root = tree(tree_sitter_powershell, text)
    array, joined = next(nodes(root, "assignment_expression")).children[-1], '-join "`n"'
    lines = next(nodes(array, "array_expression"))
    assert source(array) == f"{source(lines)} {joined}"
    items = [list(nodes(pipeline, "string_literal")) for pipeline in nodes(lines, "pipeline")]
    requirements = "\n".join("".join(powershell_string(part) for part in item) for item in items)
    given = {}
    for entry in nodes(root, "hash_entry"):
        strings = [powershell_string(node) for node in nodes(entry, "string_literal")]
        given[source(entry.children[0])] = strings[0] if strings else source(next(nodes(entry, "variable")))
    assert given["RequirementsFileContent"] == "$requirements"
    commands = [source(node) for node in nodes(root, "command")]
    return {**given, "RequirementsFileContent": requirements}, " ".join(commands)


@each_text
def test_bicep_defines_the_image_under_the_cluster(text: str) -> None:
    bicep = exported("bicep", text)
    assert read_bicep(bicep) == {
        "parent": "",
        "name": NAME,
        "language": "Python",
        "baseImageName": "Python3_11_7",
        "requirementsFileContent": text,
    }
    assert "  parent: cluster\n" in bicep
    assert "param clusterName string = 'mycluster'\n" in bicep


@given(texts)
def test_bicep_escapes_any_text(text: str) -> None:
    assume(not secret_in(text))
    assert read_bicep(exported("bicep", text))["requirementsFileContent"] == text


@each_text
def test_powershell_calls_the_documented_cmdlet(text: str) -> None:
    given, command = read_powershell(exported("powershell", text))
    assert command == "New-AzKustoSandboxCustomImage @image"
    assert given == {
        "ResourceGroupName": "team(data)",
        "ClusterName": "mycluster",
        "Name": NAME,
        "BaseImageName": "Python3_11_7",
        "RequirementsFileContent": text,
    }


@given(texts)
def test_powershell_escapes_any_text(text: str) -> None:
    assume(not secret_in(text))
    assert read_powershell(exported("powershell", text))[0]["RequirementsFileContent"] == text


# ── Terraform, parsed with HashiCorp's parser ───────────────────────────────────────────────────────────────────────


def read_terraform(text: str) -> dict[str, Any]:
    pygohcl = pytest.importorskip("pygohcl")  # it has no wheel for Windows
    ((label, block),) = pygohcl.loads(text)["resource"]["azapi_resource"].items()
    properties = block["body"]["properties"]
    assert properties.pop("requirementsFileContent").startswith('join("\\n", [')
    # The parser evaluates no function and collapses the whitespace of a call, so the list is parsed separately.
    items = re.search(r'requirementsFileContent = join\("\\n", (\[.*\])\)', text, re.DOTALL)
    assert items is not None
    lines = pygohcl.loads(f"lines = {items[1]}")["lines"]
    named = {"type": block["type"], "name": block["name"], "label": label, "parent": block["parent_id"]}
    return {**named, **properties, "requirementsFileContent": "\n".join(lines)}


@each_text
def test_terraform_defines_an_azapi_resource(text: str) -> None:
    assert read_terraform(exported("terraform", text)) == {
        "type": TYPE,
        "name": NAME,
        "label": "image_3_fore-cast_x",
        "parent": "var.kusto_cluster_id",
        "language": "Python",
        "baseImageName": "Python3_11_7",
        "requirementsFileContent": text,
    }


@given(texts)
def test_terraform_escapes_any_text(text: str) -> None:
    assume(not secret_in(text))
    assert read_terraform(exported("terraform", text))["requirementsFileContent"] == text


# ── az and .http ────────────────────────────────────────────────────────────────────────────────────────────────────

FAKE_AZ = f"""#!{sys.executable}
import json, sys
with open("request.json", "w", encoding="utf-8") as file:
    json.dump([sys.argv[1:], sys.stdin.read()], file)
"""


@pytest.mark.skipif(sys.platform == "win32" or not shutil.which("bash"), reason="needs a POSIX shell")
@each_text
def test_az_command_sends_the_request_and_runs_nothing_else(text: str, tmp_path: Path) -> None:
    az = tmp_path / "az"
    az.write_text(FAKE_AZ)
    az.chmod(0o755)
    path = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    command = exported("az", text)
    assert subprocess.run(["bash", "-n"], input=command.encode(), check=True, capture_output=True).stderr == b""
    subprocess.run(["bash", "-eu"], input=command.encode(), env=path, cwd=tmp_path, check=True)
    arguments, body = json.loads((tmp_path / "request.json").read_text(encoding="utf-8"))
    cluster = "resourceGroups/team(data)/providers/Microsoft.Kusto/clusters/mycluster"
    url = f"/subscriptions/{{subscriptionId}}/{cluster}/sandboxCustomImages/{NAME}?api-version={API_VERSION}"
    assert arguments == ["rest", "--method", "put", "--url", url, "--body", "@-"]
    assert json.loads(body) == sent(text)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["az", "request.json"]


def sent(text: str) -> dict[str, Any]:
    return {
        "properties": {"language": "Python", "baseImageName": "Python3_11_7", "requirementsFileContent": text},
    }


@each_text
def test_rest_request_equals_the_one_sent_by_the_client(text: str) -> None:
    head, _, body = exported("rest", text).partition("\n\n")[2].partition("\n\n")
    request = head.replace("{{endpoint}}", TARGET.endpoint).replace("{{subscription}}", SUBSCRIPTION)
    assert request.splitlines()[0] == (
        f"PUT {TARGET.endpoint}{TARGET.cluster_id}/sandboxCustomImages/{NAME}?api-version={API_VERSION}"
    )
    assert json.loads(body) == sent(text)
    assert "{{" not in body
    spec = ImageSpec("numpy\n", base_image="Python3_11_7")
    ours = export("rest", NAME, spec, TARGET).partition("\n\n")[2].partition("\n\n")[2]
    assert json.loads(ours) == json.loads(spec.to_body())


def test_rest_request_omits_the_emulator_endpoint() -> None:
    local = Target(SUBSCRIPTION, "group", "cluster", endpoint="http://127.0.0.1:1234")
    assert "127.0.0.1" not in export("rest", NAME, image("numpy"), local)


# ── all formats ─────────────────────────────────────────────────────────────────────────────────────────────────────


@each_text
def test_requirements_are_exported_byte_for_byte(text: str) -> None:
    assert exported("requirements", text) == text


@pytest.mark.parametrize("form", FORMS)
def test_python_version_replaces_the_base_image(form: str) -> None:
    bare = Image(NAME, "PYTHON", language_version="3.10.8", requirements="numpy\n")
    text = export(form, NAME, bare, TARGET)
    assert text == export(form, NAME, ImageSpec("numpy\n", python_version="3.10.8"), TARGET)
    assert ("3.10.8" in text) == (form != "requirements")
    assert "baseimagename" not in text.lower().replace("supports -baseimagename", "")


@pytest.mark.parametrize("form", FORMS)
def test_no_format_contains_the_subscription(form: str) -> None:
    assert SUBSCRIPTION not in exported(form, "numpy")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("numpy\n--index-url https://user:hunter22@host/simple\n", "a user name or a password"),
        ("numpy\n# \u202eevil\n", "U+202E"),
        ("numpy\x1b[2J", "U+001B"),
    ],
)
def test_export_raises_for_secrets_and_invisible_characters(form: str, text: str, expected: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        exported(form, text)
    assert expected in str(refused.value)
    assert "hunter22" not in str(refused.value)


@pytest.mark.parametrize("form", FORMS)
def test_lock_is_a_comment_and_changes_nothing_else(form: str) -> None:
    plain, locked = exported(form, "numpy\n"), export(form, NAME, image("numpy\n"), TARGET, LOCK)
    comment = f"{'//' if form == 'bicep' else '#'} Lock: {LOCK.digest}\n"
    assert locked == (plain if form == "requirements" else comment + plain)


def test_locked_exports_are_still_read_by_their_languages() -> None:
    found = {form: export(form, NAME, image("numpy\n"), TARGET, LOCK) for form in FORMS}
    assert read_bicep(found["bicep"])["requirementsFileContent"] == "numpy\n"
    assert read_powershell(found["powershell"])[0]["RequirementsFileContent"] == "numpy\n"
    assert read_terraform(found["terraform"])["requirementsFileContent"] == "numpy\n"


def test_export_raises_for_an_unknown_format_and_a_missing_base() -> None:
    with pytest.raises(InvalidInputError) as refused:
        export("ansible", NAME, Image(NAME), TARGET)
    unknown, missing = refused.value.problems
    assert (unknown.field, missing.field) == ("format", "base")
    assert "'ansible'" in unknown.message
    assert all(form in unknown.message for form in ALL_FORMS)
