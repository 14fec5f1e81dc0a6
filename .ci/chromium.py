"""Where this machine keeps a Chromium the browser tests can drive.

Run as a script it prints the path, or nothing; noxfile.py asks it before it installs one.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

ON_PATH = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge")
MAC_APPS = ("Google Chrome", "Chromium", "Microsoft Edge")
WINDOWS_APPS = ("Google/Chrome/Application/chrome.exe", "Chromium/Application/chrome.exe",
                "Microsoft/Edge/Application/msedge.exe")  # fmt: skip
WINDOWS_ROOTS = ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA")


def find() -> Path | None:
    """Return the executable of a Chromium, Chrome or Edge; None where there is none.

    The system's own comes first: in a closed network Playwright cannot download one.
    """
    return next((path for path in _candidates() if path.is_file()), None)


def _candidates() -> Iterator[Path]:
    yield from (Path(found) for name in ON_PATH if (found := shutil.which(name)))
    for folder in (Path("/Applications"), Path.home() / "Applications"):
        yield from (folder / f"{app}.app" / "Contents" / "MacOS" / app for app in MAC_APPS)
    roots = [Path(root) for name in WINDOWS_ROOTS if (root := os.environ.get(name))]
    yield from (root / app for root in roots for app in WINDOWS_APPS)
    yield _playwrights_own()


def _playwrights_own() -> Path:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        return Path(playwright.chromium.executable_path)


if __name__ == "__main__":
    sys.stdout.write(str(find() or ""))
