"""The part of REFERENCE.md about `kusto-image`: commands, what only a shell has, exit codes, JSON, workflows."""

from __future__ import annotations

import argparse
import ast
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from kusto_magic.cli.arguments import COMMANDS, shell_parser
from kusto_magic.cli.exit_codes import ExitCode
from kusto_magic.commands.arguments import cell_parser, subparsers

CLI = Path(__file__).resolve().parent.parent / "kusto_magic" / "cli"
Table = Callable[[Iterable[str], Iterable[Iterable[str]]], Iterator[str]]


def lines(
    table: Table, usage: Callable[[argparse.ArgumentParser], str], option: Callable[[argparse.Action], str]
) -> Iterator[str]:
    """Yield the lines of the section; the arguments write Markdown tables, usage lines and options."""
    parsers = _parsers()
    yield from (
        "",
        "## `kusto-image`",
        "",
        "The same commands in a shell and in pipelines, without a notebook; `python -m kusto_magic` is the same.",
        "`kusto-image COMMAND --help` lists all options of a command. Results are written to the standard output,",
        "progress and errors to the standard error.",
    )
    rows = [(f"`{usage(parsers[name]).removeprefix('kusto-image ')}`", text) for name, text in COMMANDS.items()]
    yield from table(("command", "what it does"), rows)
    yield from ("", "Options that the magics do not have; the others are as above.")
    yield from table(("option", "meaning"), _own_options(parsers, option))
    yield from (
        "",
        "### Exit codes",
        "",
        "Of several clusters, the most severe one counts. An interrupted command (Ctrl-C, SIGTERM) stops what it has",
        "not sent; what was sent continues, and `kusto-image attach NAME` follows it. An inconclusive check",
        "is no failure without `--strict`.",
    )
    yield from table(("code", "meaning"), ((f"`{int(code)}`", _meaning(code)) for code in ExitCode))
    yield from _json(table)
    yield from _pipelines()


def _parsers() -> dict[str, argparse.ArgumentParser]:
    groups = [action for action in shell_parser()._actions if isinstance(action, argparse._SubParsersAction)]
    return dict(groups[0].choices)


def _own_options(
    parsers: dict[str, argparse.ArgumentParser], option: Callable[[argparse.Action], str]
) -> Iterator[tuple[str, str]]:
    known = {
        text
        for it in (cell_parser(), *subparsers().values())
        for action in it._actions
        for text in action.option_strings
    }
    seen: set[str] = set()
    for parser in parsers.values():
        for action in parser._actions:
            names = [text for text in action.option_strings if text.startswith("--")]
            is_new = bool(names) and (names[-1] not in known or names[-1] == "--file") and names[-1] not in seen
            seen.update(names)
            if is_new:
                yield f"`{option(action)}`", action.help or ""


def _meaning(code: ExitCode) -> str:
    """Return the docstring below a member."""
    tree = ast.parse((CLI / "exit_codes.py").read_text(encoding="utf-8"))
    body = next(node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "ExitCode")
    at = next(n for n, it in enumerate(body) if isinstance(it, ast.Assign) and ast.unparse(it.targets[0]) == code.name)
    following = body[at + 1]
    assert isinstance(following, ast.Expr)
    return str(ast.literal_eval(following.value))


def _json(table: Table) -> Iterator[str]:
    schema = json.loads((CLI / "document.schema.json").read_text(encoding="utf-8"))
    yield from (
        "",
        "### JSON",
        "",
        "`--json` writes one document, also if the command fails. [Its JSON schema][schema] has the members of each",
        "part. It contains no secrets; a new member does not change `version`.",
    )
    rows = ((f"`{name}`", it["description"]) for name, it in schema["properties"].items())
    yield from table(("member", "content"), rows)
    yield from ("", "[schema]: kusto_magic/cli/document.schema.json")


def _pipelines() -> Iterator[str]:
    yield from (
        "",
        "### Pipelines",
        "",
        "`--format github` annotates lines of the requirements file; `--format sarif` is for tools that read SARIF.",
        "Nothing prompts without a terminal. `KUSTO_MAGIC_CREDENTIAL=github` and `pipelines` request a new token of",
        "the job whenever one is needed: enabling can take longer than the first one is valid. `environment`,",
        "`managed` and `workload` work as in a notebook. Running a pipeline again sends nothing where nothing changed.",
    )
    for name in ("github-actions", "azure-pipelines"):
        text = (CLI / "workflows" / f"{name}.yml").read_text(encoding="utf-8").rstrip()
        yield from ("", "```yaml", *text.splitlines(), "```")
