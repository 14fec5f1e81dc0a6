"""The subcommands in a terminal's IPython of this process, against the emulator's app on a clock of its own."""

from __future__ import annotations

import json
import re
import threading
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.cells import Say, load, sayer
from support.emulated import EmulatorTransport
from support.world import EmulatedEnvironment, fits

from kusto_magic.commands.arguments import SUBCOMMANDS
from kusto_magic.commands.cell import expand_template
from kusto_magic.commands.session import TARGET_SETTINGS, WaitInterrupted
from kusto_magic.magics.completer import refresh_names
from kusto_magic.magics.magics import COMMANDS, KustoImageMagics
from kusto_magic.models.image import ImageSpec

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from kusto_magic.builds.build import Build

CELL = "%%kusto_image img --base Python3_11_7\nhumanize==4.9.0\n"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[EmulatedEnvironment]:
    made = EmulatedEnvironment(tmp_path, fits, EmulatorTransport())
    yield made
    made.close()


@pytest.fixture
def magics(shell: InteractiveShell, world: EmulatedEnvironment) -> KustoImageMagics:
    return load(shell, world)


@pytest.fixture
def say(shell: InteractiveShell, magics: KustoImageMagics, capsys: pytest.CaptureFixture[str]) -> Say:
    """Return a function that runs a cell and returns all that it wrote."""
    return sayer(shell, capsys)


def rows(text: str) -> list[list[str]]:
    """Read a table of text back: its columns are two blanks apart."""
    return [re.split(r" {2,}", line) for line in text.splitlines()]


# ── looking ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_list_shows_packages_and_what_queries_run_on(say: Say) -> None:
    assert "has no custom images yet" in say("%kusto_image list")
    say(CELL)
    say("%%kusto_image upper --base img\npint\nxarray>=2\n")
    say("%kusto_image enable upper")
    assert rows(say("%kusto_image list")) == [
        ["image", "active", "state", "base", "packages", "requirements"],
        ["img", "Succeeded", "Python3_11_7", "1", "humanize==4.9.0"],
        ["upper", "✔ active", "Succeeded", "img", "2", "pint, xarray>=2"],
    ]
    say("%kusto_image enable Python3_10_8")
    assert rows(say("%kusto_image list"))[-1] == ["Python3_10_8", "✔ active", "146"]


def test_active_enable_and_disable(say: Say) -> None:
    assert "python() is switched off" in say("%kusto_image active")
    assert "already" in say("%kusto_image disable")
    enabled = say("%kusto_image enable Python3_11_7")
    assert enabled.splitlines()[-1].endswith("python() runs on it now")
    assert "run on Python3_11_7." in say("%kusto_image active")
    assert "python() is switched off" in say("%kusto_image disable")
    assert "did you mean" in say("%kusto_image enabel img")


def test_what_queries_run_on_is_neither_replaced_nor_deleted_without_yes(say: Say) -> None:
    say(CELL)
    say("%kusto_image enable img")
    for line in ("%%kusto_image img --base Python3_11_7\nhumanize\n", "%kusto_image delete img"):
        refused = say(line)
        assert "InUse: the queries of this cluster run on image 'img'" in refused
        assert "--yes" in refused
    assert "✔ Succeeded" in say("%%kusto_image img --base Python3_11_7 --yes\nhumanize\n")
    assert "✔ Deleted" in say("%kusto_image delete img --yes")


def test_status_lists_what_was_begun_from_here(say: Say) -> None:
    assert "Nothing was begun" in say("%kusto_image status")
    say(CELL)
    say("%kusto_image delete img")
    head, deleted, built = rows(say("%kusto_image status"))
    assert head == ["image", "cluster", "what", "state", "began", "took", "said"]
    assert (deleted[2:4], built[2:4]) == (["delete", "Succeeded"], ["build", "Succeeded"])


def test_clusters_of_the_subscription(say: Say, magics: KustoImageMagics) -> None:
    head, cluster = rows(say("%kusto_image clusters"))
    assert head == ["cluster", "resource group", "region", "state", "SKU", "Python"]
    assert cluster == [magics.cluster, magics.resource_group, "East US", "Running", "Standard_E8as_v5+1TB_PS", "off"]
    magics.subscription = ""
    assert "subscription: not set" in say("%kusto_image clusters")


def test_bases_and_the_packages_of_one(say: Say) -> None:
    listed = say("%kusto_image bases")
    assert ["Python3_11_7", "3.11.7", "131", "preview"] in rows(listed)
    assert ["Python3_10_8", "3.10.8", "146"] in rows(listed)
    assert "deprecated" in listed
    packages = rows(say("%kusto_image bases Python3_11_7"))
    assert ["numpy", "1.26.4"] in packages
    assert "there are Python3_11_7, " in say("%kusto_image bases numpy")


