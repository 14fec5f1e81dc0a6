"""The routes on a real Jupyter server: who is let in, what is answered, and that openapi.json says the same.

Run with `-p pytest_jupyter.jupyter_server -m server`: loaded for other tests too, that plugin would make a server and a
loop for each of them.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from support.emulated import EmulatorTransport
from support.world import EmulatedEnvironment, fits
from tornado.httpclient import HTTPResponse

from kusto_magic.errors import (
    BuildFailed,
    Forbidden,
    KustoImageError,
    NotFound,
    ServiceFault,
    SignInFailed,
    Throttled,
    Unreachable,
)
from kusto_magic.models.image import ImageSpec
from kusto_magic.server import handlers as routes
from kusto_magic.server.build_watcher import BuildWatcher
from kusto_magic.server.clusters import with_id

pytestmark = pytest.mark.server

Fetch = Callable[..., Awaitable[HTTPResponse]]
DESCRIPTION: dict[str, Any] = json.loads(
    (resources.files("kusto_magic.server") / "openapi.json").read_text(encoding="utf-8")
)
VERBS = ("get", "put", "post", "delete", "patch")
WALK = [(route, verb.upper()) for route, said in DESCRIPTION["paths"].items() for verb in said if verb in VERBS]
each_route = pytest.mark.parametrize(("route", "verb"), WALK, ids=lambda it: it.strip("/").replace("/", "-"))
SPEC = {"base": "Python3_11_7", "requirements": "humanize\n"}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[EmulatedEnvironment]:
    made = EmulatedEnvironment(tmp_path, fits, EmulatorTransport())
    yield made
    made.close()


@pytest.fixture
def cluster(world: EmulatedEnvironment) -> str:
    return with_id(world.target).id


@pytest.fixture
def fetch(jp_serverapp: Any, http_server_client: Any, jp_base_url: str, world: EmulatedEnvironment) -> Fetch:
    """Return a function that sends a request without anything that signs it in."""
    looker = BuildWatcher(world.builds(), sources=[lambda: world.target], clock=world.clock)
    routes.add_routes(jp_serverapp.web_app, jp_base_url, looker)

    def send(verb: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Awaitable[HTTPResponse]:
        text = body if isinstance(body, str | bytes) else None if body is None else json.dumps(body)
        sent = {"Content-Type": "application/json", **(headers or {})}
        url = f"{jp_base_url}kusto-magic/v1{path}"
        answer: Awaitable[HTTPResponse] = http_server_client.fetch(
            url, method=verb, body=text, headers=sent, allow_nonstandard_methods=True, raise_error=False
        )
        return answer

    return send


@pytest.fixture
def ask(fetch: Fetch, jp_auth_header: dict[str, str]) -> Fetch:
    """Return a function that sends a request as the signed-in user."""
    return lambda verb, path, body=None: fetch(verb, path, body, dict(jp_auth_header))


def _filled(route: str, cluster: str) -> str:
    return route.format(cluster=cluster, name="img", build="0" * 32)


def _checked(answer: HTTPResponse, route: str, verb: str) -> Any:
    """Return the answer's JSON, which is as openapi.json describes it."""
    said = DESCRIPTION["paths"][route][verb.lower()]["responses"]
    [(kind, content)] = said.get(str(answer.code), said["default"])["content"].items()
    assert answer.headers["Content-Type"].startswith(kind)
    document = json.loads(answer.body)
    jsonschema.validate(document, {**content["schema"], "components": DESCRIPTION["components"]})
    return document


# ── who is let in ────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_description_has_every_route_and_verb() -> None:
    have = {
        (route, verb.upper())
        for route, handler in routes.ROUTES.items()
        for verb in VERBS
        if getattr(handler, verb) is not getattr(routes.BaseHandler, verb)
    }
    assert have == set(WALK)


@each_route
@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "token wrong"}, {"Authorization": "Bearer wrong"}],
    ids=["none", "wrong", "bearer"],
)
async def test_without_the_right_token_nothing_is_told(
    fetch: Fetch, cluster: str, world: EmulatedEnvironment, route: str, verb: str, headers: dict[str, str]
) -> None:
    answer = await fetch(verb, _filled(route, cluster), SPEC if verb in ("PUT", "POST") else None, headers)
    assert answer.code == 403
    assert _checked(answer, route, verb).keys() <= {"type", "title", "status", "detail"}
    assert world.builds().history.recent() == []


