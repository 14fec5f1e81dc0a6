"""The cell that does what the form does, and the way it gets into the notebook."""

from __future__ import annotations

import json
from importlib import resources

from ipywidgets import Output


def insert_cell(text: str, through: Output) -> None:
    """Put a new cell with this text below the active one, in JupyterLab and Notebook 7.

    A kernel can add a cell only in its answer to a cell (`set_next_input`), and a button is none. So the page is told
    to press its own button. Where it has none, nothing happens: the text stands in the panel, to be copied.
    """
    script = (resources.files("kusto_magic") / "data" / "insert-cell.js").read_text(encoding="utf-8")
    call = f"({script.strip().rstrip(';')})({json.dumps(text)})"
    data = {"application/javascript": call, "text/plain": ""}
    through.outputs = ({"output_type": "display_data", "data": data, "metadata": {}},)


def clear_insertion(through: Output) -> None:
    """Take the call away again: it would insert the cell once more when the page is reloaded."""
    through.outputs = ()
