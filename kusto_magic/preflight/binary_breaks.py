"""Breaks that no metadata states: a package fails with a newer version of a library than it was built or written for.

Wheels that were built for NumPy 1 cannot be imported with NumPy 2; most of them were published before it, so they do
not exclude it. Source: NumPy, "NumPy 2.0 migration guide" and https://github.com/numpy/numpy/issues/26191.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from packaging.version import Version

from kusto_magic.models.cluster_contents import BaseList
from kusto_magic.models.managed_packages import LIST_DATE
from kusto_magic.preflight.report import Package, Status

FIRST_FOR_NUMPY_2: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "arch": ("7.0.0", "https://bashtage.github.io/arch/devel/changes/7.0.html"),
        "contourpy": ("1.2.1", "https://github.com/contourpy/contourpy/issues/378"),
        "linearmodels": ("6.1", "https://bashtage.github.io/linearmodels/changes/6.0.html"),
        "matplotlib": ("3.8.4", "https://github.com/matplotlib/matplotlib/pull/28017"),
        "netcdf4": ("1.7.0", "https://github.com/numpy/numpy/issues/26191"),
        "numba": ("0.60.0", "https://numba.readthedocs.io/en/0.62.0/release/0.60.0-notes.html"),
        "onnxruntime": ("1.19.0", "https://github.com/microsoft/onnxruntime/issues/21063"),
        "pandas": ("2.2.2", "https://github.com/apache/arrow/pull/50769"),
        "pyarrow": ("16.0.0", "https://github.com/apache/arrow/issues/39532"),
        "pywavelets": ("1.6.0", "https://pywavelets.readthedocs.io/en/stable/release.1.6.0.html"),
        "scikit-learn": ("1.4.2", "https://github.com/scikit-learn-contrib/scikit-learn-extra/pull/181"),
        "scipy": ("1.13.0", "https://scipy.github.io/devdocs/release/1.13.0-notes.html"),
        "spacy": ("3.7.6", "https://github.com/explosion/spaCy/issues/13607"),
        "statsmodels": ("0.14.2", "https://statsmodels.org/stable/release/version0.14.2.html"),
        "tensorflow": ("2.18.0", "https://github.com/tensorflow/tensorflow/releases/tag/v2.18.0"),
        "thinc": ("8.3.0", "https://github.com/explosion/spaCy/issues/13607"),
        "torch": ("2.4.1", "https://github.com/pytorch/pytorch/issues/131668"),
    }
)
"""First version whose wheels for Windows were built for NumPy 2, and where that is stated, as read in 2026-11."""

_NUMPY_2 = Version("2")


@dataclass(frozen=True, slots=True)
class Break:
    """A package that fails with a library from the version `broken_by` on, up to its own version `fixed_in`.

    The metadata of the package does not exclude that version. `failure` is what fails, `source` where that is stated.
    """

    library: str
    broken_by: str
    package: str
    fixed_in: str
    failure: str
    source: str


_AT_IMPORT = "fails at import"
BREAKS = (
    Break("numpy", "2", "prophet", "1.1.6", _AT_IMPORT, "https://github.com/facebook/prophet/issues/2595"),
    Break("scipy", "1.13", "gensim", "4.3.3", _AT_IMPORT, "https://github.com/piskvorky/gensim/issues/3525"),
    Break("scipy", "1.16", "statsmodels", "0.14.5", _AT_IMPORT, "https://github.com/statsmodels/statsmodels/issues/9584"),
    Break("protobuf", "4", "tensorflow", "2.9.1", _AT_IMPORT, "https://github.com/tensorflow/tensorflow/pull/56196"),
    Break(
        "sqlalchemy", "2", "pandas", "2.0", "cannot read or write SQL tables",
        "https://github.com/pandas-dev/pandas/issues/51015",
    ),
    Break(
        "pandas", "2.2", "sqlalchemy", "2.0", "cannot be used for SQL tables",
        "https://github.com/pandas-dev/pandas/issues/57049",
    ),
)  # fmt: skip
"""Breaks between two packages, as read in 2026-11."""


def binary_warnings(packages: Iterable[Package], installed: Mapping[str, str], base: BaseList | None) -> list[str]:
    """Return warnings about packages that may fail at import.

    `packages` is what is installed on the managed image `base` (None: plain Python), `installed` what that contains
    (normalized name → version).
    """
    planned = {package.name: package for package in packages}
    versions = {**installed, **{name: package.version for name, package in planned.items()}}
    return [*_numpy_warnings(planned, versions, base), *_break_warnings(planned, versions)]


def _break_warnings(planned: Mapping[str, Package], versions: Mapping[str, str]) -> Iterator[str]:
    """Yield the breaks between packages of which at least one changes; the others are the base image's own."""
    changed = {name for name, package in planned.items() if package.status is not Status.PRESENT}
    for each in BREAKS:
        library = versions.get(each.library)
        is_broken = library is not None and not _is_older(library, each.broken_by)
        if (
            is_broken
            and _is_older(versions.get(each.package), each.fixed_in)
            and changed & {each.library, each.package}
        ):
            place = "" if each.package in planned else " of the base image"
            yield (
                f"{each.package} {versions[each.package]}{place} {each.failure} with {each.library} {library} "
                f"(first that works: {each.fixed_in})"
            )


def _numpy_warnings(planned: Mapping[str, Package], versions: Mapping[str, str], base: BaseList | None) -> list[str]:
    numpy = planned.get("numpy")
    if numpy is None or Version(numpy.version) < _NUMPY_2:
        return []
    old = [name for name, (first, _) in FIRST_FOR_NUMPY_2.items() if _is_older(versions.get(name), first)]
    warnings = [_warning(numpy, name, versions[name], of_base=name not in planned) for name in old]
    if base is not None and numpy.status is Status.UPGRADED and Version(numpy.version_in_base or "2") < _NUMPY_2:
        warnings.append(_unknown_warning(numpy, base))
    return warnings


def _is_older(version: str | None, first: str) -> bool:
    return version is not None and Version(version) < Version(first)


def _warning(numpy: Package, name: str, version: str, *, of_base: bool) -> str:
    place = f"{name} {version} of the base image" if of_base else f"{name} {version}"
    first = FIRST_FOR_NUMPY_2[name][0]
    return (
        f"{place} was built for NumPy 1 and may fail at import with numpy {numpy.version} (first for NumPy 2: {first})"
    )


def _unknown_warning(numpy: Package, base: BaseList) -> str:
    is_complete = base.read_at is not None
    others = "" if is_complete else f"; those that Azure's documentation of {LIST_DATE} does not list are unknown"
    return (
        f"numpy changes from {numpy.version_in_base} to {numpy.version}: packages of {base.image} that were built for "
        f"NumPy 1 may fail at import{others}"
    )
