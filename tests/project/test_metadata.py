"""What an index and a citation show: no URL that does not exist, absolute links once there is a public address."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from hatchling.metadata.core import ProjectMetadata
from hatchling.plugin.manager import PluginManager
from interpreters import SUPPORTED
from metadata_hook import index_page, project_urls

import kusto_magic

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
HOME = "https://git.example.org/team/kusto_magic"
RELATIVE = re.compile(r"\]\((?!https?:|#)")
SETTINGS: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
CURRENT_HOME: str = SETTINGS["tool"]["hatch"]["metadata"]["hooks"]["custom"]["home"]


@pytest.fixture(scope="module")
def core() -> Any:
    """Return the metadata that a build of this checkout writes."""
    return ProjectMetadata(str(ROOT), PluginManager()).core


def test_metadata_has_the_index_page_and_the_urls_of_the_public_address(core: Any) -> None:
    assert core.readme == index_page(README, CURRENT_HOME, kusto_magic.__version__)
    assert core.readme_content_type == "text/markdown"
    assert core.urls == project_urls(CURRENT_HOME)


def test_index_page_without_an_address_has_no_relative_link_and_no_picture() -> None:
    page = index_page(README, "", "1.2.3")
    assert not RELATIVE.search(page)
    assert "![" not in page
    assert "the project has no public address yet" in page
    assert set(re.findall(r"\]\((https:[^)]+)\)", page)) == set(re.findall(r"\]\((https:[^)]+)\)", README))


def test_index_page_with_an_address_has_absolute_links_to_the_tag_of_the_version() -> None:
    page = index_page(README, HOME, "1.2.3")
    assert not RELATIVE.search(page)
    assert f"]({HOME}/raw/v1.2.3/notebooks/first-image.gif)" in page
    assert f"]({HOME}/blob/v1.2.3/REFERENCE.md#permissions)" in page
    assert page.count("](") == README.count("](")
    assert "no public address" not in page


def test_urls_are_pages_of_the_address() -> None:
    assert project_urls("") == {}
    assert project_urls(HOME)["Issues"] == f"{HOME}/issues"
    assert all(url.startswith(HOME) for url in project_urls(HOME).values())


def test_front_end_names_the_same_repository() -> None:
    about = json.loads((ROOT / "labextension" / "package.json").read_text(encoding="utf-8"))
    repository = {"type": "git", "url": f"git+{CURRENT_HOME}.git", "directory": "labextension"}
    assert about.get("repository") == (repository if CURRENT_HOME else None)
    assert about.get("homepage") == (CURRENT_HOME or None)


def test_citation_has_this_version_license_and_address() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == kusto_magic.__version__
    assert citation["license"] == SETTINGS["project"]["license"]
    assert citation.get("repository-code") == (CURRENT_HOME or None)
    assert {"cff-version", "message", "title", "authors"} <= set(citation)


def test_workflow_tests_every_supported_python() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "test.yml").read_text(encoding="utf-8"))
    assert tuple(workflow["jobs"]["test"]["strategy"]["matrix"]["python"]) == SUPPORTED
    classifiers = " ".join(SETTINGS["project"]["classifiers"])
    assert set(re.findall(r"Python :: (3\.\d+)", classifiers)) <= set(SUPPORTED)


def test_dependencies_whose_next_major_breaks_us_have_an_upper_bound() -> None:
    listed = [*SETTINGS["project"]["dependencies"], *SETTINGS["project"]["optional-dependencies"]["lab"]]
    bounds = {re.split(r"[<>=]", text)[0]: text.partition("<")[2] for text in listed}
    assert {name: bound for name, bound in bounds.items() if bound} == {
        "azure-kusto-data": "7",
        "httpx": "1",
        "jupyterlab": "5",
    }
