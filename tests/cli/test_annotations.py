"""Findings about a requirements file, as annotations of GitHub Actions and as SARIF."""

from __future__ import annotations

import re

import pytest

from kusto_magic.cli.annotations import Finding, findings, github, sarif
from kusto_magic.cli.output import inert
from kusto_magic.errors import InvalidInputError, Problem, SignInError
from kusto_magic.preflight.report import Fix, PreflightReport, Verdict
from kusto_magic.requirements.correction import LineChange, correct_lines
from kusto_magic.requirements.line_origins import LineOrigin

TEXT = "numpy==9\npandas==2.2.2\n"
CHANGE = LineChange(1, "numpy==9", "numpy==1.26.4", "there is no numpy 9")
CONFLICT = PreflightReport(
    Verdict.CONFLICT, "3.11.7", reason="no version satisfies both", correction=correct_lines(TEXT, [CHANGE])
)


def test_each_invalid_line_is_annotated() -> None:
    error = InvalidInputError([Problem("requirements", "not a package line", 3, fix="six"), Problem("base", "missing")])
    assert github(findings("sub dir\\r,1.txt", error, None)).splitlines() == [
        "::error file=sub dir\\r%2C1.txt,line=3,title=kusto-image::line 3: not a package line; use six",
        "::error title=kusto-image::base: missing",
    ]


def test_each_line_of_a_correction_is_annotated() -> None:
    [found] = findings("r.txt", None, CONFLICT)
    assert found == Finding("conflict", "error", "numpy==9: there is no numpy 9; use numpy==1.26.4", "r.txt", 1)


def test_conflict_in_an_included_file_is_annotated_there() -> None:
    included = CONFLICT.with_origins((LineOrigin(7, "base.txt"), LineOrigin(2)))
    [found] = findings("folder/r.txt", None, included)
    assert (found.file.replace("\\", "/"), found.line) == ("folder/base.txt", 7)


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        (
            PreflightReport(Verdict.CONFLICT, "3", reason="no", suggestions=(Fix(2, "a", "use a"),)),
            ("error", 2, "no; use a"),
        ),
        (PreflightReport(Verdict.CONFLICT, "3", reason="no", suggestions=("try b",)), ("error", 1, "no\ntry b")),
        (
            PreflightReport(Verdict.INCONCLUSIVE, "3", reason="no index"),
            ("warning", None, "the check is inconclusive: no index"),
        ),
        (PreflightReport(Verdict.COMPATIBLE, "3", warnings=("numpy 2",)), ("warning", None, "numpy 2")),
    ],
)
def test_report_without_a_correction(report: PreflightReport, expected: tuple[str, int | None, str]) -> None:
    [found] = findings("r.txt", None, report)
    assert (found.level, found.line, found.message) == expected


def test_error_without_a_line_is_one_annotation() -> None:
    shown = github(findings("r.txt", SignInError("no token\n::set-env name=a::b"), None))
    assert shown.count("\n") == 1
    assert "%0A::set-env" in shown


@pytest.mark.parametrize("line", ["::error::x", "  ::add-mask::x", "##vso[task.setvariable]x", "##[error]x"])
def test_text_of_the_service_is_no_command_of_a_pipeline(line: str) -> None:
    shown = inert(f"before\n{line}\nafter")
    assert not re.search(r"^\s*(::|##)", shown, re.MULTILINE)
    assert shown.replace("| ", "") == f"before\n{line}\nafter"


def test_sarif_names_rule_place_and_level_of_each_finding() -> None:
    found = [*findings("r.txt", None, CONFLICT), Finding("check", "notice", "a remark")]
    document = sarif(found)
    [run] = document["runs"]
    assert document["version"] == "2.1.0"
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["conflict", "check"]
    first, second = run["results"]
    assert (first["ruleId"], first["ruleIndex"], first["level"]) == ("conflict", 0, "error")
    place = first["locations"][0]["physicalLocation"]
    assert place == {"artifactLocation": {"uri": "r.txt"}, "region": {"startLine": 1}}
    assert (second["ruleIndex"], second["level"], "locations" in second) == (1, "note", False)


def test_sarif_without_findings_has_no_results() -> None:
    assert sarif([])["runs"][0]["results"] == []
