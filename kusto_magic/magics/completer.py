"""What Tab offers on a line of the magics: subcommands, options, and the values that are known without asking.

The matcher is IPython's, version 2, so every front end has it. It never waits for a network: names of images and
clusters come from what was listed or begun here, and a look in the background at a cluster that was asked before.
"""

from __future__ import annotations

import argparse
import re
import threading
import time
from argparse import Namespace
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from IPython.core.completer import SimpleCompletion, context_matcher

from kusto_magic.commands.name_cache import NameCache

if TYPE_CHECKING:
    from IPython.core.completer import CompletionContext, SimpleMatcherResult

    from kusto_magic.commands.session import Session

IDENTIFIER = "kusto_image"
MAX_AGE = 30.0
"""Seconds for which the names of a cluster's images are not looked up again."""

MAX_RECORDS = 200
_WORD = re.compile(r"[\w.:-]+", re.ASCII)
_LINE = re.compile(r"\s*(%%?)kusto_image\s+(.*)", re.DOTALL)
_PATH_OPTIONS = frozenset({"file", "to", "from_notebook"})
_NEW_NAME_COMMANDS = frozenset({"freeze"})
"""Subcommands whose NAME is a new one."""


def complete_line(text: str, known: NameCache) -> tuple[str, list[str]] | None:
    """Return what can stand at the end of `text`, a line of the magics, and the fragment that it replaces.

    None where this is no such line, or where a file or something new is named.
    """
    found = _LINE.fullmatch(text)
    if found is None:
        return None
    from kusto_magic.commands import arguments

    words = re.split(r"\s+", found[2])
    *before, fragment = words
    parser, command = arguments.cell_parser(), ""
    if found[1] == "%":
        subparsers = arguments.subparsers()
        if not before:
            return fragment, _starting_with(fragment, subparsers)
        parser, command = subparsers.get(before[0], argparse.ArgumentParser(add_help=False)), before[0]
        before = before[1:]
    values = _candidates(parser, command, before, fragment, known)
    if values is None:
        return None
    head, equals, value = fragment.partition("=")
    if equals and head.startswith("--"):
        return value, _starting_with(value, values)
    return fragment, _starting_with(fragment, values)


def _starting_with(fragment: str, values: Iterable[str]) -> list[str]:
    matching = (value for value in dict.fromkeys(values) if value.lower().startswith(fragment.lower()))
    return [value for value in matching if _WORD.fullmatch(value)]  # what a service calls an image goes into a cell


def _candidates(
    parser: argparse.ArgumentParser, command: str, before: Sequence[str], fragment: str, known: NameCache
) -> Sequence[str] | None:
    options = {name: action for action in parser._actions for name in action.option_strings}
    assigned = options.get(fragment.partition("=")[0]) if "=" in fragment else None
    last = options.get(before[-1]) if before else None
    if assigned is not None or (last is not None and last.nargs != 0):
        action = assigned or last
        assert action is not None  # noqa: S101 - for the type checker
        return _option_values(action, command, known)
    unused = [name for name in options if name.startswith("--") and name not in before]
    if fragment.startswith("-"):
        return unused
    rest = _positionals(parser)[_positionals_in(before, options) :]
    return _option_values(rest[0], command, known) if rest else unused


def _positionals(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    return [action for action in parser._actions if not action.option_strings]


def _positionals_in(words: Sequence[str], options: dict[str, argparse.Action]) -> int:
    count, takes_next = 0, False
    for word in words:
        action = options.get(word)
        count += not takes_next and action is None and not word.startswith("-")
        takes_next = action is not None and action.nargs != 0
    return count


def _option_values(action: argparse.Action, command: str, known: NameCache) -> Sequence[str] | None:
    from kusto_magic.models.endpoint import CLOUDS
    from kusto_magic.models.managed_images import MANAGED_IMAGES
    from kusto_magic.settings import CREDENTIAL_TYPES

    if action.choices is not None:
        return list(action.choices)
    if action.dest in _PATH_OPTIONS or (action.dest == "name" and command in _NEW_NAME_COMMANDS):
        return None
    managed = [] if action.dest == "name" and command not in ("enable", "diff", "bases") else list(MANAGED_IMAGES)
    custom = [] if command == "bases" else known.images
    by_place: dict[str, Sequence[str]] = {
        "name": [*custom, *managed],
        "other": [*custom, *managed],
        "base": [*managed, *known.images],
        "python": [image.python for image in MANAGED_IMAGES.values()],
        "cluster": known.clusters,
        "cloud": list(CLOUDS),
        "credential": list(CREDENTIAL_TYPES),
    }
    return by_place.get(action.dest, ())


# ── in the shell ─────────────────────────────────────────────────────────────────────────────────────────────────


def matcher(session: Session) -> Callable[[CompletionContext], SimpleMatcherResult]:
    """Return IPython's matcher for the lines of the magics."""

    @context_matcher(identifier=IDENTIFIER)  # type: ignore[untyped-decorator]
    def kusto_image(context: CompletionContext) -> SimpleMatcherResult:
        line = context.line_with_cursor[: context.cursor_position]
        if "kusto_image" not in line or (line.lstrip().startswith("%%") and context.cursor_line):
            return {"completions": []}
        refresh_names(session)
        offered = complete_line(line, session.name_cache)
        if offered is None:
            return {"completions": []}
        fragment, values = offered
        return {
            "completions": [SimpleCompletion(value, type="param") for value in values],
            "matched_fragment": fragment,
            "ordered": True,
            "suppress": True,
        }

    return kusto_image  # type: ignore[no-any-return]


def refresh_names(session: Session) -> None:
    """Fill the names from what was begun here, and let the background look for the others."""
    known, now = session.name_cache, time.monotonic()
    if known.refreshed_at is not None and now - known.refreshed_at < MAX_AGE:
        return
    known.refreshed_at = now
    with suppress(Exception):  # no cluster is chosen, or a setting is wrong: the next line that is run says so
        _, target = session.resolve_target(Namespace())
        if not known.images:
            known.images = tuple(_names_from_history(target))
        if session.has_client(target):  # else it might have to sign somebody in, which Tab shall not
            threading.Thread(target=_list_images, args=(session, target), name="kusto_magic names", daemon=True).start()


def _names_from_history(target: Any) -> Iterable[str]:
    from kusto_magic.builds.history import History

    history = History()
    try:
        gone = {"delete", "disable", "enable"}
        records = [record for record in history.recent(MAX_RECORDS) if record.target == target]
        latest = {record.image: record for record in reversed(records)}
        return sorted(name for name, record in latest.items() if record.action not in gone)
    finally:
        history.close()


def _list_images(session: Session, target: Any) -> None:
    with suppress(Exception):  # offline, or not signed in
        images = session.builds.ask(target, lambda client: client.list())
        session.name_cache.images = tuple(image.name for image in images)
