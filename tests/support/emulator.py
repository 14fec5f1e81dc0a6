"""The emulator of a JupyterLab's home: started, emptied and ended from outside."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from support.lab import Lab

USE = "%load_ext kusto_magic\n%kusto_image use emulator"


@contextmanager
def running_emulator(lab: Lab, build_seconds: float, *, clusters: int = 1) -> Iterator[None]:
    """Start the emulator that `lab` and its kernels will find; end it, and forget its images, with the block."""
    _run(lab, f"launch.start(build_seconds={build_seconds}, clusters={clusters})")
    try:
        yield
    finally:
        _run(lab, "launch.stop(); (launch.home() / 'emulator.sqlite').unlink(missing_ok=True)")


def _run(lab: Lab, code: str) -> None:
    program = f"from kusto_magic.emulator import launch; {code}"
    subprocess.run([sys.executable, "-c", program], env=lab.home.env, check=True)
