"""REFERENCE.md, made from the code.

Nothing in it is typed by hand but what an environment variable is for. Arguments are read from the source rather than
from `inspect`, and usages are put together here rather than by argparse: both look different from Python to Python.
"""

from __future__ import annotations

import argparse
import ast
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import kusto_magic
from kusto_magic.commands.arguments import SUBCOMMANDS, cell_parser, subparsers
from kusto_magic.emulator.__main__ import _parser as emulator_parser
from kusto_magic.magics.magics import KustoImageMagics
from kusto_magic.models import permission as rights
from kusto_magic.settings import CONFIG_FILE, CREDENTIAL_TYPES, NAMES, Settings

ROOT = Path(__file__).resolve().parent.parent

_TEXT = '"…"'

VARIABLES: Mapping[str, Mapping[str, str]] = {
    "kusto_magic": {
        "KUSTO_MAGIC_…": "a setting, see above",
        "KUSTO_MAGIC_HOME": f"one folder for all files of kusto_magic ({CONFIG_FILE}, history.sqlite, emulator.*)",
    },
    "Signing in": {
        "AZURE_AUTHORITY_HOST": "the host that signs in, instead of the cloud's",
        "AZURE_TENANT_ID": "the tenant, with `--as browser` and `--as device`",
        "AZURE_CLIENT_ID": "with `--as managed`: a user-assigned identity",
        "AZURE_…": "what azure-identity reads besides, such as AZURE_CLIENT_SECRET with `--as environment`",
    },
    "Network and certificates": {
        "HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY": "proxies, in small letters too; never for the emulator",
        "SSL_CERT_FILE, REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE": "the certificates to trust: the first one set",
        "SSL_CERT_DIR, SSL_CLIENT_CERT, NETRC": "passed on to uv",
    },
    "The check before anything is sent: where packages come from": {
        "UV_DEFAULT_INDEX, UV_INDEX_URL, UV_INDEX, UV_EXTRA_INDEX_URL": "uv's; with any of them pip's do not count",
        "UV_FIND_LINKS, UV_INDEX_STRATEGY, UV_CONFIG_FILE": "uv's other places, its way with several, its file",
        "UV_INDEX_…_USERNAME, UV_INDEX_…_PASSWORD": "passed on to uv",
        "UV_CACHE_DIR, UV_OFFLINE, UV_SYSTEM_CERTS, UV_NATIVE_TLS, UV_INSECURE_HOST": "passed on to uv",
        "PIP_INDEX_URL, PIP_EXTRA_INDEX_URL, PIP_FIND_LINKS, PIP_NO_INDEX, PIP_CERT": "pip's",
        "PIP_CONFIG_FILE": "pip's file, read after its usual ones",
        "XDG_CONFIG_HOME, XDG_CONFIG_DIRS, HOME, USERPROFILE, APPDATA, PROGRAMDATA": "where pip's and uv's files are",
        "XDG_CACHE_HOME, XDG_DATA_HOME, LOCALAPPDATA, TMPDIR, TEMP, TMP": "passed on to uv: its cache, its work",
        "SYSTEMROOT, SYSTEMDRIVE, WINDIR": "passed on to uv: Windows starts no program without",
        "UV_NO_CONFIG, UV_PYTHON_DOWNLOADS, UV_HTTP_RETRIES, UV_HTTP_CONNECT_TIMEOUT, UV_HTTP_TIMEOUT": (
            "not read: set for uv alone"
        ),
    },
    "The front end": {
        "JPY_SESSION_NAME": "the notebook's path, for `freeze --from-notebook`; for `doctor`",
        "VSCODE_PID": "whether this is VS Code, for `doctor`",
    },
}
"""The environment variables that are read, and for what; tests/project/test_docs.py compares them with the code."""


