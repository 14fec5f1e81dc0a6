"""Images and their JSON in Azure Resource Manager.

`ImageSpec` is the definition that is sent, `Image` what the service returns. Both are immutable. An ImageSpec is always
valid: its constructor raises InvalidInputError with every problem. An Image may have been made with another tool, so
none of these rules applies to it.

Source of the JSON: Microsoft.Kusto/clusters/sandboxCustomImages, api-version 2024-04-13, "Create Or Update".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kusto_magic.display_text import DisplayText, visible_line
from kusto_magic.errors import InvalidInputError, Problem, excerpt
from kusto_magic.hints import Hint, HintKind
from kusto_magic.models.build_state import BuildState, Outcome
from kusto_magic.models.lock import Lock, comparable_text, cutoff_time
from kusto_magic.models.naming import (
    base_image_problem,
    python_version_problem,
)
from kusto_magic.redaction import redact
from kusto_magic.requirements import parser
from kusto_magic.requirements.correction import Correction
from kusto_magic.requirements.line_origins import LineOrigin

LANGUAGE = "Python"
"""The only value of ARM's enum `Language`."""

NO_PACKAGES = "none: the packages of the base image alone"
"""Shown instead of the requirements of an image that has none."""

PROVISIONING_OUTCOMES: Mapping[str, Outcome] = {
    "succeeded": Outcome.SUCCEEDED,
    "failed": Outcome.FAILED,
    "canceled": Outcome.CANCELED,
    "cancelled": Outcome.CANCELED,  # both spellings occur in Azure
}
"""Outcomes of the final values of `provisioningState`, in lower case."""

_STATE_OF_OUTCOME = {
    Outcome.SUCCEEDED: BuildState.SUCCEEDED,
    Outcome.FAILED: BuildState.FAILED,
    Outcome.CANCELED: BuildState.CANCELED,
}

UNREADABLE_STATE = "unreadable"
"""The `state` of an image whose `provisioningState` is null, empty or not a string; the service does not use it."""


@dataclass(frozen=True, slots=True)
class ImageSpec:
    """Definition of an image: a base image or Python version, and a requirements text.

    Exactly one of `base_image` (a managed image such as "Python3_10_8", or another custom image of the cluster) and
    `python_version` (such as "3.10.8") must be given. `allow_index_options` allows lines such as `--index-url URL`;
    otherwise only package lines are valid. `use_index_options` is whether a check may send requests to the indexes
    that these lines name: False for a text of the service, which is no permission of the user. `allow_no_packages`
    allows a text without packages: the image is its base alone. `allow_pip_syntax` allows what only this package
    rejects, such as hashes; such a text cannot be checked. `is_validated` skips the validation, for a spec that the
    history has kept. `line_origins` are the lines that the user knows, if the text was put together or rewritten: the
    messages of a check cite them. A check ignores releases later than `exclude_newer`, a date or an RFC 3339 time; with
    `lock`, nothing is sent unless the check finds what the lock has; of a build that is sent again, only
    `lock_digest` is known. Raises InvalidInputError with every problem, with line numbers for the text, and with the
    corrected text if there is one.
    """

    requirements: str
    base_image: str | None = None
    python_version: str | None = None
    # Options of the validation and of the check, not parts of the image:
    allow_index_options: bool = field(default=False, compare=False)
    use_index_options: bool = field(default=True, compare=False)
    allow_no_packages: bool = field(default=False, compare=False)
    allow_pip_syntax: bool = field(default=False, compare=False, kw_only=True)
    is_validated: bool = field(default=False, compare=False, kw_only=True)
    line_origins: tuple[LineOrigin, ...] = field(default=(), compare=False, kw_only=True)
    exclude_newer: str = field(default="", compare=False, kw_only=True)
    lock: Lock | None = field(default=None, compare=False, repr=False, kw_only=True)
    lock_digest: str = field(default="", compare=False, kw_only=True)

    def __post_init__(self) -> None:
        if self.is_validated:
            return
        problems = [*self._base_problems(), *self._cutoff_problems()]
        problems += parser.problems(
            self.requirements,
            allow_index_options=self.allow_index_options,
            allow_no_packages=self.allow_no_packages,
            allow_pip_syntax=self.allow_pip_syntax,
        )
        if problems:
            raise InvalidInputError(problems, correction=self._correction())

    def _correction(self) -> Correction | None:
        from kusto_magic.requirements.formats.conversion import convert  # slow, and needed only for an invalid text

        return convert(self.requirements, allow_index_options=self.allow_index_options).correction

    def _base_problems(self) -> list[Problem]:
        if self.base_image is None and self.python_version is None:
            choose = Hint(HintKind.CHOOSE_BASE_IMAGE)
            return [Problem("base", "specify a base image or a Python version", hint=choose)]
        if self.base_image is not None and self.python_version is not None:
            return [Problem("base", "specify a base image or a Python version, not both")]
        if self.base_image is not None:
            field, message = "base image", base_image_problem(self.base_image)
        else:
            field, message = "Python version", python_version_problem(self.python_version)
        return [Problem(field, message)] if message else []

    def _cutoff_problems(self) -> list[Problem]:
        try:
            cutoff_time(self.exclude_newer or "2000-01-01")
        except ValueError as error:
            return [Problem("exclude-newer", str(error))]
        return []

    def to_body(self) -> bytes:
        """Return the body of the PUT request: compact UTF-8 JSON, with the keys in the order of the API reference."""
        properties: dict[str, str] = {"language": LANGUAGE}
        if self.base_image is not None:
            properties["baseImageName"] = self.base_image
        if self.python_version is not None:
            properties["languageVersion"] = self.python_version
        properties["requirementsFileContent"] = self.requirements
        document = {"properties": properties}
        return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()

    @property
    def has_packages(self) -> bool:
        """Whether the requirements name a package; otherwise the image is its base alone."""
        return bool(parser.read(self.requirements).packages)

    @property
    def base_label(self) -> str:
        """The base image or Python version as text: "Python3_10_8" or "Python 3.10.8"."""
        return self.base_image or f"Python {self.python_version}"


