"""Common mistakes in package lines, and the lines that are probably meant."""

from __future__ import annotations

import re

from packaging.requirements import InvalidRequirement
from packaging.requirements import Requirement as Pep508

from kusto_magic.errors import MAX_EXCERPT_LENGTH, excerpt
from kusto_magic.requirements import rules
from kusto_magic.requirements.well_known import is_well_known

_FIXES = tuple(
    (re.compile(pattern), replacement, rule)
    for pattern, replacement, rule in (
        (r"^(['\"])([^'\"]*)\1?,?$", r"\2", "quotes are not allowed"),
        (r"(===?|~=|!=|<=?|>=?|=)\s?(['\"])([\w.*+!-]+)\2", r"\1\3", "quotes are not allowed"),
        (r"([=<>!~])\s(?==)", r"\1", "a blank is inside of the version operator"),
        (r"~>", "~=", "'~>' is not a version operator"),
        (r"^([^()\[\]]*[<>=!~]=?\s?[\w.*+-]*[\d*])[)\]\"':]+$", r"\1", "nothing may follow the last version"),
        (r"\s(?:and|&|&&)\s(?=[<>=!~])", ",", "version specifiers must be separated by ','"),
        (r",(?:\s?,)+", ",", "version specifiers must be separated by one ','"),
        (r"(?<=\d\.)\s(?=\d)", "", "a blank is inside of the version"),
        (r"(?<=[=<>~]\d),(?=\d+$)", ".", "',' separates specifiers; the numbers of a version are separated by '.'"),
        (r"^([\w.-]+)\s(?:version|ver)\.?\s?[=:]?\s?(?=\d)", r"\1==", "'==' is missing"),
        (r"(?<=[\w*\])])[.!?-]+$", "", "nothing may follow the last version"),
        (
            r"\s?(?:==?|@)?\s?(?<![\w.-])(?:latest|newest)$",
            "",
            "the newest version that fits is installed without a version",
        ),
        (r"\s?==?\s?\*$", "", "a name without a version means any version"),
        (
            r"^([\w.-]+(?:\[[\w., -]*\])?)\s?(?:==?|\s|:)\s?v?(\d[\d.]*)\s?\+$",
            r"\1>=\2",
            "'>=' means a version or later",
        ),
        (r"=([<>!~])(?!=)", r"\1=", "the characters of the version operator are reversed"),
        (r"(?<![=<>!~])\s?=(?!=)\s?(?=[\w.*+!-]+$|[\w.*+!-]+,)", "==", "'=' is not a version operator"),
        (r"^([\w.-]+(?:\[[\w., -]*\])?)\s?[\s:@(]\s?v?(\d[\w.*+!-]*)\)?$", r"\1==\2", "'==' is missing"),
        (r"(?<=\d)\.[xX](?![\w.])", ".*", "'x' is not a wildcard, '*' is"),
        (r"((?:>=?|<=?|~=)\s?[\d.]*\d)\.\*", r"\1", "'.*' is only allowed with == and !="),
        (r"~=\s?(\d+)(?=\s?,|\s?$)", r"~=\1.0", "'~=' needs a version with at least two numbers"),
        (r"([<>=!~]=?\s?[\w.*+-]*[\d*])\s?(?=[<>!~]=?|==)", r"\1,", "version specifiers must be separated by ','"),
        (r"\s?(===?|~=|!=|<=?|>=?),?$", "", "the version after the operator is missing"),
        (r"(?<![\s,;])[\s,;]+$", "", "nothing may follow the last version"),
    )
)
"""Common mistakes: pattern, replacement and rule. Applied in this order, after runs of blanks became one blank."""

MAX_PACKAGES_OF_LINE = 50
"""Maximum number of packages of a line that is split."""

_COMMAND_WORDS_TEXT = "install add update upgrade download run pip pip3 pipx uv conda mamba poetry"
_COMMAND_WORDS = frozenset(_COMMAND_WORDS_TEXT.split())
"""Words of a command that is not recognized: its other words need not be packages."""

_MARKERS_TEXT = (
    "extra implementation_name os_name platform_machine platform_python_implementation platform_system "
    "platform_version python_full_version python_version sys_platform"
)
_MARKERS = frozenset(_MARKERS_TEXT.split())

_OF_LIST = re.compile(r"[;,<>=~!]")
"""Characters that a list of packages has and a sentence has not, or rarely."""

_SEPARATORS = re.compile(r"[\s,]+")


def grammar_problem(code: str) -> str:
    """Return why a line is not a valid package line, with the corrected line if it can be guessed."""
    message, whole = mistake(code)
    return f"{message}; write {whole}" if whole else message


def mistake(code: str) -> tuple[str, str]:
    """Return why a line is not a valid package line, and the corrected line, or "" if it cannot be guessed."""
    head, semicolon, marker = _parts(code)
    fixed, rule = _fixed(head)
    rule = rule or ("" if marker or not semicolon else "nothing may follow the last version")
    whole = f"{fixed}; {marker}" if marker else fixed
    if several_packages(code):
        return f"{excerpt(code)}: one package per line", ""
    if not rule and marker and _parses(head):
        return f"{excerpt(code)}: only a marker may follow ';', such as python_version < \"3.11\"", ""
    rule = rule or "a line must be a name, an operator and a version, such as requests==2.31.0"
    return f"{excerpt(code)}: {rule}", whole if _is_offered(whole) else ""


def several_packages(code: str) -> tuple[str, ...]:
    """Return the packages of a line that consists of several, or ()."""
    split = code.split(";") if ";" in code else _SEPARATORS.split(_parts(code)[0])
    parts = tuple(part.strip() for part in split if part.strip())
    if not 1 < len(parts) <= MAX_PACKAGES_OF_LINE or (";" not in code and _fixed(code)[1]):
        return ()
    is_sentence = not _OF_LIST.search(code) and sum(map(is_well_known, parts)) * 2 <= len(parts)
    is_list = not is_sentence and not _COMMAND_WORDS.intersection(parts) and all(map(_is_package, parts))
    return parts if is_list else ()


def corrected(code: str) -> str:
    """Return the corrected line for one that is not a valid package line, "" if it cannot be guessed."""
    if (rest := rules.command_arguments(code)) is not None:
        return rest if _parses(rest) else ""
    head, _, marker = _parts(code)
    fixed, rule = _fixed(head)
    whole = f"{fixed}; {marker}" if marker else fixed
    return whole if rule and _is_offered(whole) else ""


def _parts(code: str) -> tuple[str, str, str]:
    """Return what is before the first semicolon, the semicolon and the marker, with single blanks."""
    head, semicolon, marker = " ".join(code.split()).partition(";")
    return head.strip(), semicolon, marker.strip()


def _is_offered(line: str) -> bool:
    # For a long line or one with several packages the correction would be a guess.
    return _parses(line) and len(line) <= MAX_EXCERPT_LENGTH and line.partition(";")[0].count("==") < 2


def _fixed(head: str) -> tuple[str, str]:
    """Return the corrected line and the first rule that it violated."""
    first = ""
    for pattern, replacement, rule in _FIXES:
        fixed = pattern.sub(replacement, head)
        first = first or (rule if fixed != head else "")
        head = fixed
    return head, first


def _is_package(text: str) -> bool:
    """Return whether a word is a package line; one that begins with a number is probably a version."""
    return _parses(text) and not text[0].isdigit() and Pep508(text).name not in _MARKERS


def _parses(text: str) -> bool:
    try:
        Pep508(text)
    except InvalidRequirement:
        return False
    return True