@each_route
async def test_a_foreign_origin_is_refused(
    fetch: Fetch, cluster: str, world: EmulatedEnvironment, route: str, verb: str, jp_serverapp: Any
) -> None:
    cookie = await _sign_in(fetch, jp_serverapp)
    headers = {"Origin": "https://evil.example", "Cookie": cookie}
    answer = await fetch(verb, _filled(route, cluster), SPEC if verb in ("PUT", "POST") else None, headers)
    assert answer.code in (403, 404)
    assert b"revision" not in answer.body
    assert world.builds().history.recent() == []


@each_route
async def test_a_foreign_host_is_refused(
    fetch: Fetch, cluster: str, route: str, verb: str, jp_auth_header: dict[str, str]
) -> None:
    headers = {"Host": "evil.example", **jp_auth_header}
    answer = await fetch(verb, _filled(route, cluster), SPEC if verb in ("PUT", "POST") else None, headers)
    assert answer.code == 403


@pytest.mark.parametrize(("route", "verb"), [pair for pair in WALK if pair[1] != "GET"])
async def test_a_cookie_alone_changes_nothing(
    fetch: Fetch, cluster: str, world: EmulatedEnvironment, route: str, verb: str, jp_serverapp: Any
) -> None:
    headers = {"Cookie": await _sign_in(fetch, jp_serverapp)}
    answer = await fetch(verb, _filled(route, cluster), SPEC if verb in ("PUT", "POST") else None, headers)
    assert answer.code == 403
    assert "_xsrf" in json.loads(answer.body)["detail"]
    assert world.builds().history.recent() == []


async def test_the_cookie_alone_may_read(fetch: Fetch, jp_serverapp: Any) -> None:
    answer = await fetch("GET", "/clusters", None, {"Cookie": await _sign_in(fetch, jp_serverapp)})
    assert answer.code == 200


async def _sign_in(fetch: Fetch, server: Any) -> str:
    """Sign in as a browser does, and return its cookie."""
    answer = await fetch("GET", f"/clusters?token={server.identity_provider.token}")
    return "; ".join(found.split(";")[0] for found in answer.headers.get_list("Set-Cookie"))


@pytest.mark.parametrize("jp_server_config", [{"ServerApp": {"allow_unauthenticated_access": False}}])
def test_no_route_is_left_open_where_that_is_forbidden(
    jp_serverapp: Any, jp_base_url: str, caplog: pytest.LogCaptureFixture, world: EmulatedEnvironment
) -> None:
    """jupyter_server warns of every verb without a decorator; warnings are errors here."""
    routes.add_routes(jp_serverapp.web_app, jp_base_url, BuildWatcher(world.builds(), sources=[]))
    assert "without @" not in caplog.text


@pytest.mark.parametrize(
    "jp_server_config", [{"ServerApp": {"jpserver_extensions": {"kusto_magic": True}}}], ids=["enabled"]
)
async def test_jupyter_loads_it_by_the_name_of_the_package(jp_serverapp: Any, jp_fetch: Fetch) -> None:
    answer = await jp_fetch("kusto-magic", "v1", "bases")
    assert json.loads(answer.body)["bases"][0]["name"] == "Python3_11_7"


# ── what is answered ─────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_image_is_made_followed_listed_and_deleted(ask: Fetch, cluster: str) -> None:
    path, route = f"/clusters/{cluster}/images/img", "/clusters/{cluster}/images/{name}"
    begun = await ask("PUT", path, SPEC)
    assert begun.code == 202
    build = _checked(begun, route, "PUT")
    assert (build["card"]["image"], build["clusterId"]) == ("img", cluster)
    ended = await _until_ended(ask)
    assert ended[0]["card"]["state"] == "Succeeded"
    listed = await ask("GET", f"/clusters/{cluster}/images")
    [image] = _checked(listed, "/clusters/{cluster}/images", "GET")["images"]
    assert (image["name"], image["state"], image["build"]) == ("img", "Succeeded", build["card"]["id"])
    one = await ask("GET", f"/builds/{build['card']['id']}")
    assert _checked(one, "/builds/{build}", "GET")["card"]["requirements"] == "humanize\n"
    gone = await ask("DELETE", path)
    assert gone.code == 202
    ended = await _until_ended(ask)
    assert [build["card"]["state"] for build in ended] == ["Deleted", "Succeeded"]
    assert (
        _checked(await ask("GET", f"/clusters/{cluster}/images"), "/clusters/{cluster}/images", "GET")["images"] == []
    )


