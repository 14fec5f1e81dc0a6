"""Tables of the commands: JSON, HTML and text of the same cells, and the fit to the width of a terminal."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta, timezone

import pytest
from rich.cells import cell_len
from rich.console import Console

from kusto_magic.display import data_table
from kusto_magic.display.data_table import MIME, DataTable
from kusto_magic.display.terminal_table import print_table
from kusto_magic.models.build_state import Outcome

STARTED = datetime(2026, 11, 26, 7, 40, 5, tzinfo=timezone(timedelta(hours=2)))
HEAD = ("Image", "State", "Active", "Started", "Packages", "Message")
LONG = "SandboxCustomImageBuildFailed: Could not find a version that satisfies the requirement urllib3==1.20"
ROWS = (
    (
        data_table.text("forecast"),
        data_table.state("Succeeded", Outcome.SUCCEEDED),
        data_table.text(""),
        data_table.time(STARTED),
        data_table.count(1200),
        data_table.text(""),
    ),
    (
        data_table.text("a-name-of-a-team-that-is-long"),
        data_table.state("Building", None),
        data_table.text(""),
        data_table.time(STARTED),
        data_table.count(None),
        data_table.text(LONG),
    ),
)
TABLE = DataTable("Images of cluster help", HEAD, ROWS, "No images yet.", ["A note."])


def drawn(table: DataTable, width: int) -> list[str]:
    file = io.StringIO()
    print_table(table, Console(file=file, width=width, highlight=False))
    return file.getvalue().splitlines()


def test_json_holds_kinds_outcomes_and_times_of_columns_that_have_a_text() -> None:
    document = TABLE.bundle()[MIME]
    assert (document["version"], document["caption"], document["notes"]) == (1, "Images of cluster help", ["A note."])
    assert document["head"] == ["Image", "State", "Started", "Packages", "Message"]
    first, second = document["rows"]
    assert first[1] == {"kind": "state", "text": "Succeeded", "outcome": "succeeded"}
    assert first[2] == {"kind": "time", "text": "2026-11-26 05:40 UTC", "at": "2026-11-26T07:40:05+02:00"}
    assert first[3] == {"kind": "count", "text": "1,200"}
    assert second[1]["outcome"] is None


def test_text_has_glyphs_and_aligns_numbers_to_the_right() -> None:
    lines = TABLE.bundle()["text/plain"].splitlines()
    assert lines[0] == "Images of cluster help"
    assert "forecast                       ✔ Succeeded  2026-11-26 05:40 UTC     1,200" in lines[2]
    assert "• Building" in lines[3]
    assert lines[-1] == "A note."


def test_html_aligns_cells_itself_and_keeps_times_on_one_line() -> None:
    html = TABLE.bundle()["text/html"]
    assert "<strong><bdi>Images of cluster help</bdi></strong>" in html
    assert '<td style="text-align:left"><bdi>forecast</bdi></td>' in html
    assert '<td style="text-align:left;white-space:nowrap"><bdi>✔ Succeeded</bdi></td>' in html
    assert '<td style="text-align:left;white-space:nowrap"><bdi>2026-11-26 05:40 UTC</bdi></td>' in html
    assert '<td style="text-align:right"><bdi>1,200</bdi></td>' in html
    assert "Active" not in html


def test_empty_table_says_what_to_do_next() -> None:
    empty = DataTable("Images of cluster help", HEAD, (), "No images yet.", ["A note."]).bundle()
    assert empty["text/plain"] == "No images yet.\nA note."
    assert (empty[MIME]["rows"], empty[MIME]["head"], empty[MIME]["empty"]) == ([], [], "No images yet.")


def test_properties_have_no_head_and_code_keeps_its_lines() -> None:
    rows = [(data_table.text("Requirements"), data_table.code("numpy==1\n\npandas<2"))]
    shown = DataTable("Image img", (), rows).bundle()
    assert shown["text/plain"].splitlines()[1:] == ["Requirements  numpy==1", "", "              pandas<2"]
    assert '<th style="text-align:left"><bdi>Requirements</bdi></th>' in shown["text/html"]
    assert "<code><bdi>pandas&lt;2</bdi></code>" in shown["text/html"]
    assert "<thead>" not in shown["text/html"]


@pytest.mark.parametrize(("kind", "shown"), [("added", "+ added"), ("removed", "− removed"), ("changed", "→ changed")])
def test_changes_are_marked_with_glyph_and_word(kind: str, shown: str) -> None:
    assert data_table.change(kind).shown == shown


@pytest.mark.parametrize("width", [200, 120, 100, 80, 60, 40])
def test_no_line_is_wider_than_the_terminal_and_no_text_is_lost(width: int) -> None:
    lines = drawn(TABLE, width)
    assert max(map(cell_len, lines)) < width
    shown = "".join("".join(lines).split())
    for text in ("forecast", "✔Succeeded", "•Building", "urllib3==1.20", "1,200", "Anote."):
        assert text in shown


def test_terminal_shows_local_times() -> None:
    assert f"{STARTED.astimezone():%Y-%m-%d %H:%M}" in "\n".join(drawn(TABLE, 200))
    assert data_table.time(STARTED.astimezone(UTC)).shown == data_table.time(STARTED).shown


def test_empty_table_in_a_terminal_is_its_message() -> None:
    assert drawn(DataTable("", HEAD, (), "No images yet."), 80) == ["No images yet."]
