"""Packages of the managed images: the lists and their consistency."""

from __future__ import annotations

import json
from importlib import resources

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from kusto_magic.models import managed_packages
from kusto_magic.models.managed_images import MANAGED_IMAGES

COUNTS = {
    "Python3_11_7": 131,
    "Python3_11_7_DL": 189,
    "Python3_10_8": 146,
    "Python3_10_8_DL": 175,
    "Python3_6_5": 194,  # of 196 entries, one has no version, and Cython occurs twice
}


def test_every_managed_image_has_packages() -> None:
    assert {image: len(managed_packages.packages(image)) for image in MANAGED_IMAGES} == COUNTS


def test_package_names_are_normalized() -> None:
    packages = managed_packages.packages("Python3_10_8")

    assert packages["numpy"] == "1.23.4"
    assert all(canonicalize_name(name) == name for name in packages)


def test_other_images_have_no_packages() -> None:
    assert not managed_packages.packages("python3_10_8")
    assert not managed_packages.build_requirements("mine")
    assert not managed_packages.without_wheel("mine")


@pytest.mark.parametrize("image", COUNTS)
def test_packages_satisfy_each_others_requirements(image: str) -> None:
    packages = managed_packages.packages(image)
    wanted = [
        Requirement(line)
        for name, lines in managed_packages.build_requirements(image).items()
        for line in lines
        if name in packages
    ]

    assert bool(wanted) == (image not in managed_packages.MODULE_LISTS)
    assert [str(need) for need in wanted if not need.specifier.contains(packages[need.name], prereleases=True)] == []


@pytest.mark.parametrize("image", COUNTS)
def test_packages_without_wheel_are_packages_of_the_image(image: str) -> None:
    assert managed_packages.without_wheel(image) <= managed_packages.packages(image).keys()


def test_data_file_has_source_and_dates() -> None:
    text = (resources.files("kusto_magic") / "data" / "managed-image-packages.json").read_text(encoding="utf-8")
    document = json.loads(text)

    assert document["listed_on"] == managed_packages.LIST_DATE
    assert document["tried_on"] == managed_packages.TESTED_ON
    assert "python-package-reference.md" in document["source"]
    assert "python-package-reference.md" in managed_packages.SOURCE
