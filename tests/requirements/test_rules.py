"""The limits of single rules; whole texts are tested in test_parser."""

from __future__ import annotations

import pytest

from kusto_magic.errors import InvalidInputError
from kusto_magic.hints import Hint, HintKind
from kusto_magic.requirements.parser import parse
from kusto_magic.requirements.rules import index_url, url_problem

TOKEN = "a part of the path looks like a token, and everyone with read access to the cluster could read it"

SEGMENTS = {
    "20 of three kinds": ("aB3" + "x" * 17, TOKEN),
    "19 of three kinds": ("aB3" + "x" * 16, ""),
    "20 of two kinds": ("ab3" + "x" * 17, ""),
    "31 of two kinds": ("ab3" + "x" * 28, ""),
    "32 of two kinds": ("ab3" + "x" * 29, TOKEN),
    "32 upper and lower": ("abX" + "x" * 29, TOKEN),
    "40 of one kind": ("x" * 40, ""),
    "40 digits": ("1" * 40, ""),
    "hyphens in it": ("aB3-" + "x" * 16, TOKEN),
    "underscores in it": ("aB3_" + "x" * 16, TOKEN),
    "both in it": ("aB3_-" + "x" * 15, TOKEN),
    "a dot in it": ("aB3." + "x" * 40, ""),
    "an id": ("0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5F", ""),
    "words": ("a-feed-of-the-data-science-group", ""),
}


@pytest.mark.parametrize(("segment", "message"), SEGMENTS.values(), ids=SEGMENTS.keys())
@pytest.mark.parametrize("path", ["{}", "simple/{}", "{}/simple/"])
def test_token_in_a_path_is_detected(segment: str, message: str, path: str) -> None:
    assert url_problem(f"https://h.example/{path.format(segment)}") == message


URLS = {
    "": "it must be on its own line, followed by one URL that starts with https://",
    "https://[": "the URL cannot be parsed",
    "https://h:port/": "the URL cannot be parsed",
    "http://h.example/": "the URL must start with https://",
    "ftp://h.example/": "the URL must start with https://",
    "https://u@h.example/": "the URL contains a user name or a password",
    "https://@h.example/": "the URL contains a user name or a password",
    "https://h.example/@x": "the URL must contain only a host and a path",
    "https:///simple": "the URL has no valid host",
    "https://-h.example/": "the URL has no valid host",
    "https://h.example:0/": "the URL has no valid host",
    "https://h.example/?q": "the URL must contain only a host and a path",
    "https://h.example/#f": "the URL must contain only a host and a path",
    "https://h.example/simple": "",
    "https://h.example:8443/simple/": "",
    "https://[::1]/simple": "",
}


@pytest.mark.parametrize(("url", "message"), URLS.items())
def test_index_url_is_validated(url: str, message: str) -> None:
    assert url_problem(url) == message


@pytest.mark.parametrize(
    "line", ["--index-url https://h/x numpy", "-i", "--index-url = https://h/ y", "-ihttps://h 'x'"]
)
def test_line_with_more_than_an_index_option_has_no_url(line: str) -> None:
    assert index_url(line) == ""


def test_index_option_is_refused_by_default() -> None:
    with pytest.raises(InvalidInputError) as refused:
        parse("--index-url https://h.example/simple\nnumpy\n")
    assert refused.value.problems[0].hint == Hint(HintKind.ALLOW_INDEX_OPTIONS)


@pytest.mark.parametrize("line", ["-r more.txt"])
def test_file_of_another_text_has_the_hint_to_paste_it(line: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        parse(f"{line}\nnumpy\n")
    assert [problem.hint for problem in refused.value.problems] == [Hint(HintKind.PASTE_FILE)]
