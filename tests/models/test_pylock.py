"""Lock files: they are valid (PEP 751), keep every byte of the requirements, and files of others are refused."""

from __future__ import annotations

import time
import tomllib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.locking import package
from support.requirement_texts import TEXTS

from kusto_magic.models.lock import Lock, LockedPackage
from kusto_magic.models.pylock import MAX_BYTES, file_name_problem, is_ours, pylock_text, read_pylock

LOCK = Lock(
    "3.11.7",
    "Windows x64",
    "# web\nrequests==2.31.0\n",
    (
        package("requests", "2.31.0"),
        replace(package("urllib3", "2.2.1"), in_base=True, size=None),
        LockedPackage("flashtext", "2.7", in_base=True),
    ),
    "mine",
    "Python3_11_7",
    ("ab" * 32,),
    "2024-06-30",
)
URL = "https://files.example/packages/requests-2.31.0-py3-none-any.whl"


def assert_valid(text: str) -> dict[str, Any]:
    """Hold a text against the rules of PEP 751, with the implementation in `packaging`; return its content."""
    pylock = pytest.importorskip("packaging.pylock")  # since packaging 26
    document = tomllib.loads(text)
    pylock.Pylock.from_dict(document).validate()
    return document


def test_file_is_a_valid_lock_and_is_read_back() -> None:
    text = pylock_text(LOCK)
    document = assert_valid(text)
    names = [each["name"] for each in document["packages"]]
    assert names == ["requests", "urllib3"], "a package without a wheel must not be listed (PEP 751)"
    assert [each["name"] for each in document["tool"]["kusto-magic"]["without-wheel"]] == ["flashtext"]
    read = read_pylock(text.encode())
    assert replace(read, packages=()) == replace(LOCK, packages=())
    assert {it.name: it for it in read.packages} == {it.name: it for it in LOCK.packages}
    assert read.digest == LOCK.digest == document["tool"]["kusto-magic"]["digest"]
    assert text == pylock_text(read), "the same lock gives the same text"


def test_lock_without_packages_is_valid() -> None:
    empty = Lock("3.10.8", "Windows x64", "")
    assert assert_valid(pylock_text(empty))["packages"] == []
    assert read_pylock(pylock_text(empty).encode()) == empty


def test_wheel_has_its_public_address_or_a_path() -> None:
    public = replace(LOCK, packages=(replace(LOCK.packages[0], url=URL),))
    [listed] = assert_valid(pylock_text(public))["packages"]
    assert (listed["wheels"][0]["url"], "path" in listed["wheels"][0]) == (URL, False)
    [listed] = assert_valid(pylock_text(replace(LOCK, packages=LOCK.packages[:1])))["packages"]
    assert (listed["wheels"][0]["path"], "url" in listed["wheels"][0]) == ("requests-2.31.0-py3-none-any.whl", False)
    assert read_pylock(pylock_text(public).encode()).digest == public.digest


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_requirements_are_kept_byte_for_byte(text: str) -> None:
    lock = replace(LOCK, requirements=text)
    written = pylock_text(lock)
    assert_valid(written)
    assert written.isascii()
    read = read_pylock(written.encode())
    assert read.requirements.encode() == text.encode()
    assert read.digest == lock.digest
    converted = written.replace("\n", "\r\n").encode()  # as git may do
    assert read_pylock(converted).requirements == text


def test_there_are_forty_texts() -> None:
    assert len(TEXTS) >= 40


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
def test_any_text_is_kept(text: str) -> None:
    assert read_pylock(pylock_text(replace(LOCK, requirements=text)).encode()).requirements == text


# ── files of others ────────────────────────────────────────────────────────────────────────────────────────────────


def changed(before: str, after: str) -> bytes:
    """Return the file of LOCK with a change."""
    text = pylock_text(LOCK)
    assert text.count(before) >= 1, before
    return text.replace(before, after, 1).encode()


