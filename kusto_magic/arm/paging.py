"""Limits of a list that the service returns in pages."""

from __future__ import annotations

from kusto_magic.errors import UnreachableError
from kusto_magic.hints import Hint, HintKind

MAX_PAGES = 1000
"""Maximum number of pages of a list; a longer one is treated as endless."""

MAX_LIST_SIZE = 64 * 1024 * 1024
"""Maximum size of all pages of a list in bytes; a single page is limited by the transport."""


class PageLimit:
    """Counts the pages of one list; `what` names it in errors, such as "the list of images"."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._links: set[str] = set()
        self._size = 0

    def add_page(self, size: int) -> None:
        """Count a page of `size` bytes. Raises UnreachableError if the list is too large."""
        self._size += size
        if self._size > MAX_LIST_SIZE:
            raise self._error(f"is larger than {MAX_LIST_SIZE // 1024**2} MB")

    def add_link(self, link: str | None) -> None:
        """Count the link to a page, a URL or a token; None or "" means that there is none.

        Raises UnreachableError if the link was counted before, which would never end, or if there are too many.
        """
        if not link:
            return
        if link in self._links:
            raise self._error("does not end: a page links to an earlier one")
        if len(self._links) >= MAX_PAGES:
            raise self._error(f"does not end after {MAX_PAGES} pages")
        self._links.add(link)

    def _error(self, problem: str) -> UnreachableError:
        return UnreachableError(f"{self._what} {problem}", hint=Hint(HintKind.RETRY))