def page() -> str:
    """Return REFERENCE.md."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield from (
        "# Reference",
        "",
        "What there is, as the code says it. [README](README.md) says what it is all about.",
        "",
        "- [`%%kusto_image NAME`](#kusto_image-name): the options of the cell",
        "- [`%kusto_image COMMAND`](#kusto_image-command): the subcommands",
        "- [Settings](#settings), [ways to sign in](#ways-to-sign-in), [environment variables](#environment-variables)",
        "- [Rights](#rights) that the account needs",
        "- [From a program](#from-a-program): the public Python names, [errors](#errors)",
        "- [The emulator](#the-emulator): `python -m kusto_magic.emulator`",
    )
    yield from _cell()
    yield from _subcommands()
    yield from _settings()
    yield from _variables()
    yield from _rights()
    yield from _program()
    yield from _emulator()


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    """Yield a Markdown table with an empty line before it; nothing where there are no rows."""
    lines = [_row(row) for row in rows]
    if lines:
        names = list(head)
        yield from ("", _row(names), "|" + "---|" * len(names), *lines)


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


# ── parsers ──────────────────────────────────────────────────────────────────────────────────────────────────────


def usage(parser: argparse.ArgumentParser) -> str:
    """Return a parser's usage in one line: words, required options, and whether there are others."""
    actions = [action for action in parser._actions if action.dest != "help"]
    words = [f"[{_meta(it)}]" if it.nargs == "?" else _meta(it) for it in actions if not it.option_strings]
    required = [f"{it.option_strings[-1]} {_meta(it)}" for it in actions if it.option_strings and it.required]
    others = any(it.option_strings and not it.required for it in actions)
    return " ".join([parser.prog, *words, *required, *(["[options]"] if others else [])])


def _meta(action: argparse.Action) -> str:
    return str(action.metavar or action.dest.upper())


def option(action: argparse.Action) -> str:
    """Return how an option is written: "-o, --output VAR"; for a word of the line its name."""
    if not action.option_strings:
        return _meta(action)
    takes = "" if action.nargs == 0 else f" [{_meta(action)}]" if action.nargs == "?" else f" {_meta(action)}"
    return ", ".join(action.option_strings) + takes


