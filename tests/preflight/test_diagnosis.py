"""Reading uv's words: which lines clash, what is not to be had, and when nothing can be told.

The texts in data/uv-explanations.json are what uv 0.13.9 wrote; of those with made-up names the form is.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kusto_magic.preflight.diagnosis import diagnose, displayed_output
from kusto_magic.preflight.report import Verdict
from kusto_magic.requirements.parser import parse

HEAD = "error: No solution found when resolving dependencies\n  cause: "
CASES = json.loads((Path(__file__).parent / "data" / "uv-explanations.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", CASES, ids=[", ".join(case["requirements"]) for case in CASES])
def test_an_explanation_names_the_lines(case: dict[str, Any]) -> None:
    lines = parse("\n".join(case["requirements"])).packages
    found = diagnose("\n".join(case["uv"]) + "\n", lines, "3.10.8")

    assert (found.verdict, found.cause.name, found.reason) == (Verdict.CONFLICT, case["cause"], case["reason"])
    assert [line.line for line in found.culprits] == case["culprits"]


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (HEAD + "Because a was not found in the cache and you require a,", "the network is switched off"),
        (HEAD + "x\n\nhint: Packages were unavailable because index lookups were disabled and", "no index is set up"),
        (HEAD + "x\n\nhint: An index URL (u) could not be queried due to a lack of", "the index refuses access"),
        (HEAD + "x\n\nhint: An index (u) returned a 403 Forbidden error.", "the index refuses access"),
        (
            "error: Failed to fetch: https://h.example/simple/a/\n  cause: dns error\n",
            "h.example cannot be asked: its name",
        ),
        (
            "error: Failed to fetch: `https://u:p@h.example/a`\n cause: x",
            "h.example cannot be asked: the request failed",
        ),
        ("error: Failed to fetch: https://[::1/a", "its address cannot be asked"),
        ("error: Failed to read `--find-links` directory: /x", "find-links) cannot be read"),
        ("error: some new thing password=hunter2\n", "the resolver failed: some new thing"),
        ("", "it ended early"),
        ("\x00garbage", "it ended early"),
    ],
)
def test_what_says_nothing_about_the_text_is_could_not_tell(output: str, reason: str) -> None:
    found = diagnose(output, parse("a").packages, "3.10.8")

    assert (found.verdict, found.culprits) == (Verdict.INCONCLUSIVE, ())
    assert reason in found.reason
    assert "hunter2" not in found.reason


WORDS = [
    "Because",
    "and",
    "you require",
    "a==1",
    "b>=2,<3",
    "c",
    "depends on",
    "one of:",
    "all of:",
    ",",
    ".",
    "\n",
    "hint:",
]
WORDS += ["was not found in the package registry", "has no usable wheels", "there are no versions of", "Python>=3.11"]
WORDS += ["which are incompatible", "does not satisfy", "requires", "we can conclude that", "{x}", "é", "[", "=="]


@given(st.lists(st.sampled_from(WORDS)).map(" ".join), st.sampled_from(["", HEAD]))
def test_any_words_are_read(said: str, head: str) -> None:
    found = diagnose(head + said, parse("a==1\nb\nc").packages, "3.10.8")

    assert found.reason
    assert (found.verdict is Verdict.CONFLICT) == (head == HEAD)


def test_what_is_shown_is_short_and_holds_no_secret() -> None:
    text = displayed_output("  see https://user:hunter2@h.example/ " + "x" * 10_000)

    assert "hunter2" not in text
    assert len(text) == 4_000
