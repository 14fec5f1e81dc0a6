"""The words of `%%kusto_image` and `%kusto_image`: options, subcommands, their help."""

from __future__ import annotations

import argparse
import difflib
import keyword
import re
import shlex
from collections.abc import Mapping, Sequence
from typing import NoReturn

from kusto_magic.errors import InvalidInput, Problem, excerpt
from kusto_magic.export import FORMS
from kusto_magic.settings import CREDENTIAL_TYPES

_INVALID_CHOICE = re.compile(r"invalid choice: '(.*)' \(choose from (.*)\)", re.DOTALL)


class HelpRequested(Exception):
    """`--help` was among the words; the text is the help to show."""


class _Parser(argparse.ArgumentParser):
    """argparse that raises instead of ending the process, and names the closest option."""

    def error(self, message: str) -> NoReturn:
        found = _INVALID_CHOICE.search(message)
        if found is not None and (close := _closest(found[1], found[2])):
            message = f"there is no {excerpt(found[1])} here; did you mean {close}?"
        raise InvalidInput([Problem(self.prog, message)], next_step=f"{self.prog} --help shows what there is.")

    def print_help(self, _file: object = None) -> None:
        raise HelpRequested(self.format_help())


class _Clusters(argparse.Action):
    """Keeps the last cluster as `cluster`, as where only one can be named, and all of them as `named`."""

    def __call__(
        self, _parser: object, options: argparse.Namespace, value: object, _option_string: str | None = None
    ) -> None:
        options.cluster = value
        options.named = [*getattr(options, "named", []), value]


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
    _add_wait_options(parser)
    _add_change_options(parser)
    checks = parser.add_argument_group("the check before anything is sent")
    checks.add_argument("--no-check", action="store_true", help="send without asking whether the packages fit together")
    checks.add_argument("--pin", action="store_true", help="send exactly the versions that the check found")
    text = parser.add_argument_group("the requirements")
    text.add_argument("--file", metavar="PATH", help="take them from a file; the cell stays empty")
    text.add_argument("--template", action="store_true", help="put the notebook's variables for {name}; {{ means {")
    text.add_argument(
        "--allow-index-options",
        action="store_true",
        help="let --index-url lines in the cell pass (never with a password)",
    )
    parser.add_argument("--force", action="store_true", help="send also what is there already, made of the same")
    parser.add_argument("--dry-run", action="store_true", help="show what would be sent, and send nothing")
    parser.add_argument("--diff", action="store_true", help="show what would change in the image, and send nothing")
    parser.add_argument("-o", "--output", metavar="VAR", type=_variable, help="keep the Build in this variable")
    _add_cluster_options(parser, many=True)
    return parser


SUBCOMMANDS = {
    "use": "Choose the cluster for this notebook, or the emulator.",
    "list": "List the images of the cluster: state, base, packages, and which one its queries run on.",
    "panel": "Open a form that makes images and shows those of the cluster.",
    "show": "Show an image as the service has it.",
    "check": "Ask whether an image's requirements would still install. %%kusto_image check asks it of a cell.",
    "diff": "Show which packages two images hold otherwise. %%kusto_image NAME --diff compares a cell with its image.",
    "edit": "Open a cell that makes an image as it is now, ready to be changed.",
    "freeze": "Open a cell with the packages that this notebook imports, in the versions installed here.",
    "export": "Write an image as Bicep, Terraform, az, PowerShell, a request or requirements.txt.",
    "status": "List what was begun from here, on all clusters.",
    "attach": "Follow what goes on with an image, also after a restart of the kernel.",
    "wait": "Wait until what goes on with an image has ended.",
    "delete": "Delete an image.",
    "active": "Say which image the queries of the cluster run on.",
    "enable": "Let the queries of the cluster run on an image, managed or custom. Takes up to an hour.",
    "disable": "Switch python() off for the queries of the cluster.",
    "bases": "List the images that Azure ships; with a name, the packages of one.",
    "clusters": "List the clusters of the subscription.",
    "doctor": "Look at versions, settings, sign-in, rights and history; nothing in it is secret.",
}
"""What each subcommand does, in a sentence."""


MULTI_CLUSTER = ("enable", "disable", "delete")
"""Subcommands that may name several clusters."""


def line_parser() -> argparse.ArgumentParser:
    """Return the parser of `%kusto_image`, with a subparser per subcommand."""
    parser = _Parser(prog="%kusto_image", allow_abbrev=False, description="Everything around an image.")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=_Parser, required=True)
    subs = {
        name: commands.add_parser(name, help=words.replace("%", "%%"), description=words, allow_abbrev=False)
        for name, words in SUBCOMMANDS.items()
    }
    _use(subs["use"])
    for name in ("show", "check", "edit", "export", "attach", "wait", "delete"):
        subs[name].add_argument("name", metavar="NAME", help="the image's name")
    subs["enable"].add_argument("name", metavar="IMAGE", help="a managed image (Python3_11_7, …) or a custom image")
    subs["bases"].add_argument("name", metavar="IMAGE", nargs="?", help="a managed image: list its packages")
    subs["diff"].add_argument("name", metavar="A", help="an image, custom or managed")
    subs["diff"].add_argument("other", metavar="B", nargs="?", help="another one; without it, what A is built on")
    _export(subs["export"])
    _freeze(subs["freeze"])
    for name in ("delete", "enable", "disable"):
        _add_wait_options(subs[name])
        _add_change_options(subs[name], yes=name == "delete")
    for name, sub in subs.items():
        if name not in ("bases", "status"):
            _add_cluster_options(sub, many=name in MULTI_CLUSTER)
    return parser


