"""Find the Chromium that the browser tests drive, and install one where there is none.

Run as a script it prints the path of the executable, or nothing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ON_PATH = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge")
MAC_APPS = ("Google Chrome", "Chromium", "Microsoft Edge")
WINDOWS_APPS = ("Google/Chrome/Application/chrome.exe", "Chromium/Application/chrome.exe",
                "Microsoft/Edge/Application/msedge.exe")  # fmt: skip
WINDOWS_ROOTS = ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA")


def find() -> Path | None:
    """Return the executable of a Chromium, Chrome or Edge; None if there is none.

    The system's own comes first: in a closed network Playwright cannot download one.
    """
    return next((path for path in _candidates() if path.is_file()), None)


def install_commands() -> Iterator[list[str]]:
    """Yield the commands to try one after the other until `find` succeeds.

    Playwright's download comes last, since closed networks do not offer it.
    """
    root = _root_prefix() if shutil.which("apt-get") else None
    if root is not None:
        yield [*root, "apt-get", "update"]
        yield [*root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-y", "chromium"]
    yield ["python", "-m", "playwright", "install", *(["--with-deps"] if root is not None else []), "chromium"]


def _root_prefix() -> list[str] | None:
    """Return the words that run a command as root without a prompt, None if that is not possible."""
    if sys.platform == "win32":
        return None
    if os.geteuid() == 0:
        return []
    can_sudo = shutil.which("sudo") and subprocess.call(["sudo", "-n", "true"], stderr=subprocess.DEVNULL) == 0  # noqa: S607
    return ["sudo", "-n"] if can_sudo else None


def _candidates() -> Iterator[Path]:
    yield from (Path(found) for name in ON_PATH if (found := shutil.which(name)))
    for folder in (Path("/Applications"), Path.home() / "Applications"):
        yield from (folder / f"{app}.app" / "Contents" / "MacOS" / app for app in MAC_APPS)
    roots = [Path(root) for name in WINDOWS_ROOTS if (root := os.environ.get(name))]
    yield from (root / app for root in roots for app in WINDOWS_APPS)
    yield _playwright_executable()


def _playwright_executable() -> Path:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        return Path(playwright.chromium.executable_path)


if __name__ == "__main__":
    sys.stdout.write(str(find() or ""))
