"""A real ipykernel in its own process, controlled through jupyter_client."""

from __future__ import annotations

import queue
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from support.home import Home

if TYPE_CHECKING:
    from nbformat import NotebookNode

WAIT_S = 30.0
CELL_ID = "00000000-0000-4000-8000-000000000000"
OUTPUTS = frozenset({"stream", "display_data", "execute_result", "error"})

Message = dict[str, Any]
Bundle = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Execution:
    """The result of a cell: `status` ("ok", "error", "aborted"), and its outputs as in nbformat.

    The display ID of an output is in `output["transient"]["display_id"]`; its later updates are in `Kernel.displays`.
    `next_cell` is the text of the cell that the front end is asked to insert.
    """

    status: str
    outputs: list[NotebookNode]
    next_cell: str = ""

    @property
    def text(self) -> str:
        """The output of the cell on stdout and stderr."""
        return "".join(output.text for output in self.outputs if output.output_type == "stream")

    @property
    def result(self) -> Bundle:
        """The MIME bundle of the value of the cell, or {}."""
        return next((dict(o.data) for o in self.outputs if o.output_type == "execute_result"), {})

    @property
    def error(self) -> str:
        """The traceback as shown, with ANSI escapes, or ""."""
        return "\n".join(line for o in self.outputs if o.output_type == "error" for line in o.traceback)


class Kernel:
    """A running kernel; `displays` maps each display ID to all bundles it has shown, oldest first."""

    def __init__(self, manager: KernelManager, client: BlockingKernelClient) -> None:
        self.manager = manager
        self.client = client
        self.displays: defaultdict[str, list[Bundle]] = defaultdict(list)
        self._messages: defaultdict[str, list[Message]] = defaultdict(list)
        self._replies: dict[str, Message] = {}

    def execute(self, code: str, *, allow_stdin: bool = True, timeout: float = WAIT_S) -> Execution:
        """Run `code` and return the result. nbclient and papermill use `allow_stdin=False`."""
        return self.finish(self.begin(code, allow_stdin=allow_stdin), timeout=timeout)

    def begin(self, code: str, *, allow_stdin: bool = True) -> str:
        """Send `code` and return the ID of the request without waiting."""
        content = {
            "code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": allow_stdin,
            "stop_on_error": True,
        }  # fmt: skip
        # A notebook names the cell; `client.execute` does not.
        request = self.client.session.msg("execute_request", content, metadata={"cellId": CELL_ID})
        self.client.shell_channel.send(request)
        return str(request["header"]["msg_id"])

    def finish(self, request: str, *, timeout: float = WAIT_S) -> Execution:
        """Wait for the reply and until the kernel is idle; return the result."""
        self.wait_until(lambda: self._is_idle(request), timeout=timeout)
        reply = self._reply(request, timeout)
        asked = [one["text"] for one in reply.get("payload", []) if one["source"] == "set_next_input"]
        return Execution(reply["status"], [_output(m) for m in self._shown(request)], "".join(asked))

    def outputs(self, request: str) -> list[NotebookNode]:
        """Return the outputs of the request so far; see `wait_until`."""
        return [_output(message) for message in self._shown(request)]

    def wait_until(self, condition: Callable[[], bool], *, timeout: float = WAIT_S) -> None:
        """Process the kernel's messages until `condition` is true. Raises TimeoutError after `timeout` seconds."""
        end = time.monotonic() + timeout
        while not condition():
            if (left := end - time.monotonic()) <= 0:
                raise TimeoutError(f"not within {timeout:g} s; kernel alive: {self.manager.is_alive()}")
            self._read(min(left, 0.5))

    def interrupt(self) -> None:
        """Interrupt the running cell, as the stop button does."""
        self.manager.interrupt_kernel()

    def complete(self, code: str, cursor: int | None = None) -> list[str]:
        """Return the completions in `code` at character `cursor` (default: the end)."""
        reply = self._reply(self.client.complete(code, cursor), WAIT_S)
        return [str(match) for match in reply["matches"]]

    def inspect(self, code: str, cursor: int | None = None) -> Bundle:
        """Return the tooltip in `code` at character `cursor` (default: the end), or {}."""
        reply = self._reply(self.client.inspect(code, cursor), WAIT_S)
        return dict(reply["data"])

    def restart(self) -> None:
        """Restart the kernel; its variables are lost, `displays` is kept."""
        self.manager.restart_kernel(now=True)
        self.client.wait_for_ready(timeout=WAIT_S)

    def _is_idle(self, request: str) -> bool:
        return any(
            message["msg_type"] == "status" and message["content"]["execution_state"] == "idle"
            for message in self._messages[request]
        )

    def _shown(self, request: str) -> list[Message]:
        return [message for message in self._messages[request] if message["msg_type"] in OUTPUTS]

    def _read(self, timeout: float) -> None:
        try:
            message = self.client.get_iopub_msg(timeout=timeout)
        except queue.Empty:
            return
        self._messages[message["parent_header"].get("msg_id", "")].append(message)
        shown = message["content"].get("transient", {}).get("display_id")
        if shown:
            self.displays[shown].append(message["content"]["data"])

    def _reply(self, request: str, timeout: float) -> Message:
        """Return the reply to `request`; replies to other requests are stored for later calls."""
        end = time.monotonic() + timeout
        while request not in self._replies:
            reply = self.client.get_shell_msg(timeout=max(end - time.monotonic(), 0.01))
            self._replies[reply["parent_header"].get("msg_id", "")] = dict(reply["content"])
        return self._replies.pop(request)


def _output(message: Message) -> NotebookNode:
    from nbformat.v4 import output_from_msg  # takes more than a second to import

    output: NotebookNode = output_from_msg(message)
    if transient := message["content"].get("transient"):
        output["transient"] = transient
    return output


@contextmanager
def running_kernel(home: Home) -> Iterator[Kernel]:
    """Start the kernel of this environment in `home`; kill it when the block ends."""
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(env=home.env, cwd=str(home.work))
    client = manager.blocking_client()
    try:
        client.start_channels()
        client.wait_for_ready(timeout=WAIT_S)
        yield Kernel(manager, client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        manager.cleanup_resources()
