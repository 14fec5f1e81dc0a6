"""Lines of a shell or a notebook: prompts, install commands, their output, and imports."""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Iterator, Sequence

from packaging.utils import canonicalize_name

from kusto_magic.requirements.formats import conda
from kusto_magic.requirements.formats.pip import NO_EFFECT, WITH_VALUE
from kusto_magic.requirements.formats.rewrite import Rewrite, deleted, is_version, parsed
from kusto_magic.requirements.module_names import PACKAGE_OF_MODULE, is_module_of_python
from kusto_magic.requirements.well_known import is_well_known

_PROMPT = re.compile(
    r"(?:\([\w.-]{1,60}\)\s+)?"
    r"(?:(?:PS\s)?[A-Za-z]:\\[^>\n]{0,200}>\s*|"
    r"(?:[\w.-]{1,60}@[\w.-]{1,60}:\S{0,200}[$#]|[$>%]|>>>|In\s\[\d*\]:|RUN)\s+)(?=\S)"
)
_ENVIRONMENT = re.compile(r"\([\w.-]{1,60}\)\s+(?=\S)")
_INSTALL = re.compile(
    r"[!%]{0,2}\s*(?:sudo\s+(?:-H\s+)?)?(?:"
    r"(?P<pip>(?:(?:(?:\S*[\\/])?(?:python|py)[\d.]*(?:\.exe)?|[\"']?\{sys\.executable\}[\"']?)\s+(?:-[\d.]+\s+)?-m\s+)?(?:uv\s+)?pip[\d.]*(?:\.exe)?\s+install)|"
    r"(?P<conda>(?:conda|mamba|micromamba)\s+(?:install|create))|(?P<poetry>(?:poetry|uv|pdm|rye|pipenv)\s+(?:add|install)|"
    r"pipx\s+install|uv\s+tool\s+install|easy_install)"
    r")(?=\s|$)"
)
_ASSIGNMENTS = re.compile(r"[!%]?(?:[A-Za-z_]\w*=[^\s=]\S*\s+)+(?=\S)")
_REDIRECTION = re.compile(r"(?:\d?>{1,2}(?!=)|&|\||<(?![=\d])).*")
_OTHER_COMMAND = re.compile(
    r"[!%]?\s*+(?:sudo\s+)?(?:(?:(?:python|py)[\d.]*\s+-m\s+)?(?:uv\s+)?pip[\d.]*\s+"
    r"(?:uninstall|list|freeze|show|cache|config|check|download|wheel|index|inspect|debug)|"
    r"(?:conda|mamba|micromamba)\s+(?:activate|deactivate|remove|uninstall|update|env|config|list|init|info|clean|search)|"
    r"(?:poetry|uv|pdm|rye|pipenv)\s+(?:remove|run|shell|lock|sync|init|update|export|venv|uninstall)|"
    r"git\s+(?:clone|pull|checkout|fetch|add|commit|push|init|status)|(?:apt|apt-get|brew|yum|dnf|choco|winget|npm)\s+\w+|"
    r"python[\d.]*\s+(?:-m\s+venv|\S+\.py)|"
    r"(?:cd|ls|mkdir|rm|cp|mv|cat|echo|source|export|set|chmod|which|curl|wget|deactivate|exit)(?=\s+[^\s<>=!~;@#\d]))"
    r"(?:\s.*)?"
)
_SEPARATOR = re.compile(r"&&|;(?=\s*+[!%]?\s*+(?:pip|python|py|conda|mamba|uv|poetry)\b)")
_IMPORT = re.compile(r"import\s+([\w.]+(?:\s+as\s+\w+)?(?:\s*,\s*[\w.]+(?:\s+as\s+\w+)?)*)\s*;?")
_FROM = re.compile(r"from\s+(\w[\w.]*)\s+import\b.*")
_INSTALLED = re.compile(r"Successfully installed\s+(.+)")
_COLLECTED = re.compile(r"(?:Collecting|Requirement already satisfied:)\s+(\S+)(?:\s.*)?")
_OUTPUT = re.compile(
    r"(?:Downloading|Using cached|Installing collected packages|Looking in indexes|Preparing metadata|Building wheel|"
    r"Attempting uninstall|Found existing installation|Uninstalling|Note: you may need to restart|"
    r"ERROR: |WARNING: |DEPRECATION: |Traceback \(|\[notice\] ).*",
)
_MISSING = re.compile(r"(?:ModuleNotFound|Import)Error: No module named '?+([A-Za-z_][\w.]*+)'?+.*")
_QUIET_OUTPUT = "a line that an installer prints"


