"""A requirements text: its packages, and what is wrong with it, line by line.

How a text is split into lines, joined at backslashes and stripped of comments is pip's rule
(`pip._internal.req.req_file`), since the service gets the text byte for byte. What a line may say is in
`requirement_rules`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from packaging.requirements import InvalidRequirement
from packaging.requirements import Requirement as Pep508
from packaging.utils import canonicalize_name

from kusto_magic.errors import InvalidInput, Problem
from kusto_magic.requirements import rules

MAX_BYTES = 128 * 1024
MAX_LINES = 10_000
MAX_PACKAGES = 1_000
MAX_PROBLEMS = 50
"""Limits of this package; the service's own are not documented."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """One package line: `line` is where it stands, counted from 1; `text` is `name[extras]specifier; marker`.

    `name` is normalised (PEP 503), `specifier` a PEP 440 specifier set and `marker` a PEP 508 marker; both are ""
    where the line has none.
    """

    line: int
    name: str
    text: str
    specifier: str = ""
    extras: tuple[str, ...] = ()
    marker: str = ""

    @property
    def spec(self) -> str:
        """The package in canonical form, without its marker: `name[extras]specifier`."""
        return f"{self.name}[{','.join(self.extras)}]{self.specifier}" if self.extras else self.name + self.specifier


@dataclass(frozen=True, slots=True)
class Requirements:
    """A text that passed every check: its packages in order, and its index options as (option, URL) pairs.

    The option is "--index-url" or "--extra-index-url", however it was written.
    """

    packages: tuple[Requirement, ...]
    index_options: tuple[tuple[str, str], ...] = ()


def parse(text: str, *, allow_index_options: bool = False) -> Requirements:
    """Read a requirements text. Raises InvalidInput with every problem and its line."""
    reading = _read(text, allow_index_options)
    if reading.problems:
        raise InvalidInput(reading.problems)
    return Requirements(tuple(reading.packages), tuple(reading.index_options))


def problems(text: str, *, allow_index_options: bool = False) -> list[Problem]:
    """Return everything that is wrong with a requirements text, in the order of its lines.

    A problem of the whole text has no line. After 50 problems the rest of the text is not looked at.
    """
    return _read(text, allow_index_options).problems


@dataclass
class _ParserState:
    """What was found so far."""

    problems: list[Problem] = field(default_factory=list)
    packages: list[Requirement] = field(default_factory=list)
    index_options: list[tuple[str, str]] = field(default_factory=list)
    by_name: dict[str, list[Requirement]] = field(default_factory=dict)

    def add_problem(self, message: str, line: int | None = None) -> None:
        self.problems.append(Problem("requirements", message, line))

    def is_full(self) -> bool:
        return len(self.problems) >= MAX_PROBLEMS or len(self.packages) > MAX_PACKAGES


@dataclass(frozen=True, slots=True)
class _Line:
    """A logical line, which begins at `number`: `raw` its physical lines, `code` what pip reads of them."""

    number: int
    raw: str
    code: str
    continues_into_comment: bool = False


def _read(text: str, allow_index_options: bool) -> _ParserState:
    reading = _ParserState()
    if message := _text_problem(text):
        reading.add_problem(message)
        return reading
    suspect = bool(rules.secret_in(text))
    for line in _logical_lines(text):
        if not suspect and rules.is_plain(line.raw):
            _parse_package(reading, line)
        else:
            _parse_line(reading, line, rules.secret_in(line.raw) if suspect else "", allow_index_options)
        if reading.is_full():
            break
    _check_totals(reading)
    return reading


def _text_problem(text: object) -> str:
    if not isinstance(text, str):
        return f"a text is wanted, not {type(text).__name__}"
    if len(text) > MAX_BYTES or len(text.encode(errors="surrogatepass")) > MAX_BYTES:
        return f"the text has more than {MAX_BYTES // 1024} kB; that is the limit of this package"
    if len(_LINE_END.findall(text)) >= MAX_LINES:
        return f"the text has more than {MAX_LINES:,} lines; that is the limit of this package"
    return ""


def _check_totals(reading: _ParserState) -> None:
    if len(reading.packages) > MAX_PACKAGES:
        reading.add_problem(f"the text names more than {MAX_PACKAGES:,} packages; that is the limit of this package")
    elif len(reading.problems) >= MAX_PROBLEMS:
        reading.add_problem(f"the lines after this were not looked at: there are {MAX_PROBLEMS} problems already")
    elif not reading.packages and not reading.problems:
        reading.add_problem("the text names no package")


_LINE_END = re.compile(r"\r\n|\n|\r")
_COMMENT = re.compile(r"(?:^|(?<=\s))#.*$", re.DOTALL)


def _logical_lines(text: str) -> Iterator[_Line]:
    physical = _LINE_END.split(text.removeprefix("\ufeff"))
    parts: list[str] = []
    for number, line in enumerate(physical, start=1):
        parts.append(line)
        if not line.endswith("\\") or _is_comment(line) or number == len(physical):
            yield _logical_line(number + 1 - len(parts), parts)
            parts = []


def _logical_line(number: int, parts: list[str]) -> _Line:
    if len(parts) == 1 and "#" not in parts[0]:
        return _Line(number, parts[0], parts[0].strip())
    *continued, last = parts
    last = f" {last}" if _is_comment(last) else last
    joined = "".join([*(part.rstrip("\\") for part in continued), last])
    hides_next = any(_COMMENT.search(part) for part in continued)
    return _Line(number, "\n".join(parts), _COMMENT.sub("", joined).strip(), hides_next)


def _is_comment(line: str) -> bool:
    """Return whether pip takes the whole line for a comment, which a backslash at its end does not continue."""
    return line.lstrip().startswith("#")


def _parse_line(reading: _ParserState, line: _Line, secret: str, allow_index_options: bool) -> None:
    if secret:
        reading.add_problem(f"{secret}; every reader of the cluster can read an image's requirements", line.number)
    if line.continues_into_comment:
        reading.add_problem(
            "the '\\' at the end of a comment puts the next line into the comment; delete it", line.number
        )
    elif message := rules.character_problem(line.raw, line.code) or rules.shape_problem(line.code):
        reading.add_problem(message, line.number)
    elif option := rules.option_in(line.code):
        _parse_option(reading, line, option, allow_index_options)
    elif message := rules.local_or_shell_problem(line.code, show=not secret):
        reading.add_problem(message, line.number)
    elif line.code and not secret:
        _parse_package(reading, line)


def _parse_option(reading: _ParserState, line: _Line, option: str, allow_index_options: bool) -> None:
    known = rules.index_option(option)
    if not known or not allow_index_options:
        message = f"{known}: index options must be allowed first, with --allow-index-options"
        reading.add_problem(message if known else rules.option_problem(option), line.number)
        return
    url = rules.index_url(line.code)
    if message := rules.url_problem(url):
        reading.add_problem(f"{known}: {message}", line.number)
    elif known == "--index-url" and known in dict(reading.index_options):
        reading.add_problem("--index-url is given twice; further indexes go with --extra-index-url", line.number)
    else:
        reading.index_options.append((known, url))


def _parse_package(reading: _ParserState, line: _Line) -> None:
    try:
        parsed = Pep508(line.code)
    except InvalidRequirement:
        reading.add_problem(rules.grammar_problem(line.code), line.number)
        return
    package = _package(line.number, parsed)
    if message := rules.package_problem(parsed.name, package.specifier) or _duplicate_problem(reading, package):
        reading.add_problem(message, line.number)
    reading.packages.append(package)
    reading.by_name.setdefault(package.name, []).append(package)


def _package(line: int, parsed: Pep508) -> Requirement:
    extras, specifier = tuple(sorted(parsed.extras)), str(parsed.specifier)
    marker = "" if parsed.marker is None else str(parsed.marker)
    head = f"{parsed.name}[{','.join(extras)}]{specifier}" if extras else f"{parsed.name}{specifier}"
    text = f"{head}; {marker}" if marker else head
    return Requirement(line, canonicalize_name(parsed.name), text, specifier, extras, marker)


def _duplicate_problem(reading: _ParserState, package: Requirement) -> str:
    for other in reading.by_name.get(package.name, ()):
        if not package.marker or not other.marker or package.marker == other.marker:
            return f"{package.name} is on line {other.line} already; one line each, or a marker of its own on each"
    return ""
