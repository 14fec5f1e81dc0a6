"""The query address that a response names: only the cluster's own gets a token."""

from __future__ import annotations

import pytest

from kusto_magic.errors import UntrustedAddressError
from kusto_magic.models.endpoint import CLOUDS
from kusto_magic.models.query_uri import query_uri
from kusto_magic.models.target import Target

SUBSCRIPTION = "e3a1c0de-0000-4000-8000-000000000001"
PUBLIC = Target(SUBSCRIPTION, "group", "mycluster")
EMULATED = Target(SUBSCRIPTION, "group", "mycluster", "http://127.0.0.1:8080")


def of_cloud(name: str) -> Target:
    return Target(SUBSCRIPTION, "group", "mycluster", CLOUDS[name].endpoint)


@pytest.mark.parametrize(
    ("uri", "target"),
    [
        ("https://mycluster.eastus.kusto.windows.net", PUBLIC),
        ("https://mycluster.eastus.kusto.windows.net/", PUBLIC),
        ("https://MyCluster.eastus.kusto.windows.net", PUBLIC),
        ("https://mycluster.kusto.windows.net", PUBLIC),
        ("https://mycluster.usgovvirginia.kusto.usgovcloudapi.net", of_cloud("usgov")),
        ("https://mycluster.chinaeast2.kusto.chinacloudapi.cn", of_cloud("china")),
        ("http://127.0.0.1:8080/clusters/mycluster", EMULATED),
    ],
)
def test_address_of_the_cluster_is_returned(uri: str, target: Target) -> None:
    assert query_uri(uri, target) == uri.removesuffix("/")


IMITATIONS = [
    "",
    "mycluster.eastus.kusto.windows.net",
    "http://mycluster.eastus.kusto.windows.net",
    "ftp://mycluster.eastus.kusto.windows.net",
    "https://mycluster.eastus.kusto.windows.net.evil.example",
    "https://mycluster.eastus.kusto.windows.net.",
    "https://mycluster.eastus.kusto-windows.net",
    "https://mycluster.eastus.kusto.windows.net:8443",
    "https://mycluster.eastus.kusto.windows.net:443",
    "https://mycluster.eastus.kusto.windows.net@evil.example",
    "https://user:secret@mycluster.eastus.kusto.windows.net",
    "https://evil.example/mycluster.eastus.kusto.windows.net",
    "https://evil.example#mycluster.eastus.kusto.windows.net",
    "https://evil.example?mycluster.eastus.kusto.windows.net",
    "https://evil.example\\.eastus.kusto.windows.net",
    "https://mycluster.eastus.kusto.windows.net/database",
    "https://mycluster.eastus.kusto.windows.net//evil.example",
    "https://mycluster.eastus.kusto.windows.net;evil.example",
    "https://mycluster.eastus.kusto.windows.net\n.evil.example",
    "https://mycluster.eastus.kusto.windows.net\t",
    " https://mycluster.eastus.kusto.windows.net",
    "https://my%63luster.eastus.kusto.windows.net",
    "https://mycluster.e\u0430stus.kusto.windows.net",
    "https://mycluster.eastus.kusto.windows\u3002net",
    "https://othercluster.eastus.kusto.windows.net",
    "https://mycluster.evil.eastus.kusto.windows.net",
    "https://mycluster..kusto.windows.net",
    "https://mycluster.-a.kusto.windows.net",
    "https://evil-mycluster.kusto.windows.net",
    "https://myclusterkusto.windows.net",
    "https://kusto.windows.net",
    "https://mycluster.eastus.kusto.usgovcloudapi.net",
    "https://mycluster.eastus.kusto.chinacloudapi.cn",
    "https://mycluster.kusto.windows.net.kusto.windows.net",
    "https://[::1].kusto.windows.net",
    "https://[mycluster.eastus.kusto.windows.net",
    "https://127.0.0.1",
    "http://127.0.0.1:8080/clusters/mycluster",
    "//mycluster.eastus.kusto.windows.net",
    "https:mycluster.eastus.kusto.windows.net",
    "https:///mycluster.eastus.kusto.windows.net",
]


@pytest.mark.parametrize("uri", IMITATIONS, ids=ascii)
def test_imitations_of_the_address_are_refused(uri: str) -> None:
    with pytest.raises(UntrustedAddressError, match="nothing was sent there"):
        query_uri(uri, PUBLIC)


@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1:8081/clusters/mycluster",
        "http://localhost:8080/clusters/mycluster",
        "http://127.0.0.1:8080/clusters/other",
        "http://127.0.0.1:8080/clusters/mycluster/x",
        "http://127.0.0.1:8080/clusters/../mycluster",
        "http://127.0.0.1:8080",
        "http://127.0.0.1:8080@evil.example/clusters/mycluster",
        "https://mycluster.eastus.kusto.windows.net",
    ],
)
def test_token_of_an_emulator_goes_to_this_emulator_only(uri: str) -> None:
    with pytest.raises(UntrustedAddressError):
        query_uri(uri, EMULATED)


def test_address_behind_a_custom_endpoint_is_refused() -> None:
    custom = Target(SUBSCRIPTION, "group", "mycluster", "https://management.local.example")
    with pytest.raises(UntrustedAddressError):
        query_uri("https://mycluster.eastus.kusto.windows.net", custom)


def test_refused_address_is_shown_without_control_characters() -> None:
    with pytest.raises(UntrustedAddressError) as caught:
        query_uri("https://x\x1b[2J\u202e" + "a" * 500, PUBLIC)
    assert str(caught.value).isprintable() or "\n" in str(caught.value)
    assert "\x1b" not in str(caught.value)
    assert "\u202e" not in str(caught.value)
    assert len(str(caught.value)) < 300
