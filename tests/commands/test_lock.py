"""`--lock` and `--exclude-newer` in cells: the file is written, kept, or refused before anything is sent."""

from __future__ import annotations

import asyncio
import json
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.environment import EmulatedEnvironment
from support.locking import LockingPreflight
from support.magics_session import RunCell, load_magics, rows
from support.requests import build_request
from support.requirement_texts import TEXTS
from support.shell import error_of

from kusto_magic.errors import InvalidInputError, KustoImageError, LockDriftError, RequirementsConflictError
from kusto_magic.models.image import ImageSpec
from kusto_magic.models.lock import Lock
from kusto_magic.models.pylock import pylock_text, read_pylock
from kusto_magic.preflight.report import PreflightReport, Verdict

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from kusto_magic.magics.magics import KustoImageMagics

BLANK = " \n"
"""The text of an empty cell, after the transformer of the extension."""

TEXT = "requests\nattrs==23.2.0\n"


@pytest.fixture
def index(environment: EmulatedEnvironment) -> LockingPreflight:
    """Let the check find packages of an imagined index."""
    found = LockingPreflight()
    environment.answer = found
    return found


@pytest.fixture
def magics(shell: InteractiveShell, environment: EmulatedEnvironment, index: LockingPreflight) -> KustoImageMagics:
    assert environment.answer is index, "before the builds are made"
    return load_magics(shell, environment)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "pylock.forecast.toml"


@pytest.fixture
def run(index: LockingPreflight, file: Path, say: RunCell) -> RunCell:
    """Return a function that builds the image `img` with options, `{file}` is the lock, and a text."""
    assert index.calls == []

    def build(line: str) -> str:
        options, _, text = line.partition("\n")
        return say(f"%%kusto_image img --wait --lock '{file}' {options}\n{text or BLANK}")

    return build


def sent(magics: KustoImageMagics, environment: EmulatedEnvironment, name: str = "img") -> str:
    """Return the requirements that the cluster has received."""
    return magics._session.builds.ask(environment.target, lambda client: client.get(name)).requirements


def lock_in(file: Path) -> Lock:
    return read_pylock(file.read_bytes())


def refused(shell: InteractiveShell, file: Path, line: str) -> KustoImageError:
    options, _, text = line.partition("\n")
    error = error_of(shell, f"%%kusto_image img --wait --lock '{file}' {options}\n{text or BLANK}")
    assert isinstance(error, KustoImageError), error
    return error


def differences(shell: InteractiveShell, file: Path, line: str) -> tuple[str, ...]:
    error = refused(shell, file, line)
    assert isinstance(error, LockDriftError), error
    return error.differences


# ── writing and keeping ────────────────────────────────────────────────────────────────────────────────────────────


def test_missing_lock_is_written_before_the_build(run: RunCell, file: Path, environment: EmulatedEnvironment) -> None:
    shown = run(f"--base Python3_11_7\n{TEXT}")
    lock = lock_in(file)
    assert (lock.requirements, lock.base_image, lock.versions) == (
        TEXT,
        "Python3_11_7",
        {"requests": "1.0", "attrs": "1.0"},
    )
    assert f"Lock pylock.forecast.toml: written, 2 packages, {lock.digest}" in shown
    assert "do not fix 1 of them" in shown
    assert f"lock: {lock.digest}" in shown, "the card has the digest"
    assert environment.changes == ["PUT img"]


def test_lock_is_kept_although_the_index_has_later_versions(
    run: RunCell, index: LockingPreflight, file: Path, environment: EmulatedEnvironment
) -> None:
    run(f"--base Python3_11_7\n{TEXT}")
    content = file.read_bytes()
    shown = run(f"--base Python3_11_7 --force\n{TEXT}")
    assert "Lock pylock.forecast.toml: kept, 2 packages" in shown
    assert index.calls[-1]["locked"] == lock_in(file), "the build asks for the locked versions too"
    assert file.read_bytes() == content
    assert environment.changes == ["PUT img", "PUT img"]


