"""The commands `build` and `check`: their requirements come from a file or from the standard input."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from kusto_magic.cli.exit_codes import ExitCode
from kusto_magic.cli.session import ShellSession
from kusto_magic.commands import images
from kusto_magic.commands.cell import CHECK_NAME
from kusto_magic.commands.create import create
from kusto_magic.errors import InvalidInputError, Problem
from kusto_magic.preflight.report import Verdict
from kusto_magic.requirements.encodings import decode

STDIN = "-"
"""File name for the standard input."""


def build_or_check(session: ShellSession, options: Namespace) -> None:
    """Build the image of a file, check a file, or check an image. Raises InvalidInputError."""
    if options.command == "build":
        _build(session, options)
        return
    if options.name is None:
        options.name = CHECK_NAME
        create(session, options, _text(options))
    elif Path(options.name).suffix and Path(options.name).is_file():
        raise InvalidInputError([Problem("check", f"to check the file {options.name}, write -f before it")])
    else:
        _require_no_file(options)
        images.check(session, options)
    if options.strict and session.report is not None and session.report.verdict is Verdict.INCONCLUSIVE:
        session.exit_code = ExitCode.NOT_SUBMITTED


def _build(session: ShellSession, options: Namespace) -> None:
    if options.name == CHECK_NAME:
        raise InvalidInputError([Problem("image name", "`check` is a command: kusto-image check -f FILE")])
    create(session, options, _text(options))


def _require_no_file(options: Namespace) -> None:
    given = {"-f": options.file, "--base": options.base, "--python": options.python, "--fix": options.fix}
    given |= {"--lock": options.lock}
    problems = [
        Problem("check", f"use either the name of an image or {name}, not both")
        for name, value in given.items()
        if value
    ]
    if problems:
        raise InvalidInputError(problems)


def _text(options: Namespace) -> str:
    """Return the text of the standard input if it is wanted, otherwise "": the file is read with its options."""
    if options.file == STDIN:
        options.file = None
        return _read_stdin()
    if not (options.file or options.no_packages or options.lock):
        raise InvalidInputError([Problem("-f", "name the requirements file, or - for the standard input")])
    return ""


def _read_stdin() -> str:
    if sys.stdin is None:  # closed
        raise InvalidInputError([Problem("-f", "the standard input is closed")])
    try:
        return decode(sys.stdin.buffer.read(), "utf-8")[0]
    except ValueError:
        raise InvalidInputError([Problem("-f", "the standard input is not valid UTF-8")]) from None
