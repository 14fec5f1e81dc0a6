"""An ArgumentParser for the lines of the magics: it raises instead of exiting, and its messages say what is meant."""

from __future__ import annotations

import argparse
import difflib
from typing import NoReturn

from kusto_magic.errors import InvalidInputError, Problem, excerpt
from kusto_magic.hints import Hint, HintKind

_MISSING = "the following arguments are required: "
"""Beginning of argparse's message for a missing argument."""

_NO_VALUE = ": ignored explicit argument "
"""What argparse says of a value that an option does not take; the value follows."""


class HelpRequested(Exception):  # noqa: N818 - help is no error
    """Raised for `--help`; the message is the help text."""


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that raises instead of exiting the process, and suggests the closest choice."""

    def error(self, message: str) -> NoReturn:
        """Raise InvalidInputError; a value that is like no choice is not repeated, because it may be a secret."""
        value, found, choices = message.partition("invalid choice: '")[2].rpartition("' (choose from ")
        if found and (close := _closest(value, choices)):
            message = f"unknown value {excerpt(value)}; did you mean {close}?"
        elif found:
            message = f"{message.partition('invalid choice: ')[0]}invalid choice (choose from {choices}"
        message = message.partition(_NO_VALUE)[0] + (": it takes no value" if _NO_VALUE in message else "")
        if missing := message.partition(_MISSING)[2]:
            message = f"{missing} {'are' if ',' in missing else 'is'} missing"
        raise InvalidInputError([Problem(self.prog, message)], hint=Hint(HintKind.SHOW_HELP, self.prog))

    def print_help(self, _file: object = None) -> None:
        """Raise HelpRequested."""
        raise HelpRequested(self.format_help())


def seconds(value: str) -> float:
    """Return a duration of at most a day, for `type=` of an argument."""
    number = float(value)  # argparse reports a ValueError
    # Not "number < 0 or …": nan must be refused as well, and it fails every comparison.
    if not 0 <= number <= 24 * 3600:
        raise argparse.ArgumentTypeError(f"{excerpt(value)} is not between 0 and 86,400 seconds")
    return number


def _closest(word: str, choices: str) -> str:
    # Only some versions of Python quote the choices.
    close = difflib.get_close_matches(word, [choice.strip("'") for choice in choices.split(", ")], n=1)
    return close[0] if close else ""
