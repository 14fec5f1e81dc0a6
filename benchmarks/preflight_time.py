"""Compare the preflight with `uv pip compile` alone, for forty packages for Windows and a warm cache.

Both ask the same of the same index, in turns. It needs a package index the first time; after that `UV_OFFLINE=1`
leaves the network out of it.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time

from figures import Figure

from kusto_magic.preflight.check import run_preflight
from kusto_magic.preflight.indexes import user_settings
from kusto_magic.preflight.uv import uv_program

PYTHON = "3.10.8"
TEXT = """\
requests\npandas\nnumpy\nscipy\nscikit-learn\nmatplotlib\nstatsmodels\npyarrow\nazure-identity\nazure-storage-blob
azure-kusto-data\nazure-kusto-ingest\npolars\nxgboost\nlightgbm\nsqlalchemy\nbeautifulsoup4\nlxml\nopenpyxl\njinja2
pydantic\nfastapi\nuvicorn\nhttpx\naiohttp\ntqdm\nrich\nclick\npyyaml\nnetworkx\nnltk\nspacy\nseaborn\nplotly\nshap
dask\nnumba\npillow\nprophet\norjson
"""
FULL, QUICK = 9, 1
NAMES = ("uv pip compile", "ours", "ours, on a base image")


def bare(text: str) -> float:
    settings = user_settings(os.environ)
    indexes = {"UV_DEFAULT_INDEX": settings.default or "", "UV_INDEX": " ".join(settings.extra)}
    indexes |= {"UV_FIND_LINKS": ",".join(settings.find_links), "UV_INDEX_STRATEGY": settings.strategy}
    environ = {**os.environ, **{name: value for name, value in indexes.items() if value}}
    command = [uv_program(), "pip", "compile", "-", "--python", sys.executable, "--python-version", PYTHON]
    command += ["--python-platform", "windows", "--only-binary", ":all:", "--quiet"]
    started = time.perf_counter()
    subprocess.run(command, input=text.encode(), env=environ, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def ours(text: str, base: str | None) -> float:
    started = time.perf_counter()
    report = asyncio.run(run_preflight(text, python=PYTHON, base=base, timeout=60))
    if not report.packages:
        raise ValueError(report.reason)
    return time.perf_counter() - started


def measure(runs: int = FULL) -> list[Figure]:
    """Return the duration of each, measured in turns, without the first turn, which may fill uv's cache."""
    title = f"preflight of {len(TEXT.split())} packages"
    try:
        turns = [(bare(TEXT), ours(TEXT, None), ours(TEXT, "Python3_10_8")) for _ in range(runs + 1)][1:]
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        return [Figure(title, name, (), failed=f"no package index answers ({error})") for name in NAMES]
    return [Figure(title, name, samples) for name, samples in zip(NAMES, zip(*turns, strict=True), strict=True)]
