"""What a `%%kusto_image` cell asks for: its line, its text, its place, checked together."""

from __future__ import annotations

import json
import re
from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kusto_magic.commands.session import Session
from kusto_magic.display.bundle import Bundle, code
from kusto_magic.errors import InvalidInput, Problem, excerpt
from kusto_magic.models.image import API_VERSION, ImageSpec
from kusto_magic.models.naming import image_name_problem
from kusto_magic.models.target import Target
from kusto_magic.requirements.parser import MAX_BYTES
from kusto_magic.settings import Settings

_BRACES = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


def read_cell(session: Session, options: Namespace, cell: str) -> tuple[Settings, list[Target], ImageSpec]:
    """Return what a cell asks for: the settings, the clusters, the image.

    Raises InvalidInput with the problems of its line, its text and its place.
    """
    problems = [Problem("image name", words) for words in [image_name_problem(options.name)] if words]
    spec = settings = targets = None
    next_step = ""
    try:
        text = requirements_text(options, cell, session.shell.user_ns)
        spec = ImageSpec(text, options.base, options.python, allow_index_options=options.allow_index_options)
    except InvalidInput as refused:
        problems += refused.problems
    try:
        if not problems:
            settings, targets = session.resolve_targets(options)
        elif options.clusters_from is None:  # a query is only sent for what is right so far
            session.resolve_targets(options)
    except InvalidInput as refused:
        problems += refused.problems
        next_step = refused.next_step
        if options.clusters_from is None:
            next_step = "%kusto_image use --cluster ARM-ID (or %kusto_image use emulator), then run the cell again."
    if problems or spec is None or settings is None or targets is None:
        raise InvalidInput(problems, next_step=next_step)
    return settings, targets, spec


def requirements_text(options: Namespace, cell: str, variables: Mapping[str, Any]) -> str:
    """Return the requirements text: the cell or the file it names, with `--template` its variables put in.

    Raises InvalidInput.
    """
    text = cell
    if options.file is not None:
        if cell.strip():
            raise InvalidInput(
                [Problem("--file", "the cell has requirements of its own; leave it empty, or the option")]
            )
        text = _read_file(Path(options.file).expanduser())
    return expand_template(text, variables) if options.template else text


def _read_file(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)  # what is longer is refused when it is checked
        return content.decode("utf-8-sig")
    except OSError as error:
        raise InvalidInput([Problem("--file", f"{path.name} cannot be read: {error.strerror}")]) from None
    except UnicodeDecodeError:
        raise InvalidInput([Problem("--file", f"{path.name} is no UTF-8 text")]) from None


def expand_template(text: str, variables: Mapping[str, Any]) -> str:
    """Return a template with its `{name}` replaced by texts and numbers of the notebook; `{{` and `}}` are braces.

    Raises InvalidInput with every name that is none.
    """
    problems = []

    def value(found: re.Match[str]) -> str:
        if found[0] in ("{{", "}}"):
            return found[0][0]
        name = (found[1] or "").strip()
        known = variables.get(name)
        if isinstance(known, str | int | float) and not isinstance(known, bool) and "\n" not in str(known):
            return str(known)
        line = text.count("\n", 0, found.start()) + 1
        problems.append(Problem("template", _template_problem(found[0], name, variables), line))
        return ""

    expanded = _BRACES.sub(value, text)
    if problems:
        raise InvalidInput(problems)
    return expanded


def _template_problem(written: str, name: str, variables: Mapping[str, Any]) -> str:
    if not name.isidentifier():
        return f"{excerpt(written)} names no variable; a brace itself is written twice"
    return f"variable {name} is no text and no number" if name in variables else f"there is no variable {name}"


def dry_run(targets: Sequence[Target], name: str, spec: ImageSpec) -> Bundle:
    """Return the requests as they would be sent, as text: a line for each cluster, and the body they have in common."""
    body = json.dumps(json.loads(spec.to_body()), indent=2, ensure_ascii=False)
    # A saved notebook need not tell everyone the subscription.
    places = [it.cluster_id.replace(it.subscription, f"{it.subscription[:8]}…") for it in targets]
    lines = [f"PUT {place}/sandboxCustomImages/{name}?api-version={API_VERSION}" for place in places]
    return code("\n".join([*lines, "", body]), "Nothing was sent. This would be:")
