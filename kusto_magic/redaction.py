"""Redaction of external text before it is shown or stored.

`redact` hides secrets and escapes invisible characters; `without_signature` removes the signature from the URL of an
operation. Both take time linear in the length of any text, and are idempotent.
Redact before truncating: half a token is not recognized.
"""

from __future__ import annotations

import re

from kusto_magic.display_text import DisplayText, visible

HIDDEN = "•••"
"""Placeholder for a secret. The names, hosts and paths around it stay."""

EMAIL = re.compile(r"[\w.+#-]{1,64}@[\w-]{1,63}\.[\w.-]{1,190}")
"""An e-mail address, which names an account: not a secret, but outputs are saved and shared."""

_RUN = re.compile(r"(?<!\S)(?=\S*?[/\\]/)[^\s@]*+@\S*")
"""A run of text without whitespace that contains two slashes and an @; the slashes may be escaped as in JSON."""
_AUTHORITY = re.compile(r'(?:/{2,}|(?:\\{1,8}/){2,})([^/?#"<>\\]*)')
_HOST_AND_PORT = re.compile(r"(?:\[[^\]]*\]|[^:]*)(?::[0-9]{1,5})?")
_MORE_USERINFO = re.compile(r'(?:[^/?#"<>@]*+@)*+')

# The value of a header extends to the end of its line; that of a name like `password` to whitespace or a quote.
_HEADERS = r"authorization(?:-auxiliary)?|x-ms-operation-identifier|cookie"
_NAMES = (
    r"pass(?:word|wd|phrase)|\bpwd|secret|token|assertion"
    r"|(?:api|access|account|encryption|functions|primary|private|secondary|signing|subscription)[_-]?key"
)
# From a name to its value, as in `name: v`, `name = v`, `"name": v`, `\"name\": v`, `('name', v)`. Not `name==v`: a
# requirement line such as `tiktoken==0.7.0` is not a secret.
_LEAD = r"""(?:\\*+["']?[ \t]*+(?:=>|[:=](?!=))|["'][ \t]*+,)[ \t]*+"""


def _quoted(group: str) -> str:
    """Return the pattern of a quoted value without its closing quote; quotes may be escaped, as in nested JSON."""
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
    (?=[ac-gpqst?&]|b[ae]|x-|\\u) (?:  # performance: rejects most positions before the branches are tried
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
"""Matches a secret as the last group of a branch. The last three: JWTs, well-known tokens, Entra ID client secrets."""

_KEPT_PARAMETERS = frozenset({"api-version", "operationresultresponsetype"})


def redact(text: str) -> DisplayText:
    r"""Return `text` with secrets replaced by "•••" and invisible characters by escapes such as `\x1b`.

    Hidden are: the userinfo of URLs, signatures in a query, Bearer and Basic credentials, JWTs, values of
    authorization and cookie headers and of `x-ms-operation-identifier` (it contains the tenant and object id of the
    caller), and values of names such as `password`, `client_secret` or `token` in any usual notation. In doubt, more
    is hidden rather than less. Tabs and newlines are kept.
    """
    first = _without_userinfo(visible(text))
    second = _SECRET.sub(_replace_secret, first)
    # Hiding a secret can join a "//" and an "@" that whitespace separated before.
    return DisplayText(first if second == first else _without_userinfo(second))


def without_signature(url: str) -> str:
    """Return the URL of an operation without its signature and fragment, so that it can be stored.

    Only `api-version` and `operationResultResponseType` of the query are kept, with their spelling; a userinfo, which
    no operation has, is hidden. Never raises: text that is not a URL is returned redacted.
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
    """Return `run`, a text without whitespace, with the userinfo of all URLs hidden."""
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
    """Return the start index of the userinfo that ends at index `at`, or None if the @ does not end one."""
    # A password may contain an unquoted "/", "?" or "#"; what precedes it then does not match a host with a port.
    for found in _AUTHORITY.finditer(run, start, at):
        if found.end() == at or not _HOST_AND_PORT.fullmatch(found[1]):
            return found.start(1)
    return None


def _end_of_userinfo(run: str, start: int) -> int:
    found = _MORE_USERINFO.match(run, start)
    return found.end() if found else start