def prompts(code: str) -> Rewrite | None:
    """Delete the prompt in front of a command."""
    found = _PROMPT.match(code) or _ENVIRONMENT.match(code)
    rest = code[found.end() :] if found else ""
    if not (rest and (commands(rest) or parsed(rest) or imports(rest))):
        return None
    return Rewrite((rest,), "a prompt in front", is_lossless=True)


def commands(code: str) -> Rewrite | None:
    """Rewrite install commands: each package and each option with an effect becomes a line."""
    parts = [part.strip() for part in _SEPARATOR.split(code)]
    installing = tuple(part for part in parts if _INSTALL.match(part) or _assignments(part))
    if not installing:
        return deleted("a command that installs nothing") if _OTHER_COMMAND.fullmatch(code) else None
    if len(parts) > 1:
        return Rewrite(installing, "several commands on one line", is_lossless=len(installing) == len(parts))
    if assigned := _assignments(code):
        return Rewrite((code[assigned:],), "environment variables of a command", is_lossless=True)
    found = _INSTALL.match(code)
    words = _words(code[found.end() :]) if found else None
    if found is None or words is None:
        return None
    packages, options, lost = _arguments(words)
    if found["conda"]:
        return _conda(packages)
    reason = f"{' '.join(found[0].lstrip('!% ').split())}: one package per line"
    lost_text = f", without {', '.join(lost)}" if lost else ""
    return Rewrite((*options, *packages), reason + lost_text, is_lossless=not lost)


def _assignments(code: str) -> int:
    """Return the length of the variables in front of an install command; 0 if one names an index, which may matter."""
    found = _ASSIGNMENTS.match(code)
    return found.end() if found and "://" not in found[0] and _INSTALL.match(code[found.end() :]) else 0


def _conda(packages: Sequence[str]) -> Rewrite:
    found = [conda.specification(package) for package in packages]
    return Rewrite(tuple(line for one in found if one for line in one.lines), conda.NOTATION)


def _words(text: str) -> list[str] | None:
    try:
        words = shlex.split(text.replace("\\", "/"))  # paths of Windows; a backslash would escape the next character
    except ValueError:  # a quote is not closed
        return None
    return list(itertools.takewhile(lambda word: not _REDIRECTION.fullmatch(word), words))


def _arguments(words: Sequence[str]) -> tuple[list[str], list[str], list[str]]:
    """Return the packages, the options that get a line of their own, and those that are lost."""
    packages: list[str] = []
    options: list[str] = []
    lost: list[str] = []
    rest = iter(words)
    for word in rest:
        option, _, value = word.partition("=")
        if not word.startswith("-"):
            packages += [text for text in [word.strip(",")] if text]
            continue
        if (option in WITH_VALUE or not _is_known(option)) and not value:
            # The word after an unknown option may be its value, and a secret.
            value = next(rest, "")
        if option in _OWN_LINE:
            options.append(f"{option} {value}".strip())
        elif not _is_known(option):
            lost.append(f"{option} and what follows it")
        elif option not in NO_EFFECT:
            lost.append(option)
    if all("==" in package for package in packages):
        lost = [option for option in lost if option not in ("-U", "--upgrade")]
    return packages, options, lost


def arguments(code: str) -> Rewrite | None:
    """Rewrite a line that is written like the arguments of an installer: "pandas -U", "--user numpy pandas"."""
    if " -" not in code and not code.startswith("-"):
        return None
    found = _words(code) or []
    flags = [word for word in found if word.startswith("-")]
    names = [flag.partition("=")[0] for flag in flags]
    if not flags or found[0] in _OWN_LINE or not all(name in _BESIDE_PACKAGES or _is_flag(name) for name in names):
        return None
    packages, options, lost = _arguments(found)
    if not packages or not all(map(parsed, packages)):
        return None
    lost_text = f", without {', '.join(lost)}" if lost else ""
    return Rewrite(
        (*options, *packages), f"arguments of an installer: one package per line{lost_text}", is_lossless=not lost
    )


