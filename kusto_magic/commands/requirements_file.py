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
from kusto_magic.requirements.line_origins import LineOrigin, lines_label
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

MAX_NAMED = 10
"""Maximum number of packages that a note names."""

_LINE_BREAK = re.compile(r"\r\n|\n|\r")
_INCLUDE = re.compile(r"\s*(-r|--requirement|-c|--constraint)(?:[\s=]+|(?<=-[rc]))([^#\s].*)")


@dataclass(frozen=True, slots=True)
class FileText:
    """The text of a file, notes on what was read, and where the lines come from if other files were read in."""

    text: str
    notes: tuple[str, ...] = ()
    origins: tuple[LineOrigin, ...] = ()


@dataclass(frozen=True, slots=True)
class _Constraints:
    """The package lines of a file of constraints, and the numbers of the lines that are none."""

    file: str
    packages: Sequence[parser.Requirement]
    other_lines: Sequence[int]


@dataclass
class _Reader:
    """The files that are read in: their folder, and what was found."""

    folder: Path
    code_page: str
    notes: list[str] = field(default_factory=list)
    constraints: list[_Constraints] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    count: int = 0
    size: int = 0


def read_file(path: Path, code_page: str = "") -> FileText:
    """Return the text of a requirements file with its included files, and notes on what was read.

    `code_page` is the encoding of the platform, by default that of this machine. Raises InvalidInputError.
    """
    reader = _Reader(path.resolve().parent, code_page or locale.getpreferredencoding(False))
    text = _decoded(reader, path, "--file")
    if not any(_INCLUDE.fullmatch(line) for line in _LINE_BREAK.split(text)):
        return FileText(text, tuple(reader.notes))
    lines = list(_included(reader, path.resolve(), text, ()))
    if reader.problems:
        raise InvalidInputError(reader.problems)
    texts = _constrained(reader, [line for line, _ in lines])
    return FileText("\n".join(texts), tuple(reader.notes), tuple(origin for _, origin in lines))


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


def _included(reader: _Reader, path: Path, text: str, parents: tuple[Path, ...]) -> Iterator[tuple[str, LineOrigin]]:
    """Yield the lines of a file with their origins, with those of its included files in their places."""
    # The user knows which file the cell names.
    file = path.relative_to(reader.folder).as_posix() if parents else ""
    lines = _LINE_BREAK.split(text.removeprefix("\ufeff"))
    for number, line in enumerate(lines, start=1):
        include = _INCLUDE.fullmatch(line)
        if include is None or "://" in line:
            yield line, LineOrigin(number, file)
            continue
        option, name = include[1], include[2].partition(" #")[0].strip().strip("'\"")
        try:
            yield from _include(reader, option, name, path, (*parents, path))
        except InvalidInputError as error:
            reader.problems += [
                Problem("--file", f"{option} {problem.message}", number, file=file) for problem in error.problems
            ]
    if lines[-1].endswith("\\"):  # it must not continue in the next file
        yield "", LineOrigin(len(lines), file)


def _include(
    reader: _Reader, option: str, name: str, path: Path, parents: tuple[Path, ...]
) -> Iterator[tuple[str, LineOrigin]]:
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
        known = parser.read(text)
        broken = dict.fromkeys(problem.line for problem in known.problems if problem.line is not None)
        reader.constraints.append(_Constraints(found.name, known.packages, tuple(broken)))
        return
    count = len(_LINE_BREAK.split(text)) - text.endswith(("\n", "\r"))
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


def _constrained(reader: _Reader, lines: Sequence[str]) -> list[str]:
    """Return the lines with the constraints of `-c` files in the lines of the packages that they name."""
    used: set[parser.Requirement] = set()
    packages = [package for constraints in reader.constraints for package in constraints.packages]
    found = [_with_constraints(line, packages, used) for line in lines] if packages else list(lines)
    reader.notes += [_constraints_note(constraints, found, used) for constraints in reader.constraints]
    return found


def _constraints_note(constraints: _Constraints, lines: Sequence[str], used: set[parser.Requirement]) -> str:
    """Return which constraints of a file were applied, which were left out, and why."""
    named = {name for line in lines if (name := _package_name(line))}
    applied = [package for package in constraints.packages if package in used]
    others = [package for package in constraints.packages if package not in used]
    with_marker = [package for package in others if package.name in named]
    unnamed = [package for package in others if package.name not in named]
    parts = [f"applied {_names(applied)}" if applied else "applied to no line"]
    if unnamed:
        what = "no line names them, and the service has no constraints: add a line for those that matter"
        parts.append(f"left out {_names(unnamed)} ({what})")
    if with_marker:
        parts.append(f"left out {_names(with_marker)} (the marker is not that of the line)")
    if constraints.other_lines:
        label = lines_label([LineOrigin(number) for number in constraints.other_lines])
        parts.append(f"left out {label} (not a valid package line)")
    return f"-c {constraints.file}: {'; '.join(parts)}"


def _names(packages: Sequence[parser.Requirement]) -> str:
    """Return constraints as text, with their versions; at most MAX_NAMED."""
    texts = list(dict.fromkeys(package.text for package in packages))
    more = [f"{len(texts) - MAX_NAMED} more"] if len(texts) > MAX_NAMED else []
    return ", ".join([*texts[:MAX_NAMED], *more])


def _package_name(line: str) -> str:
    package = _package(line)
    return str(canonicalize_name(package.name)) if package else ""


def _package(line: str) -> Pep508 | None:
    try:
        return Pep508(line.partition(" #")[0].strip())
    except InvalidRequirement:
        return None


def _with_constraints(line: str, constraints: Sequence[parser.Requirement], used: set[parser.Requirement]) -> str:
    package = _package(line)
    if package is None:
        return line
    name, before = canonicalize_name(package.name), package.specifier
    for constraint in constraints:
        if constraint.name == name and constraint.marker in ("", str(package.marker or "")):
            package.specifier &= SpecifierSet(constraint.specifier)
            used.add(constraint)
    _, mark, comment = line.partition(" #")
    return line if package.specifier == before else f"{package}{'  #' if mark else ''}{comment}"
