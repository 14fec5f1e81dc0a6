"""Groups of options that the commands of a cell, of a line and of a shell share."""

from __future__ import annotations

import argparse

from kusto_magic.models.action import ACTIONS
from kusto_magic.models.export_forms import ALL_FORMS
from kusto_magic.models.sign_in_methods import CREDENTIAL_TYPES

MULTI_CLUSTER = tuple(action.value for action, info in ACTIONS.items() if not info.creates_image)
"""Commands that start an operation on an existing image: they accept several clusters."""


class _Clusters(argparse.Action):
    """Store the last cluster as `cluster`, as for a single-cluster option, and all of them as `named`."""

    def __call__(
        self, _parser: object, options: argparse.Namespace, value: object, _option_string: str | None = None
    ) -> None:
        options.cluster = value
        options.named = [*getattr(options, "named", []), value]  # a new list: argparse shares the default between calls


def add_name(parser: argparse.ArgumentParser, more: str = "") -> None:
    """Add the name of a new image."""
    help_text = f"name of the image: letters, digits, '.', '-' and '_'{more}"
    parser.add_argument("name", metavar="NAME", help=help_text)


def add_base(parser: argparse.ArgumentParser) -> None:
    """Add the base of a new image."""
    base = parser.add_argument_group("base of the image (one of these)")
    base.add_argument("--base", metavar="IMAGE", help="managed image (Python3_11_7, …) or custom image")
    base.add_argument("--python", metavar="VERSION", help="plain Python version, such as 3.10.8")


def add_checks(parser: argparse.ArgumentParser) -> None:
    """Add the options of the check before sending."""
    checks = parser.add_argument_group("check before sending")
    checks.add_argument(
        "--no-check",
        action="store_true",
        help="send without checking whether the packages can be installed together; also hashes and options of pip, "
        "which cannot be checked",
    )
    add_fix(checks)
    checks.add_argument("--pin", action="store_true", help="send exactly the versions that the check selected")


def add_fix(parser: argparse._ActionsContainer) -> None:
    """Add the option that applies corrections."""
    help_text = "apply proposed corrections; leave out a line that has none"
    parser.add_argument("--fix", action="store_true", help=help_text)


def add_lock(parser: argparse.ArgumentParser, text: str) -> None:
    """Add the options of the lock; `text` is where the requirements are ("cell")."""
    lock = parser.add_argument_group("lock")
    from_lock = f"without a {text}, its requirements are used"
    help_text = f"send only what this lock has, or write it (pylock.toml or pylock.NAME.toml); {from_lock}"
    lock.add_argument("--lock", metavar="FILE", help=help_text)
    lock.add_argument("--update-lock", action="store_true", help="replace the lock by what the check finds now")
    add_exclude_newer(lock)


def add_exclude_newer(parser: argparse._ActionsContainer) -> None:
    """Add the option that lets the check ignore later releases."""
    help_text = "let the check ignore releases after this date (in UTC), such as 2024-06-30, or after an RFC 3339 time"
    parser.add_argument("--exclude-newer", metavar="DATE", type=_cutoff, help=help_text)


def _cutoff(value: str) -> str:
    from kusto_magic.models.lock import cutoff_time

    try:
        cutoff_time(value)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return value


def add_index_options(parser: argparse._ActionsContainer, where: str) -> None:
    """Add the option that allows index options `where` the requirements are ("in the cell")."""
    help_text = f"allow --index-url lines {where} (never with a password)"
    parser.add_argument("--allow-index-options", action="store_true", help=help_text)


def add_no_packages(parser: argparse._ActionsContainer, without: str) -> None:
    """Add the option for an image without packages, from an empty text or `without` one ("from an empty cell")."""
    help_text = f"create the image without packages of its own; {without}: the base image or Python alone"
    parser.add_argument("--no-packages", action="store_true", help=help_text)


def add_sending(parser: argparse.ArgumentParser) -> None:
    """Add the options that send although nothing has changed, or send nothing."""
    add_forced_sending(parser)
    add_dry_runs(parser)


def add_forced_sending(parser: argparse.ArgumentParser) -> None:
    """Add the option that sends although nothing has changed."""
    parser.add_argument("--force", action="store_true", help="send even if the image is already up to date")


def add_dry_runs(parser: argparse._ActionsContainer) -> None:
    """Add the options that send nothing."""
    parser.add_argument("--dry-run", action="store_true", help="show the request without sending it")
    help_text = "show which packages would change, without sending anything"
    parser.add_argument("--diff", action="store_true", help=help_text)


def add_sending_again(parser: argparse.ArgumentParser) -> None:
    """Add the option that sends what the service has not confirmed."""
    help_text = "send it again if its process ended before the service confirmed it; without this, nothing is sent"
    parser.add_argument("--send", action="store_true", help=help_text)


