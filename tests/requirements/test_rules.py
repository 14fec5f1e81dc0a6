"""The rules at their limits; what a whole text is told is in test_requirements."""

from __future__ import annotations

import pytest

from kusto_magic.errors import InvalidInput
from kusto_magic.requirements.parser import parse
from kusto_magic.requirements.rules import index_url, url_problem

TOKEN = "a part of the path reads like a token, and every reader of the cluster could read it"

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
    "underlines in it": ("aB3_" + "x" * 16, TOKEN),
    "both in it": ("aB3_-" + "x" * 15, TOKEN),
    "a dot in it": ("aB3." + "x" * 40, ""),
    "an id": ("0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5F", ""),
    "words": ("a-feed-of-the-data-science-group", ""),
}


@pytest.mark.parametrize(("segment", "message"), SEGMENTS.values(), ids=SEGMENTS.keys())
@pytest.mark.parametrize("path", ["{}", "simple/{}", "{}/simple/"])
def test_what_reads_like_a_token_in_a_path(segment: str, message: str, path: str) -> None:
    assert url_problem(f"https://h.example/{path.format(segment)}") == message


ADDRESSES = {
    "": "it stands on a line of its own, with one address that begins with https://",
    "https://[": "the address cannot be read",
    "https://h:port/": "the address cannot be read",
    "http://h.example/": "the address must begin with https://",
    "ftp://h.example/": "the address must begin with https://",
    "https://u@h.example/": "the address holds a user or a password",
    "https://@h.example/": "the address holds a user or a password",
    "https://h.example/@x": "the address has more than a host and a path",
    "https:///simple": "the address has no host that can be read",
    "https://-h.example/": "the address has no host that can be read",
    "https://h.example:0/": "the address has no host that can be read",
    "https://h.example/?q": "the address has more than a host and a path",
    "https://h.example/#f": "the address has more than a host and a path",
    "https://h.example/simple": "",
    "https://h.example:8443/simple/": "",
    "https://[::1]/simple": "",
}


@pytest.mark.parametrize(("url", "message"), ADDRESSES.items())
def test_the_address_of_an_index(url: str, message: str) -> None:
    assert url_problem(url) == message


@pytest.mark.parametrize(
    "line", ["--index-url https://h/x numpy", "-i", "--index-url = https://h/ y", "-ihttps://h 'x'"]
)
def test_a_line_that_is_more_than_an_index_has_no_address(line: str) -> None:
    assert index_url(line) == ""


def test_without_leave_no_index_passes() -> None:
    with pytest.raises(InvalidInput, match="must be allowed first"):
        parse("--index-url https://h.example/simple\nnumpy\n")
