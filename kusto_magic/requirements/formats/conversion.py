"""`convert`: recognize what other tools wrote in a requirements text, and rewrite it as package lines.

A rewrite is lossless if the same packages and versions are meant afterwards; otherwise it is proposed to the user, who
applies it or not. Lines that contain a secret are never repeated, neither in a change nor in the corrected text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from kusto_magic.hints import Hint
from kusto_magic.requirements import mistakes, rules
from kusto_magic.requirements.correction import Correction, LineChange
from kusto_magic.requirements.formats import (
    addresses,
    characters,
    conda,
    names,
    pip,
    poetry,
    projects,
    shell,
    tables,
)
from kusto_magic.requirements.formats.duplicates import merged
from kusto_magic.requirements.formats.piece import Piece
from kusto_magic.requirements.formats.rewrite import FileFormat, Rewrite, Step, parsed
from kusto_magic.requirements.parser import Line, logical_lines, text_problem
from kusto_magic.requirements.sources import is_private_address, is_private_source

MAX_REWRITES = 100
"""Maximum number of rewrites of one line."""

MAX_LENGTH = 6_000
"""Maximum number of characters of a line that is rewritten; a line with many hashes has some thousand."""

MAX_LINES = 2_000
"""Maximum number of lines that are rewritten, without package lines that need no change and those of a known file."""

_FILE_FORMATS: tuple[FileFormat, ...] = (
    tables.json_document,
    conda.environment_yml,
    conda.conda_list,
    tables.pip_list,
    tables.pip_show,
    projects.toml_file,
    projects.setup_file,
)
_STEPS: tuple[Step, ...] = (
    characters.hyphens,
    characters.descriptions,
    characters.ascii_characters,
    shell.prompts,
    characters.marks,
    characters.python_list,
    shell.commands,
    shell.imports,
    shell.output,
    pip.hashes,
    pip.line_options,
    shell.arguments,
    tables.table_row,
    addresses.addresses,
    conda.conda_lines,
    poetry.entries,
    poetry.carets,
    poetry.pairs,
    names.module_names,
)
_SPECIFIER = r"(?:[<>=!]=|[<>])[0-9]++(?:\.[0-9]++)*+(?:(?:a|b|rc|\.post|\.dev)[0-9]++)?+"
_VALID = re.compile(rf"[A-Za-z0-9]++(?:[._-]++[A-Za-z0-9]++)*+(?:{_SPECIFIER}(?:,{_SPECIFIER})*+)?+")
"""Package lines that need no parsing: most lines of most texts."""

_CODE = re.compile(r"(?m)^[ \t]*[^\s#]")
_LINE_BREAK = re.compile(r"\r\n|\n|\r")


@dataclass(frozen=True, slots=True)
class Conversion:
    """A requirements text in pieces, each with its rewrite."""

    original: str
    pieces: tuple[Piece, ...]

    @property
    def text(self) -> str:
        """The text after the lossless rewrites; the original one if there are none."""
        return self._joined(proposed=False) if self.applied else self.original

    @property
    def applied(self) -> tuple[LineChange, ...]:
        """The lossless changes."""
        return tuple(piece.change() for piece in self.pieces if piece.is_applied)

    @property
    def proposed(self) -> tuple[LineChange, ...]:
        """The changes that lose or guess something."""
        return tuple(piece.change() for piece in self.pieces if piece.rewrite and not piece.is_applied)

    @property
    def correction(self) -> Correction | None:
        """The text after all changes, or None if nothing is proposed, or a secret or no line would remain."""
        if not self.proposed:
            return None
        text, changes = self.corrected_text, sorted(self.applied + self.proposed, key=_line)
        return None if _discloses(text) or not _CODE.search(text) else Correction(text, tuple(changes))

    @property
    def corrected_text(self) -> str:
        """The text after all changes."""
        return self._joined(proposed=True) if self.proposed else self.text

    def hint(self, line: int) -> Hint | None:
        """Return what can be done instead of the change of a line."""
        return next((piece.rewrite.hint for piece in self.pieces if piece.line == line and piece.rewrite), None)

    def origin(self, number: int, *, proposed: bool) -> int:
        """Return the line of the original text from which line `number` of the rewritten text comes."""
        found = self.origins(proposed=proposed)
        return found[min(number, len(found)) - 1] if found else 1

    def origins(self, *, proposed: bool) -> Sequence[int]:
        """Return the line of the original text from which each line of the rewritten text comes."""
        found: list[int] = []
        for piece in self.pieces:
            kept = piece.rewrite is None or not (proposed or piece.is_applied)
            count = len(piece.lines(proposed=proposed))
            found += range(piece.line, piece.line + count) if kept else [piece.line] * count
        return found

    def _joined(self, *, proposed: bool) -> str:
        ending = "\r\n" if "\r\n" in self.original and not proposed else "\n"
        lines = [line for piece in self.pieces for line in piece.lines(proposed=proposed)]
        return ending.join(lines)


def _discloses(text: str) -> bool:
    """Return whether a text contains a secret, or the URL of an index with what may be one."""
    urls = (rules.index_url(line.strip()) for line in _LINE_BREAK.split(text) if line.lstrip().startswith("-"))
    return bool(rules.secret_in(text) or any(url and rules.url_problem(url) for url in urls))


def _line(change: LineChange) -> int:
    return change.line


def convert(text: str, *, allow_index_options: bool = False) -> Conversion:
    """Recognize the format of a text or of its lines, and rewrite them.

    `allow_index_options` keeps index options, and versions that an index of their own may have. A text beyond the
    limits of the parser is not rewritten.
    """
    if text_problem(text):
        return Conversion(text, ())
    steps = _STEPS if _keeps_indexes(text, allow_index_options) else (*_STEPS, names.local_versions)
    options = _options_but_indexes if allow_index_options else pip.options
    return Conversion(text, tuple(merged(_pieces(text, (*steps, options)))))


def _keeps_indexes(text: str, allow_index_options: bool) -> bool:
    """Return whether the text names an index, besides the public one, which stays in it."""
    return any(
        is_private_source(line.strip()) or (allow_index_options and rules.index_option(rules.option_in(line)))
        for line in _LINE_BREAK.split(text)
    )


def _pieces(text: str, steps: Sequence[Step]) -> Iterator[Piece]:
    suspect, budget = bool(rules.secret_in(text)), MAX_LINES
    for line, from_file in _source(text):
        secret = rules.secret_in(line.raw) if suspect else ""
        if secret:
            yield _secret_piece(line, from_file, steps, secret)
        elif from_file is None and (budget <= 0 or _is_unremarkable(line.raw)):
            yield Piece(line.number, line.raw)
        else:
            budget -= from_file is None
            yield Piece(line.number, line.raw, _rewritten(line, from_file, (*steps, _mistake)))


def _source(text: str) -> Iterator[tuple[Line, Rewrite | None]]:
    """Yield the lines of a text, each with the rewrite of its file's format."""
    physical = _LINE_BREAK.split(text.removeprefix("\ufeff"))
    for file_format in _FILE_FORMATS:
        if (found := file_format(physical)) is not None:
            for index, raw in enumerate(physical):
                yield Line(index + 1, raw, raw.strip()), found.get(index)
            return
    for line in logical_lines(text):
        yield line, None