def _groups(parser: argparse.ArgumentParser) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Yield the groups of a parser: title, and for each option how it is written and what it does."""
    for group in parser._action_groups:
        rows = [(f"`{option(it)}`", _help(parser, it)) for it in group._group_actions if it.dest != "help"]
        if rows:
            yield str(group.title or ""), rows


def _help(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    return (action.help or "") % {**vars(action), "prog": parser.prog}


def _place() -> tuple[str, list[tuple[str, str]]]:
    """Return the group of options that says which cluster, as most subcommands have it."""
    return next(group for group in _groups(subparsers()["show"]) if group[0].startswith("the cluster"))


def _cell() -> Iterator[str]:
    parser = cell_parser()
    yield from ("", "## `%%kusto_image NAME`", "", f"`{usage(parser)}`", "", str(parser.description))
    for title, rows in _groups(parser):
        usual = title in ("positional arguments", "options")
        yield from () if usual else ("", f"**{title[0].upper()}{title[1:]}**")
        yield from table(("option" if rows[0][0].startswith("`-") else "word", "what it does"), rows)


def _subcommands() -> Iterator[str]:
    yield from ("", "## `%kusto_image COMMAND`", "", "`%kusto_image COMMAND --help` says the same in a notebook.")
    yield from table(
        ("command", "what it does"), ((f"[`{name}`](#{name})", words) for name, words in SUBCOMMANDS.items())
    )
    for name, parser in subparsers().items():
        yield from ("", f"### `{name}`", "", f"`{usage(parser)}`", "", SUBCOMMANDS[name])
        groups = list(_groups(parser))
        rows = [row for group in groups if group != _place() for row in group[1]]
        yield from table(("", "what it does"), rows)
        if _place() in groups:
            yield from ("", "And the options that say [which cluster](#which-cluster).")
    yield from ("", "### Which cluster", "", "Where it is another than the chosen one:")
    yield from table(("option", "what it does"), _place()[1])


def _emulator() -> Iterator[str]:
    parser = emulator_parser()
    yield from ("", "## The emulator", "", f"`{usage(parser)}`", "")
    yield "`%kusto_image use emulator` starts it by itself. [What it stands in for](kusto_magic/emulator/README.md)."
    yield from table(("option", "what it does"), (row for _, rows in _groups(parser) for row in rows))


# ── settings ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _settings() -> Iterator[str]:
    yield from ("", "## Settings", "")
    yield f"Each is taken from the first that has it: option, `%config`, environment, `{CONFIG_FILE}`. The file is in the"
    yield "user's configuration folder of `kusto-magic`, or in `KUSTO_MAGIC_HOME`; `%kusto_image use --save` writes it."
    yield "No secret is a setting. A whole ARM id as `cluster` says subscription and group as well; `cloud` and"
    yield "`endpoint` exclude each other."
    traits = KustoImageMagics.class_traits(config=True)
    example = {"timeout_hours": "1.5"}
    rows = (
        (
            f"`{name}`",
            str(traits[name].help),
            _option_of(name),
            f"`%config KustoImageMagics.{name} = …`",
            f"`KUSTO_MAGIC_{name.upper()}`",
            f"`{name} = {example.get(name, _TEXT)}`",
            str(getattr(Settings(), name)) or "",
        )
        for name in NAMES
    )
    yield from table(
        ("setting", "what it is", "option", "`%config`", "environment", f"`{CONFIG_FILE}`", "unless set"), rows
    )
    yield from ("", "### Ways to sign in", "", "`%kusto_image use --as WAY`, or the setting `credential`.")
    yield from table(("way", "what it uses"), ((f"`{name}`", words) for name, words in CREDENTIAL_TYPES.items()))


def _option_of(name: str) -> str:
    """Return the options that set a setting: of the cell, or else of `use`."""
    for parser in (cell_parser(), subparsers()["use"]):
        if found := [it.option_strings[-1] for it in parser._actions if it.dest == name]:
            return ", ".join(f"`{one}`" for one in found)
    return ""


def _variables() -> Iterator[str]:
    yield from ("", "## Environment variables")
    for title, rows in VARIABLES.items():
        yield from ("", f"**{title}**")
        yield from table(
            ("variable", "what it is for"),
            ((", ".join(f"`{one}`" for one in names.split(", ")), words) for names, words in rows.items()),
        )


def _rights() -> Iterator[str]:
    yield from ("", "## Rights", "", "The actions an account needs; `%kusto_image doctor` says which are missing.")
    rows = [(f"`{action}`", "make, follow, list and delete images") for action in rights.IMAGES]
    rows += [(f"`{action}`", "enable and disable them besides") for action in rights.EXTENSIONS]
    yield from table(("action", "to"), rows)


# ── Python ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _program() -> Iterator[str]:
    yield from (
        "",
        "## From a program",
        "",
        "`import kusto_magic` is enough; each name is loaded when it is first used.",
    )
    found = _definitions()
    for name, node in found.items():
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from ("", f"### `{name}`", "", f"`{_signature(node)}`", "", _first(node))
        elif not _is_error(node, found):
            yield from ("", f"### `{name}`", "", f"`{name}({_made_of(node)})`", "", _first(node))
            yield from table(("", "what it does"), _members(node))
    yield from ("", "### Errors", "", "What to do about each: [TROUBLESHOOTING](TROUBLESHOOTING.md).")
    errors = (node for node in found.values() if isinstance(node, ast.ClassDef) and _is_error(node, found))
    rows = ((f"`{it.name}`", f"`{ast.unparse(it.bases[0])}`", _first(it)) for it in errors)
    yield from table(("error", "is a", "what happened"), rows)


Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def _definitions() -> dict[str, Definition]:
    """Return the public names in alphabetical order, each with its definition in the source."""
    found: dict[str, Definition] = {}
    for room in (*kusto_magic._ROOMS, "__init__"):
        tree = ast.parse((ROOT / "kusto_magic" / f"{room.replace(chr(46), chr(47))}.py").read_text(encoding="utf-8"))
        nodes = (node for node in tree.body if isinstance(node, Definition))
        found |= {node.name: node for node in nodes if node.name in kusto_magic.__all__}
    return {name: found[name] for name in kusto_magic.__all__}


def _is_error(node: ast.ClassDef, found: Mapping[str, Definition]) -> bool:
    bases = [ast.unparse(base) for base in node.bases]
    return "Exception" in bases or any(
        isinstance(base := found.get(name), ast.ClassDef) and _is_error(base, found) for name in bases
    )


def _first(node: Definition) -> str:
    return (ast.get_docstring(node) or "").split("\n\n")[0].replace("\n", " ")


def _signature(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    word = "await " if isinstance(node, ast.AsyncFunctionDef) else ""
    word = "async with " if "asynccontextmanager" in map(ast.unparse, node.decorator_list) else word
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    return f"{word}{node.name}({_arguments(node)}){returns}"


def _arguments(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    return ast.unparse(node.args).removeprefix("self").removeprefix("cls").removeprefix(", ")


def _made_of(node: ast.ClassDef) -> str:
    """Return what a class is made of: the arguments of its __init__, or its fields where it is a dataclass."""
    for child in node.body:
        if isinstance(child, ast.FunctionDef) and child.name == "__init__":
            return _arguments(child)
    return ", ".join(ast.unparse(child) for child in node.body if isinstance(child, ast.AnnAssign))


def _members(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for child in node.body:
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) and not child.name.startswith("_"):
            is_property = any(ast.unparse(one) == "property" for one in child.decorator_list)
            yield f"`{child.name if is_property else _signature(child)}`", _first(child)
