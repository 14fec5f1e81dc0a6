"""The preflight end to end, against a generated package index: its reports, and that it runs no package code."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from support.package_index import package_index, write_project, write_sdist, write_wheel
from support.preflight import PYTHON, Check

from kusto_magic.errors import InvalidInputError
from kusto_magic.models.cluster_contents import BaseList, SandboxPolicy
from kusto_magic.preflight.check import run_preflight
from kusto_magic.preflight.indexes import IndexSettings
from kusto_magic.preflight.report import Fix, PreflightReport, Status, Verdict
from kusto_magic.preflight.suggestions import build_suggestion
from kusto_magic.preflight.uv import uv_program

pytestmark = pytest.mark.slow  # each test runs uv


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheels that the tests use."""
    folder = tmp_path_factory.mktemp("wheels")
    write_wheel(folder, "plain", "1.0")
    write_wheel(folder, "plain", "2.0")
    write_wheel(folder, "needy", "1.0", needs=["plain>=1,<2", "extra-one; extra == 'more'"])
    write_wheel(folder, "needy", "2.0", needs=["plain>=2"])
    write_wheel(folder, "other", "1.0", needs=["plain<2"])
    write_wheel(folder, "extra-one", "1.0")
    write_wheel(folder, "modern", "1.0", python=">=3.8")
    write_wheel(folder, "modern", "2.0", python=">=3.11")
    write_wheel(folder, "built", "1.0", tag="cp310-cp310-win_amd64")
    write_wheel(folder, "built", "2.0", tag="cp311-cp311-win_amd64")
    write_wheel(folder, "linux-only", "1.0", tag="cp310-cp310-manylinux_2_17_x86_64")
    write_wheel(folder, "idna", "3.4")
    write_wheel(folder, "idna", "3.7")
    write_wheel(folder, "urllib3", "1.26.15")
    write_wheel(folder, "urllib3", "1.20")
    write_wheel(folder, "tornado", "6.4")
    write_wheel(folder, "uses-tornado", "1.0", needs=["tornado<6.2"])
    return folder


# ── compatible ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_compatible_text_has_complete_package_list(check: Check) -> None:
    report = check("Needy[more] ==1.* # comment\n")

    assert (report.verdict, report.reason, report.python) == (Verdict.COMPATIBLE, "", PYTHON)
    assert [(package.pin, package.direct) for package in report.packages] == [
        ("extra-one==1.0", False),
        ("needy==1.0", True),
        ("plain==1.0", False),
    ]
    assert [package.name for package in report.direct] == ["needy"]
    assert {package.status for package in report.packages} == {Status.NEW}
    assert report.pinned_text() == "extra-one==1.0\nneedy==1.0\nplain==1.0\n"
    assert 0 < report.seconds < 20


def test_pinned_text_resolves_to_the_same_packages(check: Check) -> None:
    first = check("needy\nother; sys_platform == 'linux'")
    second = check(first.pinned_text())

    assert [package.pin for package in second.packages] == [package.pin for package in first.packages]


def test_lines_with_other_markers_are_skipped_with_a_warning(check: Check) -> None:
    report = check("plain==1.0; sys_platform == 'linux'\nplain==2.0; python_version < '3.11'")

    assert [package.pin for package in report.packages] == ["plain==2.0"]
    [warning] = report.warnings
    assert warning.startswith("line 1 plain ")
    assert "Python 3.10.8" in warning


def test_nothing_is_resolved_if_no_line_applies(check: Check) -> None:
    report = check("nothing-like-this; sys_platform == 'linux'")

    assert (report.verdict, report.packages, report.pinned_text()) == (Verdict.COMPATIBLE, (), "")


def test_wheel_must_match_windows_and_python_version(check: Check) -> None:
    assert [package.pin for package in check("built").packages] == ["built==1.0"]
    assert [package.pin for package in check("built", python="3.11.7").packages] == ["built==2.0"]


# ── on a base image ────────────────────────────────────────────────────────────────────────────────────────────────


def test_satisfying_base_packages_are_kept_and_others_changed(check: Check) -> None:
    report = check("idna\nurllib3==1.20\nplain", base="Python3_10_8")

    found = {package.name: (package.version, package.status, package.version_in_base) for package in report.packages}
    assert found == {
        "idna": ("3.4", Status.PRESENT, "3.4"),
        "urllib3": ("1.20", Status.DOWNGRADED, "1.26.15"),
        "plain": ("2.0", Status.NEW, None),
    }
    assert check("idna>3.4", base="Python3_10_8").packages[0].status is Status.UPGRADED


