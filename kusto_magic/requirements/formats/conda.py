"""Conda's formats: environment.yml, `conda list`, `conda list --export` and `--explicit`, and single specifications.

Source of the notation: the conda documentation, "Package match specifications".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from kusto_magic.requirements.formats.conda_names import BASE_PACKAGES, PACKAGE_NAMES, is_program
from kusto_magic.requirements.formats.rewrite import Rewrite, deleted, is_version, parsed
from kusto_magic.requirements.sources import MAY_BE_ANOTHER, private_index
from kusto_magic.requirements.well_known import is_well_known

NOTATION = "conda's notation"
ONLY_DEPENDENCIES = "environment.yml of conda: only its dependencies are packages"
_PROGRAM = "a program or a library of conda, not a package of Python"
_OF_BASE = "Python and its tools come with the base image"

_SPEC = re.compile(
    r"(?:[\w./:-]*::)?([A-Za-z0-9_][\w.-]*)(?:\[version=['\"]?([^'\"\]]*)['\"]?\])?"
    r"\s*(?:(=(?!=))\s*([^=\s]+)(?:=(\S+))?|([=!<>~].*)|\s([\d.*]+)(?:\s+(\S+))?)?"
)
_EXPORTED = re.compile(r"[A-Za-z0-9_][\w.-]*=[^=\s<>!~]+=[^=\s]+")
_ROW = re.compile(r"[A-Za-z0-9_][\w.-]*\s+\d\S*\s+\w*_\d+(?:\s+\S+)?")
_BUILD = re.compile(r"[a-z]\w*_\d+")
_CHANNEL = re.compile(r"[\w./-]++::[\w.-].*")
_URL = re.compile(r"(?:https?|file)://[^\s'\",\]]+")
_PUBLIC_CHANNELS = ("conda.anaconda.org", "repo.anaconda.com", "repo.prefix.dev", "prefix.dev", "mirrors.")
_OWN_CHANNEL = re.compile(r"['\"]?([\w.-]+)::")
_KNOWN_CHANNELS_TEXT = "anaconda bioconda conda-forge defaults fastai huggingface intel main microsoft msys2 numba"
_KNOWN_CHANNELS = frozenset(f"{_KNOWN_CHANNELS_TEXT} nvidia plotly pyg pytorch pyviz r rapidsai".split())
_KEY = re.compile(r"([A-Za-z_-]+)\s*:\s*(.*)")
_ITEM = re.compile(r"(\s*)-\s+(.*)")
_COMMENT = re.compile(r"(?:^|\s)#.*")
_LIST_HEAD = re.compile(r"#?\s*Name\s+Version\s+Build.*")


def conda_lines(code: str) -> Rewrite | None:
    """Rewrite a line of `conda list`, also with `--export` or `--canonical`, or one that names a channel."""
    if _ROW.fullmatch(code):
        return _list_row(code.split())
    name, version, build = (*code.rpartition("::")[2].rsplit("-", 2), "", "")[:3]
    if _BUILD.fullmatch(build) and is_version(version):
        return specification(f"{name}={version}={build}")
    return specification(code) if _EXPORTED.fullmatch(code) or _CHANNEL.fullmatch(code) else None


def specification(text: str) -> Rewrite | None:
    """Rewrite one package in conda's notation, such as "pandas=2.2" or "conda-forge::pandas>=2"."""
    found = _SPEC.fullmatch(text.strip().strip("'\""))
    if not found:
        return None
    if problem := _channel_problem(text.strip(), found[1]):
        return deleted(problem)
    name, bracket, single, version, build, rest, blank_version = found.group(1, 2, 3, 4, 5, 6, 7)
    if name.lower() in BASE_PACKAGES:
        return deleted(_OF_BASE)
    is_of_index = build == "pypi_0"
    if is_program(name, build or "") and not is_of_index:
        return deleted(_PROGRAM)
    known = name if is_of_index else PACKAGE_NAMES.get(name.lower(), name)
    specifier = _fuzzy(version, build) if single else (bracket or rest or _fuzzy(blank_version or "", None))
    line = known + _specifier(specifier)
    renamed = "" if known == name else f"; {name} is called {known} in the package index"
    return Rewrite((line,), NOTATION + renamed) if parsed(line) else None


def _channel_problem(text: str, name: str) -> str:
    """Return why a package of a channel that is not known must be left out, or ""."""
    channel = _OWN_CHANNEL.match(text)
    if not channel or channel[1].lower() in _KNOWN_CHANNELS or is_well_known(PACKAGE_NAMES.get(name.lower(), name)):
        return ""
    return f"{name} is from the channel {channel[1]}, and {MAY_BE_ANOTHER}"


