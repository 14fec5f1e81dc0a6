"""A real JupyterLab server in a separate process, on a free loopback port."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from support.home import Home

START_S = 60.0
STOP_S = 60.0
SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    # keep every cell in the page, also those outside the viewport
    "notebook-extension/tracker": {"windowingMode": "none"},
}


Application = Literal["jupyterlab", "notebook"]
APPLICATIONS: dict[Application, str] = {"jupyterlab": "LabApp", "notebook": "JupyterNotebookApp"}


@dataclass(frozen=True, slots=True)
class Lab:
    """A running server: its URL, token, home and log file."""

    home: Home
    url: str
    token: str
    log: Path

    @property
    def root(self) -> Path:
        """The root folder of the served notebooks."""
        return self.home.work

    def request(self, method: str, path: str) -> Any:
        """Send a request to the server's REST API (`path` without a leading slash).

        Returns the JSON of the response, or None if it is empty. Raises urllib.error.HTTPError.
        """
        headers = {"Authorization": f"token {self.token}"}
        request = urllib.request.Request(self.url + path, method=method, headers=headers)  # noqa: S310
        with urllib.request.urlopen(request, timeout=STOP_S) as response:  # noqa: S310
            body = response.read()
        return json.loads(body) if body else None

    def stop_kernels(self) -> None:
        """Stop every kernel, so that it does not continue into the next test."""
        for session in self.request("GET", "api/sessions"):
            self.request("DELETE", f"api/sessions/{session['id']}")

    def reset_settings(self) -> None:
        """Remove the user settings, such as the theme, and restore those that the tests need."""
        for path in self.home.lab_settings.rglob("*.jupyterlab-settings"):
            path.unlink()
        for name, values in SETTINGS.items():
            path = self.home.lab_settings / "@jupyterlab" / f"{name}.jupyterlab-settings"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(values), encoding="utf-8")

    def set_preferences(self, **values: object) -> None:
        """Write user settings of the extension; call it before a page is opened."""
        path = self.home.lab_settings / "kusto-magic" / "plugin.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values), encoding="utf-8")


@contextmanager
def running_lab(home: Home, *options: str, application: Application = "jupyterlab") -> Iterator[Lab]:
    """Start JupyterLab in `home`, with the environment `home.env`; stop it and its kernels when the block ends.

    `options` are additional command-line arguments, `application` the module of the server.
    """
    log = home.path / "jupyterlab.log"
    token = secrets.token_hex(16)
    command = [*_command(token, application), *options]
    with log.open("wb") as sink, subprocess.Popen(command, stdout=sink, stderr=sink, stdin=subprocess.DEVNULL,
                                                  env=home.env, cwd=home.work) as server:  # fmt: skip
        try:
            lab = Lab(home, _address(home, server, log), token, log)
            lab.reset_settings()
            yield lab
            lab.request("POST", "api/shutdown")
            server.wait(STOP_S)
        finally:
            server.kill()


def _command(token: str, application: Application) -> list[str]:
    return [
        *(sys.executable, "-m", application, "--no-browser", "--allow-root"),
        "--ServerApp.ip=127.0.0.1",
        "--ServerApp.port=0",
        f"--IdentityProvider.token={token}",
        f"--{APPLICATIONS[application]}.expose_app_in_browser=True",
    ]


def _address(home: Home, server: subprocess.Popen[bytes], log: Path) -> str:
    """Wait for the file with the URL that a Jupyter server writes; return the URL."""
    end = time.monotonic() + START_S
    while time.monotonic() < end and server.poll() is None:
        for path in home.runtime.glob(f"jpserver-{server.pid}.json"):
            if text := path.read_text(encoding="utf-8"):
                return str(json.loads(text)["url"])
        time.sleep(0.05)  # another process writes the file, so there is nothing to wait on
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text(encoding='utf-8')[-2000:]}")
