"""`%kusto_image doctor`: each subject has a row, and none has a secret."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support.arm_responses import TARGET, make_response
from support.magics_session import RunCell

from kusto_magic.commands.doctor import _clock
from kusto_magic.commands.session import TARGET_SETTINGS
from kusto_magic.magics.magics import KustoImageMagics


def test_doctor_reports_everything_without_secrets(say: RunCell, magics: KustoImageMagics) -> None:
    report = say("%kusto_image doctor")
    assert "kusto-magic" in report
    assert "terminal" in report
    assert "0 images" in report
    assert "no roles" in report
    assert magics.subscription not in report
    assert "%config KustoImageMagics.cluster" in report


def test_doctor_reports_network_emulator_index_and_clock(
    say: RunCell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("https_proxy", "http://ada:hunter22@proxy.example:3128")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    monkeypatch.setenv("PIP_INDEX_URL", "https://ada:hunter22@index.example/secret-token/simple")
    monkeypatch.setenv("VSCODE_PID", "1")
    report = say("%kusto_image doctor")
    for row in (
        r"front end +terminal, VS Code",
        r"proxies +HTTPS_PROXY.* set, not shown",
        r"✖ +SSL_CERT_FILE +names a file or folder that does not exist",
        r"✔ +SSL_CERT_DIR +set, not shown",
        r"package indexes +https://index.example",
        r"emulator +not running",
        r"✔ +package index +answers: packaging can be resolved",
        r"clock ",
    ):
        assert re.search(row, report), row
    assert not any(secret in report for secret in ("hunter22", "secret-token", "proxy.example", str(tmp_path)))


@pytest.mark.parametrize(
    ("date", "row"),
    [
        ("Tue, 24 Nov 2026 12:00:00 GMT", "✖.*clock.*s (ahead of|behind) that of the service"),
        ("", "clock +not checked"),
        ("yesterday", "clock +not checked"),
    ],
)
def test_doctor_compares_the_clocks(date: str, row: str) -> None:
    def ask(_target: object, _request: object) -> float | None:
        response = make_response({}, headers={"date": date} if date else {})
        return response.clock_offset

    session: Any = SimpleNamespace(builds=SimpleNamespace(ask=ask))
    assert re.search(row, " ".join(_clock(session, TARGET)))


def test_doctor_hides_the_tenant_unless_asked_for_the_identity(say: RunCell, magics: KustoImageMagics) -> None:
    magics.tenant = "contoso.example"
    report = say("%kusto_image doctor")
    assert "tenant" in report
    assert "sign-in method" in report
    assert "contoso" not in report
    assert "contoso.example" in say("%kusto_image doctor --identity")


def test_doctor_reports_missing_settings(say: RunCell, magics: KustoImageMagics) -> None:
    for name in TARGET_SETTINGS:
        setattr(magics, name, "")
    report = say("%kusto_image doctor")
    assert "✖  subscription" in report
    assert "images (" not in report
