"""Lock files: a `Lock` as pylock.toml (PEP 751), with what an image needs besides in `[tool.kusto-magic]`.

A file is read as data of others: its size is limited, each value is checked, and nothing of it is repeated unescaped.
A wheel has its address only if the public index was asked; a private address can be a secret, so those wheels have
a `path` instead: installers look for them beside the lock file. A package without a wheel (the base image has it, no
index does) must not be listed in `packages` (PEP 751 requires a wheel with a hash); it is listed in `without-wheel`.

Source: https://packaging.python.org/en/latest/specifications/pylock-toml/
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from packaging.utils import InvalidWheelFilename, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from kusto_magic.errors import excerpt
from kusto_magic.models.lock import Lock, LockedPackage, cutoff_time
from kusto_magic.models.naming import base_image_problem, python_version_problem

TOOL = "kusto-magic"
"""Name of the table of this program, and the value of `created-by`."""

FORMAT = 1
"""Version of the table of this program."""

MAX_BYTES = 4 * 1024 * 1024
"""Maximum size of a lock file in bytes: a thousand packages have about a tenth of it."""

MAX_PACKAGES = 5_000
"""Maximum number of packages in a lock file."""

MAX_DEPTH = 100
"""Maximum number of dots in a line outside of strings: more are not a lock file, but slow to parse."""

_FILE_NAME = re.compile(r"pylock(?:\.[^.]+)?\.toml")
_WHEEL = re.compile(r"[A-Za-z0-9_.+!-]+")
_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*+")
_HASH = re.compile(r"[0-9a-f]{64}")
_MARK = re.compile(r"(?m)^\[tool\.kusto-magic\][ \t]*\r?$")
_STRING = re.compile(r'"(?:[^"\\\n]++|\\.)*+"?|\'[^\'\n]*+\'?')
_BARE_DOTS = re.compile(r"[.\[{]")


def file_name_problem(name: str) -> str:
    """Return why a file name is not that of a lock file, or "". Source: PEP 751, "File Name"."""
    return "" if _FILE_NAME.fullmatch(name) else "a lock file is called pylock.toml or pylock.NAME.toml (PEP 751)"


def is_ours(text: str) -> bool:
    """Return whether a text seems to be a lock file of this program, also if it is damaged."""
    return bool(_MARK.search(text))


# ── writing ────────────────────────────────────────────────────────────────────────────────────────────────────────


def pylock_text(lock: Lock) -> str:
    """Return a lock as the text of a pylock.toml; the same lock gives the same text."""
    packages = sorted(lock.packages, key=lambda package: package.name)
    listed = [package for package in packages if _has_wheel(package)]
    others = [package for package in packages if not _has_wheel(package)]
    marker = f"sys_platform == 'win32' and platform_machine == 'AMD64' and python_full_version == '{lock.python}'"
    lines = [
        'lock-version = "1.0"',
        f"environments = [{_string(marker)}]",
        f"requires-python = {_string(f'=={lock.python}')}",
        f"created-by = {_string(TOOL)}",
        *([] if listed else ["packages = []"]),
        *(line for package in listed for line in _package_lines(package)),
        *_tool_lines(lock),
        *(line for package in others for line in _other_lines(package)),
    ]
    return "\n".join(lines) + "\n"


def _has_wheel(package: LockedPackage) -> bool:
    return bool(package.file and package.sha256)


def _package_lines(package: LockedPackage) -> Iterator[str]:
    place = f"url = {_string(package.url)}" if package.url else f"path = {_string(package.file)}"
    size = "" if package.size is None else f", size = {package.size}"
    hashes = f"hashes = {{ sha256 = {_string(package.sha256)} }}"
    yield from ("", "[[packages]]", f"name = {_string(package.name)}", f"version = {_string(package.version)}")
    yield f"wheels = [{{ name = {_string(package.file)}, {place}{size}, {hashes} }}]"
    if package.in_base:
        yield from (f"[packages.tool.{TOOL}]", "in-base = true")


def _tool_lines(lock: Lock) -> Iterator[str]:
    yield from ("", f"[tool.{TOOL}]", f"format = {FORMAT}", f"digest = {_string(lock.digest)}")
    yield from (f"python = {_string(lock.python)}", f"platform = {_string(lock.platform)}")
    yield from (f"base-image = {_string(lock.base_image)}", f"managed-image = {_string(lock.managed)}")
    yield f"base-layers = [{', '.join(map(_string, lock.layers))}]"
    if lock.exclude_newer:
        yield f"exclude-newer = {_string(lock.exclude_newer)}"
    # One string for each line: readable, and version control cannot change the line endings of the text.
    yield from ("requirements = [", *(f"  {_string(line)}," for line in _lines(lock.requirements)), "]")


def _other_lines(package: LockedPackage) -> Iterator[str]:
    yield from ("", f"[[tool.{TOOL}.without-wheel]]", f"name = {_string(package.name)}")
    yield from (f"version = {_string(package.version)}", f"in-base = {str(package.in_base).lower()}")


def _lines(text: str) -> list[str]:
    """Return the lines of a text with their endings; together they are the text."""
    parts = text.split("\n")
    return [f"{part}\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])


_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_NOT_PRINTABLE = re.compile(r"[^ -~]")


def _string(text: str) -> str:
    """Return a TOML basic string in ASCII: look-alikes and invisible characters are visible in a review."""
    escaped = "".join(_ESCAPES.get(char, char) for char in text)
    return '"' + _NOT_PRINTABLE.sub(lambda found: _escape(ord(found[0])), escaped) + '"'


def _escape(code: int) -> str:
    return f"\\u{code:04X}" if code <= 0xFFFF else f"\\U{code:08X}"


# ── reading ────────────────────────────────────────────────────────────────────────────────────────────────────────


def read_pylock(content: bytes) -> Lock:
    """Return the lock of a file that `pylock_text` wrote; it has no addresses of wheels.

    Raises ValueError with a sentence for a file that is too large, not valid, of another program, or whose content is
    not that of its digest.
    """
    document = _document(content)
    tool = _table(_table(document, "tool", required=False), TOOL, required=False)
    if not tool:
        raise ValueError(f"is a lock of another tool ({excerpt(document.get('created-by', 'unknown'))})")
    if tool.get("format") != FORMAT or document.get("lock-version") != "1.0":
        raise ValueError("is a lock of another version of kusto_magic")
    lock = Lock(
        python=_checked(_text(tool, "python"), python_version_problem, "Python version"),
        platform=_text(tool, "platform"),
        requirements="".join(_texts(tool, "requirements")),
        packages=tuple(sorted(_packages(document, tool), key=lambda package: package.name)),
        base_image=_base(tool, "base-image"),
        managed=_base(tool, "managed-image"),
        layers=tuple(_checked(each, _hash_problem, "base layer") for each in _texts(tool, "base-layers")),
        exclude_newer=_cutoff(tool),
    )
    if lock.digest != tool.get("digest"):
        raise ValueError("was changed after it was written: its content is not that of its digest")
    return lock


def _document(content: bytes) -> Mapping[str, Any]:
    if len(content) > MAX_BYTES:
        raise ValueError(f"is larger than {MAX_BYTES // 1024 // 1024} MB, the limit of kusto_magic")
    try:
        return _parsed(content.decode("utf-8"))
    except (ValueError, RecursionError):
        raise ValueError("is not a valid lock file (pylock.toml)") from None


def _parsed(text: str) -> Mapping[str, Any]:
    if any(_nesting(line) > MAX_DEPTH for line in text.splitlines()):
        raise ValueError("too deep")
    return tomllib.loads(text)


def _nesting(line: str) -> int:
    """Return the number of dots and brackets of a line that are not in a string."""
    return len(_BARE_DOTS.findall(_STRING.sub("", line))) if len(line) > MAX_DEPTH else 0


def _packages(document: Mapping[str, Any], tool: Mapping[str, Any]) -> Iterator[LockedPackage]:
    listed, others = _tables(document, "packages"), _tables(tool, "without-wheel")
    names = [_text(package, "name") for package in (*listed, *others)]
    if len(names) > MAX_PACKAGES:
        raise ValueError(f"has more than {MAX_PACKAGES:,} packages, the limit of kusto_magic")
    if len(set(names)) != len(names):
        raise ValueError("has a package twice")
    yield from map(_package, listed)
    for package in others:
        yield LockedPackage(_name(package), _version(package), in_base=package.get("in-base") is True)


def _package(package: Mapping[str, Any]) -> LockedPackage:
    wheels = _tables(package, "wheels")
    if len(wheels) != 1:
        raise ValueError(f"has a package without exactly one wheel: {excerpt(package.get('name'))}")
    name, version, [wheel] = _name(package), _version(package), wheels
    size = wheel.get("size")
    if not (size is None or (isinstance(size, int) and not isinstance(size, bool) and size >= 0)):
        raise ValueError(f"has an invalid size of {excerpt(name)}")
    own = _table(_table(package, "tool", required=False), TOOL, required=False)
    return LockedPackage(
        name,
        version,
        size,
        _file(wheel, name, version),
        _checked(_text(_table(wheel, "hashes"), "sha256"), _hash_problem, "hash"),
        in_base=own.get("in-base") is True,
    )


def _name(package: Mapping[str, Any]) -> str:
    name = _text(package, "name")
    if not _NAME.fullmatch(name):
        raise ValueError(f"has an invalid package name: {excerpt(name)}")
    return name


def _version(package: Mapping[str, Any]) -> str:
    return _checked(_text(package, "version"), _version_problem, "version")


def _file(wheel: Mapping[str, Any], name: str, version: str) -> str:
    file = _text(wheel, "name")
    try:
        named, versioned, *_ = parse_wheel_filename(file)
        is_of_package = (named, versioned) == (name, Version(version))
    except (InvalidWheelFilename, InvalidVersion):
        is_of_package = False
    if not is_of_package or not _WHEEL.fullmatch(file):
        raise ValueError(f"has an invalid wheel of {excerpt(name)}: {excerpt(file)}")
    return file


def _base(tool: Mapping[str, Any], key: str) -> str:
    base = _text(tool, key)
    return _checked(base, base_image_problem, "base image") if base else ""


def _cutoff(tool: Mapping[str, Any]) -> str:
    value = _text(tool, "exclude-newer") if "exclude-newer" in tool else ""
    if value:
        cutoff_time(value)
    return value


def _version_problem(value: str) -> str:
    try:
        Version(value)
    except InvalidVersion:
        return "not a version"
    return "" if value.isascii() and value == value.strip() else "not a plain version"


def _hash_problem(value: str) -> str:
    return "" if _HASH.fullmatch(value) else "not a SHA-256"


def _checked(value: str, rule: Callable[[str], str], what: str) -> str:
    if rule(value):
        raise ValueError(f"has an invalid {what}: {excerpt(value)}")
    return value


def _text(table: Mapping[str, Any], key: str) -> str:
    value = table.get(key)
    if not isinstance(value, str):
        raise ValueError(f"has no valid value of {key}")
    return value


def _texts(table: Mapping[str, Any], key: str) -> Sequence[str]:
    value = table.get(key)
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError(f"has no valid value of {key}")
    return value


def _table(table: Mapping[str, Any], key: str, *, required: bool = True) -> Mapping[str, Any]:
    value = table.get(key, None if required else {})
    if not isinstance(value, dict):
        raise ValueError(f"has no valid table {key}")
    return value


def _tables(table: Mapping[str, Any], key: str) -> Sequence[Mapping[str, Any]]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise ValueError(f"has no valid value of {key}")
    return value
