"""The rules of one line, each by itself; how they work together is in test_requirements.py."""

from __future__ import annotations

import pytest

from kusto_magic import requirement_rules as rules

GUID = "01234567-89ab-cdef-0123-456789abcdef"


@pytest.mark.parametrize(
    ("line", "plain"),
    [
        ("numpy", True),
        ("dask[complete,x]>=2,<3.1", True),
        ("a" * rules.MAX_LINE_LENGTH, True),
        ("a" * (rules.MAX_LINE_LENGTH + 1), False),
        ("numpy ", False),
        ("numpy;x", False),
        ("-r", False),
        ("a/b", False),
        ("", False),
    ],
)
def test_the_quick_way_is_for_plain_lines(line: str, plain: bool) -> None:
    assert rules.is_plain(line) is plain


@pytest.mark.parametrize("code", ["a" * rules.MAX_LINE_LENGTH, "a;" + "(" * rules.MAX_BRACKETS])
def test_a_line_may_be_as_long_as_the_limit(code: str) -> None:
    assert rules.shape_problem(code) == ""
    assert "too long" in rules.shape_problem(code + "(" * (1 if "(" in code else 501))


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://h.example/simple", ""),
        (f"https://h.example/{GUID}/simple", ""),
        ("https://h.example/a-feed_of-many-long-words/simple", ""),
        ("https://h.example/artifactory-api-pypi-team/simple", ""),
        ("https://h.example/aB3aB3aB3aB3aB3aB3a/simple", ""),
        ("https://h.example/aB3aB3aB3aB3aB3aB3aB/simple", "reads like a token"),
        ("https://h.example/aB-3aB3aB3_aB3aB3aB3/simple", "reads like a token"),
        ("https://h.example/abc3abc3abc3abc3abc3abc3abc3abc/simple", ""),
        ("https://h.example/abc3abc3abc3abc3abc3abc3abc3abc3/simple", "reads like a token"),
        ("https://h.example/" + "a" * 40, ""),
        ("https://h.example/aB3aB3aB3aB3aB3aB3aB3~x/simple", ""),
        ("https://[::1]:8080/simple", ""),
        ("https://user:word@h.example/", "holds a user or a password"),
        ("https://-h.example/", "no host that can be read"),
        ("https://h_.example\\x/", "no host that can be read"),
        ("http://h.example/", "must begin with https://"),
        ("", "with one address"),
    ],
)
def test_an_address_is_a_host_and_a_path_without_secrets(url: str, words: str) -> None:
    found = rules.url_problem(url)

    assert words in found if words else found == ""


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("https://user@h.example", "the address holds a user or a password"),
        ("ghp_0123456789abcdef", "here stands what reads like a token of GitHub or GitLab"),
        ("token = 0123456x", "here stands what reads like a password or a token"),
        ("token = 01234", ""),
        ("token==0123456", ""),
        ("tiktoken=0.10.0", ""),
        ("mytoken=0123456x", ""),
        ("ghp_012345678\\\n9abcdef", "here stands what reads like a token of GitHub or GitLab"),
        ("numpy # nothing", ""),
    ],
)
def test_secrets_are_named_by_their_kind(text: str, found: str) -> None:
    assert rules.secret_in(text) == found


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("numpy=1", "'numpy=1': '=' is no comparison; write numpy==1"),
        (
            "numpy=1; os_name == 'nt'",
            "\"numpy=1; os_name == 'nt'\": '=' is no comparison; write numpy==1; os_name == 'nt'",
        ),
        ("numpy==1==2", "'numpy==1==2': comparisons are separated by ','"),
        ("numpy==1,==2,", "'numpy==1,==2,': nothing may stand after the last version"),
        ("numpy >= ; os_name", "'numpy >= ; os_name': the version after the comparison is missing"),
        ("a b; x", "'a b; x': one package per line"),
        ("(", "'(': a line is a name, a comparison and a version, as in requests==2.31.0"),
        ("x=" + "1" * 56, f"'x={'1' * 56}': '=' is no comparison; write x=={'1' * 56}"),
        ("x=" + "1" * 58, f"'x={'1' * 56}…: '=' is no comparison"),
    ],
)
def test_a_slip_is_named_and_mended_where_that_is_sure(code: str, message: str) -> None:
    assert rules.grammar_problem(code) == message


def test_a_command_is_told_from_its_package() -> None:
    assert rules.foreign_problem("pip install a", show=True) == "a line is no command; write only 'a'"
    assert rules.foreign_problem("pip install a", show=False) == "a line is no command; write only the package"
    assert rules.foreign_problem("pip install", show=True) == "a line is no command; write only the package"
    assert rules.foreign_problem("installer", show=True) == ""
