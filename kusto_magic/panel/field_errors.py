"""Which field of the form an error of a build is about."""

from __future__ import annotations

from typing import Literal

from kusto_magic.errors import InUseError, KustoImageError
from kusto_magic.hints import HintKind

Field = Literal["base", "name", "requirements"]

_FIELDS: dict[HintKind, Field] = {
    HintKind.FIX_CONFLICT: "requirements",
    HintKind.ACCEPT_CORRECTION: "requirements",
    HintKind.FIX_REQUIREMENTS: "requirements",
    HintKind.CHOOSE_NAME: "name",
    HintKind.USE_NEW_NAME: "name",
    HintKind.WAIT_FOR_BUILD: "name",
    HintKind.CHECK_IMAGE: "name",
    HintKind.CHOOSE_BASE_IMAGE: "base",
    HintKind.CHOOSE_LISTED_IMAGE: "base",
}


def field_of(error: KustoImageError) -> Field | None:
    """Return the field that an error is about, or None if it is about none of them, or more than one."""
    if isinstance(error, InUseError):
        return "name"
    return _FIELDS.get(error.hint.kind) if error.hint is not None else None
