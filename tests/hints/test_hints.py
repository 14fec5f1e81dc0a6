"""Hints: each front end has one sentence for each kind. The files in this folder are these sentences.

`UPDATE=1` in the environment writes the files.
"""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.hostile import CONTROLS

from kusto_magic.display.command_hints import MAGIC_SYNTAX, MAGICS, SHELL
from kusto_magic.errors import InvalidInputError, KustoImageError, Problem
from kusto_magic.hints import Hint, HintKind, HintTable, hint_json
from kusto_magic.panel.hints import PANEL
from kusto_magic.program_hints import PROGRAM

FOLDER = Path(__file__).parent
OPENAPI = FOLDER.parent.parent / "kusto_magic" / "server" / "openapi.json"
TABLES = {"program": PROGRAM, "magics": MAGICS, "shell": SHELL, "panel": PANEL}
VALUES = ("one", "two")
NEXT = Hint(HintKind.RETRY)


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_table_has_a_sentence_for_each_kind(table: HintTable) -> None:
    assert set(table.sentences) == set(HintKind)
    texts = [table.text(Hint(kind, "my image", VALUES, NEXT)) for kind in HintKind]
    assert [text for text in texts if not text.endswith(".") or "  " in text or "{" in text] == []


@pytest.mark.parametrize("name", TABLES)
def test_sentences_are_those_of_the_file(name: str) -> None:
    path = FOLDER / f"{name}.txt"
    lines = [f"{kind.value}: {TABLES[name].text(Hint(kind, 'my image', VALUES, _next(kind)))}" for kind in HintKind]
    text = "\n".join(lines) + "\n"
    if os.environ.get("UPDATE"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def _next(kind: HintKind) -> Hint | None:
    return NEXT if kind is HintKind.CHECK_ARRIVAL else None


def test_program_and_panel_do_not_name_what_only_magics_have() -> None:
    words = ("%kusto_image", "--queue", "--yes", "--no-check", "--send", "--pin", "run the cell", "a cell")
    assert _containing(PROGRAM, words) == set()
    # These need a cell: the panel has no such option or action, or no emulator.
    expected = {
        HintKind.READ_BASE,
        HintKind.ALLOW_INDEX_OPTIONS,
        HintKind.FIX_CONFLICT,
        HintKind.ACCEPT_CORRECTION,
        HintKind.START_EMULATOR,
    }
    assert _containing(PANEL, words) == expected


def test_shell_does_not_name_what_only_a_notebook_has() -> None:
    assert _containing(SHELL, ("%kusto_image", "cell", "kernel", "notebook", "%config")) == set()


def _containing(table: HintTable, forbidden: tuple[str, ...]) -> set[HintKind]:
    return {kind for kind, text in table.sentences.items() if any(word in text for word in forbidden)}


def test_hint_that_follows_is_shown_after_the_first_or_in_its_place() -> None:
    role = Hint(HintKind.ASK_FOR_ROLE, values=("a/read",))
    ask = "Ask an owner of the cluster for a role with a/read."
    assert PROGRAM.text(Hint(HintKind.RETRY).after(role)) == f"{ask} Try again."
    arrival = Hint(HintKind.CHECK_ARRIVAL, "img", then=role)
    assert PROGRAM.text(arrival).endswith(f"Otherwise: {ask}")
    assert Hint(HintKind.RETRY).after(None) == Hint(HintKind.RETRY)
    assert Hint(HintKind.QUOTE_ID).after(Hint(HintKind.SEE_MESSAGE, then=NEXT)) == Hint(
        HintKind.SEE_MESSAGE, then=Hint(HintKind.RETRY, then=Hint(HintKind.QUOTE_ID))
    )


def test_values_are_quoted_if_there_are_any() -> None:
    assert "the lock; " in PROGRAM.text(Hint(HintKind.REMOVE_LOCK))
    assert "the lock 'a', 'b'; " in PROGRAM.text(Hint(HintKind.REMOVE_LOCK, values=("a", "b")))


@pytest.mark.parametrize(("table", "program"), [(MAGICS, "%kusto_image"), (SHELL, "kusto-image")])
@given(name=st.text(min_size=1, max_size=30))
def test_name_is_one_argument_of_the_command(table: HintTable, program: str, name: str) -> None:
    text = table.text(Hint(HintKind.RESUME, name))
    assert shlex.split(text)[:3] == [program, "attach", name]


def test_name_is_data_and_not_a_format() -> None:
    for table in TABLES.values():
        assert "{then} {0} %s" in table.text(Hint(HintKind.INSTALL_TOOL, "{then} {0} %s", ("x",)))


def test_error_is_shown_with_the_words_of_the_front_end_that_raises_it() -> None:
    error = InvalidInputError([Problem("base", "none", hint=Hint(HintKind.CHOOSE_BASE_IMAGE))])
    assert error.what == "base: none"
    assert "Pass base_image" in str(error)
    assert str(error).endswith("\nNext: Fix this and try again. Nothing was sent.")
    assert "Pick a base image" in error.lines(PANEL)[0]
    with pytest.raises(InvalidInputError, match="Add --base"), MAGIC_SYNTAX.in_errors():
        raise error
    assert error._render_traceback_()[-1] == "Next: Fix this and run the cell again. Nothing was sent."
    assert error.lines(PROGRAM)[-1] == "Next: Fix this and try again. Nothing was sent."


def test_error_without_a_hint_has_no_next_line() -> None:
    assert KustoImageError("it failed").lines() == ["KustoImageError: it failed"]


def test_hint_is_shown_without_invisible_characters() -> None:
    shown = "\n".join(KustoImageError("it failed", hint=Hint(HintKind.RESUME, CONTROLS)).lines(MAGICS))
    assert CONTROLS not in shown
    assert not [char for char in shown if char != "\n" and not char.isprintable()]


def test_hint_as_json_has_all_members() -> None:
    then: dict[str, object] = {"kind": "retry", "name": "", "values": [], "then": None}
    shown = hint_json(Hint(HintKind.REMOVE_LOCK, "n", ("a",), NEXT))
    assert shown == {"kind": "remove-lock", "name": "n", "values": ["a"], "then": then}
    assert hint_json(None) is None


def test_api_description_lists_all_kinds() -> None:
    schema = json.loads(OPENAPI.read_text(encoding="utf-8"))["components"]["schemas"]["HintKind"]
    assert schema["enum"] == [kind.value for kind in HintKind]
