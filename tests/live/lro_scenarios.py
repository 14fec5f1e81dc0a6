"""All PUT and DELETE scenarios of Microsoft's test server for long-running operations, with the server's own coverage.

Not part of the default run, since the server is an npm package: `python noxfile.py scenarios`. TESTSERVER names its
command.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx
import pytest
from support.arm_responses import SPEC
from support.clock import MovableClock
from support.scripted_transport import collect

from kusto_magic.arm.client import ImagesClient
from kusto_magic.arm.credentials import StaticCredential
from kusto_magic.arm.operation import Operation
from kusto_magic.arm.transport import ArmTransport
from kusto_magic.errors import KustoImageError, NotFoundError, ServiceError, StatusUnreadableError
from kusto_magic.models.build_state import BuildState
from kusto_magic.models.target import Target

DONE, FAILED, CANCELED = BuildState.SUCCEEDED, BuildState.FAILED, BuildState.CANCELED
Outcome = BuildState | type[KustoImageError]

PUT: dict[str, tuple[str, Outcome]] = {
    "put/200/succeeded": ("LROPutInlineComplete", DONE),
    "put/201/succeeded": ("LROPutInlineComplete201", DONE),
    "put/200/succeeded/nostate": ("LROPut200InlineCompleteNoState", DONE),
    "put/202/retry/200": ("LROPut202Retry200", DONE),
    "put/201/creating/succeeded/200": ("LROPutSucceededWithBody", DONE),
    "put/200/updating/succeeded/200": ("LROPutSucceededNoBody", DONE),
    "put/201/created/failed/200": ("LROPutFailed", FAILED),
    "put/200/accepted/canceled/200": ("LROPutCanceled", CANCELED),
    "putasync/retry/succeeded": ("LROPutAsyncRetrySucceeded", DONE),
    "putasync/noretry/succeeded": ("LROPutAsyncNoRetrySucceeded", DONE),
    "putasync/retry/failed": ("LROPutAsyncRetryFailed", FAILED),
    "putasync/noretry/canceled": ("LROPutAsyncNoRetryCanceled", CANCELED),
    "put/noheader/202/200": ("LROPutNoHeaderInRetry", DONE),
    "putasync/noheader/201/200": ("LROPutAsyncNoHeaderInRetry", DONE),
    "putsubresource/202/200": ("LROPutSubResourceInRetry", DONE),
    "putsubresourceasync/202/200": ("LROPutSubResourceAsyncInRetry", DONE),
    "putnonresource/202/200": ("LROPutNonResourceInRetry", DONE),
    "putnonresourceasync/202/200": ("LROPutNonResourceAsyncInRetry", DONE),
    "retryerror/put/201/creating/succeeded/200": ("LRORetryPutSucceededWithBody", DONE),
    "retryerror/putasync/retry/succeeded": ("LRORetryErrorPutAsyncSucceeded", DONE),
    "nonretryerror/put/400": ("LRONonRetryPut400", ServiceError),
    "nonretryerror/put/201/creating/400": ("LRONonRetryPut201Creating400", StatusUnreadableError),
    "nonretryerror/put/201/creating/400/invalidjson": (
        "LRONonRetryPut201Creating400InvalidJson",
        StatusUnreadableError,
    ),
    "nonretryerror/putasync/retry/400": ("LRONonRetryPutAsyncRetry400", StatusUnreadableError),
    "error/put/201/noprovisioningstatepayload": ("LROErrorPut201NoProvisioningStatePayload", StatusUnreadableError),
    "error/putasync/retry/nostatus": ("LROErrorPutAsyncNoPollingStatus", StatusUnreadableError),
    "error/putasync/retry/nostatuspayload": ("LROErrorPutAsyncNoPollingStatusPayload", StatusUnreadableError),
    "error/put/200/invalidjson": ("LROErrorPut200InvalidJson", StatusUnreadableError),
    "error/putasync/retry/invalidheader": ("LROErrorPutAsyncInvalidHeader", StatusUnreadableError),
    "error/putasync/retry/invalidjsonpolling": ("LROErrorPutAsyncInvalidJsonPolling", StatusUnreadableError),
    "customheader/putasync/retry/succeeded": ("CustomHeaderPutAsyncSucceded", DONE),
    "customheader/put/201/creating/succeeded/200": ("CustomHeaderPutSucceeded", DONE),
}

DELETE: dict[str, tuple[str, Outcome]] = {
    "delete/noheader": ("LRODeleteNoHeaderInRetry", DONE),
    "deleteasync/noheader/202/204": ("LRODeleteAsyncNoHeaderInRetry", DONE),
    "delete/provisioning/202/accepted/200/succeeded": ("LRODeleteProvisioningSucceededWithBody", DONE),
    "delete/provisioning/202/deleting/200/failed": ("LRODeleteProvisioningFailed", DONE),
    "delete/provisioning/202/deleting/200/canceled": ("LRODeleteProvisioningCanceled", DONE),
    "delete/204/succeeded": ("LRODeleteInlineComplete", DONE),
    "delete/202/retry/200": ("LRODelete200", DONE),
    "delete/202/noretry/204": ("LRODelete204", DONE),
    "deleteasync/retry/succeeded": ("LRODeleteAsyncRetrySucceeded", DONE),
    "deleteasync/noretry/succeeded": ("LRODeleteAsyncNoRetrySucceeded", DONE),
    "deleteasync/retry/failed": ("LRODeleteAsyncRetryFailed", FAILED),
    "deleteasync/retry/canceled": ("LRODeleteAsyncRetryCanceled", CANCELED),
    "retryerror/delete/provisioning/202/accepted/200/succeeded": ("LRORetryErrorDelete202Accepted200Succeeded", DONE),
    "retryerror/delete/202/retry/200": ("LRORetryErrorDelete202Retry200Succeeded", DONE),
    "retryerror/deleteasync/retry/succeeded": ("LRORetryErrorDeleteAsyncRetrySucceeded", DONE),
    "nonretryerror/delete/400": ("LRONonRetryDelete400", ServiceError),
    "nonretryerror/delete/202/retry/400": ("LRONonRetryDelete202Retry400", StatusUnreadableError),
    "nonretryerror/deleteasync/retry/400": ("LRONonRetryDeleteAsyncRetry400", StatusUnreadableError),
    "error/delete/204/nolocation": ("LROErrorDeleteNoLocation", DONE),
    "error/delete/202/retry/invalidheader": ("LROErrorDelete202RetryInvalidHeader", DONE),
    "error/deleteasync/retry/nostatus": ("LROErrorDeleteAsyncNoPollingStatus", StatusUnreadableError),
    "error/deleteasync/retry/invalidheader": ("LROErrorDeleteAsyncInvalidHeader", DONE),
    "error/deleteasync/retry/invalidjsonpolling": ("LROErrorDeleteAsyncInvalidJsonPolling", StatusUnreadableError),
}


class Scenario(httpx.AsyncBaseTransport):
    """Redirects requests for the image to a scenario, and turns its resources into images.

    The resources get the language and the requirements that every image has. Four scenarios end at their Location
    and return 404 at the URL of the PUT, where Resource Manager always has the resource; there, the body of the
    Location is returned.
    """

    def __init__(self, path: str, endpoint: str) -> None:
        self._transport = httpx.AsyncHTTPTransport()
        self._url = httpx.URL(f"{endpoint}/lro/{path}")
        self._location_body = b""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        is_image = "sandboxCustomImages" in request.url.path
        if is_image:
            request.url = self._url
        request.headers["x-ms-client-request-id"] = "9C4D50EE-2D56-4CD3-8152-34347DC9F2B0"  # some scenarios require it
        response = await self._transport.handle_async_request(request)
        status, body = response.status_code, _as_image(await response.aread())
        if is_image and request.method == "GET" and status == 404 and self._location_body:
            status, body = 200, self._location_body
        if status == 200 and not is_image and b'"id"' in body:
            self._location_body = body
        headers = [(name, value) for name, value in response.headers.multi_items() if name != "content-length"]
        # Every response of Resource Manager has one; without it, unreadable ones count as pages of a gateway.
        headers.append(("x-ms-request-id", "9c4d50ee-2d56-4cd3-8152-34347dc9f2b1"))
        return httpx.Response(status, headers=headers, stream=_BodyStream(body))

    async def aclose(self) -> None:
        await self._transport.aclose()


class _BodyStream(httpx.AsyncByteStream):
    def __init__(self, body: bytes) -> None:
        self._body = body

    async def __aiter__(self):  # type: ignore[no-untyped-def]
        yield self._body


def _as_image(body: bytes) -> bytes:
    try:
        document = json.loads(body)
    except ValueError:
        return body
    if not isinstance(document, dict) or document.get("id") != "100":
        return body
    contents = json.loads(SPEC.to_body())["properties"]
    return json.dumps({**document, "properties": {**contents, **document.get("properties", {})}}).encode()


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    command = os.environ.get("TESTSERVER")
    if not command:
        pytest.fail("run this with `python noxfile.py scenarios`")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tmp_path_factory.mktemp("server")
    line = [shutil.which("node") or "node", command, "--port", str(port)]
    with Path(folder / "log").open("wb") as log:
        server = subprocess.Popen(line, stdout=log, stderr=log, cwd=folder)
    try:
        yield _ready(f"http://127.0.0.1:{port}")
    finally:
        server.terminate()
        server.wait(10)


def _ready(address: str) -> str:
    end = time.monotonic() + 15
    while True:
        try:
            httpx.get(f"{address}/report", trust_env=False)
        except httpx.TransportError:
            assert time.monotonic() < end
            time.sleep(0.05)
        else:
            return address


def _counted(endpoint: str, name: str) -> int:
    reports = [httpx.get(f"{endpoint}/report{kind}", trust_env=False).json() for kind in ("", "/azure", "/optional")]
    return max(int(report.get(name, 0)) for report in reports)


async def _outcome(path: str, endpoint: str, method: str) -> Outcome:
    target = Target("12345678-1234-1234-1234-123456789098", "group", "cluster1", endpoint)
    transport = Scenario(path, endpoint)
    credential, clock = StaticCredential("token"), MovableClock()
    connection = ArmTransport(target.endpoint, target.scope, credential=credential, transport=transport, clock=clock)
    async with ImagesClient.from_connection(connection, target) as client:
        try:
            operations = await _all(client, method)
        except (ServiceError, StatusUnreadableError) as error:
            return StatusUnreadableError if isinstance(error, StatusUnreadableError) else type(error)
    assert clock.passed < 600
    state = operations[-1].state
    return DONE if state.succeeded else state


async def _all(client: ImagesClient, method: str) -> Sequence[Operation]:
    return await collect(
        client.create_or_update_stream("img", SPEC) if method == "PUT" else client.delete_stream("img")
    )


@pytest.mark.asyncio
@pytest.mark.parametrize("path", PUT)
async def test_put_scenario(endpoint: str, path: str) -> None:
    name, expected = PUT[path]
    assert await _outcome(path, endpoint, "PUT") == expected
    assert _counted(endpoint, name), "the server counts a scenario once a client has completed it"


@pytest.mark.asyncio
@pytest.mark.parametrize("path", DELETE)
async def test_delete_scenario(endpoint: str, path: str) -> None:
    name, expected = DELETE[path]
    assert await _outcome(path, endpoint, "DELETE") in (
        expected,
        NotFoundError if expected is ServiceError else expected,
    )
    assert _counted(endpoint, name), "the server counts a scenario once a client has completed it"


def test_all_scenarios_of_the_server_are_covered(endpoint: str) -> None:
    known = {name for name, _ in [*PUT.values(), *DELETE.values()]}
    report = httpx.get(f"{endpoint}/report/azure", trust_env=False).json()
    reported = {
        name for name in report if ("Put" in name or "Delete" in name) and name.startswith(("LRO", "CustomHeader"))
    }
    others = {name for name in reported if "Polling" in name and name.endswith("SucceededPolling")}
    assert reported - known - others == set()
