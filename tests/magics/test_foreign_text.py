"""Text of the service in the cells that are written for the user: none of it runs, none of it grants a permission."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from support.magics_session import RunCell, cell_runner
from support.panel_environment import PanelEnvironment, json_response, panel_environments

from kusto_magic.commands.session import TARGET_SETTINGS
from kusto_magic.magics.magics import KustoImageMagics

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

PAYLOADS = {
    "an expression": "{ran.append(1)}",
    "an import": "{__import__('builtins').ran.append(1)}",
    "a nested expression": "a{{ran.append(1)}}",
    "a variable": "$token",
    "a variable in braces": "{token}",
    "a line magic": "x\n%ran.append(1)",
    "a cell magic": "x\n%%time\nran.append(1)",
    "a shell command": "x\n!touch ran",
    "Python below": "x\nran.append(1)",
    "Python after a line separator": "x\u2028ran.append(1)",
    "Python after a carriage return": "x\rran.append(1)",
    "a quote": "'; ran.append(1) #",
    "an option": "x --allow-index-options --yes",
    "a terminal command": "\x1b]0;ran\x07",
}
each = pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS)
FIELDS = ("name", "language", "languageVersion", "baseImageName", "requirementsFileContent")


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[PanelEnvironment]:
    with panel_environments(tmp_path) as make:
        yield make()


@pytest.fixture
def ran(shell: InteractiveShell) -> list[int]:
    """Return the list that every payload would append to, if its Python ran."""
    ran: list[int] = []
    shell.user_ns |= {"ran": ran, "token": "secret-value"}
    return ran


@pytest.fixture
def run(shell: InteractiveShell, environment: PanelEnvironment, capsys: pytest.CaptureFixture[str]) -> RunCell:
    """Return a function that runs a cell and returns its output."""
    magics, target = KustoImageMagics(shell, environment.builds), environment.target
    shell.register_magics(magics)
    place = (target.subscription, target.resource_group, target.cluster, "", target.endpoint, "")
    for name, value in zip(TARGET_SETTINGS, place, strict=True):
        setattr(magics, name, value)
    return cell_runner(shell, capsys)


def _serve(environment: PanelEnvironment, **changed: str) -> None:
    """Let the service return one image, `img` with these properties."""
    properties = {"language": "PYTHON", "baseImageName": "Python3_11_7", "requirementsFileContent": "humanize\n"}
    properties |= {"provisioningState": "Succeeded"} | changed
    name = properties.pop("name", "img")

    def fault(request: httpx.Request) -> httpx.Response | None:
        image = {"id": f"/x/{name}", "name": f"cluster/{name}", "properties": properties}
        return json_response(image) if request.url.path.endswith("/img") and request.method == "GET" else None

    environment.service.fault = fault


def _written(shell: Any) -> str:
    """Return the cell that a command has inserted, or ""."""
    written, shell.rl_next_input = shell.rl_next_input, None
    return written or ""


@each
@pytest.mark.parametrize("field", FIELDS)
def test_cell_written_by_edit_runs_nothing_of_the_service(
    shell: InteractiveShell, environment: PanelEnvironment, run: RunCell, ran: list[int], payload: str, field: str
) -> None:
    _serve(environment, **{field: payload})
    run("%kusto_image edit img")
    cell = _written(shell)
    magic_line = cell.partition("\n")[0]
    # Quoted, a text is one argument; with braces or a line break, it is not written at all.
    assert payload not in magic_line or payload in shlex.split(magic_line)
    assert not set("{}").intersection(magic_line)
    assert not cell or magic_line.startswith("%%kusto_image img --")
    output = run(f"{cell} --dry-run" if "\n" not in cell else cell.replace("\n", " --dry-run\n", 1)) if cell else ""
    assert ran == []
    assert "secret-value" not in output


@each
@pytest.mark.parametrize("line", ["%%kusto_image {} --base Python3_11_7\nx", "%%kusto_image img --base {}\nx"])
def test_line_of_a_cell_runs_nothing(run: RunCell, ran: list[int], payload: str, line: str) -> None:
    run(line.format("'" + payload.partition("\n")[0] + "'"))
    assert ran == []


@each
def test_line_of_a_command_runs_nothing(run: RunCell, ran: list[int], payload: str) -> None:
    run("%kusto_image show '" + payload.partition("\n")[0].replace("'", "") + "'")
    assert ran == []


def test_edit_keeps_a_valid_image_and_its_spelling(
    shell: InteractiveShell, environment: PanelEnvironment, run: RunCell
) -> None:
    _serve(environment, name="Img")
    run("%kusto_image edit img")
    assert _written(shell) == "%%kusto_image Img --base Python3_11_7\nhumanize"


def test_edit_writes_a_dollar_sign_as_part_of_one_argument(
    shell: InteractiveShell, environment: PanelEnvironment, run: RunCell, ran: list[int]
) -> None:
    _serve(environment, baseImageName="$token")
    run("%kusto_image edit img")
    assert _written(shell) == "%%kusto_image img --base '$token'\nhumanize"


def test_variable_is_replaced_as_one_argument(run: RunCell, shell: InteractiveShell) -> None:
    shell.user_ns |= {"base": "Python3_11_7", "version": 4, "injected": "img --yes"}
    assert "Python3_11_7" in run("%%kusto_image img-{version} --base {base} --dry-run\nhumanize\n")
    assert "'img --yes'" in run("%kusto_image show {injected}")
    assert "'$img --yes'" in run("%kusto_image show ${injected}")  # the "$" has no meaning


@pytest.mark.parametrize("line", ["{missing}", "{shell}", "$base", "{base!r}", "{base.upper()}", "{base[0]}"])
def test_nothing_else_in_braces_is_replaced(run: RunCell, shell: InteractiveShell, line: str) -> None:
    shell.user_ns |= {"base": "other", "shell": shell}
    shown = run(f"%kusto_image show '{line}'")
    assert "there is no image" in shown
    assert "other" not in shown
    shown = run(f"%%kusto_image '{line}' --base Python3_11_7 --dry-run\nhumanize")
    assert (f"'{line}' contains '{{' or '}}'" if "{" in line else "sandboxCustomImages/%24base?") in shown


def test_variable_of_a_function_is_replaced(run: RunCell) -> None:
    output = run("def f(local_name):\n    %kusto_image show {local_name}\nf('absent')")
    assert "there is no image" in output
    assert "'absent'" in output


def test_freeze_writes_only_valid_names(run: RunCell, shell: InteractiveShell, ran: list[int], tmp_path: Path) -> None:
    notebook = tmp_path / "imports.ipynb"
    notebook.write_text(json.dumps({"nbformat": 4, "cells": [{"cell_type": "code", "source": "import pytest"}]}))
    names = {"x --base '{ran.append(1)}'": "base image", "'{ran.append(1)} y'": "image name"}
    for arguments, problem in names.items():
        assert f"{problem}: " in run(f"%kusto_image freeze {arguments} --from-notebook {notebook}")
        assert _written(shell) == ""
    run(f"%kusto_image freeze x --base Python3_11_7 --from-notebook {notebook}")
    assert _written(shell).startswith("%%kusto_image x --base Python3_11_7\npytest==")
    assert ran == []
