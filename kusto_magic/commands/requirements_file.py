"""Reader of `--file`: decodes a requirements file, and reads in the files that it includes (-r, -c).

Only files in the folder of the file are read in, so that the file of another user cannot name others.
"""

from __future__ import annotations

import locale
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from packaging.requirements import InvalidRequirement
from packaging.requirements import Requirement as Pep508
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from kusto_magic.errors import InvalidInputError, Problem, excerpt
from kusto_magic.requirements import parser
from kusto_magic.requirements.encodings import decode
from kusto_magic.requirements.parser import MAX_BYTES

MAX_FILES = 20
"""Maximum number of included files."""

_UTF = 4
"""Maximum number of bytes of a character in UTF-32."""

_OTHER_FILES = {
    ".whl": "a wheel",
    ".gz": "an archive",
    ".tgz": "an archive",
    ".zip": "an archive",
    ".conda": "a package of conda",
    ".ipynb": "a notebook",
    ".exe": "a program",
    ".pdf": "a document",
    ".docx": "a document",
    ".xlsx": "a workbook",
}
"""What files are that are named by mistake, by the end of their name."""

_INCLUDE = re.compile(r"\s*(-r|--requirement|-c|--constraint)(?:[\s=]+|(?<=-[rc]))([^#\s].*)")


@dataclass
class _Reader:
    """The files that are read in: their folder, and what was found."""

    folder: Path
    code_page: str
    notes: list[str] = field(default_factory=list)
    constraints: list[tuple[str, parser.Requirement]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    count: int = 0
    size: int = 0


def read_file(path: Path, code_page: str = "") -> tuple[str, tuple[str, ...]]:
    """Return the text of a requirements file with its included files, and notes on what was read.

    `code_page` is the encoding of the platform, by default that of this machine. Raises InvalidInputError.
    """
    reader = _Reader(path.resolve().parent, code_page or locale.getpreferredencoding(False))
    text = _decoded(reader, path, "--file")
    if not any(_INCLUDE.fullmatch(line) for line in text.splitlines()):
        return text, tuple(reader.notes)
    text = "\n".join(_included(reader, path.resolve(), text, ()))
    if reader.problems:
        raise InvalidInputError(reader.problems)
    return _constrained(reader, text), tuple(reader.notes)


def _decoded(reader: _Reader, path: Path, label: str) -> str:
    if path.suffix.lower() in _OTHER_FILES:
        message = f"{path.name} is {_OTHER_FILES[path.suffix.lower()]}, not a requirements file"
        raise InvalidInputError([Problem(label, message)])
    try:
        with path.open("rb") as file:
            content = file.read(_UTF * MAX_BYTES + 1)
    except OSError as error:
        raise InvalidInputError([Problem(label, f"{path.name} cannot be read: {error.strerror}")]) from None
    try:
        text, encoding = decode(content, reader.code_page)
    except ValueError:
        how = "save it as UTF-8 (Notepad: Save as, Encoding UTF-8; PowerShell: Out-File -Encoding utf8)"
        raise InvalidInputError([Problem(label, f"{path.name} is not valid UTF-8; {how}")]) from None
    if encoding != "utf-8":
        reader.notes.append(f"{path.name} was read as {encoding.upper()}")
    return text


def _included(reader: _Reader, path: Path, text: str, parents: tuple[Path, ...]) -> Iterator[str]:
    """Yield the lines of a file, with those of its included files in their places."""
    for number, line in enumerate(text.splitlines(), start=1):
        include = _INCLUDE.fullmatch(line)
        if include is None or "://" in line:
            yield line
            continue
        option, name = include[1], include[2].partition(" #")[0].strip().strip("'\"")
        try:
            yield from _include(reader, option, name, path, (*parents, path))
        except InvalidInputError as error:
            where = f"{path.name} line {number}: {option}"
            reader.problems += [Problem("--file", f"{where} {problem.message}") for problem in error.problems]
    yield ""


def _include(reader: _Reader, option: str, name: str, path: Path, parents: tuple[Path, ...]) -> Iterator[str]:
    found = _found(reader, path.parent, name)
    if found in parents:
        raise InvalidInputError([Problem("--file", f"{excerpt(name)} includes itself")])
    reader.count += 1
    text = _decoded(reader, found, "--file")
    reader.size += len(text)
    if reader.count > MAX_FILES or reader.size > MAX_BYTES:
        limit = f"the limit is {MAX_FILES} files and {MAX_BYTES // 1024} kB"
        raise InvalidInputError([Problem("--file", f"{excerpt(name)}: too much is included; {limit}")])
    if option in ("-c", "--constraint"):
        reader.constraints += [(found.name, package) for package in parser.read(text).packages]
        return
    count = len(text.splitlines())
    reader.notes.append(f"{option} {found.name}: read in, {count} {'line' if count == 1 else 'lines'}")
    yield from _included(reader, found, text, parents)


def _found(reader: _Reader, folder: Path, name: str) -> Path:
    """Return an included file, with its links resolved. Raises InvalidInputError if it is not in the folder."""
    plain = folder / name
    # A file that was written on Windows, on another system.
    found = (plain if plain.exists() else folder / name.replace("\\", "/")).resolve()
    if not found.is_relative_to(reader.folder):
        raise InvalidInputError([Problem("--file", f"{excerpt(name)} is outside of the folder of the file")])
    return found


def _constrained(reader: _Reader, text: str) -> str:
    """Return the text with the constraints of `-c` files in the lines of the packages that they name."""
    if not reader.constraints:
        return text
    used: set[str] = set()
    lines = [_with_constraints(line, reader.constraints, used) for line in text.split("\n")]
    for file in dict.fromkeys(file for file, _ in reader.constraints):
        names = [package.name for other, package in reader.constraints if other == file]
        applied = [name for name in dict.fromkeys(names) if name in used]
        unused = len(set(names)) - len(applied)
        other = f"; left out, because no line names them: {unused} other packages" if unused else ""
        reader.notes.append(f"-c {file}: applied to {', '.join(applied) or 'no line'}{other}")
    return "\n".join(lines)


def _with_constraints(line: str, constraints: Sequence[tuple[str, parser.Requirement]], used: set[str]) -> str:
    code, mark, comment = line.partition(" #")
    try:
        package = Pep508(code.strip())
    except InvalidRequirement:
        return line
    name, before = canonicalize_name(package.name), package.specifier
    for _, constraint in constraints:
        if constraint.name == name and constraint.marker in ("", str(package.marker or "")):
            package.specifier &= SpecifierSet(constraint.specifier)
            used.add(name)
    return line if package.specifier == before else f"{package}{'  #' if mark else ''}{comment}"
