"""Names of the export formats; `export` writes them. The parsers of commands need nothing else of it."""

from __future__ import annotations

FORMS = ("bicep", "terraform", "az", "powershell", "rest", "requirements")
"""Names of the export formats."""
