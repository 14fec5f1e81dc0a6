from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any
from urllib.parse import quote, unquote, urljoin, urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.arm_responses import CLUSTER_PATH, SPEC, SUBSCRIPTION, TARGET, image_resource

from kusto_magic.errors import InvalidInputError
from kusto_magic.hints import Hint, HintKind
from kusto_magic.models.endpoint import CLOUDS, endpoint_problem, is_loopback
from kusto_magic.models.image import UNREADABLE_STATE, Image, ImageSpec
from kusto_magic.models.managed_images import MANAGED_IMAGES
from kusto_magic.models.naming import (
    base_image_problem,
    build_name_problem,
    cluster_problem,
    existing_image_problem,
    image_name_problem,
    python_version_problem,
    resource_group_problem,
    subscription_problem,
)
from kusto_magic.models.target import Target

HOSTILE: list[Any] = [
    "", " ", ".", "..", "...", "../..", "a/b", "/", "a\\b", "a?b", "?", "a#b", "#", "%2e%2e", "%2F", "a%00", "{x}", "*",
    "a\r\nHost: x", "a\n", "\n", "a\0", "\0", "\t", "a b", " a", "a ", "ａｂｃ", "ﬁle", "a\u202eb", "\u200b", "a\ufeff",
    "\ud800", "x" * 500, "${HOME}", "$(id)", "`id`", "a;b", "a&b", "a=b", "a,b", "a:b", "a@b", "a|b", "a'b", 'a"b',
    "<script>", "~", "https://evil.example/a", "//evil.example", "a+b", "é\u0301", None, 5, b"img", ["img"], True,
]  # fmt: skip

RULES: dict[str, Callable[[object], str]] = {
    "subscription": subscription_problem,
    "cluster": cluster_problem,
    "image": image_name_problem,
    "version": python_version_problem,
    "resource group": resource_group_problem,
    "endpoint": endpoint_problem,
}


EXISTING_IMAGE_RULES: dict[str, Callable[[object], str]] = {
    "existing image": existing_image_problem,
    "base image": base_image_problem,
    "build": build_name_problem,
}
"""Rules for names of images that may have been made with another tool."""

NAMES_OF_OTHER_TOOLS = [
    "my image", ".hidden", "-flag", "größe", "資源", "Ünïcode image (2)", "x" * 100, "a" * 260, "3", "2024.11 forecast",
    "a+b", "a&b=c;d", "{x}", "${HOME}", "`id`", "a'b", 'a"b', "<script>", "~", "a:b", "a@b", "*", "a..b", "ａｂｃ",
]  # fmt: skip
"""Names that the service may take, which new images of this package cannot have."""


@pytest.mark.parametrize("value", NAMES_OF_OTHER_TOOLS)
@pytest.mark.parametrize("rule", EXISTING_IMAGE_RULES)
def test_name_of_another_tool_can_be_addressed_but_not_created(rule: str, value: str) -> None:
    assert EXISTING_IMAGE_RULES[rule](value) == ""
    assert image_name_problem(value) or value in ("x" * 100, "3", "a..b")


@pytest.mark.parametrize("value", [value for value in HOSTILE if value not in NAMES_OF_OTHER_TOOLS], ids=ascii)
@pytest.mark.parametrize("rule", EXISTING_IMAGE_RULES)
def test_unsafe_name_cannot_be_addressed(rule: str, value: object) -> None:
    problem = EXISTING_IMAGE_RULES[rule](value)
    if value in ("a b", "ﬁle", "$(id)", "a;b", "a&b", "a=b", "a,b", "a|b", "é\u0301"):  # unusual, but one path segment
        assert problem == ""
        return
    assert "valid image name" in problem
    assert len(problem) < 200
    assert problem.replace("…", "").replace("–", "").isascii()


@given(value=st.text(max_size=40))
def test_addressable_name_is_one_path_segment_after_quoting(value: str) -> None:
    if existing_image_problem(value):
        return
    prefix = "https://management.azure.com/subscriptions/s/sandboxCustomImages/"
    for parse in (lambda url: urlsplit(url).path, lambda url: httpx.URL(url).path, lambda url: urljoin(url, "")):
        assert unquote(parse(prefix + quote(value, safe=""))).endswith(f"/sandboxCustomImages/{value}")
    assert not set(value) & set("/\\?#%\r\n\0")