def _is_unremarkable(raw: str) -> bool:
    """Return whether a line is a package line that no step rewrites (the fast path), or is not rewritten."""
    if not raw.strip() or len(raw) > MAX_LENGTH:
        return True
    if not _VALID.fullmatch(raw) or raw.endswith((".whl", ".zip", ".gz")):
        return False
    return names.module_names(raw) is None and characters.hyphens(raw) is None


def _secret_piece(line: Line, from_file: Rewrite | None, steps: Sequence[Step], secret: str) -> Piece:
    is_long = len(line.raw) > MAX_LENGTH and from_file is None
    rewrite = None if is_long else _rewritten(line, from_file, steps)
    if any(
        is_private_address(text) or is_private_source(text) for text in (rewrite.lines if rewrite else (line.code,))
    ):
        return Piece(
            line.number, line.raw, is_secret=True
        )  # stays a problem: without the secret, other packages would be meant
    return Piece(line.number, line.raw, _without_secret(rewrite, line, secret), is_secret=True)


def _without_secret(rewrite: Rewrite | None, line: Line, secret: str) -> Rewrite:
    """Return the rewrite of a line with a secret: only lines without it stay."""
    lines = rewrite.lines if rewrite else (line.code,)
    kept = tuple(text for text in lines if not rules.secret_in(text) and parsed(text))
    if not _is_secret_left(line.raw, kept):
        kept = ()
    return Rewrite(kept, f"{secret}; everyone with read access to the cluster can read an image's requirements")