def test_list_that_was_read_replaces_the_documented_one(check: Check) -> None:
    read_at = datetime(2026, 11, 26, tzinfo=UTC)
    documented = check("plain", base="Python3_10_8")
    assert documented.base_list == "Python3_10_8 as documented by Microsoft in 2024-09"
    assert [(it.pin, it.status) for it in documented.packages] == [("plain==2.0", Status.NEW)]
    read = check("plain", base=BaseList("Python3_10_8", {"plain": "1.0"}, read_at))
    assert read.base_list == "Python3_10_8 as read from the cluster on 2026-11-26 00:00 UTC"
    assert [(it.pin, it.status) for it in read.packages] == [("plain==1.0", Status.PRESENT)]
    assert check("plain").base_list == ""


def test_package_that_only_a_read_base_image_has_needs_no_wheel(check: Check) -> None:
    read_at = datetime(2026, 11, 26, tzinfo=UTC)
    read = BaseList("Python3_10_8", {"linux-only": "1.0", "private": "3.0", "plain": "1.5", "needy": "1.0"}, read_at)
    report = check("linux-only\nprivate\nplain\nneedy", base=read)
    assert [(it.pin, it.status) for it in report.packages] == [
        ("linux-only==1.0", Status.PRESENT),
        ("needy==1.0", Status.PRESENT),
        ("plain==1.5", Status.PRESENT),
        ("private==3.0", Status.PRESENT),
    ]
    changed = check("plain==2.0", base=read)
    assert [(it.pin, it.status) for it in changed.packages] == [("plain==2.0", Status.UPGRADED)]
    assert check("linux-only>1", base=read).verdict is Verdict.CONFLICT


def test_every_changed_package_of_a_read_base_image_is_looked_up(check: Check, wheels: Path) -> None:
    names = [f"many{number:02}" for number in range(12)]
    for name in names:
        write_wheel(wheels, name, "2.0")
    for name in names[:-1]:
        write_wheel(wheels, name, "1.0")
    needs = [f"{name}>=2" for name in names[:-1]]
    write_wheel(wheels, "needs-many", "1.0", needs=[*needs, names[-1]])
    read = BaseList("Python3_10_8", dict.fromkeys(names, "1.0"), datetime(2026, 11, 26, tzinfo=UTC))
    found = {it.name: it.version for it in check("needs-many", base=read).packages}
    assert found == {"needs-many": "1.0", **dict.fromkeys(names[:-1], "2.0"), names[-1]: "1.0"}


def test_files_of_custom_base_images_count_for_the_memory(check: Check, tmp_path: Path) -> None:
    write_wheel(tmp_path, "small", "1.0")
    with zipfile.ZipFile(write_wheel(tmp_path, "large", "1.0"), "a") as wheel:
        wheel.writestr("large/data.bin", os.urandom(1_000_000))
    with package_index(tmp_path) as url:
        options: dict[str, Any] = {"index": IndexSettings(default=url), "policy": SandboxPolicy(1)}
        assert check("small", **options).warnings == ()
        [alone] = check("large", **options).warnings
        [below] = check("small", base_requirements=("large",), **options).warnings
    assert "3 MB of files" in alone
    assert "3 MB of files (large: 3 MB)" in below


def test_image_on_another_platform_gives_warning(check: Check) -> None:
    on_linux = BaseList("Python3_10_8", {"plain": "1.0"}, datetime(2026, 11, 26, tzinfo=UTC), platform="Linux-6.1")
    assert check("plain", base=on_linux).warnings == (
        "Python3_10_8 runs on Linux-6.1, and the check is for Windows x64",
    )


def test_modules_are_not_warned_of_once_the_packages_were_read(check: Check) -> None:
    assert any("contains modules" in line for line in check("plain", base="Python3_6_5", python="3.6.5").warnings)
    read = BaseList("Python3_6_5", {"other": "1.0"}, datetime(2026, 11, 26, tzinfo=UTC))
    assert check("plain", base=read, python="3.6.5").warnings == ()


def test_downgrade_below_need_of_base_package_gives_warning(check: Check) -> None:
    warnings = check("urllib3==1.20", base="Python3_10_8").warnings

    assert any("docker 6.1.3" in warning and warning.endswith("urllib3>=1.26.0") for warning in warnings)
    assert all("1.26.15 to 1.20: " in warning for warning in warnings)
    assert check("idna", base="Python3_10_8").warnings == ()