def test_up_to_date_image_still_has_its_lock_verified(
    run: RunCell, index: LockingPreflight, shell: InteractiveShell, file: Path
) -> None:
    run(f"--base Python3_11_7\n{TEXT}")
    assert "already up to date" in run(f"--base Python3_11_7\n{TEXT}")
    index.versions = {"requests": "9.0"}
    assert differences(shell, file, f"--base Python3_11_7\n{TEXT}") == ("requests: 1.0 in the lock, 9.0 now",)


@pytest.mark.parametrize("text", ["", "\n  \n", "  \n"])
def test_empty_cell_takes_text_and_base_of_the_lock(
    run: RunCell, file: Path, environment: EmulatedEnvironment, magics: KustoImageMagics, text: str
) -> None:
    run(f"--base Python3_11_7\n{TEXT}")
    shown = run(f"--force\n{text}")
    assert "the requirements are those of pylock.forecast.toml" in shown
    assert (sent(magics, environment), environment.changes) == (TEXT, ["PUT img", "PUT img"])


def test_lock_of_plain_python_gives_the_version(run: RunCell, file: Path, environment: EmulatedEnvironment) -> None:
    run(f"--python 3.10.8\n{TEXT}")
    assert (lock_in(file).base_image, lock_in(file).python) == ("", "3.10.8")
    run("--force\n")
    assert environment.changes == ["PUT img", "PUT img"]


def test_lock_has_the_custom_base_image(
    run: RunCell, say: RunCell, index: LockingPreflight, shell: InteractiveShell, file: Path
) -> None:
    say("%%kusto_image base --base Python3_11_7 --wait\nsix\n")
    run(f"--base base\n{TEXT}")
    lock = lock_in(file)
    assert (lock.base_image, lock.managed, len(lock.layers)) == ("base", "Python3_11_7", 1)
    say("%%kusto_image base --base Python3_11_7 --wait\nsix\nidna\n")
    assert differences(shell, file, f"--base base\n{TEXT}") == (
        "base: base has been built from other requirements since",
    )


def test_update_replaces_the_lock(run: RunCell, index: LockingPreflight, file: Path) -> None:
    run(f"--base Python3_11_7\n{TEXT}")
    index.versions = {"requests": "9.0"}
    shown = run("--update-lock\n")
    assert "written, 2 packages" in shown
    assert lock_in(file).versions["requests"] == "9.0"
    assert lock_in(file).requirements == TEXT, "an empty cell keeps the text"
    run("--update-lock --base Python3_10_8\nsix\n")
    assert (lock_in(file).requirements, lock_in(file).base_image) == ("six\n", "Python3_10_8")


def test_lock_is_written_atomically_and_readable(run: RunCell, file: Path) -> None:
    run(f"--base Python3_11_7\n{TEXT}")
    assert [path.name for path in file.parent.iterdir() if "pylock" in path.name] == [file.name]
    if sys.platform != "win32":
        assert stat.S_IMODE(file.stat().st_mode) == 0o644


def test_pin_locks_the_pinned_text(
    run: RunCell, index: LockingPreflight, file: Path, environment: EmulatedEnvironment, magics: KustoImageMagics
) -> None:
    run(f"--base Python3_11_7 --pin\n{TEXT}")
    assert lock_in(file).requirements == sent(magics, environment) == "attrs==1.0\nrequests==1.0\n"
    run(f"--base Python3_11_7 --pin --force\n{TEXT}")
    assert environment.changes == ["PUT img", "PUT img"]


def test_check_writes_and_verifies_the_lock(
    run: RunCell, say: RunCell, index: LockingPreflight, shell: InteractiveShell, file: Path
) -> None:
    cell = f"%%kusto_image check --base Python3_11_7 --lock '{file}'\n{TEXT}"
    assert "written" in say(cell)
    assert "kept" in say(cell)
    assert len(index.calls) == 2, "the check runs once"
    index.versions = {"attrs": "7"}
    assert isinstance(error_of(shell, cell), LockDriftError)


