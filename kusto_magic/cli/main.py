"""Entry point of `kusto-image`: parses the arguments, runs the command, writes its result, returns the exit code."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from kusto_magic.cli.arguments import COMMANDS, FORMATS, PROGRAM, shell_parser
from kusto_magic.cli.exit_codes import ExitCode, exit_code_of
from kusto_magic.cli.interrupts import Terminated, ignoring_interrupts, raising_termination
from kusto_magic.cli.output import Output
from kusto_magic.commands.argument_parser import HelpRequested
from kusto_magic.commands.arguments import parse_arguments
from kusto_magic.display_text import visible
from kusto_magic.errors import InvalidInputError, KustoImageError, Problem
from kusto_magic.hints import Hint, HintKind

if TYPE_CHECKING:
    from kusto_magic.builds.manager import BuildManager
    from kusto_magic.cli.session import ShellSession

NewManager = Callable[[], "BuildManager"]


def main(arguments: Sequence[str] | None = None, new_manager: NewManager | None = None) -> int:
    """Run one command; return its exit code.

    The arguments are by default those of the process. `new_manager` returns the build manager, by default one of its
    own.
    """
    _open_streams()
    try:
        with raising_termination():
            code = _run(sys.argv[1:] if arguments is None else arguments, new_manager)
            sys.stdout.flush()
    except KeyboardInterrupt as interrupt:
        return int(_interrupted(interrupt))
    except OSError as error:  # the reader, such as `head`, has ended, or the disk is full
        if not isinstance(error, BrokenPipeError):
            sys.stderr.write(f"{PROGRAM}: the output cannot be written: {error.strerror}\n")
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno())  # type: ignore[union-attr] # the flush at exit
        return int(ExitCode.FAILED)
    return int(code)


def _open_streams() -> None:
    """Replace closed streams, and let characters that the output cannot encode become escapes."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115 - open until the end
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _interrupted(interrupt: KeyboardInterrupt) -> ExitCode:
    return ExitCode.TERMINATED if isinstance(interrupt, Terminated) else ExitCode.INTERRUPTED


def _run(arguments: Sequence[str], new_manager: NewManager | None) -> ExitCode:
    parser = shell_parser()
    try:
        _require_command_first(arguments)
        options = parse_arguments(parser, arguments)
    except HelpRequested as help_request:
        sys.stdout.write(f"{visible(str(help_request))}\n")
        return ExitCode.DONE
    except InvalidInputError as error:
        return _refuse(arguments, error)
    if options.version:
        from importlib.metadata import version

        sys.stdout.write(f"{PROGRAM} {version('kusto-magic')}\n")
    elif options.command is None:
        sys.stdout.write(parser.format_help())
    else:
        return _run_command(options, new_manager)
    return ExitCode.DONE


def _require_command_first(arguments: Sequence[str]) -> None:
    if arguments and arguments[0].startswith("-") and arguments[0] not in ("-h", "--help", "--version"):
        problem = Problem(PROGRAM, "the command comes first, its options follow: kusto-image COMMAND --json")
        raise InvalidInputError([problem], hint=Hint(HintKind.SHOW_HELP, PROGRAM))


def _refuse(arguments: Sequence[str], error: InvalidInputError) -> ExitCode:
    """Report arguments that cannot be parsed, in the format that they ask for."""
    from kusto_magic.cli.result import write_result

    wanted = ["json" if word == "--json" else word.removeprefix("--format=") for word in arguments]
    wanted += [value for word, value in pairwise(arguments) if word == "--format"]
    format_ = next((word for word in wanted if word in FORMATS), "text")
    command = next((word for word in arguments if word in COMMANDS), None)
    options = Namespace(command=command, format=format_, file=None)
    write_result(Output(is_text=format_ in ("text", "github")), options, ExitCode.INVALID, error, None)
    return ExitCode.INVALID


def _run_command(options: Namespace, new_manager: NewManager | None) -> ExitCode:
    from kusto_magic.cli.result import write_result

    output = Output(is_text=options.format in ("text", "github"), is_quiet=options.quiet)
    session: ShellSession | None = None
    error: BaseException | None = None
    is_shown = False
    try:
        # Slow imports, which --help does not need.
        from kusto_magic.builds.manager import BuildManager
        from kusto_magic.cli.session import ShellSession

        session = ShellSession(output, (new_manager or BuildManager)())
        with session.syntax.in_errors():
            _dispatch(session, options)
        code, error, is_shown = session.exit_code, session.error, True
    except KustoImageError as failure:
        code, error, is_shown = exit_code_of(failure), failure, failure.is_shown
    except KeyboardInterrupt as interrupt:
        code = _interrupted(interrupt)
        output.note([visible("Interrupted.")])
    with ignoring_interrupts():
        if session is not None:
            session.builds.close()
        write_result(output, options, code, error, session.report if session else None, is_shown=is_shown)
        output.out.flush()
    return code


def _dispatch(session: ShellSession, options: Namespace) -> None:
    """Call the function of the command."""
    from kusto_magic.cli import requirements
    from kusto_magic.commands.arguments import SUBCOMMANDS

    if getattr(options, "emulator", False):
        _use_emulator(options)
    if options.command in ("build", "check"):
        requirements.build_or_check(session, options)
        return
    if options.command == "use":
        session.start_from_saved_settings()
    SUBCOMMANDS[options.command].load(options.command)(session, options)


def _use_emulator(options: Namespace) -> None:
    """Choose the emulator's cluster, or those of its clusters that the options name."""
    from kusto_magic.arm import local_emulator

    others = ("subscription", "resource_group", "cloud", "endpoint")
    if given := [f"--{name.replace('_', '-')}" for name in others if getattr(options, name)]:
        raise InvalidInputError([Problem("--emulator", f"it sets {', '.join(given)} itself; leave one of them out")])
    target = local_emulator.find_or_start().target
    options.subscription, options.resource_group = target.subscription, target.resource_group
    options.endpoint = target.endpoint
    if not (options.cluster or getattr(options, "clusters_from", None)):
        options.cluster = target.cluster
