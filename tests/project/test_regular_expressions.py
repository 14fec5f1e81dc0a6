"""Regular expressions take time proportional to the length of a text, whatever the text is."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.pattern_attacks import Used, attacks, patterns, worst_growth

PACKAGE = Path(__file__).parent.parent.parent / "kusto_magic"
PATTERNS = patterns()
COMPILED_LATER = {"emulator/routing.py": "the pattern is Starlette's"}
"""Modules that compile a pattern in a function, with the reason."""


@pytest.mark.slow
@pytest.mark.parametrize("used", PATTERNS, ids=lambda used: used.where)
def test_pattern_takes_linear_time(used: Used) -> None:
    assert worst_growth(used.apply, attacks(used.pattern)) == ""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pattern", "size"),
    [
        (r"\\+(\n)", 8_192),
        (r"[\s,]+$", 8_192),
        (r">(?=\S+\.txt)", 16_384),
        (r"\bey[\w-]{8,}\.a", 16_384),
        (r"y*z", 32_768),
        (r"\{[^}]*\}", 32_768),
    ],
)
def test_quadratic_patterns_are_recognized(pattern: str, size: int) -> None:
    """The simple patterns need long texts on a fast machine."""
    compiled = re.compile(pattern)
    searched = Used("", compiled, frozenset({"search"}))
    assert worst_growth(searched.apply, attacks(compiled), sizes=(size // 16, size)) != ""


@pytest.mark.slow
def test_patterns_are_compiled_at_module_level() -> None:
    """Only what is a value of its module can be collected and tested."""
    assert len(PATTERNS) > 60
    found = {path.relative_to(PACKAGE).as_posix(): list(_calls_in_functions(path)) for path in PACKAGE.rglob("*.py")}
    assert {name: calls for name, calls in found.items() if calls and name not in COMPILED_LATER} == {}


def _calls_in_functions(path: Path) -> Iterator[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = (
        node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
    )
    for function in functions:
        for node in ast.walk(function):
            if isinstance(node, ast.Call) and (called := ast.unparse(node.func)).startswith("re."):
                yield f"line {node.lineno}: {called}"
