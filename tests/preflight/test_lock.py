"""The lock that a check makes, against a generated package index: what it has, and how one is kept."""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from support.package_index import package_index, write_wheel
from support.preflight import PYTHON, Check

from kusto_magic.errors import LockDriftError, RequirementsConflictError
from kusto_magic.models.lock import Lock
from kusto_magic.models.pylock import pylock_text, read_pylock
from kusto_magic.preflight.indexes import IndexSettings
from kusto_magic.preflight.report import PreflightReport, Verdict

pytestmark = pytest.mark.slow  # each test runs uv


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    folder = tmp_path / "wheels"
    folder.mkdir()
    write_wheel(folder, "plain", "1.0")
    write_wheel(folder, "plain", "2.0")
    write_wheel(folder, "needy", "1.0", needs=["plain"])
    write_wheel(folder, "idna", "3.4")
    write_wheel(folder, "uses-flashtext", "1.0", needs=["flashtext"])
    return folder


def lock_of(report: PreflightReport) -> Lock:
    assert report.lock is not None, report
    return report.lock


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_lock_has_text_base_and_wheels(check: Check, wheels: Path) -> None:
    lock = lock_of(check("# comment\r\nneedy", base="Python3_10_8"))
    assert (lock.requirements, lock.python, lock.platform) == ("# comment\r\nneedy", PYTHON, "Windows x64")
    assert (lock.base_image, lock.managed, lock.layers, lock.exclude_newer) == ("Python3_10_8", "Python3_10_8", (), "")
    assert [(it.name, it.version, it.in_base) for it in lock.packages] == [
        ("needy", "1.0", False),
        ("plain", "2.0", False),
    ]
    assert lock.packages[1].file == "plain-2.0-py3-none-any.whl"
    assert lock.packages[1].sha256 == sha256(wheels / "plain-2.0-py3-none-any.whl")


def test_two_checks_have_the_same_digest(check: Check) -> None:
    assert lock_of(check("needy")).digest == lock_of(check("needy")).digest
    assert lock_of(check("needy")).digest != lock_of(check("needy\n")).digest


def test_lock_has_custom_base_images(check: Check) -> None:
    lock = lock_of(check("needy", base="Python3_10_8", base_requirements=("plain==1.0\n",), base_image="mine"))
    assert (lock.base_image, lock.managed) == ("mine", "Python3_10_8")
    assert lock.layers == (hashlib.sha256(b"plain==1.0\n").hexdigest(),)
    assert {it.name: it.in_base for it in lock.packages} == {"needy": False, "plain": True}


def test_package_that_only_the_base_image_has_is_without_a_wheel(check: Check) -> None:
    lock = lock_of(check("uses-flashtext", base="Python3_10_8"))
    [found] = [it for it in lock.packages if it.name == "flashtext"]
    assert (found.in_base, found.file, found.sha256) == (True, "", "")
    names = [it["name"] for it in tomllib.loads(pylock_text(lock))["packages"]]
    assert names == ["uses-flashtext"]


def test_lock_of_a_text_without_applicable_lines_is_empty(check: Check) -> None:
    lock = lock_of(check("plain; sys_platform == 'linux'"))
    assert lock.packages == ()
    assert read_pylock(pylock_text(lock).encode()) == lock


def test_conflict_and_inconclusive_check_have_no_lock(check: Check) -> None:
    assert check("plain==3").lock is None
    assert check("plain", python="2.7.18").lock is None


def test_lock_has_nothing_of_a_private_index(check: Check, wheels: Path) -> None:
    with package_index(wheels, user="me", password="hunter2") as url:
        private = url.replace("http://", "http://me:hunter2@")
        lock = lock_of(check("plain", index=IndexSettings(default=private)))
    text = pylock_text(lock)
    for secret in ("hunter2", "me:", "127.0.0.1", "http", str(wheels)):
        assert secret not in text.replace("file:///", "") + repr(lock)
    [listed] = tomllib.loads(text)["packages"]
    assert listed["wheels"][0]["path"] == "plain-2.0-py3-none-any.whl"


# ── keeping a lock ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_locked_versions_are_found_again_although_there_are_later_ones(check: Check, wheels: Path) -> None:
    lock = lock_of(check("needy"))
    write_wheel(wheels, "plain", "3.0")
    assert lock_of(check("needy")).versions["plain"] == "3.0"
    report = check("needy", locked=lock)
    assert lock_of(report).digest == lock.digest
    report.raise_for_drift(lock)


