"""The preflight, end to end against an index made on the fly: what it answers, and what it never does."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from support.packages import served, write_project, write_sdist, write_wheel

from kusto_magic.errors import InvalidInput
from kusto_magic.preflight.check import run_preflight
from kusto_magic.preflight.indexes import IndexSettings
from kusto_magic.preflight.report import PreflightReport, Status, Verdict
from kusto_magic.preflight.suggestions import BUILD_HINT
from kusto_magic.preflight.uv import uv_program

pytestmark = pytest.mark.slow  # each test runs uv
PYTHON = "3.10.8"
Check = Callable[..., PreflightReport]


@pytest.fixture(scope="module")
def environ(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Nothing of the user's environment but what a process needs on Windows."""
    kept = {name: os.environ[name] for name in ("SYSTEMROOT", "TEMP", "TMP") if name in os.environ}
    home = tmp_path_factory.mktemp("home")
    return kept | {"HOME": str(home), "USERPROFILE": str(home), "UV_CACHE_DIR": str(home / "cache")}


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the packages that the tests are about."""
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


@pytest.fixture
def check(wheels: Path, environ: dict[str, str]) -> Check:
    """Ask for a forecast against the folder of wheels."""

    def ask(text: str, **options: Any) -> PreflightReport:
        options.setdefault("python", PYTHON)
        options.setdefault("index", IndexSettings(find_links=(str(wheels),), no_index=True))
        return asyncio.run(run_preflight(text, environ=environ, **options))

    return ask


# ── fits ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_fits_comes_with_the_whole_plan(check: Check) -> None:
    answer = check("Needy[more] ==1.* # comment\n")

    assert (answer.verdict, answer.reason, answer.python) == (Verdict.COMPATIBLE, "", PYTHON)
    assert [(package.pin, package.direct) for package in answer.packages] == [
        ("extra-one==1.0", False),
        ("needy==1.0", True),
        ("plain==1.0", False),
    ]
    assert [package.name for package in answer.direct] == ["needy"]
    assert {package.status for package in answer.packages} == {Status.NEW}
    assert answer.pinned_text() == "extra-one==1.0\nneedy==1.0\nplain==1.0\n"
    assert 0 < answer.seconds < 20


def test_the_pinned_text_gives_the_same_plan(check: Check) -> None:
    first = check("needy\nother; sys_platform == 'linux'")
    second = check(first.pinned_text())

    assert [package.pin for package in second.packages] == [package.pin for package in first.packages]


def test_lines_for_another_system_or_python_are_left_out_and_named(check: Check) -> None:
    answer = check("plain==1.0; sys_platform == 'linux'\nplain==2.0; python_version < '3.11'")

    assert [package.pin for package in answer.packages] == ["plain==2.0"]
    assert answer.warnings == ("line 1 plain does not apply to Python 3.10.8 on Windows",)


def test_nothing_is_asked_when_no_line_applies(check: Check) -> None:
    answer = check("nothing-like-this; sys_platform == 'linux'")

    assert (answer.verdict, answer.packages, answer.pinned_text()) == (Verdict.COMPATIBLE, (), "")


def test_the_wheel_must_be_for_windows_and_for_the_version(check: Check) -> None:
    assert [package.pin for package in check("built").packages] == ["built==1.0"]
    assert [package.pin for package in check("built", python="3.11.7").packages] == ["built==2.0"]


# ── on a base image ────────────────────────────────────────────────────────────────────────────────────────────


def test_what_satisfies_is_kept_and_what_does_not_is_changed(check: Check) -> None:
    answer = check("idna\nurllib3==1.20\nplain", base="Python3_10_8")

    found = {package.name: (package.version, package.status, package.version_in_base) for package in answer.packages}
    assert found == {
        "idna": ("3.4", Status.PRESENT, "3.4"),
        "urllib3": ("1.20", Status.DOWNGRADED, "1.26.15"),
        "plain": ("2.0", Status.NEW, None),
    }
    assert check("idna>3.4", base="Python3_10_8").packages[0].status is Status.UPGRADED


def test_a_downgrade_below_what_another_package_of_the_base_needs_is_warned_of(check: Check) -> None:
    warnings = check("urllib3==1.20", base="Python3_10_8").warnings

    assert any("docker 6.1.3 of the base needs urllib3>=1.26.0" in warning for warning in warnings)
    assert all(warning.startswith("urllib3 downgraded from 1.26.15 to 1.20: ") for warning in warnings)
    assert check("idna", base="Python3_10_8").warnings == ()


def test_what_the_base_holds_needs_no_wheel(check: Check) -> None:
    answer = check("uses-tornado", base="Python3_10_8")

    assert [(package.pin, package.status) for package in answer.packages] == [
        ("tornado==6.1", Status.PRESENT),
        ("uses-tornado==1.0", Status.NEW),
    ]
    assert check("uses-tornado").verdict is Verdict.CONFLICT


def test_custom_images_lie_on_each_other(check: Check) -> None:
    texts = ("plain==1.0\nother", "idna>3.4\nmodern")
    answer = check("plain\nidna\nneedy<2", base="Python3_10_8", base_requirements=texts)

    assert [(package.pin, package.status) for package in answer.packages] == [
        ("idna==3.7", Status.PRESENT),
        ("needy==1.0", Status.NEW),
        ("plain==1.0", Status.PRESENT),
    ]
    assert answer.warnings == ()


def test_a_change_that_breaks_a_custom_image_below_is_warned_of(check: Check) -> None:
    answer = check("plain==2.0", base_requirements=("other",))

    assert answer.verdict is Verdict.COMPATIBLE
    assert answer.warnings == ("line 1 plain==2.0 clashes with the base's other==1.0, which needs plain<2",)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"base": "somebodys-image"}, "what the base image somebodys-image holds is not known"),
        ({"base": "Python3_6_5"}, "names modules, not packages"),
        ({"base_requirements": ("nothing-like-this",)}, "a custom image below this one could not be resolved"),
        ({"base_requirements": ("-r other.txt",)}, "a custom image below this one could not be resolved"),
    ],
)
def test_what_is_not_known_of_the_base_is_said(check: Check, options: dict[str, Any], words: str) -> None:
    answer = check("plain", **options)

    assert answer.verdict is Verdict.COMPATIBLE
    assert words in answer.warnings[0]


# ── does not fit ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "reason", "suggestion"),
    [
        (
            "# why\nneedy==1.0\n\nplain==2.0",
            "line 4 plain==2.0 clashes with line 2 needy==1.0, which needs plain>=1,<2",
            "line 4: plain==1.0 would fit",
        ),
        (
            "needy==2.0\nother",
            "line 2 other, which needs plain<2, clashes with line 1 needy==2.0, which needs plain>=2",
            "line 1: needy==1.0 would fit",
        ),
        ("plain>1,<1", "line 1 plain<1,>1: its comparisons exclude each other", None),
        ("plain\nnothing-like-this", "line 2 nothing-like-this: the index has no package of that name", None),
        (
            "plain==1.5",
            "line 1 plain==1.5: the index has no such version",
            "line 1: plain==1.0 would fit",
        ),
        (
            "linux-only",
            "line 1 linux-only: there is no wheel for Python 3.10.8 on Windows x64 (there are some for Linux)",
            None,
        ),
        (
            "built==2.0",
            "line 1 built==2.0: there is no wheel for Python 3.10.8 on Windows x64",
            "it fits Python 3.11.7 as it stands (--base Python3_11_7)",
        ),
        (
            "modern==2.0",
            "line 1 modern==2.0: that needs Python >=3.11, and here it is 3.10.8",
            "line 1: modern==1.0 would fit",
        ),
    ],
)
def test_what_does_not_fit_is_said_by_its_lines(check: Check, text: str, reason: str, suggestion: str | None) -> None:
    answer = check(text)

    assert (answer.verdict, answer.reason, answer.packages) == (Verdict.CONFLICT, reason, ())
    assert suggestion in answer.suggestions if suggestion else answer.suggestions == ()
    assert "No solution found" in answer.resolver_text


def test_the_right_spelling_is_suggested_from_what_is_known_here(check: Check) -> None:
    assert check("scikit-lern").suggestions == ("line 1: perhaps scikit-learn is meant",)
    assert check("cv2").suggestions == ("line 1: perhaps opencv-python-headless is meant",)


def test_where_only_sources_are_to_be_had_it_is_said_that_the_service_may_build_them(
    environ: dict[str, str], tmp_path: Path
) -> None:
    write_sdist(tmp_path, "plain", "1.0", tmp_path / "mark")
    index = IndexSettings(find_links=(str(tmp_path),), no_index=True)
    answer = asyncio.run(run_preflight("plain", python=PYTHON, index=index, environ=environ))

    assert answer.verdict is Verdict.CONFLICT
    assert answer.reason == "line 1 plain: there is no wheel for Python 3.10.8 on Windows x64"
    assert answer.suggestions == (BUILD_HINT,)


def test_a_text_that_breaks_a_rule_is_refused_before_anything_runs(environ: dict[str, str]) -> None:
    started = time.process_time()
    with pytest.raises(InvalidInput):
        asyncio.run(run_preflight("a\n" * 2_500_000, python=PYTHON, index=IndexSettings(), environ=environ))

    assert time.process_time() - started < 2


# ── could not tell ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def silent() -> Iterator[str]:
    """An address that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/simple"