@pytest.mark.parametrize("name", ["Python3_10_8", "PYTHON3_11_7_DL", "PythonCustomImage", "R"])
def test_reserved_name_can_be_addressed_but_not_built(name: str) -> None:
    assert existing_image_problem(name) == ""
    assert "shipped by Azure" in build_name_problem(name)


@pytest.mark.parametrize("value", HOSTILE, ids=ascii)
@pytest.mark.parametrize("rule", RULES)
def test_hostile_value_breaks_the_rule_of_its_field(rule: str, value: object) -> None:
    problem = RULES[rule](value)
    assert problem
    assert len(problem) < 200
    # The value is escaped: only the characters of the message itself are not ASCII.
    assert problem.replace("…", "").replace("–", "").isascii()
    assert "\n" not in problem


@given(value=st.text(max_size=40))
def test_valid_names_are_one_path_segment(value: str) -> None:
    for rule in ("subscription", "cluster", "image", "version", "resource group"):
        if not RULES[rule](value):
            assert value not in ("", ".", "..")
            assert not set(value) & set("/\\?#%@:;&=+ \r\n\t\0")


GOOD = {
    "subscription": [SUBSCRIPTION, "ABCDEF01-89ab-cdef-0123-456789ABCDEF"],
    "cluster": ["kustoCluster", "c1", "my-cluster-1", "a" * 22],
    "image": ["img", "test_image", "3.11.7-prophet", "_x", "A", "tmp1", "a" * 128, "python3117"],
    "base image": [*MANAGED_IMAGES, "customImage1", "test_image"],
    "version": ["3.10.8", "3.9.7", "3.11.7", "3.9.16"],
    "resource group": ["rg", "my_rg-(1).x", "kustorptest", "größe", "資源", "a" * 90],
    "endpoint": [*(cloud.endpoint for cloud in CLOUDS.values()), "https://arm.corp.example", "http://127.0.0.1:8041",
                 "http://localhost:1/", "http://[::1]:8041", "https://management.azure.com/"],
}  # fmt: skip


ALL_RULES = RULES | EXISTING_IMAGE_RULES


@pytest.mark.parametrize(("rule", "value"), [(rule, value) for rule, values in GOOD.items() for value in values])
def test_valid_value_has_no_problem(rule: str, value: str) -> None:
    assert ALL_RULES[rule](value) == ""


BAD = {
    "subscription": [SUBSCRIPTION[:-1], f"{{{SUBSCRIPTION}}}", f"{SUBSCRIPTION} ", SUBSCRIPTION.replace("-", "")],
    "cluster": ["1cluster", "a", "-a", "a_b", "a.b", "c.westus.kusto.windows.net", "a" * 63],
    "image": [".hidden", "-flag", "--help", "a" * 129, "Python3_10_8", "PYTHON3_11_7_DL", "PythonCustomImage", "R"],
    "base image": ["python3_10_8", "PythonCustomImage", "a/b", "r"],
    "version": ["3", "3.10", "3.10.8.1", "2.7.18", "3.10.x", "v3.10.8", "3.10.8 ", "３.10.8", "3.100.8"],
    "resource group": ["rg.", "x" * 91, "a\u0301", "²", "a!b"],
    "endpoint": [
        "http://management.azure.com", "http://10.0.0.1", "http://localhost.evil.example", "http://127.0.0.1.evil.example",
        "https://user@management.azure.com", "https://user:pw@management.azure.com", "https://@management.azure.com",
        "https://management.azure.com/subscriptions", "https://management.azure.com?x", "https://management.azure.com/#",
        "https://management.azure.com.evil.example", "https://evil-management.azure.com", "https://xmanagement.azure.com",
        "https://management.azure.com:0", "https://management.azure.com:99999", "https://management.azure.com:x",
        "https://management.azure.com.", "https://<script>", "https://{x}", "https://a..b", "https://-a.example", "https://%61",
        "https://[::1", "https://[evil]", "ftp://management.azure.com", "file:///etc/passwd", "javascript:alert(1)",
        "management.azure.com", "https:management.azure.com", "https:///x", "https://", "//management.azure.com",
    ],
}  # fmt: skip


@pytest.mark.parametrize(("rule", "value"), [(rule, value) for rule, values in BAD.items() for value in values])
def test_invalid_value_has_a_problem(rule: str, value: str) -> None:
    assert ALL_RULES[rule](value)


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1", "127.8.8.8", "::1"], ids=["name", "address", "network", "IPv6"]
)
def test_is_loopback_is_true_for_loopback_hosts(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["localhost.evil.example", "127.1", "0", "0.0.0.0", "2130706433", "0x7f.1", "::", ""])  # noqa: S104
def test_is_loopback_is_false_for_other_hosts(host: str) -> None:
    assert not is_loopback(host)