def test_lock_is_preferred_to_the_base_image(check: Check, wheels: Path) -> None:
    lock = lock_of(check("idna", base="Python3_10_8"))
    write_wheel(wheels, "idna", "3.9")
    older = replace(lock, packages=(replace(lock.packages[0], version="3.4"),))
    assert lock_of(check("idna", base="Python3_10_8", locked=older)).versions == {"idna": "3.4"}


def test_locked_version_is_found_on_the_second_of_several_indexes(check: Check, wheels: Path, tmp_path: Path) -> None:
    first = tmp_path / "first"
    first.mkdir()
    write_wheel(first, "plain", "2.0", tag="cp39-cp39-win_amd64")  # not for this Python
    with package_index(wheels) as url, package_index(first) as other:
        index = IndexSettings(default=url, extra=(other,), strategy="unsafe-best-match")
        lock = lock_of(check("needy", index=index))
        assert lock.versions["plain"] == "2.0"
        assert lock_of(check("needy", index=index, locked=lock)).digest == lock.digest


def test_removed_version_is_drift(check: Check, wheels: Path) -> None:
    lock = lock_of(check("needy"))
    (wheels / "plain-2.0-py3-none-any.whl").unlink()
    with pytest.raises(LockDriftError) as refused:
        check("needy", locked=lock).raise_for_drift(lock)
    assert refused.value.differences == ("plain: 2.0 in the lock, 1.0 now",)


def test_other_content_of_a_wheel_is_drift(check: Check, wheels: Path) -> None:
    lock = lock_of(check("plain"))
    write_wheel(wheels, "plain", "2.0", python=">=3.8")
    with pytest.raises(LockDriftError) as refused:
        check("plain", locked=lock).raise_for_drift(lock)
    assert refused.value.differences == ("plain 2.0: the hash of plain-2.0-py3-none-any.whl is not that of the lock",)


def test_other_dependencies_are_drift(check: Check, wheels: Path) -> None:
    lock = lock_of(check("needy"))
    (wheels / "needy-1.0-py3-none-any.whl").unlink()
    write_wheel(wheels, "needy", "1.0", needs=["idna"])
    with pytest.raises(LockDriftError) as refused:
        check("needy", locked=lock).raise_for_drift(lock)
    assert {it.partition(":")[0] for it in refused.value.differences} == {"idna", "needy 1.0", "plain"}


def test_lock_that_cannot_be_verified_is_refused(check: Check) -> None:
    lock = lock_of(check("plain"))
    with pytest.raises(RequirementsConflictError, match="the lock could not be verified: the check does not support"):
        check("plain", python="2.7.18").raise_for_drift(lock)


# ── exclude-newer ──────────────────────────────────────────────────────────────────────────────────────────────────

UPLOADED = {
    "plain-1.0-py3-none-any.whl": "2024-01-01T12:00:00.000000Z",
    "plain-2.0-py3-none-any.whl": "2024-06-30T23:30:00.000000Z",
}


@pytest.mark.parametrize(
    ("cutoff", "version"),
    [
        ("", "2.0"),
        ("2024-06-30", "2.0"),
        ("2024-06-29", "1.0"),
        ("2024-06-30T23:00:00Z", "1.0"),
        ("2024-06-30T23:45:00Z", "2.0"),
        ("2024-07-01T00:45:00+01:00", "2.0"),
    ],
)
def test_later_releases_are_ignored(check: Check, wheels: Path, cutoff: str, version: str) -> None:
    with package_index(wheels, uploaded=UPLOADED) as url:
        lock = lock_of(check("plain", index=IndexSettings(default=url), exclude_newer=cutoff))
    assert lock.versions == {"plain": version}
    assert lock.exclude_newer == cutoff


def test_release_after_the_date_is_a_conflict(check: Check, wheels: Path) -> None:
    with package_index(wheels, uploaded=UPLOADED) as url:
        report = check("plain==2.0", index=IndexSettings(default=url), exclude_newer="2024-01-31")
    assert report.verdict is Verdict.CONFLICT
    assert "releases after 2024-01-31 were ignored" in report.warnings


def test_index_without_dates_is_inconclusive(check: Check, wheels: Path) -> None:
    with package_index(wheels) as url:
        report = check("plain", index=IndexSettings(default=url), exclude_newer="2024-06-30")
    assert (report.verdict, report.lock) == (Verdict.INCONCLUSIVE, None)
    assert report.reason == "an index does not state when it received its files, so later ones cannot be ignored"


def test_invalid_date_raises(check: Check) -> None:
    with pytest.raises(ValueError, match="is not a date"):
        check("plain", exclude_newer="yesterday")
