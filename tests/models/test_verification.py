"""The inventory of an image, and its comparison with what the image should hold."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from kusto_magic.models.cluster_contents import BaseList
from kusto_magic.models.inventory import MAX_TEXT_LENGTH, NO_MODULE, Inventory, inventory_query
from kusto_magic.models.verification import Difference, Expectation, ExpectationSource, ExpectedPackage, verify

PLAN = (
    ExpectedPackage("numpy", "==1.26.4"),
    ExpectedPackage("humanize", "==4.9.0"),
    ExpectedPackage("six", "==1.16.0", direct=False),
)
HELD = {"numpy": "1.26.4", "humanize": "4.9.0", "six": "1.16.0", "pip": "23.0"}


def inventory(imports: dict[str, str] | None = None, python: str = "3.11.7", **packages: str | None) -> Inventory:
    held = {name: version for name, version in {**HELD, **packages}.items() if version is not None}
    return Inventory(python, "Windows-10", held, imports or {})


def expectation(*packages: ExpectedPackage, listed: dict[str, str] | None = None) -> Expectation:
    base = BaseList("Python3_11_7", listed or {})
    return Expectation("3.11.7", packages or PLAN, ExpectationSource.PLAN, base="Python3_11_7", listed=base)


def test_image_that_holds_the_plan_is_verified() -> None:
    found = verify("img", expectation(), inventory(), "Samples")
    assert found.succeeded
    assert found.summary == "3 of 3 packages are as planned"


@pytest.mark.parametrize(
    ("packages", "difference"),
    [
        ({"numpy": "2.0.0"}, Difference("numpy", "==1.26.4", "2.0.0")),
        ({"six": None}, Difference("six", "==1.16.0", None)),
        ({"humanize": "not a version"}, Difference("humanize", "==4.9.0", "not a version")),
    ],
)
def test_other_version_and_missing_package_are_differences(packages: dict[str, Any], difference: Difference) -> None:
    found = verify("img", expectation(), inventory(**packages), "Samples")
    assert not found.succeeded
    assert found.differences == (difference,)
    assert found.summary == "2 of 3 packages are as planned"


@pytest.mark.parametrize(
    ("specifier", "version", "accepted"),
    [
        ("==1.0", "1.0.0", True),
        ("", "1.0", True),
        (">=1,<2", "1.5", True),
        (">=1,<2", "2.0", False),
        (">=1", "2.0rc1", True),
        ("==1.0", "1.0+local", True),
        ("==2024a", "2024a", True),
        ("==x", "x", True),
        ("==x", "y", False),
        ("~=1.4.2", "1.4.9", True),
    ],
)
def test_specifier_accepts_a_version(specifier: str, version: str, accepted: bool) -> None:
    assert ExpectedPackage("a", specifier).accepts(version) is accepted


@pytest.mark.parametrize(
    ("wanted", "python", "right"),
    [("3.11.7", "3.11.7", True), ("3.11.7", "3.11.8", False), ("3.11", "3.11.8", True), ("", "3.9", True)],
)
def test_other_python_version_is_no_success(wanted: str, python: str, right: bool) -> None:
    plan = Expectation(wanted, PLAN, ExpectationSource.PLAN)
    found = verify("img", plan, inventory(python=python), "Samples")
    assert found.is_python_right is right
    assert found.succeeded is right


def test_failed_import_is_no_success() -> None:
    held = inventory({"numpy": "", "humanize": "ImportError: DLL"})
    found = verify("img", expectation(), held, "Samples", ["numpy", "humanize"])
    assert found.failed_imports == {"humanize": "ImportError: DLL"}
    assert found.imported == 1
    assert not found.succeeded


def test_import_without_a_result_is_no_success_and_a_package_without_a_module_is_no_failure() -> None:
    found = verify("img", expectation(), inventory({"numpy": ""}), "Samples", ["numpy", "humanize"])
    assert found.failed_imports == {"humanize": "there is no result"}
    found = verify("img", expectation(), inventory({"numpy": NO_MODULE}), "Samples", ["numpy"])
    assert (found.succeeded, found.imported) == (True, 0)


def test_version_of_thousands_of_digits_is_a_difference() -> None:
    found = verify("img", expectation(), inventory(numpy="1" * 5000), "Samples")
    assert [it.name for it in found.differences] == ["numpy"]


def test_packages_of_the_base_that_differ_from_its_documentation_are_named_and_no_failure() -> None:
    listed = {"numpy": "1.0", "bottleneck": "1.3.7", "pip": "23.0"}
    found = verify("img", expectation(listed=listed), inventory(), "Samples")
    assert found.succeeded
    # The plan replaces the version of numpy in the base.
    assert found.base_differences == (Difference("bottleneck", "==1.3.7", None),)


# ── the inventory ───────────────────────────────────────────────────────────────────────────────────────────────────


def row(kind: str, name: str, value: str) -> dict[str, str]:
    return {"kind": kind, "name": name, "value": value}


def test_rows_become_an_inventory_with_normalized_names() -> None:
    rows = [row("python", "", "3.11.7"), row("platform", "", "Windows"), row("package", "Flask_Compress", "1.0")]
    rows += [row("import", "flask-compress", "ImportError: x"), row("future", "a", "b")]
    found = Inventory.from_rows(rows)
    assert found == Inventory("3.11.7", "Windows", {"flask-compress": "1.0"}, {"flask-compress": "ImportError: x"})


@pytest.mark.parametrize("rows", [[], [{}], [{"kind": "platform"}], [{"a": 1}], [row("package", "a", "1")]])
def test_other_rows_are_refused(rows: list[dict[str, Any]]) -> None:
    with pytest.raises(ValueError, match="inventory"):
        Inventory.from_rows(rows)


def test_text_of_the_sandbox_has_no_secret_and_an_end() -> None:
    token = "eyJhbGciOiJub25lIn0.eyJhIjoiYiJ9.abcdefghijk"
    rows = [row("python", "", "3.11.7"), row("import", "a", f"KeyError: {token}"), row("import", "b", "x" * 100_000)]
    rows += [row("import", "c", f"{'y' * (MAX_TEXT_LENGTH - 20)} {token}")]
    found = Inventory.from_rows(rows)
    assert token not in found.imports["a"]
    assert token[:12] not in found.imports["c"], "a token at the end of what is shown"
    assert len(found.imports["b"]) == MAX_TEXT_LENGTH


def test_query_has_the_script_and_names_the_imports() -> None:
    query = inventory_query(["Flask_Compress", "numpy"])
    assert "evaluate python(typeof(kind:string, name:string, value:string), ```" in query
    assert query.count("```") == 2
    assert query.endswith('bag_pack(\'imports\', dynamic(["flask-compress", "numpy"])))')
    assert inventory_query().endswith("```)")


@pytest.mark.parametrize("name", ['a"]), x', "a b", "", "a```"])
def test_name_that_is_not_valid_is_not_part_of_a_query(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        inventory_query([name])


@pytest.mark.parametrize(
    ("text", "memory"), [("314572800", 314572800), ("", None), ("300 MB", None), ("-1", None), ("9" * 16, None)]
)
def test_memory_is_a_number_of_bytes_or_unknown(text: str, memory: int | None) -> None:
    rows = [{"kind": "python", "name": "", "value": "3.11.7"}, {"kind": "memory", "name": "", "value": text}]
    assert Inventory.from_rows(rows).memory == memory


RUN = """
import json, sys
class pd:
    @staticmethod
    def DataFrame(rows, columns):
        return [dict(zip(columns, row)) for row in rows]
kargs = {"imports": ["httpx", "packaging", "broken-one"]}
exec(sys.stdin.read())
print(json.dumps(result))
"""


@pytest.mark.slow
def test_script_lists_the_packages_of_a_real_python_and_imports_those_that_are_named(tmp_path: Any) -> None:
    (tmp_path / "broken_one").mkdir()
    (tmp_path / "broken_one" / "__init__.py").write_text("raise SystemExit('stop\\nhere')")
    metadata = tmp_path / "broken_one-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: Broken.One\nVersion: 1.0\n")
    (metadata / "RECORD").write_text("broken_one/__init__.py,,\n")
    script = inventory_query().split("```")[1]
    ran = subprocess.run(
        [sys.executable, "-P", "-c", RUN],
        input=script,
        text=True,
        capture_output=True,
        check=True,
        env={"PYTHONPATH": str(tmp_path)},
    )
    found = Inventory.from_rows(json.loads(ran.stdout))
    assert found.python.count(".") == 2
    assert found.packages["broken-one"] == "1.0"
    assert len(found.packages) > 50
    assert found.imports == {"httpx": "", "packaging": "", "broken-one": "SystemExit: stop"}
