"""Each dependency has a reason, and what users install has a permissive license."""

from __future__ import annotations

import json
import re
import tomllib
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent
PERMISSIVE = {"MIT", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0", "ISC", "PSF-2.0"}
SHIPPED = ("dependencies", "lab")
"""The lists of requirements that users install."""

SPDX = {
    "MIT License": "MIT",
    "The MIT License (MIT)": "MIT",
    "BSD": "BSD-3-Clause",
    "BSD License": "BSD-3-Clause",
    "BSD 3-Clause License": "BSD-3-Clause",
    "Apache Software License": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "MIT OR Apache-2.0": "Apache-2.0 OR MIT",
}
"""The names that older metadata uses, and their SPDX identifiers."""


def _requirements() -> dict[str, list[str]]:
    """Return the requirements of pyproject.toml by the name of their list."""
    about = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    project, system = about["project"], about["build-system"]
    return {
        "dependencies": project["dependencies"],
        "lab": project["optional-dependencies"]["lab"],
        "requires": system["requires"],
        **about["dependency-groups"],
    }


def _reasons() -> dict[str, dict[str, str]]:
    """Return the comment after each requirement of pyproject.toml, by the name of its list."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    lists = re.findall(r'^([a-z-]+) = \[\n((?:  ".*\n)+)\]', text, re.MULTILINE)
    return {key: dict(re.findall(r'^  "([^"]+)", *# (.+)$', lines, re.MULTILINE)) for key, lines in lists}


def _license(name: str) -> str:
    """Return the license (SPDX) in the metadata of an installed package, "" if there is none."""
    try:
        about = metadata(name).json
    except PackageNotFoundError:
        return ""
    classifiers = [text.rpartition(" :: ")[2] for text in about.get("classifier", []) if "License ::" in text]
    found = [str(about.get(key, "")) for key in ("license_expression", "license")] + classifiers
    return next((SPDX.get(text, text) for text in found if text and "\n" not in text), "")


def _browser_dependencies() -> dict[str, str]:
    about: dict[str, Any] = json.loads((ROOT / "labextension" / "package.json").read_text(encoding="utf-8"))
    return dict(about["dependencies"])


def test_every_dependency_has_a_reason() -> None:
    reasons = _reasons()
    assert [text for key, wanted in _requirements().items() for text in wanted if not reasons[key].get(text)] == []


@pytest.mark.parametrize("key", SHIPPED)
def test_every_license_of_a_shipped_dependency_is_permissive(key: str) -> None:
    for text in _requirements()[key]:
        name = re.split(r"[\[>=]", text)[0]
        assert set(re.split(r" OR | AND ", _license(name))) <= PERMISSIVE, name


def test_front_end_imports_only_what_package_json_names() -> None:
    sources = [path for path in (ROOT / "labextension" / "src").rglob("*") if path.suffix in (".ts", ".tsx")]
    text = "".join(path.read_text(encoding="utf-8") for path in sources if "__tests__" not in path.parts)
    named = set(_browser_dependencies())
    imported = set(re.findall(r"from '((?:@[\w-]+/)?[a-z][\w-]*)", text))
    assert imported <= named
    assert named - imported <= {"@codemirror/view"}  # @codemirror/lint must find JupyterLab's own
