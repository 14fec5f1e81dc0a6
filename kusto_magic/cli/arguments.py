"""Arguments of `kusto-image`: the commands of the magics, and what only a shell needs."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping

from kusto_magic.commands import option_groups
from kusto_magic.commands.argument_parser import Parser
from kusto_magic.commands.arguments import SUBCOMMANDS
from kusto_magic.commands.option_groups import MULTI_CLUSTER
from kusto_magic.errors import excerpt
from kusto_magic.settings import MAX_TIMEOUT_HOURS

PROGRAM = "kusto-image"
"""Name of the command."""

FORMATS = ("text", "json", "github", "sarif")
"""Output formats: for a reader, for a program, with annotations for GitHub, for tools that read SARIF 2.1.0."""

COMMANDS: Mapping[str, str] = {
    "build": "Create an image from a requirements file, and wait until it is built.",
    "check": "Check a requirements file (-f), or that an image's requirements can still be installed (NAME).",
    "list": SUBCOMMANDS["list"].help,
    "show": SUBCOMMANDS["show"].help,
    "diff": "Compare the packages of two images. `build --diff` compares a file with its image.",
    "export": SUBCOMMANDS["export"].help,
    "active": SUBCOMMANDS["active"].help,
    "enable": SUBCOMMANDS["enable"].help,
    "disable": SUBCOMMANDS["disable"].help,
    "delete": SUBCOMMANDS["delete"].help,
    "attach": "Follow an image's operation until it is done, whichever process started it.",
    "wait": "The same as attach.",
    "status": SUBCOMMANDS["status"].help,
    "clusters": SUBCOMMANDS["clusters"].help,
    "verify": SUBCOMMANDS["verify"].help,
    "bases": SUBCOMMANDS["bases"].help,
    "freeze": "Write the requirements that a notebook, a Python file or the python() of a query file imports.",
    "use": "Save the cluster and the sign-in method for later commands.",
    "doctor": SUBCOMMANDS["doctor"].help,
}
"""The commands and their help."""

WITHOUT_CLUSTER = frozenset({"status", "freeze"})
"""Commands that concern no cluster."""

_DURATION = re.compile(r"(\d+(?:\.\d+)?)([smh]?)")
_HOURS = {"": 3600, "s": 3600, "m": 60, "h": 1}


def shell_parser() -> argparse.ArgumentParser:
    """Return the parser of `kusto-image`, with a subparser for each command."""
    parser = Parser(
        prog=PROGRAM, allow_abbrev=False, description="Manage sandbox custom images of Azure Data Explorer."
    )
    parser.add_argument("--version", action="store_true", help="show the version")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)
    subs = {
        name: commands.add_parser(name, help=text.replace("%", "%%"), description=text, allow_abbrev=False)
        for name, text in COMMANDS.items()
    }
    _build(subs["build"])
    _check(subs["check"])
    for name in ("show", "export", "attach", "wait", "delete"):
        subs[name].add_argument("name", metavar="NAME", help="name of the image")
    for name in ("attach", "wait"):
        option_groups.add_sending_again(subs[name])
        _add_timeout(subs[name])
        subs[name].set_defaults(wait="yes")
    subs["enable"].add_argument("name", metavar="IMAGE", help="managed image (Python3_11_7, …) or custom image")
    option_groups.add_forced_enabling(subs["enable"])
    option_groups.add_bases(subs["bases"])
    option_groups.add_verifying(subs["verify"])
    option_groups.add_compared(subs["diff"])
    option_groups.add_export_form(subs["export"])
    subs["freeze"].add_argument("sources", metavar="PATH", nargs="+", help="notebook, Python file or query file")
    subs["freeze"].add_argument("--base", metavar="IMAGE", help="managed image whose packages need no line")
    subs["freeze"].set_defaults(name="my-image", from_notebook=None)
    subs["export"].set_defaults(output=None)
    options_of_use = ("what", "given", "build_seconds", "clusters")
    subs["use"].set_defaults(unless_set=False, save=True, **dict.fromkeys(options_of_use))
    subs["doctor"].add_argument("--identity", action="store_true", help="also show the account and the tenant")
    for name in MULTI_CLUSTER:
        option_groups.add_changing(subs[name], yes=name == "delete")
        _add_planning(subs[name])
        _add_waiting(subs[name])
    for name, sub in subs.items():
        _add_common(sub, name)
    return parser


def _build(sub: argparse.ArgumentParser) -> None:
    option_groups.add_name(sub)
    text = sub.add_argument_group("requirements")
    text.add_argument("-f", "--file", metavar="PATH", help="the requirements file; - reads the standard input")
    option_groups.add_index_options(text, "in the file")
    option_groups.add_no_packages(text, "without a file")
    option_groups.add_base(sub)
    option_groups.add_checks(sub)
    option_groups.add_lock(sub, "file")
    option_groups.add_changing(sub)
    option_groups.add_forced_sending(sub)
    option_groups.add_dry_runs(_add_planning(sub))
    _add_waiting(sub)
    sub.set_defaults(template=False)


def _check(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("name", metavar="NAME", nargs="?", help="an image of the cluster, instead of a file")
    sub.add_argument("-f", "--file", metavar="PATH", help="the requirements file; - reads the standard input")
    option_groups.add_base(sub)
    option_groups.add_fix(sub)
    option_groups.add_lock(sub, "file")
    option_groups.add_index_options(sub, "in the file")
    strict = "end with 3 if the check is inconclusive, for example since an index cannot be reached"
    sub.add_argument("--strict", action="store_true", help=strict)
    defaults = ("template", "no_packages", "no_check", "pin", "dry_run", "diff")
    sub.set_defaults(clusters_from=None, **dict.fromkeys(defaults, False))


def _add_planning(sub: argparse.ArgumentParser) -> argparse._MutuallyExclusiveGroup:
    group = sub.add_mutually_exclusive_group()
    help_text = "show what would be done, without sending anything; exit code 10 if something would change"
    group.add_argument("--plan", action="store_true", help=help_text)
    help_text = "send nothing; exit code 10 unless the cluster is already as it would be afterwards"
    group.add_argument("--fail-on-change", action="store_true", help=help_text)
    return group


def _add_waiting(sub: argparse.ArgumentParser) -> None:
    option_groups.add_waiting(sub, "return as soon as the service has accepted the request")
    _add_timeout(sub)


def _add_timeout(sub: argparse.ArgumentParser) -> None:
    help_text = "how long to wait, such as 90m or 2h; the operation continues afterwards; default: 4h"
    sub.add_argument("--timeout", dest="timeout_hours", type=hours, metavar="TIME", help=help_text)


def _add_common(sub: argparse.ArgumentParser, name: str) -> None:
    output = sub.add_argument_group("output")
    output.add_argument("--format", choices=FORMATS, default="text", help=", ".join(FORMATS), metavar="FORMAT")
    output.add_argument("--json", dest="format", action="store_const", const="json", help="the same as --format json")
    output.add_argument("-q", "--quiet", action="store_true", help="show no progress")
    if name in WITHOUT_CLUSTER:
        return
    group = option_groups.add_cluster(sub, many=name == "build" or name in MULTI_CLUSTER)
    if name != "use":
        group.add_argument("--emulator", action="store_true", help="use the local emulator, and start it if necessary")
    signing_in = sub.add_argument_group("sign-in")
    option_groups.add_method(signing_in, "--sign-in")  # `export --as` is a format
    option_groups.add_tenant(signing_in)


def hours(value: str) -> str:
    """Return a time such as "30s", "90m" or "2h" in hours, for `type=` of an argument; a plain number is seconds."""
    found = _DURATION.fullmatch(value)
    number = float(found[1]) / _HOURS[found[2]] if found else 0.0
    if not 0 < number <= MAX_TIMEOUT_HOURS:
        raise argparse.ArgumentTypeError(
            f"{excerpt(value)} is not a time such as 90m, at most {MAX_TIMEOUT_HOURS:.0f}h"
        )
    return f"{number:.6f}"
