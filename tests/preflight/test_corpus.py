"""Forty requirements texts, asked of the real index as it was on a fixed day: every answer is right.

The texts, the answers and the versions are in data/requirements-corpus.json. The verdicts were compared with those of
`pip install --dry-run` for the same platform, where that can judge them (it takes the markers of the machine it runs
on).
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
    """PyPI, or the mirror that is set up in its place; what else is set up may hold other versions."""
    return replace(user_settings(os.environ), extra=(), find_links=())


def test_the_corpus_is_whole() -> None:
    verdicts = [case["verdict"] for case in CORPUS["cases"]]

    assert [verdicts.count("FITS"), verdicts.count("CLASH"), len(verdicts)] == [20, 20, 40]
    assert len({case["title"] for case in CORPUS["cases"]}) == 40


@pytest.mark.index
@pytest.mark.parametrize("case", CORPUS["cases"], ids=[case["title"] for case in CORPUS["cases"]])
def test_the_answer_is_right(case: dict[str, Any], index: IndexSettings) -> None:
    asked = run_preflight(
        "\n".join(case["text"]),
        python=case["python"],
        base=case["base"],
        index=index,
        exclude_newer=CORPUS["seen_on"],
        timeout=60,
    )
    answer = asyncio.run(asked)

    assert (answer.verdict.name, answer.reason) == (case["verdict"], case["reason"])
    assert {package.name: package.version for package in answer.packages} == case["packages"]
