"""Holds the conversations with the emulator and writes them into tests/live/conversations/: `record.py [NAME …]`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from support.conversations import CONVERSATIONS
from support.holding import record_emulator

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "tests" / "live" / "conversations"


def main(names: Sequence[str]) -> None:
    """Record the conversations named, all where none is."""
    if unknown := [name for name in names if name not in CONVERSATIONS]:
        sys.exit(f"there is no conversation {unknown[0]!r}; it is one of {', '.join(CONVERSATIONS)}")
    for name in names or CONVERSATIONS:
        kept = asyncio.run(record_emulator(name, CONVERSATIONS[name]))
        path = FOLDER / f"emulator-{name}.json"
        path.write_text(kept.to_text(), encoding="utf-8", newline="\n")
        sys.stdout.write(f"{path}: {len(kept.exchanges)} exchanges\n")


if __name__ == "__main__":
    main(sys.argv[1:])
