"""Comparison of what an image holds with what it should hold. Values only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from kusto_magic.models.cluster_contents import DEFAULT_POLICY, BaseList, SandboxPolicy
from kusto_magic.models.inventory import NO_MODULE, Inventory


class ExpectationSource(StrEnum):
    """Where the expected packages come from."""

    PLAN = "plan"
    """The check before the build, which selected the version of every package."""
    REQUIREMENTS = "requirements"
    """The requirements of the image: this machine knows no check of it."""
    LISTED = "listed"
    """The list of a managed image: the documented one, or what was read from the cluster before."""


@dataclass(frozen=True, slots=True)
class ExpectedPackage:
    """A package that an image should hold: normalized name, and the versions that are right, such as "==1.2" or ""."""

    name: str
    specifier: str = ""
    direct: bool = True

    def accepts(self, version: str) -> bool:
        """Return whether a version is one of these; versions that cannot be parsed are compared as text."""
        try:
            return SpecifierSet(self.specifier).contains(Version(version), prereleases=True)
        except ValueError:  # InvalidSpecifier, InvalidVersion, or a number of thousands of digits
            return self.specifier in ("", f"=={version}", f"==={version}")


@dataclass(frozen=True, slots=True)
class Difference:
    """A package that is not as expected: `expected` is a specifier, `found` its version, or None if it is missing."""

    name: str
    expected: str
    found: str | None

    def __str__(self) -> str:
        wanted = self.expected.removeprefix("==") or "any version"
        if self.found is None:
            return f"{self.name} is missing (expected: {wanted})"
        return f"{self.name} {self.found} (expected: {wanted})"


@dataclass(frozen=True, slots=True)
class Expectation:
    """What an image should hold.

    `python` is its Python version, "" if that is not known; `packages` come from `source`, for a plan from the check of
    the build that was started at `planned_at`. `base` is the managed image below it, or "", `listed` the list of
    its packages, or that of the managed image itself. `skipped` is the number of lines of the requirements that cannot
    be compared, `remarks` are sentences about the image that a reader of the result should know.
    """

    python: str
    packages: tuple[ExpectedPackage, ...]
    source: ExpectationSource
    planned_at: datetime | None = None
    base: str = ""
    listed: BaseList | None = None
    skipped: int = 0
    remarks: tuple[str, ...] = ()

    @property
    def wanted(self) -> str:
        """How packages are that are as expected: "as planned"."""
        match self.source:
            case ExpectationSource.PLAN:
                return "as planned"
            case ExpectationSource.REQUIREMENTS:
                return "as required"
        return "as documented" if self.listed is None or self.listed.read_at is None else "as read before"


@dataclass(frozen=True, slots=True)
class Verification:
    """The result of comparing an image with its `expectation`; `database` is where the query ran.

    `imports` are the packages that were to be imported, `policy` is what is known of the memory of a sandbox.

    `differences` are the packages that are not as expected, `base_differences` those of the base image that differ from
    its list, which is no failure: the documented list is incomplete, and Azure may change the image.
    """

    image: str
    expectation: Expectation
    inventory: Inventory
    database: str
    imports: tuple[str, ...]
    differences: tuple[Difference, ...]
    base_differences: tuple[Difference, ...]
    policy: SandboxPolicy = DEFAULT_POLICY

    @property
    def total(self) -> int:
        """The number of expected packages."""
        return len(self.expectation.packages)

    @property
    def equal(self) -> int:
        """The number of packages that are as expected."""
        return self.total - len(self.differences)

    @property
    def is_python_right(self) -> bool:
        """Whether the image runs the expected Python version."""
        wanted, found = self.expectation.python, self.inventory.python
        return not wanted or found == wanted or found.startswith(f"{wanted}.")

    @property
    def failed_imports(self) -> Mapping[str, str]:
        """The packages that cannot be imported, and why; one without a result counts as such, unless it is missing."""
        results = {name: self.inventory.imports.get(name, "there is no result") for name in self.imports}
        held = {name: error for name, error in results.items() if name in self.inventory.packages}
        return {name: error for name, error in held.items() if error and error != NO_MODULE}

    @property
    def imported(self) -> int:
        """The number of packages that were imported."""
        return sum(self.inventory.imports.get(name) == "" for name in self.imports)

    @property
    def succeeded(self) -> bool:
        """Whether the image holds what it should hold, and everything that was imported works."""
        return not self.differences and self.is_python_right and not self.failed_imports

    @property
    def summary(self) -> str:
        """The result in a few words: "14 of 14 packages are as planned"."""
        skipped = f", {self.expectation.skipped} lines not compared" if self.expectation.skipped else ""
        return f"{self.equal} of {self.total} packages are {self.expectation.wanted}{skipped}"


def verify(
    image: str,
    expectation: Expectation,
    inventory: Inventory,
    database: str,
    imports: Sequence[str] = (),
    policy: SandboxPolicy = DEFAULT_POLICY,
) -> Verification:
    """Compare what an image holds with what it should hold."""
    named = {expected.name for expected in expectation.packages}
    listed = [
        ExpectedPackage(name, f"=={version}")
        for name, version in (expectation.listed.packages if expectation.listed else {}).items()
        if name not in named
    ]
    return Verification(
        image,
        expectation,
        inventory,
        database,
        tuple(imports),
        _differences(expectation.packages, inventory.packages),
        _differences(listed, inventory.packages),
        policy,
    )


def _differences(expected: Iterable[ExpectedPackage], packages: Mapping[str, str]) -> tuple[Difference, ...]:
    return tuple(
        Difference(one.name, one.specifier, packages.get(one.name))
        for one in expected
        if one.name not in packages or not one.accepts(packages[one.name])
    )


def direct_names(packages: Sequence[ExpectedPackage]) -> tuple[str, ...]:
    """Return the packages that the requirements name, which are those to import."""
    return tuple(expected.name for expected in packages if expected.direct)