@pytest.mark.parametrize("preview", ["--dry-run", "--diff"])
def test_preview_writes_nothing(run: RunCell, file: Path, environment: EmulatedEnvironment, preview: str) -> None:
    run(f"--base Python3_11_7 {preview}\n{TEXT}")
    assert (file.exists(), environment.changes) == (False, [])


# ── drift ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (f"--base Python3_10_8\n{TEXT}", "base: Python3_11_7 in the lock, Python3_10_8 now"),
        ("--base Python3_11_7\nsix\n", "requirements: line 1 is 'requests' in the lock, 'six' now"),
        (
            "--base Python3_11_7\nrequests\nattrs==23.2.0\nsix\n",
            "requirements: line 3 is missing in the lock, 'six' now",
        ),
        (
            f"--base Python3_11_7 --exclude-newer 2024-06-30\n{TEXT}",
            "releases until: no limit in the lock, 2024-06-30 now",
        ),
    ],
)
def test_other_input_is_refused_before_anything_is_resolved(
    run: RunCell,
    index: LockingPreflight,
    shell: InteractiveShell,
    file: Path,
    environment: EmulatedEnvironment,
    line: str,
    expected: str,
) -> None:
    run(f"--base Python3_11_7\n{TEXT}")
    content, calls = file.read_bytes(), len(index.calls)
    assert differences(shell, file, line) == (expected,)
    assert (file.read_bytes(), len(index.calls), environment.changes) == (content, calls, ["PUT img"])


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"versions": {"requests": "2.0"}}, "requests: 1.0 in the lock, 2.0 now"),
        ({"more": ["idna"]}, "idna: not in the lock, 1.0 now"),
        (
            {"contents": {"requests": "x"}},
            "requests 1.0: the hash of requests-1.0-py3-none-any.whl is not that of the lock",
        ),
        ({"python": "3.11.8"}, "Python: 3.11.7 in the lock, 3.11.8 now"),
    ],
)
def test_other_result_is_refused_before_anything_is_sent(
    run: RunCell,
    index: LockingPreflight,
    shell: InteractiveShell,
    file: Path,
    environment: EmulatedEnvironment,
    change: dict[str, object],
    expected: str,
) -> None:
    run(f"--base Python3_11_7\n{TEXT}")
    for name, value in change.items():
        setattr(index, name, value)
    assert differences(shell, file, f"--base Python3_11_7 --force\n{TEXT}") == (expected,)
    assert environment.changes == ["PUT img"]