def _fuzzy(version: str, build: str | None) -> str:
    """Return the specifier for "name=1.2", which means 1.2.*; with a build, it is exactly that version."""
    if not version or version == "*":
        return ""
    if version[0] in "<>!~":
        return version
    if (build and build != "*") or (version.count(".") >= 2 and "*" not in version):
        return f"=={version}"
    return f"=={version.removesuffix('*').removesuffix('.')}.*"


def _specifier(text: str) -> str:
    """Return a specifier without blanks and the builds that conda may append, "" if it is not one."""
    whole = text.replace(" ", "")
    if whole.startswith("==") and whole.count("=") == 3:  # version and build
        whole = whole.rpartition("=")[0]
    try:
        SpecifierSet(whole)
    except InvalidSpecifier:
        return ""
    return whole


# ── environment.yml ────────────────────────────────────────────────────────────────────────────────────────────────


def environment_yml(lines: list[str]) -> dict[int, Rewrite] | None:
    """Rewrite the lines of an environment.yml: its dependencies and those of pip stay."""
    keys = [found[1] for line in lines if (found := _KEY.match(line))]
    if "dependencies" not in keys or not (set(keys) & {"name", "channels", "prefix", "variables"} or _has_items(lines)):
        return None
    rewritten = dict(_environment_lines(lines))
    private = next(_private_channels(lines), "")
    return {index: _without_private(rewrite, private) for index, rewrite in rewritten.items()}


def _private_channels(lines: Iterable[str]) -> Iterator[str]:
    """Yield the channels that are named by a URL and not public, as text."""
    section = ""
    for line in lines:
        key = _KEY.match(line)
        section = key[1] if key else section
        if section == "channels":
            for url in _URL.findall(_COMMENT.sub("", line)):
                place = private_index(url).replace("the index at", "the channel at")
                if place and not any(host in place for host in _PUBLIC_CHANNELS):
                    yield place


def _without_private(rewrite: Rewrite, channel: str) -> Rewrite:
    """Return a rewrite without the packages that may be from a private channel."""
    if not channel or not rewrite.reason.startswith(NOTATION):
        return rewrite
    found = [(line, parsed(line)) for line in rewrite.lines]
    kept = tuple(line for line, package in found if package is None or is_well_known(package.name))
    names = [package.name for line, package in found if package and line not in kept]
    reason = f"{' and '.join(names)} may be from {channel}, and {MAY_BE_ANOTHER}"
    return Rewrite(kept, reason) if names else rewrite


def _has_items(lines: list[str]) -> bool:
    return any(_ITEM.match(line) for line in lines)


def _environment_lines(lines: list[str]) -> Iterator[tuple[int, Rewrite]]:
    section, pip_indent = "", -1
    for index, line in enumerate(lines):
        code = _COMMENT.sub("", line).rstrip()
        if not code.strip():
            continue
        if key := _KEY.match(code):
            section, pip_indent = key[1], -1
            yield index, _inline_list(key[2]) if section == "dependencies" else deleted(ONLY_DEPENDENCIES)
            continue
        item = _ITEM.fullmatch(code)
        if not item or section != "dependencies":
            yield index, deleted(ONLY_DEPENDENCIES)
            continue
        indent, text = len(item[1]), item[2].strip().strip("'\"")
        if text.rstrip().removesuffix(":") == "pip" and text.endswith(":"):
            pip_indent = indent
            yield index, deleted(ONLY_DEPENDENCIES)
        elif indent > pip_indent >= 0:
            yield index, Rewrite((text,), ONLY_DEPENDENCIES)
        else:
            pip_indent = -1
            yield index, specification(text) or Rewrite((text,), NOTATION)


def _inline_list(text: str) -> Rewrite:
    items = [part.strip().strip("'\"") for part in text.strip("[] ").split(",") if part.strip()]
    found = [specification(item) for item in items]
    return Rewrite(tuple(line for rewrite in found if rewrite for line in rewrite.lines), NOTATION)


# ── conda list ─────────────────────────────────────────────────────────────────────────────────────────────────────


def conda_list(lines: list[str]) -> dict[int, Rewrite] | None:
    """Rewrite the table of `conda list`."""
    if not any(_LIST_HEAD.match(line) for line in lines):
        return None
    return {
        index: _list_row(line.split()) for index, line in enumerate(lines) if line.strip() and not line.startswith("#")
    }


def _list_row(cells: list[str]) -> Rewrite:
    if len(cells) < 2 or not is_version(cells[1]):
        return deleted("not a row of conda's list")
    if cells[-1] == "pypi":
        return Rewrite((f"{cells[0]}=={cells[1]}",), "a row of conda's list")
    build = cells[2] if len(cells) > 2 else ""
    return specification("=".join([*cells[:2], build or "*"])) or deleted("not a row of conda's list")
