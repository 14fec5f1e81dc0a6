"""Take the pictures of README.md in a real JupyterLab: `python noxfile.py pictures`.

The picture of the panel is taken by tests/labextension/test_panel.py.
"""

from __future__ import annotations

import io
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import chromium
from PIL import Image
from playwright.sync_api import Browser, expect, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))
from support.emulator_process import USE, EmulatorControl, running_emulator  # noqa: E402
from support.home import make_home  # noqa: E402
from support.lab import running_lab  # noqa: E402
from support.lab_page import card, state  # noqa: E402
from support.notebook import LabNotebook  # noqa: E402

FOLDER = ROOT / "notebooks"
TIMEOUT_MS = 60_000
WIDTH = 1000
FRAME_MS = 700
CLUSTERS = ("emulatedcluster", *(f"fleet{number:03d}" for number in range(1, 6)))
FIRST = "%%kusto_image first-image --base Python3_11_7\nhumanize==4.9.0\ntext-unidecode"
FLEET = "%%kusto_image fleet-image --base Python3_11_7 " + " ".join(f"--cluster {it}" for it in CLUSTERS)
PACKAGES = 'humanize==4.9.0  # pinned\ntext-unidecode>=1.3; python_version >= "3.10"'
GEO_TOOLS = "%%kusto_image geo-tools --base Python3_11_7\nhumanize"
FORECAST = f"%%kusto_image forecast --base Python3_11_7\n{PACKAGES}"
OPEN_PLAN = "card => card.querySelectorAll('details')[0].open = true"


@contextmanager
def _opened(
    browser: Browser, name: str, cells: Sequence[str], height: int, *, clusters: int = 1
) -> Iterator[tuple[LabNotebook, EmulatorControl]]:
    """Open a notebook whose first cell has run, in a new JupyterLab with an emulator whose builds take 12 s."""
    page = browser.new_page(viewport={"width": WIDTH, "height": height})
    with (
        tempfile.TemporaryDirectory() as folder,
        running_lab(make_home(Path(folder).resolve())) as lab,
        running_emulator(lab, 12, clusters=clusters) as emulator,
    ):
        notebook = LabNotebook.create(lab, page, name, [USE, *cells])
        notebook.run(0)
        yield notebook, emulator
        page.close()
        lab.stop_kernels()


def _take(notebook: LabNotebook, name: str) -> None:
    notebook.page.screenshot(path=FOLDER / f"{name}.png")


def _take_first_image(browser: Browser) -> None:
    """Take the animated picture: the cell, the card while the image is built, and the packages at the end."""
    with _opened(browser, "first-image", [FIRST], 560) as (notebook, _):
        notebook.command("application:toggle-left-area")
        shown = state(card(notebook, 1))
        frames = [(notebook.page.screenshot(), 1500)]
        notebook.start(1)
        expect(shown).to_be_visible()
        while shown.text_content() != "Succeeded":
            frames.append((notebook.page.screenshot(), FRAME_MS))
            notebook.page.wait_for_timeout(FRAME_MS)
        frames.append((notebook.page.screenshot(), 1500))
        card(notebook, 1).evaluate(OPEN_PLAN)
        frames.append((notebook.page.screenshot(), 3500))
        _join(frames, FOLDER / "first-image.gif")


def _join(frames: Sequence[tuple[bytes, int]], path: Path) -> None:
    """Write screenshots, each with the milliseconds for which it is shown, as an animated picture."""
    images = [Image.open(io.BytesIO(shot)).convert("RGB") for shot, _ in frames]
    both = Image.new("RGB", (WIDTH, 2 * images[0].height))
    both.paste(images[len(images) // 2])
    both.paste(images[-1], (0, images[0].height))
    palette = both.quantize(256)  # one for all, so that unchanged pixels stay the same
    first, *others = [image.quantize(palette=palette, dither=Image.Dither.NONE) for image in images]
    durations = [duration for _, duration in frames]
    first.save(path, save_all=True, append_images=others, duration=durations, loop=0, optimize=True)


def _take_fleet(browser: Browser) -> None:
    with _opened(browser, "fleet", [f"{FLEET}\nhumanize==4.9.0"], 700, clusters=6) as (notebook, emulator):
        emulator.hold()
        notebook.run(1)
        expect(card(notebook, 1)).to_contain_text("6 building")
        expect(card(notebook, 1)).to_contain_text("1 package")
        _take(notebook, "fleet")
        emulator.release()


def _take_jupyterlab(browser: Browser) -> None:
    with _opened(browser, "images", [FORECAST, GEO_TOOLS], 760) as (notebook, emulator):
        page = notebook.page
        notebook.command("kusto-magic:open")
        notebook.run(2)
        expect(state(card(notebook, 2))).to_have_text("Succeeded")
        emulator.hold()
        notebook.run(1)
        expect(card(notebook, 1).get_by_role("progressbar")).to_be_visible()
        expect(page.locator("li[data-image='forecast']")).to_contain_text("Building")
        _take(notebook, "jupyterlab")
        emulator.release()


def main() -> None:
    """Take all pictures with a headless browser."""
    expect.set_options(timeout=TIMEOUT_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.find(), chromium_sandbox=False)
        for take in (_take_first_image, _take_fleet, _take_jupyterlab):
            take(browser)
        browser.close()


if __name__ == "__main__":
    main()
