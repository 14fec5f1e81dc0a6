"""Would this requirements text install? Asked of uv on the user's machine, before anything is sent.

It is a forecast: the service's own installer is not documented. What is asked is whether there is a set of wheels for
the image's Python on Windows x64 that satisfies every line and what comes with them, and how that set differs from what
the base image holds. What cannot be seen from there: whether the packages work together once they are imported, and an
upper bound of a package on its Python version (uv does not read these).

On a base image pip keeps what satisfies, and changes only what it must; the base's versions are preferences here for
that reason, and no constraints.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from packaging.markers import Marker
from packaging.requirements import Requirement as Pep508

from kusto_magic.errors import InvalidInput
from kusto_magic.models import managed_packages as managed
from kusto_magic.preflight.diagnosis import diagnose, displayed_output
from kusto_magic.preflight.indexes import IndexSettings, user_settings
from kusto_magic.preflight.report import (
    LockedPackage,
    Package,
    PreflightReport,
    Status,
    Verdict,
    plan_packages,
    read_lock,
)
from kusto_magic.preflight.suggestions import Candidate, Pins, suggest
from kusto_magic.preflight.uv import ResolveRequest, ResolveResult, resolve
from kusto_magic.requirements.parser import Requirement, Requirements, parse

OLDEST, NEWEST = (3, 6), (3, 14)
"""The Python versions of which it is known what a wheel for them is called."""

SUGGESTION_TIMEOUT = 4.0
"""At most so many seconds are spent on suggestions, once the answer is known."""


async def run_preflight(
    text: str,
    *,
    python: str,
    base: str | None = None,
    base_requirements: tuple[str, ...] = (),
    index: IndexSettings | None = None,
    timeout: float = 20.0,
    exclude_newer: str | None = None,
    environ: Mapping[str, str] | None = None,
) -> PreflightReport:
    """Tell what would come of a requirements text, within `timeout` seconds. Cancelling it ends uv at once.

    `python` is the image's version ("3.10.8"); `base` the managed image below it, None for a bare Python;
    `base_requirements` the texts of the custom images between the two, the lowest first. `index` stands in for the
    user's own index settings, `environ` for os.environ. With `exclude_newer` (a date, or an RFC 3339 time) the index
    is seen as it was then.

    Raises InvalidInput for a text that `requirements.parse` refuses. Whatever goes wrong with the resolver is an
    answer: UNKNOWN.
    """
    started = time.monotonic()
    wanted = parse(text, allow_index_options=True)
    variables = os.environ if environ is None else environ
    settings = (user_settings(variables) if index is None else index).with_options(wanted.index_options)
    asking = _Resolution(python, settings, variables, started + timeout, exclude_newer)
    answer = await _run(wanted, asking, base, base_requirements)
    index_lines = tuple(f"{option} {url}" for option, url in wanted.index_options)
    return replace(answer, index_lines=index_lines, seconds=time.monotonic() - started)


@dataclass
class _Resolution:
    """What stays the same while one forecast is made, and what is installed so far (normalised name → version)."""

    python: str
    settings: IndexSettings
    environ: Mapping[str, str]
    deadline: float
    exclude_newer: str | None
    installed: Pins = field(default_factory=dict)
    stub_wheels: frozenset[str] = frozenset()
    has_base: Pins = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    @property
    def remaining(self) -> float:
        """The seconds that are left."""
        return self.deadline - time.monotonic()

    async def resolve(self, lines: Iterable[str], python: str = "", *, lowest: bool = False) -> ResolveResult:
        """Resolve lines on top of what is installed; for another Python on top of nothing."""
        same = python in {"", self.python}
        question = ResolveRequest(
            lines=tuple(lines),
            python=python or self.python,
            prefer=self.installed if same else {},
            stub_wheels=self.stub_wheels if same else frozenset(),
            lowest=lowest,
            exclude_newer=self.exclude_newer,
        )
        answer = await resolve(question, self.settings, self.environ, self.remaining)
        return replace(answer, output=self.settings.hide(answer.output))

    async def attempt(self, trial: Candidate) -> Pins | None:
        """Resolve a trial; None when it does not fit, or when no time is left."""
        if self.remaining <= 0:
            return None
        answer = await self.resolve(trial.lines, trial.python, lowest=trial.lowest)
        return _pins(read_lock(answer.lock, trial.python)) if answer.code == 0 else None

    def report(self, verdict: Verdict, **rest: Any) -> PreflightReport:
        """Return a forecast with the warnings so far."""
        return PreflightReport(verdict, self.python, warnings=tuple(self.warnings), **rest)


async def _run(wanted: Requirements, asking: _Resolution, base: str | None, texts: Sequence[str]) -> PreflightReport:
    if not _is_known_python(asking.python):
        return asking.report(
            Verdict.INCONCLUSIVE, reason=f"which wheels Python {asking.python} takes is not known here"
        )
    try:
        await _add_base(asking, base, texts)
        return await _resolve(wanted, asking, base)
    except (OSError, ValueError) as failure:
        reason = f"uv, which is asked for this, cannot be run or read here ({type(failure).__name__})"
        return asking.report(Verdict.INCONCLUSIVE, reason=reason, resolver_text=displayed_output(str(failure)))


async def _resolve(wanted: Requirements, asking: _Resolution, base: str | None) -> PreflightReport:
    lines = _applicable(wanted, asking)
    if not lines:
        return asking.report(Verdict.COMPATIBLE)
    answer = await asking.resolve(line.spec for line in lines)
    if answer.code is None:
        return asking.report(Verdict.INCONCLUSIVE, reason="the index did not answer in the time that was given")
    if answer.code != 0:
        return await _failure_report(answer, lines, asking)
    found = read_lock(answer.lock, asking.python)
    packages = plan_packages(found, base=asking.installed, direct=[line.name for line in lines])
    asking.warnings += [*_uv_warnings(answer.output), *_managed_warnings(packages, asking.installed, base)]
    asking.warnings += await _custom_warnings(packages, lines, asking)
    return asking.report(Verdict.COMPATIBLE, packages=packages)


async def _failure_report(answer: ResolveResult, lines: Sequence[Requirement], asking: _Resolution) -> PreflightReport:
    explanation = diagnose(answer.output, lines, asking.python)
    suggestions: tuple[str, ...] = ()
    if explanation.verdict is Verdict.CONFLICT:
        limit = min(asking.remaining, SUGGESTION_TIMEOUT)
        suggestions = await suggest(explanation, lines, asking.python, asking.attempt, limit)
    text = displayed_output(answer.output)
    return asking.report(explanation.verdict, reason=explanation.reason, resolver_text=text, suggestions=suggestions)


# ── the base ───────────────────────────────────────────────────────────────────────────────────────────────────


async def _add_base(asking: _Resolution, base: str | None, texts: Sequence[str]) -> None:
    """Put into `asking` what the base image holds: the managed list, and on it each custom text in turn."""
    if base is not None:
        asking.installed.update(managed.packages(base))
        asking.stub_wheels = managed.without_wheel(base)
        if base in managed.MODULE_LISTS:
            asking.warnings.append(f"the list of {base} names modules, not packages: what is new may be there already")
        elif not asking.installed:
            asking.warnings.append(f"what the base image {base} holds is not known: the text was checked alone")
    for text in texts:
        pins = await _add_custom_layer(asking, text)
        if pins is None:
            asking.warnings.append("a custom image below this one could not be resolved: what it holds is not known")
        else:
            asking.has_base |= pins
            asking.installed |= pins


async def _add_custom_layer(asking: _Resolution, text: str) -> Pins | None:
    try:
        wanted = parse(text, allow_index_options=True)
    except InvalidInput:
        return None
    unmarked = replace(asking, warnings=[])
    answer = await unmarked.resolve(line.spec for line in _applicable(wanted, unmarked))
    return _pins(read_lock(answer.lock, asking.python)) if answer.code == 0 else None


def _managed_warnings(packages: Iterable[Package], installed: Mapping[str, str], base: str | None) -> list[str]:
    """Return a warning for every package of the managed image that would no longer get what it needs.

    pip does not mind: it changes what the new lines need, and says so.
    """
    listed, planned = managed.packages(base or ""), {package.name: package for package in packages}
    changed = {name for name, package in planned.items() if package.status in {Status.UPGRADED, Status.DOWNGRADED}}
    kept = [name for name in listed if name not in changed and installed.get(name) == listed[name]]
    wanted = [(name, Pep508(need)) for name in kept for need in managed.build_requirements(base or "").get(name, ())]
    return [
        f"{_change_text(planned[need.name])}: {name} {listed[name]} of the base needs {need}"
        for name, need in wanted
        if need.name in changed and not need.specifier.contains(planned[need.name].version, prereleases=True)
    ]


def _change_text(package: Package) -> str:
    return f"{package.name} {package.status} from {package.version_in_base} to {package.version}"


async def _custom_warnings(packages: Iterable[Package], lines: Sequence[Requirement], asking: _Resolution) -> list[str]:
    """Return a warning when what the custom images below hold does not go with the changes of this text."""
    changed = {package.name for package in packages if package.status in {Status.UPGRADED, Status.DOWNGRADED}}
    if not changed & asking.has_base.keys() or asking.remaining <= 0:
        return []
    kept = [_base_requirement(name, version) for name, version in asking.has_base.items() if name not in changed]
    together = [*kept, *(line for line in lines if line.name not in {one.name for one in kept})]
    answer = await asking.resolve(line.spec for line in together)
    explanation = diagnose(answer.output, together, asking.python) if answer.code else None
    return [explanation.reason] if explanation and explanation.verdict is Verdict.CONFLICT else []


def _base_requirement(name: str, version: str) -> Requirement:
    return Requirement(line=0, name=name, text=f"{name}=={version}", specifier=f"=={version}")


# ── lines ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _applicable(wanted: Requirements, asking: _Resolution) -> list[Requirement]:
    """Return the lines that apply to the image's Python on Windows; of the others a warning is left."""
    environment = _marker_environment(asking.python)
    lines = [line for line in wanted.packages if _marker_applies(line.marker, environment)]
    for line in wanted.packages:
        if line not in lines:
            asking.warnings.append(f"line {line.line} {line.name} does not apply to Python {asking.python} on Windows")
    return lines


