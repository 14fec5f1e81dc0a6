"""Names of the export formats; `export` writes them. The parsers of commands need nothing else of it."""

from __future__ import annotations

FORMS = ("bicep", "terraform", "az", "powershell", "rest", "requirements")
"""Names of the export formats that define an image."""

LOCK_FORMS = ("pylock", "cyclonedx")
"""Names of the export formats that list the packages of an image: a lock (PEP 751), a bill of materials."""

ALL_FORMS = (*FORMS, *LOCK_FORMS)
"""Names of all export formats."""
