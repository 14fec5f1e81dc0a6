"""The end of a command: its error, its JSON document, its annotations."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from kusto_magic.cli.exit_codes import ExitCode
from kusto_magic.cli.output import VERSION, Output, inert
from kusto_magic.display.command_hints import SHELL_SYNTAX
from kusto_magic.display_text import visible
from kusto_magic.errors import KustoImageError, RequirementsConflictError

if TYPE_CHECKING:
    from kusto_magic.preflight.report import PreflightReport


def write_result(
    output: Output,
    options: Namespace,
    code: ExitCode,
    error: BaseException | None,
    report: PreflightReport | None,
    *,
    is_shown: bool = False,
) -> None:
    """Write what remains to be said at the end of a command, in its format.

    `is_shown` is whether a reader has seen the error already.
    """
    if output.is_text and error is not None and not is_shown:
        output.err.write(f"{inert(_text(error, report))}\n")
    if options.format == "json":
        output.write_json(_document(output, options, code, error))
    elif options.format in ("github", "sarif"):
        from kusto_magic.cli import annotations

        found = annotations.findings(getattr(options, "file", None) or "", error, report)
        if options.format == "sarif":
            output.write_json(annotations.sarif(found, int(code)))
        else:
            output.out.write(annotations.github(found))


def _text(error: BaseException, report: PreflightReport | None) -> str:
    """Return an error as text; of a conflict whose report is shown, what it means and what to do."""
    if not isinstance(error, KustoImageError):
        return visible(str(error))
    lines = error.lines(SHELL_SYNTAX.hints)
    is_reported = isinstance(error, RequirementsConflictError) and error.forecast is report
    return "\n".join([lines[0], lines[-1]] if is_reported else lines)


def _document(output: Output, options: Namespace, code: ExitCode, error: BaseException | None) -> dict[str, object]:
    from kusto_magic.commands.documents import error_json

    problem = error_json(error, SHELL_SYNTAX.hints) if isinstance(error, KustoImageError) else None
    head = {"version": VERSION, "command": options.command or "", "exitCode": int(code)}
    return {**head, "error": problem, **output.document}
