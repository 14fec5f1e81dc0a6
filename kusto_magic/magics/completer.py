"""Tab completion for the lines of the magics: subcommands, options and cached values.

It is an IPython matcher (API version 2), so it works in every front end. It never waits for the network: names of
images and clusters come from the history and earlier listings, and from a background refresh of a cluster that this
session has already connected to.
"""

from __future__ import annotations

import argparse
import re
import shlex
import textwrap
import time
from argparse import Namespace
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, TypeAlias

from IPython.core.completer import SimpleCompletion, context_matcher

from kusto_magic.commands.name_cache import NameCache

if TYPE_CHECKING:
    from concurrent.futures import Future

    from IPython.core.completer import CompletionContext, SimpleMatcherResult

    from kusto_magic.magics.notebook_session import NotebookSession
    from kusto_magic.models.image import Image
    from kusto_magic.models.target import Target

IDENTIFIER = "kusto_image"
"""Identifier of the matcher in IPython."""

MAX_AGE = 30.0
"""Seconds for which cached image names are reused."""

MAX_RECORDS = 200
"""Maximum number of history records that are searched for image names."""

MAX_DESCRIPTION = 60
"""Maximum number of characters of a description; JupyterLab widens the list for it."""

_WORD = re.compile(r"[\w.:-]+", re.ASCII)
_QUOTABLE = re.compile(r"[\w(][\w .:+,@()-]*")
_LINE = re.compile(r"\s*(%%?)kusto_image\s+(.*)", re.DOTALL)
_BLANKS = re.compile(r"\s+")
_STOP = re.compile(r"[.;] ")
_PATH_OPTIONS = frozenset({"file", "lock", "to", "from_notebook", "sources"})
_NEW_NAME_COMMANDS = frozenset({"freeze"})
"""Subcommands whose NAME argument is a new name, which cannot be completed."""


Offers: TypeAlias = Mapping[str, str]
"""Completions, and a description of each."""


def complete_line(text: str, names: NameCache) -> tuple[str, Offers] | None:
    """Return the fragment at the end of `text`, and its completions with a description of each.

    Returns None if `text` is not a line of the magics, or if a path or a new name is expected.
    """
    found = _LINE.fullmatch(text)
    if found is None:
        return None
    from kusto_magic.commands import arguments

    tokens = _BLANKS.split(found[2])
    *before, fragment = tokens
    parser, command = arguments.cell_parser(), ""
    if found[1] == "%":
        subparsers = arguments.subparsers()
        if not before:
            return fragment, _starting_with(
                fragment, {name: short_description(sub.description or "") for name, sub in subparsers.items()}
            )
        # An unknown subcommand has no options.
        parser, command = subparsers.get(before[0], argparse.ArgumentParser(add_help=False)), before[0]
        before = before[1:]
    values = _candidates(parser, command, before, fragment, names)
    if values is None:
        return None
    head, equals, value = fragment.partition("=")
    if equals and head.startswith("--"):
        return value, _starting_with(value, values)
    return fragment, _starting_with(fragment, values)


def _starting_with(fragment: str, offers: Offers) -> Offers:
    start = fragment.removeprefix("'").lower()
    matching = {value: description for value, description in offers.items() if value.lower().startswith(start)}
    # Names from the service are inserted into a cell. Those that a shell would split are quoted; those with characters
    # that could have another meaning there (quotes, braces) are left out.
    return {
        shlex.quote(value): description
        for value, description in matching.items()
        if _WORD.fullmatch(value) or _QUOTABLE.fullmatch(value)
    }


def short_description(text: str) -> str:
    """Return the beginning of a help text: up to its first period or semicolon, at most 60 characters."""
    return textwrap.shorten(_STOP.split(text)[0].rstrip("."), MAX_DESCRIPTION, placeholder=" …")


def _candidates(
    parser: argparse.ArgumentParser, command: str, before: Sequence[str], fragment: str, names: NameCache
) -> Offers | None:
    # argparse has no public list of its options.
    options = {name: action for action in parser._actions for name in action.option_strings}
    assigned = options.get(fragment.partition("=")[0]) if "=" in fragment else None
    last = options.get(before[-1]) if before else None
    if assigned is not None or (last is not None and last.nargs != 0):
        action = assigned or last
        assert action is not None  # noqa: S101 - for the type checker
        return _option_values(action, command, names)
    unused = {
        name: short_description(action.help or "")
        for name, action in options.items()
        if name.startswith("--") and name not in before
    }
    if fragment.startswith("-"):
        return unused
    rest = _positionals(parser)[_positionals_in(before, options) :]
    return _option_values(rest[0], command, names) if rest else unused


