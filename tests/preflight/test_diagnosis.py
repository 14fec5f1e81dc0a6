"""Diagnosis of uv's output: conflicting lines, missing packages and inconclusive failures.

The texts in data/uv-explanations.json are output of uv 0.13.9, some with made-up names.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kusto_magic.preflight.diagnosis import diagnose, displayed_output
from kusto_magic.preflight.report import Verdict
from kusto_magic.preflight.uv import MAX_OUTPUT_SIZE
from kusto_magic.requirements.parser import parse

HEAD = "error: No solution found when resolving dependencies\n  cause: "
CASES = json.loads((Path(__file__).parent / "data" / "uv-explanations.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", CASES, ids=[", ".join(case["requirements"]) for case in CASES])
def test_conflict_names_the_lines(case: dict[str, Any]) -> None:
    lines = parse("\n".join(case["requirements"])).packages
    diagnosis = diagnose("\n".join(case["uv"]) + "\n", lines, "3.10.8")

    assert (diagnosis.verdict, diagnosis.cause.name, diagnosis.reason) == (
        Verdict.CONFLICT,
        case["cause"],
        case["reason"],
    )
    assert [line.line for line in diagnosis.culprits] == case["culprits"]


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (HEAD + "Because a was not found in the cache and you require a,", "the network is disabled"),
        (
            HEAD + "x\n\nhint: Packages were unavailable because index lookups were disabled and",
            "no package index is configured",
        ),
        (HEAD + "x\n\nhint: An index URL (u) could not be queried due to a lack of", "the index refuses access"),
        (HEAD + "x\n\nhint: An index (u) returned a 403 Forbidden error.", "the index refuses access"),
        (
            "error: Failed to fetch: https://h.example/simple/a/\n  cause: dns error\n",
            "h.example cannot be queried: its host name",
        ),
        (
            "error: Failed to fetch: `https://u:p@h.example/a`\n cause: x",
            "h.example cannot be queried: the request failed",
        ),
        ("error: Failed to fetch: https://[::1/a", "an unknown address cannot be queried"),
        ("memory allocation of 417792 bytes failed\nstack backtrace:\n", "more than 2 GB of memory"),
        ("error: Failed to read `--find-links` directory: /x", "find-links) cannot be read"),
        ("error: some new thing password=hunter2\n", "the resolver failed: some new thing"),
        ("", "the resolver stopped without a message"),
        ("\x00garbage", "the resolver stopped without a message"),
    ],
)
def test_failure_unrelated_to_the_text_is_inconclusive(output: str, reason: str) -> None:
    diagnosis = diagnose(output, parse("a").packages, "3.10.8")

    assert (diagnosis.verdict, diagnosis.culprits) == (Verdict.INCONCLUSIVE, ())
    assert reason in diagnosis.reason
    assert "hunter2" not in diagnosis.reason


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
WORDS += [
    "was not found in the package registry",
    "has no usable wheels",
    "there are no versions of",
    "Python>=3.11",
]
WORDS += ["which are incompatible", "does not satisfy", "requires", "we can conclude that", "{x}", "é", "[", "=="]


@given(st.lists(st.sampled_from(WORDS)).map(" ".join), st.sampled_from(["", HEAD]))
def test_any_output_gives_a_diagnosis(text: str, head: str) -> None:
    diagnosis = diagnose(head + text, parse("a==1\nb\nc").packages, "3.10.8")

    assert diagnosis.reason
    assert (diagnosis.verdict is Verdict.CONFLICT) == (head == HEAD)


HOSTILE = {
    "facts": "a depends on b and b depends on a and ",
    "chain": "".join(f"p{i} depends on p{i + 1} and " for i in range(2_000)),
    "one dependency": "".join(f"l{i} depends on z{i % 2}>={i} and " for i in range(1_000)),
    "missing": "a==1 was not found in the package registry ",
    "braces": "{",
    "a word": "a",
    "bounds": "a>1a>1",
    "extras": "a[a",
    "alternatives": "x depends on one of: a>1 ",
    "no wheel": "Wheels are available for `a` (",
}


@pytest.mark.slow
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_diagnosis_of_hostile_output_takes_little_time(text: str) -> None:
    lines = parse("".join(f"l{i}=={i}\n" for i in range(1_000))).packages
    output = HEAD + text * (MAX_OUTPUT_SIZE // len(text))
    started = time.thread_time()
    diagnose(output, lines, "3.10.8")
    assert time.thread_time() - started < 3


def test_displayed_output_is_short_and_contains_no_secret() -> None:
    text = displayed_output("  see https://user:hunter2@h.example/ " + "x" * 10_000)

    assert "hunter2" not in text
    assert len(text) == 4_000
