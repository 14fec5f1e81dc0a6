"""Measures, and writes what was measured: `python noxfile.py bench`, or a part of it, `-- lag many`.

`--quick` tries everything in about two minutes and writes into .dev/bench instead.
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
import preflight_time as preflight
import simulated
import tables
import texts
from figures import Figure

HERE = Path(__file__).parent
SMOKE = HERE.parent / ".dev" / "bench"
VERSIONS = ("azure-mgmt-kusto", "azure-core", "aiohttp", "httpx")

Measurement = Callable[[], list[Figure]]
PARTS: dict[str, tuple[Measurement, Measurement]] = {
    "texts": (texts.measure, lambda: texts.measure(texts.QUICK)),
    "schedule": (simulated.measure, lambda: simulated.measure(simulated.QUICK)),
    "preflight": (preflight.measure, lambda: preflight.measure(preflight.QUICK)),
    "kernel": (kernels.measure, lambda: kernels.measure(kernels.QUICK)),
    "lag": (lag.measure, lambda: lag.measure(lag.QUICK)),
    "many": (many.measure, lambda: many.measure(many.QUICK)),
}
"""Each part as it is measured, and as it is tried by `--quick`."""


def machine() -> dict[str, Any]:
    """Return what is said of the machine: nothing that names it."""
    return {
        "cores": os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
        "versions": {name: importlib.metadata.version(name) for name in VERSIONS},
    }


def main() -> None:
    words = argparse.ArgumentParser(prog="bench", description=(__doc__ or "").partition("\n")[0])
    words.add_argument("parts", nargs="*", metavar="NAME", help=f"of {', '.join(PARTS)}; all without one")
    words.add_argument("--quick", action="store_true", help="a smoke: writes into .dev/bench")
    given = words.parse_args()
    if unknown := set(given.parts) - PARTS.keys():
        words.error(f"there is no part {', '.join(sorted(unknown))}; they are {', '.join(PARTS)}")
    folder = SMOKE if given.quick else HERE
    folder.mkdir(parents=True, exist_ok=True)
    for name in given.parts or PARTS:
        began = time.monotonic()
        print(f"{name} …", flush=True)
        figures = PARTS[name][given.quick]()
        write(folder, name, {"quick": given.quick, "machine": machine(), "figures": [it.to_json() for it in figures]})
        print(f"{name}: {time.monotonic() - began:.0f} s", flush=True)
    print(f"written: {(folder / 'README.md').relative_to(HERE.parent)}")


def write(folder: Path, name: str, part: dict[str, Any]) -> None:
    """Put a part into results.json in place of an older one of it, and write tables and pictures anew."""
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
    """Return results as JSON, a figure a line: readable, and small differences between two runs of a part."""
    text = json.dumps(results, ensure_ascii=False)
    return text.replace('{"name": ', '\n{"name": ') + "\n"


if __name__ == "__main__":
    main()