def _positionals(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    return [action for action in parser._actions if not action.option_strings]


def _positionals_in(tokens: Sequence[str], options: dict[str, argparse.Action]) -> int:
    count, takes_next = 0, False
    for word in tokens:
        action = options.get(word)
        count += not takes_next and action is None and not word.startswith("-")
        takes_next = action is not None and action.nargs != 0
    return count


def _option_values(action: argparse.Action, command: str, names: NameCache) -> Offers | None:
    from kusto_magic.models.endpoint import CLOUDS
    from kusto_magic.models.managed_images import MANAGED_IMAGES
    from kusto_magic.models.sign_in_methods import CREDENTIAL_TYPES

    if action.choices is not None:
        return dict.fromkeys(
            action.choices, short_description(action.help or "") if len(list(action.choices)) == 1 else "value"
        )
    if action.dest in _PATH_OPTIONS or (action.dest == "name" and command in _NEW_NAME_COMMANDS):
        return None
    all_managed = {image.name: f"managed image, {image.title}" for image in MANAGED_IMAGES.values()}
    managed = {} if action.dest == "name" and command not in ("enable", "diff", "bases") else all_managed
    # One that starts with "-" would read as an option.
    images = {name: "image of the cluster" for name in names.images if not name.startswith("-")}
    custom = {} if command == "bases" else images
    by_destination: dict[str, Offers] = {
        "name": custom | managed,
        "other": custom | managed,
        "base": all_managed | images,
        "python": {image.python: "Python version" for image in MANAGED_IMAGES.values()},
        "cluster": dict.fromkeys(names.clusters, "cluster"),
        "cloud": dict.fromkeys(CLOUDS, "Azure cloud"),
        "credential": dict.fromkeys(CREDENTIAL_TYPES, "sign-in method"),
    }
    return by_destination.get(action.dest, {})


# ── in the shell ───────────────────────────────────────────────────────────────────────────────────────────────────


def matcher(session: NotebookSession) -> Callable[[CompletionContext], SimpleMatcherResult]:
    """Return an IPython matcher for the lines of the magics."""
    in_kernel = session.in_kernel

    @context_matcher(identifier=IDENTIFIER)  # type: ignore[untyped-decorator]
    def kusto_image(context: CompletionContext) -> SimpleMatcherResult:
        line = context.line_with_cursor[: context.cursor_position]
        # Only the first line of a `%%` cell has arguments; the others are requirements.
        if "kusto_image" not in line or (line.lstrip().startswith("%%") and context.cursor_line):
            return {"completions": []}
        refresh_names(session)
        completed = complete_line(line, session.name_cache)
        if completed is None:
            return {"completions": []}
        fragment, offers = completed
        return {
            # A terminal shows the type beside the text; JupyterLab shows a word, see `commandCompletions.ts`.
            "completions": [
                SimpleCompletion(value, type=_kind(value) if in_kernel else description)
                for value, description in offers.items()
            ],
            "matched_fragment": fragment,
            "ordered": True,
            "suppress": True,  # IPython would add files and variables
        }

    return kusto_image  # type: ignore[no-any-return]


def _kind(value: str) -> str:
    from kusto_magic.commands.arguments import SUBCOMMANDS

    return "option" if value.startswith("-") else "command" if value in SUBCOMMANDS else "value"


def refresh_names(session: NotebookSession) -> None:
    """Update the cached names from the history, and list the images in the background."""
    names, now = session.name_cache, time.monotonic()
    if names.refreshed_at is not None and now - names.refreshed_at < MAX_AGE:
        return
    names.refreshed_at = now  # before the request, so that fast typing sends only one
    with suppress(Exception):  # an invalid or missing setting is reported when the line is run
        _, target = session.resolve_target(Namespace())
        if not names.images:
            names.images = tuple(_names_from_history(target))
        if session.has_client(target):  # otherwise pressing Tab could start a sign-in
            names.listing = session.builds.submit(target, lambda client: client.list())
            names.listing.add_done_callback(lambda listing: _store_names(names, listing))


def _names_from_history(target: Target) -> Iterable[str]:
    from kusto_magic.builds.history import History

    history = History()  # the session's manager would import httpx
    try:
        records = history.of_cluster(target, MAX_RECORDS)
        latest = {record.name: record for record in reversed(records)}
        return sorted(name for name, record in latest.items() if record.request.info.creates_image)
    finally:
        history.close()


def _store_names(names: NameCache, listing: Future[Sequence[Image]]) -> None:
    with suppress(Exception):  # offline or not signed in: there is nothing to complete
        names.images = tuple(image.name for image in listing.result())
