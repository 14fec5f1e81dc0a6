"""`verify_image` with a scripted Resource Manager and a scripted cluster."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from support.arm_responses import TARGET
from support.scripted_cluster import TEXT, URI, Cluster, rows, service
from support.scripted_transport import CountingCredential, ScriptedTransport, open_client

from kusto_magic.errors import (
    ForbiddenError,
    NotActiveError,
    NotFoundError,
    QueryError,
    UnreachableError,
    UntrustedAddressError,
)
from kusto_magic.hints import Hint, HintKind
from kusto_magic.models import managed_packages
from kusto_magic.models.image import Image
from kusto_magic.models.verification import Difference, Expectation, ExpectationSource, ExpectedPackage, Verification
from kusto_magic.queries.verify import VerifyOptions, failure_of, verify_image
from kusto_magic.service_fault import ServiceFault

pytestmark = pytest.mark.asyncio

PLAN = Expectation(
    "3.10.8",
    (
        ExpectedPackage("numpy", "==1.26.4"),
        ExpectedPackage("humanize", "==4.9.0"),
        ExpectedPackage("six", "==1.16.0", direct=False),
    ),
    ExpectationSource.PLAN,
    datetime(2026, 11, 26, tzinfo=UTC),
)


Find = Callable[[Image], Awaitable[Expectation | None]]


async def planned(_image: Image) -> Expectation | None:
    return PLAN


async def unplanned(_image: Image) -> Expectation | None:
    return None


async def verified(
    arm: ScriptedTransport,
    cluster: Cluster,
    name: str = "img",
    *,
    plan: Find = planned,
    options: VerifyOptions = VerifyOptions(),  # noqa: B008 - frozen
) -> Verification:
    async with open_client(arm) as client:
        return await verify_image(client, name, plan, options, cluster)


async def test_image_is_compared_with_its_plan() -> None:
    cluster = Cluster(rows(six="1.16.0"))
    found = await verified(service(), cluster)
    assert found.succeeded
    assert (found.image, found.summary, found.database) == ("img", "3 of 3 packages are as planned", "Samples")
    assert [(it.database, it.is_management) for it in cluster.queries] == [("NetDefaultDB", True), ("Samples", False)]
    assert {it.uri for it in cluster.queries} == {URI}


@pytest.mark.parametrize(
    ("packages", "difference"),
    [
        ({"numpy": "2.0.0", "six": "1.16.0"}, Difference("numpy", "==1.26.4", "2.0.0")),
        ({}, Difference("six", "==1.16.0", None)),
    ],
)
async def test_changed_version_and_missing_package_are_found(packages: dict[str, Any], difference: Difference) -> None:
    found = await verified(service(), Cluster(rows(**packages)))
    assert found.differences == (difference,)
    assert not found.succeeded


async def test_image_without_a_plan_is_compared_with_its_requirements() -> None:
    found = await verified(service(), Cluster(), plan=unplanned)
    assert found.succeeded
    assert found.summary == "2 of 2 packages are as required", "a line with a marker may not apply"
    other = await verified(service(), Cluster(rows(humanize="3.0")), plan=unplanned)
    assert other.differences == (Difference("humanize", ">=4", "3.0"),)


async def test_lines_are_compared_as_the_sandbox_evaluates_them() -> None:
    text = "numpy; sys_platform == 'win32'\nsix; sys_platform == 'linux'\nhttps://host.example/a.whl\n"
    images = {"img": {"requirementsFileContent": text}}
    found = await verified(service(images=images), Cluster(), plan=unplanned)
    assert found.summary == "1 of 1 packages are as required, 1 lines not compared"


async def test_custom_images_below_are_part_of_what_is_expected() -> None:
    images: dict[str, Any] = {
        "img": {"requirementsFileContent": "humanize\n", "baseImageName": "lower", "languageVersion": None},
        "lower": {"requirementsFileContent": "numpy==1.26.4\nhumanize==1\nrich\n", "languageVersion": "3.10.8"},
    }
    found = await verified(service(images=images), Cluster(), plan=unplanned)
    assert found.differences == (Difference("rich", "", None),), "the image decides about humanize"
    assert found.expectation.python == "3.10.8"


async def test_image_that_is_being_built_again_is_remarked() -> None:
    images = {"img": {"requirementsFileContent": TEXT, "state": "Updating"}}
    found = await verified(service(images=images), Cluster(), plan=unplanned)
    assert found.expectation.remarks


async def test_python_version_comes_from_the_base_of_the_image() -> None:
    on_managed = {"img": {"baseImageName": "Python3_11_7", "requirementsFileContent": TEXT, "languageVersion": None}}
    found = await verified(service(images=on_managed), Cluster(rows("3.10.8", six="1.16.0")))
    assert (found.expectation.python, found.expectation.base) == ("3.11.7", "Python3_11_7")
    assert not found.is_python_right
    assert len(found.base_differences) > 100, "the scripted cluster has none of the packages of the base"


async def test_managed_image_is_compared_with_its_documentation() -> None:
    listed: dict[str, Any] = dict(managed_packages.packages("Python3_11_7"))
    found = await verified(service("Python3_11_7"), Cluster(rows("3.11.7", **listed)), "")
    assert found.succeeded
    assert found.summary == f"{len(listed)} of {len(listed)} packages are as documented"


async def test_managed_image_that_differs_is_not_to_be_built_again() -> None:
    found = await verified(service("Python3_11_7"), Cluster(rows("3.11.7")), "")
    failure = failure_of(found)
    assert failure is not None
    assert failure.what == "image 'Python3_11_7' is not as documented"
    assert failure.hint == Hint(HintKind.READ_BASE, "Python3_11_7")


async def test_direct_packages_are_imported_if_that_is_asked_for() -> None:
    cluster = Cluster(rows(imports={"numpy": "", "humanize": "ImportError: DLL load failed"}, six="1.16.0"))
    found = await verified(service(), cluster, options=VerifyOptions(imports=True))
    assert found.failed_imports == {"humanize": "ImportError: DLL load failed"}
    assert 'dynamic(["numpy", "humanize"])' in cluster.queries[-1].text
    assert "dynamic" not in (await _text_without_imports())


async def _text_without_imports() -> str:
    cluster = Cluster()
    await verified(service(), cluster)
    return cluster.queries[-1].text


async def test_named_database_is_used_without_a_list() -> None:
    cluster = Cluster()
    await verified(service(), cluster, options=VerifyOptions(database="Mine", timeout=7))
    assert [(it.database, it.timeout) for it in cluster.queries] == [("Mine", 7)]


@pytest.mark.parametrize("databases", [(), ("NetDefaultDB",), ("",)])
async def test_account_without_a_database_is_told_which_role_to_ask_for(databases: Sequence[str]) -> None:
    with pytest.raises(QueryError, match="may query no database") as caught:
        await verified(service(), Cluster(databases=databases))
    assert caught.value.hint is not None
    assert caught.value.hint.kind is HintKind.ASK_FOR_DATABASE_ROLE


@pytest.mark.parametrize(
    ("active", "name", "message", "kind"),
    [
        ("other", "img", "image 'img' cannot be verified: queries use image 'other'", HintKind.ENABLE_BEFORE),
        (None, "img", "python\\(\\) is off", HintKind.ENABLE_BEFORE),
        (None, "", "python\\(\\) is off", HintKind.ENABLE_IMAGE),
        ("", "img", "which image queries use is unknown", HintKind.ENABLE_IMAGE),
    ],
)
async def test_image_that_queries_do_not_use_is_not_verified(
    active: str | None, name: str, message: str, kind: HintKind
) -> None:
    cluster = Cluster()
    with pytest.raises(NotActiveError, match=message) as caught:
        await verified(service(active), cluster, name)
    assert caught.value.hint is not None
    assert caught.value.hint.kind is kind
    assert cluster.queries == []


async def test_image_that_does_not_exist_is_not_said_to_be_inactive() -> None:
    with pytest.raises(NotFoundError):
        await verified(service("other"), Cluster(), "nosuch")


async def test_token_goes_to_the_address_of_the_cluster_only() -> None:
    cluster = Cluster()
    with pytest.raises(UntrustedAddressError):
        await verified(service(uri="https://kustoCluster.eastus.kusto.windows.net.evil.example"), cluster)
    assert cluster.queries == []


async def test_token_is_for_the_cluster_and_not_shown() -> None:
    cluster, credential = Cluster(), CountingCredential()
    async with open_client(service(), credential) as client:
        await verify_image(client, "img", planned, VerifyOptions(), cluster)
        await verify_image(client, "img", planned, VerifyOptions(), cluster)
    assert credential.scopes == [(TARGET.scope,), (f"{URI}/.default",)], "both are cached"
    assert {query.token for query in cluster.queries} == {"token-2"}
    assert "token-2" not in repr(cluster.queries[0])


async def test_missing_image_is_reported() -> None:
    with pytest.raises(NotFoundError):
        await verified(service(images={}), Cluster())


@pytest.mark.parametrize("answer", [[], [{"a": 1}], ["x"], [{"kind": "package", "name": "a", "value": "3"}]])
async def test_answer_that_is_no_inventory_is_refused(answer: Any) -> None:
    with pytest.raises(UnreachableError, match="cannot be read"):
        await verified(service(), Cluster(answer))


async def test_error_of_the_query_is_raised() -> None:
    refused = ForbiddenError("no", status=403, fault=ServiceFault())
    with pytest.raises(ForbiddenError):
        await verified(service(), Cluster(refused))
