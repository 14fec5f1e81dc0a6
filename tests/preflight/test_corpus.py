"""Forty requirements texts, checked with the real index as of a fixed date: every verdict is correct.

The texts, verdicts and versions are in data/requirements-corpus.json. The verdicts were compared with `pip install
--dry-run` for the same platform, except for texts with markers (pip evaluates these for the machine it runs on).
"""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kusto_magic.preflight.check import run_preflight
from kusto_magic.preflight.indexes import IndexSettings, user_settings

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
