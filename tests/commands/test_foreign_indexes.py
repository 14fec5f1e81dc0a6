"""Package indexes named by an image of the service: asked only if the user allows it."""

from __future__ import annotations

import os
import socket
import threading
from argparse import Namespace
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from support.home import Home
from support.package_index import package_index, write_wheel
from support.panel_environment import PanelEnvironment, json_response, panel_environments

from kusto_magic.commands.arguments import line_parser, parse
from kusto_magic.commands.images import check
from kusto_magic.commands.requirements import diff, edit, export
from kusto_magic.commands.session import TARGET_SETTINGS
from kusto_magic.errors import InvalidInputError, RequirementsConflictError
from kusto_magic.hints import Hint, HintKind
from kusto_magic.magics.notebook_session import NotebookSession
from kusto_magic.models.image import ImageSpec
from kusto_magic.preflight.check import run_preflight
from kusto_magic.preflight.report import PreflightReport, Verdict

pytestmark = pytest.mark.slow  # each test runs uv


class Listener:
    """A port of this machine that counts the connections made to it and answers none."""

    def __init__(self) -> None:
        self.count = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://127.0.0.1:{self._socket.getsockname()[1]}/simple"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.count += 1
            connection.close()

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


@pytest.fixture
def listener() -> Iterator[Listener]:
    made = Listener()
    yield made
    made.close()


@pytest.fixture
def environment(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PanelEnvironment]:
    """The user's own index has one package; a netrc has credentials for every host."""
    write_wheel(tmp_path, "plain", "1.0")
    (tmp_path / "netrc").write_text("default login reader password hunter2\n", encoding="utf-8")
    for name in [name for name in os.environ if name.startswith(("UV_", "PIP_"))]:
        monkeypatch.delenv(name)
    with package_index(tmp_path) as url, panel_environments(tmp_path) as make:
        monkeypatch.setenv("PIP_INDEX_URL", url)
        monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
        yield make(preflight=run_preflight)


def _serve(environment: PanelEnvironment, **images: tuple[str, str]) -> None:
    """Let the service return these images: name → base image and requirements."""

    def resource(name: str) -> dict[str, object]:
        base, text = images[name]
        properties = {"language": "PYTHON", "baseImageName": base, "requirementsFileContent": text}
        return {"id": f"/x/{name}", "name": f"cluster/{name}", "properties": properties}

    def fault(request: httpx.Request) -> httpx.Response | None:
        last = request.url.path.rpartition("/")[2]
        if last == "sandboxCustomImages":
            return json_response({"value": [resource(name) for name in images]})
        return json_response(resource(last)) if last in images else None

    environment.service.fault = fault


def _session(environment: PanelEnvironment) -> NotebookSession:
    target = environment.target
    place = (target.subscription, target.resource_group, target.cluster, "", target.endpoint, "")
    traits = dict(zip(TARGET_SETTINGS, place, strict=True)) | {"wait": "", "credential": ""}
    limits = {"az_timeout": 0.0, "timeout_hours": 0.0}
    return NotebookSession(environment.shell, Namespace(**traits, **limits), environment.builds)


def _check(environment: PanelEnvironment, line: str) -> str:
    """Run a `check` and return the plain text that it shows."""
    check(_session(environment), parse(line_parser(), f"check {line}"))
    return str(environment.shell.last["text/plain"])


@pytest.mark.parametrize("option", ["--extra-index-url", "--index-url", "-i"])
def test_check_ignores_the_index_of_an_image_and_warns(
    environment: PanelEnvironment, listener: Listener, option: str
) -> None:
    _serve(environment, img=("Python3_11_7", f"{option} {listener.url}\nplain\n"))
    shown = _check(environment, "img")
    assert listener.count == 0
    assert "compatible" in shown
    [warning] = [line for line in shown.splitlines() if listener.url.removesuffix("/simple") in line]
    assert "by the image" in warning
    assert "--allow-index-options" in shown


def test_check_asks_the_index_of_an_image_if_the_user_allows_it(
    environment: PanelEnvironment, listener: Listener
) -> None:
    """The test above proves something only if an allowed index is asked."""
    _serve(environment, img=("Python3_11_7", f"--index-url {listener.url}\nabsent\n"))
    shown = _check(environment, "img --allow-index-options")
    assert "warning" not in shown
    assert listener.count > 0


def test_check_is_inconclusive_if_a_package_may_be_on_the_ignored_index(
    environment: PanelEnvironment, listener: Listener
) -> None:
    _serve(environment, img=("Python3_11_7", f"--extra-index-url {listener.url}\nprivate-package\n"))
    assert "inconclusive" in _check(environment, "img").partition("\n")[0]
    assert listener.count == 0


@pytest.mark.parametrize("option", ["--find-links {}", "-f {}", "--trusted-host 127.0.0.1", "--no-index", "-r {}"])
def test_check_never_follows_another_option(environment: PanelEnvironment, listener: Listener, option: str) -> None:
    _serve(environment, img=("Python3_11_7", f"{option.format(listener.url)}\nplain\n"))
    with suppress(InvalidInputError, RequirementsConflictError):
        _check(environment, "img --allow-index-options")
    assert listener.count == 0


def test_index_of_a_base_image_is_ignored_with_a_warning(environment: PanelEnvironment, listener: Listener) -> None:
    _serve(environment, parent=("Python3_11_7", f"--index-url {listener.url}\nplain\n"))
    spec = ImageSpec("plain\n", "parent", allow_index_options=True)
    report: PreflightReport = environment.builds.check(environment.target, spec).result(60)
    assert report.verdict is Verdict.COMPATIBLE
    [warning] = report.warnings
    assert listener.url.removesuffix("/simple") in warning
    assert "by a base image" in warning
    assert listener.count == 0


def test_other_commands_do_not_ask_the_index_of_an_image(environment: PanelEnvironment, listener: Listener) -> None:
    _serve(environment, img=("Python3_11_7", f"--index-url {listener.url}\nplain\n"))
    session = _session(environment)
    for command, line in ((diff, "diff img"), (edit, "edit img"), (export, "export img --as az")):
        command(session, parse(line_parser(), line))
    assert listener.count == 0


def test_edit_leaves_the_permission_for_an_index_to_the_user(environment: PanelEnvironment, listener: Listener) -> None:
    _serve(environment, img=("Python3_11_7", f"--index-url {listener.url}\nplain\n"))
    edit(_session(environment), parse(line_parser(), "edit img"))
    assert environment.shell.inserted == [f"%%kusto_image img --base Python3_11_7\n--index-url {listener.url}\nplain"]
    shown = [data["text/plain"] for data, _ in environment.shell.shown]
    assert any("--allow-index-options" in text and listener.url in text for text in shown)
    with pytest.raises(InvalidInputError) as refused:
        ImageSpec(f"--index-url {listener.url}\nplain\n", "Python3_11_7")
    assert [problem.hint for problem in refused.value.problems] == [Hint(HintKind.ALLOW_INDEX_OPTIONS)]
