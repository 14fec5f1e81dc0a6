"""Argument parsers of `%%kusto_image` and `%kusto_image`: options, subcommands and their help texts."""

from __future__ import annotations

import argparse
import difflib
import itertools
import keyword
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from kusto_magic.commands import option_groups
from kusto_magic.commands.argument_parser import Parser, seconds
from kusto_magic.commands.option_groups import MULTI_CLUSTER
from kusto_magic.commands.words import split
from kusto_magic.errors import InvalidInputError, Problem, excerpt
from kusto_magic.hints import Hint, HintKind

if TYPE_CHECKING:
    from kusto_magic.commands.session import Command

_VARIABLE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


def cell_parser() -> argparse.ArgumentParser:
    """Return the parser of `%%kusto_image`."""
    parser = Parser(
        prog="%%kusto_image",
        allow_abbrev=False,  # an abbreviation would change its meaning with each new option
        description="Create a sandbox custom image: the cell is its requirements file.",
        epilog="Example: %%kusto_image my-image --base Python3_11_7",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    option_groups.add_name(parser, "; use `check` as the name to run only the check")
    option_groups.add_base(parser)
    _add_waiting(parser)
    option_groups.add_changing(parser)
    option_groups.add_checks(parser)
    option_groups.add_lock(parser, "cell")
    text = parser.add_argument_group("requirements")
    text.add_argument("--file", metavar="PATH", help="read the requirements from a file; leave the cell empty")
    text.add_argument(
        "--template", action="store_true", help="replace {name} by the notebook's variable; write {{ for {"
    )
    option_groups.add_index_options(text, "in the cell")
    option_groups.add_no_packages(text, "from an empty cell")
    option_groups.add_sending(parser)
    parser.add_argument("-o", "--output", metavar="VAR", type=_variable, help="store the Build in this variable")
    option_groups.add_cluster(parser, many=True)
    return parser


@dataclass(frozen=True, slots=True)
class Subcommand:
    """A subcommand: its help sentence, and where it is carried out.

    `module` is a module of `commands`, `function` the name of its function, by default that of the subcommand.
    """

    help: str
    module: str
    function: str = ""

    def load(self, name: str) -> Command:
        """Import the function of the subcommand with this name; only the modules that it needs are imported."""
        command: Command = getattr(import_module(f"kusto_magic.commands.{self.module}"), self.function or name)
        return command


SUBCOMMANDS = {
    "use": Subcommand("Choose the cluster for this notebook, or the emulator.", "cluster"),
    "list": Subcommand(
        "List the images of the cluster. Shows state, base image, packages, and which one queries use.",
        "images",
        "list_images",
    ),
    "panel": Subcommand("Open a form to create images and manage those of the cluster.", "cluster"),
    "show": Subcommand("Show an image as stored by the service.", "images"),
    "check": Subcommand(
        "Check that an image's requirements can still be installed. %%kusto_image check checks a cell.", "images"
    ),
    "diff": Subcommand(
        "Compare the packages of two images. %%kusto_image NAME --diff compares a cell with its image.", "requirements"
    ),
    "edit": Subcommand("Open an image as a cell, ready to edit.", "requirements"),
    "freeze": Subcommand(
        "Open a cell with the packages that this notebook imports. If its queries use python(): with those that "
        "python() imports. They are pinned to the installed versions.",
        "freeze",
    ),
    "export": Subcommand(
        "Export an image. Forms: Bicep, Terraform, az, PowerShell, a request, requirements.txt, a lock, a bill of "
        "materials.",
        "requirements",
    ),
    "status": Subcommand("List operations started here, on all clusters.", "status"),
    "attach": Subcommand("Resume an image's operation. Shows its progress, even after a kernel restart.", "images"),
    "wait": Subcommand("Wait until an image's operation is done.", "images"),
    "delete": Subcommand("Delete an image.", "images"),
    "active": Subcommand("Show the image that queries use.", "cluster"),
    "enable": Subcommand("Enable python() with a managed or custom image. Takes up to an hour.", "cluster"),
    "disable": Subcommand("Disable python() for the queries of the cluster.", "cluster"),
    "verify": Subcommand(
        "Query the cluster for what its active image holds, and compare that with the check before the build.", "verify"
    ),
    "bases": Subcommand(
        "List the managed images shipped by Azure. With the name of one: its packages, as documented or as read from "
        "the cluster with --live.",
        "bases",
    ),
    "clusters": Subcommand("List the clusters of the subscription.", "cluster"),
    "doctor": Subcommand(
        "Check versions, settings, sign-in, permissions and history. The output contains no secrets.", "doctor"
    ),
}
"""The subcommands of `%kusto_image` by name."""


def line_parser() -> argparse.ArgumentParser:
    """Return the parser of `%kusto_image`, with a subparser per subcommand."""
    parser = Parser(prog="%kusto_image", allow_abbrev=False, description="Manage sandbox custom images.")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)
    subs = {
        # argparse expands "%" in `help`, but not in `description`.
        name: commands.add_parser(name, help=sub.help.replace("%", "%%"), description=sub.help, allow_abbrev=False)
        for name, sub in SUBCOMMANDS.items()
    }
    _use(subs["use"])
    for name in ("show", "check", "edit", "export", "attach", "wait", "delete"):
        subs[name].add_argument("name", metavar="NAME", help="name of the image")
    for name in ("attach", "wait"):
        option_groups.add_sending_again(subs[name])
    subs["enable"].add_argument("name", metavar="IMAGE", help="managed image (Python3_11_7, …) or custom image")
    option_groups.add_forced_enabling(subs["enable"])
    option_groups.add_bases(subs["bases"])
    option_groups.add_verifying(subs["verify"])
    option_groups.add_compared(subs["diff"])
    subs["doctor"].add_argument("--identity", action="store_true", help="also show the account and the tenant")
    help_text = "also ask the package indexes that the image names; without it, only your own"
    subs["check"].add_argument("--allow-index-options", action="store_true", help=help_text)
    option_groups.add_exclude_newer(subs["check"])
    _export(subs["export"])
    _freeze(subs["freeze"])
    for name in MULTI_CLUSTER:
        _add_waiting(subs[name])
        option_groups.add_changing(subs[name], yes=name == "delete")
    for name, sub in subs.items():
        if name != "status":
            option_groups.add_cluster(sub, many=name in MULTI_CLUSTER)
    return parser


