"""What a user can do about an error or a problem: a hint is data, and each front end has one table of sentences for it.

The modules below the front ends raise errors with a `Hint` and do not know who reads them. The tables are
`program_hints` (for users of the Python API), `display.command_hints`, `panel.hints` and, for JupyterLab,
`labextension/src/model/hints.ts`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any


class HintKind(StrEnum):
    """One thing that a user can do; `name` and `values` are those of the Hint."""

    # input
    FIX_INPUT = "fix-input"
    """Correct the input that breaks a rule."""
    APPLY_CORRECTION = "apply-correction"
    """Use the corrected requirements that are shown."""
    CHOOSE_NAME = "choose-name"
    """Use a name that can be part of a command."""
    CHOOSE_BASE_IMAGE = "choose-base-image"
    """Name a base image or a Python version."""
    CHOOSE_LISTED_IMAGE = "choose-listed-image"
    """Use one of the image names in the service's message."""
    CHOOSE_CLUSTER = "choose-cluster"
    """Select the cluster."""
    CHOOSE_SUBSCRIPTION = "choose-subscription"
    """Select the subscription whose clusters are listed."""
    SET_SETTING = "set-setting"
    """Set the setting `name`, for example with the environment variable in `values`."""
    ALLOW_INDEX_OPTIONS = "allow-index-options"
    """Allow index options: requests are sent to the indexes that the requirements name."""
    ALLOW_NO_PACKAGES = "allow-no-packages"
    """Allow an image without packages of its own."""
    PASTE_FILE = "paste-file"
    """Put the lines of a file into the requirements."""
    RECREATE_IMAGE = "recreate-image"
    """Build the image again without what cannot be exported."""
    SHOW_HELP = "show-help"
    """Read the help of the command `name`."""

    # check
    FIX_CONFLICT = "fix-conflict"
    """Change requirements that cannot be installed, or skip the check."""
    ACCEPT_CORRECTION = "accept-correction"
    """Send the correction of requirements that cannot be installed, change them, or skip the check."""
    SEND_UNPINNED = "send-unpinned"
    """Check again later, or send the requirements without pinned versions."""
    UPDATE_LOCK = "update-lock"
    """Build what the lock has, or replace the lock."""

    # sign-in
    SIGN_IN = "sign-in"
    """Sign in, with az or with the interactive method `name`."""
    SIGN_IN_INTERACTIVELY = "sign-in-interactively"
    """Sign in with the method `name`, which needs a user."""
    SIGN_IN_TO_TENANT = "sign-in-to-tenant"
    """Sign in to the subscription's tenant with az, with an account that it knows."""
    CHOOSE_CREDENTIAL = "choose-credential"
    """Use a sign-in method that works on this machine, such as those in `values`."""
    RUN_COMMAND = "run-command"
    """Run the command `name` in a terminal."""
    ALLOW_MORE_TIME = "allow-more-time"
    """See with the command `name` whether a tool responds; if it does, allow it the seconds in `values`."""
    INSTALL_TOOL = "install-tool"
    """Install the tool `name`, then run the command in `values`."""
    ASSIGN_IDENTITY = "assign-identity"
    """Assign a managed identity to this machine."""
    FIX_FEDERATION = "fix-federation"
    """Correct the federated credential of the identity."""
    SET_VARIABLES = "set-variables"
    """Set the environment variables in `values`."""

    # connection
    CHECK_NETWORK = "check-network"
    """Check the network and the proxy."""
    CHECK_NAME_SERVERS = "check-name-servers"
    """Check why the host name cannot be resolved."""
    CHECK_PROXY_NAME = "check-proxy-name"
    """Check the host name of the proxy."""
    FIX_PROXY = "fix-proxy"
    """Check why the proxy refuses the connection."""
    SIGN_IN_TO_PROXY = "sign-in-to-proxy"
    """Configure the user and the password for the proxy."""
    FIX_VARIABLES = "fix-variables"
    """Correct or unset the environment variables in `values`."""
    SET_CA_BUNDLE = "set-ca-bundle"
    """Set an environment variable in `values` to a certificate bundle."""
    EXTEND_CA_BUNDLE = "extend-ca-bundle"
    """Add the network's certificates to the bundle in the environment variable `name`."""
    CHECK_CLOCK = "check-clock"
    """Check the date and time of this machine."""
    CHECK_ENDPOINT = "check-endpoint"
    """Check the configured endpoint: the certificate is that of another host."""
    REPORT_ENDPOINT = "report-endpoint"
    """Report what the endpoint does to its operator."""
    START_EMULATOR = "start-emulator"
    """Start the local emulator."""
    FIX_EMULATOR = "fix-emulator"
    """Correct what stops the emulator; deleting the file `name` starts over."""

    # refusals of the service
    FIX_REJECTED = "fix-rejected"
    """Correct what the service's message names."""
    CHECK_REQUEST = "check-request"
    """Check everything that was sent: the service does not say what it rejects."""
    SEE_MESSAGE = "see-message"
    """Do what the service's message says; waiting does not help."""
    QUOTE_ID = "quote-id"
    """Open a support request with the request id if the error persists."""
    WAIT_A_MINUTE = "wait-a-minute"
    """Try again in a minute: there were too many requests."""
    ASK_FOR_ROLE = "ask-for-role"
    """Ask for a role with the actions in `values`."""
    CHECK_PERMISSIONS = "check-permissions"
    """Check which permissions are missing."""
    ASK_SUBSCRIPTION_OWNER = "ask-subscription-owner"
    """Ask the owner of the subscription to reactivate it or to allow the operation."""
    CHECK_SUBSCRIPTION = "check-subscription"
    """Check the subscription id."""
    CHECK_CLUSTER = "check-cluster"
    """Check the names of the cluster and of its resource group."""
    CHECK_NAME = "check-name"
    """Check the name of an image or of a cluster."""
    CHECK_REGION = "check-region"
    """Check whether the cloud and the region offer sandbox custom images."""
    REGISTER_PROVIDER = "register-provider"
    """Register the resource provider `name` in the subscription."""
    REMOVE_LOCK = "remove-lock"
    """Ask for the removal of the locks in `values`."""
    COMPLY_WITH_POLICY = "comply-with-policy"
    """Comply with the policies in `values`."""

    # operations
    RETRY = "retry"
    """Do the same again."""
    WAIT_FOR_CLUSTER = "wait-for-cluster"
    """Wait until the running change of the cluster is done."""
    WAIT_FOR_BUILD = "wait-for-build"
    """Wait until the running build of the image `name` is done."""
    RESUME = "resume"
    """Resume polling the operation of the image `name`."""
    RESUME_AFTER_RESTART = "resume-after-restart"
    """Resume the operations of the image `name` if this process ends before them."""
    CHECK_ARRIVAL = "check-arrival"
    """Find out whether the request for the image `name` arrived; if it did not, do `then`."""
    SEND_AGAIN = "send-again"
    """Check the image `name`, and send the request again if it is still wanted."""
    WAIT_BEFORE_END = "wait-before-end"
    """Wait for the image `name` before the program ends, or send its change now: it was not sent in time."""
    SHOW_STATUS = "show-status"
    """Look at the operations of this machine."""
    FIX_REQUIREMENTS = "fix-requirements"
    """Correct the requirements that the service could not install."""
    FIX_FLEET = "fix-fleet"
    """Correct different errors of several clusters, and do the same again on all of them."""
    CHECK_IMAGES = "check-images"
    """Look at the images of the cluster after a change has failed."""
    CHECK_IMAGE = "check-image"
    """Look at the image `name`, and replace it if it should have been this one."""
    SHOW_IMAGE = "show-image"
    """Look at the image `name` as the service returns it."""
    CONFIRM = "confirm"
    """Confirm the change of an image that queries use or may use."""
    USE_NEW_NAME = "use-new-name"
    """Build an image with another name, and enable that one afterwards."""
    ENABLE_IMAGE = "enable-image"
    """Enable python() with an image, so that it is known which one queries use."""
    ENABLE_BEFORE = "enable-before"
    """Enable python() with the image `name`, then do the same again."""
    CHOOSE_DATABASE = "choose-database"
    """Use a database that exists, instead of the one `name`."""
    ASK_FOR_DATABASE_ROLE = "ask-for-database-role"
    """Ask for the right to query a database."""
    REBUILD_IMAGE = "rebuild-image"
    """Build the image `name` again although its requirements are the same, with pinned versions."""
    READ_BASE = "read-base"
    """Read what the managed image `name` contains, for later checks: Azure has changed it, or lists it incompletely."""
    RELOAD_PAGE = "reload-page"
    """Reload the page: it knows something that the server has forgotten."""


