"""The test environment works: the package under test, the shell, the kernel and the browser."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from importlib.metadata import distribution
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import kusto_magic

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell
    from support.home import Home
    from support.kernel import Kernel
    from support.notebook import LabNotebook

SOURCE = Path(__file__).parent.parent.parent / "kusto_magic"
BLOCK = "import threading\nprint('up', flush=True)\nwhile True:\n    threading.Event().wait(0.5)"


def test_tests_import_the_installed_package() -> None:
    """Unless the install is editable, the source tree must not come before the installed package."""
    url = json.loads(distribution("kusto-magic").read_text("direct_url.json") or "{}")
    editable = url.get("dir_info", {}).get("editable", False)
    assert (Path(kusto_magic.__file__).parent == SOURCE) == editable


def test_kernel_imports_the_same_package(shared_kernel: Kernel) -> None:
    shown = shared_kernel.execute("import kusto_magic\nprint(kusto_magic.__file__)").text.strip()
    assert Path(shown) == Path(kusto_magic.__file__)


def test_home_hides_the_developers_settings(home: Home) -> None:
    assert not {name for name in home.env if name.startswith("AZURE_")} - {"AZURE_CONFIG_DIR"}
    assert all(Path(home.env[name]).is_relative_to(home.path) for name in ("KUSTO_MAGIC_HOME", "IPYTHONDIR"))


def test_shell_runs_a_cell_and_is_not_a_kernel(shell: InteractiveShell, capsys: pytest.CaptureFixture[str]) -> None:
    result = shell.run_cell("print('seen'); get_ipython()")
    assert result.result is shell
    assert capsys.readouterr().out.startswith("seen\n")
    assert not hasattr(shell, "kernel")


@pytest.mark.parametrize("turn", [1, 2])
def test_shell_is_new_for_each_test(shell: InteractiveShell, turn: int) -> None:
    assert "left" not in shell.user_ns
    shell.run_cell(f"left = {turn}")
    assert shell.user_ns["left"] == turn


def test_kernel_returns_outputs_result_and_error(shared_kernel: Kernel) -> None:
    done = shared_kernel.execute("print('out')\n1 + 1")
    assert (done.status, done.text, done.result["text/plain"], done.error) == ("ok", "out\n", "2", "")
    failed = shared_kernel.execute("1 / 0")
    assert failed.status == "error"
    assert "ZeroDivisionError" in failed.error


def test_kernel_follows_display_updates(shared_kernel: Kernel) -> None:
    shared_kernel.execute("handle = display('first', display_id='card')")
    done = shared_kernel.execute("handle.update('second')")
    assert done.outputs == []
    assert [bundle["text/plain"] for bundle in shared_kernel.displays["card"]] == ["'first'", "'second'"]


def test_kernel_forwards_allow_stdin(shared_kernel: Kernel) -> None:
    expression = "get_ipython().get_parent()['content']['allow_stdin']"
    assert shared_kernel.execute(expression).result["text/plain"] == "True"
    assert shared_kernel.execute(expression, allow_stdin=False).result["text/plain"] == "False"


def test_kernel_is_interrupted_while_a_cell_blocks(kernel: Kernel) -> None:
    request = kernel.begin(BLOCK)
    kernel.wait_until(lambda: bool(kernel.outputs(request)))
    kernel.interrupt()
    stopped = kernel.finish(request)
    assert "KeyboardInterrupt" in stopped.error


def test_kernel_completes_inspects_and_restarts(shared_kernel: Kernel) -> None:
    shared_kernel.execute("remembered = 1")
    # Not at the first time on a busy machine: IPython limits the time of its own completion.
    shared_kernel.wait_until(lambda: "remembered" in shared_kernel.complete("rememb"))
    assert "int" in shared_kernel.inspect("remembered")["text/plain"]
    shared_kernel.restart()
    assert "NameError" in shared_kernel.execute("remembered").error


@pytest.mark.browser
def test_browser_runs_a_cell(notebook: Callable[[Sequence[str]], LabNotebook]) -> None:
    from playwright.sync_api import expect

    opened = notebook(["1 + 1", "print('three')"])
    opened.run(0)
    opened.run(1)
    expect(opened.outputs(0)).to_have_text(["2"])
    expect(opened.outputs(1)).to_have_text(["three"])
    assert opened.save().cells[0].outputs[0].data["text/plain"] == "2"


@pytest.mark.browser
def test_browser_reloads_and_keeps_the_kernel(notebook: Callable[[Sequence[str]], LabNotebook]) -> None:
    from playwright.sync_api import expect

    opened = notebook(["kept = 41", "kept + 1"])
    opened.run(0)
    opened.reload()
    opened.run(1)
    expect(opened.outputs(1)).to_have_text(["42"])


@pytest.mark.browser
@pytest.mark.parametrize("turn", [1, 2])
def test_browser_switches_from_light_to_dark_theme(
    notebook: Callable[[Sequence[str]], LabNotebook], screenshot: Callable[[str], Path], turn: int
) -> None:
    opened = notebook([f"{turn}"])
    assert opened.page.evaluate("document.body.dataset.jpThemeLight") == "true"
    opened.use_dark_theme()
    assert screenshot("dark").stat().st_size > 0
