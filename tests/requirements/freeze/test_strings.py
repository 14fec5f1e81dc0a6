"""Values of string expressions in Python code."""

from __future__ import annotations

import ast

import pytest

from kusto_magic.requirements.freeze.kql import COMPUTED, MAX_LENGTH
from kusto_magic.requirements.freeze.strings import source_key, text_of

NAMES = {"code": "import x\n", source_key("f"): "def f(): pass"}


def value_of(expression: str) -> str | None:
    return text_of(ast.parse(expression, mode="eval").body, NAMES)


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("'a' 'b'", "ab"),
        ("'a' + 'b' + code", "abimport x\n"),
        ("'a' + f(1) + 'b'", f"a{COMPUTED}b"),
        ("code", "import x\n"),
        ("f'a {code} {{b}}'", "a import x\n {b}"),
        ("f'a {code!r}'", "a 'import x\\n'"),
        ("f'take {n + 1}'", f"take {COMPUTED}"),
        ("'a {} {b} {{c}} {1}'.format(code, 'd', b='e')", "a import x\n e {c} d"),
        ("'{!r}'.format(code)", "'import x\\n'"),
        ("'{ a'.format(1)", "{ a"),
        ("'{x} {}'.format()", f"{COMPUTED} {COMPUTED}"),
        ("'a %s %% %d' % (code, 3)", f"a import x\n % {COMPUTED}"),
        ("'%(a)s %(b)r' % {'a': 'c', 'b': code}", "c 'import x\\n'"),
        ("'%s' % code", "import x\n"),
        ("'\\n'.join(['a', 'b', x])", f"a\nb\n{COMPUTED}"),
        ("'a-b'.replace('-', code)", "aimport x\nb"),
        ("textwrap.dedent('  a').strip()", "a"),
        ("dedent('''\n  a\n  b''')", "\na\nb"),
        ("json.dumps(code)", '"import x\\n"'),
        ("repr(code)", "'import x\\n'"),
        ("inspect.getsource(f)", "def f(): pass"),
        ("inspect.getsource(g)", None),
        ("unknown", None),
        ("1 + 2", None),
        ("a + b", None),
        ("b'a'", None),
        ("open('a').read()", None),
        ("'a' * 3", None),
        ("'a'.split()", None),
        ("','.join(x)", None),
    ],
)
def test_value_of_an_expression(expression: str, text: str | None) -> None:
    assert value_of(expression) == text


@pytest.mark.parametrize(
    "expression", ["x + x", "f'{x}{x}'", "'{0}{0}'.format(x)", "'%s%s' % (x, x)", "x.join([x, x])"]
)
def test_value_has_a_maximum_length(expression: str) -> None:
    node = ast.parse(expression, mode="eval").body
    assert text_of(node, {"x": "a" * (MAX_LENGTH // 2 + 1)}) is None
    assert text_of(node, {"x": "a"}) is not None


def test_replacing_each_character_has_a_maximum_length() -> None:
    node = ast.parse("x.replace('a', x)", mode="eval").body
    assert text_of(node, {"x": "a" * 10_000}) is None


def test_sum_of_a_thousand_lines_is_read() -> None:
    assert value_of(" + ".join(["'a'"] * 900)) == "a" * 900
