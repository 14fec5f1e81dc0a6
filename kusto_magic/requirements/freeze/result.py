"""The requirements text that is made of what sources import."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from packaging.requirements import Requirement as Pep508
from packaging.utils import canonicalize_name

from kusto_magic.requirements import parser
from kusto_magic.requirements.freeze import distributions
from kusto_magic.requirements.freeze.declared import Declarations
from kusto_magic.requirements.freeze.distributions import Installed
from kusto_magic.requirements.freeze.imports import Found, Source, read_sources
from kusto_magic.requirements.freeze.standard_library import is_missing_on_windows, is_standard_library

NOT_LISTED = frozenset({"kusto_magic", "sandbox_utils"})
"""Top-level modules that are never listed: this package, and what the sandbox has for the external artifacts."""

NAMESPACES = frozenset({"azure", "google"})
"""Top-level modules shared by many packages, so that their name is not that of a package."""

NOTEBOOK_ONLY = "imported by the notebook only"
NOT_INSTALLED = "not installed here: check the name"


@dataclass(frozen=True, slots=True)
class BaseImage:
    """The base image of the new one: its name, its Python version, and its packages; "" and {} if not known."""

    name: str = ""
    python: str = ""
    packages: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Offer:
    """A line that is not part of the requirements unless a person adds it, and why it is not: a phrase."""

    line: str
    reason: str


@dataclass(frozen=True, slots=True)
class FreezeResult:
    """The packages found.

    `pins` are lines such as "numpy==2.1.0", sorted, `offers` further ones. `skipped` has a reason for each other
    module, `notes` are phrases about the pins. `uses_local` is whether modules of this machine are imported. `found` is
    what the sources contain.
    """

    pins: tuple[str, ...] = ()
    offers: tuple[Offer, ...] = ()
    skipped: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    uses_local: bool = False
    found: Found = field(default_factory=Found)

    @property
    def requirements(self) -> str:
        """The pins as a requirements text, with the offers as comments that are valid lines without their "# "."""
        offers = [f"# {offer.line}  # {offer.reason}" for offer in self.offers]
        return "".join(f"{line}\n" for line in [*self.pins, *offers])


@dataclass(frozen=True, slots=True)
class Environment:
    """What is known besides the sources: installed distributions, the base image, and packages by module name.

    `read_file` returns the text of a file beside the sources by its name, or None.
    """

    installed: Installed = field(default_factory=Installed)
    base: BaseImage = field(default_factory=BaseImage)
    package_of_module: Mapping[str, str] = field(default_factory=dict)
    read_file: Callable[[str], str | None] = lambda _: None


def freeze(sources: Iterable[Source], environment: Environment | None = None) -> FreezeResult:
    """Return the packages that the Python in the queries of `sources` imports, or else those of the sources.

    The sandbox imports only the former. Then the packages of the sources themselves are offered.
    """
    environment = environment or Environment()
    found = read_sources(sources, environment.read_file)
    _read_requirements(found.declared, environment)
    own = _Packages(environment, found.declared)
    own.add_all(found.modules)
    if not found.scripts:
        return own.result(found)
    in_queries = _Packages(environment, found.declared, in_sandbox=True)
    in_queries.add_all(found.in_queries)
    in_queries.offer(own)
    return in_queries.result(found)


def _read_requirements(declared: Declarations, environment: Environment) -> None:
    """Add the packages of the requirements files that install commands name."""
    for name in dict.fromkeys(declared.files):
        for package in parser.read(environment.read_file(name) or "").packages:
            declared.add(package.text)


class _Packages:
    """Collects the packages of modules: lines, offers and reasons by package name."""

    def __init__(self, environment: Environment, declared: Declarations, *, in_sandbox: bool = False) -> None:
        self._environment = environment
        self._declared = declared.lines
        self._in_sandbox = in_sandbox
        self.pins: dict[str, str] = {}
        self._offers: dict[str, Offer] = {}
        self._skipped: dict[str, str] = {}
        self._notes: dict[str, None] = {}
        self._uses_local = False

    def result(self, found: Found) -> FreezeResult:
        """Return the packages."""
        return FreezeResult(
            tuple(self.pins[name] for name in sorted(self.pins)),
            tuple(self._offers[name] for name in sorted(self._offers) if name not in self.pins),
            tuple(self._skipped.values()),
            tuple(self._notes),
            self._uses_local,
            found,
        )

    def offer(self, other: _Packages) -> None:
        """Add the pins of the notebook itself as offers, and what was skipped of it."""
        self._offers = {name: Offer(line, NOTEBOOK_ONLY) for name, line in other.pins.items()} | self._offers
        self._skipped |= {name: reason for name, reason in other._skipped.items() if name not in self._skipped}

    def add_all(self, modules: Iterable[str]) -> None:
        for module in sorted(modules):
            top = module.partition(".")[0]
            if self._in_sandbox and is_missing_on_windows(top):
                self._skipped[top] = f"{top}: not part of Python on Windows, where the sandbox runs"
            elif top not in NOT_LISTED and not is_standard_library(top, self._environment.base.python):
                self._add(module, top)

    def _add(self, module: str, top: str) -> None:
        installed = self._environment.installed
        owners = distributions.owners_of(module, installed)
        is_local = distributions.local_module(top, installed.folder)
        if not owners:
            is_local = is_local or installed.is_own(top)
        if is_local and not (self._in_sandbox and owners):  # a sandbox has no files of this machine
            self._skipped[top] = f"{top}: a module of yours, not a package"
            self._uses_local = True
        elif owners:
            self._add_owners(module, top, owners)
        else:
            self._add_missing(module, top)

    def _add_owners(self, module: str, top: str, owners: list[str]) -> None:
        chosen = ""
        if len(owners) > 1:
            chosen = distributions.one_owner(module, owners, self._declared, self._environment.installed)
        if chosen:
            self._notes[f"{', '.join(owners)} all provide {top}, one is enough: {chosen}"] = None
        for name in [chosen] if chosen else owners:
            self._add_installed(name, top)

    def _add_installed(self, name: str, top: str) -> None:
        found = distributions.find(name, self._environment.installed)
        if found is None:
            self._skipped[top] = f"{top}: its package {name} is damaged"
            return
        key, origin = str(canonicalize_name(name)), distributions.origin_of(found)
        try:
            line = distributions.pin(name, found)
        except ValueError as error:
            self._skipped[key] = f"{name}: {error}"
            return
        if origin.is_local:
            self._skipped[key] = f"{name}: {origin.reason}"
            self._uses_local = True
        elif origin.reason:
            self._offers[key] = Offer(line, f"{origin.reason}; an index may not have it")
        else:
            self.pins[key] = line
            self._compare(key, line)

    def _compare(self, key: str, line: str) -> None:
        """Note a declared version that is not the installed one."""
        declared = self._declared.get(key)
        if declared and not Pep508(declared).specifier.contains(line.partition("==")[2], prereleases=True):
            self._notes[f"{line} is installed, the sources install {declared}"] = None

    def _add_missing(self, module: str, top: str) -> None:
        names = self._possible_names(module, top)
        declared = next((name for name in names if name in self._declared), "") or self._similar(names, top)
        base = self._environment.base
        known = next((name for name in names if name in base.packages), "")
        if declared:
            self.pins[declared] = self._declared[declared]
            self._notes[f"{self._declared[declared]} is taken from the sources, not installed here"] = None
        elif known:
            self._notes[f"{known} {base.packages[known]} is part of {base.name}"] = None
        else:
            self._skipped[top] = f"{top}: no installed package provides it"
            if top.isascii() and top not in NAMESPACES:
                self._offers[names[0]] = Offer(names[0], NOT_INSTALLED)

    def _possible_names(self, module: str, top: str) -> list[str]:
        """Return the names that the package of a module may have, the most likely one first."""
        parts = str(canonicalize_name(module.replace(".", "-"))).split("-")
        names = [str(canonicalize_name(top)), *("-".join(parts[:count]) for count in range(len(parts), 1, -1))]
        table = self._environment.package_of_module
        return [*(table[name] for name in names if name in table), *names]

    def _similar(self, names: list[str], top: str) -> str:
        """Return a declared package that is a variant of one of `names`, or that contains the module's name, or ""."""
        variants = [name for name in self._declared if any(distributions.is_variant(name, other) for other in names)]
        if variants or top in NAMESPACES:
            return next(iter(variants), "")
        key = str(canonicalize_name(top))
        containing = [name for name in self._declared if name == f"py{key}" or f"-{key}-" in f"-{name}-"]
        return containing[0] if len(containing) == 1 else ""
