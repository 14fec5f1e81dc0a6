"""Words of a magic's line."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kusto_magic.commands.words import split


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (r"img --file C:\Users\x\r.txt # weekly", ["img", "--file", r"C:\Users\x\r.txt"]),
        (r'--file "C:\Program Files\x\r.txt" b', ["--file", r"C:\Program Files\x\r.txt", "b"]),
        (r"--file 'C:\x y\r.txt'", ["--file", r"C:\x y\r.txt"]),
        (r'--file "\\server\share\r.txt" \\server\share', ["--file", r"\\server\share\r.txt", r"\\server\share"]),
        (r'--to "C:\x y\"', ["--to", "C:\\x y\\"]),
        (r"--to C:\x\ --dry-run", ["--to", "C:\\x\\", "--dry-run"]),
        (r"--file my\ reqs.txt", ["--file", "my reqs.txt"]),
        (r'--file "a \"b\" c"', ["--file", 'a "b" c']),
        ("a#b --x=#c # d 'e", ["a#b", "--x=#c"]),
        ("# only a comment", []),
        ("a'b c'd \"e\"'f'", ["ab cd", "ef"]),
        ("'' \"\"", ["", ""]),
        ("--q \"where tags == 'x'\"", ["--q", "where tags == 'x'"]),
        ("  a\t\n b ", ["a", "b"]),
        ("", []),
    ],
)
def test_line_is_split(line: str, words: list[str]) -> None:
    assert split(line) == words


@pytest.mark.parametrize("line", ["'a", 'a "b', "it's", '"a'])
def test_open_quote_is_an_error(line: str) -> None:
    with pytest.raises(ValueError, match="No closing quotation"):
        split(line)


@given(st.lists(st.text(max_size=12), max_size=5))
def test_quoted_words_are_split_as_in_a_shell(words: list[str]) -> None:
    assert split(shlex.join(words)) == words
