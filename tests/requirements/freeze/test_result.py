"""Requirements made of what sources import: pins, offers, and what is left out."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kusto_magic.requirements.freeze.distributions import Installed, is_outside_installations
from kusto_magic.requirements.freeze.imports import Source
from kusto_magic.requirements.freeze.result import BaseImage, Environment, FreezeResult, Offer, freeze


@dataclass
class FakeDistribution:
    version: str = "1.0"
    files: Sequence[Any] | None = ()
    texts: dict[str, str] = field(default_factory=dict)

    def read_text(self, filename: str) -> str | None:
        return self.texts.get(filename)


def from_address(address: dict[str, Any] | str, installer: str = "pip") -> FakeDistribution:
    text = address if isinstance(address, str) else json.dumps(address)
    return FakeDistribution("0.1", texts={"direct_url.json": text, "INSTALLER": f"{installer}\n"})


DISTRIBUTIONS = {
    "numpy": FakeDistribution("2.1.0"),
    "Pillow": FakeDistribution("11.0.0"),
    "faker": FakeDistribution("25.2.0"),
    "torch": FakeDistribution("2.3.0+cpu"),
    "odd": FakeDistribution("not a version"),
    "bad name": FakeDistribution("1.0"),
    "my-tools": from_address({"url": "file:///home/me/my-tools", "dir_info": {"editable": True}}),
    "google-cloud-storage": FakeDistribution("2.0", ["google/cloud/storage/__init__.py"]),
    "google-auth": FakeDistribution("2.1", ["google/auth/__init__.py", "google\\oauth2\\__init__.py"]),
    "six-like": FakeDistribution("1.2", ["google/six.py"]),
}
OWNERS = {
    "numpy": ["numpy"],
    "PIL": ["Pillow"],
    "faker": ["faker"],
    "torch": ["torch"],
    "odd": ["odd"],
    "evil": ["bad name"],
    "gone": ["gone"],
    "google": ["google-cloud-storage", "google-auth", "google-auth", "six-like"],
}


def find(name: str) -> FakeDistribution:
    return DISTRIBUTIONS[name.replace("_", "-")]


def freeze_sources(*sources: str, **rest: Any) -> FreezeResult:
    installed = Installed(OWNERS, find, rest.pop("folder", None), lambda module: module == "on_path")
    return freeze(map(Source, sources), Environment(installed, **rest))


def python_in_query(script: str) -> str:
    return f"%%kql\nT | evaluate python(typeof(*), ```{script}```)"


@pytest.mark.parametrize(
    ("source", "pins"),
    [
        ("import numpy\nfrom PIL import Image", ["numpy==2.1.0", "Pillow==11.0.0"]),
        ("import sys, json, imp, distutils\nfrom collections import abc", []),
        ("import kusto_magic\nfrom kusto_magic import connect", []),
        ("import torch", ["torch==2.3.0"]),
        ("from google.cloud import storage", ["google-cloud-storage==2.0"]),
        ("import google.auth.transport", ["google-auth==2.1"]),
        ("from google import six", ["six-like==1.2"]),
        ("import google", ["google-auth==2.1", "google-cloud-storage==2.0", "six-like==1.2"]),
    ],
)
def test_imports_are_pinned(source: str, pins: list[str]) -> None:
    found = freeze_sources(source)
    assert list(found.pins) == pins
    assert (found.skipped, found.offers, found.notes) == ((), (), ())


def test_pins_of_all_cells_are_sorted() -> None:
    found = freeze_sources("import torch", "import numpy", "", "import numpy as np")
    assert found.requirements == "numpy==2.1.0\ntorch==2.3.0\n"


@pytest.mark.slow
def test_default_is_the_current_environment() -> None:
    pins = freeze([Source("import httpx\nfrom azure.identity import DefaultAzureCredential\nimport pytest")]).pins
    assert pins == tuple(f"{name}=={metadata.version(name)}" for name in ("azure-identity", "httpx", "pytest"))


# ── Python in queries ──────────────────────────────────────────────────────────────────────────────────────────────


def test_packages_of_queries_come_first_and_those_of_the_notebook_are_offered() -> None:
    found = freeze_sources("import numpy, torch, json", python_in_query("import faker, numpy, re"))
    assert found.pins == ("faker==25.2.0", "numpy==2.1.0")
    assert found.requirements == "faker==25.2.0\nnumpy==2.1.0\n# torch==2.3.0  # imported by the notebook only\n"


def test_queries_without_imports_leave_only_offers() -> None:
    found = freeze_sources("import numpy", python_in_query("result = df"))
    assert found.requirements == "# numpy==2.1.0  # imported by the notebook only\n"


def test_what_a_query_cannot_import_is_skipped(tmp_path: Path) -> None:
    (tmp_path / "helpers.py").touch()
    script = "import helpers, fcntl, sandbox_utils, my_tools, unknown"
    found = freeze_sources("import own_unknown", python_in_query(script), folder=tmp_path)
    assert found.pins == ()
    assert dict(reason.split(": ", 1) for reason in found.skipped) == {
        "fcntl": "not part of Python on Windows, where the sandbox runs",
        "helpers": "a module of yours, not a package",
        "my_tools": "an editable installation of a folder on this machine",
        "own_unknown": "no installed package provides it",
        "unknown": "no installed package provides it",
    }
    assert found.offers == (Offer("unknown", "not installed here: check the name"),)
    assert found.uses_local


def test_file_beside_hides_a_package_of_the_notebook_but_not_of_a_query(tmp_path: Path) -> None:
    (tmp_path / "faker").mkdir()
    (tmp_path / "faker" / "__init__.py").touch()
    assert freeze_sources("import faker", folder=tmp_path).pins == ()
    assert freeze_sources(python_in_query("import faker"), folder=tmp_path).pins == ("faker==25.2.0",)
    (tmp_path / "numpy").mkdir()  # a folder of data
    assert freeze_sources("import numpy", folder=tmp_path).pins == ("numpy==2.1.0",)


def test_module_of_another_folder_is_skipped() -> None:
    assert freeze_sources("import on_path").skipped == ("on_path: a module of yours, not a package",)


def test_modules_outside_the_installed_packages_are_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "own_module.py").write_text("raise SystemExit")
    (tmp_path / "own_folder").mkdir()
    names = ["own_module", "own_folder", "pytest", "none_such", ""]
    assert [is_outside_installations(name) for name in names] == [True, True, False, False, False]


# ── what is not installed ──────────────────────────────────────────────────────────────────────────────────────────

TABLE = {"cv2": "opencv-python-headless", "sklearn": "scikit-learn"}
BASE = BaseImage("Python3_11_7", "3.11.7", {"scikit-learn": "1.3.2", "prophet": "1.1.4"})


@pytest.mark.parametrize(
    ("declaration", "source", "pin"),
    [
        ("%pip install prophet==1.1.5", "from prophet import Prophet", "prophet==1.1.5"),
        ("%pip install prophet", "from prophet import Prophet", "prophet"),
        ("%pip install 'prophet[x]>=1.1'", "from prophet import Prophet", "prophet[x]>=1.1"),
        ("%conda install prophet=1.1.5", "from prophet import Prophet", "prophet==1.1.5"),
        ("# requirements: prophet==1.1.5", "from prophet import Prophet", "prophet==1.1.5"),
        ("%pip install scikit-learn==1.4", "from sklearn.svm import SVC", "scikit-learn==1.4"),
        ("%pip install opencv-python==4.10", "import cv2", "opencv-python==4.10"),
        ("%pip install azure-kusto-data==4.5", "from azure.kusto.data import KustoClient", "azure-kusto-data==4.5"),
        ("%pip install Ruamel.yaml==0.18", "import ruamel.yaml", "Ruamel.yaml==0.18"),
        ("%pip install umap-learn==0.5.6", "from umap import UMAP", "umap-learn==0.5.6"),
        ("%pip install python-docx==1.1", "import docx", "python-docx==1.1"),
        ("%pip install pypng==0.20", "import png", "pypng==0.20"),
        ("%pip install -r requirements.txt", "import prophet", "prophet==1.1.5"),
    ],
)
def test_declared_package_is_taken_if_it_is_not_installed(declaration: str, source: str, pin: str) -> None:
    files = {"requirements.txt": "prophet==1.1.5  # pinned\n-e .\n"}
    for cells in ([declaration, source], [declaration, python_in_query(source)], [source, declaration]):
        found = freeze_sources(*cells, package_of_module=TABLE, base=BASE, read_file=files.get)
        assert (found.pins, found.skipped, found.offers) == ((pin,), (), ())
        assert found.notes == (f"{pin} is taken from the sources, not installed here",)


def test_declared_package_of_a_similar_name_is_taken_only_if_it_is_the_only_one() -> None:
    assert freeze_sources("%pip install umap-learn==1 x-umap==1\nimport umap").pins == ()
    assert freeze_sources("%pip install azure-identity==1\nfrom azure.kusto.data import KustoClient").pins == ()


def test_declared_package_that_is_not_imported_is_not_taken() -> None:
    assert freeze_sources("%pip install prophet==1.1.5\nimport numpy").pins == ("numpy==2.1.0",)


def test_installed_version_is_pinned_and_another_declared_one_noted() -> None:
    assert freeze_sources("%pip install faker\nimport faker").notes == ()
    found = freeze_sources("%pip install faker==24.0\nimport faker")
    assert found.pins == ("faker==25.2.0",)
    assert found.notes == ("faker==25.2.0 is installed, the sources install faker==24.0",)


def test_package_of_the_base_is_not_pinned_if_it_is_not_installed() -> None:
    found = freeze_sources(python_in_query("import sklearn"), package_of_module=TABLE, base=BASE)
    assert (found.pins, found.offers, found.skipped) == ((), (), ())
    assert found.notes == ("scikit-learn 1.3.2 is part of Python3_11_7",)


def test_unknown_module_is_offered_by_the_name_of_its_package() -> None:
    found = freeze_sources(
        "import cv2, größe\nfrom google2 import x\nfrom azure.none import y", package_of_module=TABLE
    )
    assert [offer.line for offer in found.offers] == ["google2", "opencv-python-headless"]
    assert len(found.skipped) == 4


def test_standard_library_is_that_of_the_base() -> None:
    old = BaseImage("Python3_6_5", "3.6.5")
    assert freeze_sources("import dataclasses, imp", base=old).skipped == (
        "dataclasses: no installed package provides it",
    )
    assert freeze_sources("import dataclasses, imp", base=BASE).skipped == ()


# ── where a distribution is from ───────────────────────────────────────────────────────────────────────────────────


def freeze_one(distribution: FakeDistribution) -> FreezeResult:
    return freeze([Source("import one")], Environment(Installed({"one": ["one"]}, {"one": distribution}.__getitem__)))


@pytest.mark.parametrize(
    "url",
    [
        "file:///croot/joblib_1718217224240/work",
        "file:///home/conda/feedstock_root/build_artifacts/attrs_1704011227531/work",
        "file:///home/conda/feedstock_root/build_artifacts/bld/rattler-build_attrs_1733520047/work",
        "file:///C:/b/abs_c1pkdl8yhu/croot/numexpr_1696515285215/work",
        "file:///D:/bld/attrs_1698341194482/work",
        "file:///Users/runner/miniforge3/conda-bld/attrs_1704011227531/work",
        "file:///private/var/folders/sy/T/abs_b6/croots/recipe/appnope_1606859466979/work",
        "file:///tmp/build/80754af9/cffi_1613246939124/work",
        "file:///work/ci_py311/cffi_1676822533496/work/dist/cffi-1.15.1-cp311-cp311-linux_x86_64.whl",
    ],
)
def test_package_of_conda_is_pinned(url: str) -> None:
    for kind in ("dir_info", "archive_info"):
        assert freeze_one(from_address({"url": url, kind: {}})).pins == ("one==0.1",)


def test_installer_conda_is_enough() -> None:
    assert freeze_one(from_address({"url": "file:///x", "dir_info": {}}, "conda")).pins == ("one==0.1",)


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ({"url": "file:///home/me/one", "dir_info": {"editable": True}}, "an editable installation"),
        ({"url": "file:///croot/one_1718217224240/work", "dir_info": {"editable": True}}, "an editable installation"),
        ({"url": "file:///home/me/one", "dir_info": {}}, "installed from a folder of this machine"),
        ({}, "installed from a folder or URL"),
        ("{", "installed from a folder or URL"),
        ("[]", "installed from a folder or URL"),
        ("[" * 100_000, "installed from a folder or URL"),
    ],
)
def test_local_package_is_left_out_with_its_reason(address: dict[str, Any] | str, reason: str) -> None:
    found = freeze_one(from_address(address))
    assert (found.pins, found.offers, found.uses_local) == ((), (), True)
    assert found.skipped[0].startswith(f"one: {reason}")


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ({"url": "https://x.example/one.git", "vcs_info": {"vcs": "git"}}, "a repository"),
        ({"url": "https://user:secret@x.example/one-0.1-py3-none-any.whl", "archive_info": {}}, "a URL"),
        ({"url": "file:///home/me/one-0.1-py3-none-any.whl", "archive_info": {}}, "a file of this machine"),
    ],
)
def test_package_from_an_address_is_offered(address: dict[str, Any], reason: str) -> None:
    found = freeze_one(from_address(address))
    assert found.pins == ()
    assert found.requirements == f"# one==0.1  # installed from {reason}; an index may not have it\n"


def test_invalid_names_and_versions_and_damaged_packages_are_skipped() -> None:
    found = freeze_sources("import odd, evil, gone")
    assert found.pins == ()
    assert found.skipped == (
        "bad name: its name is not a valid name",
        "gone: its package gone is damaged",
        "odd: its version 'not a version' is not a valid version",
    )


# ── several packages with the same module ──────────────────────────────────────────────────────────────────────────


def freeze_cv2(files: Mapping[str, Sequence[Any]], *more: str) -> FreezeResult:
    found = {name: FakeDistribution("1.0", paths) for name, paths in files.items()}
    environment = Environment(Installed({"cv2": list(files)}, found.__getitem__))
    return freeze(map(Source, ["import cv2", *more]), environment)


CV2 = ["cv2/__init__.py", "cv2/cv2.abi3.so"]


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (["opencv-python", "opencv-python-headless"], "opencv-python-headless"),
        (["opencv-contrib-python", "opencv-python", "opencv-python-headless"], "opencv-python-headless"),
        (["onnxruntime-gpu", "onnxruntime"], "onnxruntime"),
        (["faiss-gpu", "faiss-cpu"], "faiss-cpu"),
        (["x-cu121", "x-b"], "x-b"),
        (["a", "b"], "a"),
    ],
)
def test_one_of_several_owners_is_chosen(names: list[str], chosen: str) -> None:
    found = freeze_cv2(dict.fromkeys(names, CV2))
    assert found.pins == (f"{chosen}==1.0",)
    assert found.notes == (f"{', '.join(sorted(names))} all provide cv2, one is enough: {chosen}",)


def test_declared_or_larger_owner_is_chosen() -> None:
    assert freeze_cv2({"a": CV2, "b": CV2}, "%pip install b").pins == ("b==1.0",)
    assert freeze_cv2({"a": CV2, "b": [*CV2, "cv2/more.py"]}).pins == ("b==1.0",)


def test_owner_whose_files_are_there_is_chosen(tmp_path: Path) -> None:
    path = tmp_path / "__init__.py"
    path.write_bytes(b"of b")

    class Recorded(str):
        hash: SimpleNamespace

        def locate(self) -> Path:
            return path

    def recorded(content: bytes) -> Recorded:
        entry = Recorded("cv2/__init__.py")
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
        entry.hash = SimpleNamespace(mode="sha256", value=digest)
        return entry

    files = {"a": [recorded(b"of a")], "b": [recorded(b"of b")]}
    assert freeze_cv2(files).pins == ("b==1.0",)
    path.unlink()
    assert freeze_cv2(files).pins == ("a==1.0",)


def test_namespace_of_several_packages_is_not_one() -> None:
    files = {"a": ["cv2/__init__.py", "cv2/a/x.py", "cv2/a/y.py"], "b": ["cv2/__init__.py", "cv2/b/x.py", "cv2/b/y.py"]}
    assert freeze_cv2(files).pins == ("a==1.0", "b==1.0")