@dataclass(frozen=True, slots=True)
class Image:
    """An image as the service returns it; omitted values are "".

    `name` is the name of the image alone, although the service returns "cluster/image"; `language` has the service's
    spelling, which varies ("Python" in the response to a PUT, "PYTHON" later). `state` is `provisioningState`, or
    UNREADABLE_STATE if that is present but not a word.
    """

    name: str
    language: str = ""
    language_version: str = ""
    base_image: str = ""
    requirements: str = field(default="", repr=False)  # may contain a password
    state: str = ""

    @classmethod
    def from_json(cls, document: object) -> Image:
        """Parse the JSON of a response. Raises ValueError if it is not a resource (neither an id nor properties)."""
        if not isinstance(document, dict):
            raise ValueError("not a JSON object")
        properties = document.get("properties")
        if not isinstance(properties, dict):
            if not isinstance(document.get("id"), str):
                raise ValueError("a JSON object, but not a resource")
            properties = {}
        name = _display_value(document.get("name")) or _display_value(document.get("id"))
        return cls(
            name=name.rpartition("/")[2],
            language=_display_value(properties.get("language")),
            language_version=_display_value(properties.get("languageVersion")),
            base_image=_display_value(properties.get("baseImageName")),
            requirements=_text(properties.get("requirementsFileContent")),  # unredacted: compared byte for byte
            state=_state(properties),
        )

    @property
    def base_label(self) -> str:
        """The base image or Python version as text: "Python3_10_8", "Python 3.10.8", or "" if both are omitted."""
        return self.base_image or (f"Python {self.language_version}" if self.language_version else "")

    @property
    def outcome(self) -> Outcome | None:
        """How the last operation on the image ended, or None while there is one."""
        # The RPC: a resource without provisioningState has succeeded.
        return PROVISIONING_OUTCOMES.get(self.state.lower() or "succeeded")

    @property
    def shown_state(self) -> BuildState:
        """The state in the words of this package: the service has more of them for an operation in progress."""
        if self.state == UNREADABLE_STATE:
            return BuildState.UNKNOWN
        if self.outcome is None:
            return BuildState.DELETING if self.state.lower() == "deleting" else BuildState.BUILDING
        return _STATE_OF_OUTCOME[self.outcome]

    @property
    def is_python(self) -> bool:
        """Whether the language is Python, in any spelling, or omitted."""
        return self.language.lower() in ("", LANGUAGE.lower())

    def to_spec(self, *, use_index_options: bool = False) -> ImageSpec:
        """Return the spec that re-creates this image. Raises InvalidInputError if it breaks the rules of this package.

        `use_index_options` must come from the user: whether a check may ask the indexes that the image names.
        """
        return self._spec(self.requirements, use_index_options=use_index_options)

    def readable_spec(self) -> ImageSpec:
        """Return the spec of the package lines, at their line numbers; hashes and all other lines are left out.

        Raises InvalidInputError if no package line can be read, and for an invalid base.
        """
        read = parser.read(self.requirements)
        if not read.packages and read.problems:
            raise InvalidInputError(read.problems)
        texts = {package.line: package.text for package in read.packages}
        return self._spec("".join(f"{texts.get(number, '')}\n" for number in range(1, max(texts, default=0) + 1)))

    def _spec(self, requirements: str, *, use_index_options: bool = False) -> ImageSpec:
        if not self.is_python:
            what = f"its language is {excerpt(self.language)}; only images for {LANGUAGE} can be created or checked"
            raise InvalidInputError([Problem("language", what)])
        return ImageSpec(
            requirements,
            base_image=self.base_image or None,
            python_version=None if self.base_image else self.language_version or None,
            use_index_options=use_index_options,
            allow_index_options=True,  # an existing image may have them, and may have no packages
            allow_no_packages=True,
        )

    def matches(self, spec: ImageSpec) -> bool:
        """Return whether the image has the base and the requirements of `spec`.

        An omitted base counts as a difference; the final newline and line endings do not.
        """
        same_base = self.base_image.lower() == (spec.base_image or "").lower()
        same_python = bool(spec.base_image) or self.language_version == spec.python_version
        same_text = comparable_text(self.requirements) == comparable_text(spec.requirements)
        return self.is_python and same_base and same_python and same_text

    def differences(self, spec: ImageSpec) -> tuple[str, ...]:
        """Return the names of the properties that differ from `spec`, empty if none does.

        An omitted property is not a difference, since the service need not return the base image; neither are the final
        newline and line endings of the requirements. ARM compares names without case.
        """
        compared = {
            "base image": ((spec.base_image or "").lower(), self.base_image.lower()),
            "Python version": (spec.python_version or "", self.language_version),
            "language": (LANGUAGE, LANGUAGE if self.is_python else self.language),
            "requirements": (comparable_text(spec.requirements), comparable_text(self.requirements)),
        }
        different = [field for field, (want, got) in compared.items() if want and got and want != got]
        # Requirements that were not sent are not omitted by the service: these are of another image.
        added = ["requirements"] if not compared["requirements"][0] and compared["requirements"][1] else []
        return (*different, *added)


def _state(properties: Mapping[str, Any]) -> str:
    if "provisioningState" not in properties:
        return ""
    return _display_value(properties["provisioningState"]) or UNREADABLE_STATE


def _display_value(value: Any) -> DisplayText:
    """Return a string of a response for display: redacted and on one line, or "" if it is not a string."""
    return visible_line(redact(_text(value)))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
