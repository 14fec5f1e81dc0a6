"""Errors of this package.

::

    KustoImageError
    ├── InvalidInputError            the input breaks a rule: every problem is listed, nothing was sent
    ├── RequirementsConflictError    the requirements cannot be installed; nothing was sent
    ├── LockDriftError               the requirements, their base or their packages are not those of the lock
    ├── InUseError                   the cluster's python() runs on the image that would change; nothing was sent
    │   └── MaybeInUseError          it is not known which image python() runs on; nothing was sent
    ├── NotSubmittedError            the process that would have sent the request has ended; nothing was sent
    ├── OutcomeUnknownError          the process that sent the request ended before the response
    ├── SignInError                  the credential returned no token
    ├── NotActiveError               the image cannot be verified: queries do not use it
    ├── VerificationError            the image does not hold what it should; `.verification` has the differences
    ├── QueryError                   a query to the cluster failed
    ├── UntrustedAddressError        a response names a URL to which the token must not be sent
    ├── ServiceError                 the service refused a request (status, code, message, request id)
    │   ├── NotFoundError            404
    │   ├── ForbiddenError           401, 403
    │   ├── ConflictError            409 with a code that means busy: another change of the cluster is running
    │   └── ThrottledError           429
    ├── BuildError                   about one operation; `.operation` can be resumed
    │   ├── BuildFailedError         the service reports a failure
    │   ├── BuildCanceledError       the service reports a cancellation
    │   ├── ImageDiffersError        the build succeeded, but the image differs from what was sent
    │   ├── StatusUnreadableError    the status could not be read
    │   │   └── UnexpectedStateError the service shows something else than the operation would have led to
    │   ├── EndedElsewhereError      another process recorded the end of the operation
    │   └── PollTimeoutError         the operation was still running after the timeout for polling it
    ├── FleetFailedError             the operation failed on some of several clusters; `.failures` has the reasons
    ├── UnreachableError             no usable response from the endpoint
    └── EmulatorError                the local emulator cannot be started
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kusto_magic.display_text import DisplayText, visible
from kusto_magic.hints import Hint, HintKind, HintTable
from kusto_magic.program_hints import PROGRAM
from kusto_magic.service_fault import ServiceFault

if TYPE_CHECKING:  # types alone: these modules import this one
    from kusto_magic.arm.operation import Operation
    from kusto_magic.models.verification import Verification
    from kusto_magic.preflight.report import PreflightReport
    from kusto_magic.requirements.correction import Correction

MAX_EXCERPT_LENGTH = 60
"""Maximum number of characters of an invalid value that a message repeats."""


def excerpt(value: object) -> str:
    """Return the ASCII repr of `value`, cut to 60 characters, for use in a message."""
    text = ascii(value)  # only escapes distinguish look-alikes of ASCII letters
    return text if len(text) <= MAX_EXCERPT_LENGTH else text[: MAX_EXCERPT_LENGTH - 1] + "…"


@dataclass(frozen=True, slots=True)
class Problem:
    """A rule that an input breaks.

    `field` is the name of the input ("image name", "requirements"), `message` the broken rule, `line` the line number
    in a multi-line input, counted from 1, `fix` the corrected line, or "". `hint` is what else can be done, or None.
    `is_pip_syntax` is whether pip accepts it: only this package does not. `file` is the included file that `line` is a
    line of, "" for the input itself.
    """

    field: str
    message: str
    line: int | None = None
    hint: Hint | None = None
    fix: str = ""
    is_pip_syntax: bool = False
    file: str = ""

    def text(self, table: HintTable) -> str:
        """Return the problem with the sentence of its hint."""
        return f"{self}. {table.text(self.hint)}" if self.hint else str(self)

    def __str__(self) -> str:
        where = self.field if self.line is None else f"{self.file} line {self.line}".lstrip()
        return f"{where}: {self.message}"


class KustoImageError(Exception):
    """Base class of all errors of this package.

    `what` is what happened, `hint` what to do, or None. Both are safe to show: callers pass external text through
    `redaction.redact` first. `str` and `lines` write the hint in the words of `hint_table`: those for programs, unless
    a front end sets its own. `operation` is the one that may still be running, `is_shown` whether an output shows it.
    """

    operation: Operation | None = None
    hint_table: HintTable = PROGRAM
    is_shown: bool = False
    _lines: Sequence[str] = ()

    def __init__(self, what: str, *, hint: Hint | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint

    def details(self) -> list[str]:
        """Return additional lines: error codes, request ids, individual problems, reasons and suggestions."""
        return [f"  {line}" for line in self._lines]

    def lines(self, table: HintTable | None = None) -> list[DisplayText]:
        """Return the complete message as lines of plain text, in the words of `table` or else of `hint_table`."""
        first, *others = self._message_lines(table or self.hint_table)
        return [visible(f"{type(self).__name__}: {first}"), *map(visible, others)]

    def _message_lines(self, table: HintTable) -> list[str]:
        return [self.what, *self.details(), *table.next_line(self.hint)]

    def __str__(self) -> str:
        return visible("\n".join(self._message_lines(self.hint_table)))

    def _render_traceback_(self) -> list[DisplayText]:
        """Return the lines that IPython shows instead of a traceback (IPython's protocol for custom tracebacks)."""
        lines = [visible(f"{type(self).__name__}: see the result above.")] if self.is_shown else self.lines()
        self.is_shown = False  # it can be raised again where it is not shown
        return lines


class InvalidInputError(KustoImageError, ValueError):
    """The input breaks a rule; `.problems` lists every problem; nothing was sent.

    `.correction` is the corrected requirements text, or None if there is none.
    """

    def __init__(
        self, problems: Sequence[Problem], *, hint: Hint | None = None, correction: Correction | None = None
    ) -> None:
        self.problems = tuple(problems)
        self.correction = correction
        what = str(problems[0]) if len(problems) == 1 else f"{len(problems)} problems, nothing was sent"
        super().__init__(what, hint=hint or Hint(HintKind.FIX_INPUT))

    def details(self) -> list[str]:
        """Return one line per problem if there are several."""
        return [f"  {problem}" for problem in self.problems] if len(self.problems) > 1 else []

    def _message_lines(self, table: HintTable) -> list[str]:
        corrected = self.correction.lines() if self.correction else []
        return [*self.problem_lines(table), *corrected, *table.next_line(self.hint)]

    def problem_lines(self, table: HintTable) -> list[str]:
        """Return the problems, a line each, with the sentences of `table`."""
        texts = [problem.text(table) for problem in self.problems]
        return texts if len(texts) == 1 else [self.what, *(f"  {text}" for text in texts)]


class RequirementsConflictError(KustoImageError):
    """The preflight found a conflict; nothing was sent. `.forecast` is the complete report."""

    def __init__(
        self, what: str, *, forecast: PreflightReport, lines: Sequence[str] = (), hint: Hint | None = None
    ) -> None:
        super().__init__(what, hint=hint)
        self.forecast = forecast
        self._lines = tuple(lines)


class LockDriftError(KustoImageError):
    """The requirements, their base or their packages are not those of the lock, as `.differences` says."""

    def __init__(self, differences: Sequence[str]) -> None:
        super().__init__("this is not what the lock has; nothing was sent", hint=Hint(HintKind.UPDATE_LOCK))
        self.differences = self._lines = tuple(differences)


class InUseError(KustoImageError):
    """The cluster's python() runs on the image that would be replaced or deleted; nothing was sent."""


class MaybeInUseError(InUseError):
    """It is not known which image python() runs on, so it may be the one that would be replaced or deleted."""


class NotSubmittedError(KustoImageError):
    """The operation was recorded but never sent: the process that would have sent it has ended."""


class OutcomeUnknownError(KustoImageError):
    """The process that sent the request ended before the response, and the service does not show what came of it."""


class FleetFailedError(KustoImageError):
    """An operation on image `name` failed on some of `total` clusters; `.failures` maps each one to its reason."""

    def __init__(self, name: str, failures: Mapping[str, str], total: int, *, hint: Hint | None = None) -> None:
        super().__init__(f"image {name!r}: {len(failures)} of {total} clusters failed", hint=hint)
        self.failures = dict(failures)

    def details(self) -> list[str]:
        """Return one line per reason, with the clusters it applies to."""
        return [f"  {', '.join(clusters)}: {reason}" for reason, clusters in group_by_reason(self.failures).items()]


def group_by_reason(failures: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the clusters of each reason, most frequent reason first."""
    clusters: dict[str, list[str]] = {}
    for cluster, reason in failures.items():
        clusters.setdefault(reason, []).append(cluster)
    return dict(sorted(clusters.items(), key=lambda item: -len(item[1])))


class SignInError(KustoImageError):
    """The credential returned no token."""


class NotActiveError(KustoImageError):
    """The image cannot be queried, since queries do not use it, or it is not known which one they use."""


class VerificationError(KustoImageError):
    """What python() runs on differs from what was planned; `.verification` is the complete result."""

    def __init__(self, what: str, *, verification: Verification, hint: Hint | None = None) -> None:
        super().__init__(what, hint=hint)
        self.verification = verification


class UntrustedAddressError(KustoImageError):
    """A response names a URL outside the configured endpoint; nothing was sent to it."""


class UnreachableError(KustoImageError):
    """The endpoint sent no usable response; `.may_have_arrived` is whether it may have received the request.

    `.max_retries` is how often a retry is worthwhile: 0 for an untrusted certificate, None if there is no limit.
    """

    def __init__(
        self, what: str, *, hint: Hint | None = None, arrived: bool = True, max_retries: int | None = None
    ) -> None:
        super().__init__(what, hint=hint)
        self.may_have_arrived = arrived
        self.max_retries = max_retries


class EmulatorError(KustoImageError):
    """The local emulator cannot be found or started."""


class QueryError(KustoImageError):
    """A query to the cluster failed; `fault` is what the cluster says about it."""

    def __init__(self, what: str, *, fault: ServiceFault, hint: Hint | None = None) -> None:
        super().__init__(what, hint=hint)
        self.fault = fault

    def details(self) -> list[str]:
        """Return the cluster's message."""
        return [f"  {line}" for line in self.fault.lines()]


class ServiceError(KustoImageError):
    """The service refused a request with HTTP status `status`; `fault` is its description of the error."""

    def __init__(self, what: str, *, status: int, fault: ServiceFault, hint: Hint | None = None) -> None:
        super().__init__(what, hint=hint)
        self.status = status
        self.fault = fault

    @property
    def code(self) -> str:
        """The service's error code, or "" if there is none."""
        return self.fault.code

    def details(self) -> list[str]:
        """Return the service's message and the request ids."""
        return [f"  HTTP {self.status}", *(f"  {line}" for line in self.fault.lines())]


class NotFoundError(ServiceError):
    """404: the image, cluster, resource group or subscription does not exist."""


class ForbiddenError(ServiceError):
    """401 or 403: the identity lacks the permission."""


class ConflictError(ServiceError):
    """409 with a code that means busy: the cluster or the image is being changed; the request can be repeated later."""


class ThrottledError(ServiceError):
    """429: too many requests."""


class BuildError(KustoImageError):
    """An error of one long-running operation; `.operation` can be resumed."""

    operation: Operation

    def __init__(
        self, what: str, *, operation: Operation, fault: ServiceFault | None = None, hint: Hint | None = None
    ) -> None:
        super().__init__(what, hint=hint)
        self.operation = operation
        self.fault = fault or ServiceFault()

    def details(self) -> list[str]:
        """Return the service's message and the request ids."""
        return [f"  {line}" for line in self.fault.lines()]


class BuildFailedError(BuildError):
    """The service reports that the operation failed."""


class BuildCanceledError(BuildError):
    """The service reports that the operation was canceled."""


class ImageDiffersError(BuildError):
    """The operation succeeded, but `.operation.image` differs from what was sent: another user may have replaced it."""


class StatusUnreadableError(BuildError):
    """The status of the operation could not be read; the operation itself may still be running."""


class UnexpectedStateError(StatusUnreadableError):
    """The service shows something else than the operation would have led to; it may still be running."""


class EndedElsewhereError(BuildError):
    """Another process polls the same operation and has recorded its end in the history, as `.state` if it is known."""

    def __init__(self, what: str, *, operation: Operation, state: str | None = None, hint: Hint | None = None) -> None:
        super().__init__(what, operation=operation, hint=hint)
        self.state = state


class PollTimeoutError(BuildError):
    """The operation was still running after the timeout for polling it; it continues in Azure."""