# ── comparing ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_diff_of_two_images_of_one_and_its_base_and_of_a_cell(say: Say) -> None:
    say(CELL)
    say("%%kusto_image other --base Python3_11_7\nhumanize==4.10.0\npint\n")
    assert rows(say("%kusto_image diff img other"))[1:] == [
        ["humanize", "==4.9.0", "==4.10.0", "changed"],
        ["pint", "–", "any version", "added"],
    ]
    assert rows(say("%kusto_image diff img")) == [
        ["package", "Python3_11_7", "img", "what"],
        ["humanize", "–", "==4.9.0", "added"],
    ]
    cell = say("%%kusto_image img --base Python3_11_7 --diff\npint\n")
    assert rows(cell) == [
        ["package", "img now", "this cell", "what"],
        ["humanize", "==4.9.0", "–", "gone"],
        ["pint", "–", "any version", "added"],
    ]
    assert "img and Python3_11_7" not in say("%kusto_image diff img Python3_11_7")
    assert "hold the same packages" in say("%kusto_image diff img img")
    new = say("%%kusto_image new --python 3.10.8 --diff\npint\n")
    assert "What Python 3.10.8 holds is not known" in new


def test_diff_names_the_closest_image(say: Say) -> None:
    say(CELL)
    assert "did you mean img?" in say("%kusto_image diff imgg")


# ── the same again, and without doing it ─────────────────────────────────────────────────────────────────────────


def test_the_same_cell_again_says_unchanged_and_force_sends(say: Say) -> None:
    say(CELL)
    assert "unchanged: it was made of the same already" in say(CELL)
    assert "unchanged" not in say(CELL.replace("Python3_11_7", "Python3_11_7 --force"))


def test_requirements_come_from_a_file_byte_for_byte(say: Say, tmp_path: Path, world: EmulatedEnvironment) -> None:
    path = tmp_path / "requirements.txt"
    path.write_bytes(b"# a comment\r\nhumanize==4.9.0\r\n")
    assert "✔ Succeeded" in say(f"%%kusto_image img --base Python3_11_7 --file '{path}'\n\n")
    image = world.builds().ask(world.target, lambda client: client.get("img"))
    assert image.requirements == "# a comment\r\nhumanize==4.9.0\r\n"
    assert "leave it empty" in say(f"%%kusto_image img --base Python3_11_7 --file '{path}'\nnumpy\n")
    assert "none.txt cannot be read" in say("%%kusto_image img --base Python3_11_7 --file none.txt\n\n")


def test_a_template_takes_variables_and_names_those_that_are_none(say: Say, shell: InteractiveShell) -> None:
    shell.user_ns |= {"version": "4.9.0", "packages": ["a"]}
    shown = say("%%kusto_image img --base Python3_11_7 --template --dry-run\nhumanize=={version}\n")
    assert "humanize==4.9.0" in shown
    wrong = say("%%kusto_image img --base Python3_11_7 --template\na=={versoin}\nb=={packages}\nc=={1+1}\nd=={\n")
    assert "line 1: there is no variable versoin" in wrong
    assert "line 2: variable packages is no text and no number" in wrong
    assert "line 3: '{1+1}' names no variable" in wrong
    assert "line 4: '{' names no variable" in wrong
    assert "variables are not filled in" in say("%%kusto_image img --base Python3_11_7\nhumanize=={version}\n")
    assert expand_template("{{ and }} and {version}", {"version": 4}) == "{ and } and 4"


# ── writing ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_edit_opens_the_image_as_a_cell(say: Say, shell: InteractiveShell) -> None:
    say(CELL)
    assert "A new cell below" in say("%kusto_image edit img")
    assert shell.rl_next_input == "%%kusto_image img --base Python3_11_7\nhumanize==4.9.0"
    index = "--index-url https://packages.example.org/simple"
    say(f"%%kusto_image indexed --base img --allow-index-options\n{index}\npint\n")
    say("%kusto_image edit indexed")
    assert shell.rl_next_input == f"%%kusto_image indexed --base img --allow-index-options\n{index}\npint"


