"""Every group of bad input by the way of the magics: refused in under 50 ms, with no request and no token asked for."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

import pytest
from support.answers import answer
from support.home import Home
from support.wire import Credential, ScriptedTransport

from kusto_magic.arm.client import ImagesClient, connect
from kusto_magic.arm.credentials import TokenCredential
from kusto_magic.builds.history import History
from kusto_magic.builds.manager import BuildManager
from kusto_magic.errors import InvalidInput
from kusto_magic.magics.magics import KustoImageMagics
from kusto_magic.models.target import Target

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

LIMIT = 0.05
PLACE = "--subscription 12345678-1234-1234-1234-123456789098 --resource-group group --cluster cluster1"
GOOD = f"img --base Python3_11_7 {PLACE}"


class Here:
    """The magics in a shell, and everything that was asked of a service or a credential."""

    def __init__(self, shell: InteractiveShell, home: Home) -> None:
        self.script = ScriptedTransport()
        self.credential = Credential()
        self.builds = BuildManager(history=History(home.path / "history.sqlite"), open_client=self._open)
        self.magics = KustoImageMagics(shell, self.builds)

    def _open(
        self, target: Target, credential: TokenCredential | None = None
    ) -> AbstractAsyncContextManager[ImagesClient]:
        return connect(target, credential=credential or self.credential, transport=self.script)

    def refused(self, line: str, cell: str | None = None) -> tuple[InvalidInput, float]:
        """Run a line or a cell; return its refusal and the best of three CPU times, in seconds."""
        took = []
        for _ in range(3):
            began = time.process_time()
            with pytest.raises(InvalidInput) as caught:
                self.magics.command(line) if cell is None else self.magics.make(line, cell)
            took.append(time.process_time() - began)
        return caught.value, min(took)


@pytest.fixture
def here(shell: InteractiveShell, home: Home) -> Iterator[Here]:
    made = Here(shell, home)
    yield made
    made.builds.close()


NAMES = {
    "empty": "''", "a dot": ".", "two dots": "..", "a slash": "a/b", "a question mark": "a?b", "a hash": "'a#b'",
    "escaped dots": "%2e%2e", "a line": "'a\r\nb'", "NUL": "'a\0b'", "a blank": "'a b'", "full width": "ａｂ",
    "bidi": "a\u202eb", "500 characters": "x" * 500, "unexpanded": "{x}", "a variable": "'$x'", "a URL": "https://x/y",
}  # fmt: skip


def _cases() -> dict[str, tuple[str, str | None, str]]:
    cases: dict[str, tuple[str, str | None, str]] = {}
    for what, name in NAMES.items():
        cases[f"image name, {what}"] = (f"{name} --base Python3_11_7 {PLACE}", "numpy\n", "image name")
        cases[f"show, {what}"] = (f"show {name} {PLACE}", None, "image name")
        cases[f"attach, {what}"] = (f"attach {name} {PLACE}", None, "image name")
        cases[f"delete, {what}"] = (f"delete {name} {PLACE}", None, "image name")
        for field in ("subscription", "resource-group", "cluster"):
            line = f"list {PLACE} --{field} {name}"
            cases[f"{field}, {what}"] = (line, None, field.replace("-", " "))
    for what, (line, words) in STRUCTURE.items():
        cases[f"structure, {what}"] = (line, "numpy\n", words)
    for group, texts in CONTENT.items():
        for text, words in texts.items():
            cases[f"{group}, {text[:30]!a}"] = (GOOD, text, words)
    for endpoint in ENDPOINTS:
        cases[f"endpoint, {endpoint[:40]}"] = (f"list {PLACE} --endpoint '{endpoint}'", None, "endpoint")
    return cases


STRUCTURE = {
    "neither": (f"img {PLACE}", "base"),
    "both": (f"img --base Python3_11_7 --python 3.11.7 {PLACE}", "not both"),
    "a version that is none": (f"img --python three {PLACE}", "version"),
    "a misspelt option": (f"img --bsae Python3_11_7 {PLACE}", "did you mean --base?"),
    "a misspelt base": (f"img --base ../x {PLACE}", "base"),
    "a wrong cloud": (f"{GOOD} --cloud mars", "cloud"),
    "a word too many": (f"{GOOD} other", "there is no word"),
    "an open quote": ("img --base 'x", "cannot be split"),
}
CONTENT = {
    "content": {
        "": "no package", "# only\n# comments\n": "no package", "num\0py\n": "line 1", "numpy\x1b[2J\n": "line 1",
        "x" * 5_000_000: "128 kB", "requests=1.0\n": "requests==1.0", "requests >=\n": "missing",
        "numpy\npandas\nNumPy\n": "line 3",
    },
    "local": {
        "-r more.txt\n": "no such file", "-c more.txt\n": "no such file", "-e .\n": "no such folder",
        "./wheel\n": "path", "file:///etc/passwd\n": "file:", "numpy --global-option=x\n": "--global-option",
        "numpy && rm -rf ~\n": "line 1", "numpy; `x`\n": "shell",
    },
    "secret": {
        "--index-url https://u:pw@h.example/\n": "user or a password", "${TOKEN}\n": "variables",
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
def test_bad_input_is_refused_at_once_and_nothing_is_asked(here: Here, case: str) -> None:
    line, cell, words = CASES[case]
    refused, seconds = here.refused(line, cell)
    said = "\n".join(refused.lines())
    assert words in said
    assert (here.script.asked, here.credential.count, here.builds.history.recent()) == ([], 0, [])
    assert all(len(line) < 400 for line in refused.lines())
    assert seconds < LIMIT, f"{seconds * 1000:.0f} ms"
    assert not any(secret in said for secret in ("pw@", "u:pw", "0123456789abcdef", "\0", "\x1b", "\u202e"))


def test_what_is_good_asks(here: Here) -> None:
    """What is said above is worth something only if good input would have asked."""
    here.script.forever = answer(b"")
    with pytest.raises(Exception, match="cannot be read"):
        here.magics.command(f"list {PLACE}")
    assert here.script.asked
    assert here.credential.count