def _is_secret_left(raw: str, kept: tuple[str, ...]) -> bool:
    """Return whether the secret is in what is left of a line without the lines that stay; none of them has it then."""
    for text in kept:
        raw = raw.replace(text.partition("#")[0].rstrip(), "", 1)
    return bool(rules.secret_in(raw))


def _rewritten(line: Line, from_file: Rewrite | None, steps: Sequence[Step]) -> Rewrite | None:
    plain = characters.without_invisible(line.raw)
    code = line.code if plain == line.raw else next(logical_lines(plain)).code
    found = _run(from_file or Rewrite((code,), ""), steps)
    if found is None or line.continues_into_comment:
        invisible = Rewrite((plain,), "invisible characters, deleted", is_lossless=True)
        return invisible if plain != line.raw and not line.continues_into_comment else None
    comment = "" if from_file or "\n" in plain else plain[plain.index(code) + len(code) :].strip() if code else ""
    return replace(found, lines=_with_comment(found.lines, comment))


def _with_comment(lines: tuple[str, ...], comment: str) -> tuple[str, ...]:
    if not comment or not lines:
        return lines
    return (f"{lines[0]}  {comment}",) if len(lines) == 1 else (comment, *lines)


def _run(start: Rewrite, steps: Sequence[Step]) -> Rewrite | None:
    """Apply the steps to each line until none applies; return None if nothing changes."""
    todo, done = list(start.lines), []
    applied = [start] if start.reason else []
    while todo and len(applied) < MAX_REWRITES:
        code = todo.pop(0)
        found = next((rewrite for step in steps if (rewrite := step(code))), None)
        if found is None or found.lines == (code,):
            done.append(code)
        else:
            applied.append(found)
            todo = [*found.lines, *todo]
    return _combined((*done, *todo), applied) if applied else None


def _combined(lines: tuple[str, ...], applied: Sequence[Rewrite]) -> Rewrite:
    """Return one rewrite for several, with the reasons of those that lose something, or else of all."""
    lossy = [rewrite for rewrite in applied if not rewrite.is_lossless]
    reasons = dict.fromkeys(rewrite.reason for rewrite in lossy or applied)
    hint = next((rewrite.hint for rewrite in applied if rewrite.hint), None)
    return Rewrite(lines, "; ".join(reasons), not lossy, hint)


def _options_but_indexes(code: str) -> Rewrite | None:
    return None if rules.index_option(rules.option_in(code)) else pip.options(code)


def _mistake(code: str) -> Rewrite | None:
    """Correct a common mistake in a package line."""
    if not code or rules.option_in(code) or rules.local_or_shell_problem(code, show=False) or parsed(code):
        return None
    message, corrected = mistakes.mistake(code)
    lines = (corrected,) if corrected else mistakes.several_packages(code)
    return Rewrite(lines, message) if lines else None
