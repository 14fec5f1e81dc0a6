"""Help of `%kusto_image` without a subcommand: what it can do, and how to begin."""

from __future__ import annotations

from kusto_magic.commands.arguments import SUBCOMMANDS
from kusto_magic.commands.session import Session
from kusto_magic.display import data_table
from kusto_magic.display.data_table import DataTable

NOTES = (
    "To begin: %kusto_image use --cluster ARM-ID chooses a cluster; %kusto_image use emulator tries it without Azure.",
    "To create an image: a cell with %%kusto_image NAME --base Python3_11_7, and one package on each line below.",
    "For the options: %kusto_image COMMAND --help and %%kusto_image --help.",
)
"""How to begin."""


def show_help(session: Session) -> None:
    """List the subcommands."""
    rows = [(data_table.code(name), data_table.text(sub.help)) for name, sub in SUBCOMMANDS.items()]
    head = ("Command", "What it does")
    session.show_table(DataTable("%kusto_image COMMAND manages sandbox custom images", head, rows, notes=NOTES))
