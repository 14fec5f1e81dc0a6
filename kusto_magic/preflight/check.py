"""Preflight: resolve a requirements text with uv on the user's machine, before anything is sent.

The result is a forecast, because the service's own installer is not documented. The preflight checks whether a set of
wheels for the image's Python on Windows x64 satisfies every line and its dependencies, and how that set differs from
the packages of the base image. It warns about known binary breaks, but cannot detect all packages that fail when they
are imported together, nor a package's upper bound on the Python version (uv ignores these).

On a base image pip keeps satisfying versions and changes only what it must. The base's versions are therefore
preferences for the resolver, not constraints.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from packaging.requirements import Requirement as Pep508

from kusto_magic.clock import SYSTEM_CLOCK, Clock
from kusto_magic.hints import Hint, HintKind
from kusto_magic.models import managed_packages
from kusto_magic.models.cluster_contents import DEFAULT_POLICY, BaseList, SandboxPolicy
from kusto_magic.models.lock import Lock, cutoff_time
from kusto_magic.preflight.base_wheels import resolve_on_base
from kusto_magic.preflight.binary_breaks import binary_warnings
from kusto_magic.preflight.conflicts import Explanation, explain
from kusto_magic.preflight.diagnosis import diagnose, displayed_output
from kusto_magic.preflight.indexes import IndexSettings, user_settings
from kusto_magic.preflight.report import (
    PLATFORM,
    Package,
    PreflightReport,
    Status,
    Verdict,
    plan_packages,
    read_lock,
)
from kusto_magic.preflight.resolution import Resolution, pins
from kusto_magic.preflight.sandbox_size import size_warnings
from kusto_magic.preflight.suggestions import Pins
from kusto_magic.preflight.uv import ResolveResult
from kusto_magic.requirements.markers import marker_applies
from kusto_magic.requirements.parser import ReadRequirements, Requirement, Requirements, parse, read

OLDEST, NEWEST = (3, 6), (3, 14)
"""Range of Python versions whose wheel tags are known."""

PREFLIGHT_TIMEOUT = 20.0
"""Default time limit of a preflight in seconds."""


async def run_preflight(
    text: str,
    *,
    python: str,
    base: BaseList | str | None = None,
    policy: SandboxPolicy = DEFAULT_POLICY,
    base_requirements: tuple[str, ...] = (),
    base_image: str = "",
    allow_index_options: bool = False,
    index: IndexSettings | None = None,
    timeout: float = PREFLIGHT_TIMEOUT,
    exclude_newer: str = "",
    locked: Lock | None = None,
    environ: Mapping[str, str] | None = None,
    corrections: bool = True,
    clock: Clock = SYSTEM_CLOCK,
) -> PreflightReport:
    """Check a requirements text within `timeout` seconds. Canceling the task terminates uv immediately.

    `python` is the Python version of the image ("3.10.8"); `base` is the list of its managed base image, or its name
    for the documented list (None: plain Python); `policy` limits a sandbox of the cluster;
    `base_requirements` are the texts of the custom images between the two, the lowest first, and `base_image` is the
    name of the uppermost image, by default that of the managed one, for the lock. `allow_index_options`
    is the user's permission to ask the indexes that the text names; otherwise they are ignored with a warning, as
    those of base images always are. `index` replaces the user's own index settings, `environ` replaces os.environ.
    `exclude_newer` (a date or an RFC 3339 time) ignores what the index received later; the indexes must state upload
    dates. The versions of `locked` are chosen as long as they can be installed. Without `corrections`, the report of a
    conflict has the first reason only; with them, it takes up to `conflicts.SEARCH_TIMEOUT` seconds more.

    Raises InvalidInputError for a text that `requirements.parser.parse` rejects, and ValueError for a date that
    `models.lock.cutoff_time` rejects. A failure of the resolver is not raised but reported as INCONCLUSIVE.
    """
    started = clock.monotonic()
    requirements = parse(text, allow_index_options=True, allow_no_packages=True)  # the caller decides
    variables = os.environ if environ is None else environ
    used, ignored = (requirements.index_options, ()) if allow_index_options else ((), requirements.index_options)
    settings = (user_settings(variables) if index is None else index).with_options(used)
    resolution = Resolution(
        python,
        settings,
        variables,
        started + timeout,
        cutoff_time(exclude_newer) if exclude_newer else None,
        clock,
        ignores_indexes=bool(ignored),
        locked=locked.versions if locked else {},
        policy=policy,
    )
    resolution.warn_of_indexes(ignored, "is named by the image and was not asked")
    listed = BaseList.documented(base) if isinstance(base, str) else base
    managed = listed.image if listed else ""
    result = await _run(requirements, resolution, listed, base_requirements, text if corrections else None)
    layers = tuple(map(_digest, base_requirements))
    template = Lock(python, result.platform, text, (), base_image or managed, managed, layers, exclude_newer)
    result = _with_lock(result, template, resolution)
    index_lines = tuple(f"{option} {url}" for option, url in requirements.index_options)
    hint = Hint(HintKind.ALLOW_INDEX_OPTIONS) if ignored else None
    source = listed.label if listed and resolution.installed else ""
    return replace(result, index_lines=index_lines, hint=hint, base_list=source, seconds=clock.monotonic() - started)


def _with_lock(report: PreflightReport, template: Lock, resolution: Resolution) -> PreflightReport:
    """Return a report with its lock, if there is one; a conflict may be caused by what was ignored."""
    if report.verdict is Verdict.COMPATIBLE:
        return replace(report, lock=replace(template, packages=resolution.found))
    if report.verdict is Verdict.CONFLICT and template.exclude_newer:
        ignored = f"releases after {template.exclude_newer} were ignored"
        return replace(report, warnings=(*report.warnings, ignored))
    return report


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


async def _run(
    requirements: Requirements,
    resolution: Resolution,
    base: BaseList | None,
    texts: Sequence[str],
    correctable: str | None,
) -> PreflightReport:
    if not _is_known_python(resolution.python):
        return resolution.report(Verdict.INCONCLUSIVE, reason=f"the check does not support Python {resolution.python}")
    # An incomplete check must not block a build, so every failure of uv becomes an inconclusive report.
    try:
        await _add_base(resolution, base, texts)
        return await _resolve(requirements, resolution, base, correctable)
    except (OSError, ValueError) as error:
        reason = f"the resolver uv cannot be run, or its output cannot be read ({type(error).__name__})"
        return resolution.report(Verdict.INCONCLUSIVE, reason=reason, resolver_text=displayed_output(str(error)))


async def _resolve(
    requirements: Requirements, resolution: Resolution, base: BaseList | None, correctable: str | None
) -> PreflightReport:
    lines = _applicable(requirements, resolution)
    if not lines:
        return resolution.report(Verdict.COMPATIBLE)
    result = await resolve_on_base(lines, resolution, base)
    if result.code is None:
        return resolution.report(Verdict.INCONCLUSIVE, reason="the package index did not respond in time")
    if result.code != 0:
        return await _failure_report(result, lines, resolution, correctable)
    found = read_lock(result.lock, resolution.python)
    resolution.found = resolution.keep_installed(found)
    packages = plan_packages(found, base=resolution.installed, direct=[line.name for line in lines])
    resolution.warnings += [*_uv_warnings(result.output), *_managed_warnings(packages, resolution.installed, base)]
    resolution.warnings += binary_warnings(packages, resolution.installed, base)
    sizes = {it.name: it.size for it in packages if it.status is not Status.PRESENT}
    resolution.warnings += size_warnings({**resolution.layer_sizes, **sizes}, resolution.policy)
    resolution.warnings += await _custom_warnings(packages, lines, resolution)
    return resolution.report(Verdict.COMPATIBLE, packages=packages)


async def _failure_report(
    result: ResolveResult, lines: Sequence[Requirement], resolution: Resolution, correctable: str | None
) -> PreflightReport:
    """Report a failed resolution; `correctable` is the text to correct, or None to report the first reason only."""
    diagnosis = diagnose(result.output, lines, resolution.python)
    if resolution.exclude_newer and _NO_DATE in result.output:
        reason = "an index does not state when it received its files, so later ones cannot be ignored"
        return resolution.report(Verdict.INCONCLUSIVE, reason=reason, resolver_text=displayed_output(result.output))
    if resolution.ignores_indexes:  # they may have what is missing
        diagnosis = replace(diagnosis, verdict=Verdict.INCONCLUSIVE)
    found = Explanation(diagnosis.reason)
    if diagnosis.verdict is Verdict.CONFLICT and correctable is not None:
        found = await explain(correctable, lines, diagnosis, resolution)
    resolution.warnings += found.warnings
    return resolution.report(
        diagnosis.verdict,
        reason=found.reason,
        resolver_text=displayed_output(result.output),
        problems=found.problems,
        suggestions=found.suggestions,
        correction=found.correction,
    )


# ── base image ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def _add_base(resolution: Resolution, base: BaseList | None, texts: Sequence[str]) -> None:
    """Record the packages of the base image: the managed list, then each custom text in turn."""
    if base is not None:
        resolution.installed.update(base.packages)
        resolution.stub_wheels = managed_packages.without_wheel(base.image)
        resolution.warnings += _list_warnings(base)
    for text in texts:
        added = await _add_custom_layer(resolution, base, text)
        if added is None:
            resolution.warnings.append("a custom base image could not be resolved: its packages are not known")
        else:
            resolution.from_custom_images |= added
            resolution.installed |= added


def _list_warnings(base: BaseList) -> list[str]:
    """Return a warning if the list of a base image is not complete, or not for what is checked."""
    if base.read_at is None and base.image in managed_packages.MODULE_LISTS:
        return [f"the list of {base.image} contains modules, not packages: new packages may already be installed"]
    if not base.packages:
        return [f"the packages of base image {base.image} are not known: only the requirements were checked"]
    if base.platform and not base.platform.startswith("Windows"):
        return [f"{base.image} runs on {base.platform[:100]}, and the check is for {PLATFORM}"]
    return []


async def _add_custom_layer(resolution: Resolution, base: BaseList | None, text: str) -> Pins | None:
    requirements = read(text)  # the image may have been made with another tool
    if requirements.problems:
        return None
    resolution.warn_of_indexes(requirements.index_options, "is named by a base image and was not asked")
    if not requirements.packages:
        return {}
    # Warnings about the lines of a base image do not help with this text, so they are collected separately.
    separate = replace(resolution, warnings=[], locked={})  # a lock has the versions of the text on top of it
    result = await resolve_on_base(_applicable(requirements, separate), separate, base)
    resolution.stub_wheels = separate.stub_wheels
    if result.code != 0:
        return None
    found = read_lock(result.lock, resolution.python)
    added = [package for package in found if resolution.installed.get(package.name) != package.version]
    resolution.layer_sizes.update({package.name: package.size for package in added})
    return pins(found)


def _managed_warnings(packages: Iterable[Package], installed: Mapping[str, str], base: BaseList | None) -> list[str]:
    """Return a warning for every package of the managed image whose requirements would no longer be met.

    These are not conflicts: pip changes what the new lines need, and prints a warning. What the packages require is
    known of the documented versions only.
    """
    if base is None:
        return []
    listed, planned = managed_packages.packages(base.image), {package.name: package for package in packages}
    changed = {name for name, package in planned.items() if package.status in {Status.UPGRADED, Status.DOWNGRADED}}
    kept = [name for name in listed if name not in changed and installed.get(name) == listed[name]]
    needed = managed_packages.build_requirements(base.image)
    needs = [(name, Pep508(need)) for name in kept for need in needed.get(name, ())]
    return [
        f"{_change_text(planned[need.name])}: {name} {listed[name]} of the base image needs {need}"
        for name, need in needs
        if need.name in changed and not need.specifier.contains(planned[need.name].version, prereleases=True)
    ]


def _change_text(package: Package) -> str:
    return f"{package.name} {package.status} from {package.version_in_base} to {package.version}"


async def _custom_warnings(
    packages: Iterable[Package], lines: Sequence[Requirement], resolution: Resolution
) -> list[str]:
    """Return a warning if packages of the custom base images conflict with the changes of this text."""
    changed = {package.name for package in packages if package.status in {Status.UPGRADED, Status.DOWNGRADED}}
    if not changed & resolution.from_custom_images.keys() or resolution.remaining <= 0:
        return []
    kept = [
        _base_requirement(name, version)
        for name, version in resolution.from_custom_images.items()
        if name not in changed
    ]
    kept_names = {one.name for one in kept}
    together = [*kept, *(line for line in lines if line.name not in kept_names)]
    result = await resolution.resolve(line.spec for line in together)
    diagnosis = diagnose(result.output, together, resolution.python) if result.code else None
    return [diagnosis.reason] if diagnosis and diagnosis.verdict is Verdict.CONFLICT else []


def _base_requirement(name: str, version: str) -> Requirement:
    return Requirement(line=0, name=name, text=f"{name}=={version}", specifier=f"=={version}")


# ── requirement lines ──────────────────────────────────────────────────────────────────────────────────────────────


def _applicable(requirements: Requirements | ReadRequirements, resolution: Resolution) -> list[Requirement]:
    """Return the lines that apply to the image's Python on Windows; warn about the others."""
    lines: list[Requirement] = []
    for line in requirements.packages:
        if marker_applies(line.marker, resolution.python):
            lines.append(line)
        else:
            resolution.warnings.append(
                f"line {line.line} {line.name} does not apply to Python {resolution.python} on Windows"
            )
    return lines


def _uv_warnings(output: str) -> list[str]:
    """Return at most five of uv's own warnings (a yanked version, an extra that does not exist)."""
    lines = [line.removeprefix("warning:").strip() for line in output.splitlines() if line.startswith("warning:")]
    return [line[:200] for line in lines if not any(noise in line for noise in _NOISE)][:5]


_NO_DATE = "is missing an upload date"
"""Part of uv's warning about an index without dates, if `exclude_newer` is set: it ignores such files."""

_NOISE = (
    "The requested Python version",  # wheels are resolved without that Python being installed
    _NO_DATE,
)


def _is_known_python(python: str) -> bool:
    parts = python.split(".")
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() and len(part) < 3 for part in parts):
        return False
    return OLDEST <= (int(parts[0]), int(parts[1])) <= NEWEST
