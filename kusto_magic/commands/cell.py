"""Reader of a `%%kusto_image` cell: validates its options, its requirements and its clusters together."""

from __future__ import annotations

import json
import re
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from kusto_magic.builds.runner import spec_to_send
from kusto_magic.commands.arguments import variable_text
from kusto_magic.commands.cell_spec import read_spec
from kusto_magic.commands.lock import LockFile, read_lock_file, with_lock
from kusto_magic.commands.requirements_file import read_file
from kusto_magic.commands.session import Session
from kusto_magic.display.cell_text import cell_name_problem
from kusto_magic.errors import InvalidInputError, Problem, excerpt
from kusto_magic.hints import Hint, HintKind
from kusto_magic.models.api_version import API_VERSION
from kusto_magic.models.image import ImageSpec
from kusto_magic.models.naming import (
    base_image_problem,
    build_name_problem,
    meant_managed_image,
    unknown_managed_image_note,
)
from kusto_magic.models.target import Target
from kusto_magic.requirements.line_origins import LineOrigin, with_origin
from kusto_magic.settings import Settings

CHECK_NAME = "check"
"""Reserved image name: run only the preflight."""

_BRACES = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


@dataclass(frozen=True, slots=True)
class CellInput:
    """A cell that can be sent: the settings, the target clusters, the image spec, and what differs from the cell.

    There is no target if none is chosen and the cell is only checked. `lock` is the file of `--lock`, or None.
    """

    settings: Settings
    targets: list[Target]
    spec: ImageSpec
    notes: tuple[str, ...] = ()
    lock: LockFile | None = None


def read_cell(session: Session, options: Namespace, cell: str) -> CellInput:
    """Read a cell: its options, its requirements and its clusters.

    Raises InvalidInputError with all problems of these at once, and with the corrected requirements if there are any.
    Raises LockDriftError if the text or the base is not that of the lock.
    """
    notes = _apply_base_fix(options)
    names = {"image name": options.name, "base image": options.base or ""}
    rules = {"image name": build_name_problem(options.name), "base image": _base_problem(options.base)}
    rules = {field: rule or cell_name_problem(names[field]) for field, rule in rules.items()}
    problems = [Problem(field, rule) for field, rule in rules.items() if rule]
    problems += _check_problems(options)
    spec = settings = correction = None
    targets: list[Target] | None = None
    hint: Hint | None = None
    lock: LockFile | None = None
    try:
        lock = read_lock_file(options)
        spec, changes = _read_spec(session, options, cell, lock)
        notes += changes
    except InvalidInputError as error:
        problems += error.problems
        hint, correction = (error.hint if error.correction else None), error.correction
    try:
        if options.name == CHECK_NAME and not session.has_target(options):
            settings, targets = session.settings(options), []  # a managed base image needs no cluster
        elif not problems:
            settings, targets = session.resolve_targets(options)
        elif options.clusters_from is None:  # a query is sent only if everything else is valid
            session.resolve_targets(options)  # only for its problems
    except InvalidInputError as error:
        problems += error.problems
        hint = error.hint
        if options.clusters_from is None:
            hint = Hint(HintKind.CHOOSE_CLUSTER)
    if problems or spec is None or settings is None or targets is None:
        raise InvalidInputError(problems, hint=hint, correction=correction)
    return CellInput(settings, targets, with_lock(lock, options, spec), tuple(notes), lock)


def _check_problems(options: Namespace) -> list[Problem]:
    """Return the options that need the check, if it is left out."""
    needs = {
        "--pin": (options.pin, "it sends the versions that the check selects; remove --no-check"),
        "--lock": (options.lock, "the check finds what is locked; remove --no-check"),
        "--exclude-newer": (options.exclude_newer, "the check ignores later releases; remove --no-check"),
    }
    return [Problem(name, message) for name, (given, message) in needs.items() if given and options.no_check]


def _read_spec(
    session: Session, options: Namespace, cell: str, lock: LockFile | None
) -> tuple[ImageSpec, Sequence[str]]:
    """Return the spec of a cell, its `--file` or its lock, and notes on what differs from the text."""
    if lock is not None:
        lock.complete_base(options)
        if lock.holds_input(options, cell):
            return lock.spec(options), [f"the requirements are those of {lock.path.name}"]
    text = requirements_text(options, cell, session.variables)
    spec, changes = read_spec(options, text.text, text.origins)
    return spec, [*text.notes, *changes]