@pytest.mark.parametrize("python", ["3.77.1", "2.7.18", "3.10", "three", "", "3.10.8;x", "٣.10.8"])
def test_an_unknown_python_is_not_guessed_at(check: Check, python: str) -> None:
    answer = check("plain", python=python)

    assert answer.verdict is Verdict.INCONCLUSIVE
    assert "is not known here" in answer.reason


def test_without_an_index_it_could_not_tell(check: Check) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        closed = f"http://127.0.0.1:{listening.getsockname()[1]}/simple"
    away = check("plain", index=IndexSettings(default=closed))
    none = check("plain", index=IndexSettings(no_index=True))

    assert (away.verdict, none.verdict) == (Verdict.INCONCLUSIVE, Verdict.INCONCLUSIVE)
    assert away.reason == "the index at 127.0.0.1 cannot be asked: nothing answers there"
    assert none.reason == "no index is set up, and no other place for packages is named"
    assert max(away.seconds, none.seconds) < 3


def test_an_index_that_does_not_answer_is_not_waited_for(check: Check, silent: str) -> None:
    answer = check("plain", index=IndexSettings(default=silent), timeout=0.3)

    assert answer.verdict is Verdict.INCONCLUSIVE
    assert answer.reason == "the index did not answer in the time that was given"
    assert answer.seconds < 3


