"""How the users of each front end with commands write them, and its sentences for each hint.

The magics and the shell have the same commands; `CommandSyntax` is what differs in the texts that name them.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from kusto_magic.errors import KustoImageError, Problem
from kusto_magic.hints import HintKind, HintTable
from kusto_magic.program_hints import COMMON


@dataclass(frozen=True, slots=True)
class CommandSyntax:
    """How the users of a front end write the commands.

    `program` precedes each command, `new_image` is a line that creates an image. `repair_sentence` says how to begin to
    repair the image {name}, `text_noun` what the requirements are in. `credential_option` sets the
    sign-in method. `hints` are the sentences of the front end.
    """

    program: str
    new_image: str
    repair_sentence: str
    text_noun: str
    credential_option: str
    hints: HintTable

    def command(self, *words: str) -> str:
        """Return a command with its arguments, which are quoted as in a shell."""
        return f"{self.program} {shlex.join(words)}"

    def repair(self, name: str) -> str:
        """Return how to begin to repair an image whose build has failed."""
        return self.repair_sentence.format(name=shlex.quote(name))

    def listed(self, problems: Sequence[Problem]) -> list[str]:
        """Return the first problems as text, and how many more there are."""
        more = len(problems) - MAX_LISTED_PROBLEMS
        texts = [problem.text(self.hints) for problem in problems[:MAX_LISTED_PROBLEMS]]
        return [*texts, f"{more} more"] if more > 0 else texts

    @contextmanager
    def in_errors(self) -> Iterator[None]:
        """Let the errors of this package that are raised show the sentences of this front end."""
        try:
            yield
        except KustoImageError as error:
            error.hint_table = self.hints
            raise


MAX_LISTED_PROBLEMS = 5
"""Maximum number of problems that a message lists."""


def _sentences(program: str, again: str, restart: str) -> Mapping[HintKind, str]:
    """Return the sentences that name commands: `again` repeats one, `restart` makes changed variables take effect."""
    at_start = again[0].upper() + again[1:]
    return {
        **COMMON,
        HintKind.FIX_INPUT: f"Fix this and {again}. Nothing was sent.",
        HintKind.CHOOSE_BASE_IMAGE: (
            f"Add --base Python3_11_7 ({program} bases lists the managed images) or --python 3.10.8."
        ),
        HintKind.CHOOSE_LISTED_IMAGE: (
            f"Choose one of the image names above; {program} bases lists those of this version."
        ),
        HintKind.CHOOSE_SUBSCRIPTION: (
            f"Run {program} clusters --subscription ID, or choose a cluster first with {program} use."
        ),
        HintKind.ALLOW_INDEX_OPTIONS: "Add --allow-index-options if you trust the indexes.",
        HintKind.ALLOW_NO_PACKAGES: "Add --no-packages to create an image of its base alone.",
        HintKind.SHOW_HELP: "{name} --help shows the valid arguments.",
        HintKind.SEND_UNPINNED: f"Try again later, or {again} without --pin.",
        HintKind.RUN_COMMAND: f"Run `{{name}}` in a terminal, then {again}.",
        HintKind.SET_VARIABLES: f"Set {{values}} to valid values, then {restart}.",
        HintKind.FIX_VARIABLES: f"Fix or unset {{values}}, then {restart}.",
        HintKind.SET_CA_BUNDLE: f"Set {{values}} to a bundle with your network's certificates, then {restart}.",
        HintKind.EXTEND_CA_BUNDLE: f"Add your network's certificates to the bundle in {{name}}, then {restart}.",
        HintKind.CHECK_ENDPOINT: (
            f"Check the endpoint ({program} doctor) and the proxy: the certificate is that of another host."
        ),
        HintKind.ASK_FOR_ROLE: (
            f"Ask an owner of the cluster for a role with {{values}} ({program} doctor checks all of them)."
        ),
        HintKind.CHECK_PERMISSIONS: f"See the service's message above; {program} doctor checks the permissions.",
        HintKind.CHECK_CLUSTER: f"Check the names; {program} clusters lists the clusters that you can access.",
        HintKind.CHECK_NAME: (
            f"Check the name; {program} list shows the images, {program} bases the managed images, "
            f"{program} clusters the clusters."
        ),
        HintKind.RETRY: f"{at_start}.",
        HintKind.WAIT_FOR_CLUSTER: (
            "Wait until the running change of the cluster is done, or add --queue to wait and retry automatically."
        ),
        HintKind.WAIT_FOR_BUILD: f"Its build is in progress; {program} wait {{argument}} waits until it is done.",
        HintKind.RESUME: f"{program} attach {{argument}} resumes the operation.",
        HintKind.CHECK_ARRIVAL: (
            f"The request may have arrived: {program} attach {{argument}} shows whether the operation was started. "
            "Otherwise: {then}"
        ),
        HintKind.SEND_AGAIN: (
            f"Check it with {program} show {{argument}}; if it is still wanted, {program} attach {{argument}} --send "
            "sends it."
        ),
        HintKind.SHOW_STATUS: f"{program} status shows the operations and their results.",
        HintKind.FIX_REQUIREMENTS: f"See the service's message above, fix the requirements, and {again}.",
        HintKind.FIX_FLEET: f"Fix the errors and {again}; clusters that succeeded are left unchanged.",
        HintKind.CHECK_IMAGES: f"See the service's message above; {program} list shows the images.",
        HintKind.CHECK_IMAGE: (
            f"Check it with {program} show {{argument}}; {again} with --force if it should be yours."
        ),
        HintKind.SHOW_IMAGE: f"{program} show {{argument}} shows the image as the service returns it.",
        HintKind.CONFIRM: "Add --yes to proceed anyway.",
        HintKind.USE_NEW_NAME: f"Or choose a new name, and enable that image afterwards with {program} enable.",
        HintKind.ENABLE_BEFORE: f"{program} enable {{argument}} enables it; then {again}.",
        HintKind.CHOOSE_DATABASE: "Add --database with the name of a database that exists and that you may query.",
        HintKind.REBUILD_IMAGE: (
            "Build image {name} again with --force; --pin sends exactly the versions that the check selects."
        ),
        HintKind.READ_BASE: (
            f"Run {program} bases --live, so that later checks use the packages that the image has, not those of a "
            "list."
        ),
        HintKind.ENABLE_IMAGE: f"{program} enable IMAGE selects one.",
    }


MAGICS = HintTable(
    {
        **_sentences("%kusto_image", "run the cell again", "restart the kernel"),
        HintKind.APPLY_CORRECTION: (
            "Copy the corrected requirements into the cell, or add --fix to use them as they are. Nothing was sent."
        ),
        HintKind.CHOOSE_CLUSTER: (
            "Run %kusto_image use --cluster ARM-ID (or %kusto_image use emulator), then run the cell again."
        ),
        HintKind.SET_SETTING: (
            "Set it with %kusto_image use, %config KustoImageMagics.{name}, {values} in the environment or {name} in "
            "config.toml."
        ),
        HintKind.PASTE_FILE: "Paste the lines of the file here, or use --file PATH.",
        HintKind.RECREATE_IMAGE: "Build the image again from a cell without this, then export it.",
        HintKind.FIX_CONFLICT: "Fix the cell and run it again, or send it anyway with --no-check.",
        HintKind.ACCEPT_CORRECTION: (
            "Copy the corrected requirements into the cell, or add --fix to use them as they are; --no-check sends "
            "the cell anyway."
        ),
        HintKind.SEND_UNPINNED: "Try again later, or run the cell without --pin.",
        HintKind.UPDATE_LOCK: (
            "Leave the cell empty and --base out to use those of the lock, or add --update-lock to replace the lock."
        ),
        HintKind.SIGN_IN: "Sign in with `az login` or with %kusto_image use --as {name}, then run the cell again.",
        HintKind.SIGN_IN_INTERACTIVELY: (
            "Run %kusto_image use --as {name} in an interactive notebook, or choose another --as."
        ),
        HintKind.CHOOSE_CREDENTIAL: "%kusto_image use --as METHOD chooses another sign-in method, such as {values}.",
        HintKind.ALLOW_MORE_TIME: (
            "Run `{name}` in a terminal; if it responds, allow it more time with %config "
            "KustoImageMagics.az_timeout = {values}, then run the cell again."
        ),
        HintKind.START_EMULATOR: "Start the emulator with %kusto_image use emulator, then run the cell again.",
        HintKind.RESUME_AFTER_RESTART: "After a kernel restart, %kusto_image attach {argument} resumes.",
        HintKind.WAIT_BEFORE_END: (
            "Add --wait to wait before the session ends, or send it with %kusto_image attach {argument} --send."
        ),
    },
    shlex.quote,
)
"""The sentences of the magics and their commands; names are quoted as in a shell."""

SHELL = HintTable(
    {
        **_sentences("kusto-image", "run the command again", "run the command again"),
        HintKind.APPLY_CORRECTION: (
            "Copy the corrected requirements into the file, or add --fix to use them as they are. Nothing was sent."
        ),
        HintKind.CHOOSE_CLUSTER: (
            "Add --cluster ARM-ID, set KUSTO_MAGIC_CLUSTER, or run kusto-image use --cluster ARM-ID once; --emulator "
            "needs no cluster."
        ),
        HintKind.SET_SETTING: "Add its option, or set {values} in the environment or {name} in config.toml.",
        HintKind.PASTE_FILE: "Name that file with -f instead.",
        HintKind.RECREATE_IMAGE: "Build the image again without this, then export it.",
        HintKind.FIX_CONFLICT: "Fix the file and run the command again, or send it anyway with --no-check.",
        HintKind.ACCEPT_CORRECTION: (
            "Copy the corrected requirements into the file, or add --fix to use them as they are; --no-check sends "
            "the file anyway."
        ),
        HintKind.UPDATE_LOCK: (
            "Leave -f and --base out to use those of the lock, or add --update-lock to replace the lock."
        ),
        HintKind.SIGN_IN: "Sign in with `az login` or add --sign-in {name}, then run the command again.",
        HintKind.SIGN_IN_INTERACTIVELY: "Add --sign-in {name} in a terminal, or choose another method.",
        HintKind.CHOOSE_CREDENTIAL: "--sign-in METHOD chooses another sign-in method, such as {values}.",
        HintKind.ALLOW_MORE_TIME: (
            "Run `{name}` in a terminal; if it responds, allow it more time with KUSTO_MAGIC_AZ_TIMEOUT={values} in "
            "the environment, then run the command again."
        ),
        HintKind.START_EMULATOR: "Run the command again with --emulator, which starts the emulator.",
        HintKind.RESUME_AFTER_RESTART: "If this process ends, kusto-image attach {argument} resumes.",
        HintKind.WAIT_BEFORE_END: "kusto-image attach {argument} --send sends it and waits for it.",
    },
    shlex.quote,
)
"""The sentences of `kusto-image`; names are quoted as in a shell."""

MAGIC_SYNTAX = CommandSyntax(
    "%kusto_image",
    "%%kusto_image NAME --base Python3_11_7",
    "%kusto_image edit {name} opens it as a cell: fix the requirements, and run the cell.",
    "cell",
    "--as",
    MAGICS,
)
"""The commands as magics in a notebook."""

SHELL_SYNTAX = CommandSyntax(
    "kusto-image",
    "kusto-image build NAME -f requirements.txt --base Python3_11_7",
    "kusto-image export {name} --as requirements writes its requirements: fix them, and build it again.",
    "file",
    "--sign-in",
    SHELL,
)
"""The commands in a shell."""