def _marker_applies(marker: str, environment: dict[str, str]) -> bool:
    """Judge a marker; a line whose marker compares what cannot be compared is checked as if it applied."""
    try:
        return not marker or Marker(marker).evaluate(environment)
    except ValueError:
        return True


def _marker_environment(python: str) -> dict[str, str]:
    """Return the values of PEP 508's variables in the sandbox; those nobody knows are ""."""
    return {
        "implementation_name": "cpython",
        "implementation_version": python,
        "os_name": "nt",
        "platform_machine": "AMD64",
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": "Windows",
        "platform_version": "",
        "python_full_version": python,
        "python_version": python.rpartition(".")[0],
        "sys_platform": "win32",
        "extra": "",
    }


def _pins(found: Iterable[LockedPackage]) -> Pins:
    return {one.name: one.version for one in found}


def _uv_warnings(output: str) -> list[str]:
    """Return uv's own warnings (a yanked version, an extra that does not exist), five at most."""
    lines = [line.removeprefix("warning:").strip() for line in output.splitlines() if line.startswith("warning:")]
    return [line[:200] for line in lines if not any(words in line for words in _NOISE)][:5]


_NOISE = (
    "The requested Python version",  # no such Python is on this machine; none is needed
    "is missing an upload date",  # an index that does not know dates, asked with `exclude_newer`
)


def _is_known_python(python: str) -> bool:
    parts = python.split(".")
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() and len(part) < 3 for part in parts):
        return False
    return OLDEST <= (int(parts[0]), int(parts[1])) <= NEWEST
