"""Output of `kusto-image`: results go to the standard output, progress and messages about it to the standard error."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Any

from kusto_magic.display_text import DisplayText, visible

VERSION = 1
"""Version of the JSON document; incremented by changes that are incompatible with existing readers."""

_LOG_COMMAND = re.compile(r"^(?=\s*(?:::|##\[|##vso\[))", re.MULTILINE)
"""Start of a line that the logs of GitHub Actions and Azure Pipelines would carry out as a command."""


def inert(text: str) -> str:
    """Return text for the log of a pipeline: no line of it is a command, whatever the service has written."""
    return _LOG_COMMAND.sub("| ", text)


@dataclass
class Output:
    """The streams of one command, and what it returns as JSON.

    `is_text` is whether a reader reads the standard output; otherwise `document` is written there at the end, in the
    format of the command.
    """

    is_text: bool = True
    is_quiet: bool = False
    document: dict[str, Any] = field(default_factory=lambda: {"messages": [], "notes": []})

    @property
    def out(self) -> IO[str]:
        """The standard output."""
        return sys.stdout

    @property
    def err(self) -> IO[str]:
        """The standard error."""
        return sys.stderr

    def write(self, text: DisplayText) -> None:
        """Write text for a reader to the standard output; add it to the messages of the document otherwise."""
        if self.is_text:
            self.out.write(f"{inert(text)}\n")
        else:
            self.document["messages"].append(str(text))

    def write_raw(self, text: str) -> None:
        """Write text that is meant to be redirected to a file, unchanged but with a line break at its end."""
        if self.is_text:
            shown = visible(text) if self.out.isatty() else text  # a terminal would carry out control characters
            self.out.write(shown if shown.endswith("\n") or not shown else f"{shown}\n")
        else:
            self.document["text"] = text

    def note(self, lines: Sequence[DisplayText], *, is_progress: bool = False) -> None:
        """Write notes to the standard error, and add them to the document; progress only if it is wanted."""
        if not is_progress:
            self.document["notes"] += map(str, lines)
        if not (is_progress and self.is_quiet):
            self.err.write("".join(f"{inert(line)}\n" for line in lines))

    def add(self, data: Mapping[str, Any]) -> None:
        """Add data to the document."""
        self.document |= data

    def write_json(self, document: Mapping[str, Any]) -> None:
        """Write JSON to the standard output; ASCII, since a pipe on Windows may have another encoding than UTF-8."""
        self.out.write(f"{json.dumps(document, indent=2)}\n")
