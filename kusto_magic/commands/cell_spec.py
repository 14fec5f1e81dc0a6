"""The image spec of a cell: its requirements are converted, validated and corrected."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import replace

from kusto_magic.errors import InvalidInputError, Problem
from kusto_magic.hints import Hint, HintKind
from kusto_magic.models.image import ImageSpec
from kusto_magic.requirements import parser
from kusto_magic.requirements.correction import LineChange
from kusto_magic.requirements.formats import findings
from kusto_magic.requirements.formats.conversion import Conversion, convert
from kusto_magic.requirements.line_origins import LineOrigin, relabel, with_origin


def read_spec(options: Namespace, text: str, origins: tuple[LineOrigin, ...] = ()) -> tuple[ImageSpec, list[str]]:
    """Return the spec of a cell, and notes on what differs from its text.

    Lossless changes are made; the others are proposed, and made with `--fix`. With `--no-check`, a text is accepted
    that only this package rejects. `origins` are the lines that the user knows, if the text was put together. Raises
    InvalidInputError, with the correction if one is proposed.
    """
    try:
        spec, notes = _read(options, text, origins)
    except InvalidInputError as error:
        problems = [with_origin(problem, origins) for problem in error.problems]
        raise InvalidInputError(problems, hint=error.hint, correction=error.correction) from None
    return spec, [relabel(note, origins) for note in notes]


def _read(options: Namespace, text: str, origins: tuple[LineOrigin, ...]) -> tuple[ImageSpec, list[str]]:
    if options.no_packages and not text.strip():
        text = ""  # IPython passes a blank line as the body of an empty cell
    conversion = convert(text, allow_index_options=options.allow_index_options)
    if conversion.proposed and not options.fix and not options.no_check:
        raise _proposal(options, conversion)
    spec = _spec(options, conversion, origins)
    if options.no_packages and spec.has_packages:
        raise InvalidInputError([Problem("--no-packages", "the requirements name packages; delete them or the option")])
    changes = conversion.applied + (conversion.proposed if options.fix else ())
    return spec, [*_change_notes(changes), *([] if options.fix else _warnings(options, conversion))]


def _spec(options: Namespace, conversion: Conversion, origins: tuple[LineOrigin, ...]) -> ImageSpec:
    try:
        text = conversion.corrected_text if options.fix else conversion.text
        return _image_spec(options, text, _line_origins(options, conversion, origins))
    except InvalidInputError as error:
        found = [findings.original_line(conversion, problem, proposed=options.fix) for problem in error.problems]
        proposed = None if options.fix else conversion.correction
        partial = proposed and replace(proposed, is_complete=False, is_checked=False)
        raise InvalidInputError(found, correction=partial) from None


def _line_origins(
    options: Namespace, conversion: Conversion, origins: tuple[LineOrigin, ...]
) -> tuple[LineOrigin, ...]:
    """Return the lines that the user knows of those that are sent; () if they are the same."""
    if not (conversion.applied or (options.fix and conversion.proposed)):
        return origins
    lines = conversion.origins(proposed=options.fix)
    return tuple(origins[min(line, len(origins)) - 1] if origins else LineOrigin(line) for line in lines)


def _image_spec(options: Namespace, text: str, origins: tuple[LineOrigin, ...]) -> ImageSpec:
    return ImageSpec(
        text,
        options.base,
        options.python,
        allow_index_options=options.allow_index_options,
        allow_no_packages=options.no_packages,
        allow_pip_syntax=options.no_check,
        line_origins=origins,
    )


def _proposal(options: Namespace, conversion: Conversion) -> InvalidInputError:
    """Return the error for a text whose changes are proposed; the correction is complete if nothing else is wrong."""
    allowed = {"allow_index_options": options.allow_index_options, "allow_no_packages": options.no_packages}
    is_complete = not findings.remaining_problems(conversion, **allowed) and conversion.correction is not None
    correction = conversion.correction and replace(conversion.correction, is_complete=is_complete, is_checked=False)
    base: list[Problem] = []
    try:
        ImageSpec("", options.base, options.python, allow_no_packages=True)
    except InvalidInputError as error:
        base = list(error.problems)
    hint = Hint(HintKind.APPLY_CORRECTION) if is_complete else None
    found = [*base, *findings.problems(conversion, **allowed)]
    return InvalidInputError(found, hint=hint, correction=correction)


def _change_notes(changes: tuple[LineChange, ...]) -> list[str]:
    return findings.notes(sorted(changes, key=lambda change: change.line))


def _warnings(options: Namespace, conversion: Conversion) -> list[str]:
    """Return the rules that an unchecked text breaks."""
    if not options.no_check:
        return []
    broken = parser.problems(conversion.text, allow_index_options=options.allow_index_options, allow_no_packages=True)
    found = [findings.original_line(conversion, problem, proposed=False) for problem in broken]
    known = {problem.line for problem in found}
    proposed = [f"line {change.line}: {change.reason}" for change in conversion.proposed if change.line not in known]
    return [f"warning, sent as written: {text}" for text in (*map(str, found), *proposed)]
