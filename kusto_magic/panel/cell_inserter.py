"""Insertion of a new cell into the notebook through the page's own toolbar."""

from __future__ import annotations

import json
from importlib import resources

from ipywidgets import Output


def insert_cell(text: str, through: Output) -> None:
    """Insert a cell with `text` below the active cell, in JupyterLab and Notebook 7.

    A kernel can add a cell only in its reply to an execute request (`set_next_input`), and a button click is not one.
    Therefore `through` displays JavaScript that presses the page's own insert button. In a front end without that
    button nothing happens; the text is shown in the panel and can be copied.
    """
    script = (resources.files("kusto_magic") / "data" / "insert-cell.js").read_text(encoding="utf-8")
    # An expression that is called, so it has no final semicolon.
    call = f"({script.strip().rstrip(';')})({json.dumps(text)})"
    data = {"application/javascript": call, "text/plain": ""}
    through.outputs = ({"output_type": "display_data", "data": data, "metadata": {}},)


def clear_insertion(through: Output) -> None:
    """Remove the JavaScript output, because it would run again when the page is reloaded."""
    through.outputs = ()
