"""States of an operation: the words that code, history, JSON and every screen share."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """How an operation ended, with any action; sent to JupyterLab beside the state."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    REJECTED = "rejected"
    NOT_SUBMITTED = "notSubmitted"
    UNKNOWN = "unknown"


class Phase(StrEnum):
    """The part of an operation that a state belongs to; sent to JupyterLab beside the state."""

    CHECK = "check"
    """This machine resolves the requirements."""
    SUBMIT = "submit"
    """The request waits or is being sent."""
    WORK = "work"
    """The service works on it."""
    DONE = "done"
    """It has succeeded."""


class BuildState(StrEnum):
    """State of an operation on an image or on a cluster.

    Values are shown as they are, stored in the history and sent to JupyterLab.
    """

    CHECKING = "Checking"
    """The requirements are being resolved on this machine."""
    QUEUED = "Queued"
    """It waits for another change of the cluster or of the image."""
    SUBMITTING = "Submitting"
    """The request is being sent."""
    BUILDING = "Building"
    """The service is building the image."""
    DELETING = "Deleting"
    """The service is deleting the image."""
    ENABLING = "Enabling"
    """The service is enabling python() with the image."""
    DISABLING = "Disabling"
    """The service is disabling python()."""
    CONFIRMING = "Confirming"
    """The operation succeeded; the resource does not show it yet."""
    SUCCEEDED = "Succeeded"
    """The image is built."""
    DELETED = "Deleted"
    """The image is deleted."""
    ENABLED = "Enabled"
    """python() uses the image."""
    DISABLED = "Disabled"
    """python() is disabled."""
    FAILED = "Failed"
    """The service reports a failure, or the image is not what was sent."""
    CANCELED = "Canceled"
    """The service reports a cancellation."""
    REJECTED = "Rejected"
    """The service refused the request; nothing was started."""
    NOT_SUBMITTED = "Not submitted"
    """It was stopped on this machine before anything was sent."""
    UNKNOWN = "Unknown"
    """Polling ended without a final state, or its request has no known outcome."""

    @property
    def outcome(self) -> Outcome | None:
        """How the operation ended, or None while it is in progress."""
        return Outcome.SUCCEEDED if self in SUCCESS_STATES else _OTHER_OUTCOMES.get(self)

    @property
    def succeeded(self) -> bool:
        """Whether the operation has succeeded."""
        return self.outcome is Outcome.SUCCEEDED

    @property
    def is_terminal(self) -> bool:
        """Whether the service has reported that the operation has ended."""
        return self.outcome in (Outcome.SUCCEEDED, Outcome.FAILED, Outcome.CANCELED)


SUCCESS_STATES = frozenset({BuildState.SUCCEEDED, BuildState.DELETED, BuildState.ENABLED, BuildState.DISABLED})
"""States of successful operations, one per action."""

_OTHER_OUTCOMES = {
    BuildState.FAILED: Outcome.FAILED,
    BuildState.CANCELED: Outcome.CANCELED,
    BuildState.REJECTED: Outcome.REJECTED,
    BuildState.NOT_SUBMITTED: Outcome.NOT_SUBMITTED,
    BuildState.UNKNOWN: Outcome.UNKNOWN,
}

_EARLY_PHASES = {
    BuildState.CHECKING: Phase.CHECK,
    BuildState.NOT_SUBMITTED: Phase.CHECK,
    BuildState.QUEUED: Phase.SUBMIT,
    BuildState.SUBMITTING: Phase.SUBMIT,
    BuildState.REJECTED: Phase.SUBMIT,
}

UNSENT_STATES = frozenset({BuildState.CHECKING, BuildState.QUEUED})
"""States before anything was sent; the work ends with the process."""

NOT_STARTED = UNSENT_STATES | {BuildState.SUBMITTING}
"""States before the service has accepted the request."""


def phase_of(state: BuildState) -> Phase:
    """Return the part of an operation that is in progress, or in which it ended."""
    return Phase.DONE if state.succeeded else _EARLY_PHASES.get(state, Phase.WORK)
