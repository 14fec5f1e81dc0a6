"""A user's program, read only by mypy: it passes only if the installed package publishes its types (py.typed)."""

import kusto_magic

WRONG: int = kusto_magic.__version__  # type: ignore[assignment]
