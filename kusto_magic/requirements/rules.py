"""What a line of a requirements text may say: every rule, the message that names it, the mend where one helps.

The documentation of custom images asks for "the format of pip requirements.txt" and shows package lines only. So
only package lines pass (PEP 508 without an address), and index options where the user allowed them. Everything else
names something the service does not have (a file, a shell), asks for code of a package to be run, or puts a secret
where every reader of the cluster can read it.

The functions take strings and return one: a message, or "" when the rule is kept. No message repeats an address or
the value of an option.
"""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import urlsplit

from packaging.requirements import InvalidRequirement
from packaging.requirements import Requirement as Pep508

from kusto_magic.errors import MAX_EXCERPT_LENGTH, excerpt

MAX_LINE_LENGTH = 500
MAX_BRACKETS = 30
"""Limits of this package. The brackets of a marker nest, and they are read by recursion."""


# ── characters and length ──────────────────────────────────────────────────────────────────────────────────────

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(\[[A-Za-z0-9._,-]*\])?([<>=!~]=?[0-9][A-Za-z0-9.*+!]*,?){0,4}")
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})


def is_plain(line: str) -> bool:
    """Return whether `line` can break no rules but those of the grammar and of `package_problem` (the quick way)."""
    return len(line) <= MAX_LINE_LENGTH and _PLAIN.fullmatch(line) is not None


def character_problem(raw: str, code: str) -> str:
    """Judge the characters of a line: `raw` with its comment, `code` without.

    pip ends a line at VT, FF, NEL, U+2028 and others too, so that a comment with one of them is more than a comment.
    """
    for char in raw:
        if char not in "\t\n" and unicodedata.category(char) in _INVISIBLE:
            return f"{_character(char)} cannot be seen, or changes what is seen; delete it"
    odd = next((char for char in code if not char.isascii()), "")
    return f"{_character(odd)} is no ASCII character, and a line has no other outside its comment" if odd else ""


def _character(char: str) -> str:
    return f"U+{ord(char):04X} {unicodedata.name(char, '(control character)')}"


def shape_problem(code: str) -> str:
    """Judge the length of a line and its end."""
    if code.endswith("\\"):
        return "after the '\\' at the end another line must follow, and no blank"
    if len(code) > MAX_LINE_LENGTH or code.count("(") > MAX_BRACKETS:
        return f"the line is too long; {MAX_LINE_LENGTH:,} characters and {MAX_BRACKETS} brackets are the limit here"
    return ""


# ── secrets ────────────────────────────────────────────────────────────────────────────────────────────────────

