"""Measure and write the results: `python noxfile.py bench`, or parts of it, `-- lag many`.

`--quick` is a trial run of about two minutes that writes to .dev/bench instead.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import kernels
import lag
import many
import plots
import preflight_time
import simulated
import tables
import texts
from figures import Figure

HERE = Path(__file__).parent
TRIAL_FOLDER = HERE.parent / ".dev" / "bench"
VERSIONS = ("azure-mgmt-kusto", "azure-core", "aiohttp", "httpx")

Measurement = Callable[[], list[Figure]]
PARTS: dict[str, tuple[Measurement, Measurement]] = {
    "texts": (texts.measure, lambda: texts.measure(texts.QUICK)),
    "schedule": (simulated.measure, lambda: simulated.measure(simulated.QUICK)),
    "preflight": (preflight_time.measure, lambda: preflight_time.measure(preflight_time.QUICK)),
    "kernel": (kernels.measure, lambda: kernels.measure(kernels.QUICK)),
    "lag": (lag.measure, lambda: lag.measure(lag.QUICK)),
    "many": (many.measure, lambda: many.measure(many.QUICK)),
}
"""Each part: the full measurement, and the trial run of `--quick`."""


def machine() -> dict[str, Any]:
    """Return a description of the machine that does not identify it."""
    return {
        "cores": os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
        "versions": {name: importlib.metadata.version(name) for name in VERSIONS},
    }


def main() -> None:
    words = argparse.ArgumentParser(prog="bench", description=(__doc__ or "").partition("\n")[0])
    words.add_argument("parts", nargs="*", metavar="NAME", help=f"one of {', '.join(PARTS)}; default: all")
    words.add_argument("--quick", action="store_true", help="trial run; writes to .dev/bench")
    given = words.parse_args()
    if unknown := set(given.parts) - PARTS.keys():
        words.error(f"unknown part {', '.join(sorted(unknown))}; choose from {', '.join(PARTS)}")
    folder = TRIAL_FOLDER if given.quick else HERE
    folder.mkdir(parents=True, exist_ok=True)
    for name in given.parts or PARTS:
        started = time.monotonic()
        print(f"{name} …", flush=True)
        figures = PARTS[name][given.quick]()
        write(
            folder,
            name,
            {"quick": given.quick, "machine": machine(), "figures": [figure.to_json() for figure in figures]},
        )
        print(f"{name}: {time.monotonic() - started:.0f} s", flush=True)
    print(f"written: {(folder / 'README.md').relative_to(HERE.parent)}")


def write(folder: Path, name: str, part: dict[str, Any]) -> None:
    """Replace a part in results.json, and write the tables and pictures again."""
    kept = folder / "results.json"
    results = json.loads(kept.read_text("utf-8")) if kept.exists() else {"parts": {}}
    results["parts"][name] = part
    kept.write_text(_dumped(results), "utf-8")
    readme = folder / "README.md"
    if folder != HERE:
        shutil.copy(HERE / "README.md", readme)
    readme.write_text(tables.page(readme.read_text("utf-8"), results), "utf-8")
    plots.draw(tables.figures_of(results), folder)


def _dumped(results: dict[str, Any]) -> str:
    """Return the results as JSON with one figure per line, so that diffs are small."""
    text = json.dumps(results, ensure_ascii=False)
    return text.replace('{"name": ', '\n{"name": ') + "\n"


if __name__ == "__main__":
    main()