# ── Target ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_target_raises_invalid_input_with_every_problem() -> None:
    started = time.thread_time()
    with pytest.raises(InvalidInputError) as caught:
        Target("nope", "rg.", "a/b", "http://evil.example")
    assert time.thread_time() - started < 0.05
    assert [problem.field for problem in caught.value.problems] == [
        "subscription",
        "resource group",
        "cluster",
        "endpoint",
    ]
    assert "nothing was sent" in str(caught.value)


def test_problem_repeats_at_most_60_characters() -> None:
    assert "x" * 57 in image_name_problem("x" * 500)
    assert "x" * 60 not in image_name_problem("x" * 500)


@pytest.mark.parametrize("cloud", CLOUDS.values(), ids=CLOUDS.keys())
def test_target_has_the_scope_of_its_cloud(cloud: Any) -> None:
    for endpoint in (cloud.endpoint, cloud.endpoint + "/"):
        target = Target(SUBSCRIPTION, "rg", "cluster", endpoint)
        assert (target.endpoint, target.scope, target.is_local) == (cloud.endpoint, cloud.scope, False)


def test_target_with_another_endpoint_has_its_own_scope() -> None:
    local = Target(SUBSCRIPTION, "rg", "cluster", "http://127.0.0.1:8041")
    assert (local.scope, local.is_local) == ("http://127.0.0.1:8041/.default", True)
    assert Target(SUBSCRIPTION, "rg", "cluster", scope="x/.default").scope == "x/.default"


def test_cluster_id_is_the_request_path() -> None:
    assert TARGET.cluster_id == CLUSTER_PATH


# ── ImageSpec ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_to_body_contains_the_text_byte_for_byte() -> None:
    text = 'Requests==2.26.0\r\n urllib3 # größe "q" \\ 日本\n\n\tPyTest==1.23.4\n'
    body = ImageSpec(text, python_version="3.10.8").to_body()
    assert json.loads(body)["properties"]["requirementsFileContent"] == text
    assert (
        body
        == (
            '{"properties":{"language":"Python","languageVersion":"3.10.8","requirementsFileContent":'
            '"Requests==2.26.0\\r\\n urllib3 # größe \\"q\\" \\\\ 日本\\n\\n\\tPyTest==1.23.4\\n"}}'
        ).encode()
    )


def test_to_body_contains_either_base_or_version() -> None:
    assert b"languageVersion" not in ImageSpec("numpy", base_image="Python3_10_8").to_body()
    assert b"baseImageName" not in ImageSpec("numpy", python_version="3.10.8").to_body()