@pytest.mark.parametrize(("status", "words"), [(500, "cannot be asked"), (403, "refuses access")])
def test_an_index_that_fails_says_nothing_about_the_text(check: Check, wheels: Path, status: int, words: str) -> None:
    with served(wheels, status=status) as address:
        answer = check("plain", index=IndexSettings(default=address))

    assert answer.verdict is Verdict.INCONCLUSIVE
    assert words in answer.reason


# ── the user's own index ───────────────────────────────────────────────────────────────────────────────────────


def test_an_index_with_credentials_is_asked_and_they_are_not_shown(check: Check, wheels: Path) -> None:
    with served(wheels, user="reader", password="hunter2hunter2") as address:
        known = address.replace("//", "//reader:hunter2hunter2@")
        wrong = address.replace("//", "//reader:wrong5wrong5@") + "/path5path5"
        good = check("needy", index=IndexSettings(default=known))
        bad = check("needy", index=IndexSettings(default=wrong))

    assert good.verdict is Verdict.COMPATIBLE
    assert good.download_bytes == sum(
        (wheels / f"{name}-2.0-py3-none-any.whl").stat().st_size for name in ("needy", "plain")
    )
    assert bad.verdict is Verdict.INCONCLUSIVE
    assert "refuses access" in bad.reason
    assert not any(secret in repr((good, bad)) for secret in ("hunter2", "wrong5", "path5"))
    assert "hunter2" not in repr(IndexSettings(default=known))


