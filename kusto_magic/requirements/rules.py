"""Validation rules for the lines of a requirements text, with a message for each and a fix for common mistakes.

The documentation of custom images requires "the format of pip requirements.txt" and shows package lines only.
Therefore only package lines are accepted (PEP 508 without a URL), and index options if the user allowed them.
Everything else refers to something that the service does not have (a file, a shell), requires running a package's
code, or exposes a secret to everyone with read access to the cluster.

The functions take strings and return a message, or "" if the rule is met. Messages never contain URLs or the values of
options, because these may be secret.
"""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import urlsplit

from kusto_magic.display_text import INVISIBLE_CATEGORIES
from kusto_magic.errors import excerpt
from kusto_magic.hints import Hint, HintKind

MAX_LINE_LENGTH = 500
"""Maximum number of characters in a line; a limit of this package."""

MAX_BRACKETS = 30
"""Maximum number of opening brackets in a line; markers nest, and packaging parses them recursively."""


# ── characters and length ──────────────────────────────────────────────────────────────────────────────────────────

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(\[[A-Za-z0-9._,-]*\])?([<>=!~]=?[0-9][A-Za-z0-9.*+!]*+,?){0,4}")


def is_plain(line: str) -> bool:
    """Return whether only the grammar and `package_problem` remain to be checked for `line` (the fast path)."""
    return len(line) <= MAX_LINE_LENGTH and _PLAIN.fullmatch(line) is not None


def character_problem(raw: str, code: str) -> str:
    """Check the characters of a line: `raw` includes its comment, `code` does not.

    pip also ends a line at VT, FF, NEL, U+2028 and others, so a comment with one of them may hide a second line.
    """
    for char in raw:
        if char not in "\t\n" and unicodedata.category(char) in INVISIBLE_CATEGORIES:
            return f"{_character(char)} is invisible or changes how the text is displayed; delete it"
    odd = next((char for char in code if not char.isascii()), "")
    return f"{_character(odd)} is not an ASCII character; only comments may contain it" if odd else ""


def _character(char: str) -> str:
    return f"U+{ord(char):04X} {unicodedata.name(char, '(control character)')}"


def shape_problem(code: str) -> str:
    """Check the length and the end of a line."""
    if code.endswith("\\"):
        return "the '\\' at the end must be followed directly by another line"
    if len(code) > MAX_LINE_LENGTH or code.count("(") > MAX_BRACKETS:
        return f"the line is too long: the limit is {MAX_LINE_LENGTH:,} characters and {MAX_BRACKETS} brackets"
    return ""


# ── secrets ────────────────────────────────────────────────────────────────────────────────────────────────────────