def test_base_package_needs_no_wheel(check: Check) -> None:
    report = check("uses-tornado", base="Python3_10_8")

    assert [(package.pin, package.status) for package in report.packages] == [
        ("tornado==6.1", Status.PRESENT),
        ("uses-tornado==1.0", Status.NEW),
    ]
    assert check("uses-tornado").verdict is Verdict.CONFLICT


def test_custom_images_are_resolved_on_top_of_each_other(check: Check) -> None:
    texts = ("plain==1.0\nother", "idna>3.4\nmodern")
    report = check("plain\nidna\nneedy<2", base="Python3_10_8", base_requirements=texts)

    assert [(package.pin, package.status) for package in report.packages] == [
        ("idna==3.7", Status.PRESENT),
        ("needy==1.0", Status.NEW),
        ("plain==1.0", Status.PRESENT),
    ]
    assert report.warnings == ()


def test_change_that_breaks_a_custom_base_gives_warning(check: Check) -> None:
    report = check("plain==2.0", base_requirements=("other",))

    assert report.verdict is Verdict.COMPATIBLE
    [warning] = report.warnings
    assert all(part in warning for part in ("line 1 plain==2.0", "other==1.0", "plain<2"))


@pytest.mark.parametrize(
    ("options", "reason_part"),
    [
        ({"base": "somebodys-image"}, "the packages of base image somebodys-image are not known"),
        ({"base": "Python3_6_5"}, "contains modules, not packages"),
        ({"base_requirements": ("nothing-like-this",)}, "a custom base image could not be resolved"),
        ({"base_requirements": ("-r other.txt",)}, "a custom base image could not be resolved"),
    ],
)
def test_unknown_base_packages_give_warning(check: Check, options: dict[str, Any], reason_part: str) -> None:
    report = check("plain", **options)

    assert report.verdict is Verdict.COMPATIBLE
    assert reason_part in report.warnings[0]


# ── conflict ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "reason", "suggestion"),
    [
        (
            "# why\nneedy==1.0\n\nplain==2.0",
            "line 4 plain==2.0 clashes with line 2 needy==1.0, which needs plain>=1,<2",
            "line 4: plain==1.0 would be compatible",
        ),
        (
            "needy==2.0\nother",
            "line 2 other, which needs plain<2, clashes with line 1 needy==2.0, which needs plain>=2",
            "line 1: needy==1.0 would be compatible",
        ),
        (
            "plain>1,<1",
            "line 1 plain<1,>1: its version specifiers exclude each other",
            "line 1: plain==1.0 would be compatible",
        ),
        ("plain\nnothing-like-this", "line 2 nothing-like-this: the index has no package with this name", None),
        (
            "plain==1.5",
            "line 1 plain==1.5: the index has no such version",
            "line 1: plain==1.0 would be compatible",
        ),
        (
            "linux-only",
            "line 1 linux-only: there is no wheel for Python 3.10.8 on Windows x64 (available for Linux)",
            None,
        ),
        (
            "built==2.0",
            "line 1 built==2.0: there is no wheel for Python 3.10.8 on Windows x64",
            "compatible with Python 3.11.7 without changes (base image Python3_11_7)",
        ),
        (
            "modern==2.0",
            "line 1 modern==2.0: it requires Python>=3.11, but the image has Python 3.10.8",
            "line 1: modern==1.0 would be compatible",
        ),
    ],
)
def test_conflict_is_explained_by_line(check: Check, text: str, reason: str, suggestion: str | None) -> None:
    report = check(text)

    assert (report.verdict, report.reason, report.packages) == (Verdict.CONFLICT, reason, ())
    assert suggestion in map(str, report.suggestions) if suggestion else report.suggestions == ()
    assert "No solution found" in report.resolver_text


def test_misspelled_name_is_corrected_from_local_names(check: Check) -> None:
    for name, meant in {"scikit-lern": "scikit-learn", "cv2": "opencv-python-headless"}.items():
        assert check(name).suggestions == (Fix(1, meant, f"line 1: did you mean {meant}?"),)


def test_source_only_package_suggests_no_check(environ: dict[str, str], tmp_path: Path) -> None:
    write_sdist(tmp_path, "plain", "1.0", tmp_path / "mark")
    index = IndexSettings(find_links=(str(tmp_path),), no_index=True)
    report = asyncio.run(run_preflight("plain", python=PYTHON, index=index, environ=environ))

    assert report.verdict is Verdict.CONFLICT
    assert report.reason.startswith("line 1 plain: ")
    assert report.suggestions == (build_suggestion(["plain"]),)


