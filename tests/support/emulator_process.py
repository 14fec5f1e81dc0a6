"""Control of the emulator process that a JupyterLab and its kernels use."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from support.home import Home
from support.lab import Lab

USE = "%load_ext kusto_magic\n%kusto_image use emulator"
TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class EmulatorControl:
    """Controls the emulator that runs in a home; after `hold`, no operation ends until `release`."""

    home: Home

    def hold(self) -> None:
        """Keep every operation running, regardless of the time."""
        self._post("hold")

    def release(self) -> None:
        """Stop holding operations and end the running ones now."""
        self._post("release")

    def _post(self, action: str) -> None:
        ready = json.loads(Path(self.home.settings["KUSTO_MAGIC_HOME"], "emulator.json").read_bytes())
        headers = {"Authorization": f"Bearer {ready['token']}"}
        request = urllib.request.Request(f"{ready['endpoint']}/emulator/{action}", method="POST", headers=headers)  # noqa: S310
        with urllib.request.urlopen(request, timeout=TIMEOUT_S):  # noqa: S310
            pass


@contextmanager
def running_emulator(lab: Lab, build_seconds: float, *, clusters: int = 1) -> Iterator[EmulatorControl]:
    """Start the emulator that `lab` and its kernels find; stop it and delete its images when the block ends."""
    _run(lab, f"local_emulator.start(build_seconds={build_seconds}, clusters={clusters})")
    try:
        yield EmulatorControl(lab.home)
    finally:
        _run(lab, "local_emulator.stop(); (local_emulator.home_folder() / 'emulator.sqlite').unlink(missing_ok=True)")


def _run(lab: Lab, code: str) -> None:
    program = f"from kusto_magic.arm import local_emulator; {code}"
    subprocess.run([sys.executable, "-c", program], env=lab.home.env, check=True)