def _apply_base_fix(options: Namespace) -> list[str]:
    """Correct the spelling of a managed image if `--fix` is set; return notes on the base."""
    if options.base and (meant := meant_managed_image(options.base)) and options.fix:
        note = f"--base {excerpt(options.base)}: the managed image is spelled {meant}"
        options.base = meant
        return [note]
    return [note] if (note := unknown_managed_image_note(options.base or "")) else []


def _base_problem(base: str | None) -> str:
    meant = "" if base_image_problem(base) else meant_managed_image(base or "")
    return f"{excerpt(base)}: the managed image is spelled {meant}" if meant else ""


@dataclass(frozen=True, slots=True)
class CellText:
    """A requirements text, notes on how it was read, and where its lines come from if files were put together."""

    text: str
    notes: tuple[str, ...] = ()
    origins: tuple[LineOrigin, ...] = ()


def requirements_text(options: Namespace, cell: str, variables: Mapping[str, Any]) -> CellText:
    """Return the requirements text: the cell or its `--file`, expanded if `--template` is set.

    Raises InvalidInputError if both are given, the file cannot be read or a variable is missing.
    """
    found = CellText(cell)
    if options.file is not None:
        if cell.strip():
            raise InvalidInputError([Problem("--file", "the cell is not empty; use either the cell or --file")])
        file = read_file(Path(options.file).expanduser())
        found = CellText(file.text, file.notes, file.origins)
    if not options.template:
        return found
    try:
        return replace(found, text=expand_template(found.text, variables))
    except InvalidInputError as error:
        raise InvalidInputError([with_origin(problem, found.origins) for problem in error.problems]) from None


def expand_template(text: str, variables: Mapping[str, Any]) -> str:
    """Replace `{name}` by the string or number in that notebook variable; `{{` and `}}` produce braces.

    Raises InvalidInputError with every invalid name. str.format is not used, because it evaluates attributes and
    indexes.
    """
    problems = []

    def value(found: re.Match[str]) -> str:
        if found[0] in ("{{", "}}"):
            return found[0][0]
        name = (found[1] or "").strip()
        known = variable_text(variables.get(name))
        if known is not None and "\n" not in known:  # a newline would add a line to the requirements
            return known
        line = text.count("\n", 0, found.start()) + 1
        problems.append(Problem("template", _template_problem(found[0], name, variables), line))
        return ""

    expanded = _BRACES.sub(value, text)
    if problems:
        raise InvalidInputError(problems)
    return expanded


def _template_problem(placeholder: str, name: str, variables: Mapping[str, Any]) -> str:
    if not name.isidentifier():
        return f"{excerpt(placeholder)} is not a variable name; write {{{{ or }}}} for a brace"
    return f"variable {name} is not a string or number" if name in variables else f"variable {name} does not exist"


def read_spec_to_send(session: Session, options: Namespace, target: Target, spec: ImageSpec) -> ImageSpec:
    """Return the spec as it would be sent: `--fix` and `--pin` replace its text after the check.

    Raises RequirementsConflictError if nothing would be sent.
    """
    if options.no_check or not (options.fix or options.pin):
        return spec
    report = session.check(target, spec, fix=options.fix)
    if report.correction is not None:
        session.show_report(report)
    return spec_to_send(spec, report, pin=options.pin)


def show_dry_run(session: Session, targets: Sequence[Target], name: str, spec: ImageSpec) -> None:
    """Show the requests that would be sent: a line for each cluster, and their common body."""
    body = json.dumps(json.loads(spec.to_body()), indent=2, ensure_ascii=False)
    # The output is saved in the notebook, which may be shared: shorten the subscription ID.
    urls = [target.cluster_id.replace(target.subscription, f"{target.subscription[:8]}…") for target in targets]
    lines = [f"PUT {url}/sandboxCustomImages/{quote(name, safe='')}?api-version={API_VERSION}" for url in urls]
    session.show_code("\n".join([*lines, "", body]), "Dry run, nothing was sent. The request would be:")