def add_compared(parser: argparse.ArgumentParser) -> None:
    """Add the two images of `diff`."""
    parser.add_argument("name", metavar="A", help="custom or managed image")
    help_text = "image to compare with; default: the base image of A"
    parser.add_argument("other", metavar="B", nargs="?", help=help_text)


def add_verifying(parser: argparse.ArgumentParser) -> None:
    """Add the image to verify, and how."""
    help_text = "image that queries should use; default: the one that they use"
    parser.add_argument("name", metavar="NAME", nargs="?", help=help_text)
    help_text = "also import the packages that the requirements name"
    parser.add_argument("--import", dest="imports", action="store_true", help=help_text)
    _add_database(parser)


def add_bases(parser: argparse.ArgumentParser) -> None:
    """Add the managed image of `bases`, and reading what it contains."""
    parser.add_argument("name", metavar="IMAGE", nargs="?", help="managed image whose packages to list")
    ways = parser.add_mutually_exclusive_group()
    help_text = (
        "query the cluster for the packages of its active managed image and for its sandbox policy; later checks for "
        "this cluster use them"
    )
    ways.add_argument("--live", action="store_true", help=help_text)
    help_text = "forget what was read from the cluster, of IMAGE or all of it; later checks use the documentation again"
    ways.add_argument("--forget", action="store_true", help=help_text)
    _add_database(parser)


def _add_database(parser: argparse.ArgumentParser) -> None:
    help_text = "database in which the query runs; default: the first that you may query"
    parser.add_argument("--database", metavar="NAME", type=_not_empty, help=help_text)


def _not_empty(value: str) -> str:
    if not value.strip():
        raise argparse.ArgumentTypeError("the name is empty")
    return value


def add_export_form(parser: argparse.ArgumentParser) -> None:
    """Add the format of `export`, and the file to write to."""
    parser.add_argument(
        "--as", dest="form", metavar="FORM", choices=ALL_FORMS, required=True, help=", ".join(ALL_FORMS)
    )
    parser.add_argument("--to", metavar="PATH", help="write to a new file")


def add_forced_enabling(parser: argparse.ArgumentParser) -> None:
    """Add the option that enables an image which is enabled already."""
    help_text = "send even if python() uses this image already, for example after it was rebuilt"
    parser.add_argument("--force", action="store_true", help=help_text)


def add_waiting(parser: argparse.ArgumentParser, no_wait: str = "return immediately") -> None:
    """Add the options that decide whether a command waits for the operation; `no_wait` is the help of the second."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--wait", dest="wait", action="store_const", const="yes", help="wait until it is done")
    group.add_argument("--no-wait", dest="wait", action="store_const", const="no", help=no_wait)


def add_changing(parser: argparse.ArgumentParser, *, yes: bool = True) -> None:
    """Add the options of a change; `yes` is whether it can replace or delete an image that is in use."""
    waits = "wait also while another process or user changes the cluster"
    parser.add_argument("--queue", action="store_true", help=waits)
    if yes:
        help_text = "proceed even if queries use this image; also if it is unknown which one they use"
        parser.add_argument("--yes", action="store_true", help=help_text)


def add_cluster(parser: argparse.ArgumentParser, *, many: bool = False) -> argparse._ArgumentGroup:
    """Add the options that choose the cluster, or `many` clusters; return their group."""
    group = parser.add_argument_group("target cluster (overrides `use`)")
    group.add_argument("--subscription", metavar="ID", help="ID of the subscription")
    group.add_argument("--resource-group", metavar="GROUP", help="name of the resource group")
    if many:
        help_text = "name or full ARM ID of the cluster; repeat the option for several clusters in parallel"
        group.add_argument("--cluster", metavar="CLUSTER", action=_Clusters, help=help_text)
        help_text = "all clusters found by an Azure Resource Graph query, such as \"where tags.environment == 'test'\""
        group.add_argument("--clusters-from", metavar="QUERY", help=help_text)
    else:
        group.add_argument("--cluster", metavar="CLUSTER", help="name or full ARM ID of the cluster")
    group.add_argument("--cloud", metavar="CLOUD", help="Azure cloud: public, usgov or china")
    group.add_argument("--endpoint", metavar="URL", help="URL of a custom Resource Manager endpoint")
    return group


def add_method(parser: argparse._ActionsContainer, option: str) -> None:
    """Add the option that chooses the sign-in method."""
    help_text = f"sign-in method: {', '.join(CREDENTIAL_TYPES)}"
    parser.add_argument(option, dest="credential", metavar="METHOD", help=help_text)


def add_tenant(parser: argparse._ActionsContainer) -> None:
    """Add the option that chooses the tenant."""
    parser.add_argument("--tenant", metavar="TENANT", help="ID or domain of the tenant to sign in to")
