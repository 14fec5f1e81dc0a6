"""The Python scripts in a text of the Kusto Query Language (KQL): the second argument of `evaluate python(…)`.

Sources: https://learn.microsoft.com/kusto/query/python-plugin, and for the literals
https://learn.microsoft.com/kusto/query/scalar-data-types/string. Nothing is evaluated but string literals, the names
that `let` gives to them, and `strcat`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

COMPUTED = "__computed__"
"""Placeholder for a part of a text that only running the code could tell; a valid name in KQL and in Python."""

MAX_DEPTH = 4
"""Maximum number of queries inside each other: one is a literal of another one, or of another language."""

MAX_LENGTH = 500_000
"""Maximum number of characters of a text: a query, or the value of an expression."""

_TOKEN = re.compile(
    r"""
      (?P<comment> //[^\n]*+ )
    | [hH]?+@?+ (?: ```(?P<ticks>(?:(?!```)[\s\S])*+)(?:```)?+ | ~~~(?P<tildes>(?:(?!~~~)[\s\S])*+)(?:~~~)?+ )
    | [hH]?+@ (?: "(?P<verbatim_double>(?:[^"]++|"")*+)"?+ | '(?P<verbatim_single>(?:[^']++|'')*+)'?+ )
    | [hH]?+ (?: "(?P<double>(?:[^"\\]++|\\[\s\S])*+)"?+ | '(?P<single>(?:[^'\\]++|\\[\s\S])*+)'?+ )
    | (?P<word> [A-Za-z_]\w*+ (?: \.\w++ )*+ )
    | (?P<other> [^\s\\] )
    """,
    re.VERBOSE,
)
"""A comment, a literal in one of its forms, a word or one other character. A literal may extend over several lines,
which KQL allows only between backticks: queries in notebooks are often written so, for a client that escapes them."""

_CALL = re.compile(r"\bpython\s*+\(")
_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2}|\r\n|[\s\S])")
_ESCAPES = {
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "\n": "",
    "\r\n": "",
    "0": "\0",
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "v": "\v",
}
_VARIABLE = re.compile(r"\s*+(?:\$|\{\{?)\s*+([A-Za-z_]\w*+)\s*+\}?\}?\s*+")
_IMPORT_LINE = re.compile(r"^[ \t]*+(?:import|from)[ \t]", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Scripts:
    """The Python scripts of a query, and the number of further ones whose text is not in the query."""

    texts: tuple[str, ...] = ()
    computed: int = 0


@dataclass(frozen=True, slots=True)
class _Token:
    """A token: `text` is the value of a literal, or the word or character as written."""

    text: str
    is_literal: bool = False


def calls_python(text: str) -> bool:
    """Return whether a text may contain a query that runs Python; a longer one than MAX_LENGTH is not read."""
    return len(text) <= MAX_LENGTH and "evaluate" in text and _CALL.search(text) is not None


def joined(parts: Iterable[str], separator: str = "") -> str | None:
    """Return the parts as one text, None if it would be longer than MAX_LENGTH."""
    taken, length = [], 0
    for part in parts:
        length += len(part) + len(separator)
        if length > MAX_LENGTH:
            return None
        taken.append(part)
    return separator.join(taken)


def python_scripts(text: str, variables: Mapping[str, str], depth: int = 0) -> Scripts:
    """Return the scripts of the queries in `text`, also of queries that are literals in it.

    `variables` are strings that the text may name but does not define.
    """
    tokens = list(_tokens(text))
    names = _let_names(tokens, variables)
    found: list[str] = []
    computed = 0
    for argument in _script_arguments(tokens):
        script = _text_of(argument, names)
        scripts = _literals_with_imports(tokens) if script is None else [_variable(script, names)]
        computed += not scripts or any(COMPUTED in map(str.strip, script.splitlines()) for script in scripts)
        found += scripts
    for token in tokens:
        if token.is_literal and depth < MAX_DEPTH and calls_python(token.text):
            inner = python_scripts(token.text, names, depth + 1)
            found, computed = [*found, *inner.texts], computed + inner.computed
    return Scripts(tuple(dict.fromkeys(found)), computed)


def _tokens(text: str) -> Iterator[_Token]:
    for found in _TOKEN.finditer(text):
        kind, value = found.lastgroup or "", found[found.lastgroup or 0]
        if kind in ("word", "other"):
            yield _Token(value)
        elif kind != "comment":
            yield _Token(_literal(kind, value), is_literal=True)


def _literal(kind: str, value: str) -> str:
    if kind in ("double", "single"):
        return _ESCAPE.sub(lambda escape: _unescaped(escape[1]), value)
    quote = {"verbatim_double": '"', "verbatim_single": "'"}.get(kind)
    return value.replace(quote * 2, quote) if quote else value


def _unescaped(code: str) -> str:
    return chr(int(code[1:], 16)) if len(code) > 2 else _ESCAPES.get(code, code)


def _let_names(tokens: Sequence[_Token], variables: Mapping[str, str]) -> dict[str, str]:
    """Return `variables` and the texts that `let` statements give to names; a later one overrides an earlier one."""
    names = dict(variables)
    for index in range(len(tokens) - 3):
        if tokens[index] == _Token("let") and tokens[index + 2] == _Token("="):
            text = _text_of(_value(tokens, index + 3), names)
            if text is not None:
                names[tokens[index + 1].text] = text
    return names


def _value(tokens: Sequence[_Token], start: int) -> list[_Token]:
    """Return the tokens of a `let` statement after its "="."""
    taken: list[_Token] = []
    for index in range(start, len(tokens)):
        if tokens[index] in (_Token(";"), _Token("let")):
            break
        taken.append(tokens[index])
    return taken


def _script_arguments(tokens: Sequence[_Token]) -> Iterator[list[_Token]]:
    """Yield the tokens of the script of each call of the plugin; the schema before it is a typeof literal."""
    for index in range(len(tokens) - 2):
        if tokens[index] == _Token("python") and tokens[index + 1] == _Token("("):
            arguments = _arguments(tokens, index + 2)
            schema = arguments[0][0].text if arguments[0] else ""
            if len(arguments) > 1 and arguments[1] and schema in ("typeof", "{", "$", COMPUTED):
                named = [token.text for token in arguments[1][:2]] == ["script", "="]
                yield arguments[1][2 * named :]


def _arguments(tokens: Sequence[_Token], start: int) -> list[list[_Token]]:
    """Return the arguments of a call whose "(" is before `start`. A call that does not end has those so far."""
    arguments: list[list[_Token]] = [[]]
    depth = 0
    for index in range(start, len(tokens)):
        token = tokens[index]
        char = "" if token.is_literal else token.text
        depth += (char in ("(", "[", "{")) - (char in (")", "]", "}"))
        if depth < 0 or char == "python":
            break
        if char == "," and not depth:
            arguments.append([])
        else:
            arguments[-1].append(token)
    return arguments


def _text_of(tokens: Sequence[_Token], names: Mapping[str, str]) -> str | None:
    """Return the value of an expression: literals beside each other, a name, or strcat of such; else None."""
    if len(tokens) < 3 or tokens[1] != _Token("("):
        return _simple_text(tokens, names)
    # One level of strcat(…) is enough: its arguments are literals and names.
    values = [_simple_text(argument, names) for argument in _arguments(tokens, 2)]
    texts = [COMPUTED if value is None else value for value in values]
    if tokens[0].text == "strcat":
        return joined(texts)
    return joined(texts[1:], texts[0]) if tokens[0].text == "strcat_delim" else None


def _simple_text(tokens: Sequence[_Token], names: Mapping[str, str]) -> str | None:
    if tokens and all(token.is_literal for token in tokens):
        return "".join(token.text for token in tokens)
    return names.get(tokens[0].text) if len(tokens) == 1 else None


def _variable(script: str, names: Mapping[str, str]) -> str:
    """Return the text of a script that is only a variable of the notebook ("{code}", "$code"), else the script."""
    found = _VARIABLE.fullmatch(script)
    return names.get(found[1], COMPUTED) if found else script


def _literals_with_imports(tokens: Iterable[_Token]) -> list[str]:
    """Return the literals that look like scripts: the parameter of a function may be any of them."""
    return [token.text for token in tokens if token.is_literal and _IMPORT_LINE.search(token.text)]
