"""The words of `%%kusto_image` and `%kusto_image`: options, subcommands, their help."""

from __future__ import annotations

import argparse
import difflib
import shlex
from collections.abc import Sequence
from typing import NoReturn

from kusto_magic.errors import InvalidInput, Problem, excerpt


class HelpAsked(Exception):
    """`--help` was among the words; the text is the help to show."""


class _Parser(argparse.ArgumentParser):
    """argparse that raises instead of ending the process, and names the closest option."""

    def error(self, message: str) -> NoReturn:
        raise InvalidInput([Problem(self.prog, message)], next_step=f"{self.prog} --help shows what there is.")

    def print_help(self, _file: object = None) -> None:
        raise HelpAsked(self.format_help())


def cell_parser() -> argparse.ArgumentParser:
    """Return the parser of `%%kusto_image`."""
    parser = _Parser(
        prog="%%kusto_image",
        allow_abbrev=False,
        description="Make a sandbox custom image: the cell is its requirements file.",
        epilog="Example: %%kusto_image my-image --base Python3_11_7",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "name",
        metavar="NAME",
        help="the image's name: letters, digits, '.', '-' and '_'; `check` in its place only asks the check below",
    )
    base = parser.add_argument_group("what it is built on (one of them)")
    base.add_argument("--base", metavar="IMAGE", help="a managed image (Python3_11_7, …) or a custom image")
    base.add_argument("--python", metavar="VERSION", help="a bare Python engine, such as 3.10.8")
    _waiting(parser)
    checks = parser.add_argument_group("the check before anything is sent")
    checks.add_argument("--no-check", action="store_true", help="send without asking whether the packages fit together")
    checks.add_argument("--pin", action="store_true", help="send exactly the versions that the check found")
    parser.add_argument("--dry-run", action="store_true", help="show what would be sent, and send nothing")
    parser.add_argument(
        "--allow-index-options",
        action="store_true",
        help="let --index-url lines in the cell pass (never with a password)",
    )
    parser.add_argument("-o", "--output", metavar="VAR", help="keep the Build in this variable")
    _where(parser)
    return parser


def line_parser() -> argparse.ArgumentParser:
    """Return the parser of `%kusto_image`, with a subparser per subcommand."""
    parser = _Parser(prog="%kusto_image", allow_abbrev=False, description="Everything around an image.")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=_Parser, required=True)

    def command(name: str, words: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=words, description=words, allow_abbrev=False)

    use = command("use", "Choose the cluster for this notebook, or the emulator.")
    use.add_argument("what", nargs="?", metavar="emulator", choices=["emulator"], help="use the local emulator")
    use.add_argument("--build-seconds", type=_seconds, metavar="S", help="how long builds take on the emulator")
    _where(use)
    _where(command("list", "List the images of the cluster."))
    _where(command("panel", "Open a form that makes images and shows those of the cluster."))
    for name, words in (
        ("show", "Show an image as the service has it."),
        ("check", "Ask whether an image's requirements would still install. %%kusto_image check asks it of a cell."),
        ("attach", "Follow what goes on with an image, also after a restart of the kernel."),
        ("wait", "Wait until what goes on with an image has ended."),
        ("delete", "Delete an image."),
    ):
        sub = command(name, words)
        sub.add_argument("name", metavar="NAME", help="the image's name")
        if name == "delete":
            _waiting(sub)
        _where(sub)
    return parser


def parse(parser: argparse.ArgumentParser, line: str) -> argparse.Namespace:
    """Split a magic's line as a shell would and read it. Raises InvalidInput; HelpAsked with the text of the help."""
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise InvalidInput([Problem(parser.prog, f"the line cannot be split into words: {error}")]) from None
    options, rest = parser.parse_known_args(words)
    if rest:
        known = _options_of(parser, getattr(options, "command", None))
        raise InvalidInput([Problem(parser.prog, _unknown(word, known)) for word in rest])
    return options


def _waiting(parser: argparse.ArgumentParser) -> None:
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--wait", dest="wait", action="store_const", const="yes", help="wait until the build has ended")
    group.add_argument("--no-wait", dest="wait", action="store_const", const="no", help="return at once")


def _where(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("the cluster, where it is another than the chosen one")
    group.add_argument("--subscription", metavar="ID", help="the subscription's id")
    group.add_argument("--resource-group", metavar="GROUP", help="the resource group's name")
    group.add_argument("--cluster", metavar="CLUSTER", help="the cluster's name, or its whole ARM id")
    group.add_argument("--cloud", metavar="CLOUD", help="public, usgov or china")
    group.add_argument("--endpoint", metavar="URL", help="a Resource Manager of one's own")


def _seconds(value: str) -> float:
    seconds = float(value)
    if not 0 <= seconds <= 24 * 3600:
        raise argparse.ArgumentTypeError(f"{excerpt(value)} is not between 0 and a day of seconds")
    return seconds


def _options_of(parser: argparse.ArgumentParser, command: str | None) -> Sequence[str]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction) and command in action.choices:
            return _options_of(action.choices[command], None)
    return [option for action in parser._actions for option in action.option_strings]


def _unknown(word: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(word.partition("=")[0], known, n=1)
    hint = f"; did you mean {close[0]}?" if close else ""
    kind = "option" if word.startswith("-") else "word"
    return f"there is no {kind} {excerpt(word)} here{hint}"
