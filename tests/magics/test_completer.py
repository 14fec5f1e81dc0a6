"""What Tab offers, as a function of the line; and exactly that in a real kernel."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from kusto_magic.commands.arguments import SUBCOMMANDS
from kusto_magic.commands.name_cache import NameCache
from kusto_magic.export import FORMS
from kusto_magic.magics.completer import complete_line
from kusto_magic.models.managed_images import MANAGED_IMAGES

if TYPE_CHECKING:
    from support.kernel import Kernel

    from kusto_magic.emulator import ReadyTarget

MANAGED = list(MANAGED_IMAGES)
WHERE = ["--subscription", "--resource-group", "--cluster", "--cloud", "--endpoint"]


def offered(line: str) -> list[str] | None:
    known = NameCache()
    known.images, known.clusters = ("forecast", "Fraud"), ("mycluster", "other")
    found = complete_line(line, known)
    return None if found is None else found[1]


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("%kusto_image ", list(SUBCOMMANDS)),
        ("%kusto_image  d", ["diff", "delete", "disable", "doctor"]),
        ("  %kusto_image LI", ["list"]),
        ("%kusto_image show ", ["forecast", "Fraud"]),
        ("%kusto_image show f", ["forecast", "Fraud"]),
        ("%kusto_image show forecast ", ["--help", *WHERE]),
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
        ("%kusto_image export forecast --as ", list(FORMS)),
        ("%kusto_image list --cluster x ", ["--help", *[option for option in WHERE if option != "--cluster"]]),
        ("%kusto_image nonsense ", []),
        ("%%kusto_image f", ["forecast", "Fraud"]),
        ("%%kusto_image new --base ", [*MANAGED, "forecast", "Fraud"]),
        ("%%kusto_image new --base Python3_11", ["Python3_11_7", "Python3_11_7_DL"]),
        ("%%kusto_image new --python ", ["3.11.7", "3.10.8", "3.6.5"]),
        ("%%kusto_image new --no", ["--no-wait", "--no-check"]),
        ("%%kusto_image new --queue --q", []),
    ],
)
def test_what_can_stand_there_is_offered(line: str, values: list[str]) -> None:
    assert offered(line) == values


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
def test_elsewhere_and_for_files_and_new_names_others_may_offer(line: str) -> None:
    assert offered(line) is None


def test_the_fragment_is_what_is_replaced() -> None:
    assert complete_line("%kusto_image show --cloud=us", NameCache()) == ("us", ["usgov"])
    assert complete_line("%kusto_image sh", NameCache()) == ("sh", ["show"])


# ── in a kernel ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.slow
def test_a_kernel_offers_exactly_that_and_nothing_else(
    kernel: Kernel, emulator: Callable[[float], ReadyTarget]
) -> None:
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
def test_after_a_restart_names_come_from_what_was_begun_and_from_the_cluster(
    kernel: Kernel, emulator: Callable[[float], ReadyTarget]
) -> None:
    emulator(0.1)
    kernel.execute("%load_ext kusto_magic\n%kusto_image use emulator")
    kernel.execute("%%kusto_image forecast --base Python3_11_7 --no-check --wait\nhumanize\n")
    kernel.restart()
    kernel.execute("%load_ext kusto_magic\n%kusto_image use emulator")
    assert kernel.complete("%kusto_image show f") == ["forecast"]


@pytest.mark.slow
def test_loading_again_leaves_one_matcher_and_unloading_none(kernel: Kernel) -> None:
    count = "len([m for m in get_ipython().Completer.custom_matchers if m.matcher_identifier == 'kusto_image'])"
    kernel.execute("%load_ext kusto_magic\n%reload_ext kusto_magic\n%load_ext kusto_magic")
    assert kernel.execute(count).result["text/plain"] == "1"
    kernel.execute("%unload_ext kusto_magic")
    assert kernel.execute(count).result["text/plain"] == "0"
    assert "enable" not in kernel.complete("%kusto_image enab")
