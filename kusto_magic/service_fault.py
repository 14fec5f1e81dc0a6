"""A service's description of an error."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ServiceFault:
    """The service's description of an error: ARM's ErrorDetail, with the ids to quote in a support request.

    `code`, `message` and `target` (the part of the request that is wrong) are "" if the service omits them. `details`
    are the texts of inner errors, `additional_info` is what else the service names, such as ("policy", "Allowed SKUs").
    """

    code: str = ""
    message: str = ""
    details: tuple[str, ...] = ()
    request_id: str = ""
    activity_id: str = ""
    target: str = ""
    additional_info: tuple[tuple[str, str], ...] = ()

    @property
    def summary(self) -> str:
        """Code, message and target on one line; "" if the service gives neither code nor message."""
        summary = f"{self.code}: {self.message}" if self.code and self.message else self.code or self.message
        return f"{summary} (target: {self.target})" if summary and self.target else summary

    def summary_lines(self) -> list[str]:
        """Return the service's code, message, details and additional information, without the request ids."""
        info = [f"{label} '{name}'" for label, name in self.additional_info]
        return [line for line in (self.summary, *self.details, *info) if line]

    def lines(self) -> list[str]:
        """Return the fault as lines of text, with the request ids."""
        ids = [f"request id {self.request_id}"] if self.request_id else []
        ids += [f"operation id {self.activity_id}"] if self.activity_id else []
        return [*self.summary_lines(), *([" · ".join(ids)] if ids else [])]
