"""Comparison of the packages of two images."""

from __future__ import annotations

import pytest

from kusto_magic.models import managed_packages
from kusto_magic.models.image import Image, ImageSpec
from kusto_magic.preflight.package_diff import PackageSet, diff_packages, managed_package_set, package_set

BASE = "Python3_11_7"
NUMPY = managed_packages.packages(BASE)["numpy"]


def packages_of(text: str, base: str = BASE, *others: Image) -> PackageSet:
    return package_set(ImageSpec(text, base_image=base), {other.name.lower(): other for other in others})


def changes(before: PackageSet, after: PackageSet) -> list[tuple[str, str, str | None, str | None]]:
    return [(change.kind, change.package, change.before, change.after) for change in diff_packages(before, after)]


def test_changes_are_sorted_by_package() -> None:
    one = packages_of("humanize==4.9.0\nzzz-first>=1\n")
    other = packages_of("aaa-new\nHumanize==4.10.0\n")
    assert changes(one, other) == [
        ("added", "aaa-new", None, "any version"),
        ("changed", "humanize", "==4.9.0", "==4.10.0"),
        ("removed", "zzz-first", ">=1", None),
    ]


def test_image_differs_from_base_by_added_and_changed_packages() -> None:
    image = packages_of(f"humanize\nnumpy>={NUMPY}\npandas==99\nattrs[tests]\n")
    assert changes(managed_package_set(BASE), image) == [
        ("changed", "attrs", f"=={managed_packages.packages(BASE)['attrs']}", "[tests]any version"),
        ("added", "humanize", None, "any version"),
        ("changed", "pandas", f"=={managed_packages.packages(BASE)['pandas']}", "==99"),
    ]


def test_different_bases_differ_by_their_packages() -> None:
    changed = {
        name: (before, after)
        for _, name, before, after in changes(packages_of("humanize"), packages_of("humanize", "Python3_10_8"))
    }
    assert changed["numpy"] == (f"=={NUMPY}", f"=={managed_packages.packages('Python3_10_8')['numpy']}")
    assert "humanize" not in changed


def test_custom_base_contributes_its_packages() -> None:
    lower = Image("Lower", base_image=BASE, requirements="humanize==4.9.0\nattrs==99\n")
    upper = packages_of("pint\n", "lower", lower)
    assert changes(managed_package_set(BASE), upper) == [
        ("changed", "attrs", f"=={managed_packages.packages(BASE)['attrs']}", "==99"),
        ("added", "humanize", None, "==4.9.0"),
        ("added", "pint", None, "any version"),
    ]
    assert (upper.base_label, upper.unknown) == ("lower", "")


@pytest.mark.parametrize(
    ("image", "unknown"),
    [
        (Image("a", language_version="3.10.8", requirements="humanize\n"), "Python 3.10.8"),
        (Image("a", base_image="gone", requirements="humanize\n"), "gone"),
        (Image("a", base_image="b", requirements="humanize\n"), "b"),
        (Image("a", requirements="humanize\n"), "its base image"),
    ],
)
def test_unknown_base_is_named(image: Image, unknown: str) -> None:
    cycle = {"a": Image("a", base_image="b"), "b": Image("b", base_image="a")}
    found = package_set(image, cycle)
    assert found.packages == {"humanize": "any version"}
    assert found.unknown in (unknown, "a")


def test_marker_and_second_line_are_shown() -> None:
    found = packages_of(
        "pint<2; python_version < '3.10'\npint>=3; python_version >= '3.10'\nnumpy==1.*\n", "Python3_11_7"
    )
    assert found.packages["pint"] == '<2; python_version < "3.10" | >=3; python_version >= "3.10"'
    again = package_set(ImageSpec("numpy==1.26.0\n", base_image="x"), {"x": Image("x", requirements="numpy==1.*\n")})
    assert again.packages["numpy"] == "==1.26.0"


def test_invalid_lines_are_kept_without_secrets() -> None:
    text = "humanize\n-r more.txt\n# a comment\n\n--extra-index-url https://user:hunter22@host/simple\n"
    found = package_set(Image("a", base_image=BASE, requirements=text), {})
    own = found.packages.keys() - managed_package_set(BASE).packages.keys()
    assert "humanize" in own
    assert found.packages["-r more.txt"] == ""
    assert "hunter22" not in str(own)
