"""Parser for requirements texts that reports the packages, or every problem with its line.

Lines are split, joined at backslashes and stripped of comments as in pip (`pip._internal.req.req_file`), because the
service receives the text byte for byte. The rules for a single line are in `requirements.rules`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from packaging.requirements import InvalidRequirement
from packaging.requirements import Requirement as Pep508
from packaging.utils import canonicalize_name

from kusto_magic.errors import InvalidInputError, Problem
from kusto_magic.hints import Hint, HintKind
from kusto_magic.requirements import mistakes, rules, sources

MAX_BYTES = 128 * 1024
"""Maximum size of a text in bytes. All limits here are this package's; the service's own are not documented."""

MAX_LINES = 10_000
"""Maximum number of physical lines."""

MAX_PACKAGES = 1_000
"""Maximum number of package lines."""

MAX_INDEX_OPTIONS = 20
"""Maximum number of index options: each package is looked up in every index."""

MAX_PROBLEMS = 50
"""Number of problems after which the rest of the text is not checked."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """A package line: `line` is its number, counted from 1; `text` is `name[extras]specifier; marker`.

    `name` is normalized (PEP 503), `specifier` is a PEP 440 specifier set and `marker` a PEP 508 marker; both are "" if
    absent.
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
    """The contents of a valid text: its packages in order, and its index options as (option, URL) pairs.

    The option is always the long form, "--index-url" or "--extra-index-url".
    """

    packages: tuple[Requirement, ...]
    index_options: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class ReadRequirements:
    """The contents of any text, also of an image made with another tool.

    `packages` are the lines that are valid once their hashes are left out; `problems` are the rules that other lines
    break, and `other_lines` those lines as written. `has_hashes` is whether hashes were left out.
    """

    packages: tuple[Requirement, ...] = ()
    index_options: tuple[tuple[str, str], ...] = ()
    problems: tuple[Problem, ...] = ()
    other_lines: tuple[str, ...] = ()
    has_hashes: bool = False


def parse(text: str, *, allow_index_options: bool = False, allow_no_packages: bool = False) -> Requirements:
    """Parse a requirements text. Raises InvalidInputError with every problem and its line."""
    state = _read(text, allow_index_options, allow_no_packages)
    if state.problems:
        raise InvalidInputError(state.problems)
    return Requirements(tuple(state.packages), tuple(state.index_options))


def problems(
    text: str,
    *,
    allow_index_options: bool = False,
    allow_no_packages: bool = False,
    allow_pip_syntax: bool = False,
) -> list[Problem]:
    """Return all problems of a requirements text, in the order of its lines.

    A problem of the whole text has no line. After 50 problems the rest of the text is not checked. A text without
    packages is a problem unless `allow_no_packages`. `allow_pip_syntax` accepts what pip accepts and only this package
    does not: hashes, further options, URLs without secrets.
    """
    return _read(text, allow_index_options, allow_no_packages, allow_pip_syntax).problems


def read(text: str) -> ReadRequirements:
    """Read a text whose author need not know the rules of this package; nothing is raised.

    A package line with hashes counts as the package. Lines beyond the limits of this package are not read.
    """
    if message := text_problem(text):
        return ReadRequirements(problems=(Problem("requirements", message),), other_lines=(message,))
    state, hashed, lines, suspect = _ParserState(), False, {}, bool(rules.secret_in(text))
    for line in logical_lines(text):
        lines[line.number] = line.code
        code = HASH.sub("", line.code).strip()
        hashed |= code != line.code
        _parse_line(state, replace(line, code=code), rules.secret_in(line.raw) if suspect else "", True)
        if max(len(state.packages), len(state.problems)) > MAX_PACKAGES:
            state.add_problem(f"the remaining lines were not read: the limit is {MAX_PACKAGES:,} lines", line.number)
            break
    broken = dict.fromkeys(problem.line for problem in state.problems if problem.line is not None)
    return ReadRequirements(
        tuple(package for package in state.packages if package.line not in broken),
        tuple(state.index_options),
        tuple(state.problems),
        tuple(lines[number] for number in broken),
        hashed,
    )


