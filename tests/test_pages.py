"""The generated pages are as they would be made now, and say a reason and a licence for each dependency."""

from __future__ import annotations

import re

import pytest
from support import pages

SOURCES = pages.ROOT / "labextension" / "src"
PERMISSIVE = {"MIT", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0", "ISC", "PSF-2.0"}


def _without_licences(page: str) -> str:
    """Return the page without its licences: a new release may word its metadata otherwise."""
    return re.sub(r"^(\| [^|]+ \| [^|]+ )\| [^|]* (\| [^|]+ \|)$", r"\1\2", page, flags=re.MULTILINE)


@pytest.mark.parametrize("name", pages.PAGES)
def test_the_page_is_as_it_would_be_made(name: str) -> None:
    committed, made = (pages.ROOT / name).read_text(encoding="utf-8"), pages.PAGES[name]()
    assert committed.startswith(pages.GENERATED)
    if name == "DEPENDENCIES.md":
        committed, made = _without_licences(committed), _without_licences(made)
    assert committed == made, "run: python noxfile.py docs"


def test_every_dependency_has_its_reason() -> None:
    reasons = pages.python_reasons()
    missing = [text for key, wanted in pages.requirements().items() for text in wanted if not reasons[key].get(text)]
    assert missing == []
    assert list(pages.BROWSER_REASONS) == list(pages.browser_dependencies())


@pytest.mark.parametrize("key", pages.SHIPPED)
def test_every_licence_of_what_a_user_installs_is_permissive(key: str) -> None:
    for text in pages.requirements()[key]:
        name = re.split(r"[\[>=]", text)[0]
        assert set(re.split(r" OR | AND ", pages.python_licence(name))) <= PERMISSIVE, name
        assert re.search(rf"^\| {name} \| [^|]+ \| [^|]+ \|", pages.PAGES["DEPENDENCIES.md"](), re.MULTILINE)


def test_the_front_end_imports_what_it_names() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in SOURCES.rglob("*.ts*"))
    named = set(pages.browser_dependencies()) - {"@codemirror/view"}  # @codemirror/lint imports it
    assert named == set(re.findall(r"from '((?:@[\w-]+/)?[\w-]+)'", text)) & set(pages.browser_dependencies())
    assert set(re.findall(r"from '((?:@[\w-]+/)?[a-z][\w-]*)", text)) <= set(pages.browser_dependencies())
