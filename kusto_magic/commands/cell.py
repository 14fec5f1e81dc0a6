"""Reader of a `%%kusto_image` cell: validates its options, its requirements and its clusters together."""

from __future__ import annotations

import json
import re
from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from kusto_magic.commands.arguments import variable_text
from kusto_magic.commands.session import Session
from kusto_magic.display.bundle import Bundle, code
from kusto_magic.display.cell_text import cell_name_problem
from kusto_magic.errors import InvalidInputError, Problem, excerpt
from kusto_magic.hints import Hint, HintKind
from kusto_magic.models.api_version import API_VERSION
from kusto_magic.models.image import ImageSpec
from kusto_magic.models.naming import build_name_problem
from kusto_magic.models.target import Target
from kusto_magic.requirements.parser import MAX_BYTES
from kusto_magic.settings import Settings

_BRACES = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


def read_cell(session: Session, options: Namespace, cell: str) -> tuple[Settings, list[Target], ImageSpec]:
    """Return the settings, the target clusters and the image spec of a cell.

    Raises InvalidInputError with all problems of the options, the requirements and the clusters at once.
    """
    rules = {
        "image name": build_name_problem(options.name) or cell_name_problem(options.name),
        "base image": cell_name_problem(options.base or ""),
    }
    problems = [Problem(field, rule) for field, rule in rules.items() if rule]
    spec = settings = targets = None
    hint: Hint | None = None
    try:
        text = requirements_text(options, cell, session.shell.user_ns)
        spec = _image_spec(options, text)
    except InvalidInputError as error:
        problems += error.problems
    try:
        if not problems:
            settings, targets = session.resolve_targets(options)
        elif options.clusters_from is None:  # a query is sent only if everything else is valid
            session.resolve_targets(options)  # only for its problems
    except InvalidInputError as error:
        problems += error.problems
        hint = error.hint
        if options.clusters_from is None:
            hint = Hint(HintKind.CHOOSE_CLUSTER)
    if problems or spec is None or settings is None or targets is None:
        raise InvalidInputError(problems, hint=hint)
    return settings, targets, spec


def _image_spec(options: Namespace, text: str) -> ImageSpec:
    if options.no_packages and not text.strip():
        text = ""  # IPython passes a blank line as the body of an empty cell
    spec = ImageSpec(
        text,
        options.base,
        options.python,
        allow_index_options=options.allow_index_options,
        allow_no_packages=options.no_packages,
    )
    if options.no_packages and spec.has_packages:
        raise InvalidInputError([Problem("--no-packages", "the cell names packages; delete them or the option")])
    return spec


def requirements_text(options: Namespace, cell: str, variables: Mapping[str, Any]) -> str:
    """Return the requirements text: the cell or its `--file`, expanded if `--template` is set.

    Raises InvalidInputError if both are given, the file cannot be read or a variable is missing.
    """
    text = cell
    if options.file is not None:
        if cell.strip():
            raise InvalidInputError([Problem("--file", "the cell is not empty; use either the cell or --file")])
        text = _read_file(Path(options.file).expanduser())
    return expand_template(text, variables) if options.template else text


def _read_file(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)  # one byte more than allowed, so that the parser reports the size
        return content.decode("utf-8-sig")  # editors on Windows write a byte order mark
    except OSError as error:
        raise InvalidInputError([Problem("--file", f"{path.name} cannot be read: {error.strerror}")]) from None
    except UnicodeDecodeError:
        raise InvalidInputError([Problem("--file", f"{path.name} is not valid UTF-8")]) from None


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


def dry_run(targets: Sequence[Target], name: str, spec: ImageSpec) -> Bundle:
    """Return the requests that would be sent: a line for each cluster, and their common body."""
    body = json.dumps(json.loads(spec.to_body()), indent=2, ensure_ascii=False)
    # The output is saved in the notebook, which may be shared: shorten the subscription ID.
    urls = [target.cluster_id.replace(target.subscription, f"{target.subscription[:8]}…") for target in targets]
    lines = [f"PUT {url}/sandboxCustomImages/{quote(name, safe='')}?api-version={API_VERSION}" for url in urls]
    return code("\n".join([*lines, "", body]), "Dry run, nothing was sent. The request would be:")
