"""The pages that are made from the code: `python noxfile.py docs` writes them, tests/test_pages.py holds them to it.

PAGES names each page at the top of the checkout and what makes its text.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from support import reference

ROOT = Path(__file__).resolve().parent.parent.parent
GENERATED = "<!-- made by `python noxfile.py docs`; do not edit -->"
CODE_MIRROR = "the editor that JupyterLab's cells are"
BROWSER_REASONS = {
    "@codemirror/language": f"{CODE_MIRROR}: colours for requirements lines",
    "@codemirror/lint": f"{CODE_MIRROR}: marks under what is wrong",
    "@codemirror/state": f"{CODE_MIRROR}: its text and settings",
    "@codemirror/view": f"{CODE_MIRROR}; named for `@codemirror/lint`, which must find JupyterLab's own",
    "@jupyterlab/application": "what a plugin is, and where it puts its parts",
    "@jupyterlab/apputils": "dialogs, notifications, commands' toolbar",
    "@jupyterlab/cells": "the cells of a notebook",
    "@jupyterlab/codemirror": "where languages and extensions of the editor are made known",
    "@jupyterlab/completer": "where a provider for Tab is made known",
    "@jupyterlab/coreutils": "addresses and signals",
    "@jupyterlab/launcher": "the card in the launcher",
    "@jupyterlab/notebook": "the open notebooks",
    "@jupyterlab/rendermime": "how an output is drawn",
    "@jupyterlab/rendermime-interfaces": "its types",
    "@jupyterlab/running": "the list of what runs",
    "@jupyterlab/services": "requests to the Jupyter server, kernels",
    "@jupyterlab/settingregistry": "a user's settings",
    "@jupyterlab/statusbar": "the words in the status bar",
    "@jupyterlab/translation": "texts in a user's language",
    "@jupyterlab/ui-components": "icons and React widgets",
    "@lumino/commands": "the commands that menus and keys call",
    "@lumino/coreutils": "JSON types and tokens",
    "@lumino/disposable": "the interface of disposable objects",
    "@lumino/polling": "asking the server again and again, and less often when nothing goes on",
    "@lumino/signaling": "one part telling another",
    "react": "what the sidebar, the form and the card are drawn with",
}
"""package.json can hold no comments, so the reasons stand here."""
TITLES = {
    "dependencies": "At run time",
    "lab": "With JupyterLab: `kusto-magic[lab]`",
    "requires": "To build",
}
SHIPPED = ("dependencies", "lab")
"""What a user installs."""
SPDX = {
    "MIT License": "MIT",
    "The MIT License (MIT)": "MIT",
    "BSD": "BSD-3-Clause",
    "BSD License": "BSD-3-Clause",
    "BSD 3-Clause License": "BSD-3-Clause",
    "Apache Software License": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "MIT OR Apache-2.0": "Apache-2.0 OR MIT",
}
"""What older metadata says, as SPDX has it."""


def python_licence(name: str) -> str:
    """Return the licence (SPDX) that an installed package's metadata declares, "" where it does not."""
    try:
        about = metadata(name).json
    except PackageNotFoundError:
        return ""
    classifiers = [text.rpartition(" :: ")[2] for text in about.get("classifier", []) if "License ::" in text]
    said = [str(about.get(key, "")) for key in ("license_expression", "license")] + classifiers
    return next((SPDX.get(text, text) for text in said if text and "\n" not in text), "")


def python_reasons() -> dict[str, dict[str, str]]:
    """Return each list of requirements in pyproject.toml: its key → requirement → the comment after it."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    lists = re.findall(r'^([a-z-]+) = \[\n((?:  ".*\n)+)\]', text, re.MULTILINE)
    return {key: dict(re.findall(r'^  "([^"]+)", *# (.+)$', lines, re.MULTILINE)) for key, lines in lists}


def requirements() -> dict[str, list[str]]:
    """Return the requirements of pyproject.toml by the key of their list."""
    about = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    project, system = about["project"], about["build-system"]
    return {
        "dependencies": project["dependencies"],
        "lab": project["optional-dependencies"]["lab"],
        "requires": system["requires"],
        **about["dependency-groups"],
    }


def browser_dependencies() -> Mapping[str, str]:
    """Return what the front end imports at run time: name → range of versions."""
    about: dict[str, Any] = json.loads((ROOT / "labextension" / "package.json").read_text(encoding="utf-8"))
    return dict(about["dependencies"])


def dependencies_page() -> str:
    """Return DEPENDENCIES.md."""
    return "\n".join(_dependencies()) + "\n"


def _dependencies() -> Iterator[str]:
    yield from (GENERATED, "", "# Dependencies", "")
    yield "What this package needs, from which version on, and why. `python noxfile.py lowest` tests with the lowest."
    for key, wanted in requirements().items():
        yield from ("", f"## {TITLES.get(key, f'For `{key}`')}", "", *_table(key, wanted))
    yield from ("", "## In the browser", "")
    yield "JupyterLab brings these along, and the front end uses JupyterLab's; it bundles `@codemirror/lint` alone."
    yield from ("", "| package | versions | licence | reason |", "|---|---|---|---|", *_browser_rows())


def _table(key: str, wanted: list[str]) -> Iterator[str]:
    reasons, shipped = python_reasons()[key], key in SHIPPED
    yield "| package | from | licence | reason |" if shipped else "| package | from | reason |"
    yield "|---|---|---|---|" if shipped else "|---|---|---|"
    for text in wanted:
        requirement = Requirement(text)
        licence = [python_licence(requirement.name)] if shipped else []
        yield f"| {' | '.join([requirement.name, _from(requirement), *licence, reasons.get(text, '')])} |"


def _from(requirement: Requirement) -> str:
    bounds = {bound.operator: bound.version for bound in requirement.specifier}
    if "==" in bounds:
        return f"{bounds['==']} exactly"
    return bounds[">="] + (f", below {bounds['<']}" if "<" in bounds else "")


def _browser_rows() -> Iterator[str]:
    lock: dict[str, Any] = json.loads((ROOT / "labextension" / "package-lock.json").read_text(encoding="utf-8"))
    for name, versions in browser_dependencies().items():
        licence = lock["packages"][f"node_modules/{name}"]["license"]
        yield f"| {name} | {versions} | {licence} | {BROWSER_REASONS.get(name, '')} |"


PAGES: dict[str, Callable[[], str]] = {
    "DEPENDENCIES.md": dependencies_page,
    "REFERENCE.md": lambda: f"{GENERATED}\n\n{reference.page()}",
}


def main() -> None:
    """Write every page that is not as it would be made."""
    for name, make in PAGES.items():
        path, text = ROOT / name, make()
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8", newline="\n")
            sys.stdout.write(f"written: {name}\n")


if __name__ == "__main__":
    main()
