"""The installed distribution that provides a module, and whether an index has it too."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from packaging.requirements import InvalidRequirement
from packaging.requirements import Requirement as Pep508
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from kusto_magic.errors import excerpt


class Distribution(Protocol):
    """The part of `importlib.metadata.Distribution` that is used here."""

    @property
    def version(self) -> str:
        """The installed version."""
        ...

    @property
    def files(self) -> Iterable[Any] | None:
        """The installed paths, or None if they are not recorded."""
        ...

    def read_text(self, filename: str) -> str | None:
        """Return the text of a metadata file, or None if it does not exist."""
        ...


def is_outside_installations(module: str) -> bool:
    """Return whether a top-level module is found in another folder than those of installed packages.

    The module is not imported: only the finders that this process has are asked.
    """
    try:
        found = find_spec(module)
    except (ImportError, ValueError, AttributeError, TypeError):
        return False
    places = [found.origin, *(found.submodule_search_locations or ())] if found else []
    folders = [str(place).replace("\\", "/") for place in places if place]
    return bool(folders) and not any("/site-packages/" in place or "/dist-packages/" in place for place in folders)


@dataclass(frozen=True, slots=True)
class Installed:
    """The installed distributions: names by top-level module, and a function that finds a distribution by name.

    `folder` is where the sources are: modules in it are the user's own. `is_own` tells whether another module is.
    """

    # Reads all distributions, so not at import.
    owners: Mapping[str, Iterable[str]] = field(default_factory=metadata.packages_distributions)
    find: Callable[[str], Distribution] = metadata.distribution
    folder: Path | None = None
    is_own: Callable[[str], bool] = is_outside_installations


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a distribution is from, if an index may not have it: `reason` is "" if an index has it.

    `is_local` is whether no index can have it, because it is installed from a folder of this machine.
    """

    reason: str = ""
    is_local: bool = False


_CONDA_BUILD = re.compile(r"/(?:croots?|conda-bld|feedstock_root)/|_\d{10,16}/work(?:/|$)")
"""Parts of the paths of conda's build machines, which conda's packages keep as the address they are installed from."""

_GPU = re.compile(r"-(?:gpu|cu\d{2,3}|cuda\d{0,3}x?|rocm)(?=-|$)")
_VARIANTS = re.compile(r"-(?:headless|cpu|intel|binary|gpu|cu\d{2,3}|cuda\d{0,3}x?|rocm)(?=-|$)")


def local_module(module: str, folder: Path | None) -> bool:
    """Return whether a top-level module is a file or a package in the folder of the sources."""
    if folder is None or not module.isidentifier():
        return False
    return (folder / f"{module}.py").is_file() or (folder / module / "__init__.py").is_file()


def owners_of(module: str, installed: Installed) -> list[str]:
    """Return the names of the distributions that provide a dotted module, several only for a namespace package."""
    top = module.partition(".")[0]
    names = sorted(set(installed.owners.get(top, ())))  # packages_distributions repeats names
    if not names and find(top, installed):  # an editable installation does not record its modules
        return [top]
    return _closest(module, names, installed)


def find(name: str, installed: Installed) -> Distribution | None:
    """Return an installed distribution by its name, None if it is not installed or damaged."""
    try:
        return installed.find(name)
    except (KeyError, ValueError, metadata.PackageNotFoundError):
        return None


def _closest(module: str, names: list[str], installed: Installed) -> list[str]:
    """Return the distributions that contain the module, for a top-level module shared by several (`google`)."""
    path = module
    while len(names) > 1 and path:
        path_prefix = path.replace(".", "/")
        found = [name for name in names if _files(name, path_prefix, installed)]
        if found:
            return found
        path = path.rpartition(".")[0]
    return names


def _files(name: str, path_prefix: str, installed: Installed) -> dict[str, Any]:
    """Return the files of a module or package in a distribution, by their paths."""
    found = find(name, installed)
    files = {str(file).replace("\\", "/"): file for file in (found and found.files) or ()}
    starts = (f"{path_prefix}/", f"{path_prefix}.")
    return {path: file for path, file in files.items() if path.startswith(starts)}


