"""The sentences of the magics and their commands for each hint."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from kusto_magic.errors import KustoImageError, Problem
from kusto_magic.hints import HintKind, HintTable
from kusto_magic.program_hints import COMMON

MAGICS = HintTable(
    {
        **COMMON,
        HintKind.FIX_INPUT: "Fix this and run the cell again. Nothing was sent.",
        HintKind.APPLY_CORRECTION: (
            "Copy the corrected requirements into the cell, or add --fix to use them as they are. Nothing was sent."
        ),
        HintKind.CHOOSE_BASE_IMAGE: (
            "Add --base Python3_11_7 (%kusto_image bases lists the managed images) or --python 3.10.8."
        ),
        HintKind.CHOOSE_LISTED_IMAGE: (
            "Choose one of the image names above; %kusto_image bases lists those of this version."
        ),
        HintKind.CHOOSE_CLUSTER: (
            "Run %kusto_image use --cluster ARM-ID (or %kusto_image use emulator), then run the cell again."
        ),
        HintKind.CHOOSE_SUBSCRIPTION: (
            "Run %kusto_image clusters --subscription ID, or choose a cluster first with %kusto_image use."
        ),
        HintKind.SET_SETTING: (
            "Set it with %kusto_image use, %config KustoImageMagics.{name}, {values} in the environment or {name} in "
            "config.toml."
        ),
        HintKind.ALLOW_INDEX_OPTIONS: "Add --allow-index-options if you trust the indexes.",
        HintKind.ALLOW_NO_PACKAGES: "Add --no-packages to create an image of its base alone.",
        HintKind.PASTE_FILE: "Paste the lines of the file here, or use --file PATH.",
        HintKind.RECREATE_IMAGE: "Build the image again from a cell without this, then export it.",
        HintKind.SHOW_HELP: "{name} --help shows the valid arguments.",
        HintKind.FIX_CONFLICT: "Fix the cell and run it again, or send it anyway with --no-check.",
        HintKind.ACCEPT_CORRECTION: (
            "Copy the corrected requirements into the cell, or add --fix to use them as they are; --no-check sends "
            "the cell anyway."
        ),
        HintKind.SEND_UNPINNED: "Try again later, or run the cell without --pin.",
        HintKind.SIGN_IN: "Sign in with `az login` or with %kusto_image use --as {name}, then run the cell again.",
        HintKind.SIGN_IN_INTERACTIVELY: (
            "Run %kusto_image use --as {name} in an interactive notebook, or choose another --as."
        ),
        HintKind.CHOOSE_CREDENTIAL: ("%kusto_image use --as METHOD chooses another sign-in method, such as {values}."),
        HintKind.RUN_COMMAND: "Run `{name}` in a terminal, then run the cell again.",
        HintKind.ALLOW_MORE_TIME: (
            "Run `{name}` in a terminal; if it responds, allow it more time with %config "
            "KustoImageMagics.az_timeout = {values}, then run the cell again."
        ),
        HintKind.SET_VARIABLES: "Set {values} to valid values, then restart the kernel.",
        HintKind.FIX_VARIABLES: "Fix or unset {values}, then restart the kernel.",
        HintKind.SET_CA_BUNDLE: "Set {values} to a bundle with your network's certificates, then restart the kernel.",
        HintKind.EXTEND_CA_BUNDLE: "Add your network's certificates to the bundle in {name}, then restart the kernel.",
        HintKind.CHECK_ENDPOINT: (
            "Check the endpoint (%kusto_image doctor) and the proxy: the certificate is that of another host."
        ),
        HintKind.START_EMULATOR: "Start the emulator with %kusto_image use emulator, then run the cell again.",
        HintKind.ASK_FOR_ROLE: (
            "Ask an owner of the cluster for a role with {values} (%kusto_image doctor checks all of them)."
        ),
        HintKind.CHECK_PERMISSIONS: "See the service's message above; %kusto_image doctor checks the permissions.",
        HintKind.CHECK_CLUSTER: "Check the names; %kusto_image clusters lists the clusters that you can access.",
        HintKind.CHECK_NAME: (
            "Check the name; %kusto_image list shows the images, %kusto_image bases the managed images, "
            "%kusto_image clusters the clusters."
        ),
        HintKind.RETRY: "Run the cell again.",
        HintKind.WAIT_FOR_CLUSTER: (
            "Wait until the running change of the cluster is done, or add --queue to wait and retry automatically."
        ),
        HintKind.WAIT_FOR_BUILD: "Its build is in progress; %kusto_image wait {argument} waits until it is done.",
        HintKind.RESUME: "%kusto_image attach {argument} resumes the operation.",
        HintKind.RESUME_AFTER_RESTART: "After a kernel restart, %kusto_image attach {argument} resumes.",
        HintKind.CHECK_ARRIVAL: (
            "The request may have arrived: %kusto_image attach {argument} shows whether the operation was started. "
            "Otherwise: {then}"
        ),
        HintKind.SEND_AGAIN: (
            "Check it with %kusto_image show {argument}; if it is still wanted, %kusto_image attach {argument} --send "
            "sends it."
        ),
        HintKind.WAIT_BEFORE_END: (
            "Add --wait to wait before the session ends, or send it with %kusto_image attach {argument} --send."
        ),
        HintKind.SHOW_STATUS: "%kusto_image status shows the operations and their results.",
        HintKind.FIX_REQUIREMENTS: "See the service's message above, fix the requirements, and run the cell again.",
        HintKind.FIX_FLEET: "Fix the errors and run the cell again; clusters that succeeded are left unchanged.",
        HintKind.CHECK_IMAGES: "See the service's message above; %kusto_image list shows the images.",
        HintKind.CHECK_IMAGE: (
            "Check it with %kusto_image show {argument}; run the cell again with --force if it should be yours."
        ),
        HintKind.SHOW_IMAGE: ("%kusto_image show {argument} shows the image as the service returns it."),
        HintKind.CONFIRM: "Add --yes to proceed anyway.",
        HintKind.USE_NEW_NAME: "Or choose a new name, and enable that image afterwards with %kusto_image enable.",
        HintKind.ENABLE_IMAGE: "%kusto_image enable IMAGE selects one.",
    },
    shlex.quote,
)
"""The sentences of the magics and their commands; names are quoted as in a shell."""


MAX_LISTED_PROBLEMS = 5
"""Maximum number of problems that a message lists."""


def listed(problems: Sequence[Problem]) -> list[str]:
    """Return the first problems as text, and how many more there are."""
    more = len(problems) - MAX_LISTED_PROBLEMS
    texts = [problem.text(MAGICS) for problem in problems[:MAX_LISTED_PROBLEMS]]
    return [*texts, f"{more} more"] if more > 0 else texts


@contextmanager
def hints_of_magics() -> Iterator[None]:
    """Let the errors of this package that a magic raises show the sentences of the magics."""
    try:
        yield
    except KustoImageError as error:
        error.hint_table = MAGICS
        raise
