"""Transformer of IPython's input: it makes cells of `%%kusto_image` that IPython would not recognize as such."""

from __future__ import annotations

import ast

from kusto_magic.commands.arguments import SUBCOMMANDS

MAGIC = "%%kusto_image"


class CellTransformer:
    """Rewrites the lines of a cell before IPython looks for a cell magic.

    - A line without a body gets a blank one: IPython rejects an empty body, even with --help.
    - Comments and blank lines above the magic are left out, and Python above it runs first.
    - A single % with the options of a new image is taken for two.
    """

    has_side_effects = True
    """Excludes it from IPython's check for complete input, so that a terminal user can type further lines."""

    def __init__(self) -> None:
        self._notes: list[str] = []

    def take_notes(self) -> list[str]:
        """Return notes on what was changed since the last call."""
        found, self._notes = self._notes, []
        return found

    def __call__(self, lines: list[str]) -> list[str]:
        """Return the lines of the cell."""
        self._notes = []
        start = next((index for index, line in enumerate(lines) if _is_magic(line)), None)
        if start is None:
            return lines
        above, first, body = lines[:start], lines[start].lstrip(), lines[start + 1 :]
        if above and any(line.strip() and not line.lstrip().startswith("#") for line in above):
            return _called(above, first, body) if first.startswith(MAGIC) else lines
        if not first.startswith(MAGIC):
            self._notes.append("% was read as %%: the lines below are the requirements of the image")
            first = f"%{first}"
        return [first.rstrip("\n") + "\n", *(body if "".join(body).strip() else [" \n"])]


def _is_magic(line: str) -> bool:
    """Return whether a line is the first one of a cell that creates an image."""
    text = line.strip()
    if text.startswith(MAGIC):
        return text == MAGIC or text[len(MAGIC)].isspace()
    if not text.startswith(MAGIC[1:] + " "):
        return False
    _, *arguments = text.split()
    has_base = any(word.partition("=")[0] in ("--base", "--python", "--lock") for word in arguments)
    return has_base and (arguments[0] == "check" or arguments[0] not in SUBCOMMANDS)


def _called(above: list[str], first: str, body: list[str]) -> list[str]:
    """Return the code above the magic, followed by a call of it; the unchanged lines if it is part of a string."""
    try:
        ast.parse("".join(above))
    except (SyntaxError, ValueError):  # another magic, or a string that is not closed
        return [*above, first, *body]
    line = first[len(MAGIC) :].strip()
    return [*above, f"get_ipython().run_cell_magic('kusto_image', {line!r}, {''.join(body)!r})\n"]
