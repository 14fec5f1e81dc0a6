"""What sources import: notebooks and scripts themselves, and the Python in their queries.

Sources are parsed, not executed.
"""

from __future__ import annotations

import ast
import re
import textwrap
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum

from kusto_magic.requirements.freeze.declared import Declarations
from kusto_magic.requirements.freeze.kql import COMPUTED, MAX_LENGTH, calls_python, python_scripts
from kusto_magic.requirements.freeze.strings import file_key, opened_path, source_key, text_of

MAGICS_WITH_PYTHON = frozenset({"capture", "prun", "python", "python3", "time", "timeit"})
"""Magics whose body or line is Python code."""

QUERY_SUFFIXES = (".kql", ".csl", ".kusto")
"""Endings of the names of query files."""

FILE_SUFFIXES = (".py", ".txt", *QUERY_SUFFIXES)
"""Endings of the names of files whose text is read where a source opens them."""

MAX_SOURCE_LENGTH = 2_000_000
"""Maximum number of characters of a source; a longer one is not read."""

MAX_QUERY_LENGTH = 20_000_000
"""Maximum number of characters of all queries together; further ones are not read."""

MAX_TRANSFORM_COST = 1_000_000
"""Maximum number of characters times lines with magics of a source, which takes IPython about three seconds: it parses
all of the source for each such line."""

_MAGIC_LINE = re.compile(r"^[ \t]*+[%!?]|[!%?][^\n]*+$", re.MULTILINE)
_IMPORT_LINE = re.compile(r"^[ \t>]*+(?:from[ \t]++([\w.]++)[ \t]++import\b|import[ \t]++([\w., \t]++))", re.MULTILINE)

_TRIPLE_QUOTED = re.compile(
    r"'''(?P<single>(?:(?!''')[\s\S])*+)(?:''')?+|\"\"\"(?P<double>(?:(?!\"\"\")[\s\S])*+)(?:\"\"\")?+"
)

_ERRORS = (SyntaxError, ValueError, RuntimeError, MemoryError)
"""Errors of the parsers of Python and IPython: ValueError for a null byte, the others for too many levels or lines."""


class Language(Enum):
    """The language of a source. `OTHER` is a language whose strings may be queries."""

    PYTHON = "Python"
    KQL = "KQL"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Source:
    """A text, its language, and the name of its file if it is a query file."""

    text: str
    language: Language = Language.PYTHON
    file: str = ""


@dataclass
class Found:
    """What sources contain.

    `modules` are imported by the sources themselves, `in_queries` by the Python of queries: dotted names such as
    "google.cloud.storage" for `from google.cloud import storage`. `scripts` is the number of different scripts in
    queries, `computed` that of scripts whose text only running the code could tell, `broken` that of scripts of which
    only the import lines can be read, `unreadable` that of such sources. `named_files` are names of query files.
    """

    modules: set[str] = field(default_factory=set)
    in_queries: set[str] = field(default_factory=set)
    declared: Declarations = field(default_factory=Declarations)
    named_files: dict[str, None] = field(default_factory=dict)
    query_files: dict[str, None] = field(default_factory=dict)
    scripts: int = 0
    computed: int = 0
    broken: int = 0
    unreadable: int = 0


def read_sources(sources: Iterable[Source], read_file: Callable[[str], str | None] = lambda _: None) -> Found:
    """Return what `sources` import and declare; Python sources are cells with magics and `!commands`, or scripts.

    `read_file` returns the text of a file that the sources name, or None: a query file, or a script that they open.
    """
    reader = _Reader(read_file)
    files = set()
    for source in sources:
        reader.read(source)
        files.add(source.file)
    for name in list(reader.found.named_files):
        if name not in files and (text := read_file(name)) is not None:
            reader.read(Source(text, Language.KQL, name))
    return reader.found


class _Reader:
    """Reads sources in their order; `names` are the strings that they have assigned to variables so far."""

    def __init__(self, read_file: Callable[[str], str | None]) -> None:
        self.found = Found()
        self._read_file = read_file
        self.names: dict[str, str] = {}
        self._queries: set[str] = set()
        self._scripts: set[str] = set()
        self._remaining = MAX_QUERY_LENGTH

    def read(self, source: Source) -> None:
        if len(source.text) > MAX_SOURCE_LENGTH:
            self.found.unreadable += 1
            return
        self.found.declared.read(source.text)
        if source.language is Language.PYTHON:
            self.read_python(source.text)
        else:
            self.read_text(source.text)
        if source.file and calls_python(source.text):
            self.found.query_files[source.file] = None

    def read_python(self, text: str) -> None:
        try:
            _Visitor(self).visit(_parse(text))
        except _ERRORS:
            self.found.unreadable += 1
            self.found.modules |= set(_modules_of_lines(text))
            self.read_text(text)
            for literal in _TRIPLE_QUOTED.finditer(text):
                self.read_text(literal[literal.lastgroup or 0])

    def read_text(self, text: str) -> None:
        """Read a string of a source: a query, the name of a query file, or anything else."""
        if len(text) < 260 and text.lower().endswith(QUERY_SUFFIXES):
            self.found.named_files[text] = None
        if not calls_python(text) or text in self._queries or len(text) > self._remaining:
            return
        self._queries.add(text)
        self._remaining -= len(text)
        scripts = python_scripts(text, self.names)
        self.found.computed += scripts.computed
        for script in scripts.texts:
            self._read_script(script)

    def open_file(self, path: str, variable: str = "") -> None:
        """Remember the text of a file that the source opens, for the expressions that read it."""
        if path.lower().endswith(FILE_SUFFIXES) and (text := self._read_file(path)) is not None:
            self.names[file_key(variable or path)] = text

    def _read_script(self, script: str) -> None:
        if script in self._scripts:
            return
        self._scripts.add(script)
        self.found.scripts += 1
        self.found.declared.read(script)
        code = textwrap.dedent(script.replace("\r\n", "\n")).strip()
        try:
            nodes = ast.walk(_parse_plain(code))
            modules = {module for node in nodes for module in _modules_of(node)}
        except _ERRORS:
            modules = set(_modules_of_lines(code))
            self.found.broken += 1
        self.found.in_queries |= {module for module in modules if COMPUTED not in module}


