"""A parser for the subset of the Kusto Query Language (KQL) that the emulator's Resource Graph supports.

`resources | where … | project a, b.c, d = e | order by f asc | take 5`, with the operators in any order and number.
Anything else in KQL is rejected with an error that names it. The operators work as in KQL's documentation.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, NoReturn, TypeVar

Kind = Literal["string", "bag", "dynamic"]
"""The type of a column: a string, a property bag, or a value from a bag."""

COMPARISONS = frozenset({"==", "!=", "=~", "!~"})
SETS = frozenset({"in", "!in", "in~", "!in~"})
PARTS = frozenset({"has", "!has", "contains", "!contains", "startswith", "!startswith", "endswith", "!endswith"})
_Item = TypeVar("_Item")
MAX_DEPTH = 50
"""Maximum nesting depth of conditions; it bounds the recursion of the parser."""

_TOKEN = re.compile(
    r"""(?P<space>\s+|//[^\n]*)
      | (?P<string>'(?:[^'\\\n]++|\\.)*+'|"(?:[^"\\\n]++|\\.)*+")
      | (?P<number>\d{1,9})
      | (?P<word>!?in~|!?[A-Za-z_]\w*)
      | (?P<sign>==|=~|!=|!~|[|,.()\[\]=])""",
    re.VERBOSE | re.ASCII,
)
_ESCAPED = re.compile(r"\\(.)")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", "'": "'", '"': '"'}


@dataclass(frozen=True, slots=True)
class Token:
    """A word, sign or literal of the query; `line` counts from 1, `column` from 0, as the service does."""

    kind: str
    text: str
    line: int
    column: int


class KqlError(Exception):
    """The query uses something that the emulator does not support; `token` is its position."""

    def __init__(self, message: str, token: Token) -> None:
        super().__init__(message)
        self.token = token


@dataclass(frozen=True, slots=True)
class Path:
    """A column, or a value inside a column: `tags.environment`, `tags['environment']`."""

    parts: tuple[str, ...]
    at: Token = field(compare=False)

    @property
    def name(self) -> str:
        """The name of the column that `project` creates for it (as in the service's own examples)."""
        return "_".join(self.parts)


@dataclass(frozen=True, slots=True)
class Comparison:
    """`path operator text`; `in` has several texts."""

    path: Path
    operator: str
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Junction:
    """Conditions joined by `and` (`every`) or by `or`."""

    every: bool
    of: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Negation:
    """`not(condition)`."""

    of: Condition


Condition = Comparison | Junction | Negation


@dataclass(frozen=True, slots=True)
class Where:
    """Keep the rows for which the condition holds."""

    condition: Condition


@dataclass(frozen=True, slots=True)
class Project:
    """Create rows of these columns: each a name and the path of its value."""

    columns: tuple[tuple[str, Path], ...]


@dataclass(frozen=True, slots=True)
class Take:
    """Keep the first `count` rows."""

    count: int


@dataclass(frozen=True, slots=True)
class Order:
    """Sort by these columns in order of precedence; True means descending, which is KQL's default."""

    keys: tuple[tuple[Path, bool], ...]


Step = Where | Project | Take | Order


@dataclass(frozen=True, slots=True)
class Query:
    """The steps of a query, and the columns of its result with their types."""

    steps: tuple[Step, ...]
    columns: Mapping[str, Kind]


def parse(text: str, columns: Mapping[str, Kind]) -> Query:
    """Parse a query on the table `resources`, which has these columns. Raises KqlError."""
    return _Parser(_tokens(text), columns).query()


def _tokens(text: str) -> list[Token]:
    found, place, line, line_start = [], 0, 1, 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        kind = "sign" if match is None else str(match.lastgroup)
        token = Token(kind, text[place] if match is None else match[0], line, place - line_start)
        if match is None:
            raise KqlError(f"the character {text[place]!r} here", token)
        if kind != "space":
            found.append(token)
        elif "\n" in token.text:
            line, line_start = line + token.text.count("\n"), place + token.text.rindex("\n") + 1
        place = match.end()
    return [*found, Token("end", "<EOF>", line, place - line_start)]


class _Parser:
    """A recursive-descent parser; `_columns` are the columns available to the next step."""

    def __init__(self, tokens: list[Token], columns: Mapping[str, Kind]) -> None:
        self._tokens = tokens
        self._place = 0
        self._depth = 0
        self._columns = dict(columns)

    def query(self) -> Query:
        steps, more = [], "|"
        if self._next.text not in _STEPS:  # DOCUMENTED: the default table is `resources`
            table = self._take("word")
            if table.text.lower() != "resources":
                self._refuse(f"the table {table.text!r}", table)
            more = self._has("|")
        while more:
            name = self._take("word")
            read = _STEPS.get(name.text)
            if read is None:
                self._refuse(f"the operator {name.text!r}", name)
            steps.append(read(self))
            more = self._has("|")
        self._take("end")
        return Query(tuple(steps), self._columns)

    @property
    def _next(self) -> Token:
        return self._tokens[self._place]

    @property
    def _after_next(self) -> str:
        return self._tokens[min(self._place + 1, len(self._tokens) - 1)].text

    def _take(self, *kinds: str) -> Token:
        token = self._next
        if token.kind not in kinds:
            self._refuse(f"{token.text!r} here, where a {' or '.join(kinds)} is expected", token)
        if token.kind != "end":  # "end" stays, so that there is always a next token
            self._place += 1
        return token

    def _take_text(self, *texts: str) -> str:
        token = self._next
        if token.text not in texts or token.kind == "string":
            self._refuse(f"{token.text!r} here, where {' or '.join(texts)} is expected", token)
        self._place += 1
        return token.text

    def _has(self, *texts: str) -> str:
        """Consume the next token if it is one of these and return its text, else return ""."""
        if self._next.kind == "string" or self._next.text not in texts:
            return ""
        return self._take_text(*texts)

    def _refuse(self, message: str, token: Token) -> NoReturn:
        raise KqlError(message, token)

    def where(self) -> Step:
        return Where(self._either())

    def project(self) -> Step:
        columns: dict[str, tuple[Path, Kind]] = {}
        for name, path in self._separated(self._projected):
            if name in columns:
                self._refuse(f"the column {name!r} twice", path.at)
            columns[name] = path, self._kind(path)
        self._columns = {name: kind for name, (_, kind) in columns.items()}
        return Project(tuple((name, path) for name, (path, _) in columns.items()))

    def take(self) -> Step:
        return Take(int(self._take("number").text))

    def order(self) -> Step:
        self._take_text("by")
        return Order(self._separated(self._sorted))

    def _projected(self) -> tuple[str, Path]:
        if self._after_next == "=":
            name = self._take("word").text
            self._take_text("=")
            return name, self._path()
        path = self._path()
        return path.name, path

    def _sorted(self) -> tuple[Path, bool]:
        path = self._path()
        if self._kind(path) != "string":
            self._refuse(f"sorting by {path.name!r}, which is dynamic (Kusto rejects that too)", path.at)
        return path, self._has("asc", "desc") != "asc"

    def _separated(self, read: Callable[[], _Item]) -> tuple[_Item, ...]:
        items = [read()]
        while self._has(","):
            items.append(read())
        return tuple(items)

    def _either(self) -> Condition:
        found = [self._all()]
        while self._has("or"):
            found.append(self._all())
        return found[0] if len(found) == 1 else Junction(every=False, of=tuple(found))

    def _all(self) -> Condition:
        found = [self._condition()]
        while self._has("and"):
            found.append(self._condition())
        return found[0] if len(found) == 1 else Junction(every=True, of=tuple(found))

    def _condition(self) -> Condition:
        if self._next.text == "not" and self._after_next == "(":
            self._take_text("not")
            return Negation(self._nested())
        return self._nested() if self._next.text == "(" else self._comparison()

    def _nested(self) -> Condition:
        opening = self._next
        self._take_text("(")
        self._depth += 1
        if self._depth > MAX_DEPTH:
            self._refuse(f"conditions nested deeper than {MAX_DEPTH}", opening)
        inner = self._either()
        self._depth -= 1
        self._take_text(")")
        return inner

    def _comparison(self) -> Condition:
        path = self._path()
        if self._kind(path) == "bag":
            self._refuse(f"comparing the whole of {path.name!r}", path.at)
        operator = self._take("word", "sign")
        if operator.text in SETS:
            self._take_text("(")
            texts = self._separated(self._string)
            self._take_text(")")
            return Comparison(path, operator.text, texts)
        if operator.text not in COMPARISONS | PARTS:
            self._refuse(f"{operator.text!r} in a condition", operator)
        return Comparison(path, operator.text, (self._string(),))

    def _path(self) -> Path:
        first = self._take("word")
        parts = [first.text]
        if self._next.text == "(":
            self._refuse(f"the function {first.text}()", first)
        if first.text not in self._columns:
            self._refuse(f"the column {first.text!r}", first)
        while sign := self._has(".", "["):
            parts.append(self._take("word").text if sign == "." else self._string())
            if sign == "[":
                self._take_text("]")
        if len(parts) > 1 and self._columns[first.text] == "string":
            self._refuse(f"a value inside {first.text!r}, which is a string", first)
        return Path(tuple(parts), first)

    def _kind(self, path: Path) -> Kind:
        return "dynamic" if len(path.parts) > 1 else self._columns[path.parts[0]]

    def _string(self) -> str:
        token = self._take("string")

        def escaped(found: re.Match[str]) -> str:
            if found[1] not in _ESCAPES:
                self._refuse(f"the escape {found[0]!r}", token)
            return _ESCAPES[found[1]]

        return _ESCAPED.sub(escaped, token.text[1:-1])


_STEPS: Mapping[str, Callable[[_Parser], Step]] = {
    "where": _Parser.where,
    "project": _Parser.project,
    "take": _Parser.take,
    "limit": _Parser.take,
    "order": _Parser.order,
    "sort": _Parser.order,
}
