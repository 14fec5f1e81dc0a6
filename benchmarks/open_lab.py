"""Measure how long JupyterLab takes to open, with and without kusto_magic: medians of ten, taken in turn.

Run it from an environment with the test dependencies: `python benchmarks/open_lab.py`.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / ".ci")]

import chromium  # noqa: E402 - of .ci/
from support.home import Home, make_home  # noqa: E402
from support.lab import Lab, running_lab  # noqa: E402

TIMES = 10
OFF = "--ServerApp.jpserver_extensions={'kusto_magic': False}"
IS_OPEN = """() => window.jupyterapp && document.querySelector('.jp-Launcher')
    && !document.getElementById('jupyterlab-splash')"""
HAS_OURS = "() => window.jupyterapp.commands.hasCommand('kusto-magic:open')"


def home(folder: str, *, with_ours: bool) -> Home:
    path = Path(folder)
    path.mkdir()
    made = make_home(path)
    if not with_ours:
        config = Path(made.settings["JUPYTER_CONFIG_DIR"]) / "labconfig"
        config.mkdir()
        (config / "page_config.json").write_text(json.dumps({"disabledExtensions": {"kusto-magic": True}}))
    return made


def seconds(browser: Browser, lab: Lab, *, with_ours: bool) -> float:
    """Open JupyterLab in a new profile with an empty cache; return how long that takes."""
    with browser.new_context() as context, context.new_page() as page:
        started = time.monotonic()
        page.goto(f"{lab.url}lab?token={lab.token}")
        page.wait_for_function(IS_OPEN)
        page.evaluate("() => window.jupyterapp.restored.then(() => true)")
        elapsed = time.monotonic() - started
        assert page.evaluate(HAS_OURS) == with_ours
        return elapsed


def main() -> None:
    executable = chromium.find()
    with (
        tempfile.TemporaryDirectory() as folder,
        running_lab(home(f"{folder}/with", with_ours=True)) as ours,
        running_lab(home(f"{folder}/without", with_ours=False), OFF) as bare,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=executable, chromium_sandbox=False)
        samples: dict[bool, list[float]] = {True: [], False: []}
        for turn in range(TIMES + 1):
            for with_ours, lab in ((True, ours), (False, bare)):
                elapsed = seconds(browser, lab, with_ours=with_ours)
                if turn:  # the first run warms up the servers
                    samples[with_ours].append(elapsed)
        browser.close()
    for with_ours, times in samples.items():
        spread = f"{min(times):.2f} to {max(times):.2f}"
        name = "with" if with_ours else "without"
        print(f"{name:>8}: {statistics.median(times):.2f} s ({spread})")


if __name__ == "__main__":
    main()