@given(text=st.text(max_size=60))
def test_spec_raises_invalid_input_or_can_be_sent(text: str) -> None:
    try:
        spec = ImageSpec(text, base_image="Python3_10_8")
    except InvalidInputError as refused:
        assert refused.problems  # noqa: PT017
        return
    assert json.loads(spec.to_body())["properties"]["requirementsFileContent"] == text


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({}, "base"),
        ({"base_image": "Python3_10_8", "python_version": "3.10.8"}, "base"),
        ({"base_image": "a/b"}, "base image"),
        ({"base_image": ""}, "base image"),
        ({"python_version": "3.10"}, "Python version"),
        ({"python_version": ""}, "Python version"),
    ],
)
def test_spec_raises_for_base_and_text_at_once(options: dict[str, str], field: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        ImageSpec("numpy=1", **options)  # type: ignore[arg-type]
    assert [problem.field for problem in caught.value.problems] == [field, "requirements"]


def test_base_label_is_image_or_version() -> None:
    assert ImageSpec("numpy", base_image="Python3_10_8").base_label == "Python3_10_8"
    assert SPEC.base_label == "Python 3.10.8"
    assert Image("img").base_label == ""
    assert Image("img", language_version="3.9.7").base_label == "Python 3.9.7"


# ── Image ────────────────────────────────────────────────────────────────────────────────────────────────────────

SEEN = {
    "id": "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Kusto/Clusters/c/SandboxCustomImages/testimage",
    "name": "c/testimage",
    "type": "Microsoft.Kusto/Clusters/SandboxCustomImages",
    "properties": {
        "language": "PYTHON",
        "languageVersion": "3.10.8",
        "requirementsFileContent": "Requests\n urllib3",
        "provisioningState": "Succeeded",
    },
}


def test_image_from_json_reads_a_recorded_image() -> None:
    assert Image.from_json(SEEN) == Image("testimage", "PYTHON", "3.10.8", "", "Requests\n urllib3", "Succeeded")
    assert Image.from_json({**SEEN, "displayName": "testimage", "systemData": {}}).name == "testimage"


READ: dict[str, tuple[dict[str, Any], Image]] = {
    "no name": ({"id": "/a/b/img"}, Image("img")),
    "name of another type": ({"id": "/a/b/img", "name": 5}, Image("img")),
    "plain name": ({"name": "img", "properties": {}}, Image("img")),
    "null properties": ({"id": "/a/img", "properties": None}, Image("img")),
    "null members": (
        {"id": "/a/img", "properties": {"language": None, "languageVersion": 3, "baseImageName": ["x"]}},
        Image("img"),
    ),
    "a base": ({"name": "c/img", "properties": {"baseImageName": "base"}}, Image("img", base_image="base")),
    "another state": ({"name": "c/img", "properties": {"provisioningState": "Moved"}}, Image("img", state="Moved")),
}  # fmt: skip


@pytest.mark.parametrize(("document", "read"), READ.values(), ids=READ.keys())
def test_image_from_json_leaves_omitted_values_empty(document: dict[str, Any], read: Image) -> None:
    assert Image.from_json(document) == read


@pytest.mark.parametrize("state", [None, "", 0, 1, True, [], {}, ["Succeeded"]])
def test_image_from_json_distinguishes_unreadable_from_missing_state(state: object) -> None:
    assert Image.from_json(image_resource(provisioningState=state)).state == UNREADABLE_STATE
    assert Image.from_json(image_resource(None)).state == ""


@pytest.mark.parametrize("document", [None, [], "x", 5, {}, {"id": 5}, {"error": {"code": "X"}}, {"properties": []}])
def test_image_from_json_raises_value_error(document: object) -> None:
    with pytest.raises(ValueError, match="JSON object"):
        Image.from_json(document)


DIFFERENCES: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "the same": ({}, ()),
    "another text": ({"requirementsFileContent": "numpy"}, ("requirements",)),
    "no final newline": ({"requirementsFileContent": "Pillow\n"}, ()),
    "another language": ({"language": "R"}, ("language",)),
    "another blank": ({"requirementsFileContent": "Pillow "}, ("requirements",)),
    "another version": ({"languageVersion": "3.9.7"}, ("Python version",)),
    "both": (
        {"languageVersion": "3.9.7", "requirementsFileContent": "numpy"},
        ("Python version", "requirements"),
    ),
    "the language in capitals": ({"language": "PYTHON"}, ()),
    "left out": ({"languageVersion": None, "requirementsFileContent": None}, ()),
    "a base besides": ({"baseImageName": "Python3_10_8"}, ()),
}  # fmt: skip


@pytest.mark.parametrize(("shown", "fields"), DIFFERENCES.values(), ids=DIFFERENCES.keys())
def test_differences_names_the_differing_properties(shown: dict[str, Any], fields: tuple[str]) -> None:
    assert Image.from_json(image_resource(**shown)).differences(SPEC) == fields


def test_differences_compares_base_images_without_case() -> None:
    spec = ImageSpec("Pillow", base_image="customImage1")
    assert Image("img", base_image="CustomImage1", requirements="Pillow").differences(spec) == ()
    assert Image("img", base_image="customImage2", requirements="Pillow").differences(spec) == ("base image",)


LINES = "numpy==1.26.4\nPillow\n"
SAME_LINES = [
    "numpy==1.26.4\nPillow",
    "numpy==1.26.4\r\nPillow\r\n",
    "numpy==1.26.4\r\nPillow",
    "numpy==1.26.4\rPillow\r",
]
OTHER_LINES = [
    "numpy==1.26.4\nPillow\n\n", "\nnumpy==1.26.4\nPillow\n", "numpy==1.26.4\n\nPillow\n", "numpy==1.26.4\nPillow \n",
    "numpy==1.26.4\nPillow\n# a comment\n", "Pillow\nnumpy==1.26.4\n", "numpy==1.26.4 Pillow\n",
    "numpy==1.26.4\npillow\n",
]  # fmt: skip


@pytest.mark.parametrize("stored", [LINES, *SAME_LINES])
@pytest.mark.parametrize("sent", [LINES, *SAME_LINES])
def test_final_newline_and_line_endings_are_no_difference(stored: str, sent: str) -> None:
    image, spec = Image("img", base_image="Python3_10_8", requirements=stored), ImageSpec(sent, "Python3_10_8")
    assert image.matches(spec)
    assert image.differences(spec) == ()