def test_freeze_opens_what_the_session_or_a_notebook_imports(
    say: Say, shell: InteractiveShell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "import no package" in say("%kusto_image freeze")
    shell.run_cell("import httpx, my_own_module", store_history=True)
    assert "Left out: my_own_module: no installed package brings it." in say("%kusto_image freeze team --base img")
    first, second = str(shell.rl_next_input).splitlines()
    assert first == "%%kusto_image team --base img"
    assert second.startswith("httpx==")
    assert "does not tell its kernel where the notebook is" in say("%kusto_image freeze --from-notebook")
    notebook = tmp_path / "a notebook.ipynb"
    notebook.write_text(json.dumps({"cells": [{"cell_type": "code", "source": "import packaging"}]}))
    say(f"%kusto_image freeze --from-notebook '{notebook}'")
    assert str(shell.rl_next_input).startswith("%%kusto_image my-image --base Python3_")
    monkeypatch.setenv("JPY_SESSION_NAME", str(notebook))
    say("%kusto_image freeze from-env --from-notebook")
    assert "packaging==" in str(shell.rl_next_input)


def test_export_shows_keeps_or_writes_the_text(say: Say, shell: InteractiveShell, tmp_path: Path) -> None:
    say(CELL)
    assert "resource customImage 'Microsoft.Kusto/" in say("%kusto_image export img --as bicep")
    assert say("%kusto_image export img --as requirements -o text") == ""
    assert shell.user_ns["text"] == "humanize==4.9.0\n"
    path = tmp_path / "image.tf"
    assert "Written to" in say(f"%kusto_image export img --as terraform --to '{path}'")
    assert "azapi_resource" in path.read_text(encoding="utf-8")
    assert "is there already" in say(f"%kusto_image export img --as terraform --to '{path}'")
    assert "did you mean bicep?" in say("%kusto_image export img --as bicpe")


# ── settings ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_use_can_remember_the_cluster(say: Say, magics: KustoImageMagics) -> None:
    subscription = "01234567-89ab-cdef-0123-456789abcdef"
    chosen = say(f"%kusto_image use --save --subscription {subscription} --resource-group team --cluster mine")
    assert "Using cluster mine in resource group team" in chosen
    for name in TARGET_SETTINGS:
        setattr(magics, name, "")
    target = magics._session.resolve_target(Namespace())[1]
    assert (target.subscription, target.resource_group, target.cluster) == (subscription, "team", "mine")


def test_the_doctor_says_everything_but_what_is_secret(say: Say, magics: KustoImageMagics) -> None:
    report = say("%kusto_image doctor")
    assert "kusto-magic" in report
    assert "a terminal" in report
    assert "0 images" in report
    assert "the emulator knows no roles" in report
    assert magics.subscription not in report
    assert "(from %config KustoImageMagics.cluster)" in report


def test_the_doctor_says_what_is_not_set(say: Say, magics: KustoImageMagics) -> None:
    for name in TARGET_SETTINGS:
        setattr(magics, name, "")
    report = say("%kusto_image doctor")
    assert "✖  subscription" in report
    assert "images (" not in report


def test_use_keeps_what_it_does_not_name_and_leaves_the_emulator_behind(say: Say, magics: KustoImageMagics) -> None:
    subscription = "01234567-89ab-cdef-0123-456789abcdef"
    say(f"%kusto_image use --subscription {subscription} --resource-group team --cluster mine --cloud china")
    assert (
        "cluster other in resource group team of subscription 01234567…, at https://management.chinacloudapi.cn"
        in say("%kusto_image use --cluster other")
    )
    assert "no cluster name" in say("%kusto_image use --cluster ..")
    assert magics.cluster == "other"
    cluster = f"/subscriptions/{subscription}/resourceGroups/team2/providers/Microsoft.Kusto/clusters/third"
    assert "cluster third in resource group team2" in say(f"%kusto_image use --cluster {cluster} --cloud public")


def test_every_subcommand_is_done_somewhere() -> None:
    assert COMMANDS.keys() == SUBCOMMANDS.keys()


@pytest.mark.parametrize("command", SUBCOMMANDS)
def test_every_subcommand_has_help(say: Say, command: str) -> None:
    assert say(f"%kusto_image {command} --help").startswith(f"usage: %kusto_image {command} ")


def test_names_for_tab_come_from_the_cluster_once_it_was_asked(
    say: Say, magics: KustoImageMagics, world: EmulatedEnvironment
) -> None:
    here = magics._session
    refresh_names(here)
    _join_looks()
    assert not here.has_client(world.target), "Tab alone signs nobody in"
    say("%kusto_image list")
    world.builds().start(world.target, "from-elsewhere", ImageSpec("pint\n", base_image="Python3_11_7")).wait(30)
    here.name_cache.refreshed_at = None
    refresh_names(here)
    _join_looks()
    assert here.name_cache.images == ("from-elsewhere",)


def _join_looks() -> None:
    for thread in threading.enumerate():
        if thread.name == "kusto_magic names":
            thread.join(10)


def test_an_interrupt_before_anything_was_sent_says_so(world: EmulatedEnvironment) -> None:
    world.clock.released.clear()
    builds = world.builds()
    spec = ImageSpec("pint\n", base_image="Python3_11_7")
    first = builds.start(world.target, "one", spec)
    _wait_for(first, "Building")
    second = builds.start(world.target, "one", ImageSpec("xarray\n", base_image="Python3_11_7"), queue=True)
    _wait_for(second, "Queued")
    said = " ".join(WaitInterrupted(second)._render_traceback_())
    assert "is still queued; nothing was sent yet" in said
    assert "restart" not in said
    assert "restart" in " ".join(WaitInterrupted(first)._render_traceback_())


def _wait_for(build: Build, phase: str) -> None:
    there = threading.Event()
    build.observe(lambda change: there.set() if change["new"].phase == phase else None, "operation")
    assert build.operation.phase == phase or there.wait(10)