def _is_known(option: str) -> bool:
    return option in _OWN_LINE or _is_flag(option)


def _is_flag(option: str) -> bool:
    return option not in _OWN_LINE and (option in WITH_VALUE or option in NO_EFFECT or option in _FLAGS)


_BESIDE_PACKAGES = frozenset(
    {"--index-url", "-i", "--extra-index-url", "--find-links", "-f", "--trusted-host", "--pre"}
)
"""Options that are lines of their own, but are often written behind a package."""


_FLAGS_TEXT = (
    "upgrade no-deps force-reinstall ignore-installed no-build-isolation use-pep517 no-use-pep517 dry-run no- "
    "clean check-build-dependencies ignore-requires-python isolated debug no-index dev yes update-deps no-update- "
    "deps freeze-installed use-local offline insecure copy all update-all only-deps strict-channel-priority no- "
    "channel-priority use-index-cache download-only no-sync no-lock locked frozen refresh no-cache lock skip-lock "
    "pre prerelease allow-prereleases verify reinstall no-self help version"
)
_FLAGS = frozenset(["-U", "-I", "-D", "-k", "-S", "-d", "-h", "-V"]) | {f"--{name}" for name in _FLAGS_TEXT.split()}
"""Further options without a value; the word after an option that is not known may be its value."""

_OWN_LINE_TEXT = (
    "--index-url -i --extra-index-url --find-links -f --trusted-host -r --requirement -c --constraint -e --editable "
    "--pre --no-binary --require-hashes --no-index"
)
_OWN_LINE = frozenset(_OWN_LINE_TEXT.split())
"""Options that are also lines of a requirements file."""


_NAMESPACES = ("azure.", "google.")
"""Modules of many packages, whose names begin like them."""


def imports(code: str) -> Rewrite | None:
    """Rewrite import statements: the packages of their modules."""
    if found := _FROM.fullmatch(code):
        modules = [found[1]]
    elif found := _IMPORT.fullmatch(code):
        modules = [part.split()[0] for part in found[1].split(",")]
    else:
        return None
    names = dict.fromkeys(module if module.startswith(_NAMESPACES) else module.partition(".")[0] for module in modules)
    packages = {name: package for name in names if (package := _package_of(name))}
    if any(name.startswith(_NAMESPACES) and name not in packages for name in names):
        return None  # which of the packages of the namespace is meant is not known
    others = [f"{name} is a module of {package}" for name, package in packages.items() if name != package]
    return Rewrite(tuple(packages.values()), "; ".join(["an import statement; a line names a package", *others]))


def _package_of(module: str) -> str:
    if module.startswith(_NAMESPACES):
        parts = module.split(".")
        joined = (str(canonicalize_name("-".join(parts[:count]))) for count in (3, 2))
        return next((name for name in joined if is_well_known(name)), PACKAGE_OF_MODULE.get("-".join(parts[:2]), ""))
    name = str(canonicalize_name(module))
    return "" if is_module_of_python(module) or not name else PACKAGE_OF_MODULE.get(name, module)


def output(code: str) -> Rewrite | None:
    """Rewrite what an installer printed."""
    if found := _INSTALLED.fullmatch(code):
        return Rewrite(tuple(_installed(found[1].split())), _QUIET_OUTPUT)
    if (found := _COLLECTED.fullmatch(code)) and parsed(found[1]):
        return Rewrite((found[1],), _QUIET_OUTPUT)
    if found := _MISSING.fullmatch(code):
        return imports(f"import {found[1]}")
    return deleted(_QUIET_OUTPUT) if _OUTPUT.fullmatch(code) else None


def _installed(wheels: Sequence[str]) -> Iterator[str]:
    for wheel in wheels:
        name, _, version = wheel.rpartition("-")
        if is_version(version) and parsed(name):
            yield f"{name}=={version}"
