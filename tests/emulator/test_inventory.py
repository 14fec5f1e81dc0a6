"""Tests of what an emulated image contains, with uv and a local package index."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from support.package_index import package_index, write_wheel

from kusto_magic.emulator.resolver import installed

MANAGED = "Python3_11_7"


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Serve a folder with wheels as the only package index."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    for name, version, needs in (
        ("planted", "1.0", ["planted-helper"]),
        ("planted", "2.0", ["planted-helper"]),
        ("planted-helper", "0.5", []),
        ("Bottleneck", "9.0", []),
    ):
        write_wheel(folder, name, version, needs=needs)
    monkeypatch.setenv("UV_NO_CONFIG", "1")
    with package_index(folder) as url:
        monkeypatch.setenv("UV_DEFAULT_INDEX", url)
        yield folder


def contents(*texts: str, base: str | None = MANAGED, python: str = "3.11.7") -> Mapping[str, str]:
    return asyncio.run(installed(texts, python, base))


def test_managed_image_has_its_list_with_names_as_displayed() -> None:
    found = contents()

    assert found["numpy"] == "1.26.4"
    assert "Bottleneck" in found
    assert "bottleneck" not in found


@pytest.mark.parametrize(("texts", "base"), [((), None), (("",), None), (("# nothing\n",), None), ((), "Unknown")])
def test_plain_python_contains_nothing(texts: tuple[str, ...], base: str | None) -> None:
    assert contents(*texts, base=base) == {}


@pytest.mark.slow
@pytest.mark.usefixtures("index")
def test_texts_add_what_the_preflight_plans() -> None:
    assert contents("Planted\n", base=None) == {"Planted": "2.0", "planted-helper": "0.5"}


@pytest.mark.slow
@pytest.mark.usefixtures("index")
def test_later_texts_replace_what_earlier_ones_and_the_managed_image_have() -> None:
    found = contents("planted==1.0", "planted==2.0\nbottleneck==9.0")

    assert (found["planted"], found["planted-helper"], found["Bottleneck"]) == ("2.0", "0.5", "9.0")
    assert {name: version for name, version in contents().items() if name not in found} == {}
    assert "bottleneck" not in found


@pytest.mark.slow
def test_without_an_index_pinned_lines_count_as_they_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("UV_NO_CONFIG", "1")
    with package_index(tmp_path, status=503) as url:
        monkeypatch.setenv("UV_DEFAULT_INDEX", url)
        found = contents("Planted==1.0\nother>=2\nthird==3.*\nfourth==1.0,!=2\nfifth===1.0a", base=None)

    assert found == {"Planted": "1.0", "fifth": "1.0a"}


def test_pinned_lines_of_a_text_that_is_not_accepted_count() -> None:
    assert contents("planted==1.0\n-r other.txt\n= =", base=None) == {"planted": "1.0"}