# ── one of several ─────────────────────────────────────────────────────────────────────────────────────────────────


def one_owner(module: str, names: list[str], declared: Iterable[str], installed: Installed) -> str:
    """Return the distribution to name if several install the same files of a module, or "" if they share a namespace.

    Preferred is the variant for a machine without screen and GPU, as the sandbox is; then the one whose files are
    there: the others were overwritten; then one that the sources declare; then the larger one.
    """
    top = module.partition(".")[0]
    files = {name: _files(name, top, installed) for name in names}
    shared = set.intersection(*map(set, files.values()))
    if not shared or len(shared) * 2 < min(map(len, files.values())):
        return ""
    declared_names = set(declared)

    def rank(name: str) -> tuple[object, ...]:
        key = str(canonicalize_name(name))
        is_intact = _is_intact(files[name][path] for path in sorted(shared))
        return _variant(key), not is_intact, key not in declared_names, -len(files[name]), key

    return min(names, key=rank)


def _variant(name: str) -> int:
    """Return 0 for a variant without screen or GPU, 2 for one that needs a GPU, 1 for any other package."""
    if name.endswith(("-headless", "-cpu")):
        return 0
    return 2 if _GPU.search(name) else 1


def _is_intact(files: Iterable[Any]) -> bool:
    """Return whether one of the first files with a recorded hash still has it."""
    hashed = (file for file in files if getattr(getattr(file, "hash", None), "mode", "") == "sha256")
    try:
        return any(_has_hash(file) for file in itertools.islice(hashed, 3))
    except OSError:  # removed since
        return False


def _has_hash(file: Any) -> bool:
    digest = hashlib.sha256(file.locate().read_bytes()).digest()
    recorded: str = file.hash.value
    return recorded == base64.urlsafe_b64encode(digest).decode().rstrip("=")


def is_variant(name: str, other: str) -> bool:
    """Return whether two normalized names are variants of one package, such as opencv-python(-headless)."""
    return _VARIANTS.sub("", name) == _VARIANTS.sub("", other)


# ── where it is from ───────────────────────────────────────────────────────────────────────────────────────────────


def origin_of(distribution: Distribution) -> Origin:
    """Return where a distribution is from. Source: PEP 610, direct_url.json, and PEP 376, INSTALLER."""
    text = distribution.read_text("direct_url.json")
    if not text or (distribution.read_text("INSTALLER") or "").strip() == "conda":
        return Origin()
    try:
        address = json.loads(text)
    except (ValueError, RecursionError):
        address = None
    return _origin(address if isinstance(address, dict) else {})


def _origin(address: Mapping[str, Any]) -> Origin:
    folder, url = address.get("dir_info"), str(address.get("url", ""))
    if isinstance(folder, dict) and folder.get("editable"):
        return Origin("an editable installation of a folder on this machine", is_local=True)
    if _CONDA_BUILD.search(url):
        return Origin()
    if folder is not None:
        return Origin("installed from a folder of this machine", is_local=True)
    if "vcs_info" in address:
        return Origin("installed from a repository")
    if "archive_info" in address:
        return Origin("installed from a file of this machine" if url.startswith("file:") else "installed from a URL")
    return Origin("installed from a folder or URL, not from an index", is_local=True)


# ── its version ────────────────────────────────────────────────────────────────────────────────────────────────────


def pin(name: str, distribution: Distribution) -> str:
    """Return the line that pins a distribution to its public version ("2.3.0+cpu" is 2.3.0): no index has others.

    Raises ValueError, with a reason, if the version or the name is not valid.
    """
    try:
        version = str(distribution.version)
    except KeyError:
        version = ""
    try:
        line = f"{name}=={Version(version).public}"
        return str(Pep508(line))
    except InvalidVersion:
        raise ValueError(f"its version {excerpt(version)} is not a valid version") from None
    except InvalidRequirement:
        raise ValueError("its name is not a valid name") from None
