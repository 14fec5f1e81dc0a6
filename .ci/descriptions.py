"""Generate the descriptions of subcommands and options that JupyterLab shows when it completes a line of the magics."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from kusto_magic.commands.arguments import SUBCOMMANDS, cell_parser, subparsers
from kusto_magic.magics.completer import short_description

PATH = Path(__file__).resolve().parent.parent / "labextension" / "src" / "cells" / "descriptions.gen.json"


def text() -> str:
    """Return the file: the options of a cell, and each subcommand with its options."""
    commands = {
        name: {"help": short_description(sub.help), "options": _options(subparsers()[name])}
        for name, sub in SUBCOMMANDS.items()
    }
    document = {"cell": _options(cell_parser()), "commands": commands}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _options(parser: argparse.ArgumentParser) -> dict[str, str]:
    return {
        name: short_description(action.help or "")
        for action in parser._actions
        for name in action.option_strings
        if name.startswith("--")
    }


if __name__ == "__main__":
    PATH.write_text(text(), encoding="utf-8", newline="\n")
