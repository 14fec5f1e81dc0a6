"""The values of string expressions in Python code, as far as they can be told without running it."""

from __future__ import annotations

import ast
import inspect
import json
import re
import string
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping

from kusto_magic.requirements.freeze.kql import COMPUTED, joined

_FUNCTIONS: Mapping[str, Callable[[str], str]] = {
    "cleandoc": inspect.cleandoc,
    "dedent": textwrap.dedent,
    "dumps": json.dumps,
    "repr": repr,
    "str": str,
}
"""Functions of one string, by name."""

_SAME = frozenset({"decode", "encode", "expandtabs", "lstrip", "rstrip", "strip"})
"""Methods of a string whose effect does not matter here."""

_PERCENT = re.compile(r"%(?:\((\w+)\))?[-+ #0]*+\d*+(?:\.\d++)?+([a-zA-Z%])")


def source_key(function: str) -> str:
    """Return the name under which `text_of` finds the source of a function; no variable can have it."""
    return f"def {function}"


def file_key(name: str) -> str:
    """Return the name under which `text_of` finds the text of a file, or of the file object of a variable."""
    return f"file {name}"


def text_of(node: ast.expr, names: Mapping[str, str]) -> str | None:
    """Return the value of an expression that is a string, None for any other; parts that are not known are COMPUTED.

    `names` are the values of variables and, by `source_key` and `file_key`, the texts of functions and files.
    """
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if isinstance(node, ast.JoinedStr):
        return joined(_formatted(part, names) for part in node.values)
    if isinstance(node, ast.BinOp):
        return _operation(node, names)
    return _call(node, names) if isinstance(node, ast.Call) else None


def _known(node: ast.expr | None, names: Mapping[str, str]) -> str:
    text = None if node is None else text_of(node, names)
    return COMPUTED if text is None else text


def _formatted(part: ast.expr, names: Mapping[str, str]) -> str:
    """Return a part of an f-string: a constant, or an expression in braces."""
    if not isinstance(part, ast.FormattedValue):
        return _known(part, names)
    text = text_of(part.value, names)
    if text is None:
        return COMPUTED
    return repr(text) if part.conversion == ord("r") else text


def _operation(node: ast.BinOp, names: Mapping[str, str]) -> str | None:
    if isinstance(node.op, ast.Mod):
        template = text_of(node.left, names)
        return None if template is None else _percent(template, node.right, names)
    if not isinstance(node.op, ast.Add):
        return None
    texts = [text_of(operand, names) for operand in _operands(node)]
    is_text = any(text is not None for text in texts)
    return joined(COMPUTED if text is None else text for text in texts) if is_text else None


def _operands(node: ast.expr) -> list[ast.expr]:
    """Return the operands of a sum. A loop, because a query can be a sum of a thousand lines."""
    operands: list[ast.expr] = []
    while isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        operands.append(node.right)
        node = node.left
    return [node, *reversed(operands)]


def _percent(template: str, values: ast.expr, names: Mapping[str, str]) -> str | None:
    positional = iter(values.elts if isinstance(values, ast.Tuple) else [values])
    by_name = _dictionary(values) if isinstance(values, ast.Dict) else {}
    return joined(_percent_parts(template, positional, by_name, names))


def _percent_parts(
    template: str, positional: Iterator[ast.expr], by_name: Mapping[str, ast.expr], names: Mapping[str, str]
) -> Iterator[str]:
    end = 0
    for found in _PERCENT.finditer(template):
        yield template[end : found.start()]
        end = found.end()
        if found[2] == "%":
            yield "%"
            continue
        text = _known(by_name.get(found[1]) if found[1] else next(positional, None), names)
        yield repr(text) if found[2] == "r" else text
    yield template[end:]


def _dictionary(node: ast.Dict) -> dict[str, ast.expr]:
    pairs = zip(node.keys, node.values, strict=True)
    return {key.value: value for key, value in pairs if isinstance(key, ast.Constant) and isinstance(key.value, str)}


def _call(node: ast.Call, names: Mapping[str, str]) -> str | None:
    function, arguments = node.func, node.args
    name = (
        function.attr if isinstance(function, ast.Attribute) else function.id if isinstance(function, ast.Name) else ""
    )
    if name in _FUNCTIONS and arguments:
        text = text_of(arguments[0], names)
        return None if text is None else _FUNCTIONS[name](text)
    if name == "getsource" and arguments and isinstance(arguments[0], ast.Name):
        return names.get(source_key(arguments[0].id))
    if not isinstance(function, ast.Attribute):
        return None
    if name in ("read", "read_text"):
        return _file_text(function.value, names)
    receiver = text_of(function.value, names)
    return None if receiver is None else _method(name, receiver, node, names)


def _file_text(node: ast.expr, names: Mapping[str, str]) -> str | None:
    """Return the text that is read from `open("name")`, `Path("name")`, or a variable with an open file."""
    if isinstance(node, ast.Name):
        return names.get(file_key(node.id))
    path = opened_path(node)
    return None if path is None else names.get(file_key(path))


def opened_path(node: ast.expr) -> str | None:
    """Return the file name in `open("name")` or `Path("name")`, else None."""
    first = node.args[0] if isinstance(node, ast.Call) and node.args else None
    return first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else None


def _method(name: str, text: str, node: ast.Call, names: Mapping[str, str]) -> str | None:
    if name in _SAME:
        return text
    if name == "format":
        return _format(text, node, names)
    if name == "replace" and len(node.args) > 1 and (old := _known(node.args[0], names)):
        return joined(text.split(old), _known(node.args[1], names))
    if name == "join" and node.args and isinstance(node.args[0], ast.List | ast.Tuple):
        return joined((_known(item, names) for item in node.args[0].elts), text)
    return None


def _format(template: str, node: ast.Call, names: Mapping[str, str]) -> str | None:
    by_name = {keyword.arg: keyword.value for keyword in node.keywords if keyword.arg}
    values: Mapping[str, ast.expr] = by_name | {str(index): value for index, value in enumerate(node.args)}
    try:
        fields = list(string.Formatter().parse(template))
    except ValueError:  # a brace without its pair: Python would raise the same
        return template
    return joined(_format_parts(fields, values, names))


def _format_parts(
    fields: Iterable[tuple[str, str | None, str | None, str | None]],
    values: Mapping[str, ast.expr],
    names: Mapping[str, str],
) -> Iterator[str]:
    automatic = 0
    for literal, field, _, conversion in fields:
        yield literal
        if field is None:
            continue
        text = _known(values.get(field or str(automatic)), names)
        automatic += not field
        yield repr(text) if conversion == "r" else text
