"""All problems of a requirements text, and its correction, against a generated package index."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.clock import MovableClock
from support.package_index import package_index, write_wheel
from support.preflight import Check

from kusto_magic.preflight.conflicts import SEARCH_TIMEOUT, UNCHECKED
from kusto_magic.preflight.indexes import IndexSettings
from kusto_magic.preflight.report import PreflightReport, Verdict

pytestmark = pytest.mark.slow  # each test runs uv
NO_WHEEL = "there is no wheel for Python 3.10.8 on Windows x64"
IN_NO_VERSION = f"{NO_WHEEL} in any version"
NO_NAME = "the index has no package with this name"
NEEDS_UNIX = (
    f"# needs-unix==1.0  (left out: needs unix: {NO_WHEEL} (available for Linux); no version can be installed)\nplain"
)
UNIX, NO_NAMED = f"left out: {IN_NO_VERSION}", f"left out: {NO_NAME}"
CLASH = "line 2 plain==2.0 clashes with line 1 needs-one==1.0, which needs plain>=1,<2"
LINUX = "cp310-cp310-manylinux_2_17_x86_64"


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheels that the tests use."""
    folder = tmp_path_factory.mktemp("wheels")
    for version in ("1.0", "1.1", "1.9", "2.0", "3.0"):
        write_wheel(folder, "plain", version)
    write_wheel(folder, "old", "1.0", tag="cp36-cp36m-win_amd64")
    write_wheel(folder, "old", "1.4")
    write_wheel(folder, "old", "1.7")
    write_wheel(folder, "unix", "1.0", tag=LINUX)
    write_wheel(folder, "unix", "2.0", tag=LINUX)
    write_wheel(folder, "modern", "1.0")
    write_wheel(folder, "modern", "2.0", python=">=3.11")
    write_wheel(folder, "pyyaml", "6.0")
    write_wheel(folder, "python-dateutil", "2.8")
    write_wheel(folder, "opencv-python-headless", "4.8")
    write_wheel(folder, "scikit-learn", "1.1")
    write_wheel(folder, "needs-one", "1.0", needs=["plain>=1,<2"])
    write_wheel(folder, "needs-one", "2.0", needs=["plain>=2"])
    write_wheel(folder, "needs-unix", "1.0", needs=["unix"])
    write_wheel(folder, "low", "1.0", needs=["shared<2"])
    write_wheel(folder, "low", "2.0", needs=["shared>=2"])
    write_wheel(folder, "high", "1.0", needs=["shared>=2"])
    write_wheel(folder, "shared", "1.0")
    write_wheel(folder, "shared", "2.0")
    write_wheel(folder, "labeled", "1.0")
    write_wheel(folder, "labeled", "1.1")
    write_wheel(folder, "preview", "1.0rc1")
    return folder


def corrected(report: PreflightReport) -> str:
    assert report.verdict is Verdict.CONFLICT
    assert report.correction is not None, (report.reason, report.problems)
    return report.correction.text


@pytest.mark.parametrize(
    ("text", "problems", "expected"),
    [
        (
            "plain==1.5\nold==1.0\nmodern==2.0\n",
            [
                "line 1 plain==1.5: the index has no such version; use plain==1.1",
                f"line 2 old==1.0: {NO_WHEEL}; use old==1.4",
                "line 3 modern==2.0: it requires Python>=3.11, but the image has Python 3.10.8; use modern==1.0",
            ],
            "plain==1.1\nold==1.4\nmodern==1.0\n",
        ),
        (
            "yaml\ncv2\ndateutil",
            [
                f"line 1 yaml: {NO_NAME}; use pyyaml",
                f"line 2 cv2: {NO_NAME}; use opencv-python-headless",
                f"line 3 dateutil: {NO_NAME}; use python-dateutil",
            ],
            "pyyaml\nopencv-python-headless\npython-dateutil",
        ),
        (
            "yaml==6.0\ncv2==3.2\nunix==1.0\nour-own-package==1\nplain",
            [
                f"line 1 yaml==6.0: {NO_NAME}; use pyyaml==6.0",
                f"line 2 cv2==3.2: {NO_NAME}; use opencv-python-headless",
                f"line 3 unix==1.0: {IN_NO_VERSION}; leave it out",
                f"line 4 our-own-package==1: {NO_NAME}; check the name, or leave it out",
            ],
            f"pyyaml==6.0\nopencv-python-headless\n# unix==1.0  ({UNIX})\n# our-own-package==1  ({NO_NAMED})\nplain",
        ),
        (
            "sklearn\nscikit-learn==1.1\nunix",
            [
                f"line 1 sklearn: {NO_NAME}; scikit-learn is required by another line; leave it out",
                f"line 3 unix: {IN_NO_VERSION}; leave it out",
            ],
            f"# sklearn  ({NO_NAMED}; scikit-learn is required by another line)\nscikit-learn==1.1\n# unix  ({UNIX})",
        ),
        (
            "needs-one==1.0\nplain==2.0\nold==1.0",
            [
                f"line 1 needs-one==1.0: {CLASH}; use needs-one==2.0",
                f"line 3 old==1.0: {NO_WHEEL}; use old==1.4",
            ],
            "needs-one==2.0\nplain==2.0\nold==1.4",
        ),
        (
            "plain>=4\nold<1.2,>=1.0",
            [
                "line 1 plain>=4: the index has no such version; use plain==3.0",
                f"line 2 old<1.2,>=1.0: {NO_WHEEL}; use old==1.4",
            ],
            "plain==3.0\nold==1.4",
        ),
    ],
)
def test_every_failing_line_is_named_with_its_fix(check: Check, text: str, problems: list[str], expected: str) -> None:
    report = check(text)
    assert list(report.problems) == problems
    assert report.reason.startswith(f"{len(problems)} lines cannot be installed: ")
    assert corrected(report) == expected
    assert check(expected).verdict is Verdict.COMPATIBLE


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain==1.5", "plain==1.1"),
        ("plain==1.8", "plain==1.9"),
        ("plain==9", "plain==3.0"),
        ("old==1.0", "old==1.4"),
        ("labeled==1.0+cpu", "labeled==1.0"),
        ("unix==1.0\nplain==1.0", f"# unix==1.0  (left out: {IN_NO_VERSION})\nplain==1.0"),
        ("needs-unix==1.0\nplain", NEEDS_UNIX),
        ("low==1.0\nhigh==1.0", "low==2.0\nhigh==1.0"),
        ("needs-one==2.0\nplain==1.1", "needs-one==2.0\nplain==2.0"),
    ],
)
def test_single_problem_has_a_correction(check: Check, text: str, expected: str) -> None:
    report = check(text)
    assert report.problems == ()
    assert report.reason.startswith("line ")
    assert corrected(report) == expected
    assert check(expected).verdict is Verdict.COMPATIBLE


