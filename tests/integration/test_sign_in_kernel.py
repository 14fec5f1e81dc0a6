"""Signing in from a real kernel, against a token service on loopback."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from support.arm_responses import SUBSCRIPTION
from support.entra import CLIENT, SECRET, TENANT, Entra, jwt, metadata_service, token_service
from support.home import Home
from support.kernel import Execution, Kernel

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

USE = f"%kusto_image use --subscription {SUBSCRIPTION} --resource-group group --cluster mycluster"
THREADS = """
import threading
threads = [it for it in threading.enumerate() if it.name == "kusto_magic sign-in"]
for thread in threads:
    thread.join(60)
[thread.is_alive() for thread in threads]
"""


@pytest.fixture
def entra(home: Home, kernel: Kernel) -> Iterator[Entra]:
    with token_service(home.path) as (service, environment):
        kernel.execute(f"import os; os.environ.update({dict(environment)!r})")
        yield service


@pytest.fixture
def signed_out(entra: Entra, kernel: Kernel) -> Kernel:
    """A kernel with the extension loaded, whose sign-in service is the one on loopback."""
    kernel.execute("%load_ext kusto_magic")
    return kernel


def _text(kernel: Kernel, *shown: Execution) -> str:
    """Return everything that the executions have shown, earlier states of updated outputs included."""
    return f"{[(it.outputs, it.error, it.text) for it in shown]}{kernel.displays}"


def test_interrupted_device_code_stops_polling_and_disappears(signed_out: Kernel, entra: Entra) -> None:
    entra.pending = 10**9
    request = signed_out.begin(f"{USE} --as device")
    signed_out.wait_until(lambda: entra.tokens > 2)
    signed_out.interrupt()
    stopped = signed_out.finish(request)
    assert "KeyboardInterrupt" in stopped.error
    assert signed_out.execute(THREADS).result["text/plain"] in ("[]", "[False]")
    asked = entra.tokens
    [updates] = signed_out.displays.values()
    assert "interrupted" in updates[-1]["text/plain"]
    assert "BKTN7QZD" not in str(updates[-1])
    assert "not chosen yet" in signed_out.execute("%kusto_image list").error
    assert entra.tokens == asked


def test_device_code_signs_in_without_name_tenant_or_token_in_the_outputs(signed_out: Kernel, entra: Entra) -> None:
    entra.claims, entra.pending = {"upn": "ada@example.com", "oid": CLIENT}, 2
    shown = signed_out.execute(f"{USE} --as device")
    assert shown.status == "ok"
    text = _text(signed_out, shown)
    assert "Signed in as user aaaaaaaa…" in text
    assert not any(secret in text for secret in ("example.com", TENANT, "eyJ", "planted"))


def test_credential_object_of_the_notebook_signs_in(signed_out: Kernel) -> None:
    token = jwt(upn="ada@example.com", oid=CLIENT)
    signed_out.execute(f"""
import time
from azure.core.credentials import AccessToken
class Own:
    def get_token(self, *scopes, **options):
        return AccessToken({token!r}, int(time.time()) + 3600)
