"""The map of the rooms in CONTRIBUTING.md is true, and the arrows between the rooms go one way."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "kusto_magic"
ROOMS = {path.stem: path for path in PACKAGE.glob("*.py") if path.stem != "__init__"}
LAYERS = ["Core", "Wire", "Time", "Faces"]


def _map() -> dict[str, dict[str, str]]:
    """Return what CONTRIBUTING.md says: layer → room → what it is for."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    layers = re.findall(r"^### (\w+):.*?\n(.*?)(?=^##)", text, re.MULTILINE | re.DOTALL)
    return {name: dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", table, re.MULTILINE)) for name, table in layers}


def _tree(room: str) -> ast.Module:
    return ast.parse(ROOMS[room].read_text(encoding="utf-8"))


def _arrows(room: str) -> Iterator[str]:
    """Yield the rooms that a room imports, also inside functions, but not for type checking alone."""
    for node in _running(_tree(room)):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("kusto_magic"):
            place = node.module.split(".")[1:]
            for name in place[:1] or [alias.name for alias in node.names]:
                if name in ROOMS:
                    yield name


def _running(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)):
            yield from _running(child)


def test_every_room_is_on_the_map_in_its_own_words() -> None:
    drawn = {room: words for rooms in _map().values() for room, words in rooms.items()}
    written = {room: (ast.get_docstring(_tree(room)) or "").splitlines()[0] for room in ROOMS}
    assert list(_map()) == LAYERS
    assert drawn == written


@pytest.mark.parametrize("room", sorted(ROOMS))
def test_arrows_go_down_or_stay(room: str) -> None:
    layer_of = {name: LAYERS.index(layer) for layer, rooms in _map().items() for name in rooms}
    assert [other for other in _arrows(room) if layer_of[other] > layer_of[room]] == []


def test_no_arrows_go_round() -> None:
    TopologicalSorter({room: set(_arrows(room)) for room in ROOMS}).prepare()  # raises CycleError


def test_the_emulator_shares_no_code_with_the_client() -> None:
    client_side = PACKAGE / "emulator" / "launch.py"
    for path in (PACKAGE / "emulator").glob("*.py"):
        imported = set(re.findall(r"from kusto_magic\.(\w+)", path.read_text(encoding="utf-8"))) - {"emulator"}
        allowed = {"errors"} if path == client_side else {"forecasts", "preflight"}
        assert imported <= allowed, path.name
