"""The one way to make text from outside safe to show or to keep.

`redact` hides secrets and makes unseen characters visible; `unsigned` takes the signature off the URL of an
operation. Both take time linear in the length, whatever the text, and change nothing when applied again.
Redact first, cut afterwards: half a token is not recognised.
"""

from __future__ import annotations

import re

HIDDEN = "•••"
"""What stands where a secret stood. The names, hosts and paths around it stay."""

_INVISIBLE = (
    *range(0x09),  # control characters; tab and newline stay
    *range(0x0B, 0x20),
    *range(0x7F, 0xA0),
    0xAD,  # soft hyphen
    0x61C,  # bidi marks and overrides, zero-width space, line separators
    0x200B,
    *range(0x200E, 0x2010),
    *range(0x2028, 0x202F),
    *range(0x2060, 0x2070),
    0xFEFF,  # byte order mark
    *range(0xE0000, 0xE0080),  # tags: invisible ASCII
)
_ESCAPES = {code: chr(code).encode("unicode_escape").decode("ascii") for code in _INVISIBLE}

_RUN = re.compile(r"(?<!\S)(?=\S*?[/\\]/)[^\s@]*+@\S*")
"""A piece of text without blanks that has an @ and two slashes, which may be escaped as in JSON."""
_AUTHORITY = re.compile(r'(?:/{2,}|(?:\\{1,8}/){2,})([^/?#"<>\\]*)')
_HOST_AND_PORT = re.compile(r"(?:\[[^\]]*\]|[^:]*)(?::[0-9]{1,5})?")
_MORE_USERINFO = re.compile(r'(?:[^/?#"<>@]*+@)*+')

# The value of a header reaches to the end of its line; that of a name like `password` to a blank or a quote.
_HEADERS = r"authorization(?:-auxiliary)?|x-ms-operation-identifier|cookie"
_NAMES = (
    r"pass(?:word|wd|phrase)|\bpwd|secret|token|assertion"
    r"|(?:api|access|account|encryption|functions|primary|private|secondary|signing|subscription)[_-]?key"
)
# From a name to its value, as in `name: v`, `name = v`, `"name": v`, `\"name\": v`, `('name', v)`. Not `name==v`: a
# requirement line such as `tiktoken==0.7.0` is no secret.
_LEAD = r"""(?:\\*+["']?[ \t]*+(?:=>|[:=](?!=))|["'][ \t]*+,)[ \t]*+"""


def _quoted(group: str) -> str:
    """Return the pattern of a value in quotes, the closing one left out; quotes may be escaped, as in nested JSON."""
    return rf"""[bfru]{{0,2}}"((?:[^"\\\n]++|\\.)++)
        | [bfru]{{0,2}}'((?:[^'\\\n]++|\\.)++)
        | (?P<{group}>\\++["'])((?:(?!(?<!\\)(?P={group}))[^\n])++)"""


# Parameters of ARM's signed operation URLs (t, c, s, h) and of shared access signatures (sig, se, sp …).
_SIGNATURE = r"(?:t|c|s|h|sig|se|sp|spr|st|sv|sr|sip|ss|srt|si|skoid|sktid|skt|ske|sks|skv|code)"
# What follows "Bearer" in prose and in a WWW-Authenticate header.
_PROSE = (
    r"(?:tokens?|auth\w*|error\w*|realm|scope|schemes?|is|was|challenge|credentials?)"
    r"""(?=[.,:;]?(?:\s|$)|=["'])"""
)

