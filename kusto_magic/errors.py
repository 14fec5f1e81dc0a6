"""Every way in which this package fails.

::

    KustoImageError
    ├── InvalidInput            what was typed is wrong: every problem is listed, nothing was sent
    ├── DoesNotFit              the preflight says that these packages cannot be installed together; nothing was sent
    ├── InUse                   the cluster's python() runs on the image that would change; nothing was sent
    ├── SignInFailed            no token could be had
    ├── UntrustedAddress        an answer named an address the token must not go to
    ├── ServiceError            the service refused a request (status, code, message, request id)
    │   ├── NotFound            404
    │   ├── Forbidden           401, 403
    │   ├── Conflict            409: another change of the cluster is running
    │   └── Throttled           429
    ├── BuildError              about one operation; `.operation` takes it up again
    │   ├── BuildFailed         the service says that it failed
    │   ├── BuildCanceled       the service says that it was cancelled
    │   ├── StatusUnreadable    how it stands could not be read
    │   └── FollowTimeout       it outlived the limit set for following it
    ├── FleetFailed             some clusters of several failed; `.failures` says why
    ├── Unreachable             no answer from the endpoint
    └── EmulatorError           the local emulator cannot be started
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_IDENTIFIES_ONE_FAILURE = re.compile(r"HTTP \d{3}$|(?:request|operation) id ")
"""Parts of a one-line message that differ between failures of the same kind."""

SHOWN_OF_A_VALUE = 60
"""At most this many characters of a refused value's repr are repeated in a message."""


def excerpt(value: object) -> str:
    """Return the repr of `value`, cut to 60 characters, for use in a message."""
    text = ascii(value)  # look-alikes of ASCII letters are told apart only as escapes
    return text if len(text) <= SHOWN_OF_A_VALUE else text[: SHOWN_OF_A_VALUE - 1] + "…"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with what was typed.

    `field` names the input ("image name", "requirements"), `message` the rule it breaks, `line` the line of
    a multi-line input, counted from 1.
    """

    field: str
    message: str
    line: int | None = None

    def __str__(self) -> str:
        where = self.field if self.line is None else f"line {self.line}"
        return f"{where}: {self.message}"


class KustoImageError(Exception):
    """Base of all errors raised here.

    `what` says what happened, `next_step` what to do about it. Both are safe to show: callers pass text
    from outside through `redaction.redact` first. `operation` is the `operations.Operation` that was followed when it
    happened, such that it can be taken up again; None elsewhere (Any, since this room imports no other).
    """

    operation: Any = None

    def __init__(self, what: str, *, next_step: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.next_step = next_step

    def details(self) -> list[str]:
        """Return further lines for the reader: codes, ids, the single problems."""
        return []

    def lines(self) -> list[str]:
        """Return the whole message as a few lines of plain text."""
        lines = [f"{type(self).__name__}: {self.what}", *self.details()]
        return [*lines, f"Next: {self.next_step}"] if self.next_step else lines

    def __str__(self) -> str:
        return "\n".join([self.what, *self.details(), *([f"Next: {self.next_step}"] if self.next_step else [])])

    def _render_traceback_(self) -> list[str]:
        """Tell IPython to show these lines instead of a traceback (its own protocol)."""
        return self.lines()


class InvalidInput(KustoImageError, ValueError):
    """What was typed breaks a rule; every problem is in `.problems`; nothing was sent."""

    def __init__(self, problems: Sequence[Problem], *, next_step: str = "") -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        what = str(self.problems[0]) if count == 1 else f"{count} problems, nothing was sent"
        super().__init__(what, next_step=next_step or "mend this and run the cell again; nothing was sent.")

    def details(self) -> list[str]:
        """Return one line per problem, when there are several."""
        return [f"  {problem}" for problem in self.problems] if len(self.problems) > 1 else []


class DoesNotFit(KustoImageError):
    """The preflight says no; nothing was sent.

    `.forecast` is its whole answer, a `forecasts.Forecast` (Any here, since this room imports no other).
    """

    def __init__(self, what: str, *, forecast: Any, lines: Sequence[str] = (), next_step: str = "") -> None:
        super().__init__(what, next_step=next_step)
        self.forecast = forecast
        self._lines = tuple(lines)

    def details(self) -> list[str]:
        """Return the suggestions, a line each."""
        return [f"  {line}" for line in self._lines]


class InUse(KustoImageError):
    """The cluster's python() runs on the image that would be replaced or deleted; nothing was sent."""


class FleetFailed(KustoImageError):
    """What was begun with image `name` failed on some of `total` clusters; `failures` says why, by cluster."""

    def __init__(self, name: str, failures: Mapping[str, str], total: int, *, next_step: str = "") -> None:
        super().__init__(f"image {name!r}: {len(failures)} of {total} clusters failed", next_step=next_step)
        self.failures = dict(failures)

    def details(self) -> list[str]:
        """Return one line per reason, with its clusters."""
        return [f"  {', '.join(clusters)}: {reason}" for reason, clusters in by_reason(self.failures).items()]


