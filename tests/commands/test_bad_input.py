"""Every group of invalid input, entered as magics: refused in under 50 ms without a request or a token."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from support.arm_responses import make_response
from support.environment import always_compatible
from support.home import Home
from support.scripted_transport import CountingCredential, ScriptedTransport

from kusto_magic.arm.credentials import Credential
from kusto_magic.arm.transport import ArmTransport
from kusto_magic.builds.history import History
from kusto_magic.builds.manager import BuildManager
from kusto_magic.errors import InvalidInputError
from kusto_magic.magics.magics import KustoImageMagics

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

LIMIT = 0.05
"""CPU time in seconds within which input must be refused."""

CLUSTER = "--subscription 12345678-1234-1234-1234-123456789098 --resource-group group --cluster cluster1"
VALID = f"img --base Python3_11_7 {CLUSTER}"


class RecordedMagics:
    """The magics in a shell, with a transport and a credential that record all requests."""

    def __init__(self, shell: InteractiveShell, home: Home) -> None:
        self.script = ScriptedTransport()
        self.credential = CountingCredential()
        self.builds = BuildManager(
            history=History(home.path / "history.sqlite"), connect=self._connect, preflight=always_compatible
        )
        self.magics = KustoImageMagics(shell, self.builds)

    def _connect(self, endpoint: str, scope: str, credential: Credential | None = None) -> ArmTransport:
        return ArmTransport(endpoint, scope, credential=credential or self.credential, transport=self.script)

    def refused(self, line: str, cell: str | None = None) -> tuple[InvalidInputError, float]:
        """Run a line or a cell; return its error and the shortest of three CPU times, in seconds."""
        seconds = []
        for _ in range(3):
            started = time.process_time()
            with pytest.raises(InvalidInputError) as caught:
                self.magics.command(line) if cell is None else self.magics.make(line, cell)
            seconds.append(time.process_time() - started)
        return caught.value, min(seconds)


@pytest.fixture
def recorded(shell: InteractiveShell, home: Home) -> Iterator[RecordedMagics]:
    recorded = RecordedMagics(shell, home)
    yield recorded
    recorded.builds.close()


NAMES = {
    "empty": "''", "a dot": ".", "two dots": "..", "a slash": "a/b", "a question mark": "a?b", "a hash": "'a#b'",
    "escaped dots": "%2e%2e", "a line": "'a\r\nb'", "NUL": "'a\0b'", "a blank": "'a b'", "full width": "ａｂ",
    "bidi": "a\u202eb", "500 characters": "x" * 500, "unexpanded": "{x}", "a variable": "'$x'", "a URL": "https://x/y",
}  # fmt: skip

ADDRESSABLE = ("a blank", "full width", "unexpanded", "a variable")
"""Kinds of names that an image made with another tool may have."""


def _cases() -> dict[str, tuple[str, str | None, str]]:
    cases: dict[str, tuple[str, str | None, str]] = {}
    for kind, name in NAMES.items():
        for field in ("subscription", "resource-group", "cluster"):
            line = f"list {CLUSTER} --{field} {name}"
            cases[f"{field}, {kind}"] = (line, None, field.replace("-", " "))
        if kind in ADDRESSABLE:
            continue
        cases[f"image name, {kind}"] = (f"{name} --base Python3_11_7 {CLUSTER}", "numpy\n", "image name")
        cases[f"show, {kind}"] = (f"show {name} {CLUSTER}", None, "image name")
        cases[f"attach, {kind}"] = (f"attach {name} {CLUSTER}", None, "image name")
        cases[f"delete, {kind}"] = (f"delete {name} {CLUSTER}", None, "image name")
    for kind, (line, message) in STRUCTURE.items():
        cases[f"structure, {kind}"] = (line, "numpy\n", message)
    for group, texts in CONTENT.items():
        for text, message in texts.items():
            cases[f"{group}, {text[:30]!a}"] = (VALID, text, message)
    for endpoint in ENDPOINTS:
        cases[f"endpoint, {endpoint[:40]}"] = (f"list {CLUSTER} --endpoint '{endpoint}'", None, "endpoint")
    return cases


STRUCTURE = {
    "neither": (f"img {CLUSTER}", "base"),
    "both": (f"img --base Python3_11_7 --python 3.11.7 {CLUSTER}", "not both"),
    "an invalid version": (f"img --python three {CLUSTER}", "version"),
    "a misspelt option": (f"img --bsae Python3_11_7 {CLUSTER}", "did you mean --base?"),
    "a misspelt base": (f"img --base ../x {CLUSTER}", "base"),
    "a wrong cloud": (f"{VALID} --cloud mars", "cloud"),
    "an extra argument": (f"{VALID} other", "unknown argument"),
    "an open quote": ("img --base 'x", "cannot be parsed"),
}
CONTENT = {
    "content": {
        "": "no package", "# only\n# comments\n": "no package", "num\0py\n": "line 1", "numpy\x1b[2J\n": "line 1",
        "x" * 5_000_000: "128 kB", "requests=1.0\n": "requests==1.0", "requests >=\n": "missing",
        "numpy==1\npandas\nNumPy==2\n": "line 3",
    },
    "local": {
        "-r more.txt\n": "local files", "-c more.txt\n": "local files", "-e .\n": "local folders",
        "./wheel\n": "path", "file:///etc/passwd\n": "file:", "numpy --global-option=x\n": "--global-option",
        "numpy && rm -rf ~\n": "line 1", "numpy; `x`\n": "shell",
    },
    "secret": {
        "--index-url https://u:pw@h.example/\n": "user name or a password", "${TOKEN}\n": "variables",
        "--index-url http://h.example/\n": "--allow-index-options", "--trusted-host h\nnumpy\n": "--trusted-host",
        "ghp_0123456789abcdef0123456789abcdef0123\n": "token", "num\u202epy\n": "line 1", "nump\u0443\n": "ASCII",
    },
}  # fmt: skip
ENDPOINTS = [
    "http://example.com", "https://user@management.azure.com", "https://user:pw@management.azure.com",
    "https://management.azure.com/path", "https://management.azure.com.evil.example", "ftp://x", "x", "https://",
]  # fmt: skip
CASES = _cases()


@pytest.mark.parametrize("case", CASES)
def test_invalid_input_is_refused_before_any_request(recorded: RecordedMagics, case: str) -> None:
    line, cell, message = CASES[case]
    refused, seconds = recorded.refused(line, cell)
    text = "\n".join(refused.lines())
    assert message in text
    assert (recorded.script.requests, recorded.credential.count, recorded.builds.history.recent()) == ([], 0, [])
    assert all(len(line) < 400 for line in refused.lines())
    assert seconds < LIMIT, f"{seconds * 1000:.0f} ms"
    assert not any(secret in text for secret in ("pw@", "u:pw", "0123456789abcdef", "\0", "\x1b", "\u202e"))


def test_valid_input_sends_requests(recorded: RecordedMagics) -> None:
    """The test above proves something only if valid input would have sent requests."""
    recorded.script.default = make_response(b"")
    with pytest.raises(Exception, match="cannot be read"):
        recorded.magics.command(f"list {CLUSTER}")
    assert recorded.script.requests
    assert recorded.credential.count
