"""Front ends that have only a part of what JupyterLab has: no extension, no widgets, sanitized HTML, no kernel."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from support.kernel import Kernel

from kusto_magic.display.card import MIME

if TYPE_CHECKING:
    from support.home import Home

    from kusto_magic.emulator import ReadyTarget

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

ROOT = Path(__file__).parent.parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
WIDGET = "application/vnd.jupyter.widget-view+json"
TAGS = ["a", "b", "br", "code", "details", "div", "em", "li", "ol", "p", "pre", "span", "strong", "summary", "table"]
TAGS += ["tbody", "td", "th", "thead", "tr", "ul"]
"""What a strict sanitizer of notebooks leaves; no attribute but an address of a link."""


def _sanitized(html: str) -> str:
    """Return the text of HTML as a front end shows it that removes styles, classes, scripts and pictures."""
    import bleach

    clean = bleach.clean(html, tags=TAGS, attributes={"a": ["href"]}, strip=True)
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", clean)))


def _committed() -> Iterator[dict[str, Any]]:
    """Yield the bundles of the cards in the committed notebooks."""
    import nbformat

    for path in NOTEBOOKS:
        for cell in nbformat.read(path, as_version=4).cells:
            yield from (it["data"] for it in cell.get("outputs", []) if MIME in it.get("data", {}))


def test_sanitized_card_has_the_state_the_image_and_the_reason() -> None:
    bundles = list(_committed())
    assert len(bundles) > 8
    for data in bundles:
        card, text = data[MIME], _sanitized("".join(data["text/html"]))
        assert card["state"] in text
        assert card["image"] in text
        for line in card.get("error", [])[:1]:
            assert re.sub(r"\s+", " ", line)[:40] in text


def test_card_without_extension_and_widgets_says_the_same_at_each_change(
    kernel: Kernel, emulator: Callable[[float], ReadyTarget]
) -> None:
    """VS Code and Colab do not know the JSON of a bundle, and may have no state of a widget: they show the HTML."""
    emulator(1)
    kernel.execute("%load_ext kusto_magic\n%kusto_image use emulator")
    shown = kernel.execute("%%kusto_image img --base Python3_11_7 --no-check\nhumanize==4.9.0\n")
    updates = kernel.displays[shown.outputs[0]["transient"]["display_id"]]
    kernel.wait_until(lambda: bool(updates[-1][MIME]["ended"]))
    assert len(updates) > 2
    for bundle in updates:
        state = bundle[MIME]["state"]
        assert state in _sanitized(bundle["text/html"])
        assert state in bundle["text/plain"]
    assert WIDGET not in updates[-1]


def test_message_of_a_mistake_needs_no_extension(kernel: Kernel) -> None:
    kernel.execute("%load_ext kusto_magic\n%kusto_image use emulator")
    refused = kernel.execute("%%kusto_image img --base Python3_11_7\nhumanize=4.9.0\n")
    assert refused.status == "error"
    [bundle] = [output["data"] for output in refused.outputs if "data" in output]
    for text in (_sanitized(bundle["text/html"]), bundle["text/plain"]):
        assert "humanize==4.9.0" in text


@pytest.mark.parametrize("kind", ["html", "markdown", "script"])
def test_nbconvert_shows_the_cards_of_a_saved_notebook(kind: str, home: Home, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "nbconvert", "--to", kind, "--output-dir", str(tmp_path), str(NOTEBOOKS[0])]
    done = subprocess.run(command, env=home.env, cwd=home.work, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    [page] = [path for path in tmp_path.glob("01-first-image.*") if path.is_file()]
    text = page.read_text(encoding="utf-8")
    assert "kusto_image" in text
    assert kind == "script" or ("Succeeded" in text and "first-image" in text)