_CONTINUED = re.compile(r"(?<!\\)\\++(\r\n|\n|\r)")
_CREDENTIALS = "the URL contains a user name or a password"
_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_ASSIGNED = (
    r"(?i)(?<![a-z0-9])(passw(or)?d|pwd|pat|secret|token|(api|access|account|sharedaccess)[_-]?key|sig|signature)"
    r"[ \t]{0,9}[=:](?!=)[ \t]{0,9}(?!\d+\.)[^\s=]{6,}"
)
_VALUE = r"[\"']?(?![<>=!~;@#\[-]|\d++\.\d|\d{1,4}(?!\S)|(?:or|and)\b)\S{2}"
"""The beginning of a value that is neither an operator nor a version; not the "or" of a sentence."""
_LINE_START = r"(?<![^\r\n])"
_NETRC = rf"(?i)\bmachine[ \t]++\S++[ \t]++login\b|{_LINE_START}[ \t]*+machine[ \t]++[a-z0-9-]++\.[a-z]"
_SPOKEN = rf"(?i){_LINE_START}[^#\r\n]*?(?<![\w.-])(?:passw(?:or)?d|passphrase|pwd)[\"']?[ \t]++{_VALUE}"
_NAMED = (
    rf"(?i){_LINE_START}[ \t]*+(?:login|bearer|basic|(?:[a-z0-9]++[-_]){{0,4}}+(?:token|secret|pat)|"
    r"(?:[a-z0-9]++[-_]){0,4}?(?:api|access|account|private|secret|client|storage|subscription)[-_]?key)"
    rf"[ \t]++{_VALUE}"
)
_OPTION_VALUE = (
    r"(?i)(?<![\w-])--?(?:[a-z0-9]++[-_])*+[a-z0-9]*?"
    r"(?:passw(?:or)?d|passphrase|pwd|secret|token|(?<=client-)cert|(?<=-)pat|(?<=-)auth|credentials?|key)"
    rf"(?:[ \t]++|=){_VALUE}"
)
_AUTHORIZATION = (
    r"(?i)\bauthorization[\"']?[ \t]{0,9}(?:[:=](?!=)[ \t]{0,9}[\"']?(?:\S{8}|(?:bearer|basic|token)[ \t]++\S)|"
    r"(?:bearer|basic|token)[ \t]++\S)|"
    r"(?<![\w-])bearer[ \t]++(?!tokens?\b|auth|error|realm|scope|scheme|challenge|credential|format)[\w.~+/=-]{8}|"
    r"(?<![\w-])basic[ \t]++(?=[A-Za-z+/]*+[0-9=])[\w+/=-]{10}"
)
_HEADER = (
    rf"(?i)(?<![\w-])(?:x-(?:[a-z0-9]++-)*+[a-z0-9]*?(?:key|token|secret|auth)[\"']?[ \t:=]++{_VALUE}|"
    r"cookie:[ \t]*+[^\s=]++=\S{4})"
)
_SECRETS = tuple(
    (needles.split(), re.compile(pattern), description)
    for needles, pattern, description in (
        ("://", r"://[^\s/]*@", _CREDENTIALS),
        (
            "gh github_pat glpat",
            r"\b(gh[pousr]_\w{16,}|github_pat_\w{20,}|glpat-[\w-]{16,})",
            "a GitHub or GitLab token",
        ),
        ("pypi-ag npm_ dckr_", r"\b(pypi-Ag[\w-]{16,}|npm_\w{20,}|dckr_pat_[\w-]{16,})", "a package registry token"),
        ("xox sk-", r"\b(xox[abeoprs]-[\w-]{8,}|sk-[\w-]{32,})", "a token"),
        ("akia asia aiza", r"\b((AKIA|ASIA)[A-Z0-9]{16}\b|AIza[\w-]{30,})", "a cloud access key"),
        ("eyj eyi", r"(?<![\w-])(?=[\w-]++\.[\w-]{8})[\w-]*?\bey[IJ][\w-]{8,}+\.", "a bearer token"),
        # Base32 without a prefix: any of these characters triggers the expression.
        ("a e i o u 2 3 4 5 6 7", r"\b[a-z2-7]{52}\b|AZDO[A-Za-z0-9]{4}\b", "an Azure DevOps token"),
        ("q~", r"\dQ~[\w.~-]{30,}", "a Microsoft Entra client secret"),
        ("private", r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY", "a private key"),
        ("? &", r"(?i)[?&](sig|signature|token|key|code|pat)=", "a signed URL"),
        ("pass pwd pat secret token key sig", _ASSIGNED, "a password or a token"),
        ("machine", _NETRC, "a line of a netrc file"),
        ("pass pwd", _SPOKEN, "a password or a token"),
        ("login bearer basic token secret pat key", _NAMED, "a password or a token"),
        ("pass pwd secret token cert pat auth credential key", _OPTION_VALUE, "an option with a password or a token"),
        ("authorization bearer basic", _AUTHORIZATION, "credentials of an HTTP header"),
        ("x- cookie", _HEADER, "credentials of an HTTP header"),
    )
)
"""Patterns of secrets: lowercase substrings that trigger the regular expression, the expression, a description.

The substrings are a performance choice: most texts contain none, and then no expression runs.
"""


def secret_in(text: str) -> str:
    """Return a description of the secret that `text` seems to contain, also across continued lines, or ""."""
    for variant in {text, _CONTINUED.sub("", text)}:  # a set: most texts have no continued line
        lowered = variant.lower()
        for needles, pattern, description in _SECRETS:
            if any(needle in lowered for needle in needles) and pattern.search(variant):
                return description if description == _CREDENTIALS else f"this looks like {description}"
    return ""


def _looks_like_token(segment: str) -> bool:
    # A GUID is excluded: Azure DevOps feeds have the project's id in their path.
    if _GUID.fullmatch(segment) or not segment.replace("-", "").replace("_", "").isalnum():
        return False
    kinds = (str.islower, str.isupper, str.isdigit)
    mixed = sum(any(kind(char) for char in segment) for kind in kinds)
    return (len(segment) >= 20 and mixed == 3) or (len(segment) >= 32 and mixed >= 2)


# ── options ────────────────────────────────────────────────────────────────────────────────────────────────────────

_OPTION = re.compile(r"(?:^|\s)(-(?:-[A-Za-z][\w-]*|[A-Za-z]|-?))")
_INDEX_LINE = re.compile(r"(?:-i\s*|--(?:extra-)?index-url(?:\s+|\s*=\s*))([^\s\"']+)")
_INDEX_OPTIONS = {"-i": "--index-url", "--index-url": "--index-url", "--extra-index-url": "--extra-index-url"}
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|[0-9A-Fa-f:.]+")
_URL = re.compile(r"https://[A-Za-z0-9._~:/+,%\[\]-]+")

_FILE_OPTIONS = "-r --requirement"
_NO_SOURCE = "it controls building from source, which runs the package's code; images are built from wheels"
_SOURCE_OPTIONS = (
    "--no-binary --global-option --install-option --build-option --config-settings --config-setting -C "
    "--no-build-isolation --use-pep517 --build-constraint"
)
_OPTIONS = {
    _FILE_OPTIONS: "the service cannot read local files",
    "-c --constraint": (
        "the service cannot read local files, and has no constraints; write the versions into the lines of the packages"
    ),
    "-e --editable": "the service cannot read local folders; only packages from an index can be installed",
    _SOURCE_OPTIONS: _NO_SOURCE,
    "--only-binary --prefer-binary": "not needed, because the check looks for wheels only; delete it",
    "--pre": "it allows prereleases of all packages; pin the one you need instead, such as numpy==2.0.0rc1",
    "--hash --require-hashes": "the service is not documented to verify hashes; leave them out",
    "--trusted-host": "it disables the verification of the index's certificate; delete it",
    "--find-links -f": "only --index-url and --extra-index-url can be allowed",
    "--no-index": "without an index nothing can be installed; delete it",
}
"""Options of pip's requirements file format, with the reason for rejecting them."""


_SENT_OPTIONS = frozenset(
    f"--hash --require-hashes --pre --no-index --only-binary --prefer-binary {_SOURCE_OPTIONS}".split()
)
"""Options that concern only how the service installs; the others name files, indexes or hosts."""


def option_in(code: str) -> str:
    """Return the first option in a line ("--hash"), or "". Options of a leading install command do not count."""
    found = _OPTION.search(_COMMAND.sub("", code, count=1))
    return found[1] if found else ""


def index_option(option: str) -> str:
    """Return the long form of an index option, or "" for any other option."""
    return _INDEX_OPTIONS.get(option, "")


def index_url(code: str) -> str:
    """Return the URL of a line that consists of one index option, or ""."""
    found = _INDEX_LINE.fullmatch(code)
    return found[1] if found else ""


def is_known_option(option: str) -> bool:
    """Return whether pip has this option in requirements files."""
    return bool(index_option(option)) or any(option in options.split() for options in _OPTIONS)


def option_hint(option: str) -> Hint | None:
    """Return what to do instead of an option of pip; None if its reason says it."""
    if index_option(option):
        return Hint(HintKind.ALLOW_INDEX_OPTIONS)
    return Hint(HintKind.PASTE_FILE) if option in _FILE_OPTIONS.split() else None


def is_pip_option_line(code: str) -> bool:
    """Return whether all options of a line are ones that pip accepts and that refer to nothing on this machine."""
    found = _OPTION.findall(code)
    return all(option in _SENT_OPTIONS for option in found) and not local_or_shell_problem(code, show=False)


def option_problem(option: str) -> str:
    """Return the reason for rejecting an option."""
    if index_option(option):
        return f"{index_option(option)}: index options must be allowed"
    for options, message in _OPTIONS.items():
        if option in options.split():
            return f"{option}: {message}"
    return "write one package per line, without options; delete the part that starts with '-'"


def url_problem(url: str) -> str:
    """Check the URL of an index: https, a host, a path and no secrets. "" means that the URL is missing."""
    if not url:
        return "it must be on its own line, followed by one URL that starts with https://"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return "the URL cannot be parsed"
    if parts.scheme != "https":
        return "the URL must start with https://"
    if "@" in parts.netloc:
        return _CREDENTIALS
    if not host or not _HOST.fullmatch(host) or port == 0:
        return "the URL has no valid host"
    if not _URL.fullmatch(url):  # no query, which could contain a token
        return "the URL must contain only a host and a path"
    if any(_looks_like_token(segment) for segment in parts.path.split("/")):
        return "a part of the path looks like a token, and everyone with read access to the cluster could read it"
    return ""


# ── lines that are not packages ────────────────────────────────────────────────────────────────────────────────────

_VARIABLE = re.compile(r"\$\{|\$[A-Za-z_(]|%[A-Za-z_]+%|\{\{|^\{|\{[A-Za-z_]+\}")
_SHELL = re.compile(r"&&|[`$|&]|>>|>(?=\s*[^\s>]+\.(?:txt|log)\b)")
_COMMAND = re.compile(
    r"^[!%]?\s*(sudo\s+)?(((python|py)[\d.]*\s+-m\s+)?(uv\s+)?pip[\d.]*\s+install|(conda|mamba)\s+install|"
    r"(poetry|uv|pdm)\s+add|import)(?=\s|$)"
)
_ADDRESSES = (
    (
        re.compile(r"\b(git|hg|svn|bzr)\+|^git@|\bgit://"),
        "a repository is not a package of an index; name a release instead",
    ),
    (re.compile(r"\bfile:", re.IGNORECASE), "file: refers to this machine; the service cannot read local files"),
    (re.compile(r"://|\s@\s|^[^;]*@"), "a URL is not a package of an index; write the name and a version"),
    (re.compile(r"^[^;]*[/\\]|^[.~]"), "a path refers to this machine; the service cannot read local files"),
)
_PUBLIC_ADDRESS = re.compile(
    r"(?:[A-Za-z0-9][\w.-]*(?:\[[\w., -]*\])?\s*@\s*)?(?:git\+)?https://([A-Za-z0-9._~:/+%@-]+)(?:#egg=[\w.-]+|#sha256=\w+)?"
)
_HASH = re.compile(r"[0-9a-f]{7,64}")
_FILE = re.compile(r".*\.(whl|zip|egg|tgz|tbz|txz|tlz|tar|tar\.\w+|txt)", re.IGNORECASE)
_SPECIFIER = re.compile(r"[A-Za-z0-9.,_+!*<>=~-]*")


def command_arguments(code: str) -> str | None:
    """Return what follows an install command at the start of a line, or None if there is no command."""
    command = _COMMAND.match(code)
    return code[command.end() :].strip() if command else None


def local_or_shell_problem(code: str, *, show: bool) -> str:
    """Return why a line that is a command, variable, URL or path is rejected, or "".

    `show` allows the message to quote a part of the line.
    """
    if _VARIABLE.search(code):
        return "variables are not expanded, and everyone with read access to the cluster could read their values"
    if (rest := command_arguments(code)) is not None:
        return f"commands are not allowed; write only {excerpt(rest) if show and rest else 'the package'}"
    if shell := _SHELL.search(code):
        return f"'{shell[0]}' is shell syntax; write one package per line"
    return next((message for pattern, message in _ADDRESSES if pattern.search(code)), "")


def is_public_address(code: str) -> bool:
    """Return whether a line names a package by an https URL without a query or a part that may be a secret."""
    found = _PUBLIC_ADDRESS.fullmatch(code)
    segments = found[1].split("/") if found else ()
    return bool(found) and not any(_looks_like_token(part) and not _HASH.fullmatch(part) for part in segments)


def is_file_name(name: str) -> bool:
    """Return whether a name that the grammar allows is that of a file."""
    return bool(_FILE.fullmatch(name))


def package_problem(name: str, specifier: str) -> str:
    """Reject what the grammar allows: a file name as `name`, arbitrary text after '==='."""
    if is_file_name(name):
        return "a file name is not a package; the service cannot read local files"
    return "" if _SPECIFIER.fullmatch(specifier) else "'===' compares versions as text; write == and a version"