UV = b'lock-version = "1.0"\ncreated-by = "uv"\n\n[[packages]]\nname = "six"\nversion = "1.16.0"\n'
REFUSED = [
    (b"", "is a lock of another tool"),
    (UV, "is a lock of another tool ('uv')"),
    (b'created-by = "\\u001b[2J\\u202e"', r"('\x1b[2J\u202e')"),
    (b"created-by = 3", "is a lock of another tool (3)"),
    (b"{]", "is not a valid lock file"),
    (b"\xff\xfe", "is not a valid lock file"),
    (b"<<<<<<< HEAD\n" + pylock_text(LOCK).encode(), "is not a valid lock file"),
    (b"tool = 3", "has no valid table tool"),
    (b"[tool]\nkusto-magic = []", "has no valid table kusto-magic"),
    (changed("format = 1", "format = 2"), "is a lock of another version"),
    (changed("format = 1", "format = '1'"), "is a lock of another version"),
    (changed('lock-version = "1.0"', 'lock-version = "2.0"'), "is a lock of another version"),
    (changed('python = "3.11.7"', "python = 3.11"), "has no valid value of python"),
    (changed('python = "3.11.7"', 'python = "three"'), "has an invalid Python version: 'three'"),
    (changed("# web", "# wet"), "was changed after it was written"),
    (changed('version = "2.31.0"', 'version = "2.31.00"'), "was changed after it was written"),
    (changed('digest = "sha256:', 'digest = "sha256:0'), "was changed after it was written"),
    (changed('base-image = "mine"', 'base-image = "a/../b"'), "has an invalid base image"),
    (changed('base-image = "mine"', 'base-image = "\\u001b[2J"'), "has an invalid base image: '\\x1b[2J'"),
    (changed("base-layers = [", "base-layers = [3, "), "has no valid value of base-layers"),
    (changed(f'"{"ab" * 32}"', '"abab"'), "has an invalid base layer"),
    (changed("requirements = [", "requirements = [[],"), "has no valid value of requirements"),
    (changed('exclude-newer = "2024-06-30"', 'exclude-newer = "later"'), "is not a date"),
    (changed('exclude-newer = "2024-06-30"', "exclude-newer = 2024-06-30"), "has no valid value of exclude-newer"),
    (changed('name = "urllib3"', 'name = "requests"'), "has a package twice"),
    (changed('name = "urllib3"', 'name = "Url_Lib"'), "has an invalid package name: 'Url_Lib'"),
    (changed('name = "urllib3"', 'name = "a\\u0007b"'), "has an invalid package name: 'a\\x07b'"),
    (changed('version = "2.2.1"', 'version = "two"'), "has an invalid version: 'two'"),
    (changed('version = "2.2.1"', 'version = "2.2.1\\n"'), "has an invalid version"),
    (changed("requests-2.31.0-py3", "requests-2.30.0-py3"), "has an invalid wheel of 'requests'"),
    (changed("requests-2.31.0-py3-none-any.whl", "../requests-2.31.0-py3-none-any.whl"), "has an invalid wheel"),
    (changed("size = 1000", "size = -1"), "has an invalid size of 'requests'"),
    (changed("size = 1000", "size = true"), "has an invalid size of 'requests'"),
    (changed("hashes = {", "hashes = { md5 = 'x' }, old = {"), "has no valid value of sha256"),
    (changed('sha256 = "', 'sha256 = "x'), "has an invalid hash"),
    (changed("wheels = [", "wheels = [{}, "), "has a package without exactly one wheel: 'requests'"),
    (b"packages = 3\n[tool.kusto-magic]\nformat = 1\n", "another version"),
]


@pytest.mark.parametrize(("content", "expected"), REFUSED)
def test_other_file_is_refused_with_words(content: bytes, expected: str) -> None:
    with pytest.raises(ValueError, match=r"\w") as refused:
        read_pylock(content)
    assert expected in str(refused.value)
    assert str(refused.value).isprintable()


BOMBS: list[Callable[[int], str]] = [
    lambda size: "a = " + "[" * size,
    lambda size: "a = " + "[" * size + "]" * size,
    lambda size: "a = " + "{a = " * size + "1" + "}" * size,
    lambda size: "a." * size + "a = 1",
    lambda size: "[" + "a." * size + "a]",
    lambda size: 'a."b".' * size + "a = 1",
    lambda size: "'a'.\"b\"." * size + "a = 1",
    lambda size: "\n".join(f"a.b.c{number} = 1" for number in range(size // 10)),
    lambda size: "\n".join(f"[a.b{number}]" for number in range(size // 10)),
    lambda size: "\n".join("[[packages]]" for _ in range(size // 10)),
    lambda size: "a = " + "9" * size,
    lambda size: 'a = "' + "\\u0041" * size + '"',
    lambda size: 'a = """' + "\n" * size,
    lambda size: "a = '''" + "''\n" * size,
    lambda size: "[" * size,
    lambda size: '"' * size,
    lambda size: "#" * size,
    lambda size: "\n".join("a = [" for _ in range(size)),
    lambda size: "a = [\n" + "[\n" * size,
    lambda size: "a = [\n" + "[],\n" * size + "]",
]


@pytest.mark.slow
@pytest.mark.parametrize("bomb", BOMBS)
def test_bomb_is_refused_in_seconds(bomb: Callable[[int], str]) -> None:
    content = bomb(300_000).encode()[:MAX_BYTES]
    start = time.monotonic()
    with pytest.raises(ValueError, match=r"lock"):
        read_pylock(content)
    assert time.monotonic() - start < 20


def test_huge_file_is_refused() -> None:
    with pytest.raises(ValueError, match="is larger than 4 MB"):
        read_pylock(b"#" * (MAX_BYTES + 1))


def test_more_packages_than_the_limit_are_refused() -> None:
    packages = tuple(LockedPackage(f"p{number}", "1") for number in range(5001))
    with pytest.raises(ValueError, match="more than 5,000 packages"):
        read_pylock(pylock_text(replace(LOCK, packages=packages)).encode())


@given(st.binary(max_size=200))
def test_any_bytes_are_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        read_pylock(content)


def test_damaged_file_of_this_program_is_recognized() -> None:
    assert is_ours("<<<<<<< HEAD\n" + pylock_text(LOCK))
    assert is_ours(pylock_text(LOCK).replace("\n", "\r\n"))
    assert not is_ours(UV.decode())


@pytest.mark.parametrize(
    ("name", "is_valid"),
    [("pylock.toml", True), ("pylock.forecast.toml", True), ("pylock.a.b.toml", False), ("lock.toml", False),
     ("pylock.toml.bak", False), ("requirements.txt", False), ("pylock..toml", False), ("PYLOCK.toml", False)],
)  # fmt: skip
def test_name_is_one_of_the_specification(name: str, is_valid: bool) -> None:
    assert (file_name_problem(name) == "") is is_valid
