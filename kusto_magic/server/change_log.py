"""What has changed in the listed builds since a revision, as immutable values without I/O.

A page sends the revision of its last response and gets only the builds that have changed and the ids that are no longer
listed. The size of a log is bounded by the number of listed builds and by `MAX_REMOVED`.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

MAX_REMOVED = 1000
"""Maximum number of removed ids that are kept: two complete lists. A page that missed more gets a complete response."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Entry(Generic[T]):
    """A listed build.

    `source` is what the build was rendered from: it is rendered again if an equal source is not found. A higher
    `number` is a newer build; `revision` is that of its last change.
    """

    id: str
    source: object
    number: int
    revision: int
    value: T


@dataclass(frozen=True, slots=True)
class Changes(Generic[T]):
    """The entries that have changed since a revision, newest first, and the ids that are no longer listed.

    `complete` means that `entries` are all builds: everything known before is out of date. `revision` is the next
    value to ask for; `warning` says why the history is not saved, or is "".
    """

    revision: str
    complete: bool
    warning: str
    entries: tuple[Entry[T], ...]
    removed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ChangeLog(Generic[T]):
    """The listed builds, newest first, and what has changed in which revision.

    `epoch` identifies this run of the server: revisions of another run are not comparable. Revisions before `oldest`
    get a complete response, because removals since then are forgotten.
    """

    epoch: str = field(default_factory=lambda: secrets.token_hex(4))
    latest: int = 0
    oldest: int = 0
    last_number: int = 0
    warning: str = ""
    entries: tuple[Entry[T], ...] = ()
    removed: tuple[tuple[int, str], ...] = ()

    @property
    def revision(self) -> str:
        """The revision as pages see it: an opaque string."""
        return f"{self.epoch}-{self.latest}"

    def update(self, sources: Mapping[str, object], render: Callable[[str, int], T], warning: str = "") -> ChangeLog[T]:
        """Return the log for these builds, newest first; the same log if nothing has changed.

        `render(id, number)` returns the value of a build and is called only for those that have changed.
        """
        entries = tuple(reversed(list(self._entries(sources, render))))
        unlisted = tuple(entry.id for entry in self.entries if entry.id not in sources)
        if entries == self.entries and warning == self.warning:
            return self
        removed = (*self.removed, *((self.latest + 1, id_) for id_ in unlisted))
        forgotten = removed[:-MAX_REMOVED]
        return replace(
            self,
            latest=self.latest + 1,
            oldest=forgotten[-1][0] if forgotten else self.oldest,
            last_number=max([self.last_number, *(entry.number for entry in entries[:1])]),
            warning=warning,
            entries=entries,
            removed=removed[-MAX_REMOVED:],
        )

    def _entries(self, sources: Mapping[str, object], render: Callable[[str, int], T]) -> Iterator[Entry[T]]:
        """Yield the entries, oldest first. A build keeps its number unless that would contradict the order."""
        known, previous, last = {entry.id: entry for entry in self.entries}, 0, self.last_number
        for id_, source in reversed(list(sources.items())):
            entry = known.get(id_)
            if entry is None or entry.source != source or entry.number <= previous:
                number = entry.number if entry is not None and entry.number > previous else last + 1
                entry = Entry(id_, source, number, self.latest + 1, render(id_, number))
            previous, last = entry.number, max(last, entry.number)
            yield entry

    def since(self, revision: str) -> Changes[T]:
        """Return the changes since a revision; everything if it is not one of this run, or too old."""
        after = self._parse(revision)
        if after is None:
            return Changes(self.revision, True, self.warning, self.entries, ())
        changed = tuple(entry for entry in self.entries if entry.revision > after)
        listed = {entry.id for entry in self.entries}
        removed = {id_ for number, id_ in self.removed if number > after} - listed
        return Changes(self.revision, False, self.warning, changed, tuple(sorted(removed)))

    def _parse(self, revision: str) -> int | None:
        epoch, _, number = revision.rpartition("-")
        digits = len(str(self.latest))
        if epoch != self.epoch or not (number.isascii() and number.isdigit() and len(number) <= digits):
            return None
        return int(number) if self.oldest <= int(number) <= self.latest else None
