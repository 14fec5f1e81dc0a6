"""What the emulator refuses, in ARM's words where they are known."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from support.emulated import EmulatorTransport, error_of

from kusto_magic.emulator import EmulatorConfig

pytestmark = pytest.mark.asyncio
IMAGE = "/sandboxCustomImages/a"
PYTHON = {"language": "Python"}


async def test_a_missing_image_is_not_found_in_the_observed_words() -> None:
    wire = EmulatorTransport()
    image_id = wire.cluster.replace("/clusters/", "/Clusters/") + "/SandboxCustomImages/nonExistent"
    patch = await wire.send("PATCH", "/sandboxCustomImages/nonExistent", json={"properties": PYTHON})
    get = await wire.send("GET", "/sandboxcustomimages/nonExistent")

    for answer in (patch, get):
        assert answer.status_code == 404
        assert error_of(answer) == {
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
async def test_another_scope_is_not_found(part: str, code: str) -> None:
    wire = EmulatorTransport()
    path = wire.cluster.replace(getattr(wire.ready, part), "another")
    answer = await wire.http.get(path, params={"api-version": "2024-04-13"}, headers=wire.headers)

    assert answer.status_code == 404
    assert error_of(answer)["code"] == code
    assert "'another'" in error_of(answer)["message"] or "/another'" in error_of(answer)["message"]


@pytest.mark.parametrize("version", ["2023-08-15", "2024-04-13", "2025-02-14"])
async def test_the_known_api_versions(version: str) -> None:
    assert (await EmulatorTransport().send("GET", "/sandboxCustomImages", version)).json() == {"value": []}


async def test_an_api_version_is_required_and_known() -> None:
    wire = EmulatorTransport()
    missing = await wire.http.get(wire.cluster, headers=wire.headers)
    unknown = await wire.send("GET", "/sandboxCustomImages", "2022-12-29")

    assert (missing.status_code, error_of(missing)) == (
        400,
        {
            "code": "MissingApiVersionParameter",
            "message": "The api-version query parameter (?api-version=) is required for all requests.",
        },
    )
    assert (unknown.status_code, error_of(unknown)["code"]) == (400, "InvalidResourceType")
    assert "'2022-12-29'" in error_of(unknown)["message"]


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
async def test_a_body_that_breaks_a_rule_is_refused(body: dict[str, Any]) -> None:
    wire = EmulatorTransport()
    answer = await wire.send("PUT", IMAGE, json=body)

    assert (answer.status_code, error_of(answer)["code"]) == (400, "BadRequest")
    assert (await wire.send("GET", IMAGE)).status_code == 404


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b"\xff", b'{"properties":"\\ud800"}', b"[" * 100_000, b'"x"']
)
async def test_a_body_that_is_no_json_object_is_refused(content: bytes) -> None:
    wire = EmulatorTransport()
    wire.headers |= {"Content-Type": "application/json"}
    answer = await wire.send("PUT", IMAGE, content=content)

    assert (answer.status_code, error_of(answer)["code"]) == (400, "InvalidRequestContent")


async def test_null_is_as_good_as_nothing() -> None:
    body = {"properties": {**PYTHON, "languageVersion": "3.10.8", "baseImageName": None}}
    answer = await EmulatorTransport().send("PUT", IMAGE, json=body)

    assert answer.status_code == 201
    assert "baseImageName" not in answer.json()["properties"]


async def test_an_unknown_base_image_is_refused_in_the_observed_words() -> None:
    answer = await EmulatorTransport().put("a", baseImageName="Python_Custom_Image")

    assert answer.status_code == 400
    assert error_of(answer)["message"] == (
        "Invalid languageExtensionImageName `Python_Custom_Image`. Supported image names are: "
        "`Python3_6_5, Python3_10_8, Python3_10_8_DL, Python3_11_7, Python3_11_7_DL`"
    )


async def test_a_base_image_that_is_still_built_is_refused() -> None:
    wire = EmulatorTransport()
    await wire.put("base")
    answer = await wire.put("a", baseImageName="base")

    assert answer.status_code == 400
    assert "'Creating'" in error_of(answer)["message"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", IMAGE, {"GET", "PUT", "PATCH", "DELETE"}),
        ("PUT", "/sandboxCustomImages", {"GET"}),
        ("DELETE", "", {"GET"}),
        ("HEAD", IMAGE, {"GET", "PUT", "PATCH", "DELETE"}),
        ("OPTIONS", IMAGE, {"GET", "PUT", "PATCH", "DELETE"}),
    ],
)
async def test_a_method_that_does_not_exist_is_refused(method: str, path: str, allowed: set[str]) -> None:
    answer = await EmulatorTransport().send(method, path)

    assert answer.status_code == 405
    assert set(answer.headers["Allow"].split(", ")) == allowed
    if method != "HEAD":
        assert error_of(answer)["message"] == f"The requested resource does not support http method '{method}'."


@pytest.mark.parametrize(
    "path", ["/databases", "/sandboxCustomImages/", "/sandboxCustomImages/a/b", "/sandboxCustomImages/a%2Fb"]
)
async def test_a_path_that_does_not_exist_is_not_found(path: str) -> None:
    answer = await EmulatorTransport().send("GET", path)

    assert (answer.status_code, error_of(answer)["code"]) == (404, "InvalidResourceType")


@pytest.mark.parametrize("path", ["/sandboxCustomImages/%2e%2e", "/sandboxCustomImages/%2E"])
async def test_a_path_that_climbs_is_refused(path: str) -> None:
    wire = EmulatorTransport()
    answer = await wire.send("PUT", path, json={"properties": {**PYTHON, "languageVersion": "3.10.8"}})

    assert answer.status_code == 400


async def test_an_unknown_operation_or_place_is_not_found() -> None:
    wire = EmulatorTransport()
    url = (await wire.put("a")).headers["Azure-AsyncOperation"].partition("&")[0]
    same = await wire.http.get(url.replace("East%20US", "eastus"), headers=wire.headers)
    elsewhere = await wire.http.get(url.replace("East%20US", "West%20US"), headers=wire.headers)
    operation = url.partition("/operationResults/")[2].partition("?")[0]
    unknown = await wire.http.get(url.replace(operation, "0" * 8), headers=wire.headers)

    assert [answer.status_code for answer in (same, elsewhere, unknown)] == [200, 404, 404]


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/sandboxCustomImages", {"resource-requests": "1099"}),
        ("PUT", IMAGE, {"resource-requests": "799"}),
        ("POST", "/listLanguageExtensions", {"writes": "799", "global-writes": "11999"}),
        ("DELETE", IMAGE, {"deletes": "799", "global-deletes": "11999"}),
        ("GET", "", {"reads": "1099"}),
    ],
)
async def test_the_rate_limits_that_each_request_shows(method: str, path: str, expected: dict[str, str]) -> None:
    answer = await EmulatorTransport().send(method, path)

    assert _limits(answer) == expected


async def test_the_rate_limits_count_down_and_refuse() -> None:
    wire = EmulatorTransport(EmulatorConfig(reads=2))
    first, second, third = [await wire.send("GET", IMAGE) for _ in range(3)]

    assert [_limits(answer) for answer in (first, second)] == [{"resource-requests": "1"}, {"resource-requests": "0"}]
    assert (third.status_code, third.headers["Retry-After"]) == (429, "1")
    assert error_of(third)["code"] == "SubscriptionRequestsThrottled"
    wire.clock.move(float(third.headers["Retry-After"]))
    assert (await wire.send("GET", IMAGE)).status_code == 404


async def test_how_fast_the_limits_come_back_can_be_set_and_refusals_are_counted() -> None:
    wire = EmulatorTransport(EmulatorConfig(reads=1, writes=1, deletes=1, reads_per_second=0.5, writes_per_second=0.25))
    for _ in range(2):
        waits = {method: (await wire.send(method, IMAGE)).headers.get("Retry-After") for method in ("GET", "DELETE")}
    posted = [await wire.send("POST", "/listLanguageExtensions") for _ in range(3)]

    assert waits == {"GET": "2", "DELETE": "1"}
    assert [answer.headers.get("Retry-After") for answer in posted] == [None, "4", "4"]
    assert wire.app is not None
    assert wire.app.state.throttled == {"reads": 1, "deletes": 1, "writes": 2}
    wire.clock.move(2)
    assert (await wire.send("GET", IMAGE)).status_code == 404


def _limits(answer: httpx.Response) -> dict[str, str]:
    prefix = "x-ms-ratelimit-remaining-subscription-"
    return {name.removeprefix(prefix): value for name, value in answer.headers.items() if name.startswith(prefix)}
