"""Imports found in sources, and the pins made from them."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

import pytest

from kusto_magic.errors import InvalidInputError
from kusto_magic.requirements.freeze import FreezeResult, Installed, freeze, read_cells


@dataclass
class FakeDistribution:
    version: str = "1.0"
    files: Sequence[str] | None = ()
    direct_url: str | None = field(default=None)

    def read_text(self, filename: str) -> str | None:
        return self.direct_url if filename == "direct_url.json" else None


DISTRIBUTIONS = {
    "numpy": FakeDistribution("2.1.0"),
    "Pillow": FakeDistribution("11.0.0"),
    "torch": FakeDistribution("2.3.0+cpu"),
    "mine": FakeDistribution("0.1", direct_url="{}"),
    "odd": FakeDistribution("not a version"),
    "google-cloud-storage": FakeDistribution("2.0", ["google/cloud/storage/__init__.py"]),
    "google-auth": FakeDistribution("2.1", ["google/auth/__init__.py", "google\\oauth2\\__init__.py"]),
    "six-like": FakeDistribution("1.2", ["google/six.py"]),
}
INSTALLED = Installed(
    {
        "numpy": ["numpy"],
        "PIL": ["Pillow"],
        "torch": ["torch"],
        "mine": ["mine"],
        "odd": ["odd"],
        "google": ["google-cloud-storage", "google-auth", "google-auth", "six-like"],
    },
    DISTRIBUTIONS.__getitem__,
)


def freeze_sources(*sources: str) -> FreezeResult:
    return freeze(sources, INSTALLED)


@pytest.mark.parametrize(
    ("source", "pins"),
    [
        ("import numpy", ["numpy==2.1.0"]),
        ("import numpy.linalg as la, os.path", ["numpy==2.1.0"]),
        ("from PIL import Image", ["Pillow==11.0.0"]),
        ("def late():\n    try:\n        import numpy\n    except ImportError:\n        pass", ["numpy==2.1.0"]),
        ("from . import numpy\nfrom .numpy import x", []),
        ("import sys, json\nfrom collections import abc", []),
        ("import kusto_magic\nfrom kusto_magic import connect", []),
        ("import torch", ["torch==2.3.0"]),
        ("'import numpy'\n# import numpy", []),
        ("!pip install numpy\nimport PIL", ["Pillow==11.0.0"]),
        ("%matplotlib inline\nfiles = !ls\nnumpy?\nimport PIL", ["Pillow==11.0.0"]),
        ("%%time\nimport numpy", ["numpy==2.1.0"]),
        ("%%capture out\n%time import numpy\nimport PIL", ["Pillow==11.0.0", "numpy==2.1.0"]),
        ("%%bash\nimport numpy", []),
        ("%%kusto_image img --base Python3_11_7\nnumpy", []),
        ("await something()\nimport numpy", ["numpy==2.1.0"]),
        ("from google.cloud import storage", ["google-cloud-storage==2.0"]),
        ("import google.auth.transport", ["google-auth==2.1"]),
        ("from google import six", ["six-like==1.2"]),
        ("import google", ["google-auth==2.1", "google-cloud-storage==2.0", "six-like==1.2"]),
    ],
)
def test_imports_of_a_cell_are_pinned(source: str, pins: list[str]) -> None:
    found = freeze_sources(source)
    assert sorted(found.pins) == sorted(pins)
    assert (found.skipped, found.unreadable) == ((), 0)


def test_pins_of_all_cells_are_sorted() -> None:
    found = freeze_sources("import torch", "import numpy", "", "import numpy as np")
    assert found.requirements == "numpy==2.1.0\ntorch==2.3.0\n"


def test_packages_not_on_an_index_are_skipped_with_a_reason() -> None:
    found = freeze_sources("import my_helpers, mine, odd", "this is no python", "import numpy\0")
    assert found.pins == ()
    reasons = dict(reason.split(": ", 1) for reason in found.skipped)
    assert [*reasons] == ["mine", "my_helpers", "odd"]
    assert "folder or URL" in reasons["mine"]
    assert "no installed package" in reasons["my_helpers"]
    assert "'not a version'" in reasons["odd"]
    assert found.unreadable == 2


def test_default_is_the_current_environment() -> None:
    pins = freeze(["import httpx\nfrom azure.identity import DefaultAzureCredential\nimport pytest"]).pins
    assert pins == tuple(f"{name}=={metadata.version(name)}" for name in ("azure-identity", "httpx", "pytest"))


def test_code_cells_of_a_notebook_are_read(tmp_path: Path) -> None:
    path = tmp_path / "notebook.ipynb"
    cells = [
        {"cell_type": "markdown", "source": "import numpy"},
        {"cell_type": "code", "source": ["import numpy\n", "import PIL"]},
        {"cell_type": "code", "source": "import torch"},
    ]
    path.write_text(json.dumps({"cells": cells}), encoding="utf-8")
    assert read_cells(path) == ["import numpy\nimport PIL", "import torch"]


@pytest.mark.parametrize("text", ["", "[]", '{"cells": [{}]}', "[" * 100_000, '{"cells": [{"cell_type": "code"}]}'])
def test_invalid_notebook_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "notebook.ipynb"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidInputError, match="not a valid notebook"):
        read_cells(path)


def test_missing_notebook_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"none\.ipynb cannot"):
        read_cells(tmp_path / "none.ipynb")


def test_standard_library_modules_are_ignored() -> None:
    assert freeze_sources(*(f"import {name}" for name in sys.stdlib_module_names)) == FreezeResult(())
