"""The magics in a real kernel, with the emulator as a process: output, interrupts and resuming."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from support.kernel import Execution, Kernel

from kusto_magic.display.card import MIME

if TYPE_CHECKING:
    from kusto_magic.emulator import ReadyTarget

pytestmark = pytest.mark.slow  # each test starts a kernel and an emulator

Start = Callable[[float], "ReadyTarget"]
IMAGE = "%%kusto_image img --base Python3_11_7"


@pytest.fixture
def ready(kernel: Kernel, emulator: Start) -> Kernel:
    """A kernel with the extension loaded and an emulator whose builds take a second."""
    emulator(1)
    return _use(kernel)


@pytest.fixture
def patient(kernel: Kernel, emulator: Start) -> Kernel:
    """As `ready`, with builds that take longer than any test."""
    emulator(3600)
    return _use(kernel)


def _use(kernel: Kernel) -> Kernel:
    used = kernel.execute("%load_ext kusto_magic\n%kusto_image use emulator")
    assert (used.status, used.error) == ("ok", "")
    return kernel


def _card(kernel: Kernel, shown: Execution) -> Callable[[], dict[str, Any]]:
    """Return a function that returns the current card of an execution."""
    display = shown.outputs[0]["transient"]["display_id"]
    return lambda: kernel.displays[display][-1]


def _states(kernel: Kernel, shown: Execution) -> list[str]:
    return [bundle[MIME]["state"] for bundle in kernel.displays[shown.outputs[0]["transient"]["display_id"]]]


def test_cell_returns_immediately_and_card_follows_the_build(ready: Kernel) -> None:
    shown = ready.execute(f"{IMAGE}\nhumanize\n")
    assert shown.status == "ok"
    assert len(shown.outputs) == 1
    card = _card(ready, shown)
    ready.wait_until(lambda: bool(card()[MIME]["ended"]))
    assert card()[MIME]["state"] == "Succeeded"
    assert _states(ready, shown)[0] in ("Submitting", "Checking")
    assert "Building" in _states(ready, shown)
    assert card()["text/plain"].startswith("✔ Succeeded: image img on emulator cluster emulatedcluster · ")
    assert "application/vnd.jupyter.widget-view+json" not in card()


def test_progress_bar_is_shown_while_building(patient: Kernel) -> None:
    shown = patient.execute(f"{IMAGE}\nhumanize\n")
    card = _card(patient, shown)
    patient.wait_until(lambda: card()[MIME]["state"] == "Building")
    assert "application/vnd.jupyter.widget-view+json" in card()
    assert {"text/html", "text/plain", MIME} <= set(card())


def test_kernel_stays_free_and_card_updates_its_own_output(patient: Kernel) -> None:
    shown = patient.execute(f"{IMAGE}\nhumanize\n")
    other = patient.execute("1 + 1")  # the build takes an hour
    assert other.result["text/plain"] == "2"
    assert [output.output_type for output in other.outputs] == ["execute_result"]
    assert _card(patient, shown)()[MIME]["image"] == "img"


def test_headless_cell_waits_and_shows_no_widget(ready: Kernel) -> None:
    shown = ready.execute(f"{IMAGE}\nhumanize\n", allow_stdin=False)
    assert shown.status == "ok"
    assert _card(ready, shown)()[MIME]["state"] == "Succeeded"
    bundles = ready.displays[shown.outputs[0]["transient"]["display_id"]]
    assert not any("application/vnd.jupyter.widget-view+json" in bundle for bundle in bundles)


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("%%kusto_image mistake --base Python3_11_7 --allow-failure\nhumanize=4.9.0\n", "InvalidInputError: line 1:"),
        (
            "%%kusto_image clash --base no-such-image --no-check --allow-failure\nnumpy\n",
            "ServiceError: the build request was refused",
        ),
        ("%kusto_image enable nothing --allow-failure", "'nothing'"),
    ],
)
def test_allowed_failure_is_printed_and_the_cell_succeeds(ready: Kernel, cell: str, message: str) -> None:
    assert ready.execute(cell.replace(" --allow-failure", ""), allow_stdin=False).status == "error"
    shown = ready.execute(cell, allow_stdin=False)
    assert (shown.status, shown.error) == ("ok", "")
    assert message in shown.text
    assert "Next:" in shown.text


def test_failed_build_fails_the_waiting_cell_with_the_reason(ready: Kernel) -> None:
    checked = ready.execute("%%kusto_image clash --base no-such-image\nnumpy\n", allow_stdin=False)
    assert "the cluster has no base image 'no-such-image'" in checked.error
    assert _card(ready, checked)()[MIME]["state"] == "Not submitted"
    shown = ready.execute("%%kusto_image clash --base no-such-image --no-check\nnumpy\n", allow_stdin=False)
    assert shown.status == "error"
    assert "ServiceError: the build request was refused" in shown.error
    assert "no-such-image" in shown.error
    assert "Next:" in shown.error
    assert "Traceback" not in shown.error
    assert _card(ready, shown)()[MIME]["state"] == "Rejected"


def test_interrupt_detaches_and_explains_attach(patient: Kernel) -> None:
    request = patient.begin(f"{IMAGE} --wait\nhumanize\n")
    patient.wait_until(lambda: bool(patient.outputs(request)))
    patient.interrupt()
    stopped = patient.finish(request)  # the build takes an hour
    assert "Detached: image 'img' is still" in stopped.error
    assert "%kusto_image attach img" in stopped.error
    assert "Traceback" not in stopped.error


def test_attach_resumes_after_kernel_restart(kernel: Kernel, emulator: Start) -> None:
    emulator(6)
    _use(kernel)
    first = kernel.execute(f"{IMAGE}\nhumanize\n")
    card = _card(kernel, first)
    kernel.wait_until(lambda: card()[MIME]["state"] == "Building")
    kernel.restart()
    kernel.execute("%load_ext kusto_magic")
    again = kernel.execute("%kusto_image attach img")  # no cluster is chosen: the history has it
    resumed = _card(kernel, again)
    assert resumed()[MIME]["id"] == card()[MIME]["id"]
    assert resumed()[MIME]["startedAt"] == card()[MIME]["startedAt"]
    kernel.wait_until(lambda: bool(resumed()[MIME]["ended"]))
    assert resumed()[MIME]["state"] == "Succeeded"


@pytest.mark.index
def test_conflicting_packages_are_not_sent(ready: Kernel) -> None:
    shown = ready.execute(
        "%%kusto_image clash --base Python3_11_7\nrequests==2.31.0\nurllib3==1.20\n", allow_stdin=False
    )
    assert "RequirementsConflictError" in shown.error
    assert "line 2 urllib3==1.20 clashes with line 1 requests==2.31.0" in shown.error
    assert _card(ready, shown)()[MIME]["state"] == "Not submitted"
    assert _card(ready, shown)()[MIME]["plan"]["verdict"] == "conflict"
    sent = ready.execute("%%kusto_image clash --base Python3_11_7 --no-check --wait\nrequests==2.31.0\nurllib3==1.20\n")
    assert "BuildFailedError" in sent.error
    assert "not from Azure" in _card(ready, sent)()["text/plain"]  # told once: by the card


@pytest.mark.index
def test_cell_can_be_checked_and_pinned(ready: Kernel) -> None:
    checked = ready.execute("%%kusto_image check --base Python3_11_7\nhumanize<4.10\nsix\n")
    assert checked.status == "ok"
    assert "✔ compatible (Python 3.11.7 on Windows x64)" in checked.outputs[0].data["text/plain"]
    assert "already installed" in checked.outputs[0].data["text/html"]
    assert "has no custom images yet" in ready.execute("%kusto_image list").outputs[0].data["text/plain"]
    pinned = ready.execute("%%kusto_image img --base Python3_11_7 --pin --wait\nhumanize<4.10\n")
    assert _card(ready, pinned)()[MIME]["requirements"] == "humanize==4.9.0\n"
    again = ready.execute("%kusto_image check img")
    assert "✔ compatible" in again.outputs[0].data["text/plain"]


def test_list_show_and_delete_an_image(ready: Kernel) -> None:
    assert "has no custom images yet" in ready.execute("%kusto_image list").outputs[0].data["text/plain"]
    ready.execute(f"{IMAGE} --wait\nhumanize==4.9.0\ntext-unidecode\n")
    listed = ready.execute("%kusto_image list").outputs[0].data["text/plain"]
    assert re.search(r"img +✔ Succeeded +Python3_11_7 +2 +humanize==4\.9\.0, text-unidecode", listed)
    shown = ready.execute("%kusto_image show img").outputs[0].data
    assert "humanize==4.9.0" in shown["text/plain"]
    assert shown["text/html"].startswith("<div><p><strong><bdi>Image img on emulator cluster")
    deleted = ready.execute("%kusto_image delete img --wait")
    assert _card(ready, deleted)()[MIME]["state"] == "Deleted"
    missing = ready.execute("%kusto_image show img")
    assert "there is no image 'img' on this cluster" in missing.error
    assert "%kusto_image list" in missing.error


def test_build_is_stored_in_a_variable_and_shown_again(ready: Kernel) -> None:
    ready.execute(f"{IMAGE} -o built\nhumanize\n")
    assert ready.execute("built.result(30).state").result["text/plain"] == "'Succeeded'"
    again = ready.execute("built")
    assert again.outputs[0].data[MIME]["state"] == "Succeeded"


def test_dry_run_shows_the_request_and_sends_nothing(ready: Kernel) -> None:
    shown = ready.execute(f"{IMAGE} --dry-run\nhumanize\n").outputs[0].data["text/plain"]
    assert "PUT /subscriptions/" in shown
    assert '"requirementsFileContent": "humanize\\n"' in shown
    assert "has no custom images yet" in ready.execute("%kusto_image list").outputs[0].data["text/plain"]


@pytest.mark.parametrize(
    ("cell", "messages"),
    [
        ("%%kusto_image img --base Python3_11_7\nok\nrequests=1\n-r more.txt\n", ["line 2", "line 3"]),
        ("%%kusto_image img --bsae x\nnumpy\n", ["did you mean --base?"]),
        ("%%kusto_image img\nnumpy\n", ["specify a base image"]),
        ("%%kusto_image img --base Python3_11_7", ["no package"]),
        ("%%kusto_image img --base Python3_11_7 --python 3.11.7\nnumpy\n", ["not both"]),
        ("%%kusto_image .. --base Python3_11_7\nnumpy==\n", ["image name: '..'", "line 1"]),
        ("%%kusto_image {name} --base Python3_11_7\nnumpy\n", ["image name: '{name}'"]),
    ],
)
def test_invalid_cell_is_refused_with_all_problems_and_sends_nothing(
    ready: Kernel, cell: str, messages: list[str]
) -> None:
    refused = ready.execute(cell)
    assert refused.status == "error"
    cards = [output.data["text/plain"] for output in refused.outputs if output.output_type == "display_data"]
    shown = "\n".join([*cards, refused.error])
    assert all(word in shown for word in messages), shown
    assert "nothing was sent" in shown.lower()
    assert "Traceback" not in shown
    assert "has no custom images yet" in ready.execute("%kusto_image list").outputs[0].data["text/plain"]


def test_card_offers_the_corrected_requirements_of_an_interactive_cell(ready: Kernel) -> None:
    cell = f"# the packages\n{IMAGE}\n'numpy'\nfaker==25.2.0 --hash=sha256:aa\n"

    refused = ready.execute(cell)
    assert refused.status == "error"
    assert "InvalidInputError: see the result above." in refused.error
    card = refused.outputs[0].data[MIME]
    assert (card["state"], card["image"]) == ("Not submitted", "img")
    assert card["correction"]["text"] == "numpy\nfaker==25.2.0\n"
    assert [change["line"] for change in card["correction"]["changes"]] == [1, 2]

    logged = ready.execute(cell, allow_stdin=False)
    assert "  faker==25.2.0" in logged.error


def test_single_percent_sign_creates_an_image_with_a_note(ready: Kernel) -> None:
    shown = ready.execute(f"{IMAGE[1:]} --dry-run\npip install faker==25.2.0\n")

    noted, request = (output.data["text/plain"] for output in shown.outputs)
    assert "% was read as %%" in noted
    assert "line 1: faker==25.2.0" in noted
    assert '"requirementsFileContent": "faker==25.2.0\\n"' in request


def test_missing_cluster_error_explains_how_to_set_one(kernel: Kernel) -> None:
    kernel.execute("%load_ext kusto_magic")
    refused = kernel.execute(f"{IMAGE}\nnumpy\n")
    assert refused.status == "error"
    assert "%kusto_image use" in refused.error


def test_help_and_inspection_show_the_documentation(ready: Kernel) -> None:
    assert ready.execute("%kusto_image --help").text.startswith("usage: %kusto_image")
    assert ready.execute("%%kusto_image --help").text.startswith("usage: %%kusto_image")
    assert "requirements file" in ready.inspect("%%kusto_image")["text/plain"]


def test_config_sets_the_cluster(ready: Kernel) -> None:
    ready.execute("%config KustoImageMagics.cluster = 'othercluster'")
    refused = ready.execute("%kusto_image list")
    assert "othercluster" in refused.error


def test_load_twice_keeps_one_registration_and_unload_none(ready: Kernel) -> None:
    ready.execute("%reload_ext kusto_magic\n%load_ext kusto_magic")
    count = "sum(type(c).__name__ == 'KustoImageMagics' for c in get_ipython().configurables)"
    assert ready.execute(count).result["text/plain"] == "1"
    ready.execute("%unload_ext kusto_magic")
    assert ready.execute(count).result["text/plain"] == "0"
    assert "not found" in ready.execute("%kusto_image list").text


def test_load_imports_no_slow_module(kernel: Kernel) -> None:
    kernel.execute("%load_ext kusto_magic\nimport sys")
    heavy = "[m for m in ('azure', 'httpx', 'rich', 'starlette', 'uvicorn') if m in sys.modules]"
    assert kernel.execute(heavy).result["text/plain"] == "[]"
