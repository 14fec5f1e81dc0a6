"""The lock in `kusto-image`: exit codes, the JSON document, previews."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.environment import EmulatedEnvironment
from support.locking import LockingPreflight
from support.requirement_texts import TEXTS
from support.shell_command import Result, ShellCommand, check_document

from kusto_magic.cli.exit_codes import ExitCode
from kusto_magic.models.lock import Lock
from kusto_magic.models.pylock import read_pylock

TEXT = "requests\nattrs==23.2.0\n"
BASE = ("--base", "Python3_11_7")


@pytest.fixture
def index(environment: EmulatedEnvironment) -> LockingPreflight:
    found = LockingPreflight()
    environment.answer = found
    return found


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "requirements.txt"
    path.write_text(TEXT, encoding="utf-8")
    return str(path)


@pytest.fixture
def lock(tmp_path: Path, index: LockingPreflight) -> str:
    assert index.calls == []
    return str(tmp_path / "pylock.toml")


def lock_in(path: str) -> Lock:
    return read_pylock(Path(path).read_bytes())


def document(result: Result) -> dict[str, Any]:
    check_document(result.document)
    return result.document


def build(run: ShellCommand, *more: str) -> Result:
    return run("build", "forecast", *more)


def test_build_writes_the_lock_and_says_so_in_json(kusto_image: ShellCommand, file: str, lock: str) -> None:
    found = document(build(kusto_image, "-f", file, *BASE, "--lock", lock, "--json"))
    digest = lock_in(lock).digest
    assert found["lock"] == {"digest": digest, "packages": 2, "excludeNewer": "", "file": lock, "written": True}
    assert found["operations"][0]["lock"] == digest
    assert document(kusto_image("status", "--json"))["operations"][0]["lock"] == digest
    assert document(kusto_image("show", "forecast", "--json"))["images"][0]["lock"] == digest


def test_build_from_the_lock_alone(
    kusto_image: ShellCommand, environment: EmulatedEnvironment, file: str, lock: str
) -> None:
    build(kusto_image, "-f", file, *BASE, "--lock", lock)
    result = kusto_image("build", "other", "--lock", lock)
    assert result.code == 0
    assert "note: the requirements are those of pylock.toml" in result.err
    assert "Lock pylock.toml: kept, 2 packages" in result.out
    assert environment.changes == ["PUT forecast", "PUT other"]


@pytest.mark.parametrize("command", ["build", "check", "plan"])
def test_drift_ends_with_3_and_names_the_difference(
    kusto_image: ShellCommand,
    environment: EmulatedEnvironment,
    index: LockingPreflight,
    file: str,
    lock: str,
    command: str,
) -> None:
    build(kusto_image, "-f", file, *BASE, "--lock", lock)
    index.versions = {"requests": "2.0"}
    words = {"build": ["build", "x"], "check": ["check"], "plan": ["build", "x", "--plan"]}[command]
    result = kusto_image(*words, "-f", file, *BASE, "--lock", lock, "--json")
    found = document(result)
    assert (result.code, found["error"]["type"]) == (ExitCode.NOT_SUBMITTED, "LockDriftError")
    assert found["error"]["details"] == ["requests: 1.0 in the lock, 2.0 now"]
    assert "--update-lock" in found["error"]["next"]
    assert environment.changes == ["PUT forecast"]
    text = kusto_image(*words, "-f", file, *BASE, "--lock", lock)
    assert "requests: 1.0 in the lock, 2.0 now" in text.err


def test_drift_and_a_check_without_a_result_are_annotated_as_errors(
    kusto_image: ShellCommand, index: LockingPreflight, file: str, lock: str
) -> None:
    build(kusto_image, "-f", file, *BASE, "--lock", lock)
    index.versions = {"requests": "2.0"}
    drift = build(kusto_image, "-f", file, *BASE, "--lock", lock, "--format", "github")
    assert "::error title=kusto-image::LockDriftError: this is not what the lock has" in drift.out
    assert "requests: 1.0 in the lock, 2.0 now" in drift.out
    index.reason = "the package index did not respond in time"
    unknown = build(kusto_image, "-f", file, *BASE, "--lock", lock, "--format", "github")
    assert "the lock could not be verified: the package index did not respond in time" in unknown.out
    assert "::error " in unknown.out


def test_check_of_a_lock_alone(
    kusto_image: ShellCommand, environment: EmulatedEnvironment, file: str, lock: str
) -> None:
    first = kusto_image("check", "-f", file, *BASE, "--lock", lock)
    assert (first.code, "written, 2 packages" in first.out) == (0, True)
    second = document(kusto_image("check", "--lock", lock, "--json"))
    assert second["lock"]["written"] is False
    assert second["report"]["lock"] == {"digest": lock_in(lock).digest, "excludeNewer": ""}
    assert environment.changes == []


@pytest.mark.parametrize("preview", ["--plan", "--fail-on-change", "--dry-run"])
def test_preview_writes_no_lock(kusto_image: ShellCommand, file: str, lock: str, preview: str) -> None:
    result = build(kusto_image, "-f", file, *BASE, "--lock", lock, preview, "--json")
    assert document(result)["lock"]["written"] is False
    assert not Path(lock).exists()


def test_invalid_lock_ends_with_2(kusto_image: ShellCommand, file: str, lock: str) -> None:
    Path(lock).write_text("{]", encoding="utf-8")
    result = build(kusto_image, "-f", file, *BASE, "--lock", lock, "--json")
    assert result.code == ExitCode.INVALID
    [problem] = document(result)["error"]["problems"]
    assert (problem["field"], problem["message"]) == (
        "--lock",
        "pylock.toml is not a valid lock file (pylock.toml)",
    )


def test_missing_lock_needs_a_file(kusto_image: ShellCommand, lock: str) -> None:
    result = build(kusto_image, *BASE, "--lock", lock)
    assert result.code == ExitCode.INVALID
    assert "the text names no packages" in result.err


def test_check_of_an_image_takes_no_lock(kusto_image: ShellCommand, lock: str) -> None:
    result = kusto_image("check", "forecast", "--lock", lock)
    assert result.code == ExitCode.INVALID
    assert "use either the name of an image or --lock" in result.err


def test_date_of_a_check_of_an_image(kusto_image: ShellCommand, index: LockingPreflight, file: str) -> None:
    build(kusto_image, "-f", file, *BASE, "--exclude-newer", "2024-06-30")
    assert index.calls[-1]["exclude_newer"] == "2024-06-30"
    found = document(kusto_image("check", "forecast", "--exclude-newer", "2024-01-01", "--json"))
    assert found["report"]["lock"]["excludeNewer"] == "2024-01-01"


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_file_to_lock_to_build_keeps_every_byte(
    kusto_image: ShellCommand, environment: EmulatedEnvironment, lock: str, tmp_path: Path, text: str
) -> None:
    source, copy = tmp_path / "source.txt", tmp_path / "copy.txt"
    source.write_bytes(text.encode())
    assert build(kusto_image, "-f", str(source), *BASE, "--lock", lock).code == 0
    assert lock_in(lock).requirements.encode() == text.encode()
    assert kusto_image("build", "again", "--lock", lock).code == 0
    if "\r" in text.replace("\r\n", ""):
        return  # an export refuses it
    shown = document(kusto_image("export", "again", "--as", "requirements", "--json"))["text"]
    assert shown.encode() == text.encode()
    assert kusto_image("export", "again", "--as", "requirements", "--to", str(copy)).code == 0
    assert copy.read_bytes() == text.encode()
    assert build(kusto_image, "-f", str(copy), *BASE, "--lock", lock, "--force").code == 0


def test_byte_order_mark_of_a_file_is_no_drift(kusto_image: ShellCommand, lock: str, tmp_path: Path) -> None:
    source = tmp_path / "source.txt"
    source.write_bytes(b"\xef\xbb\xbf" + TEXT.encode())
    assert build(kusto_image, "-f", str(source), *BASE, "--lock", lock).code == 0
    source.write_bytes(TEXT.encode("utf-16"))
    assert build(kusto_image, "-f", str(source), *BASE, "--lock", lock).code == 0


def test_bill_of_materials_is_exported(kusto_image: ShellCommand, file: str, lock: str, tmp_path: Path) -> None:
    build(kusto_image, "-f", file, *BASE, "--lock", lock)
    bill = json.loads(kusto_image("export", "forecast", "--as", "cyclonedx").out)
    assert bill["specVersion"] == "1.6"
    exported = tmp_path / "pylock.exported.toml"
    kusto_image("export", "forecast", "--as", "pylock", "--to", str(exported))
    assert exported.read_bytes() == Path(lock).read_bytes()
