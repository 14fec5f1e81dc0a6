"""Requests for an operation: what a front end asks for, and what the history keeps of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Self

from kusto_magic.builds.options import BuildOptions
from kusto_magic.errors import InvalidInputError, Problem
from kusto_magic.models.action import ACTIONS, Action, ActionInfo
from kusto_magic.models.cluster import LanguageExtension
from kusto_magic.models.image import ImageSpec
from kusto_magic.models.naming import build_name_problem, existing_image_problem
from kusto_magic.models.target import Target


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """An action on an image of a cluster, with everything that is needed to carry it out.

    `spec` is the image to build; None for every other action. For disabling, `name` is the image that python() uses,
    or `models.cluster.PYTHON` if that is not known.
    """

    action: Action
    target: Target
    name: str
    spec: ImageSpec | None = None
    options: BuildOptions = field(default_factory=BuildOptions)

    @property
    def info(self) -> ActionInfo:
        """The properties of the action."""
        return ACTIONS[self.action]

    def require_valid(self) -> None:
        """Raise InvalidInputError if the request breaks a rule for names, or is a build without a spec."""
        if not isinstance(self.action, Action):
            raise InvalidInputError([Problem("action", f"must be one of {', '.join(Action)}, as an Action")])
        if self.action is Action.ENABLE:
            LanguageExtension.python(self.name)  # for its validation
        elif self.info.changes_image:
            rule = build_name_problem if self.info.creates_image else existing_image_problem
            if problem := rule(self.name):
                raise InvalidInputError([Problem("image name", problem)])
        if self.info.creates_image and self.spec is None:
            raise InvalidInputError([Problem("requirements", "missing")])

    def builds_same(self, other: Self) -> bool:
        """Return whether two requests build the same image from the same spec: as given, corrected or pinned."""
        # ARM compares names without case.
        ours, theirs = (
            (request.target.key, request.name.lower(), request.spec, request.options.pin, request.options.fix)
            for request in (self, other)
        )
        return self.info.creates_image and other.info.creates_image and ours == theirs

    def with_timeout(self, timeout: float) -> Self:
        """Return the request with another timeout in seconds: that of the process that polls its operation."""
        return replace(self, options=replace(self.options, timeout=timeout))


class HasRequest:
    """Something that comes of a request, with shortcuts to what was asked for."""

    __slots__ = ()

    request: BuildRequest

    @property
    def action(self) -> Action:
        """The action of the operation."""
        return self.request.action

    @property
    def target(self) -> Target:
        """The cluster."""
        return self.request.target

    @property
    def name(self) -> str:
        """The name of the image."""
        return self.request.name