def by_reason(failures: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the clusters of each reason, the most frequent reason first."""
    clusters: dict[str, list[str]] = {}
    for cluster, reason in failures.items():
        clusters.setdefault(reason, []).append(cluster)
    return dict(sorted(clusters.items(), key=lambda item: -len(item[1])))


def in_a_line(error: BaseException | None) -> str:
    """Return an error in one line, with the service's own words and ids; "" for None."""
    if isinstance(error, KustoImageError):
        return "; ".join([error.what, *(line.strip() for line in error.details())])
    return "" if error is None else type(error).__name__


def reason_of(error: BaseException | None) -> str:
    """Return an error as `in_a_line` does, without the ids: the same for each failure of the same kind."""
    if isinstance(error, ServiceError | BuildError):
        return "; ".join([error.what, *error.fault.words()])
    return in_a_line(error)


def reason_from_message(message: str) -> str:
    """Return a message written by `in_a_line` without status and ids, as `reason_of` returns it for the error."""
    return "; ".join(part for part in message.split("; ") if not _IDENTIFIES_ONE_FAILURE.match(part))


def detail_of(error: BaseException | None) -> str:
    """Return the first sentence of the service or of the preflight, "" if there is none."""
    if isinstance(error, DoesNotFit):
        return str(error.forecast.reason)
    if isinstance(error, ServiceError | BuildError):
        return next(iter(error.fault.words()), "")
    return ""


class SignInFailed(KustoImageError):
    """No token could be had from the credential."""


class UntrustedAddress(KustoImageError):
    """An answer named an address outside the configured endpoint; nothing was sent there."""


class Unreachable(KustoImageError):
    """The endpoint did not answer. `arrived` tells that the request may have come through to it all the same."""

    def __init__(self, what: str, *, next_step: str = "", arrived: bool = True) -> None:
        super().__init__(what, next_step=next_step)
        self.arrived = arrived


class EmulatorError(KustoImageError):
    """The local emulator cannot be started or found."""


@dataclass(frozen=True, slots=True)
class ServiceFault:
    """What the service itself says of an error: ARM's ErrorDetail, with the ids worth quoting in a ticket.

    `code` and `message` are "" where the service left them out. `details` are the messages of inner errors.
    """

    code: str = ""
    message: str = ""
    details: tuple[str, ...] = ()
    request_id: str = ""
    activity_id: str = ""

    def words(self) -> list[str]:
        """Return what the service says, without the ids: the same for each failure of the same kind."""
        said = f"{self.code}: {self.message}" if self.code and self.message else self.code or self.message
        return [line for line in (said, *self.details) if line]

    def lines(self) -> list[str]:
        """Return the fault as lines of text."""
        ids = [f"request id {self.request_id}"] if self.request_id else []
        ids += [f"operation id {self.activity_id}"] if self.activity_id else []
        return [*self.words(), *([" · ".join(ids)] if ids else [])]


class ServiceError(KustoImageError):
    """The service refused a request with HTTP status `status`; `fault` is what it said."""

    def __init__(self, what: str, *, status: int, fault: ServiceFault, next_step: str = "") -> None:
        super().__init__(what, next_step=next_step)
        self.status = status
        self.fault = fault

    @property
    def code(self) -> str:
        """The service's error code, "" where there was none."""
        return self.fault.code

    def details(self) -> list[str]:
        """Return the service's own words and the ids."""
        return [f"  HTTP {self.status}", *(f"  {line}" for line in self.fault.lines())]


class NotFound(ServiceError):
    """404: there is no such image, cluster, group or subscription."""


class Forbidden(ServiceError):
    """401 or 403: the identity may not do this."""


class Conflict(ServiceError):
    """409: the cluster or the image is being changed."""


class Throttled(ServiceError):
    """429: too many requests."""


class BuildError(KustoImageError):
    """About one long-running operation; with `.operation` it can be taken up again."""

    def __init__(self, what: str, *, operation: Any, fault: ServiceFault | None = None, next_step: str = "") -> None:
        super().__init__(what, next_step=next_step)
        self.operation = operation
        self.fault = fault or ServiceFault()

    def details(self) -> list[str]:
        """Return the service's own words and the ids."""
        return [f"  {line}" for line in self.fault.lines()]


class BuildFailed(BuildError):
    """The service says that the operation failed."""


class BuildCanceled(BuildError):
    """The service says that the operation was cancelled."""


class StatusUnreadable(BuildError):
    """How the operation stands could not be read; the operation itself may well go on."""


class EndedElsewhere(BuildError):
    """Another process polls the same operation and has recorded its end in the history."""


class FollowTimeout(BuildError):
    """The operation outlived the limit set for following it; it goes on in Azure."""