@dataclass(frozen=True, slots=True)
class Hint:
    """What a user can do: `kind`, what it is about, and `then` what to do next, or otherwise.

    `name` (of an image, a variable, a command) and `values` (such as actions or methods) may be external text: they are
    escaped where they are shown.
    """

    kind: HintKind
    name: str = ""
    values: tuple[str, ...] = ()
    then: Hint | None = None

    def after(self, first: Hint | None) -> Hint:
        """Return the hint `first`, and this one after everything else that it says."""
        return self if first is None else replace(first, then=self.after(first.then))


@dataclass(frozen=True, slots=True)
class HintTable:
    """The sentences of one front end.

    A sentence may contain {name}, {values} (separated by commas), {quoted} (each value in quotes after a blank) and
    {argument}: the name as the front end writes an argument, by `quote`. {then} is the place of the next hint, which is
    otherwise appended.
    """

    sentences: Mapping[HintKind, str]
    quote: Callable[[str], str] = str

    def next_line(self, hint: Hint | None) -> list[str]:
        """Return a hint as the last line of a message, [] for None."""
        return [f"Next: {self.text(hint)}"] if hint else []

    def text(self, hint: Hint | None) -> str:
        """Return a hint as sentences of plain text, "" for None. It is not escaped."""
        if hint is None:
            return ""
        sentence, then = self.sentences[hint.kind], self.text(hint.then)
        if "{then}" not in sentence and then:
            sentence = f"{sentence} {{then}}"
        return sentence.format(
            name=hint.name,
            argument=self.quote(hint.name),
            values=", ".join(hint.values),
            quoted=",".join(f" '{value}'" for value in hint.values),
            then=then,
        ).rstrip()


def hint_from_json(document: Any) -> Hint | None:
    """Return the hint of a JSON document of `hint_json`. Raises KeyError, TypeError or ValueError if it is not one."""
    if document is None:
        return None
    then = hint_from_json(document["then"])
    return Hint(HintKind(document["kind"]), document["name"], tuple(document["values"]), then)


def hint_json(hint: Hint | None) -> dict[str, object] | None:
    """Return a hint as JSON, for a front end that has its own table; None for None."""
    if hint is None:
        return None
    return {
        "kind": hint.kind.value,
        "name": hint.name,
        "values": list(hint.values),
        "then": hint_json(hint.then),
    }
