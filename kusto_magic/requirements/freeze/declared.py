"""Packages that a text declares: in install commands (`%pip install x==1`) and in `# requirements:` comments.

A command is found wherever it is: in a magic, a shell line, a script, a list of arguments, or a comment.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from packaging.requirements import InvalidRequirement
from packaging.requirements import Requirement as Pep508
from packaging.utils import canonicalize_name

from kusto_magic.requirements import rules

_COMMAND = re.compile(
    r"""\b(?:(?P<conda>conda|mamba|micromamba)|(?:uv["',\s]{1,9})?pip[\d.]{0,9}(?:\.exe)?|(?P<add>uv|poetry|pdm))"""
    r"""["',\s]{1,9}(?(add)add|install)["',\s]{1,9}(?P<rest>[^\n]*+)"""
)
_CONTINUATION = re.compile(r"(?<!\\)\\[ \t]{0,9}\r?\n")
_HINT = re.compile(r"#[ \t]{0,9}(?:requirements?|dependencies|requires)[ \t]{0,9}[:=](?P<rest>.*)", re.IGNORECASE)
_END = re.compile(r"(?:^|\s)(?:#|&&|\|\|?|;|2?>{1,2})(?:\s|$)|;(?=\s|$)")
_SEPARATOR = re.compile(r"[\"'\s]+")
_HINT_SEPARATOR = re.compile(r"(?<![<>=!~])[\"'\s,]+(?![<>=!~])")
_CONDA = re.compile(r"(?:[\w.-]{1,99}::)?([A-Za-z0-9][\w.-]*+)(=?)=([\w.]++)(?:=.*)?")

_WITH_VALUE = frozenset(
    {"-c", "--constraint", "-i", "--index-url", "--extra-index-url", "-f", "--find-links", "-t", "--target", "--prefix"}
    | {"--root", "--python", "--channel", "-n", "--name", "-p", "--proxy", "--timeout", "--retries", "--trusted-host"}
    | {"--platform", "--progress-bar", "--cache-dir", "--log", "-e", "--editable", "--python-version", "--abi", "-G"}
    | {"--implementation", "--group", "--optional"}
)
"""Options of pip, uv and conda whose value is the next word."""

_FILE_OPTIONS = frozenset({"-r", "--requirement", "--requirements", "--file"})


@dataclass
class Declarations:
    """The declared packages, as requirement lines by normalized name; `files` are the requirements files named."""

    lines: dict[str, str] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)

    def add(self, requirement: str) -> None:
        """Add a package unless the text is not one. A version is not replaced by none, else the later line counts."""
        try:
            parsed = Pep508(requirement)
        except InvalidRequirement:
            return
        specifier = str(parsed.specifier)
        if parsed.url or "===" in specifier or rules.secret_in(requirement):
            return
        name = str(canonicalize_name(parsed.name))
        extras = f"[{','.join(sorted(parsed.extras))}]" if parsed.extras else ""
        if specifier or name not in self.lines:
            self.lines[name] = f"{parsed.name}{extras}{specifier}"

    def read(self, text: str) -> None:
        """Add what a source declares."""
        if "install" in text or "add" in text:
            for found in _COMMAND.finditer(_CONTINUATION.sub(" ", text)):
                self._read_words(list(_words(found["rest"])), is_conda=found["conda"] is not None)
        if "#" in text:
            for requirement in _hints(text):
                self.add(requirement)

    def _read_words(self, listed: list[str], *, is_conda: bool) -> None:
        previous = ""
        for word in listed:
            if previous in _FILE_OPTIONS:
                self.files.append(word)
            elif not word.startswith("-") and previous not in _WITH_VALUE:
                self.add(_from_conda(word) if is_conda else word)
            elif word.startswith("-r") and word not in _FILE_OPTIONS and not is_conda:
                self.files.append(word[2:])
            previous = word


def _words(rest: str) -> Iterator[str]:
    """Yield the words of a command until its end, without quotes, and without the brackets of a list."""
    end = _END.search(rest)
    for word in _SEPARATOR.split(rest[: end.start()] if end else rest):
        bare = word.strip(",").rstrip(")")
        if bare := bare if "[" in bare else bare.rstrip("]"):
            yield bare.rstrip(";")


def _from_conda(word: str) -> str:
    """Return the requirement for a package of conda: `x=1.2` is any 1.2, `x=1.2.3` and `x==1.2` that version."""
    found = _CONDA.fullmatch(word)
    if found is None:
        return word
    name, second, version = found.groups()
    is_exact = second or version.count(".") > 1 or version.endswith(".*")
    return f"{name}=={version}" if is_exact else f"{name}=={version}.*"


def _hints(text: str) -> Iterator[str]:
    """Yield the packages of `# requirements:` comments: behind the colon, or one on each comment line below it.

    `# dependencies = [` is the same in the metadata block of a script (PEP 723).
    """
    is_below = False
    for line in text.splitlines():
        code = line.strip()
        if found := _HINT.fullmatch(code):
            yield from _HINT_SEPARATOR.split(found["rest"].strip(" [],\"'"))
            is_below = True
        elif is_below and code.startswith("#") and len(code) <= rules.MAX_LINE_LENGTH:
            yield code.lstrip("# -").strip("\"', ")
        else:
            is_below = False
