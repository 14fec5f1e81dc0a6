"""Two builds with all logs at DEBUG: no secret is in any log, output, trait, repr, traceback or file."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from support.home import Home
from support.kernel import Execution, Kernel, running_kernel

from kusto_magic.display.card import MIME

if TYPE_CHECKING:
    from kusto_magic.emulator import ReadyTarget

pytestmark = pytest.mark.slow

PASSWORD = "PlantedIndexPassword99"
SECRET = "abc8Q~PlantedSecretPlantedSecretPlanted12"
TENANT = "11111111-2222-3333-4444-555555555555"
INDEX = f"http://reader:{PASSWORD}@127.0.0.1:1/simple"
PLANTED = {
    "UV_INDEX_URL": INDEX, "UV_DEFAULT_INDEX": INDEX, "PIP_INDEX_URL": INDEX,
    "AZURE_CLIENT_SECRET": SECRET, "AZURE_TENANT_ID": TENANT, "AZURE_CLIENT_ID": TENANT,
}  # fmt: skip

LOUD = """
import logging
logging.basicConfig(filename="debug.log", level=logging.DEBUG, force=True)
for name in list(logging.root.manager.loggerDict):
    logging.getLogger(name).setLevel(logging.DEBUG)
%load_ext kusto_magic
%xmode Verbose
"""

INSIDE = """
import json, traceback
from ipywidgets.widgets import widget
def everything(build):
    error = build.error
    told = [repr(build), repr(build.operation), repr(build.trait_values()), repr(vars(build))]
    told += traceback.format_exception(error) if error else []
    told += [repr(error), str(error), repr(getattr(error, "__dict__", ""))]
    return "\\n".join(told)
widgets = repr([(one.__class__.__name__, one.get_state()) for one in widget._instances.values()])
print(everything(first), everything(second), widgets)
"""


@pytest.fixture
def loud(home: Home, emulator: Callable[[float], ReadyTarget]) -> Iterator[Kernel]:
    """A kernel that logs at DEBUG, with secrets in its environment, and an emulator."""
    emulator(2)
    home.settings.update(PLANTED)
    with running_kernel(home) as kernel:
        kernel.execute(LOUD)
        yield kernel


def _signatures(poll_url: str) -> list[str]:
    """Return the values of ARM's signature in a URL that are long enough to search for."""
    query = parse_qs(urlsplit(poll_url).query)
    return [query[name][0] for name in "csh"]


def _run_scenario(kernel: Kernel) -> tuple[list[Execution], str]:
    """Build two images (the second is refused), show and delete them; return the outputs and the poll URL."""
    kernel.execute("%env PIP_INDEX_URL=http://127.0.0.1:9/simple")  # nothing listens there
    cells = ["%kusto_image use emulator", "%kusto_image panel", "%kusto_image doctor"]
    done = [kernel.execute(cell) for cell in cells]
    done.append(kernel.execute("%%kusto_image img --base Python3_11_7 --no-check -o first\nhumanize\n"))
    display = done[-1].outputs[0]["transient"]["display_id"]
    kernel.wait_until(lambda: bool(kernel.displays[display][-1][MIME]["state"] == "Building"))
    poll_url = kernel.execute("first.operation.poll_url").result["text/plain"].strip("'")
    cells = [
        "%%kusto_image other --base absent-image --no-check --wait -o second\nhumanize\n",
        "%kusto_image wait img",
        "%kusto_image status",
        "%kusto_image list",
        "%kusto_image show img",
        "%%kusto_image bad --base Python3_11_7\n--index-url https://reader:PlantedIndexPassword99@h.example/\nnumpy\n",
        "%kusto_image wait nowhere",
        INSIDE,
        "first\nsecond",
        "%kusto_image delete img --wait",
    ]
    done += [kernel.execute(cell) for cell in cells]
    return done, poll_url


def _files(home: Path) -> Iterator[tuple[str, str]]:
    """Yield every file except those of the emulator and IPython's own input history."""
    for path in home.rglob("*"):
        if path.is_file() and not path.name.startswith("emulator") and "ipython" not in path.parts:
            yield str(path), path.read_bytes().decode(errors="replace")


def test_no_secret_is_left_in_outputs_files_or_logs(loud: Kernel, home: Home) -> None:
    done, poll_url = _run_scenario(loud)
    texts: dict[str, Any] = {f"output {n}": json.dumps(one.outputs, default=str) for n, one in enumerate(done)}
    texts["displays"] = json.dumps(loud.displays, default=str)
    found = dict(_files(home.path))
    log = next(text for path, text in found.items() if path.endswith("debug.log"))
    token = json.loads((home.path / "kusto-magic" / "emulator.json").read_text())

    # The test proves something only if all of this happened and was logged.
    assert "the build request was refused" in texts["output 4"]
    assert '"Deleted"' in texts["displays"]
    assert "contains a user name or a password" in texts["output 9"]
    assert all(word in log for word in ("httpx", "httpcore", "send_request_headers", "receive_response_headers"))
    assert "operationResults" in log
    assert any("history.sqlite" in path for path in found)
    signatures = _signatures(poll_url)
    assert all(len(value) > 20 for value in signatures)

    secrets = [PASSWORD, SECRET, TENANT, *signatures, *_tokens(token)]
    for location, text in {**texts, **found}.items():
        for secret in secrets:
            assert secret not in text, f"{secret[:12]}… in {location}"
        assert "tenantId=" not in text, location


def _tokens(document: object) -> list[str]:
    return re.findall(r'"token": ?"([^"]{16,})"', json.dumps(document))