@dataclass
class _ParserState:
    """Results collected while a text is parsed."""

    problems: list[Problem] = field(default_factory=list)
    packages: list[Requirement] = field(default_factory=list)
    index_options: list[tuple[str, str]] = field(default_factory=list)
    by_name: dict[str, list[Requirement]] = field(default_factory=dict)
    allow_pip_syntax: bool = False
    has_pip_syntax: bool = False

    def add_problem(
        self,
        message: str,
        line: int | None = None,
        hint: Hint | None = None,
        fix: str = "",
        *,
        is_pip_syntax: bool = False,
    ) -> None:
        if is_pip_syntax and self.allow_pip_syntax:
            self.has_pip_syntax = True
        else:
            self.problems.append(Problem("requirements", message, line, hint, fix, is_pip_syntax))

    def is_full(self) -> bool:
        return len(self.problems) >= MAX_PROBLEMS or len(self.packages) > MAX_PACKAGES


@dataclass(frozen=True, slots=True)
class Line:
    """A logical line that starts at line `number`: `raw` is its physical lines, `code` the part that pip evaluates."""

    number: int
    raw: str
    code: str
    continues_into_comment: bool = False


def _read(
    text: str, allow_index_options: bool, allow_no_packages: bool, allow_pip_syntax: bool = False
) -> _ParserState:
    state = _ParserState(allow_pip_syntax=allow_pip_syntax)
    if message := text_problem(text):
        state.add_problem(message)
        return state
    # Searching the whole text once is much faster than searching each line; it also finds secrets split over lines.
    suspect = bool(rules.secret_in(text))
    for line in logical_lines(text):
        if not suspect and rules.is_plain(line.raw):
            _parse_package(state, line)
        else:
            _parse_line(state, line, rules.secret_in(line.raw) if suspect else "", allow_index_options)
        if state.is_full():
            break
    _check_totals(state, allow_no_packages)
    return state


def text_problem(text: object) -> str:
    """Return which limit of this package a whole text exceeds, or ""."""
    if not isinstance(text, str):
        return f"the requirements must be a string, not {type(text).__name__}"
    # The number of characters is compared first, so that a huge text is not encoded.
    if len(text) > MAX_BYTES or len(text.encode(errors="surrogatepass")) > MAX_BYTES:
        return f"the text is larger than {MAX_BYTES // 1024} kB, the limit of kusto_magic"
    if len(_LINE_END.findall(text)) >= MAX_LINES:
        return f"the text has more than {MAX_LINES:,} lines, the limit of kusto_magic"
    return ""


def _check_totals(state: _ParserState, allow_no_packages: bool) -> None:
    if len(state.packages) > MAX_PACKAGES:
        state.add_problem(f"the text names more than {MAX_PACKAGES:,} packages, the limit of kusto_magic")
    elif len(state.problems) >= MAX_PROBLEMS:
        state.add_problem(f"the remaining lines were not checked: the limit of {MAX_PROBLEMS} problems was reached")
    elif not (state.packages or state.problems or state.has_pip_syntax or allow_no_packages):
        state.add_problem("the text names no packages", hint=Hint(HintKind.ALLOW_NO_PACKAGES))


HASH = re.compile(r"(?<=\s)--hash[=\s]\s*[a-z0-9]+:[0-9A-Fa-f]+")
_LINE_END = re.compile(r"\r\n|\n|\r")
COMMENT = re.compile(r"(?:^|(?<=\s))#.*$", re.DOTALL)
"""The comment of a line, as pip recognizes it."""


def logical_lines(text: str) -> Iterator[Line]:
    """Yield the lines of a text as pip joins them: a backslash at the end of a line continues it."""
    physical = _LINE_END.split(text.removeprefix("\ufeff"))  # pip ignores a byte order mark too
    parts: list[str] = []
    for number, line in enumerate(physical, start=1):
        parts.append(line)
        if not line.endswith("\\") or _is_comment(line) or number == len(physical):
            yield _logical_line(number + 1 - len(parts), parts)
            parts = []


def _logical_line(number: int, parts: list[str]) -> Line:
    if len(parts) == 1 and "#" not in parts[0]:
        return Line(number, parts[0], parts[0].strip())
    *continued, last = parts
    # As in pip: a comment that ends a continued line starts with a blank, so that it is recognized as a comment.
    last = f" {last}" if _is_comment(last) else last
    joined = "".join([*(part.rstrip("\\") for part in continued), last])
    hides_next = any(COMMENT.search(part) for part in continued)
    return Line(number, "\n".join(parts), COMMENT.sub("", joined).strip(), hides_next)


