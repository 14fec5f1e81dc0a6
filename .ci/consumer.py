"""A user's program, for mypy alone: it passes only where the installed package says its types (py.typed)."""

import kusto_magic

WRONG: int = kusto_magic.__version__  # type: ignore[assignment]
