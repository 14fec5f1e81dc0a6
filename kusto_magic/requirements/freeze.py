"""Which packages Python sources import, pinned to what is installed here: a first requirements text.

What a source imports is read, not run. A module belongs to the installed distribution that brought its files
(`importlib.metadata`); the standard library and modules of the user's own folders belong to none.
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

from kusto_magic.errors import InvalidInput, Problem

OWN_PACKAGE = "kusto_magic"
MAGICS_WITH_PYTHON = frozenset({"capture", "prun", "time", "timeit"})
"""Magics whose body or line is Python that runs in the notebook."""

MAX_NOTEBOOK_SIZE = 256 * 1024 * 1024
"""Bytes; a larger notebook is not read."""


class Distribution(Protocol):
    """An installed distribution, as far as it is asked here (`importlib.metadata.Distribution`)."""

    @property
    def version(self) -> str:
        """Its version."""
        ...

    @property
    def files(self) -> Iterable[Any] | None:
        """The paths it has installed, None where that is not recorded."""
        ...

    def read_text(self, filename: str) -> str | None:
        """Return a file of its metadata, None where there is none."""
        ...


@dataclass(frozen=True, slots=True)
class Installed:
    """What is installed: distribution names by top-level module, and a way to a distribution by its name."""

    owners: Mapping[str, Iterable[str]] = field(default_factory=metadata.packages_distributions)
    find: Callable[[str], Distribution] = metadata.distribution


@dataclass(frozen=True, slots=True)
class FreezeResult:
    """What was found: `pins` such as "numpy==2.1.0", sorted; `left_out` says for each other module why it is none.

    `unread` counts the sources that are no Python.
    """

    pins: tuple[str, ...]
    skipped: tuple[str, ...] = ()
    unreadable: int = 0

    @property
    def requirements(self) -> str:
        """The requirements text."""
        return "".join(f"{pin}\n" for pin in self.pins)


def freeze(sources: Iterable[str], installed: Installed | None = None) -> FreezeResult:
    """Return the packages that `sources` (cells as they are typed, with magics and `!commands`) import."""
    installed = installed or Installed()
    modules: set[str] = set()
    unread = 0
    for source in sources:
        try:
            modules |= set(_imports(source))
        except (SyntaxError, ValueError, RecursionError):  # ValueError: a null byte
            unread += 1
    pins: dict[str, str] = {}
    left_out: dict[str, str] = {}
    for module in sorted(modules):
        _add_module(module, installed, pins, left_out)
    return FreezeResult(tuple(pins[name] for name in sorted(pins)), tuple(left_out.values()), unread)


def read_cells(notebook: Path) -> list[str]:
    """Return the code cells of a notebook file. Raises InvalidInput where it cannot be read as one."""
    try:
        if notebook.stat().st_size > MAX_NOTEBOOK_SIZE:
            raise ValueError("too large")  # noqa: TRY301 - one answer for all that is wrong with it
        document = json.loads(notebook.read_text(encoding="utf-8"))
        cells = [cell for cell in document["cells"] if cell["cell_type"] == "code"]
        return ["".join(cell["source"]) for cell in cells]
    except OSError as error:
        raise InvalidInput([Problem("notebook", f"{notebook.name} cannot be read: {error.strerror}")]) from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise InvalidInput([Problem("notebook", f"{notebook.name} is no notebook")]) from None


def _imports(source: str) -> Iterator[str]:
    """Yield what a source imports: "numpy", "google.cloud", "google.cloud.storage" for `from google.cloud import …`."""
    from IPython.core.inputtransformer2 import TransformerManager

    for node in ast.walk(ast.parse(TransformerManager().transform_cell(source))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call):
            yield from _imports_of_magic(node)


def _imports_of_magic(call: ast.Call) -> Iterator[str]:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    words = [word.value for word in call.args if isinstance(word, ast.Constant) and isinstance(word.value, str)]
    if name in ("run_cell_magic", "run_line_magic") and words and words[0] in MAGICS_WITH_PYTHON:
        yield from _imports(words[-1])


def _add_module(module: str, installed: Installed, pins: dict[str, str], left_out: dict[str, str]) -> None:
    top = module.partition(".")[0]
    if top in sys.stdlib_module_names or top == OWN_PACKAGE:
        return
    names = sorted(set(installed.owners.get(top, ())))
    if not names:
        left_out[top] = f"{top}: no installed package brings it"
    for name in _closest(module, names, installed):
        found = installed.find(name)
        key = str(canonicalize_name(name))
        if why := _not_from_an_index(found):
            left_out[key] = f"{name}: {why}"
        elif version := _public_version(found.version):
            pins[key] = f"{name}=={version}"
        else:
            left_out[key] = f"{name}: its version {found.version!r} is none that an index has"


def _closest(module: str, names: list[str], installed: Installed) -> list[str]:
    """Return those of several distributions with one top-level module (`google`) that have the module's own files."""
    path = module
    while len(names) > 1 and path:
        place = path.replace(".", "/")
        found = [name for name in names if _contains(installed.find(name), place)]
        if found:
            return found
        path = path.rpartition(".")[0]
    return names


def _contains(distribution: Distribution, place: str) -> bool:
    files = [str(file).replace("\\", "/") for file in distribution.files or ()]
    return any(file.startswith((f"{place}/", f"{place}.")) for file in files)


def _not_from_an_index(distribution: Distribution) -> str:
    """Return why a distribution cannot be had from an index, or "". Source: PEP 610, direct_url.json."""
    return (
        "installed from a folder or an address, not from an index" if distribution.read_text("direct_url.json") else ""
    )


def _public_version(version: str) -> str:
    """Return a version without its local part ("2.3.0+cpu" → "2.3.0"), which an index does not have; "" for none."""
    try:
        return Version(version).public
    except InvalidVersion:
        return ""
