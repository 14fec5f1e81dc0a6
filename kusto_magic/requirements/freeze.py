"""Generator of a first requirements text: the packages that Python sources import, pinned to the installed versions.

Sources are parsed, not executed. A module belongs to the installed distribution that contains its files
(`importlib.metadata`); the standard library and modules in the user's own folders belong to none.
"""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from kusto_magic.errors import InvalidInputError, Problem

OWN_PACKAGE = "kusto_magic"
"""Top-level module that is never listed: the image does not need it."""

MAGICS_WITH_PYTHON = frozenset({"capture", "prun", "time", "timeit"})
"""Magics whose body or line is Python code that runs in the notebook."""

MAX_NOTEBOOK_SIZE = 256 * 1024 * 1024
"""Maximum size of a notebook in bytes."""


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


@dataclass(frozen=True, slots=True)
class Installed:
    """The installed distributions: names by top-level module, and a function that finds a distribution by name."""

    # Reads all distributions, so not at import.
    owners: Mapping[str, Iterable[str]] = field(default_factory=metadata.packages_distributions)
    find: Callable[[str], Distribution] = metadata.distribution


@dataclass(frozen=True, slots=True)
class FreezeResult:
    """The packages found: `pins` such as "numpy==2.1.0", sorted; `skipped` has a reason for every other module.

    `unreadable` is the number of sources that are not valid Python.
    """

    pins: tuple[str, ...]
    skipped: tuple[str, ...] = ()
    unreadable: int = 0

    @property
    def requirements(self) -> str:
        """The pins as a requirements text."""
        return "".join(f"{pin}\n" for pin in self.pins)


def freeze(sources: Iterable[str], installed: Installed | None = None) -> FreezeResult:
    """Return the packages that `sources` (raw cells, including magics and `!commands`) import."""
    installed = installed or Installed()
    modules: set[str] = set()
    unreadable = 0
    for source in sources:
        try:
            modules |= set(_imports(source))
        except (SyntaxError, ValueError, RecursionError):  # ValueError: a null byte
            unreadable += 1
    pins: dict[str, str] = {}
    skipped: dict[str, str] = {}
    for module in sorted(modules):
        _add_module(module, installed, pins, skipped)
    return FreezeResult(tuple(pins[name] for name in sorted(pins)), tuple(skipped.values()), unreadable)


def read_cells(notebook: Path) -> list[str]:
    """Return the code cells of a notebook file. Raises InvalidInputError if it is not a readable notebook."""
    try:
        if notebook.stat().st_size > MAX_NOTEBOOK_SIZE:
            raise ValueError("too large")  # noqa: TRY301 - the same message as for invalid contents
        document = json.loads(notebook.read_text(encoding="utf-8"))
        cells = [cell for cell in document["cells"] if cell["cell_type"] == "code"]
        return ["".join(cell["source"]) for cell in cells]  # nbformat allows a list of lines or one string
    except OSError as error:
        raise InvalidInputError([Problem("notebook", f"{notebook.name} cannot be read: {error.strerror}")]) from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise InvalidInputError([Problem("notebook", f"{notebook.name} is not a valid notebook")]) from None


def _imports(source: str) -> Iterator[str]:
    """Yield imported modules; `from google.cloud import storage` yields "google.cloud.storage"."""
    from IPython.core.inputtransformer2 import TransformerManager  # the other functions work without IPython

    # IPython turns magics into calls such as run_line_magic(…), which makes the cell valid Python.
    for node in ast.walk(ast.parse(TransformerManager().transform_cell(source))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:  # relative: the user's own file
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call):
            yield from _imports_of_magic(node)


def _imports_of_magic(call: ast.Call) -> Iterator[str]:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    arguments = [
        argument.value
        for argument in call.args
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    ]
    if name in ("run_cell_magic", "run_line_magic") and arguments and arguments[0] in MAGICS_WITH_PYTHON:
        yield from _imports(arguments[-1])  # the body of a cell magic, the line of a line magic


def _add_module(module: str, installed: Installed, pins: dict[str, str], skipped: dict[str, str]) -> None:
    top = module.partition(".")[0]
    if top in sys.stdlib_module_names or top == OWN_PACKAGE:
        return
    names = sorted(set(installed.owners.get(top, ())))  # packages_distributions repeats names
    if not names:
        skipped[top] = f"{top}: no installed package provides it"
    for name in _closest(module, names, installed):
        found = installed.find(name)
        key = str(canonicalize_name(name))
        if reason := _not_from_an_index(found):
            skipped[key] = f"{name}: {reason}"
        elif version := _public_version(found.version):
            pins[key] = f"{name}=={version}"
        else:
            skipped[key] = f"{name}: its version {found.version!r} is not a valid version"


def _closest(module: str, names: list[str], installed: Installed) -> list[str]:
    """Return the distributions that contain the module, for a top-level module shared by several (`google`)."""
    path = module
    while len(names) > 1 and path:
        path_prefix = path.replace(".", "/")
        found = [name for name in names if _contains(installed.find(name), path_prefix)]
        if found:
            return found
        path = path.rpartition(".")[0]
    return names


def _contains(distribution: Distribution, path_prefix: str) -> bool:
    files = [str(file).replace("\\", "/") for file in distribution.files or ()]
    return any(file.startswith((f"{path_prefix}/", f"{path_prefix}.")) for file in files)


def _not_from_an_index(distribution: Distribution) -> str:
    """Return why a distribution is not available on an index, or "". Source: PEP 610, direct_url.json."""
    return "installed from a folder or URL, not from an index" if distribution.read_text("direct_url.json") else ""


def _public_version(version: str) -> str:
    """Return a version without its local part ("2.3.0+cpu" → "2.3.0"), which no index accepts, or "" if invalid."""
    try:
        return Version(version).public
    except InvalidVersion:
        return ""