async def test_the_builds_of_a_fleet_say_what_they_have_in_common(ask: Fetch, world: EmulatedEnvironment) -> None:
    builds = world.builds()
    spec = ImageSpec("humanize", base_image="Python3_11_7")
    fleet = builds.start_fleet([world.target, replace(world.target, cluster="nosuchcluster")], "img", spec)
    builds.start(world.target, "alone", spec, queue=True)
    ended = await _until_ended(ask)
    assert [it["card"].get("fleet") for it in ended] == [None, fleet.id, fleet.id]


async def test_an_image_is_enabled_and_is_then_the_active_one(ask: Fetch, cluster: str) -> None:
    path, listing = f"/clusters/{cluster}/active", "/clusters/{cluster}/images"
    assert _checked(await ask("GET", f"/clusters/{cluster}/images"), listing, "GET")["active"] == ""
    await ask("PUT", f"/clusters/{cluster}/images/img", SPEC)
    await _until_ended(ask)
    begun = await ask("PUT", path, {"image": "img"})
    assert begun.code == 202
    assert _checked(begun, "/clusters/{cluster}/active", "PUT")["card"]["action"] == "enable"
    ended = await _until_ended(ask)
    assert [(it["card"]["action"], it["card"]["state"]) for it in ended] == [
        ("enable", "Succeeded"),
        ("build", "Succeeded"),
    ]
    assert _checked(await ask("GET", f"/clusters/{cluster}/images"), listing, "GET")["active"] == "img"


@pytest.mark.parametrize("body", [{}, {"image": ""}, {"image": 3}, {"image": "a/b"}, {"image": "img", "base": "x"}, []])
async def test_what_is_no_image_is_not_enabled(ask: Fetch, cluster: str, world: EmulatedEnvironment, body: Any) -> None:
    answer = await ask("PUT", f"/clusters/{cluster}/active", body)
    told = _checked(answer, "/clusters/{cluster}/active", "PUT")
    assert (answer.code, told["code"]) == (400, "InvalidInput")
    assert world.builds().history.recent() == []


async def _until_ended(ask: Fetch) -> list[dict[str, Any]]:
    revision = 0
    for _ in range(1000):
        answer = _checked(await ask("GET", f"/builds?after={revision}&wait=10"), "/builds", "GET")
        revision = answer["revision"]
        if not any(build["active"] for build in answer["builds"]):
            builds: list[dict[str, Any]] = answer["builds"]
            return builds
    raise AssertionError("it does not end")


async def test_clusters_bases_and_packages(ask: Fetch, cluster: str) -> None:
    found = _checked(await ask("GET", "/clusters"), "/clusters", "GET")["clusters"]
    assert [(it["id"], it["emulator"]) for it in found] == [(cluster, True)]
    assert "http" not in json.dumps(found)
    bases = _checked(await ask("GET", "/bases"), "/bases", "GET")["bases"]
    assert {"Python3_11_7", "Python3_10_8"} <= {base["name"] for base in bases}
    packages = _checked(await ask("GET", "/packages"), "/packages", "GET")["packages"]
    assert {"numpy", "pandas"} <= set(packages)
    assert packages == sorted(packages)


async def test_a_text_is_checked_by_the_kernels_own_rules(ask: Fetch) -> None:
    from kusto_magic.requirements import parser as requirements

    text = "numpy\nrequests=1.0\n-r more.txt\n"
    answer = await ask("POST", "/requirements", {"text": text})
    told = _checked(answer, "/requirements", "POST")["problems"]
    assert told == [{"field": it.field, "line": it.line, "message": it.message} for it in requirements.problems(text)]
    assert [it["line"] for it in told] == [2, 3]
    index = {"text": "--index-url https://pypi.example/simple\nnumpy"}
    assert _checked(await ask("POST", "/requirements", index), "/requirements", "POST")["problems"]
    allowed = await ask("POST", "/requirements", {**index, "allowIndexOptions": True})
    assert _checked(allowed, "/requirements", "POST")["problems"] == []


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"base": "Python3_11_7", "requirements": "requests=1.0"}, "'=' is no comparison"),
        ({"base": "Python3_11_7", "python": "3.10.8", "requirements": "numpy"}, "not both"),
        ({"requirements": "numpy"}, "name a base image"),
        ({"base": 3, "requirements": "numpy"}, "no image name"),
        ({"base": "Python3_11_7", "requirements": 3}, "a text is wanted"),
        ({"base": "Python3_11_7"}, "names no package"),
        ({**SPEC, "endpoint": "https://evil.example"}, "without 'endpoint'"),
        ("[]", "is an object with"),
        ("{", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        (b"\xff", "is no JSON"),
    ],
)
async def test_wrong_input_is_refused_with_its_problems(ask: Fetch, cluster: str, body: Any, words: str) -> None:
    answer = await ask("PUT", f"/clusters/{cluster}/images/img", body)
    told = _checked(answer, "/clusters/{cluster}/images/{name}", "PUT")
    assert (answer.code, told["code"]) == (400, "InvalidInput")
    assert words in told["problems"][0]["message"]