def test_drift_says_what_to_do(
    run: RunCell, shell: InteractiveShell, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(f"--base Python3_11_7\n{TEXT}")
    error = refused(shell, file, "--base Python3_11_7\nsix\n")
    assert error.lines() == [
        "LockDriftError: this is not what the lock has; nothing was sent",
        "  requirements: line 1 is 'requests' in the lock, 'six' now",
        "Next: Leave the cell empty and --base out to use those of the lock, or add --update-lock to replace the lock.",
    ]


def test_result_that_changes_after_the_command_has_checked_is_refused_too(
    run: RunCell, index: LockingPreflight, file: Path, environment: EmulatedEnvironment
) -> None:
    run(f"--base Python3_11_7\n{TEXT}")
    checked, answer = [], index

    async def changing(text: str, **options: object) -> object:
        report = await answer(text, **options)
        checked.append(text)
        answer.versions = {"requests": "5.0"}
        return report

    environment.answer = changing  # type: ignore[assignment]
    # A manager of its own: the preflight is an argument of it.
    builds = environment.builds()
    spec = ImageSpec(TEXT, "Python3_11_7", lock=lock_in(file))
    builds.check(environment.target, spec).result(10)
    build = builds.start(build_request(environment.target, "other", spec))
    error = build.exception(10)
    assert isinstance(error, LockDriftError)
    assert error.differences == ("requests: 1.0 in the lock, 5.0 now",)
    assert environment.changes == ["PUT img"]


def test_build_that_is_sent_again_is_held_against_the_digest(
    run: RunCell, index: LockingPreflight, magics: KustoImageMagics, file: Path, environment: EmulatedEnvironment
) -> None:
    run(f"--base Python3_11_7\n{TEXT}")
    builds = magics._session.builds
    spec = ImageSpec(TEXT, "Python3_11_7", lock_digest=lock_in(file).digest)
    assert builds.start(build_request(environment.target, "same", spec)).exception(10) is None
    index.versions = {"requests": "5.0"}
    error = builds.start(build_request(environment.target, "other", spec)).exception(10)
    assert isinstance(error, LockDriftError)
    assert lock_in(file).digest in error.differences[0]
    assert environment.changes == ["PUT img", "PUT same"]


def test_inconclusive_check_neither_verifies_nor_writes(
    run: RunCell, index: LockingPreflight, shell: InteractiveShell, file: Path, environment: EmulatedEnvironment
) -> None:
    index.reason = "the package index did not respond in time"
    error = refused(shell, file, f"--base Python3_11_7\n{TEXT}")
    assert isinstance(error, RequirementsConflictError)
    assert error.what == "the lock could not be written: the package index did not respond in time"
    assert (file.exists(), environment.changes) == (False, [])
    index.reason = ""
    run(f"--base Python3_11_7\n{TEXT}")
    index.reason = "the package index did not respond in time"
    error = refused(shell, file, f"--base Python3_11_7\n{TEXT}")
    assert error.what == "the lock could not be verified: the package index did not respond in time"


# ── invalid files and options ──────────────────────────────────────────────────────────────────────────────────────

UV = 'lock-version = "1.0"\ncreated-by = "uv"\n\n[[packages]]\nname = "six"\nversion = "1.16.0"\n'


def problem(shell: InteractiveShell, file: Path, line: str) -> str:
    error = refused(shell, file, line)
    assert isinstance(error, InvalidInputError), error
    [found] = error.problems
    assert found.field == "--lock"
    return found.message


@pytest.mark.parametrize("update", ["", "--update-lock"])
def test_lock_of_another_tool_is_refused_and_never_replaced(
    run: RunCell, shell: InteractiveShell, file: Path, update: str, environment: EmulatedEnvironment
) -> None:
    file.write_text(UV, encoding="utf-8")
    expected = "pylock.forecast.toml is a lock of another tool ('uv')"
    assert problem(shell, file, f"--base Python3_11_7 {update}\n{TEXT}") == expected
    assert (file.read_text(encoding="utf-8"), environment.changes) == (UV, [])


def test_damaged_lock_is_refused_and_can_be_replaced(run: RunCell, shell: InteractiveShell, file: Path) -> None:
    run(f"--base Python3_11_7\n{TEXT}")
    file.write_text("<<<<<<< HEAD\n" + file.read_text(encoding="utf-8"), encoding="utf-8")
    expected = "pylock.forecast.toml is not a valid lock file (pylock.toml)"
    assert problem(shell, file, f"--base Python3_11_7\n{TEXT}") == expected
    run(f"--base Python3_11_7 --update-lock\n{TEXT}")
    assert lock_in(file).requirements == TEXT


def test_edited_lock_is_refused(run: RunCell, shell: InteractiveShell, file: Path) -> None:
    run(f"--base Python3_11_7\n{TEXT}")
    file.write_text(file.read_text(encoding="utf-8").replace('"1.0"\nwheels', '"1.0.0"\nwheels'), encoding="utf-8")
    assert "was changed after it was written" in problem(shell, file, f"--base Python3_11_7\n{TEXT}")


@pytest.mark.parametrize("name", ["lock.toml", "requirements.txt", "pylock.a.b.toml"])
def test_file_name_must_be_that_of_a_lock(run: RunCell, shell: InteractiveShell, tmp_path: Path, name: str) -> None:
    expected = "a lock file is called pylock.toml or pylock.NAME.toml (PEP 751)"
    assert problem(shell, tmp_path / name, f"--base Python3_11_7\n{TEXT}") == expected


def test_folder_and_missing_folder_are_refused(run: RunCell, shell: InteractiveShell, tmp_path: Path) -> None:
    (tmp_path / "pylock.toml").mkdir()
    assert problem(shell, tmp_path / "pylock.toml", f"--base Python3_11_7\n{TEXT}") == "pylock.toml is not a file"
    missing = tmp_path / "nowhere" / "pylock.toml"
    assert problem(shell, missing, f"--base Python3_11_7\n{TEXT}").startswith("pylock.toml cannot be written: ")


def test_lock_needs_the_check(run: RunCell, shell: InteractiveShell, file: Path) -> None:
    expected = "the check finds what is locked; remove --no-check"
    assert problem(shell, file, f"--base Python3_11_7 --no-check\n{TEXT}") == expected


def test_date_needs_the_check(shell: InteractiveShell, magics: KustoImageMagics) -> None:
    line = "--base Python3_11_7 --no-check --exclude-newer 2024-06-30"
    error = error_of(shell, f"%%kusto_image img {line}\nsix\n")
    assert isinstance(error, InvalidInputError)
    assert error.problems[0].field == "--exclude-newer"


def test_update_needs_a_lock(run: RunCell, shell: InteractiveShell) -> None:
    error = error_of(shell, "%%kusto_image img --base Python3_11_7 --update-lock\nsix\n")
    assert isinstance(error, InvalidInputError)
    assert "--update-lock" in str(error)


def test_missing_lock_and_empty_cell_are_refused(run: RunCell, shell: InteractiveShell, file: Path) -> None:
    error = refused(shell, file, "--base Python3_11_7\n")
    assert isinstance(error, InvalidInputError)
    assert "the text names no packages" in str(error)
    assert not file.exists()


def test_index_options_of_a_lock_need_permission(run: RunCell, shell: InteractiveShell, file: Path) -> None:
    text = "--extra-index-url https://mirror.example/simple\nsix\n"
    file.write_text(pylock_text(Lock("3.11.7", "Windows x64", text, (), "Python3_11_7", "Python3_11_7")), "utf-8")
    error = refused(shell, file, "")
    assert isinstance(error, InvalidInputError)
    assert "index options must be allowed" in str(error)


def test_secret_in_a_lock_is_not_sent_nor_shown(
    run: RunCell, shell: InteractiveShell, file: Path, environment: EmulatedEnvironment
) -> None:
    text = "--extra-index-url https://user:hunter22@mirror.example/simple\nsix\n"
    file.write_text(pylock_text(Lock("3.11.7", "Windows x64", text, (), "Python3_11_7", "Python3_11_7")), "utf-8")
    for line in ("--allow-index-options\n", "--base Python3_11_7\nsix\n"):
        assert "hunter22" not in str(refused(shell, file, line))
    assert environment.changes == []


# ── exclude-newer ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_date_reaches_the_check_and_the_lock(run: RunCell, index: LockingPreflight, file: Path) -> None:
    shown = run(f"--base Python3_11_7 --exclude-newer 2024-06-30\n{TEXT}")
    assert {call["exclude_newer"] for call in index.calls} == {"2024-06-30"}
    assert lock_in(file).exclude_newer == "2024-06-30"
    assert "releases until 2024-06-30" in shown
    run(f"--base Python3_11_7 --force\n{TEXT}")
    assert index.calls[-1]["exclude_newer"] == "2024-06-30", "the lock's date holds without the option"


def test_date_works_without_a_lock(say: RunCell, index: LockingPreflight, magics: KustoImageMagics) -> None:
    say("%%kusto_image img --base Python3_11_7 --wait --exclude-newer 2024-06-30T12:00:00Z\nsix\n")
    assert index.calls[-1]["exclude_newer"] == "2024-06-30T12:00:00Z"
    say("%kusto_image check img --exclude-newer 2024-01-01")
    assert index.calls[-1]["exclude_newer"] == "2024-01-01"


def test_invalid_date_is_refused(shell: InteractiveShell, index: LockingPreflight, magics: KustoImageMagics) -> None:
    error = error_of(shell, "%%kusto_image img --base Python3_11_7 --exclude-newer yesterday\nsix\n")
    assert isinstance(error, InvalidInputError)
    assert "'yesterday' is not a date such as 2024-06-30, or an RFC 3339 time" in str(error)


def test_conflict_with_a_lock_is_shown_and_writes_nothing(
    run: RunCell, shell: InteractiveShell, environment: EmulatedEnvironment, file: Path
) -> None:
    async def conflict(_text: str, **_options: object) -> PreflightReport:
        return PreflightReport(Verdict.CONFLICT, "3.11.7", reason="line 1 requests clashes")

    environment.answer = conflict
    load_magics(shell, environment)
    shown = run(f"--base Python3_11_7\n{TEXT}")
    assert "conflict (Python 3.11.7 on Windows x64): line 1 requests clashes" in shown
    assert "nothing was sent" in shown
    assert (file.exists(), environment.changes) == (False, [])


# ── the digest elsewhere ───────────────────────────────────────────────────────────────────────────────────────────


def test_show_and_exports_have_the_digest(run: RunCell, say: RunCell, file: Path) -> None:
    run(f"--base Python3_11_7\n{TEXT}")
    digest = lock_in(file).digest
    assert {row[0]: row[-1] for row in rows(say("%kusto_image show img"))}["Lock"] == digest
    assert f"Lock: {digest}" in say("%kusto_image export img --as bicep")
    assert say("%kusto_image export img --as requirements").strip() == TEXT.strip(), "byte for byte"


def test_export_of_a_build_is_its_lock(run: RunCell, say: RunCell, index: LockingPreflight, file: Path) -> None:
    run(f"--base Python3_11_7\n{TEXT}")
    index.versions, calls = {"requests": "9.0"}, len(index.calls)
    assert read_pylock(say("%kusto_image export img --as pylock").encode()).digest == lock_in(file).digest
    bill = json.loads(say("%kusto_image export img --as cyclonedx"))
    assert bill["metadata"]["component"]["name"] == "img"
    assert len(index.calls) == calls, "nothing is resolved again"


def test_export_of_an_image_of_another_machine_is_checked_first(
    say: RunCell, index: LockingPreflight, environment: EmulatedEnvironment, tmp_path: Path
) -> None:
    properties = {"baseImageName": "Python3_11_7", "requirementsFileContent": "six\n"}
    asyncio.run(environment.emulator_client().build("other", **properties))
    shown = say(f"%kusto_image export other --as pylock --to '{tmp_path / 'pylock.toml'}'")
    assert "this machine has not built the image" in shown
    assert lock_in(tmp_path / "pylock.toml").versions == {"six": "1.0"}


# ── round trip ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_lock_to_cell_to_lock_keeps_text_and_digest(
    say: RunCell,
    index: LockingPreflight,
    magics: KustoImageMagics,
    environment: EmulatedEnvironment,
    tmp_path: Path,
    text: str,
) -> None:
    first, second, third = (tmp_path / f"pylock.{name}.toml" for name in ("first", "second", "third"))
    requirements = tmp_path / "requirements.txt"
    requirements.write_bytes(text.encode())
    say(f"%%kusto_image one --base Python3_11_7 --wait --lock '{first}' --file '{requirements}'\n{BLANK}")
    lock = lock_in(first)
    assert lock.requirements.encode() == text.encode()
    assert sent(magics, environment, "one").encode() == text.encode()

    say(f"%%kusto_image two --wait --lock '{first}'\n{BLANK}")  # the cell takes it from the lock
    assert sent(magics, environment, "two").encode() == text.encode()

    # The cell has the text, with the line endings of a notebook.
    cell = text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n")
    say(f"%%kusto_image three --base Python3_11_7 --wait --lock '{first}'\n{cell}\n")
    assert sent(magics, environment, "three").encode() == text.encode()

    second.write_bytes(first.read_bytes())
    say(f"%%kusto_image four --wait --lock '{second}' --update-lock\n{BLANK}")
    assert lock_in(second).digest == lock.digest
    say(f"%kusto_image export two --as pylock --to '{third}'")
    assert (lock_in(third).requirements, lock_in(third).digest) == (text, lock.digest)
    assert second.read_bytes() == first.read_bytes() == third.read_bytes()