own = Own()""")
    misspelled = signed_out.execute(f"{USE} --credential owns")
    assert "there is no variable owns; did you mean own?" in misspelled.error
    refused = signed_out.execute(f"{USE} --credential Own")
    assert "Own is a class" in refused.error
    shown = signed_out.execute(f"{USE} --credential own")
    assert (shown.status, shown.error) == ("ok", "")
    text = _text(signed_out, misspelled, refused, shown)
    assert "Signed in as user aaaaaaaa…" in text
    assert not any(secret in text for secret in ("example.com", TENANT, token))


def test_fabric_is_used_where_it_exists_and_refused_elsewhere(signed_out: Kernel, tmp_path: Path) -> None:
    elsewhere = signed_out.execute(f"{USE} --as fabric")
    assert "this is not a notebook of Microsoft Fabric" in elsewhere.error
    token = jwt(upn="ada@example.com", oid=CLIENT, exp=1_900_000_000)
    module = f"class credentials:\n    getToken = staticmethod(lambda audience: {token!r})\n"
    (tmp_path / "notebookutils.py").write_text(module, encoding="utf-8")
    signed_out.execute(f"import sys; sys.path.insert(0, {str(tmp_path)!r})")
    shown = signed_out.execute(f"{USE} --as fabric")
    assert (shown.status, shown.error) == ("ok", "")
    assert "Signed in as user aaaaaaaa…" in _text(signed_out, shown)
    assert token not in _text(signed_out, elsewhere, shown)


@pytest.mark.skipif(sys.platform == "win32", reason="the program is a shell script")
def test_wait_for_a_slow_az_is_shown_and_can_be_interrupted(signed_out: Kernel, tmp_path: Path) -> None:
    az, started = tmp_path / "az", tmp_path / "started"
    az.write_text(f"#!/bin/sh\ntouch {started}\nexec sleep 60\n", encoding="utf-8")
    az.chmod(0o755)
    signed_out.execute(f"import os; os.environ['PATH'] = {str(tmp_path)!r} + ':/usr/bin:/bin'")
    signed_out.execute("%config KustoImageMagics.az_timeout = 40.0")
    request = signed_out.begin(f"{USE} --as cli")

    def texts() -> list[str]:
        return [bundle["text/plain"] for updates in signed_out.displays.values() for bundle in updates]

    signed_out.wait_until(lambda: len(texts()) > 1)
    signed_out.interrupt()
    stopped = signed_out.finish(request)
    assert "KeyboardInterrupt" in stopped.error
    assert started.exists()
    assert re.fullmatch(r"Waiting for az to return a token: \d+ s of 40 s", texts()[0])
    assert re.fullmatch(r"Waited \d+ s for a token\.", texts()[-1])
    assert len(signed_out.displays) == 1


@pytest.mark.parametrize("kind", ["environment", "workload", "managed", "default"])
def test_identity_of_a_pipeline_signs_in_without_a_name_tenant_or_secret_in_the_outputs(
    signed_out: Kernel, entra: Entra, tmp_path: Path, kind: str
) -> None:
    federated = tmp_path / "federated"
    federated.write_text("planted.federated.token", encoding="utf-8")
    with metadata_service() as metadata:
        service = metadata if kind == "managed" else entra
        service.claims = {"appid": CLIENT, "app_displayname": "nightly pipeline"}
        application = {"AZURE_TENANT_ID": TENANT, "AZURE_CLIENT_ID": CLIENT}
        environment = {
            "environment": {**application, "AZURE_CLIENT_SECRET": SECRET},
            "default": {**application, "AZURE_CLIENT_SECRET": SECRET},
            "workload": {**application, "AZURE_FEDERATED_TOKEN_FILE": str(federated)},
            "managed": {"IDENTITY_ENDPOINT": f"{metadata.endpoint}/msi", "IDENTITY_HEADER": "planted-header"},
        }
        signed_out.execute(f"import os; os.environ.update({environment[kind]!r})")
        shown = signed_out.execute(f"{USE} --as {kind}")
    assert (shown.status, service.tokens) == ("ok", 1)
    text = _text(signed_out, shown)
    assert "Signed in as application aaaaaaaa…" in text
    assert not any(secret in text for secret in (TENANT, CLIENT, SECRET, "eyJ", "planted", "nightly"))


@pytest.mark.skipif(sys.platform == "win32", reason="the program is a shell script")
@pytest.mark.parametrize(
    ("answer", "reason", "next_step"),
    [
        ("", "the Azure CLI (az) was not found", "az login"),
        ("Please run 'az login' to setup account.", "the Azure CLI (az) is not signed in", "az login"),
        ("No subscriptions found for ada@example.com.", "has no access to this subscription", "az account"),
        (
            f"AADSTS50020: User account 'ada@example.com' does not exist in tenant '{TENANT}'.",
            "AADSTS50020",
            "--tenant",
        ),
        (f"AADSTS50076: second factor for {TENANT}", "multifactor authentication", "--tenant"),
    ],
)
def test_failures_of_az_are_told_apart_without_names(
    signed_out: Kernel, tmp_path: Path, answer: str, reason: str, next_step: str
) -> None:
    if answer:
        az = tmp_path / "az"
        az.write_text(f'#!/bin/sh\necho "ERROR: {answer}" >&2\nexit 1\n', encoding="utf-8")
        az.chmod(0o755)
    signed_out.execute(f"import os; os.environ['PATH'] = {f'{tmp_path}:/usr/bin:/bin'!r}")
    shown = signed_out.execute(f"{USE} --as cli")
    text = _text(signed_out, shown)
    assert reason in text
    assert next_step in text.partition("Next:")[2]
    assert not any(hidden in text for hidden in ("example.com", TENANT, "Traceback", "get_token failed"))
    assert "not chosen yet" in signed_out.execute("%kusto_image list").error, "a failed sign-in chooses no cluster"
