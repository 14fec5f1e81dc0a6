"""Tests of the emulator's error responses, with ARM's texts where they are known."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from support.emulator_transport import EmulatorTransport, error_body

from kusto_magic.emulator import EmulatorConfig

pytestmark = pytest.mark.asyncio
IMAGE = "/sandboxCustomImages/a"
PYTHON = {"language": "Python"}


async def test_missing_image_returns_404_with_the_observed_text() -> None:
    emulator = EmulatorTransport()
    image_id = emulator.cluster.replace("/clusters/", "/Clusters/") + "/SandboxCustomImages/nonExistent"
    patch = await emulator.send("PATCH", "/sandboxCustomImages/nonExistent", json={"properties": PYTHON})
    get = await emulator.send("GET", "/sandboxcustomimages/nonExistent")

    for response in (patch, get):
        assert response.status_code == 404
        assert error_body(response) == {
            "code": "ResourceNotFound",
            "message": f"The resource with identifier '{image_id}' is not found.",
        }


@pytest.mark.parametrize(
    ("part", "code"),
    [
        ("subscription", "SubscriptionNotFound"),
        ("resource_group", "ResourceGroupNotFound"),
        ("cluster", "ResourceNotFound"),
    ],
)
async def test_unknown_scope_returns_404(part: str, code: str) -> None:
    emulator = EmulatorTransport()
    path = emulator.cluster.replace(getattr(emulator.ready, part), "another")
    response = await emulator.http.get(path, params={"api-version": "2024-04-13"}, headers=emulator.headers)

    assert response.status_code == 404
    assert error_body(response)["code"] == code
    assert "'another'" in error_body(response)["message"] or "/another'" in error_body(response)["message"]


@pytest.mark.parametrize("version", ["2023-08-15", "2024-04-13", "2025-02-14"])
async def test_known_api_version_is_accepted(version: str) -> None:
    assert (await EmulatorTransport().send("GET", "/sandboxCustomImages", version)).json() == {"value": []}


async def test_missing_or_unknown_api_version_returns_400() -> None:
    emulator = EmulatorTransport()
    missing = await emulator.http.get(emulator.cluster, headers=emulator.headers)
    unknown = await emulator.send("GET", "/sandboxCustomImages", "2022-12-29")

    assert (missing.status_code, error_body(missing)["code"]) == (400, "MissingApiVersionParameter")
    assert "(?api-version=)" in error_body(missing)["message"]
    assert (unknown.status_code, error_body(unknown)["code"]) == (400, "InvalidResourceType")
    assert "'2022-12-29'" in error_body(unknown)["message"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"properties": None},
        {"properties": []},
        {"properties": {"languageVersion": "3.10.8"}},
        {"properties": {"language": "R", "languageVersion": "3.10.8"}},
        {"properties": {"language": 1, "languageVersion": "3.10.8"}},
        {"properties": PYTHON},
        {"properties": {**PYTHON, "languageVersion": ""}},
        {"properties": {**PYTHON, "languageVersion": 3.10}},
        {"properties": {**PYTHON, "languageVersion": "3.10.8", "baseImageName": "Python3_10_8"}},
        {"properties": {**PYTHON, "languageVersion": "3.10.8", "requirementsFileContent": ["Pillow"]}},
    ],
)
async def test_invalid_image_returns_400_and_creates_nothing(body: dict[str, Any]) -> None:
    emulator = EmulatorTransport()
    response = await emulator.send("PUT", IMAGE, json=body)

    assert (response.status_code, error_body(response)["code"]) == (400, "BadRequest")
    assert (await emulator.send("GET", IMAGE)).status_code == 404


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b"\xff", b'{"properties":"\\ud800"}', b"[" * 100_000, b'"x"']
)
async def test_body_that_is_not_a_json_object_returns_400(content: bytes) -> None:
    emulator = EmulatorTransport()
    emulator.headers |= {"Content-Type": "application/json"}
    response = await emulator.send("PUT", IMAGE, content=content)

    assert (response.status_code, error_body(response)["code"]) == (400, "InvalidRequestContent")


async def test_null_property_is_ignored() -> None:
    body = {"properties": {**PYTHON, "languageVersion": "3.10.8", "baseImageName": None}}
    response = await EmulatorTransport().send("PUT", IMAGE, json=body)

    assert response.status_code == 201
    assert "baseImageName" not in response.json()["properties"]


async def test_unknown_base_image_returns_400_with_the_observed_text() -> None:
    response = await EmulatorTransport().put("a", baseImageName="Python_Custom_Image")

    assert response.status_code == 400
    assert error_body(response)["message"] == (
        "Invalid languageExtensionImageName `Python_Custom_Image`. Supported image names are: "
        "`Python3_6_5, Python3_10_8, Python3_10_8_DL, Python3_11_7, Python3_11_7_DL`"
    )


async def test_base_image_that_is_being_built_returns_400() -> None:
    emulator = EmulatorTransport()
    await emulator.put("base")
    response = await emulator.put("a", baseImageName="base")

    assert response.status_code == 400
    assert "'Creating'" in error_body(response)["message"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", IMAGE, {"GET", "PUT", "PATCH", "DELETE"}),
        ("PUT", "/sandboxCustomImages", {"GET"}),
        ("DELETE", "/stop", {"POST"}),
        ("HEAD", IMAGE, {"GET", "PUT", "PATCH", "DELETE"}),
        ("OPTIONS", IMAGE, {"GET", "PUT", "PATCH", "DELETE"}),
    ],
)
async def test_unsupported_method_returns_405_with_allow_header(method: str, path: str, allowed: set[str]) -> None:
    response = await EmulatorTransport().send(method, path)

    assert response.status_code == 405
    assert set(response.headers["Allow"].split(", ")) == allowed
    if method != "HEAD":
        assert error_body(response)["message"].endswith(f"'{method}'.")


@pytest.mark.parametrize(
    "path", ["/databases", "/sandboxCustomImages/", "/sandboxCustomImages/a/b", "/sandboxCustomImages/a%2Fb"]
)
async def test_unknown_path_returns_404(path: str) -> None:
    response = await EmulatorTransport().send("GET", path)

    assert (response.status_code, error_body(response)["code"]) == (404, "InvalidResourceType")


@pytest.mark.parametrize("path", ["/sandboxCustomImages/%2e%2e", "/sandboxCustomImages/%2E"])
async def test_path_traversal_returns_400(path: str) -> None:
    emulator = EmulatorTransport()
    response = await emulator.send("PUT", path, json={"properties": {**PYTHON, "languageVersion": "3.10.8"}})

    assert response.status_code == 400


async def test_unknown_operation_or_region_returns_404() -> None:
    emulator = EmulatorTransport()
    url = (await emulator.put("a")).headers["Azure-AsyncOperation"].partition("&")[0]
    same = await emulator.http.get(url.replace("East%20US", "eastus"), headers=emulator.headers)
    elsewhere = await emulator.http.get(url.replace("East%20US", "West%20US"), headers=emulator.headers)
    operation = url.partition("/operationResults/")[2].partition("?")[0]
    unknown = await emulator.http.get(url.replace(operation, "0" * 8), headers=emulator.headers)

    assert [response.status_code for response in (same, elsewhere, unknown)] == [200, 404, 404]


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/sandboxCustomImages", {"resource-requests": "1099"}),
        ("PUT", IMAGE, {"resource-requests": "799"}),
        ("POST", "/listLanguageExtensions", {"writes": "799", "global-writes": "11999"}),
        ("DELETE", IMAGE, {"deletes": "799", "global-deletes": "11999"}),
        ("GET", "", {"resource-requests": "1099"}),
        ("GET", "/outboundNetworkDependenciesEndpoints", {"reads": "1099", "global-reads": "16499"}),
    ],
)
async def test_rate_limit_headers_match_the_kind_of_request(method: str, path: str, expected: dict[str, str]) -> None:
    response = await EmulatorTransport().send(method, path)

    assert _limits(response) == expected


async def test_rate_limit_counts_down_and_returns_429() -> None:
    emulator = EmulatorTransport(EmulatorConfig(reads=2))
    first, second, third = [await emulator.send("GET", IMAGE) for _ in range(3)]

    assert [_limits(response) for response in (first, second)] == [
        {"resource-requests": "1"},
        {"resource-requests": "0"},
    ]
    assert (third.status_code, third.headers["Retry-After"]) == (429, "1")
    assert error_body(third)["code"] == "SubscriptionRequestsThrottled"
    emulator.clock.move(float(third.headers["Retry-After"]))
    assert (await emulator.send("GET", IMAGE)).status_code == 404


async def test_refill_rates_are_configurable_and_429_responses_are_counted() -> None:
    emulator = EmulatorTransport(
        EmulatorConfig(reads=1, writes=1, deletes=1, reads_per_second=0.5, writes_per_second=0.25)
    )
    for _ in range(2):
        waits = {
            method: (await emulator.send(method, IMAGE)).headers.get("Retry-After") for method in ("GET", "DELETE")
        }
    posted = [await emulator.send("POST", "/listLanguageExtensions") for _ in range(3)]

    assert waits == {"GET": "2", "DELETE": "1"}
    assert [response.headers.get("Retry-After") for response in posted] == [None, "4", "4"]
    assert emulator.app is not None
    assert emulator.app.state.throttled == {"reads": 1, "deletes": 1, "writes": 2}
    emulator.clock.move(2)
    assert (await emulator.send("GET", IMAGE)).status_code == 404


def _limits(response: httpx.Response) -> dict[str, str]:
    prefix = "x-ms-ratelimit-remaining-subscription-"
    return {name.removeprefix(prefix): value for name, value in response.headers.items() if name.startswith(prefix)}