async def test_names_and_ids_that_are_none(ask: Fetch, cluster: str, world: EmulatedEnvironment) -> None:
    for name in ("%2e%2e", "a%2fb", "Python3_11_7", "x" * 500, "%0d%0aa"):
        answer = await ask("PUT", f"/clusters/{cluster}/images/{name}", SPEC)
        assert answer.code in (400, 404), name
    for path in ("/clusters/0000000000000000/images", "/clusters/http:%2f%2f169.254.169.254/images", "/builds/1"):
        answer = await ask("GET", path)
        assert answer.code == 404
    assert world.builds().history.recent() == []


async def test_a_body_that_is_too_large(ask: Fetch, cluster: str) -> None:
    answer = await ask("PUT", f"/clusters/{cluster}/images/img", "x" * (routes.MAX_BODY_SIZE + 1))
    assert answer.code == 413
    assert answer.headers["Content-Type"].startswith(routes.PROBLEM_TYPE)


@pytest.mark.parametrize("query", ["after=x", "wait=nan", "wait=inf", "after=1e99"])
async def test_numbers_that_are_none(ask: Fetch, query: str) -> None:
    assert (await ask("GET", f"/builds?{query}")).code == 400


FAULT = ServiceFault("TheCode", "the words", request_id="the-request")


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (NotFound("gone", status=404, fault=FAULT), 404, "TheCode"),
        (Throttled("slow down", status=429, fault=FAULT), 429, "TheCode"),
        (Forbidden("not you", status=403, fault=FAULT), 502, "TheCode"),  # not 403: that is Jupyter's own
        (SignInFailed("no token", next_step="az login"), 502, "SignInFailed"),
        (Unreachable("silence"), 504, "Unreachable"),
        (BuildFailed("broke", operation=None, fault=FAULT), 500, "TheCode"),
    ],
    ids=lambda it: type(it).__name__ if isinstance(it, Exception) else str(it),
)
async def test_what_azure_refuses_comes_with_its_code(
    jp_serverapp: Any, http_server_client: Any, jp_auth_header: dict[str, str], error: KustoImageError, status: int,
    code: str, jp_base_url: str, caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    class Failing(BuildWatcher):
        async def clusters(self) -> Any:
            raise error

    routes.add_routes(jp_serverapp.web_app, jp_base_url, Failing(None))  # type: ignore[arg-type]
    with caplog.at_level(logging.DEBUG):
        answer = await http_server_client.fetch(
            f"{jp_base_url}kusto-magic/v1/clusters", headers=jp_auth_header, raise_error=False
        )
    told = _checked(answer, "/clusters", "GET")
    assert (answer.code, told["status"], told["code"], told["title"]) == (status, status, code, type(error).__name__)
    assert told["detail"].startswith(error.what)
    assert "Traceback" not in caplog.text


async def test_a_mistake_of_ours_tells_nothing(
    jp_serverapp: Any, http_server_client: Any, jp_auth_header: dict[str, str], jp_base_url: str
) -> None:
    class Broken(BuildWatcher):
        async def clusters(self) -> Any:
            raise RuntimeError("secret words")

    routes.add_routes(jp_serverapp.web_app, jp_base_url, Broken(None))  # type: ignore[arg-type]
    url = f"{jp_base_url}kusto-magic/v1/clusters"
    answer = await http_server_client.fetch(url, headers=jp_auth_header, raise_error=False)
    assert answer.code == 500
    assert b"secret words" not in answer.body
    assert not re.search(rb"Traceback|\.py", answer.body)


async def test_asking_is_no_activity_but_a_change_is(ask: Fetch, jp_serverapp: Any, cluster: str) -> None:
    began = jp_serverapp.web_app.settings.get("api_last_activity")
    await ask("GET", "/builds")
    assert jp_serverapp.web_app.settings.get("api_last_activity") == began
    await ask("PUT", f"/clusters/{cluster}/images/img", SPEC)
    assert jp_serverapp.web_app.settings.get("api_last_activity") != began