_CONTINUED = re.compile(r"\\+(\r\n|\n|\r)")
_CREDENTIALS = "the address holds a user or a password"
_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_ASSIGNED = (
    r"(?i)(?<![a-z0-9])(passw(or)?d|pwd|pat|secret|token|(api|access|account|sharedaccess)[_-]?key|sig|signature)"
    r"[ \t]{0,9}[=:](?!=)[ \t]{0,9}(?!\d+\.)[^\s=]{6,}"
)
_SECRETS = tuple(
    (needles.split(), re.compile(pattern), what)
    for needles, pattern, what in (
        ("://", r"://[^\s/]*@", _CREDENTIALS),
        (
            "gh github_pat glpat",
            r"\b(gh[pousr]_\w{16,}|github_pat_\w{20,}|glpat-[\w-]{16,})",
            "a token of GitHub or GitLab",
        ),
        ("pypi-ag npm_ dckr_", r"\b(pypi-Ag[\w-]{16,}|npm_\w{20,}|dckr_pat_[\w-]{16,})", "a token of a registry"),
        ("xox sk-", r"\b(xox[abeoprs]-[\w-]{8,}|sk-[\w-]{32,})", "a token"),
        ("akia asia aiza", r"\b((AKIA|ASIA)[A-Z0-9]{16}\b|AIza[\w-]{30,})", "an access key of a cloud"),
        ("eyj eyi", r"\bey[IJ][\w-]{8,}\.[\w-]{8,}", "a bearer token"),
        ("a e i o u 2 3 4 5 6 7", r"\b[a-z2-7]{52}\b|AZDO[A-Za-z0-9]{4}\b", "a token of Azure DevOps"),
        ("q~", r"\dQ~[\w.~-]{30,}", "a client secret of Microsoft Entra"),
        ("private", r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY", "a private key"),
        ("? &", r"(?i)[?&](sig|signature|token|key|code|pat)=", "a signed address"),
        ("pass pwd pat secret token key sig", _ASSIGNED, "a password or a token"),
    )
)
"""What reads like a secret: what a text must hold in lower case to be looked at closely, the pattern, the words."""


def secret_in(text: str) -> str:
    """Return what `text` holds that reads like a secret, as it stands or with continued lines joined, or ""."""
    for variant in {text, _CONTINUED.sub("", text)}:
        lowered = variant.lower()
        for needles, pattern, what in _SECRETS:
            if any(needle in lowered for needle in needles) and pattern.search(variant):
                return what if what == _CREDENTIALS else f"here stands what reads like {what}"
    return ""


def _looks_like_token(segment: str) -> bool:
    if _GUID.fullmatch(segment) or not segment.replace("-", "").replace("_", "").isalnum():
        return False
    kinds = (str.islower, str.isupper, str.isdigit)
    mixed = sum(any(kind(char) for char in segment) for kind in kinds)
    return (len(segment) >= 20 and mixed == 3) or (len(segment) >= 32 and mixed >= 2)


# ── options ────────────────────────────────────────────────────────────────────────────────────────────────────

_OPTION = re.compile(r"(?:^|\s)(-(?:-[A-Za-z][\w-]*|[A-Za-z]|-?))")
_INDEX_LINE = re.compile(r"(?:-i\s*|--(?:extra-)?index-url(?:\s+|\s*=\s*))([^\s\"']+)")
_INDEX_OPTIONS = {"-i": "--index-url", "--index-url": "--index-url", "--extra-index-url": "--extra-index-url"}
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|[0-9A-Fa-f:.]+")
_URL = re.compile(r"https://[A-Za-z0-9._~:/+,%\[\]-]+")

_NO_FILE = "the service has no such file; write its lines here"
_NO_SOURCE = "it is about building from source, which runs a package's code; images are made of wheels"
_OPTIONS = {
    "-r --requirement -c --constraint": _NO_FILE,
    "-e --editable": "the service has no such folder; only packages of an index can be named",
    "--no-binary --global-option --install-option --build-option --config-settings --config-setting -C "
    "--no-build-isolation --use-pep517 --build-constraint": _NO_SOURCE,
    "--only-binary --prefer-binary": "it is not needed, since the check looks for wheels only; delete it",
    "--pre": "it lets in unfinished versions of everything; name the one that is wanted, as in numpy==2.0.0rc1",
    "--hash --require-hashes": "whether the service compares hashes is not documented; pin the version with == instead",
    "--trusted-host": "it switches off the check of the index's certificate; delete it",
    "--find-links -f": "of the options only --index-url and --extra-index-url can be allowed",
    "--no-index": "without an index there is nothing to install from; delete it",
}
"""Options of pip's requirements file format, and why they do not pass."""


def option_in(code: str) -> str:
    """Return the first option a line holds ("--hash"), or "". The options of a command before the package are none."""
    found = _OPTION.search(_COMMAND.sub("", code, count=1))
    return found[1] if found else ""


def index_option(option: str) -> str:
    """Return the long form of an option that names an index, "" for every other."""
    return _INDEX_OPTIONS.get(option, "")


def index_url(code: str) -> str:
    """Return the address of a line that is an index option and nothing else, or ""."""
    found = _INDEX_LINE.fullmatch(code)
    return found[1] if found else ""


def option_problem(option: str) -> str:
    """Return why an option does not pass."""
    for options, message in _OPTIONS.items():
        if option in options.split():
            return f"{option}: {message}"
    return "a line is one package, without options; delete what begins with '-'"


def url_problem(url: str) -> str:
    """Judge the address of an index: https, a host, a path, nothing secret. "" is no address."""
    if not url:
        return "it stands on a line of its own, with one address that begins with https://"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return "the address cannot be read"
    if parts.scheme != "https":
        return "the address must begin with https://"
    if "@" in parts.netloc:
        return _CREDENTIALS
    if not host or not _HOST.fullmatch(host) or port == 0:
        return "the address has no host that can be read"
    if not _URL.fullmatch(url):
        return "the address has more than a host and a path"
    if any(_looks_like_token(segment) for segment in parts.path.split("/")):
        return "a part of the path reads like a token, and every reader of the cluster could read it"
    return ""


# ── what is no package ─────────────────────────────────────────────────────────────────────────────────────────

_VARIABLE = re.compile(r"\$\{|\$[A-Za-z_(]|%[A-Za-z_]+%|\{\{|^\{|\{[A-Za-z_]+\}")
_SHELL = re.compile(r"&&|[`$|&]|>>|>(?=\s*\S+\.(?:txt|log)\b)")
_COMMAND = re.compile(
    r"^[!%]?\s*(sudo\s+)?(((python|py)[\d.]*\s+-m\s+)?(uv\s+)?pip[\d.]*\s+install|(conda|mamba)\s+install|"
    r"(poetry|uv|pdm)\s+add|import)(?=\s|$)"
)
_ADDRESSES = (
    (re.compile(r"\b(git|hg|svn|bzr)\+|^git@|\bgit://"), "a repository is no package of an index; name its release"),
    (re.compile(r"\bfile:", re.IGNORECASE), "file: names a place on this machine; the service has no such file"),
    (re.compile(r"://|\s@\s|^[^;]*@"), "an address is no package of an index; write the name and a version"),
    (re.compile(r"^[^;]*[/\\]|^[.~]"), "a path names a place on this machine; the service has no such file"),
)
_FILE = re.compile(r".*\.(whl|zip|egg|tgz|tbz|txz|tlz|tar|tar\.\w+|txt)", re.IGNORECASE)
_SPECIFIER = re.compile(r"[A-Za-z0-9.,_+!*<>=~-]*")


def local_or_shell_problem(code: str, *, show: bool) -> str:
    """Judge whether a line is something else than a package: a command, a variable, an address, a path.

    `show` is whether the message may repeat a part of the line.
    """
    if _VARIABLE.search(code):
        return "variables are not filled in, and their value would be readable by every reader of the cluster"
    if command := _COMMAND.match(code):
        rest = code[command.end() :].strip()
        return f"a line is no command; write only {excerpt(rest) if show and rest else 'the package'}"
    if shell := _SHELL.search(code):
        return f"'{shell[0]}' belongs to a shell; a line is one package, and nothing of it is run"
    return next((message for pattern, message in _ADDRESSES if pattern.search(code)), "")


def package_problem(name: str, specifier: str) -> str:
    """Judge what the grammar lets pass: the name of a file as `name`, any text after '==='."""
    if _FILE.fullmatch(name):
        return "the name of a file is no package; the service has no such file"
    return "" if _SPECIFIER.fullmatch(specifier) else "'===' compares text; write == and a version"


# ── what is nearly a package ───────────────────────────────────────────────────────────────────────────────────

_FIXES = tuple(
    (re.compile(pattern), replacement, rule)
    for pattern, replacement, rule in (
        (r"^(['\"])([^'\"]*)\1?,?$", r"\2", "a line has no quotes"),
        (r"=([<>!~])(?!=)", r"\1=", "the signs of the comparison stand the wrong way round"),
        (r"(?<![=<>!~])\s?=(?!=)\s?(?=[\w.*+!-]+$|[\w.*+!-]+,)", "==", "'=' is no comparison"),
        (r"^([\w.-]+(?:\[[\w., -]*\])?)\s?[\s:@(]\s?v?(\d[\w.*+!-]*)\)?$", r"\1==\2", "'==' is missing"),
        (r"(?<=\d)\.[xX](?![\w.])", ".*", "'x' stands for no version, '*' does"),
        (r"((?:>=?|<=?|~=)\s?[\d.]*\d)\.\*", r"\1", "'.*' goes with == and != only"),
        (r"~=\s?(\d+)(?=\s?,|\s?$)", r"~=\1.0", "'~=' wants two numbers at least"),
        (r"(?<=[\d*])\s?(?=[<>!~]=?|==)(?<![\w.-][A-Za-z]\d)", ",", "comparisons are separated by ','"),
        (r"\s?(===?|~=|!=|<=?|>=?),?$", "", "the version after the comparison is missing"),
        (r"[\s,;]+$", "", "nothing may stand after the last version"),
    )
)
"""Slips that are common, how to mend them, and the rule they break; applied in this order, blanks being single."""


def grammar_problem(code: str) -> str:
    """Return why a line that is no package line is none, and how it is meant, where that can be guessed."""
    head, semicolon, marker = (part.strip() for part in " ".join(code.split()).partition(";"))
    mended, rule = _fixed(head)
    rule = rule or ("" if marker or not semicolon else "nothing may stand after the last version")
    whole = f"{mended}; {marker}" if marker else mended
    if not rule and marker and _parses(head):
        return f"{excerpt(code)}: after ';' stands a marker such as python_version < \"3.11\", and nothing else"
    if not rule and all(_parses(part) for part in re.split(r"[\s,]+", head)):
        return f"{excerpt(code)}: one package per line"
    sound = _parses(whole) and len(whole) <= MAX_EXCERPT_LENGTH and mended.count("==") < 2
    meant = f"; write {whole}" if sound else ""
    return f"{excerpt(code)}: {rule or 'a line is a name, a comparison and a version, as in requests==2.31.0'}{meant}"


def _fixed(head: str) -> tuple[str, str]:
    """Return a line with its slips mended, and the first rule it broke."""
    first = ""
    for pattern, replacement, rule in _FIXES:
        mended = pattern.sub(replacement, head)
        first = first or (rule if mended != head else "")
        head = mended
    return head, first


def _parses(text: str) -> bool:
    try:
        Pep508(text)
    except InvalidRequirement:
        return False
    return True