def test_the_text_can_name_the_index(check: Check, wheels: Path, environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "pip.conf").write_text(f"[global]\nfind-links = {wheels}\nno-index = true\n", encoding="utf-8")
    settings = environ | {"PIP_CONFIG_FILE": str(tmp_path / "pip.conf")}
    answer = asyncio.run(
        run_preflight("plain\n--extra-index-url https://127.0.0.1:9/simple", python=PYTHON, environ=settings)
    )

    assert answer.pinned_text() == "--extra-index-url https://127.0.0.1:9/simple\nplain==2.0\n"


# ── time and threads ───────────────────────────────────────────────────────────────────────────────────────────


def test_it_runs_on_any_loop_in_any_thread(wheels: Path, environ: dict[str, str]) -> None:
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
    assert [answer.verdict for answer in found] == [Verdict.COMPATIBLE]


@pytest.mark.asyncio
async def test_cancelling_ends_it_soon(silent: str, environ: dict[str, str]) -> None:
    task = asyncio.create_task(
        run_preflight("plain", python=PYTHON, index=IndexSettings(default=silent), environ=environ)
    )
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 30)  # the index never answers


# ── no code of a package runs ──────────────────────────────────────────────────────────────────────────────────


class Trap:
    """A project and a source distribution whose build leaves a mark, beside a wheel that needs the latter."""

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


def test_the_trap_is_one(trap: Trap, environ: dict[str, str]) -> None:
    """Without our care the mark is left: else the tests below would prove nothing."""
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
    """Texts of lines that a cell can hold: good ones, what is known to make uv build, and pieces in any order."""
    places = [str(trap.project), str(trap.sdist), trap.sdist.as_uri(), "."]
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
    option = st.builds("{} {}".format, st.sampled_from(options), st.sampled_from([*places, *names, ":all:", ":none:"]))
    address = st.builds("{} @ {}".format, st.sampled_from(names), st.sampled_from(places))
    mixed = st.lists(
        st.sampled_from([*places, *names, *options, "==1.0", " ", "\\\n", "#", ";", "[x]", "${HOME}", "="])
    )
    odd = st.one_of(option, st.sampled_from(places), address, mixed.map("".join))
    return st.one_of(
        st.lists(good, min_size=1, max_size=3), st.lists(st.one_of(good, odd), min_size=1, max_size=3)
    ).map("\n".join)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_line_makes_a_build_run(trap: Trap, environ: dict[str, str], data: st.DataObject) -> None:
    text = data.draw(texts_around(trap))
    try:
        answer = asyncio.run(run_preflight(text, python=PYTHON, index=trap.index, environ=environ))
    except InvalidInput:
        answer = None
    event("refused" if answer is None else answer.verdict)

    assert not trap.mark.exists()
    assert answer is None or "evil" not in [package.name for package in answer.packages]


@pytest.mark.parametrize("name", ["evil", "needs-evil", "points-to-evil"])
def test_a_package_that_would_have_to_be_built_does_not_fit(trap: Trap, environ: dict[str, str], name: str) -> None:
    answer = asyncio.run(run_preflight(name, python=PYTHON, index=trap.index, environ=environ))

    assert answer.verdict is not Verdict.COMPATIBLE
    assert not trap.mark.exists()
