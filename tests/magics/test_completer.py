"""Tab completion as a function of the line, and in a real kernel."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from kusto_magic.commands.arguments import SUBCOMMANDS
from kusto_magic.commands.name_cache import NameCache
from kusto_magic.magics.completer import MAX_DESCRIPTION, complete_line
from kusto_magic.models.export_forms import ALL_FORMS
from kusto_magic.models.managed_images import MANAGED_IMAGES

if TYPE_CHECKING:
    from support.kernel import Kernel

    from kusto_magic.emulator import ReadyTarget

MANAGED = list(MANAGED_IMAGES)
TARGET_OPTIONS = ["--subscription", "--resource-group", "--cluster", "--cloud", "--endpoint"]


def completions(line: str) -> list[str] | None:
    names = NameCache()
    names.images, names.clusters = ("forecast", "Fraud"), ("mycluster", "other")
    found = complete_line(line, names)
    return None if found is None else list(found[1])


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("%kusto_image ", list(SUBCOMMANDS)),
        ("%kusto_image  d", ["diff", "delete", "disable", "doctor"]),
        ("  %kusto_image LI", ["list"]),
        ("%kusto_image show ", ["forecast", "Fraud"]),
        ("%kusto_image show f", ["forecast", "Fraud"]),
        ("%kusto_image show forecast ", ["--help", *TARGET_OPTIONS]),
        ("%kusto_image show --c", ["--cluster", "--cloud"]),
        ("%kusto_image show --cluster ", ["mycluster", "other"]),
        ("%kusto_image show --cluster m", ["mycluster"]),
        ("%kusto_image show --cluster=m", ["mycluster"]),
        ("%kusto_image show --cluster mycluster f", ["forecast", "Fraud"]),
        ("%kusto_image enable P", MANAGED),
        ("%kusto_image enable ", ["forecast", "Fraud", *MANAGED]),
        ("%kusto_image diff forecast F", ["forecast", "Fraud"]),
        ("%kusto_image bases ", MANAGED),
        ("%kusto_image use ", ["emulator"]),
        ("%kusto_image use --as de", ["default", "developer", "device"]),
        ("%kusto_image use --cloud ", ["public", "usgov", "china"]),
        ("%kusto_image export forecast --as ", list(ALL_FORMS)),
        ("%kusto_image list --cluster x ", ["--help", *[option for option in TARGET_OPTIONS if option != "--cluster"]]),
        ("%kusto_image nonsense ", []),
        ("%%kusto_image f", ["forecast", "Fraud"]),
        ("%%kusto_image new --base ", [*MANAGED, "forecast", "Fraud"]),
        ("%%kusto_image new --base Python3_11", ["Python3_11_7", "Python3_11_7_DL"]),
        ("%%kusto_image new --python ", ["3.11.7", "3.10.8", "3.6.5"]),
        ("%%kusto_image new --no", ["--no-wait", "--no-check", "--no-packages"]),
        ("%%kusto_image new --queue --q", []),
    ],
)
def test_valid_completions_are_returned(line: str, values: list[str]) -> None:
    assert completions(line) == values


@pytest.mark.parametrize(
    "line",
    [
        "kusto_image ",
        "%kusto_imag",
        "%kusto_image",
        "x = '%kusto_image '",
        "%kusto_image freeze ",
        "%kusto_image export forecast --to ",
        "%%kusto_image new --file ",
    ],
)
def test_other_lines_paths_and_new_names_are_not_completed(line: str) -> None:
    assert completions(line) is None


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("%kusto_image show ", ["'my image'", "'größe (2)'", "2024.11"]),
        ("%kusto_image show my", ["'my image'"]),
        ("%kusto_image show 'my", ["'my image'"]),
        ("%kusto_image delete G", ["'größe (2)'"]),
        ("%%kusto_image new --base gr", ["'größe (2)'"]),
    ],
)
def test_names_of_other_tools_are_quoted_and_those_with_another_meaning_left_out(line: str, values: list[str]) -> None:
    names = NameCache()
    names.images = (
        "my image",
        "größe (2)",
        "2024.11",
        "{x}",
        "$x",
        "-x",
        "it's",
        'a"b',
        "a`b",
        "a\u202eb",
        "a\nb",
        "a;b",
    )
    found = complete_line(line, names)
    assert found is not None
    assert list(found[1])[: len(values)] == values
    assert not {"{x}", "$x", "-x"} & set(found[1])
    assert all(value.isprintable() and "`" not in value for value in found[1])


def test_fragment_is_the_replaced_text() -> None:
    assert complete_line("%kusto_image show --cloud=us", NameCache()) == ("us", {"usgov": "Azure cloud"})
    assert complete_line("%kusto_image sh", NameCache()) == ("sh", {"show": "Show an image as stored by the service"})


@pytest.mark.parametrize(
    ("line", "descriptions"),
    [
        ("%kusto_image DELETE", {"delete": "Delete an image"}),
        ("%kusto_image delete --wa", {"--wait": "wait until it is done"}),
        ("%kusto_image show fo", {"forecast": "image of the cluster"}),
        ("%%kusto_image new --base Python3_6", {"Python3_6_5": "managed image, Python 3.6.5 (deprecated)"}),
        ("%%kusto_image new --cloud c", {"china": "Azure cloud"}),
    ],
)
def test_completions_have_descriptions(line: str, descriptions: dict[str, str]) -> None:
    names = NameCache()
    names.images = ("forecast",)
    found = complete_line(line, names)
    assert found is not None
    assert found[1] == descriptions


@pytest.mark.slow
def test_every_subcommand_and_option_has_a_short_description() -> None:
    lines = ["%kusto_image ", "%%kusto_image x -", *(f"%kusto_image {command} -" for command in SUBCOMMANDS)]
    for line in lines:
        found = complete_line(line, NameCache())
        assert found is not None
        assert all(0 < len(description) <= MAX_DESCRIPTION for description in found[1].values()), line
        assert all("%(" not in description for description in found[1].values()), line


# ── in a kernel ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.slow
def test_kernel_returns_only_these_completions(kernel: Kernel, emulator: Callable[[float], ReadyTarget]) -> None:
    emulator(0.1)
    kernel.execute("%load_ext kusto_magic\n%kusto_image use emulator")
    assert kernel.complete("%kusto_image enab") == ["enable"]
    assert kernel.complete("%%kusto_image img --base Python3_11") == ["Python3_11_7", "Python3_11_7_DL"]
    assert kernel.complete("%%kusto_image img --ba") == ["--base"]
    assert kernel.complete("%kusto_image use --cloud ") == ["public", "usgov", "china"]
    assert kernel.complete("import os\n%kusto_image us") == ["use"]
    kernel.execute("%%kusto_image forecast --base Python3_11_7 --no-check --wait\nhumanize\n")
    kernel.execute("%kusto_image list")
    assert kernel.complete("%kusto_image show fo") == ["forecast"]
    assert "--base" not in kernel.complete("%%kusto_image img --base Python3_11_7\n--ba")


@pytest.mark.slow
def test_names_come_from_history_and_cluster_after_restart(
    kernel: Kernel, emulator: Callable[[float], ReadyTarget]
) -> None:
    emulator(0.1)
    kernel.execute("%load_ext kusto_magic\n%kusto_image use emulator")
    kernel.execute("%%kusto_image forecast --base Python3_11_7 --no-check --wait\nhumanize\n")
    kernel.restart()
    kernel.execute("%load_ext kusto_magic\n%kusto_image use emulator")
    assert kernel.complete("%kusto_image show f") == ["forecast"]


@pytest.mark.slow
def test_reload_keeps_one_matcher_and_unload_removes_it(kernel: Kernel) -> None:
    count = "len([m for m in get_ipython().Completer.custom_matchers if m.matcher_identifier == 'kusto_image'])"
    kernel.execute("%load_ext kusto_magic\n%reload_ext kusto_magic\n%load_ext kusto_magic")
    assert kernel.execute(count).result["text/plain"] == "1"
    kernel.execute("%unload_ext kusto_magic")
    assert kernel.execute(count).result["text/plain"] == "0"
    assert "enable" not in kernel.complete("%kusto_image enab")