def test_correction_keeps_comments_markers_spelling_and_other_lines(check: Check) -> None:
    text = (
        "# mine\r\n  Plain == 1.5  # exact\r\n\r\nOLD==1.0 ; python_version > '3.8'\r\n"
        "modern \\\r\n ==2.0\r\n  unix \\\r\n ; python_version > '3' # fast\r\n"
    )
    correction = check(text).correction
    assert correction is not None
    assert correction.text == (
        '# mine\r\n  Plain==1.1  # exact\r\n\r\nOLD==1.4; python_version > "3.8"\r\nmodern==1.0\r\n'
        f'  # unix; python_version > "3"  # fast  ({UNIX})\r\n'
    )
    assert [(change.line, change.before, change.after) for change in correction.changes] == [
        (2, "  Plain == 1.5  # exact", "  Plain==1.1  # exact"),
        (4, "OLD==1.0 ; python_version > '3.8'", 'OLD==1.4; python_version > "3.8"'),
        (5, "modern \\\n ==2.0", "modern==1.0"),
        (
            7,
            "  unix \\\n ; python_version > '3' # fast",
            f'  # unix; python_version > "3"  # fast  (left out: {IN_NO_VERSION})',
        ),
    ]
    assert [change.is_left_out for change in correction.changes] == [False, False, False, True]


@pytest.mark.parametrize("text", ["unix", "unix==1.0\nnothing-like-this"])
def test_text_without_remaining_packages_has_no_correction(check: Check, text: str) -> None:
    assert check(text).correction is None


def test_available_lines_are_not_problems(check: Check) -> None:
    report = check("preview==1.0rc1\nplain>1,!=3.0\nold~=1.4\nlow!=7; python_version < '4'\nmodern==1.*\nunix")
    assert report.reason == f"line 6 unix: {NO_WHEEL} (available for Linux)"
    assert report.problems == ()
    assert report.correction is not None
    assert [change.line for change in report.correction.changes] == [6]


def test_conflict_without_versions_has_no_correction(check: Check, wheels: Path, environ: dict[str, str]) -> None:
    report = check("low<2\nhigh\nunix; sys_platform == 'linux'", base_requirements=("shared==2.0",))
    assert report.verdict is Verdict.CONFLICT
    assert report.correction is not None


def test_base_image_version_that_is_pinned_is_found_on_any_index(check: Check, wheels: Path, tmp_path: Path) -> None:
    write_wheel(tmp_path, "idna", "3.4", tag=LINUX)
    write_wheel(tmp_path / "..", "unused", "1")
    (tmp_path / "main").mkdir()
    write_wheel(tmp_path / "main", "idna", "3.4")
    with package_index(tmp_path) as extra, package_index(tmp_path / "main") as default:
        index = IndexSettings(default=default, extra=(extra,), strategy="unsafe-best-match")
        report = check("idna==3.4", base="Python3_10_8", index=index)
    assert report.verdict is Verdict.COMPATIBLE


class CountingClock(MovableClock):
    """A clock on which every look takes `step` seconds after the first `free` looks."""

    def __init__(self, free: int, step: float) -> None:
        super().__init__()
        self.free, self.step = free, step

    def monotonic(self) -> float:
        self.free -= 1
        if self.free < 0:
            self.move(self.step)
        return super().monotonic()


def test_search_that_takes_too_long_says_so(check: Check) -> None:
    report = check("plain==1.5\nold==1.0\nunix", clock=CountingClock(3, SEARCH_TIMEOUT + 1), timeout=1000)
    assert report.verdict is Verdict.CONFLICT
    assert report.reason.startswith("line ")
    assert (report.correction, report.problems) == (None, ())
    assert UNCHECKED in report.warnings


def test_search_without_corrections_reports_the_first_reason_only(check: Check) -> None:
    report = check("plain==1.5\nold==1.0", corrections=False)
    assert report.verdict is Verdict.CONFLICT
    assert (report.correction, report.problems, report.suggestions, report.warnings) == (None, (), (), ())