def _is_comment(line: str) -> bool:
    """Return whether the whole line is a comment; pip does not continue such a line at a final backslash."""
    return line.lstrip().startswith("#")


def _parse_line(state: _ParserState, line: Line, secret: str, allow_index_options: bool) -> None:
    if secret:
        state.add_problem(
            f"{secret}; everyone with read access to the cluster can read an image's requirements", line.number
        )
    if line.continues_into_comment:
        state.add_problem(
            "the '\\' at the end of a comment makes the next line part of the comment; delete it", line.number
        )
    elif message := rules.character_problem(line.raw, line.code) or rules.shape_problem(line.code):
        state.add_problem(message, line.number)
    elif sources.is_private_address(line.code):
        is_pip_syntax = not secret and rules.is_public_address(line.code)
        state.add_problem(sources.PRIVATE_ADDRESS, line.number, is_pip_syntax=is_pip_syntax)
    elif option := rules.option_in(line.code):
        _parse_option(state, line, option, allow_index_options)
    elif message := rules.local_or_shell_problem(line.code, show=not secret):
        fix, is_pip_syntax = ("", False) if secret else (_fix(line), rules.is_public_address(line.code))
        state.add_problem(message, line.number, fix=fix, is_pip_syntax=is_pip_syntax)
    elif line.code and not secret:
        _parse_package(state, line)


def _parse_option(state: _ParserState, line: Line, option: str, allow_index_options: bool) -> None:
    known = rules.index_option(option)
    if not known or not allow_index_options:
        message, hint = rules.option_problem(option), rules.option_hint(option)
        if sources.is_private_source(line.code):
            message += f"; without it, {sources.MAY_BE_ANOTHER}"
        state.add_problem(message, line.number, hint, is_pip_syntax=rules.is_pip_option_line(line.code))
        return
    url = rules.index_url(line.code)
    if message := rules.url_problem(url):
        state.add_problem(f"{known}: {message}", line.number)
    elif known == "--index-url" and known in dict(state.index_options):  # pip would use the last one silently
        state.add_problem("--index-url is given twice; use --extra-index-url for further indexes", line.number)
    elif len(state.index_options) >= MAX_INDEX_OPTIONS:
        state.add_problem(f"more than {MAX_INDEX_OPTIONS} index options, the limit of kusto_magic", line.number)
    else:
        state.index_options.append((known, url))


def _parse_package(state: _ParserState, line: Line) -> None:
    try:
        parsed = Pep508(line.code)
    except InvalidRequirement:
        state.add_problem(mistakes.grammar_problem(line.code), line.number, fix=_fix(line))
        return
    package = _package(line.number, parsed)
    if message := rules.package_problem(parsed.name, package.specifier):
        state.add_problem(message, line.number, is_pip_syntax=not rules.is_file_name(parsed.name))
    elif message := _duplicate_problem(state, package):
        state.add_problem(message, line.number, is_pip_syntax=True)
    state.packages.append(package)  # also an invalid one, so that its duplicates are reported
    state.by_name.setdefault(package.name, []).append(package)


def _fix(line: Line) -> str:
    """Return the corrected line with its indent and its comment; "" if it cannot be guessed or is continued."""
    corrected = "" if "\n" in line.raw else mistakes.corrected(line.code)
    return line.raw.replace(line.code, corrected, 1) if corrected else ""


def _package(line: int, parsed: Pep508) -> Requirement:
    extras, specifier = tuple(sorted(parsed.extras)), str(parsed.specifier)
    marker = "" if parsed.marker is None else str(parsed.marker)
    head = f"{parsed.name}[{','.join(extras)}]{specifier}" if extras else f"{parsed.name}{specifier}"
    text = f"{head}; {marker}" if marker else head
    return Requirement(line, canonicalize_name(parsed.name), text, specifier, extras, marker)


def _duplicate_problem(state: _ParserState, package: Requirement) -> str:
    for other in state.by_name.get(package.name, ()):
        # Different markers may exclude each other, so both lines can be meant.
        if not package.marker or not other.marker or package.marker == other.marker:
            return f"{package.name} is already on line {other.line}; keep one line, or give each line its own marker"
    return ""
