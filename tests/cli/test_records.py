"""The history does not tell a notebook from a shell: the same command leaves the same record."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.environment import EmulatedEnvironment
from support.magics_session import load_magics
from support.shell_command import ShellCommand

from kusto_magic.builds.record import BuildRecord

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


def _comparable(record: BuildRecord) -> BuildRecord:
    """Return a record without what differs between any two operations."""
    left = replace(record, id="", owner="", operation_url="", seconds=None)
    return replace(left, started_at=datetime(2024, 11, 27, tzinfo=UTC), last_response_at=None, ended_at=None)


@pytest.mark.parametrize("option", ["", " --pin", " --no-check", " --queue", " --yes"])
def test_build_of_a_shell_has_the_record_of_a_build_of_a_cell(
    kusto_image: ShellCommand, environment: EmulatedEnvironment, shell: InteractiveShell, tmp_path: Path, option: str
) -> None:
    file = tmp_path / "requirements.txt"
    file.write_text("humanize==4.9.0\n", encoding="utf-8")
    load_magics(shell, environment)
    shell.run_cell(f"%%kusto_image forecast --base Python3_11_7 --wait{option}\nhumanize==4.9.0")
    assert kusto_image("delete", "forecast").code == 0
    assert kusto_image("build", "forecast", "-f", str(file), "--base", "Python3_11_7", *option.split()).code == 0
    of_shell, _, of_cell = environment.builds().history.recent(10)
    assert _comparable(of_shell) == _comparable(of_cell)
