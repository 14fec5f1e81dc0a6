"""Package lines that cannot mean what they say: modules instead of packages, and versions of another index."""

from __future__ import annotations

import re

from packaging.requirements import Requirement as Pep508
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from kusto_magic.requirements.formats.rewrite import Rewrite, deleted, parsed
from kusto_magic.requirements.module_names import NO_PACKAGES, PACKAGE_OF_MODULE, is_standard_module

_LOCAL = re.compile(r"(==\s*+[^\s,;+=]*\d)\+[A-Za-z0-9._]+")
_FOR_DEVICE = re.compile(r"cpu|cu\d+|rocm[\d.]+|xpu")
_BUILT_FOR_CPU = frozenset({"torch", "torchaudio", "torchvision"})
"""Packages with builds for several devices. Source: PyTorch, "Start locally", as read in 2026-11."""

_PLACEHOLDER = re.compile(r"==0(\.0)*(\.post\d+)?")


def module_names(code: str) -> Rewrite | None:
    """Replace the name of a module by that of its package, and delete modules of Python itself."""
    found = parsed(code)
    if found is None:
        return None
    name = str(canonicalize_name(found.name))
    if is_standard_module(found.name, has_version=bool(found.specifier)):
        return deleted(f"{found.name} is part of Python (the standard library) and needs no line")
    if name not in NO_PACKAGES:
        return None
    reason = f"{found.name} is the name of a module, not of its package"
    return Rewrite((_renamed(found, PACKAGE_OF_MODULE[name]),), reason)


def _renamed(found: Pep508, name: str) -> str:
    found.name = name
    if _PLACEHOLDER.fullmatch(str(found.specifier)):  # a version of the placeholder
        found.specifier = SpecifierSet()
    return str(found)


def local_versions(code: str) -> Rewrite | None:
    """Delete the local part of a version, such as "+cu121": it is a build of an index of its own."""
    plain = _LOCAL.sub(r"\1", code)
    package = parsed(code)
    if plain == code or package is None:
        return None
    label = code.partition("+")[2].partition(";")[0].strip()
    where = f"{plain.partition(';')[0].strip()} is the same version in the package index"
    if canonicalize_name(package.name) in _BUILT_FOR_CPU and _FOR_DEVICE.fullmatch(label):
        where += ", which has only builds for the CPU on Windows"
    return Rewrite((plain,), f"+{label} is a build of another index; {where}")