def test_invalid_text_is_refused_before_uv_runs(environ: dict[str, str]) -> None:
    started = time.process_time()
    with pytest.raises(InvalidInputError):
        asyncio.run(run_preflight("a\n" * 2_500_000, python=PYTHON, index=IndexSettings(), environ=environ))

    assert time.process_time() - started < 2


# ── inconclusive ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def silent() -> Iterator[str]:
    """The URL of a server that accepts connections and never responds."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/simple"


@pytest.mark.parametrize("python", ["3.77.1", "2.7.18", "3.10", "three", "", "3.10.8;x", "٣.10.8"])
def test_unknown_python_version_is_inconclusive(check: Check, python: str) -> None:
    report = check("plain", python=python)

    assert report.verdict is Verdict.INCONCLUSIVE
    assert report.reason.endswith(f"support Python {python}")


def test_missing_index_is_inconclusive(check: Check) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        closed = f"http://127.0.0.1:{server.getsockname()[1]}/simple"
    unreachable = check("plain", index=IndexSettings(default=closed))
    missing = check("plain", index=IndexSettings(no_index=True))

    assert (unreachable.verdict, missing.verdict) == (Verdict.INCONCLUSIVE, Verdict.INCONCLUSIVE)
    assert "127.0.0.1" in unreachable.reason
    assert "refused" in unreachable.reason
    assert "no package index" in missing.reason
    assert max(unreachable.seconds, missing.seconds) < 3


def test_silent_index_is_inconclusive_after_timeout(check: Check, silent: str) -> None:
    report = check("plain", index=IndexSettings(default=silent), timeout=0.3)

    assert report.verdict is Verdict.INCONCLUSIVE
    assert "in time" in report.reason
    assert report.seconds < 3


@pytest.mark.parametrize(("status", "reason_part"), [(500, "cannot be queried"), (403, "refuses access")])
def test_failing_index_is_inconclusive(check: Check, wheels: Path, status: int, reason_part: str) -> None:
    with package_index(wheels, status=status) as url:
        report = check("plain", index=IndexSettings(default=url))

    assert report.verdict is Verdict.INCONCLUSIVE
    assert reason_part in report.reason


# ── the user's own index ───────────────────────────────────────────────────────────────────────────────────────────


def test_index_credentials_are_used_and_not_shown(check: Check, wheels: Path) -> None:
    with package_index(wheels, user="reader", password="hunter2hunter2") as url:
        valid_url = url.replace("//", "//reader:hunter2hunter2@")
        invalid_url = url.replace("//", "//reader:wrong5wrong5@") + "/path5path5"
        good = check("needy", index=IndexSettings(default=valid_url))
        bad = check("needy", index=IndexSettings(default=invalid_url))

    assert good.verdict is Verdict.COMPATIBLE
    assert good.download_bytes == sum(
        (wheels / f"{name}-2.0-py3-none-any.whl").stat().st_size for name in ("needy", "plain")
    )
    assert bad.verdict is Verdict.INCONCLUSIVE
    assert "refuses access" in bad.reason
    assert not any(secret in repr((good, bad)) for secret in ("hunter2", "wrong5", "path5"))
    assert "hunter2" not in repr(IndexSettings(default=valid_url))


def test_allowed_index_option_in_the_text_is_used(
    check: Check, wheels: Path, environ: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "pip.conf").write_text(f"[global]\nfind-links = {wheels}\nno-index = true\n", encoding="utf-8")
    settings = environ | {"PIP_CONFIG_FILE": str(tmp_path / "pip.conf")}
    report = asyncio.run(
        run_preflight(
            "plain\n--extra-index-url https://127.0.0.1:9/simple",
            python=PYTHON,
            environ=settings,
            allow_index_options=True,
        )
    )

    assert report.pinned_text() == "--extra-index-url https://127.0.0.1:9/simple\nplain==2.0\n"


# ── time and threads ───────────────────────────────────────────────────────────────────────────────────────────────


def test_preflight_runs_on_any_loop_and_thread(wheels: Path, environ: dict[str, str]) -> None:
    index = IndexSettings(find_links=(str(wheels),), no_index=True)
    found: list[PreflightReport] = []

    def work() -> None:
        loop = asyncio.SelectorEventLoop()
        try:
            found.append(loop.run_until_complete(run_preflight("plain", python=PYTHON, index=index, environ=environ)))
        finally:
            loop.close()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert [report.verdict for report in found] == [Verdict.COMPATIBLE]


@pytest.mark.asyncio
async def test_cancel_stops_the_preflight_immediately(silent: str, environ: dict[str, str]) -> None:
    task = asyncio.create_task(
        run_preflight("plain", python=PYTHON, index=IndexSettings(default=silent), environ=environ)
    )
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 30)  # the index never responds


# ── no package code runs ───────────────────────────────────────────────────────────────────────────────────────────


class Trap:
    """A project and a source distribution whose build creates a file, and wheels that depend on them."""

    def __init__(self, folder: Path) -> None:
        self.mark = folder / "mark"
        self.project = write_project(folder / "projects", "evil", "1.0", self.mark)
        self.links = folder / "links"
        self.links.mkdir()
        self.sdist = write_sdist(self.links, "evil", "1.0", self.mark)
        write_wheel(self.links, "needs-evil", "1.0", needs=["evil"])
        write_wheel(self.links, "points-to-evil", "1.0", needs=[f"evil @ {self.sdist.as_uri()}"])
        write_wheel(self.links, "plain", "1.0")
        self.index = IndexSettings(find_links=(str(self.links),), no_index=True)


@pytest.fixture(scope="module")
def trap(tmp_path_factory: pytest.TempPathFactory) -> Trap:
    return Trap(tmp_path_factory.mktemp("trap"))


def test_trap_detects_a_build(trap: Trap, environ: dict[str, str]) -> None:
    """A plain uv creates the file; otherwise the tests below would prove nothing."""
    command = [
        uv_program(),
        "pip",
        "compile",
        "-",
        "--python",
        sys.executable,
        "--no-index",
        "--find-links",
        str(trap.links),
    ]
    subprocess.run(command, input=b"evil\n", env=environ, capture_output=True, check=False, cwd=trap.links)

    assert trap.mark.exists()
    trap.mark.unlink()


def texts_around(trap: Trap) -> st.SearchStrategy[str]:
    """Generate texts from valid lines, lines valid_url to make uv build, and fragments in any order."""
    locations = [str(trap.project), str(trap.sdist), trap.sdist.as_uri(), "."]
    names = ["evil", "needs-evil", "points-to-evil", "plain", "needs-evil[x]"]
    good = st.sampled_from([*names, "evil==1.0", "evil>=0 # -e .", "evil; os_name == 'nt'", "evil \\\n  >=1.0", "# x"])
    options = [
        "-e",
        "--editable",
        "-r",
        "-c",
        "--find-links",
        "-f",
        "--no-binary",
        "--only-binary",
        "--config-settings",
    ]
    option = st.builds(
        "{} {}".format, st.sampled_from(options), st.sampled_from([*locations, *names, ":all:", ":none:"])
    )
    url = st.builds("{} @ {}".format, st.sampled_from(names), st.sampled_from(locations))
    mixed = st.lists(
        st.sampled_from([*locations, *names, *options, "==1.0", " ", "\\\n", "#", ";", "[x]", "${HOME}", "="])
    )
    risky = st.one_of(option, st.sampled_from(locations), url, mixed.map("".join))
    return st.one_of(
        st.lists(good, min_size=1, max_size=3), st.lists(st.one_of(good, risky), min_size=1, max_size=3)
    ).map("\n".join)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_line_runs_a_build(trap: Trap, environ: dict[str, str], data: st.DataObject) -> None:
    text = data.draw(texts_around(trap))
    try:
        report = asyncio.run(run_preflight(text, python=PYTHON, index=trap.index, environ=environ))
    except InvalidInputError:
        report = None
    event("refused" if report is None else report.verdict)

    assert not trap.mark.exists()
    assert report is None or "evil" not in [package.name for package in report.packages]


@pytest.mark.parametrize("name", ["evil", "needs-evil", "points-to-evil"])
def test_source_only_package_is_a_conflict(trap: Trap, environ: dict[str, str], name: str) -> None:
    report = asyncio.run(run_preflight(name, python=PYTHON, index=trap.index, environ=environ))

    assert report.verdict is not Verdict.COMPATIBLE
    assert not trap.mark.exists()


# ── no packages ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("text", ["", "# nothing yet\n"])
def test_text_without_packages_is_compatible_and_runs_no_resolver(text: str) -> None:
    index = IndexSettings(default="http://127.0.0.1:9/none")
    run = run_preflight(text, python="3.11.7", base_requirements=("", "# nothing\n"), index=index)
    report = asyncio.run(run)
    assert (report.verdict, report.packages, report.warnings) == (Verdict.COMPATIBLE, (), ())
