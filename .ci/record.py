"""Record the conversations with the emulator in tests/live/conversations/: `record.py [NAME …]`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from support.scenario_runner import record_with_emulator
from support.scenarios import SCENARIOS

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "tests" / "live" / "conversations"


def main(names: Sequence[str]) -> None:
    """Record the named conversations; all of them if no name is given."""
    if unknown := [name for name in names if name not in SCENARIOS]:
        sys.exit(f"there is no conversation {unknown[0]!r}; the names are {', '.join(SCENARIOS)}")
    for name in names or SCENARIOS:
        kept = asyncio.run(record_with_emulator(name, SCENARIOS[name]))
        path = FOLDER / f"emulator-{name}.json"
        path.write_text(kept.to_text(), encoding="utf-8", newline="\n")
        sys.stdout.write(f"{path}: {len(kept.exchanges)} exchanges\n")


if __name__ == "__main__":
    main(sys.argv[1:])