_SECRET = re.compile(
    rf"""
    (?=[ac-gpqst?&]|b[ae]|x-|\\u) (?:  # spares the branches at most places
      (?:{_HEADERS}) {_LEAD} (?: {_quoted("header")} | ([^\s"'][^\n]*+) )
    | (?:{_NAMES}) {_LEAD} (?: {_quoted("name")}
        | (?!AADSTS[0-9]) ((?:[^\s"'&<>(\[{{]|[(\[][ \t]*+["']?)(?:[^\s"'&<>(\[]|[(\[][ \t]*+["']?)*+) )
    | (?:[?&](?:amp;)?|\\u0026) {_SIGNATURE}=([^&\#\s"'<>]++)
    | \bbearer (?:[ \t+]|%20)++ (?!{_PROSE}) ([^\s"',;<>]++)
    | \bbasic [ \t]++ (?!auth) (?-i:(?=[a-z]*+[A-Z0-9+/=])) ([a-z0-9+/=]{{8,}}+)
    | (?-i:(eyJ (?:[\w-]{{8,}}+|[\w-]{{1,7}}(?=\.)) (?:\.++[\w-]++)*+))
    | (?-i:((?:gh[opsru]_|github_pat_|glpat-|pypi-AgE)[\w-]{{16,}}+))
    | (?-i:Q(?<=[\w~.-]{{3}}[0-9]Q)(~[\w~.-]{{20,}}+)))
    """,
    re.IGNORECASE | re.ASCII | re.VERBOSE,
)
"""Each branch ends in one group, the secret. The last three: a JWT, well-known tokens, a client secret of Entra ID."""

_KEPT_PARAMETERS = frozenset({"api-version", "operationresultresponsetype"})


def redact(text: str) -> str:
    r"""Return `text` with its secrets as "•••" and its unseen characters as escapes such as `\x1b`.

    Hidden are: the userinfo of URLs, signatures in a query, Bearer and Basic credentials, JWTs, values of
    authorization and cookie headers and of `x-ms-operation-identifier` (it holds the tenant and object id of the
    caller), and what stands after names such as `password`, `client_secret` or `token` in any usual notation.
    In doubt more is hidden rather than less. Tabs and newlines stay.
    """
    whole = text.encode("utf-8", "backslashreplace").decode("utf-8")  # a lone surrogate can be printed nowhere
    seen = whole.replace("\r\n", "\n").translate(_ESCAPES)
    first = _without_userinfo(seen)
    second = _SECRET.sub(_replace_secret, first)
    # A hidden secret can bring together a "//" and an "@" that blanks held apart.
    return first if second == first else _without_userinfo(second)


def without_signature(url: str) -> str:
    """Return the URL of an operation as it may be kept: without its signature and its fragment.

    Of the query only `api-version` and `operationResultResponseType` stay, as they are spelled; a userinfo, which
    no operation has, is hidden. Never raises: what is no URL is returned redacted.
    """
    base, _, query = url.partition("#")[0].partition("?")
    kept = [part for part in query.split("&") if part.partition("=")[0].lower() in _KEPT_PARAMETERS]
    return redact("?".join([base, *(["&".join(kept)] if kept else [])]))


def _replace_secret(found: re.Match[str]) -> str:
    secret = found.lastindex or 0
    return found[0][: found.start(secret) - found.start()] + HIDDEN


def _without_userinfo(text: str) -> str:
    if "@" not in text or "/" not in text:
        return text
    return _RUN.sub(lambda run: _run_without_userinfo(run[0]), text)


def _run_without_userinfo(run: str) -> str:
    """Hide the userinfo of all URLs in `run`, a piece of text without blanks."""
    done: list[str] = []
    start = 0
    while (at := run.find("@", start)) >= 0:
        userinfo = _userinfo_start(run, start, at)
        if userinfo is None:
            done.append(run[start : at + 1])
            start = at + 1
        else:
            done.append(run[start:userinfo] + HIDDEN + "@")
            start = _end_of_userinfo(run, at + 1)
    return "".join([*done, run[start:]])


def _userinfo_start(run: str, start: int, at: int) -> int | None:
    """Return where the userinfo that ends at `at` begins, or None where the @ ends none.

    A password may contain an unquoted "/", "?" or "#"; then the authority before it is no host with a port.
    """
    for found in _AUTHORITY.finditer(run, start, at):
        if found.end() == at or not _HOST_AND_PORT.fullmatch(found[1]):
            return found.start(1)
    return None


def _end_of_userinfo(run: str, start: int) -> int:
    found = _MORE_USERINFO.match(run, start)
    return found.end() if found else start
