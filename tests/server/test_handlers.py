"""Tests of the routes on a real Jupyter server: authorization, responses, and agreement with openapi.json.

Run with `-p pytest_jupyter.jupyter_server -m server`: for other tests, the plugin would create a server and an event
loop each.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from importlib import resources
from typing import Any
from urllib.parse import quote

import fastjsonschema
import pytest
from support.environment import EmulatedEnvironment, forbidden_cluster
from support.locking import LockingPreflight
from support.requests import build_request, build_requests
from tornado.httpclient import HTTPResponse
from tornado.tcpclient import TCPClient

from kusto_magic.arm.operation_start import submitting
from kusto_magic.builds.plan_lookup import NOT_BUILT
from kusto_magic.display.card import MIME
from kusto_magic.errors import (
    BuildFailedError,
    ForbiddenError,
    KustoImageError,
    NotFoundError,
    SignInError,
    ThrottledError,
    UnreachableError,
)
from kusto_magic.hints import Hint, HintKind
from kusto_magic.models.action import Action
from kusto_magic.models.export_forms import ALL_FORMS, LOCK_FORMS
from kusto_magic.models.image import ImageSpec
from kusto_magic.models.pylock import read_pylock
from kusto_magic.server import base_handler, handlers
from kusto_magic.server.build_watcher import BuildWatcher
from kusto_magic.server.clusters import with_id
from kusto_magic.service_fault import ServiceFault

pytestmark = pytest.mark.server

Fetch = Callable[..., Awaitable[HTTPResponse]]
DESCRIPTION: dict[str, Any] = json.loads(
    (resources.files("kusto_magic.server") / "openapi.json").read_text(encoding="utf-8")
)
METHODS = ("get", "put", "post", "delete", "patch")
ROUTES_AND_METHODS = [
    (route, verb.upper()) for route, methods in DESCRIPTION["paths"].items() for verb in methods if verb in METHODS
]
each_route = pytest.mark.parametrize(
    ("route", "verb"), ROUTES_AND_METHODS, ids=lambda value: value.strip("/").replace("/", "-")
)
SPEC = {"base": "Python3_11_7", "requirements": "humanize\n"}


@pytest.fixture
def index(environment: EmulatedEnvironment) -> LockingPreflight:
    """Let the check find packages of an imagined index; requested before `fetch`."""
    found = LockingPreflight()
    environment.answer = found
    return found


@pytest.fixture
def cluster(environment: EmulatedEnvironment) -> str:
    return with_id(environment.target).id


@pytest.fixture
def fetch(jp_serverapp: Any, http_server_client: Any, jp_base_url: str, environment: EmulatedEnvironment) -> Fetch:
    """Return a function that sends a request without credentials."""
    watcher = BuildWatcher(
        environment.builds(),
        sources=[lambda: environment.target],
        endpoint=lambda: environment.target.endpoint,
        start_emulator=lambda: environment.target,
        clock=environment.clock,
    )
    handlers.add_routes(jp_serverapp.web_app, jp_base_url, watcher)

    def send(verb: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Awaitable[HTTPResponse]:
        text = body if isinstance(body, str | bytes) else None if body is None else json.dumps(body)
        sent = {"Content-Type": "application/json", **(headers or {})}
        url = f"{jp_base_url}kusto-magic/v1{path}"
        response: Awaitable[HTTPResponse] = http_server_client.fetch(
            url, method=verb, body=text, headers=sent, allow_nonstandard_methods=True, raise_error=False
        )
        return response

    return send


@pytest.fixture
def signed_in(fetch: Fetch, jp_auth_header: dict[str, str]) -> Fetch:
    """Return a function that sends a request with the token of the server."""
    return lambda verb, path, body=None: fetch(verb, path, body, dict(jp_auth_header))


def _path(route: str, cluster: str) -> str:
    return route.format(cluster=cluster, name="img", build="0" * 32, id="0" * 32, subscription="0" * 16)


def _validated(response: HTTPResponse, route: str, verb: str) -> Any:
    """Return the JSON of a response after validating it against openapi.json."""
    responses = DESCRIPTION["paths"][route][verb.lower()]["responses"]
    [(kind, content)] = responses.get(str(response.code), responses["default"])["content"].items()
    assert response.headers["Content-Type"].startswith(kind)
    document = json.loads(response.body)
    fastjsonschema.validate({**content["schema"], "components": DESCRIPTION["components"]}, document)
    return document


# ── authorization ────────────────────────────────────────────────────────────────────────────────────────────────


def test_description_contains_every_route_and_method() -> None:
    implemented = {
        (route, verb.upper())
        for route, handler in handlers.ROUTES.items()
        for verb in METHODS
        if getattr(handler, verb) is not getattr(base_handler.BaseHandler, verb)
    }
    assert implemented == set(ROUTES_AND_METHODS)


@each_route
@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "token wrong"}, {"Authorization": "Bearer wrong"}],
    ids=["none", "wrong", "bearer"],
)
async def test_request_without_valid_token_returns_403_without_details(
    fetch: Fetch, cluster: str, environment: EmulatedEnvironment, route: str, verb: str, headers: dict[str, str]
) -> None:
    response = await fetch(verb, _path(route, cluster), SPEC if verb in ("PUT", "POST") else None, headers)
    assert response.code == 403
    assert _validated(response, route, verb).keys() <= {"type", "title", "status", "detail"}
    assert environment.builds().history.recent() == []


@each_route
async def test_foreign_origin_is_refused(
    fetch: Fetch, cluster: str, environment: EmulatedEnvironment, route: str, verb: str, jp_serverapp: Any
) -> None:
    cookie = await _sign_in(fetch, jp_serverapp)
    headers = {"Origin": "https://evil.example", "Cookie": cookie}
    response = await fetch(verb, _path(route, cluster), SPEC if verb in ("PUT", "POST") else None, headers)
    assert response.code in (403, 404)
    assert b"revision" not in response.body
    assert environment.builds().history.recent() == []


@each_route
async def test_foreign_host_returns_403(
    fetch: Fetch, cluster: str, route: str, verb: str, jp_auth_header: dict[str, str]
) -> None:
    headers = {"Host": "evil.example", **jp_auth_header}
    response = await fetch(verb, _path(route, cluster), SPEC if verb in ("PUT", "POST") else None, headers)
    assert response.code == 403


@pytest.mark.parametrize(("route", "verb"), [pair for pair in ROUTES_AND_METHODS if pair[1] != "GET"])
async def test_change_with_cookie_but_without_xsrf_token_returns_403(
    fetch: Fetch, cluster: str, environment: EmulatedEnvironment, route: str, verb: str, jp_serverapp: Any
) -> None:
    headers = {"Cookie": await _sign_in(fetch, jp_serverapp)}
    response = await fetch(verb, _path(route, cluster), SPEC if verb in ("PUT", "POST") else None, headers)
    assert response.code == 403
    assert "_xsrf" in json.loads(response.body)["detail"]
    assert environment.builds().history.recent() == []


async def test_get_with_cookie_returns_200(fetch: Fetch, jp_serverapp: Any) -> None:
    response = await fetch("GET", "/clusters", None, {"Cookie": await _sign_in(fetch, jp_serverapp)})
    assert response.code == 200


async def _sign_in(fetch: Fetch, server: Any) -> str:
    """Sign in as a browser does and return the cookies."""
    response = await fetch("GET", f"/clusters?token={server.identity_provider.token}")
    return "; ".join(found.split(";")[0] for found in response.headers.get_list("Set-Cookie"))


@pytest.mark.parametrize("jp_server_config", [{"ServerApp": {"allow_unauthenticated_access": False}}])
def test_every_method_has_an_authorization_decorator(
    jp_serverapp: Any, jp_base_url: str, caplog: pytest.LogCaptureFixture, environment: EmulatedEnvironment
) -> None:
    """jupyter_server logs a warning for every method without a decorator."""
    handlers.add_routes(jp_serverapp.web_app, jp_base_url, BuildWatcher(environment.builds(), sources=[]))
    assert "without @" not in caplog.text


@pytest.mark.parametrize(
    "jp_server_config", [{"ServerApp": {"jpserver_extensions": {"kusto_magic": True}}}], ids=["enabled"]
)
async def test_jupyter_server_loads_the_extension_by_package_name(jp_serverapp: Any, jp_fetch: Fetch) -> None:
    response = await jp_fetch("kusto-magic", "v1", "bases")
    assert json.loads(response.body)["bases"][0]["name"] == "Python3_11_7"


# ── responses ────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_image_is_built_listed_and_deleted(signed_in: Fetch, cluster: str) -> None:
    path, route = f"/clusters/{cluster}/images/img", "/clusters/{cluster}/images/{name}"
    accepted = await signed_in("PUT", path, SPEC)
    assert accepted.code == 202
    build = _validated(accepted, route, "PUT")
    assert (build["card"]["image"], build["clusterId"]) == ("img", cluster)
    ended = await _wait_until_ended(signed_in)
    assert ended[0]["card"]["state"] == "Succeeded"
    listed = await signed_in("GET", f"/clusters/{cluster}/images")
    [image] = _validated(listed, "/clusters/{cluster}/images", "GET")["images"]
    assert (image["name"], image["state"], image["build"]) == ("img", "Succeeded", build["card"]["id"])
    one = await signed_in("GET", f"/builds/{build['card']['id']}")
    assert _validated(one, "/builds/{build}", "GET")["card"]["requirements"] == "humanize\n"
    output = await signed_in("GET", f"/outputs/{build['card']['id']}")
    assert set(_validated(output, "/outputs/{id}", "GET")["data"]) == {MIME, "text/html", "text/plain"}
    deleted = await signed_in("DELETE", path)
    assert deleted.code == 202
    ended = await _wait_until_ended(signed_in)
    assert [build["card"]["state"] for build in ended] == ["Deleted", "Succeeded"]
    assert (
        _validated(await signed_in("GET", f"/clusters/{cluster}/images"), "/clusters/{cluster}/images", "GET")["images"]
        == []
    )


async def test_builds_of_a_fleet_have_the_same_fleet_id(signed_in: Fetch, environment: EmulatedEnvironment) -> None:
    builds = environment.builds()
    spec = ImageSpec("humanize", base_image="Python3_11_7")
    fleet = builds.start_fleet(
        build_requests([environment.target, replace(environment.target, cluster="nosuchcluster")], "img", spec)
    )
    builds.start(build_request(environment.target, "alone", spec, queue=True))
    ended = await _wait_until_ended(signed_in)
    assert [build["card"].get("fleet") for build in ended] == [None, fleet.id, fleet.id]


async def test_enabled_image_becomes_the_active_image(signed_in: Fetch, cluster: str) -> None:
    path, listing = f"/clusters/{cluster}/active", "/clusters/{cluster}/images"
    listed = _validated(await signed_in("GET", f"/clusters/{cluster}/images"), listing, "GET")
    assert listed["active"] == {"state": "off", "image": "", "managedPackages": None, "reason": "", "hint": None}
    await signed_in("PUT", f"/clusters/{cluster}/images/img", SPEC)
    await _wait_until_ended(signed_in)
    accepted = await signed_in("PUT", path, {"image": "img"})
    assert accepted.code == 202
    assert _validated(accepted, "/clusters/{cluster}/active", "PUT")["card"]["action"] == "enable"
    ended = await _wait_until_ended(signed_in)
    assert [(build["card"]["action"], build["card"]["state"]) for build in ended] == [
        ("enable", "Enabled"),
        ("build", "Succeeded"),
    ]
    listed = _validated(await signed_in("GET", f"/clusters/{cluster}/images"), listing, "GET")
    assert listed["active"] == {"state": "on", "image": "img", "managedPackages": None, "reason": "", "hint": None}


async def test_active_image_is_changed_only_with_allow_active(signed_in: Fetch, cluster: str) -> None:
    path = f"/clusters/{cluster}/images/img"
    await signed_in("PUT", path, SPEC)
    await _wait_until_ended(signed_in)
    await signed_in("PUT", f"/clusters/{cluster}/active", {"image": "img"})
    await _wait_until_ended(signed_in)
    other = SPEC | {"requirements": "attrs\n"}
    for query, states in (("", ["Not submitted"] * 2), ("?allowActive=true", ["Deleted", "Succeeded"])):
        assert (await signed_in("PUT", path, other | {"allowActive": bool(query)})).code == 202
        await _wait_until_ended(signed_in)
        assert (await signed_in("DELETE", path + query)).code == 202
        ended = await _wait_until_ended(signed_in)
        assert [build["card"]["state"] for build in ended[:2]] == states


async def test_unknown_active_image_has_its_reason(
    signed_in: Fetch, cluster: str, environment: EmulatedEnvironment
) -> None:
    environment.transport.fault = forbidden_cluster
    response = await signed_in("GET", f"/clusters/{cluster}/images")
    active = _validated(response, "/clusters/{cluster}/images", "GET")["active"]
    assert (active["state"], active["image"]) == ("unknown", "")
    assert "AuthorizationFailed: not allowed" in active["reason"]
    assert active["hint"]["kind"] == "ask-for-role"
    assert active["hint"]["values"]


@pytest.mark.parametrize("body", [{}, {"image": ""}, {"image": 3}, {"image": "a/b"}, {"image": "img", "base": "x"}, []])
async def test_enable_with_invalid_body_returns_400(
    signed_in: Fetch, cluster: str, environment: EmulatedEnvironment, body: Any
) -> None:
    response = await signed_in("PUT", f"/clusters/{cluster}/active", body)
    document = _validated(response, "/clusters/{cluster}/active", "PUT")
    assert (response.code, document["code"]) == (400, "InvalidInputError")
    assert environment.builds().history.recent() == []


async def test_clusters_are_found_added_and_removed(signed_in: Fetch, cluster: str) -> None:
    listed = _validated(await signed_in("GET", "/subscriptions"), "/subscriptions", "GET")["subscriptions"]
    assert [(it["name"], it["state"]) for it in listed] == [("Emulator", "Enabled")]
    assert "http" not in json.dumps(listed)
    path, route = f"/subscriptions/{listed[0]['id']}/clusters", "/subscriptions/{subscription}/clusters"
    [found] = _validated(await signed_in("GET", path), route, "GET")["clusters"]
    assert (found["id"], found["state"]) == (cluster, "Running")
    assert (await signed_in("DELETE", f"/clusters/{cluster}")).code == 204
    assert _validated(await signed_in("GET", "/clusters"), "/clusters", "GET")["clusters"] == []
    added = _validated(await signed_in("PUT", f"/clusters/{cluster}", {}), "/clusters/{cluster}", "PUT")
    assert _validated(await signed_in("GET", "/clusters"), "/clusters", "GET")["clusters"] == [added]
    for verb in ("PUT", "DELETE"):
        assert (await signed_in(verb, "/clusters/0000000000000000", {})).code == 404
    assert (await signed_in("GET", "/subscriptions/0000000000000000/clusters")).code == 404


async def test_emulator_is_started_and_listed_again(signed_in: Fetch, cluster: str) -> None:
    await signed_in("DELETE", f"/clusters/{cluster}")
    started = _validated(await signed_in("PUT", "/emulator", {}), "/emulator", "PUT")
    assert (started["id"], started["emulator"]) == (cluster, True)
    assert _validated(await signed_in("GET", "/clusters"), "/clusters", "GET")["clusters"] == [started]


async def test_check_returns_the_plan_and_builds_nothing(
    signed_in: Fetch, cluster: str, environment: EmulatedEnvironment
) -> None:
    path, route = f"/clusters/{cluster}/check", "/clusters/{cluster}/check"
    plan = _validated(await signed_in("POST", path, SPEC), route, "POST")["plan"]
    assert (plan["verdict"], [package["name"] for package in plan["packages"]]) == ("compatible", ["humanize", "extra"])
    refused = await signed_in("POST", path, {**SPEC, "requirements": "requests=1.0"})
    assert refused.code == 400
    assert environment.changes == []


async def test_active_image_is_verified_by_a_query(
    signed_in: Fetch, cluster: str, environment: EmulatedEnvironment
) -> None:
    path, route = f"/clusters/{cluster}/images/img/verification", "/clusters/{cluster}/images/{name}/verification"
    assert (await signed_in("POST", path, {})).code == 404
    await signed_in("PUT", f"/clusters/{cluster}/images/img", SPEC)
    await _wait_until_ended(signed_in)
    off = await signed_in("POST", path, {})
    assert off.code == 409
    assert _validated(off, route, "POST")["hint"]["kind"] == "enable-before"
    await signed_in("PUT", f"/clusters/{cluster}/active", {"image": "img"})
    await _wait_until_ended(signed_in)
    found = _validated(await signed_in("POST", path, {"imports": True}), route, "POST")
    assert (found["verified"], found["hint"]) == (True, None)
    assert found["table"]["rows"][0][1]["text"] == "Verified: 2 of 2 packages are as planned"
    await asyncio.to_thread(environment.tell, "contents", image="img", packages={"extra": None})
    found = _validated(await signed_in("POST", path, {"database": "Samples"}), route, "POST")
    assert (found["verified"], found["hint"]["kind"]) == (False, "rebuild-image")
    wrong = await signed_in("POST", path, {"database": "Nowhere"})
    assert _validated(wrong, route, "POST")["hint"]["kind"] == "choose-database"
    for body in ({"database": 5}, {"imports": "yes"}, {"other": 1}):
        assert (await signed_in("POST", path, body)).code == 400


async def test_managed_image_that_queries_use_is_verified(signed_in: Fetch, cluster: str) -> None:
    await signed_in("PUT", f"/clusters/{cluster}/active", {"image": "Python3_11_7"})
    await _wait_until_ended(signed_in)
    listing = "/clusters/{cluster}/images"
    listed = _validated(await signed_in("GET", f"/clusters/{cluster}/images"), listing, "GET")
    assert (listed["images"], listed["active"]["managedPackages"]) == ([], 131)
    path = f"/clusters/{cluster}/images/Python3_11_7/verification"
    found = _validated(await signed_in("POST", path, {}), "/clusters/{cluster}/images/{name}/verification", "POST")
    assert found["table"]["rows"][1][1]["text"] == "Python3_11_7 as documented by Microsoft in 2024-09"


async def test_draft_is_validated_by_the_rules_of_the_kernel(signed_in: Fetch) -> None:
    async def fields(**body: Any) -> list[tuple[str, int | None]]:
        found = _validated(await signed_in("POST", "/drafts", body), "/drafts", "POST")["problems"]
        return [(problem["field"], problem["line"]) for problem in found]

    assert await fields(name="img", base="Python3_11_7", requirements="numpy") == []
    assert await fields(name="bad name!", python="3.10", requirements="numpy\nrequests=1.0") == [
        ("image name", None),
        ("Python version", None),
        ("requirements", 2),
    ]
    assert await fields(name="bad name!", exists=True) == []
    assert await fields(name="Python3_11_7", exists=True) == [("image name", None)]


EXPORT = "/clusters/{cluster}/images/{name}/export"


async def test_export_returns_the_image_in_a_format(index: LockingPreflight, signed_in: Fetch, cluster: str) -> None:
    await signed_in("PUT", f"/clusters/{cluster}/images/img", SPEC)
    await _wait_until_ended(signed_in)
    path, calls = f"/clusters/{cluster}/images/img/export", len(index.calls)
    texts = {}
    for form in DESCRIPTION["components"]["schemas"]["ExportFormat"]["enum"]:
        exported = _validated(await signed_in("GET", f"{path}?format={form}"), EXPORT, "GET")
        texts[form] = exported["text"]
        assert ("humanize" in texts[form], exported["remark"]) == (True, "")
    lock = read_pylock(texts["pylock"].encode())
    assert (lock.versions, f"Lock: {lock.digest}" in texts["bicep"]) == ({"humanize": "1.0"}, True)
    assert json.loads(texts["cyclonedx"])["bomFormat"] == "CycloneDX"
    assert len(index.calls) == calls, "nothing is resolved again"
    assert (await signed_in("GET", f"{path}?format=docx")).code == 400
    assert (await signed_in("GET", path.replace("img", "absent") + "?format=az")).code == 404


async def test_packages_of_an_image_of_another_machine_are_those_of_a_check(
    index: LockingPreflight, signed_in: Fetch, cluster: str, environment: EmulatedEnvironment
) -> None:
    properties = {"baseImageName": "Python3_11_7", "requirementsFileContent": "six\n"}
    await environment.emulator_client().build("other", **properties)
    path = f"/clusters/{cluster}/images/other/export"
    for form in LOCK_FORMS:
        exported = _validated(await signed_in("GET", f"{path}?format={form}"), EXPORT, "GET")
        assert ("six" in exported["text"], exported["remark"]) == (True, NOT_BUILT)
    assert _validated(await signed_in("GET", f"{path}?format=az"), EXPORT, "GET")["remark"] == ""
    assert len(index.calls) == len(LOCK_FORMS), "definitions need no check"

    index.reason = "the package index does not respond"
    refused = await signed_in("GET", f"{path}?format=pylock")
    problem = _validated(refused, EXPORT, "GET")
    assert (refused.code, problem["hint"]["kind"]) == (409, "retry")
    assert problem["detail"] == "the packages of the image could not be found: the package index does not respond"


async def test_packages_of_an_image_that_cannot_be_checked_are_not_exported(
    signed_in: Fetch, cluster: str, environment: EmulatedEnvironment
) -> None:
    properties = {"baseImageName": "Python3_11_7", "requirementsFileContent": "-r more.txt\n"}
    await environment.emulator_client().build("other", **properties)
    refused = await signed_in("GET", f"/clusters/{cluster}/images/other/export?format=pylock")
    [problem] = _validated(refused, EXPORT, "GET")["problems"]
    assert (refused.code, problem["field"], problem["line"]) == (400, "requirements", 1)


async def test_formats_are_those_of_the_export() -> None:
    assert DESCRIPTION["components"]["schemas"]["ExportFormat"]["enum"] == list(ALL_FORMS)


async def test_builds_of_an_image_are_listed_newest_first(signed_in: Fetch, cluster: str) -> None:
    for verb, name in (("PUT", "img"), ("PUT", "other"), ("DELETE", "img")):
        await signed_in(verb, f"/clusters/{cluster}/images/{name}", SPEC if verb == "PUT" else None)
        await _wait_until_ended(signed_in)
    path, route = f"/clusters/{cluster}/images/img/builds", "/clusters/{cluster}/images/{name}/builds"
    builds = _validated(await signed_in("GET", path), route, "GET")["builds"]
    assert [(build["card"]["action"], build["accepted"]) for build in builds] == [("delete", True), ("build", True)]


async def test_python_is_disabled_unless_it_is_already(
    signed_in: Fetch, cluster: str, environment: EmulatedEnvironment
) -> None:
    path, route = f"/clusters/{cluster}/active", "/clusters/{cluster}/active"
    await signed_in("PUT", path, {"image": "Python3_11_7"})
    await _wait_until_ended(signed_in)
    build = _validated(await signed_in("DELETE", path), route, "DELETE")
    assert (build["card"]["action"], build["card"]["image"]) == ("disable", "Python3_11_7")
    await _wait_until_ended(signed_in)
    refused = await signed_in("DELETE", path)
    assert (refused.code, "already disabled" in _validated(refused, route, "DELETE")["detail"]) == (400, True)


async def _wait_until_ended(signed_in: Fetch) -> list[dict[str, Any]]:
    """Wait for changes until no build is active, and return the builds, newest first."""
    revision, builds = "", dict[str, Any]()
    for _ in range(1000):
        response = _validated(await signed_in("GET", f"/builds?after={revision}&wait=10"), "/builds", "GET")
        revision = response["revision"]
        builds |= {build["card"]["id"]: build for build in response["builds"]}
        if not any(build["active"] for build in builds.values()):
            return sorted(builds.values(), key=lambda build: -build["number"])
    raise AssertionError("the build does not end")


async def test_listed_build_that_was_queued_matches_its_description(signed_in: Fetch, cluster: str) -> None:
    for name in ("first", "second"):
        await signed_in("PUT", f"/clusters/{cluster}/images/{name}", SPEC)
    second, first = await _wait_until_ended(signed_in)  # it validates each response
    assert second["card"]["waited"] > 0
    assert "waited" not in first["card"]


async def test_builds_are_returned_once_and_then_only_their_changes(signed_in: Fetch, cluster: str) -> None:
    async def builds_after(revision: str) -> dict[str, Any]:
        found: dict[str, Any] = _validated(await signed_in("GET", f"/builds?after={revision}"), "/builds", "GET")
        return found

    await signed_in("PUT", f"/clusters/{cluster}/images/img", SPEC)
    await _wait_until_ended(signed_in)
    first = await builds_after("")
    assert (first["complete"], [build["card"]["image"] for build in first["builds"]]) == (True, ["img"])
    assert not {"requirements", "plan", "version"} & first["builds"][0]["card"].keys()
    same = await builds_after(first["revision"])
    assert same == {**first, "complete": False, "builds": []}
    await signed_in("DELETE", f"/clusters/{cluster}/images/img")
    changed = await builds_after(first["revision"])
    assert [build["card"]["action"] for build in changed["builds"]] == ["delete"]
    assert (await builds_after("0123abcd-1"))["complete"]


async def test_waiting_ends_when_the_page_closes_the_connection(
    jp_serverapp: Any, http_server_client: Any, jp_base_url: str, jp_auth_header: dict[str, str],
    environment: EmulatedEnvironment, caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    began, canceled = asyncio.Event(), asyncio.Event()

    class Waiting(BuildWatcher):
        async def changes(self, after: str, wait: float) -> Any:
            began.set()
            try:
                await asyncio.sleep(wait)
            except asyncio.CancelledError:
                canceled.set()
                raise

    handlers.add_routes(jp_serverapp.web_app, jp_base_url, Waiting(environment.builds(), sources=[]))
    stream = await TCPClient().connect("127.0.0.1", jp_serverapp.port)
    token = jp_auth_header["Authorization"]
    request = (
        f"GET {jp_base_url}kusto-magic/v1/builds?wait=30 HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {token}\r\n\r\n"
    )
    await stream.write(request.encode())
    await asyncio.wait_for(began.wait(), 10)
    stream.close()
    await asyncio.wait_for(canceled.wait(), 10)
    assert "Traceback" not in caplog.text


async def test_clusters_bases_and_packages_are_listed(signed_in: Fetch, cluster: str) -> None:
    found = _validated(await signed_in("GET", "/clusters"), "/clusters", "GET")["clusters"]
    assert [(one["id"], one["emulator"]) for one in found] == [(cluster, True)]
    assert "http" not in json.dumps(found)
    bases = _validated(await signed_in("GET", "/bases"), "/bases", "GET")["bases"]
    assert {"Python3_11_7", "Python3_10_8"} <= {base["name"] for base in bases}
    packages = _validated(await signed_in("GET", "/packages"), "/packages", "GET")["packages"]
    assert {"numpy", "pandas"} <= set(packages)
    assert packages == sorted(packages)


async def test_requirements_are_validated_by_the_rules_of_the_kernel(signed_in: Fetch) -> None:
    from kusto_magic.requirements import parser
    from kusto_magic.server.serializers import input_problem_json

    text = "numpy\nrequests=1.0\n-r more.txt\n"
    response = await signed_in("POST", "/requirements", {"text": text})
    document = _validated(response, "/requirements", "POST")["problems"]
    assert document == [input_problem_json(problem) for problem in parser.problems(text)]
    assert [(problem["line"], problem["hint"] and problem["hint"]["kind"]) for problem in document] == [
        (2, None),
        (3, "paste-file"),
    ]
    index = {"text": "--index-url https://pypi.example/simple\nnumpy"}
    assert _validated(await signed_in("POST", "/requirements", index), "/requirements", "POST")["problems"]
    allowed = await signed_in("POST", "/requirements", {**index, "allowIndexOptions": True})
    assert _validated(allowed, "/requirements", "POST")["problems"] == []


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"base": "Python3_11_7", "requirements": "requests=1.0"}, "'=' is not a version operator"),
        ({"base": "Python3_11_7", "python": "3.10.8", "requirements": "numpy"}, "not both"),
        ({"requirements": "numpy"}, "specify a base image"),
        ({"base": 3, "requirements": "numpy"}, "is not a valid image name"),
        ({"base": "Python3_11_7", "requirements": 3}, "must be a string"),
        ({"base": "Python3_11_7"}, "names no package"),
        ({**SPEC, "endpoint": "https://evil.example"}, "not 'endpoint'"),
        ("[]", "must be an object with"),
        ("{", "is not valid JSON"),
        ("[" * 100_000, "is not valid JSON"),
        (b"\xff", "is not valid JSON"),
    ],
)
async def test_invalid_input_returns_400_with_its_problems(
    signed_in: Fetch, cluster: str, body: Any, message: str
) -> None:
    response = await signed_in("PUT", f"/clusters/{cluster}/images/img", body)
    document = _validated(response, "/clusters/{cluster}/images/{name}", "PUT")
    assert (response.code, document["code"]) == (400, "InvalidInputError")
    assert message in document["problems"][0]["message"]


async def test_invalid_names_return_400_and_unknown_ids_404(
    signed_in: Fetch, cluster: str, environment: EmulatedEnvironment
) -> None:
    for name in ("%2e%2e", "a%2fb", "Python3_11_7", "x" * 500, "%0d%0aa"):
        response = await signed_in("PUT", f"/clusters/{cluster}/images/{name}", SPEC)
        assert response.code in (400, 404), name
    for path in ("/clusters/0000000000000000/images", "/clusters/http:%2f%2f169.254.169.254/images", "/builds/1"):
        response = await signed_in("GET", path)
        assert response.code == 404
    assert environment.builds().history.recent() == []


async def test_too_large_body_returns_413(signed_in: Fetch, cluster: str) -> None:
    response = await signed_in("PUT", f"/clusters/{cluster}/images/img", "x" * (base_handler.MAX_BODY_SIZE + 1))
    assert response.code == 413
    assert response.headers["Content-Type"].startswith(base_handler.PROBLEM_TYPE)


@pytest.mark.parametrize("query", ["wait=x", "wait=nan", "wait=inf", "wait=1e99"])
async def test_invalid_numbers_return_400(signed_in: Fetch, query: str) -> None:
    assert (await signed_in("GET", f"/builds?{query}")).code == 400


FAULT = ServiceFault("TheCode", "the words", request_id="the-request")


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (NotFoundError("gone", status=404, fault=FAULT), 404, "TheCode"),
        (ThrottledError("slow down", status=429, fault=FAULT), 429, "TheCode"),
        (
            ForbiddenError("not you", status=403, fault=FAULT),
            502,
            "TheCode",
        ),  # not 403, which Jupyter uses for its own sign-in
        (SignInError("no token", hint=Hint(HintKind.SIGN_IN, "device")), 502, "SignInError"),
        (UnreachableError("silence"), 504, "UnreachableError"),
        (BuildFailedError("broke", operation=submitting(Action.BUILD, ""), fault=FAULT), 500, "TheCode"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
async def test_service_errors_are_returned_with_status_and_code(
    jp_serverapp: Any, http_server_client: Any, jp_auth_header: dict[str, str], error: KustoImageError, status: int,
    code: str, jp_base_url: str, caplog: pytest.LogCaptureFixture, environment: EmulatedEnvironment,
) -> None:  # fmt: skip
    class Failing(BuildWatcher):
        async def clusters(self) -> Any:
            raise error

    handlers.add_routes(jp_serverapp.web_app, jp_base_url, Failing(environment.builds()))
    with caplog.at_level(logging.DEBUG):
        response = await http_server_client.fetch(
            f"{jp_base_url}kusto-magic/v1/clusters", headers=jp_auth_header, raise_error=False
        )
    document = _validated(response, "/clusters", "GET")
    assert (response.code, document["status"], document["code"], document["title"]) == (
        status,
        status,
        code,
        type(error).__name__,
    )
    assert document["detail"].startswith(error.what)
    assert "Traceback" not in caplog.text


async def test_unexpected_exception_returns_500_without_details(
    jp_serverapp: Any, http_server_client: Any, jp_auth_header: dict[str, str], jp_base_url: str,
    environment: EmulatedEnvironment,
) -> None:  # fmt: skip
    class Broken(BuildWatcher):
        async def clusters(self) -> Any:
            raise RuntimeError("secret words")

    handlers.add_routes(jp_serverapp.web_app, jp_base_url, Broken(environment.builds()))
    url = f"{jp_base_url}kusto-magic/v1/clusters"
    response = await http_server_client.fetch(url, headers=jp_auth_header, raise_error=False)
    assert response.code == 500
    assert b"secret words" not in response.body
    assert not re.search(rb"Traceback|\.py", response.body)


async def test_only_changes_count_as_activity(signed_in: Fetch, jp_serverapp: Any, cluster: str) -> None:
    before = jp_serverapp.web_app.settings.get("api_last_activity")
    await signed_in("GET", "/builds")
    assert jp_serverapp.web_app.settings.get("api_last_activity") == before
    await signed_in("PUT", f"/clusters/{cluster}/images/img", SPEC)
    assert jp_serverapp.web_app.settings.get("api_last_activity") != before


# ── images made with other tools ─────────────────────────────────────────────────────────────────────────────────


async def test_images_of_other_tools_are_listed_enabled_replaced_and_deleted(
    signed_in: Fetch, cluster: str, environment: EmulatedEnvironment
) -> None:
    emulator, name = environment.emulator_client(), "Größe (2024) .v1"
    await emulator.build(name, languageVersion="3.10.8", requirementsFileContent="-r more.txt\n")
    await emulator.build("no requirements", languageVersion="3.10.8")
    route = "/clusters/{cluster}/images"
    listed = _validated(await signed_in("GET", route.format(cluster=cluster)), route, "GET")["images"]
    assert {image["name"]: image["requirements"] for image in listed} == {name: "-r more.txt\n", "no requirements": ""}
    path = f"{route.format(cluster=cluster)}/{quote(name, safe='')}"
    steps = [("PUT", path, SPEC), ("PUT", f"/clusters/{cluster}/active", {"image": name})]
    for verb, url, body in [*steps, ("DELETE", path.replace(quote(name, safe=""), "no%20requirements"), None)]:
        accepted = await signed_in(verb, url, body)
        assert accepted.code == 202, accepted.body
        await _wait_until_ended(signed_in)
    listed = json.loads((await signed_in("GET", route.format(cluster=cluster))).body)
    assert [image["name"] for image in listed["images"]] == [name]
    assert listed["images"][0]["requirements"] == SPEC["requirements"]


@pytest.mark.parametrize("name", ["..", "a%2Fb", "a%252fb", "a%3Fb", "a%23b", "a%5Cb", "a%0Ab"])
@pytest.mark.parametrize("verb", ["PUT", "DELETE"])
async def test_name_that_is_not_one_path_segment_is_refused(
    signed_in: Fetch, cluster: str, verb: str, name: str
) -> None:
    response = await signed_in(verb, f"/clusters/{cluster}/images/{name}", SPEC if verb == "PUT" else None)
    assert response.code in (400, 404)
    if response.code == 400:
        assert [problem["field"] for problem in json.loads(response.body)["problems"]] == ["image name"]


# ── the event loop ───────────────────────────────────────────────────────────────────────────────────────────────


async def _longest_turn(request: Awaitable[HTTPResponse]) -> float:
    """Return the CPU seconds of the longest turn of the event loop until a request has its response.

    The thread's CPU time is measured, so that a busy machine and other threads do not count.
    """
    task = asyncio.ensure_future(request)
    longest = 0.0
    while not task.done():
        started = time.thread_time()
        await asyncio.sleep(0)
        longest = max(longest, time.thread_time() - started)
    assert (await task).code in (200, 400)
    return longest


HEAVY = {
    "packages": "a==1 " * 26_000,
    "backslashes": "\\" * 131_000,
    "extras": ("a[" + "b," * 240 + "]\n") * 260,
    "unique packages": "".join(f"package-{n}[extra]>=1,<2; python_version > '3.8'\n" for n in range(1_000)),
}


@pytest.mark.parametrize("text", HEAVY.values(), ids=HEAVY.keys())
@pytest.mark.parametrize(
    ("verb", "path", "key"), [("POST", "/requirements", "text"), ("PUT", "/clusters/{}/images/i", "requirements")]
)
async def test_large_text_does_not_block_the_event_loop(
    signed_in: Fetch, cluster: str, verb: str, path: str, key: str, text: str
) -> None:
    body = json.dumps({key: text} if verb == "POST" else {key: text, "base": "not/valid"})
    await signed_in(verb, path.format(cluster), body)
    # The best of five: a garbage collection can fall into one of them.
    turns = [await _longest_turn(signed_in(verb, path.format(cluster), body)) for _ in range(5)]
    assert min(turns) < 0.01
