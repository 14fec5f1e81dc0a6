"""Subcommand freeze: a cell with the packages that the sandbox imports, or else the notebook."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

from kusto_magic.commands.session import Session
from kusto_magic.errors import InvalidInputError, Problem
from kusto_magic.models import managed_packages
from kusto_magic.models.image import ImageSpec
from kusto_magic.models.managed_images import MANAGED_IMAGES
from kusto_magic.requirements.freeze import sources as source_files
from kusto_magic.requirements.freeze.distributions import Installed
from kusto_magic.requirements.freeze.imports import Found, Language, Source
from kusto_magic.requirements.freeze.result import NOTEBOOK_ONLY, BaseImage, Environment, FreezeResult
from kusto_magic.requirements.freeze.result import freeze as freeze_sources
from kusto_magic.requirements.freeze.sources import Sources
from kusto_magic.requirements.module_names import PACKAGE_OF_MODULE

NOTEBOOK_PATH_VARIABLES = ("JPY_SESSION_NAME", "__vsc_ipynb_file__")
"""Sources of the notebook's path: an environment variable set by Jupyter Server, a global variable set by VS Code."""

MAX_LISTED = 20
"""Maximum number of skipped modules, notes or files that a message lists."""


def freeze(session: Session, options: Namespace) -> None:
    """Open a cell with the packages that python() imports in the queries of this notebook, or else the notebook."""
    name, paths = options.name, list(options.sources)
    if name.lower().endswith(source_files.SUFFIXES):  # `freeze work.ipynb`
        name, paths = "my-image", [name, *paths]
    base = options.base or _base_for_this_python()
    folder, read = _sources(session, options, paths)
    found = freeze_sources(read.sources, _environment(base, folder))
    if not found.requirements:
        is_session = not _is_file(options, paths)
        raise InvalidInputError([Problem("imports", _nothing_found(found, read.sources, is_session=is_session))])
    spec = ImageSpec(found.requirements, base, allow_no_packages=True)
    session.offer_image(name, spec)
    for message in _messages(found, read.damaged, session.syntax.text_noun):
        session.remark(message)


def _is_file(options: Namespace, paths: list[str]) -> bool:
    return bool(paths) or options.from_notebook is not None


def _sources(session: Session, options: Namespace, paths: list[str]) -> tuple[Path, Sources]:
    """Return the folder of the sources and the sources themselves: files, or the cells that ran in this session."""
    if not _is_file(options, paths):
        return Path(), Sources(tuple(map(Source, session.executed_cells)))
    files = [Path(path).expanduser() for path in paths]
    if options.from_notebook is not None:
        files.insert(0, Path(options.from_notebook or _notebook(session)).expanduser())
    folder = files[0].parent
    beside = [folder / file for file in source_files.query_files(folder)] if files[0].suffix == ".ipynb" else []
    unique = {file.resolve(): file for file in [*files, *beside]}
    read = [source_files.read_file(file) for file in unique.values()]
    return folder, Sources(
        tuple(source for part in read for source in part.sources), sum(part.damaged for part in read)
    )


def _environment(base: str, folder: Path) -> Environment:
    managed = MANAGED_IMAGES.get(base)
    packages = managed_packages.packages(base) if managed else {}
    return Environment(
        Installed(folder=folder),
        BaseImage(base, managed.python if managed else "", packages),
        PACKAGE_OF_MODULE,
        partial(source_files.read_beside, folder),
    )


def _nothing_found(found: FreezeResult, sources: Iterable[Source], *, is_session: bool) -> str:
    if not any(source.language is Language.PYTHON for source in sources):
        return "the sources contain no Python, and no query with a script of python()"
    where = "the cells run so far import" if is_session else "the sources import"
    skipped = f" ({_listed([*found.skipped, *found.notes])})" if found.skipped or found.notes else ""
    return f"{where} no packages that are available on an index{skipped}"


def _messages(result: FreezeResult, damaged: int, text_noun: str) -> Iterator[str]:
    """Yield what to know about the cell or file, a message for each kind."""
    found = result.found
    if found.scripts:
        yield _about_queries(result, text_noun)
    unread = list(_unread(found, damaged))
    if result.skipped or unread:
        yield f"Skipped: {_listed([*result.skipped, *unread])}."
    if result.notes:
        yield f"Note: {_listed(result.notes)}."
    if result.uses_local:
        yield (
            "A sandbox cannot import what is only on this machine. Paste that code into the script of python(), or "
            "name a wheel in its external_artifacts."
        )


def _about_queries(result: FreezeResult, text_noun: str) -> str:
    found = result.found
    files = f" (query files: {_listed(found.query_files)})" if found.query_files else ""
    count = _count(found.scripts, "script")
    has = "imports no other packages" if not result.pins else f"imports the packages of the {text_noun}"
    own = any(offer.reason == NOTEBOOK_ONLY for offer in result.offers)
    rest = " What only the notebook imports is commented out: the sandbox does not need it." if own else ""
    return f"python() {has}: {count} in queries{files}.{rest}"


def _unread(found: Found, damaged: int) -> Iterator[str]:
    for count, what, why in (
        (found.unreadable, "cell", ": not valid Python (only import lines and queries were read)"),
        (damaged, "cell", ": damaged in the file of the notebook"),
        (found.broken, "script", " of python(): not valid Python (only import lines were read)"),
        (found.computed, "script", " of python(): put together when the query runs"),
    ):
        if count:
            yield _count(count, what) + why


def _count(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _listed(texts: Iterable[str]) -> str:
    every = list(texts)
    more = [f"{len(every) - MAX_LISTED} more"] if len(every) > MAX_LISTED else []
    return "; ".join([*every[:MAX_LISTED], *more])


def _notebook(session: Session) -> str:
    path = os.environ.get(NOTEBOOK_PATH_VARIABLES[0]) or session.variables.get(NOTEBOOK_PATH_VARIABLES[1])
    # The notebook can be renamed while its kernel runs.
    if isinstance(path, str) and path.endswith(".ipynb") and Path(path).is_file():
        return path
    message = "this front end does not report the notebook's path; use --from-notebook PATH"
    raise InvalidInputError([Problem("--from-notebook", message)])


def _base_for_this_python() -> str:
    """Return the managed image with this Python version, or else the newest.

    The images with deep-learning packages come last in the table, so they are not chosen.
    """
    version_prefix = f"{sys.version_info.major}.{sys.version_info.minor}."
    matching = [image.name for image in MANAGED_IMAGES.values() if image.python.startswith(version_prefix)]
    return matching[0] if matching else next(iter(MANAGED_IMAGES))
