"""Forty requirements texts, checked with the real index as of a fixed date: every verdict is correct.

The texts, verdicts and versions are in data/requirements-corpus.json. The verdicts were compared with `pip install
--dry-run` for the same platform, except for texts with markers (pip evaluates these for the machine it runs on).
"""

from __future__ import annotations

import asyncio
import json
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.clock import MovableClock

from kusto_magic.preflight.check import run_preflight
from kusto_magic.preflight.indexes import IndexSettings, user_settings
from kusto_magic.preflight.report import PreflightReport, Verdict

CORPUS = json.loads((Path(__file__).parent / "data" / "requirements-corpus.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def index() -> IndexSettings:
    """PyPI or the mirror configured for it, without further indexes, which may have other versions."""
    return replace(user_settings(os.environ), extra=(), find_links=())


def test_corpus_is_complete() -> None:
    verdicts = [case["verdict"] for case in CORPUS["cases"]]

    assert [verdicts.count("COMPATIBLE"), verdicts.count("CONFLICT"), len(verdicts)] == [20, 20, 40]
    assert len({case["title"] for case in CORPUS["cases"]}) == 40


@pytest.mark.index
@pytest.mark.parametrize("case", CORPUS["cases"], ids=[case["title"] for case in CORPUS["cases"]])
def test_corpus_verdict_is_correct(case: dict[str, Any], index: IndexSettings) -> None:
    check = run_preflight(
        "\n".join(case["text"]),
        python=case["python"],
        base=case["base"],
        index=index,
        exclude_newer=CORPUS["seen_on"],
        timeout=60,
    )
    report = asyncio.run(check)

    assert (report.verdict.name, report.reason) == (case["verdict"], case["reason"])
    assert {package.name: package.version for package in report.packages} == case["packages"]


@pytest.mark.index
@pytest.mark.slow
def test_old_freeze_of_95_lines_is_corrected_in_one_answer(index: IndexSettings) -> None:
    """The clock does not move, so that the search ends by itself, however slow the machine is."""
    text = (Path(__file__).parent / "data" / "windows-freeze.txt").read_text(encoding="utf-8")

    def check(checked: str) -> PreflightReport:
        resolving = run_preflight(
            checked,
            python="3.11.7",
            base="Python3_11_7",
            index=index,
            timeout=1000,
            exclude_newer=CORPUS["seen_on"],
            clock=MovableClock(),
        )
        return asyncio.run(resolving)

    report = check(text)
    assert (len(text.splitlines()), report.verdict) == (95, Verdict.CONFLICT)
    assert report.correction is not None
    assert [change.line for change in report.correction.changes] == [_line_of(problem) for problem in report.problems]
    assert check(report.correction.text).verdict is Verdict.COMPATIBLE


def _line_of(problem: str) -> int:
    found = re.match(r"line (\d+) ", problem)
    assert found, problem
    return int(found[1])