@pytest.mark.parametrize("stored", OTHER_LINES)
def test_every_other_change_of_the_text_is_a_difference(stored: str) -> None:
    image, spec = Image("img", base_image="Python3_10_8", requirements=stored), ImageSpec(LINES, "Python3_10_8")
    assert not image.matches(spec)
    assert image.differences(spec) == ("requirements",)


def test_image_of_another_language_does_not_match() -> None:
    spec = ImageSpec("numpy", base_image="Python3_10_8")
    image = Image("img", "PYTHON", base_image="Python3_10_8", requirements="numpy")
    assert image.matches(spec)
    assert not replace(image, language="R").matches(spec)


# ── images made with other tools ─────────────────────────────────────────────────────────────────────────────────

HASHED = "numpy==1.26.4 \\\n    --hash=sha256:0a1b \\\n    --hash=sha256:2c3d\n-r more.txt\nPillow --hash sha512:ff\n"
OTHER_TEXTS: list[Any] = [
    None, "", "\n", 5, ["numpy"], {}, HASHED, "-r more.txt\n", "--index-url https://user:pw@index.example/\n",
    "\0\x1b[2J", "git+https://host.example/repo", "./wheel.whl", "x" * 200_000, "numpy\n" * 500, "\ud800", "=" * 600,
]  # fmt: skip


@pytest.mark.parametrize("text", OTHER_TEXTS, ids=lambda text: ascii(text)[:30])
@pytest.mark.parametrize("language", ["Python", "PYTHON", "R", "", None, 5])
def test_image_of_another_tool_is_read_and_every_method_returns_or_raises_invalid_input(
    text: object, language: object
) -> None:
    image = Image.from_json(image_resource(requirementsFileContent=text, language=language))
    assert image.requirements == (text if isinstance(text, str) else "")
    assert image.differences(SPEC) is not None
    assert image.matches(SPEC) is False
    for method in (image.to_spec, image.readable_spec):
        with suppress(InvalidInputError):
            assert isinstance(method(), ImageSpec)


def test_readable_spec_has_the_package_lines_at_their_line_numbers() -> None:
    image = Image("img", base_image="Python3_10_8", requirements=HASHED)
    with pytest.raises(InvalidInputError, match="--hash"):
        image.to_spec()
    assert image.readable_spec().requirements == "numpy==1.26.4\n\n\n\nPillow\n"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"language": "R"}, "its language is 'R'"),
        ({"base_image": ""}, "specify a base image"),
        ({"requirements": "-r more.txt\n"}, "-r: "),
    ],
)
def test_readable_spec_raises_if_nothing_can_be_checked(change: dict[str, str], message: str) -> None:
    image = Image("img", base_image="Python3_10_8", requirements="numpy\n")
    with pytest.raises(InvalidInputError, match=message):
        replace(image, **change).readable_spec()


# ── an image of its base alone ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("base", [{"base_image": "Python3_10_8"}, {"python_version": "3.10.8"}])
def test_spec_without_packages_is_valid_only_if_allowed(base: dict[str, str]) -> None:
    with pytest.raises(InvalidInputError) as refused:
        ImageSpec("", **base)  # type: ignore[arg-type]
    assert [problem.hint for problem in refused.value.problems] == [Hint(HintKind.ALLOW_NO_PACKAGES)]
    spec = ImageSpec("", **base, allow_no_packages=True)  # type: ignore[arg-type]
    assert json.loads(spec.to_body())["properties"]["requirementsFileContent"] == ""
    assert not spec.has_packages
    with pytest.raises(InvalidInputError) as refused:
        ImageSpec("", allow_no_packages=True)
    assert [problem.hint for problem in refused.value.problems] == [Hint(HintKind.CHOOSE_BASE_IMAGE)]


def test_image_without_requirements_matches_a_spec_without_packages() -> None:
    spec = ImageSpec("", base_image="Python3_10_8", allow_no_packages=True)
    image = Image("img", base_image="Python3_10_8")
    assert image.matches(spec)
    assert image.to_spec() == spec
    assert replace(image, requirements="numpy").differences(spec) == ("requirements",)


def test_repr_of_an_image_omits_the_requirements() -> None:
    text = "--index-url https://user:hunter2@index.example/simple"
    assert "hunter2" not in repr(Image("img", requirements=text))
