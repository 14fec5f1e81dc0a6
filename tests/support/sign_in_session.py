"""A session of the magics whose service only lists images, for tests of the sign-in."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

from kusto_magic.arm.credentials import Credential
from kusto_magic.arm.transport import ArmTransport
from kusto_magic.builds.history import History
from kusto_magic.builds.manager import BuildManager
from kusto_magic.commands import arguments
from kusto_magic.commands.cluster import use
from kusto_magic.commands.session import TARGET_SETTINGS
from kusto_magic.magics.notebook_session import NotebookSession
from support.arm_responses import SUBSCRIPTION, make_response
from support.panel_environment import RecordingShell
from support.scripted_transport import CountingCredential, ScriptedTransport

LINE = f"use --subscription {SUBSCRIPTION} --resource-group group --cluster mycluster"


class SignInSession:
    """A notebook session with a scripted service that only lists images."""

    def __init__(self, folder: Path, *, interactive: bool) -> None:
        self.script = ScriptedTransport(default=make_response({"value": []}))
        self.shell = RecordingShell(interactive=interactive)
        names = (*TARGET_SETTINGS, "wait", "credential")
        self.magics = SimpleNamespace(**dict.fromkeys(names, ""), timeout_hours=0.0, az_timeout=0.0)
        self.builds = BuildManager(history=History(folder / "history.sqlite"), connect=self._connect)
        self.session = NotebookSession(self.shell, self.magics, self.builds)

    def _connect(self, endpoint: str, scope: str, credential: Credential | None = None) -> ArmTransport:
        return ArmTransport(endpoint, scope, credential=credential or CountingCredential(), transport=self.script)

    def use(self, options: str = "") -> None:
        use(self.session, arguments.parse(arguments.line_parser(), f"{LINE} {options}"))

    def ask(self) -> None:
        _, target = self.session.resolve_target(SimpleNamespace())  # type: ignore[arg-type]
        self.builds.ask(target, lambda client: client.list())

    @property
    def shown(self) -> list[str]:
        return [data["text/plain"] for data, _ in self.shell.shown]