def subparsers() -> Mapping[str, argparse.ArgumentParser]:
    """Return the parser of each subcommand.

    argparse has no public API for this, hence the private attributes.
    """
    groups = [action for action in line_parser()._actions if isinstance(action, argparse._SubParsersAction)]
    return dict(groups[0].choices)


def _use(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("what", nargs="?", metavar="emulator", choices=["emulator"], help="use the local emulator")
    help_text = "use the emulator only if neither the environment nor config.toml sets a cluster; for shared notebooks"
    sub.add_argument("--unless-set", action="store_true", help=help_text)
    sub.add_argument(
        "--build-seconds", type=seconds, metavar="S", help="duration of builds on the emulator, in seconds"
    )
    sub.add_argument("--clusters", type=_clusters, metavar="N", help="number of clusters of the emulator")
    ways = sub.add_mutually_exclusive_group()
    option_groups.add_method(ways, "--as")
    help_text = "variable with a credential object, such as one of azure-identity"
    ways.add_argument("--credential", dest="given", metavar="VAR", type=_variable, help=help_text)
    option_groups.add_tenant(sub)
    sub.add_argument("--save", action="store_true", help="save the cluster in config.toml for later sessions")


def _export(sub: argparse.ArgumentParser) -> None:
    option_groups.add_export_form(sub)
    sub.add_argument("-o", "--output", metavar="VAR", type=_variable, help="store the text in this variable")


def _freeze(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("name", metavar="NAME", nargs="?", default="my-image", help="name of the new image")
    sub.add_argument("--base", metavar="IMAGE", help="base image; default: the managed image with this Python version")
    sub.add_argument(
        "--from",
        dest="sources",
        metavar="PATH",
        action="append",
        default=[],
        help="read a notebook, a Python file (.py) or a query file (.kql, .csl); repeat the option for several files",
    )
    sub.add_argument(
        "--from-notebook",
        metavar="PATH",
        nargs="?",
        const="",
        help="read the saved notebook (this one, or PATH) and the query files beside it instead of the cells that ran "
        "in this session",
    )


def parse(
    parser: argparse.ArgumentParser, line: str, variables: Mapping[str, Any] = MappingProxyType({})
) -> argparse.Namespace:
    """Split a magic's line and parse it. Raises InvalidInputError, or HelpRequested with the help text.

    `{name}` is replaced by the string or number in `variables`; other braces and `$name` stay as they are.
    """
    try:
        # Replaced after splitting: a value is part of one argument and cannot add an option.
        arguments = [_with_variables(word, variables) for word in split(line)]
    except ValueError as error:
        raise InvalidInputError([Problem(parser.prog, f"the line cannot be parsed: {error}")]) from None
    return parse_arguments(parser, arguments)


def parse_arguments(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> argparse.Namespace:
    """Parse arguments. Raises InvalidInputError, or HelpRequested with the help text."""
    # Not parse_args(): its error for unknown arguments does not suggest the closest option.
    options, rest = parser.parse_known_args(arguments)
    if rest:
        known = _options_of(parser, getattr(options, "command", None))
        command = " ".join(part for part in (parser.prog, getattr(options, "command", None)) if part)
        problems = [Problem(command, _unknown(word, known)) for word in _without_values(rest)]
        raise InvalidInputError(problems, hint=Hint(HintKind.FIX_INPUT, then=Hint(HintKind.SHOW_HELP, command)))
    return options


def _without_values(words: Sequence[str]) -> Iterator[str]:
    """Yield unknown words, without those that may be the value of an unknown option."""
    for previous, word in itertools.pairwise(["", *words]):
        if word.startswith("-") or not previous.startswith("-"):
            yield word


def _with_variables(word: str, variables: Mapping[str, Any]) -> str:
    def value(found: re.Match[str]) -> str:
        text = variable_text(variables.get(found[1]))
        return found[0] if text is None else text

    return _VARIABLE.sub(value, word)


def variable_text(value: object) -> str | None:
    """Return a string or number of the notebook as text, or None for any other value."""
    # To Python a bool is an int.
    return str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else None


def _add_waiting(parser: argparse.ArgumentParser) -> None:
    option_groups.add_waiting(parser)
    allows = "show a failure without failing the cell, so that an unattended run continues"
    parser.add_argument("--allow-failure", action="store_true", help=allows)


def _variable(value: str) -> str:
    if not value.isidentifier() or keyword.iskeyword(value):
        raise argparse.ArgumentTypeError(f"{excerpt(value)} is not a valid variable name")
    return value


def _clusters(value: str) -> int:
    from kusto_magic.arm.local_emulator import MAX_CLUSTERS, parse_cluster_count  # needed only for one option

    try:
        return parse_cluster_count(value)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{excerpt(value)} is not a number from 1 to {MAX_CLUSTERS}") from None


def _options_of(parser: argparse.ArgumentParser, command: str | None) -> Sequence[str]:
    for action in parser._actions:
        # A subcommand has options of its own.
        if isinstance(action, argparse._SubParsersAction) and command in action.choices:
            return _options_of(action.choices[command], None)
    return [option for action in parser._actions for option in action.option_strings]


def _unknown(word: str, known: Sequence[str]) -> str:
    word = word.partition("=")[0]  # the value may be a secret
    close = difflib.get_close_matches(word, known, n=1)
    hint = f"; did you mean {close[0]}?" if close else ""
    return f"unknown {'option' if word.startswith('-') else 'argument'} {excerpt(word)}{hint}"