def subparsers() -> Mapping[str, argparse.ArgumentParser]:
    """Return the parser of each subcommand."""
    groups = [action for action in line_parser()._actions if isinstance(action, argparse._SubParsersAction)]
    return dict(groups[0].choices)


def _use(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("what", nargs="?", metavar="emulator", choices=["emulator"], help="use the local emulator")
    words = "the emulator only where no cluster is set by the environment or config.toml: for notebooks that are shared"
    sub.add_argument("--unless-set", action="store_true", help=words)
    sub.add_argument("--build-seconds", type=_seconds, metavar="S", help="how long builds take on the emulator")
    sub.add_argument("--clusters", type=_clusters, metavar="N", help="how many clusters the emulator has")
    sub.add_argument("--as", dest="credential", metavar="WAY", help=f"how to sign in: {', '.join(CREDENTIAL_TYPES)}")
    sub.add_argument("--save", action="store_true", help="remember the cluster for later sessions, in config.toml")


def _export(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--as", dest="form", metavar="FORM", choices=FORMS, required=True, help=", ".join(FORMS))
    sub.add_argument("--to", metavar="PATH", help="write it into a new file")
    sub.add_argument("-o", "--output", metavar="VAR", type=_variable, help="keep the text in this variable")


def _freeze(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("name", metavar="NAME", nargs="?", default="my-image", help="the name of the new image")
    sub.add_argument("--base", metavar="IMAGE", help="what to build on; by default the image with this Python version")
    sub.add_argument(
        "--from-notebook",
        metavar="PATH",
        nargs="?",
        const="",
        help="read the saved notebook (this one, or PATH) instead of the cells that ran in this session",
    )


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


def _add_wait_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--wait", dest="wait", action="store_const", const="yes", help="wait until the build has ended")
    group.add_argument("--no-wait", dest="wait", action="store_const", const="no", help="return at once")


def _add_change_options(parser: argparse.ArgumentParser, *, yes: bool = True) -> None:
    words = "wait while another change of the cluster is running"
    parser.add_argument("--queue", action="store_true", help=words)
    if yes:
        words = "go on also with the image that the queries of the cluster run on"
        parser.add_argument("--yes", action="store_true", help=words)


def _add_cluster_options(parser: argparse.ArgumentParser, *, many: bool = False) -> None:
    group = parser.add_argument_group("the cluster, where it is another than the chosen one")
    group.add_argument("--subscription", metavar="ID", help="the subscription's id")
    group.add_argument("--resource-group", metavar="GROUP", help="the resource group's name")
    if many:
        words = "the cluster's name, or its whole ARM id; several times: all of them, side by side"
        group.add_argument("--cluster", metavar="CLUSTER", action=_Clusters, help=words)
        words = "all clusters that Azure Resource Graph finds, such as \"where tags.environment == 'test'\""
        group.add_argument("--clusters-from", metavar="QUERY", help=words)
    else:
        group.add_argument("--cluster", metavar="CLUSTER", help="the cluster's name, or its whole ARM id")
    group.add_argument("--cloud", metavar="CLOUD", help="public, usgov or china")
    group.add_argument("--endpoint", metavar="URL", help="a Resource Manager of one's own")


def _variable(value: str) -> str:
    if not value.isidentifier() or keyword.iskeyword(value):
        raise argparse.ArgumentTypeError(f"{excerpt(value)} is no name of a variable")
    return value


def _seconds(value: str) -> float:
    seconds = float(value)
    if not 0 <= seconds <= 24 * 3600:
        raise argparse.ArgumentTypeError(f"{excerpt(value)} is not between 0 and a day of seconds")
    return seconds


def _clusters(value: str) -> int:
    from kusto_magic.arm.local_emulator import MAX_CLUSTERS, parse_cluster_count

    try:
        return parse_cluster_count(value)
    except ValueError:
        words = f"{excerpt(value)} is not a number from 1 to {MAX_CLUSTERS}"
        raise argparse.ArgumentTypeError(words) from None


def _options_of(parser: argparse.ArgumentParser, command: str | None) -> Sequence[str]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction) and command in action.choices:
            return _options_of(action.choices[command], None)
    return [option for action in parser._actions for option in action.option_strings]


def _closest(word: str, choices: str) -> str:
    close = difflib.get_close_matches(word, [choice.strip("'") for choice in choices.split(", ")], n=1)
    return close[0] if close else ""


def _unknown(word: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(word.partition("=")[0], known, n=1)
    hint = f"; did you mean {close[0]}?" if close else ""
    kind = "option" if word.startswith("-") else "word"
    return f"there is no {kind} {excerpt(word)} here{hint}"
