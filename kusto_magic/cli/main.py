"""Entry point of `kusto-image`: parses the arguments, runs the command, writes its result, returns the exit code."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from kusto_magic.cli.arguments import shell_parser
from kusto_magic.commands.argument_parser import HelpRequested
from kusto_magic.commands.arguments import parse_arguments
from kusto_magic.display_text import visible
from kusto_magic.errors import InvalidInputError, KustoImageError, Problem

if TYPE_CHECKING:
    from kusto_magic.builds.manager import BuildManager
    from kusto_magic.cli.session import ShellSession

INTERRUPTED = 130
"""Exit code after a second interrupt, as of a shell."""

STDIN = "-"
"""File name for the standard input."""


def main(arguments: Sequence[str] | None = None, new_manager: Callable[[], BuildManager] | None = None) -> int:
    """Run one command; return its exit code.

    The arguments are by default those of the process. `new_manager` returns the build manager, by default one of its
    own.
    """
    _make_encodable()
    try:
        return _run(sys.argv[1:] if arguments is None else arguments, new_manager)
    except KeyboardInterrupt:  # while it was ending because of an earlier one
        return INTERRUPTED
    except BrokenPipeError:  # the reader, such as `head`, has ended
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # so that the flush at exit does not fail
        return 1


def _make_encodable() -> None:
    """Let characters that the output cannot encode become escapes instead of an error."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _run(arguments: Sequence[str], new_manager: Callable[[], BuildManager] | None) -> int:
    parser = shell_parser()
    try:
        options = parse_arguments(parser, arguments)
    except HelpRequested as help_request:
        sys.stdout.write(f"{visible(str(help_request))}\n")
        return 0
    except InvalidInputError as error:
        return _refuse(arguments, error)
    if options.version:
        from importlib.metadata import version

        sys.stdout.write(f"kusto-image {version('kusto-magic')}\n")
        return 0
    if options.command is None:
        sys.stdout.write(parser.format_help())
        return 0
    return _run_command(options, new_manager)


def _refuse(arguments: Sequence[str], error: InvalidInputError) -> int:
    """Report arguments that cannot be parsed, as JSON if that is asked for."""
    from kusto_magic.cli.exit_codes import exit_code_of
    from kusto_magic.cli.output import Output
    from kusto_magic.cli.result import write_result

    wants_json = "--json" in arguments or "--format=json" in arguments
    options = Namespace(command=None, format="json" if wants_json else "text", file=None)
    return write_result(Output(is_text=not wants_json), options, exit_code_of(error), error, None)


def _run_command(options: Namespace, new_manager: Callable[[], BuildManager] | None) -> int:
    # Slow imports, which --help does not need.
    from kusto_magic.builds.manager import BuildManager
    from kusto_magic.cli.exit_codes import ExitCode, exit_code_of
    from kusto_magic.cli.interrupts import Terminated, raising_termination
    from kusto_magic.cli.output import Output
    from kusto_magic.cli.result import write_result
    from kusto_magic.cli.session import ShellSession

    output = Output(is_text=options.format in ("text", "github"), is_quiet=options.quiet)
    builds = (new_manager or BuildManager)()
    session = ShellSession(output, builds)
    error: BaseException | None = None
    try:
        with raising_termination(), session.syntax.in_errors():
            _dispatch(session, options)
        code, error = session.exit_code, session.error
    except KustoImageError as failure:
        code, error = exit_code_of(failure), failure
        session.has_shown_error = failure.is_shown
    except KeyboardInterrupt as interrupt:
        code = ExitCode.TERMINATED if isinstance(interrupt, Terminated) else ExitCode.INTERRUPTED
        output.note([visible("Interrupted.")])
    finally:
        builds.close()
    return write_result(output, options, code, error, session.report, is_shown=session.has_shown_error)


def _dispatch(session: ShellSession, options: Namespace) -> None:
    """Call the function of the command."""
    from kusto_magic.commands.arguments import SUBCOMMANDS

    if getattr(options, "emulator", False):
        _use_emulator(options)
    if options.command in ("build", "check"):
        _with_requirements(session, options)
    else:
        _complete(options)
        SUBCOMMANDS[options.command].load(options.command)(session, options)


def _use_emulator(options: Namespace) -> None:
    """Choose the emulator's cluster, or those of its clusters that the options name."""
    from kusto_magic.arm import local_emulator

    target = local_emulator.find_or_start().target
    options.subscription, options.resource_group = target.subscription, target.resource_group
    options.endpoint, options.cloud = target.endpoint, None
    options.cluster = options.cluster or target.cluster


def _complete(options: Namespace) -> None:
    """Set what the magics have and the shell does not."""
    if options.command == "freeze":
        options.name, options.from_notebook = "my-image", None
    elif options.command == "use":
        options.what, options.unless_set, options.given, options.save = None, False, None, True
        options.build_seconds = options.clusters = None
    elif options.command == "export":
        options.output = None
    elif options.command == "wait":
        options.command = "attach"


def _with_requirements(session: ShellSession, options: Namespace) -> None:
    """Build or check the requirements of a file or of the standard input; check also those of an image."""
    from kusto_magic.commands import images
    from kusto_magic.commands.cell import CHECK_NAME
    from kusto_magic.commands.create import create

    if options.command == "check" and options.name is not None:
        if options.file is not None:
            raise InvalidInputError([Problem("check", "use either the name of an image or -f, not both")])
        images.check(session, options)
        return
    if options.command == "check":
        options.name = CHECK_NAME
    elif options.name == CHECK_NAME:
        raise InvalidInputError([Problem("image name", "`check` is a command: kusto-image check -f FILE")])
    text = ""
    if options.file == STDIN:
        text, options.file = _read_stdin(), None
    elif options.file is None and not options.no_packages:
        raise InvalidInputError([Problem("-f", "name the requirements file, or - for the standard input")])
    create(session, options, text)


def _read_stdin() -> str:
    """Return the text of the standard input. Raises InvalidInputError if it is not UTF-8."""
    from kusto_magic.requirements.encodings import decode

    try:
        return decode(sys.stdin.buffer.read(), "utf-8")[0]
    except ValueError:
        raise InvalidInputError([Problem("-f", "the standard input is not valid UTF-8")]) from None
