"""The preflight against bare `uv pip compile`, for forty packages and a warm cache: `python benchmarks/preflight.py`.

Both ask the same of the same index, in turns; printed are medians and their ratio. It needs a package index the first
time; after that `UV_OFFLINE=1` leaves the network out of it.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import time

from kusto_magic.indexes import user_settings
from kusto_magic.preflight import forecast
from kusto_magic.resolver import uv_program

PYTHON = "3.10.8"
TEXT = """\
requests\npandas\nnumpy\nscipy\nscikit-learn\nmatplotlib\nstatsmodels\npyarrow\nazure-identity\nazure-storage-blob
azure-kusto-data\nazure-kusto-ingest\npolars\nxgboost\nlightgbm\nsqlalchemy\nbeautifulsoup4\nlxml\nopenpyxl\njinja2
pydantic\nfastapi\nuvicorn\nhttpx\naiohttp\ntqdm\nrich\nclick\npyyaml\nnetworkx\nnltk\nspacy\nseaborn\nplotly\nshap
dask\nnumba\npillow\nprophet\norjson
"""
RUNS = 9


def bare(text: str) -> float:
    settings = user_settings(os.environ)
    places = {"UV_DEFAULT_INDEX": settings.default or "", "UV_INDEX": " ".join(settings.extra)}
    places |= {"UV_FIND_LINKS": ",".join(settings.find_links), "UV_INDEX_STRATEGY": settings.strategy}
    environ = {**os.environ, **{name: value for name, value in places.items() if value}}
    command = [uv_program(), "pip", "compile", "-", "--python", sys.executable, "--python-version", PYTHON]
    command += ["--python-platform", "windows", "--only-binary", ":all:", "--quiet"]
    started = time.perf_counter()
    subprocess.run(command, input=text.encode(), env=environ, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def ours(text: str, base: str | None) -> float:
    started = time.perf_counter()
    answer = asyncio.run(forecast(text, python=PYTHON, base=base, timeout=60))
    assert answer.packages, answer.reason
    return time.perf_counter() - started


def main() -> None:
    turns = [(bare(TEXT), ours(TEXT, None), ours(TEXT, "Python3_10_8")) for _ in range(RUNS + 1)][1:]
    uv, alone, based = (statistics.median(times) for times in zip(*turns, strict=True))
    print(f"{len(TEXT.split())} packages, median of {RUNS}: uv pip compile {uv:.3f} s")
    print(f"  preflight {alone:.3f} s ({alone / uv:.2f} x), on a base image {based:.3f} s ({based / uv:.2f} x)")


if __name__ == "__main__":
    main()