class _Visitor(ast.NodeVisitor):
    """Reads the syntax tree of a source in the order of its lines."""

    def __init__(self, reader: _Reader) -> None:
        self._reader = reader

    def visit(self, node: ast.AST) -> None:
        if isinstance(node, ast.expr) and (text := text_of(node, self._reader.names)) is not None:
            self._reader.read_text(text)
            return
        self._reader.found.modules |= set(_modules_of(node))
        super().visit(node)
        if isinstance(node, ast.AnnAssign) and node.value:
            self._assign(node.target, text_of(node.value, self._reader.names))

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        with suppress(ValueError):  # some nested f-strings cannot be written as one line
            self._reader.names[source_key(node.name)] = ast.unparse(node)
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        self.generic_visit(node)
        for target in node.targets:
            self._assign(target, text_of(node.value, self._reader.names))

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self.generic_visit(node)
        if isinstance(node.target, ast.Name):
            longer = ast.BinOp(ast.Name(node.target.id), node.op, node.value)
            self._assign(node.target, text_of(longer, self._reader.names))

    def visit_With(self, node: ast.With) -> None:
        for item in node.items:
            path = opened_path(item.context_expr)
            if path is not None and isinstance(item.optional_vars, ast.Name):
                self._reader.open_file(path, item.optional_vars.id)
        self.generic_visit(node)

    def _assign(self, target: ast.expr, text: str | None) -> None:
        if not isinstance(target, ast.Name):
            return
        if text is None:
            self._reader.names.pop(target.id, None)
        else:
            self._reader.names[target.id] = text
            self._reader.read_text(text)

    def visit_Call(self, node: ast.Call) -> None:
        if (path := opened_path(node)) is not None:
            self._reader.open_file(path)
        name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        texts = [text for argument in node.args if (text := text_of(argument, {})) is not None]
        if name in ("run_cell_magic", "run_line_magic") and texts:
            self._read_magic(*texts)
        else:
            self.generic_visit(node)

    def _read_magic(self, name: str, *texts: str) -> None:
        if name in MAGICS_WITH_PYTHON:
            self._reader.read_python(texts[-1])  # the body of a cell magic, the line of a line magic
            return
        for text in texts:
            self._reader.read_text(text)
            for word in text.split() if len(text) < MAX_LENGTH else ():
                self._reader.read_text(word.strip("'\""))  # a query file


def _parse(text: str) -> ast.Module:
    """Return the syntax tree of a cell. Raises one of _ERRORS if it is not valid."""
    try:
        return _parse_plain(text)
    except SyntaxError:
        if len(text) * len(_MAGIC_LINE.findall(text)) > MAX_TRANSFORM_COST:
            raise
    from IPython.core.inputtransformer2 import TransformerManager  # the other functions work without IPython

    with _no_warnings():
        # IPython turns magics into calls such as run_line_magic(…), which makes the cell valid Python.
        code = TransformerManager().transform_cell(text)
    return _parse_plain(code)


def _parse_plain(text: str) -> ast.Module:
    with _no_warnings():
        return ast.parse(text)


@contextmanager
def _no_warnings() -> Iterator[None]:
    """Hide warnings about the code of the sources, such as invalid escapes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _modules_of(node: ast.AST) -> Iterator[str]:
    """Yield the modules that a statement or a call imports."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:  # relative: a file of the user
        yield from (f"{node.module}.{alias.name}" for alias in node.names)
    elif isinstance(node, ast.Call) and node.args:
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        module = text_of(node.args[0], {})
        if name in ("import_module", "__import__") and module and _is_module(module):
            yield module


def _modules_of_lines(text: str) -> Iterator[str]:
    """Yield what the lines import that look like import statements, in a text that cannot be parsed."""
    for found in _IMPORT_LINE.finditer(text):
        for module in (found[1] or found[2]).split(","):
            name = module.split(maxsplit=1)[0] if module.strip() else ""
            if _is_module(name):
                yield name


def _is_module(name: str) -> bool:
    return all(part.isidentifier() for part in name.split("."))
