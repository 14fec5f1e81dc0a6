"""One constant says how to install: while no package index has the package, no text names it to pip."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
FOLDERS = ("kusto_magic", "labextension/src", "labextension/schema", "notebooks", "benchmarks", ".github")
TEXTS = {".py", ".md", ".ts", ".tsx", ".ipynb", ".json", ".yml", ".cff"}
CONSTANT = re.search(
    r"INSTALL_COMMAND = '%(pip install [^']+)'",
    (ROOT / "labextension" / "src" / "cells" / "kernelErrors.ts").read_text(encoding="utf-8"),
)
BY_NAME = re.compile(
    r"\b(?:pip3?|pipx|uv|conda|mamba) (?:add|install) [^\n]{0,80}?\bkusto[-_]magic\b(?!(?:\[\w+\])? @ )"
)
"""An install command that takes the package from an index; `kusto-magic @ URL` does not."""

OF_A_FOLDER = re.compile(r"pip install '?(/[^'\s\[`]+)")


def _texts() -> Iterator[Path]:
    paths = [*ROOT.glob("*"), *(path for folder in FOLDERS for path in (ROOT / folder).rglob("*"))]
    yield from (path for path in paths if path.suffix in TEXTS and path.is_file())


@pytest.mark.slow
def test_no_text_installs_the_package_by_its_name() -> None:
    texts = {path: path.read_text(encoding="utf-8") for path in _texts()}
    assert len(texts) > 150
    assert {str(path): BY_NAME.findall(text) for path, text in texts.items() if BY_NAME.search(text)} == {}


def test_every_text_installs_from_the_folder_of_the_constant() -> None:
    assert CONSTANT
    folder = CONSTANT[1].rpartition(" ")[2]
    named = {
        path.relative_to(ROOT).as_posix(): set(OF_A_FOLDER.findall(path.read_text(encoding="utf-8")))
        for path in _texts()
    }
    found = {name: folders for name, folders in named.items() if folders}
    pages = {"README.md", "TROUBLESHOOTING.md", "notebooks/01-first-image.ipynb"}
    assert pages <= set(found)
    assert {name: folders for name, folders in found.items() if folders != {folder}} == {}


def test_rule_finds_a_package_named_to_an_installer() -> None:
    bad = [
        "%pip install kusto-magic",
        "pip install -U 'kusto_magic[lab]'",
        "uv add kusto-magic",
        "pip install kusto-magic==1",
    ]
    good = ["pip install 'kusto-magic[lab] @ git+https://x'", "pip install /path/to/checkout", "%load_ext kusto_magic"]
    assert [bool(BY_NAME.search(text)) for text in [*bad, *good]] == [True] * len(bad) + [False] * len(good)
