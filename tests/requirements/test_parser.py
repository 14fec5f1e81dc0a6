"""Parser of requirements texts: accepted and refused lines, line numbers and messages."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from packaging.utils import canonicalize_name

from kusto_magic.errors import InvalidInputError
from kusto_magic.requirements.parser import (
    MAX_BYTES,
    MAX_INDEX_OPTIONS,
    MAX_PACKAGES,
    MAX_PROBLEMS,
    ReadRequirements,
    Requirement,
    parse,
    problems,
    read,
)

# ── accepted texts ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("annotated-types==0.6.0\nanytree\narrow==1.3.0\n", ["annotated-types", "anytree", "arrow"]),
        ("Requests\n urllib3", ["requests", "urllib3"]),
        ("\ufeffNumPy\r\n\r\npandas\rzope.interface\n", ["numpy", "pandas", "zope-interface"]),
        ("numpy\t>=1.0 , <2\t \t# comment – with a dash\n", ["numpy"]),
        ("# only a comment \\\nnumpy", ["numpy"]),
        ("numpy\\\n# a separate comment\npandas", ["numpy", "pandas"]),
        ("numpy \\\n  >=1.0, \\\n  <2 # comment", ["numpy"]),
        ("requests[socks,security]>=2.8.1,==2.8.*; python_version < '3.12'", ["requests"]),
        ("a; os_name == 'nt'\na; os_name != 'nt'", ["a", "a"]),
        ("a (>=1.0)", ["a"]),
        ("torch==2.1.0+cpu\nx==1!2.0rc1.post2.dev3\ny===1.0", ["torch", "x", "y"]),
        (
            "ruamel.yaml\ndiscord.py\nmy-zip\ntoken==1.2.3\nsecret>=1.0\npypi-attestations-models\nsk-transformers-and-more",
            None,
        ),
    ],
)
def test_package_lines_are_accepted(text: str, names: list[str] | None) -> None:
    found = [package.name for package in parse(text).packages]

    assert found == (names or [canonicalize_name(re.split("[=>]", line)[0]) for line in text.split()])


def test_package_keeps_all_parts_of_its_line() -> None:
    text = "# first\n\nRuamel.Yaml[jinja2, a] >=0.17, \\\n   <0.19 ; python_version>='3.8' # why\n"

    assert parse(text).packages == (
        Requirement(
            line=3,
            name="ruamel-yaml",
            text='Ruamel.Yaml[a,jinja2]<0.19,>=0.17; python_version >= "3.8"',
            specifier="<0.19,>=0.17",
            extras=("a", "jinja2"),
            marker='python_version >= "3.8"',
        ),
    )


def test_spec_has_no_marker() -> None:
    first, second = parse("Ruamel.Yaml[jinja2,a]>=0.17; os_name == 'nt'\nNumPy").packages

    assert (first.spec, second.spec) == ("ruamel-yaml[a,jinja2]>=0.17", "numpy")
    assert second.text == "NumPy"


def test_text_at_the_limits_is_accepted() -> None:
    lines = "".join(f"p{number}\n" for number in range(1_000))
    text = lines + "#" * (128 * 1024 - len(lines))

    assert len(parse(text).packages) == 1_000


# ── refused texts ──────────────────────────────────────────────────────────────────────────────────────────────────

REFUSED = [
    # the whole text
    ("", None, "names no package"),
    ("# nothing\n\n  \n", None, "names no package"),
    ("a\n" * (MAX_BYTES // 2 + 1), None, "larger than 128 kB"),
    ("é" * (MAX_BYTES // 2 + 1), None, "larger than 128 kB"),
    ("\n" * 10_000, None, "more than 10,000 lines"),
    ("\n".join(f"p{n}" for n in range(1_001)), None, "more than 1,000 packages"),
    # characters
    ("a\nnum\x00py", 2, "U+0000"),
    ("num\x1b[31mpy", 1, "U+001B"),
    ("a # x\x0b--index-url", 1, "U+000B"),
    ("a # x\u2028--index-url", 1, "U+2028"),
    ("a # x\u202egnp", 1, "RIGHT-TO-LEFT OVERRIDE"),
    ("a\u200bb", 1, "ZERO WIDTH SPACE"),
    ("\ud800", 1, "U+D800"),
    ("n\u0443mpy", 1, "CYRILLIC SMALL LETTER U"),
    ("ｎｕｍｐｙ", 1, "FULLWIDTH LATIN SMALL LETTER N"),
    ("numpy\u00a0==1", 1, "NO-BREAK SPACE"),
    # lines
    ("numpy\\", 1, "must be followed directly by another line"),
    ("a\nnumpy \\ \npandas", 2, "must be followed directly by another line"),
    ("numpy # why \\\npandas", 1, "makes the next line part of the comment"),
    ("a" * 501, 1, "too long"),
    ("a; " + "(" * 31, 1, "too long"),
    # common mistakes
    ("requests=1.0", 1, "'=' is not a version operator; write requests==1.0"),
    ("numpy=1.21=py39_0", 1, "'=' is not a version operator"),
    ("a\n\nrequests >=", 3, "the version after the operator is missing"),
    ("requests==", 1, "the version after the operator is missing"),
    ("numpy => 1.0", 1, "write numpy >= 1.0"),
    ("numpy>1.0<2.0", 1, "write numpy>1.0,<2.0"),
    ("numpy >=1.0 <2.0", 1, "write numpy >=1.0,<2.0"),
    ("numpy==1.21.x", 1, "write numpy==1.21.*"),
    ("numpy>=1.2.*", 1, "write numpy>=1.2"),
    ("numpy~=1", 1, "write numpy~=1.0"),
    ("numpy 1.2", 1, "write numpy==1.2"),
    ("numpy[x] (v1.2)", 1, "write numpy[x]==1.2"),
    ("numpy: 1.2", 1, "write numpy==1.2"),
    ("'numpy==1.0',", 1, "quotes are not allowed; write numpy==1.0"),
    ("numpy,", 1, "nothing may follow the last version; write numpy"),
    ("numpy==1.0;", 1, "nothing may follow the last version; write numpy==1.0"),
    ("numpy pandas", 1, "one package per line"),
    ("numpy, pandas", 1, "one package per line"),
    ("numpy; python_version > 3.8", 1, "only a marker may follow"),
    ("numpy[", 1, "such as requests==2.31.0"),
    ("dependencies:", 1, "such as requests==2.31.0"),
    ("numpy===a)b", 1, "such as requests==2.31.0"),
    ('numpy==="x"', 1, "'===' compares versions as text"),
    # duplicates
    ("Zope.Interface\na\nzope-interface==1", 3, "zope-interface is already on line 1"),
    ("a; os_name == 'nt'\na", 2, "a is already on line 1"),
    ("a\na; os_name == 'nt'", 2, "a is already on line 1"),
    ("a; os_name == 'nt'\nA;os_name=='nt'", 2, "a is already on line 1"),
    ("a[x]\na[y]", 2, "a is already on line 1"),
    # options
    ("a\n-r other.txt", 2, "-r: the service cannot read local files"),
    ("--constraint=c.txt", 1, "--constraint: the service cannot read local files"),
    ("-e .", 1, "-e: the service cannot read local folders"),
    ("a --no-binary a", 1, "--no-binary: it controls building from source"),
    ("--no-binary :all:", 1, "--no-binary: it controls building from source"),
    ("a --global-option=x", 1, "--global-option: it controls building from source"),
    ("a --config-settings x=y", 1, "--config-settings: it controls building from source"),
    ("--only-binary :all:", 1, "--only-binary: not needed"),
    ("--pre", 1, "--pre: it allows prereleases"),
    ("a==1 \\\n  --hash=sha256:00", 1, "--hash: the service is not documented to verify"),
    ("--trusted-host pypi.example", 1, "--trusted-host: it disables"),
    ("--find-links https://h.example/", 1, "--find-links: only --index-url"),
    ("- numpy", 1, "without options"),
    ("numpy --whatever=1", 1, "without options"),
    ("a\n--index-url https://h.example/simple", 2, "--index-url: index options must be allowed"),
    ("a\n-i https://h.example/simple", 2, "--index-url: index options must be allowed"),
    # paths, commands, variables
    ("./folder", 1, "a path"),
    ("../folder", 1, "a path"),
    ("/folder", 1, "a path"),
    ("~/folder", 1, "a path"),
    ("C:\\folder", 1, "a path"),
    ("folder/name", 1, "a path"),
    ("name-1.0-py3-none-any.whl", 1, "a file name"),
    ("archive.tar.gz", 1, "a file name"),
    ("requirements.txt", 1, "a file name"),
    ("a @ file:///tmp/x.whl", 1, "file: refers to this machine"),
    ("a @ https://h.example/a.whl", 1, "a URL"),
    ("https://h.example/a.whl", 1, "a URL"),
    ("git+https://h.example/a", 1, "a repository"),
    ("a @ git+ssh://h.example/a", 1, "the address may be private"),
    ("pip install numpy", 1, "commands are not allowed; write only 'numpy'"),
    ("!python -m pip install numpy", 1, "write only 'numpy'"),
    ("%pip install numpy", 1, "write only 'numpy'"),
    ("conda install numpy", 1, "write only 'numpy'"),
    ("import numpy", 1, "write only 'numpy'"),
    ("numpy | tee", 1, "'|' is shell syntax"),
    ("numpy && pandas", 1, "'&&' is shell syntax"),
    ("`id`", 1, "'`' is shell syntax"),
    ("numpy > out.txt", 1, "'>' is shell syntax"),
    ("numpy==${VERSION}", 1, "variables are not expanded"),
    ("$(id)", 1, "variables are not expanded"),
    ("numpy==%VERSION%", 1, "variables are not expanded"),
    ("{packages}", 1, "variables are not expanded"),
]


@pytest.mark.parametrize(("text", "line", "rule"), REFUSED, ids=lambda value: ascii(value)[:40])
def test_invalid_line_is_refused_with_its_rule(text: str, line: int | None, rule: str) -> None:
    found = problems(text)

    assert [(problem.field, problem.line) for problem in found] == [("requirements", line)]
    assert rule in found[0].message


def test_parse_raises_all_problems_at_once() -> None:
    text = "requests=1.0\nnumpy\n-r x\n\nnumpy \\\n\n a b"

    with pytest.raises(InvalidInputError) as raised:
        parse(text)

    assert [problem.line for problem in raised.value.problems] == [1, 3, 5, 7]


def test_number_of_problems_is_limited() -> None:
    found = problems("=\n" * 1_000)

    assert len(found) == MAX_PROBLEMS + 1
    assert found[-1].line is None


def test_quoted_value_is_shortened() -> None:
    (found,) = problems("x=" + "1" * 400)

    assert "1" * 40 in found.message
    assert "1" * 61 not in found.message


def test_non_string_is_refused() -> None:
    [problem] = problems(None)  # type: ignore[arg-type]
    assert "NoneType" in problem.message


# ── index options ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("line", "option"),
    [
        ("--index-url https://h.example/simple", ("--index-url", "https://h.example/simple")),
        ("--index-url=https://h.example:8443/simple/", ("--index-url", "https://h.example:8443/simple/")),
        ("-i https://h.example/simple # ours", ("--index-url", "https://h.example/simple")),
        ("-ihttps://h.example/simple", ("--index-url", "https://h.example/simple")),
        ("--extra-index-url  https://h.example", ("--extra-index-url", "https://h.example")),
        (
            "-i https://pkgs.example/o/01234567-89ab-cdef-0123-456789abcdef/_packaging/f%40Local/pypi/simple/",
            (
                "--index-url",
                "https://pkgs.example/o/01234567-89ab-cdef-0123-456789abcdef/_packaging/f%40Local/pypi/simple/",
            ),
        ),
    ],
)
def test_index_option_is_accepted_if_allowed(line: str, option: tuple[str, str]) -> None:
    found = parse(f"{line}\nnumpy", allow_index_options=True)

    assert found.index_options == (option,)
    assert [package.line for package in found.packages] == [2]


def test_several_extra_indexes_are_accepted() -> None:
    text = "--extra-index-url https://h.example/a\nnumpy\n--extra-index-url https://h.example/b\n-i https://h.example/c"

    assert parse(text, allow_index_options=True).index_options == (
        ("--extra-index-url", "https://h.example/a"),
        ("--extra-index-url", "https://h.example/b"),
        ("--index-url", "https://h.example/c"),
    )


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("-i http://h.example/simple", "must start with https://"),
        ("-i", "followed by one URL"),
        ("-i https://h.example numpy", "followed by one URL"),
        ("numpy -i https://h.example", "followed by one URL"),
        ("-i https://", "no valid host"),
        ("-i https://h.example:0/", "no valid host"),
        ("-i https://h.example:99999/", "cannot be parsed"),
        ("-i https://[::1/", "cannot be parsed"),
        ("-i https://h.example/?a=b", "only a host and a path"),
        ("-i https://h.example/#a", "only a host and a path"),
        ("-i https://h.example/${TEAM}", "only a host and a path"),
        ("-i https://h.example/aB3aB3aB3aB3aB3aB3aB3/simple", "looks like a token"),
        ("-i https://h.example/a\n--index-url https://h.example/b", "given twice"),
        ("--find-links https://h.example", "can be allowed"),
        ("--trusted-host h.example", "disables the verification"),
    ],
)
def test_allowed_index_option_is_validated(line: str, rule: str) -> None:
    found = problems(f"numpy\n{line}", allow_index_options=True)

    assert [problem.line for problem in found] == [1 + len(line.split("\n"))]
    assert rule in found[0].message


# ── secrets ────────────────────────────────────────────────────────────────────────────────────────────────────────

HIDDEN = "hunter2hunter2hunter2hunter2hunter2"
SECRETS = [
    f"https://user:{HIDDEN}@h.example/simple",
    f"https://{HIDDEN}@h.example/simple",
    f"https://h.example/x?sv=1&sig={HIDDEN}",
    f"ghp_{HIDDEN}",
    f"github_pat_{HIDDEN}",
    f"glpat-{HIDDEN}",
    f"pypi-AgEI{HIDDEN}",
    f"npm_{HIDDEN}",
    f"xoxb-{HIDDEN}",
    f"sk-{HIDDEN}",
    f"eyJ{HIDDEN}.{HIDDEN}.x",
    f"abc8Q~{HIDDEN}",
    f"password={HIDDEN}",
    f"PAT: {HIDDEN}",
    f"api_key = {HIDDEN}",
    f"AccountKey={HIDDEN}==",
    "abcdefgh234567ijklmnopqr" * 2 + "abcd",
    "AKIAIOSFODNN7EXAMPLE",
    "-----BEGIN RSA PRIVATE KEY-----",
]
TEMPLATES = [
    "{}",
    "# {}",
    "numpy # {}",
    "numpy=={}",
    "a @ {}",
    "--index-url {}",
    "--{}",
    "--extra-index-url={} # x",
    "pip install {}",
    "numpy \\\n{}",
    "a > {}.txt",
    "{0}\n{0}",
    "numpy=1.0 {}",
]


@pytest.mark.parametrize("allowed", [False, True])
@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("secret", SECRETS)
def test_secret_is_refused_and_not_in_the_message(secret: str, template: str, allowed: bool) -> None:
    with pytest.raises(InvalidInputError) as raised:
        parse(template.format(secret), allow_index_options=allowed)

    shown = "\n".join(raised.value.lines()) + repr(raised.value)
    assert "read access" in shown
    assert not any(part in shown for part in (secret, HIDDEN, HIDDEN[:12], secret[-16:]))


def test_secret_split_over_two_lines_is_found() -> None:
    found = problems("numpy\n# x\nghp_01234567\\\n89abcdefghij")

    assert [problem.line for problem in found] == [3]


# ── properties ─────────────────────────────────────────────────────────────────────────────────────────────────────

FRAGMENTS = [
    "numpy",
    "==1.0",
    "=",
    ">",
    "\\",
    "\n",
    "\r",
    " ",
    "\t",
    "#",
    "-r",
    "--hash=",
    "-i ",
    "https://",
    "u:p@h/",
    ";",
]
FRAGMENTS += [
    "python_version<'3.9'",
    "[",
    "]",
    "(",
    ")",
    ",",
    "${X}",
    "@",
    "\x00",
    "\u202e",
    "ü",
    "'",
    '"',
    ".whl",
    "/",
    "~=1",
]
LINES = st.one_of(st.text(), st.lists(st.sampled_from(FRAGMENTS)).map("".join))


@given(LINES, st.booleans())
@example("\ufeff\ufeff", False)
@example("a;(" * 60, False)
def test_any_text_is_parsed_or_refused_with_valid_lines(text: str, allowed: bool) -> None:
    found = problems(text, allow_index_options=allowed)

    count = len(re.split(r"\r\n|\n|\r", text))
    lines = [problem.line for problem in found]
    assert all(line is None or 1 <= line <= count for line in lines)
    assert [line for line in lines if line] == sorted(line for line in lines if line)
    assert all(len(problem.message) < 300 and problem.message.isprintable() for problem in found)
    if found:
        with pytest.raises(InvalidInputError) as raised:
            parse(text, allow_index_options=allowed)
        assert list(raised.value.problems) == found
    else:
        assert parse(text, allow_index_options=allowed).packages


names = st.from_regex(r"[A-Za-z]([A-Za-z0-9._-]{0,8}[a-wyz0-9])?", fullmatch=True).filter(
    lambda name: not re.search(r"[._-](whl|zip|egg|t..|tar|txt)$|^import$", name, re.IGNORECASE)
)
versions = st.lists(st.integers(0, 99), min_size=2, max_size=4).map(lambda parts: ".".join(map(str, parts)))
clauses = st.tuples(st.sampled_from(["==", ">=", "<=", "!=", "~=", "<", ">"]), versions).map(" ".join)
extras = st.lists(names, max_size=2).map(lambda found: f"[{', '.join(found)}]" if found else "")
markers = st.sampled_from(
    ["", "; python_version >= '3.8'", " ; (os_name == 'nt' or extra == 'x') and python_version<'4'"]
)
package_lines = st.tuples(extras, st.lists(clauses, max_size=3).map(" , ".join), markers).map("".join)
decorations = st.sampled_from(["", "  ", "\t", " # comment", " \\\n"])


@pytest.mark.slow
@given(
    st.dictionaries(names.map(canonicalize_name), package_lines, min_size=1, max_size=8),
    decorations,
    st.sampled_from(["\n", "\r\n", "\r", "\n\n"]),
)
def test_generated_package_lines_are_accepted(lines: dict[str, str], decoration: str, end: str) -> None:
    text = "".join(f"{name}{rest}{decoration}{end}" for name, rest in lines.items())

    packages = parse(text).packages

    assert [package.name for package in packages] == [str(name) for name in lines]
    assert [parse(package.text).packages[0].text for package in packages] == [package.text for package in packages]


HOSTILE = {
    "five megabytes": "a\n" * 2_500_000,
    "blanks": "a" + " " * 125_000 + "b",
    "blanks in lines": ("a" + " " * 490 + "b\n") * 250,
    "schemes": "://" * 40_000,
    "words": "token " * 20_000,
    "tokens": "ghp_" * 30_000,
    "dots": "1." * 60_000,
    "continued": "\\\n" * 9_990,
    "extras": ("a[" + "b," * 240 + "\n") * 250,
    "comparisons": ("a" + "1 <" * 160 + "\n") * 250,
    "backslashes": "\\" * (MAX_BYTES - 1),
    "halves of bearer tokens": "eyJaaaaaaaa-" * 10_000,
    "epochs": ("a=" + "0!" * 240 + "\n") * 260,
    "redirections": (">a" * 249 + "\n") * 260,
    "brackets": ("a; " + "(" * 30 + "\n") * 3_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_text_is_refused_quickly(text: str) -> None:
    started = time.process_time()
    found = problems(text)

    assert found
    assert time.process_time() - started < 2  # at most 0.1 s on an idle machine; a quadratic algorithm takes minutes


# ── texts of images made with other tools ────────────────────────────────────────────────────────────────────────


def test_read_returns_packages_options_and_problems() -> None:
    text = "# made with pip-compile\nnumpy==1.26.4 \\\n    --hash=sha256:0a1b \\\n    --hash=sha256:2c3d\n-r more.txt\n"
    text += "--extra-index-url https://index.example/simple\r\npandas\rnumpy==2\n./a.whl --hash=sha256:00\n"
    found = read(text)
    assert [(package.line, package.text) for package in found.packages] == [(2, "numpy==1.26.4"), (7, "pandas")]
    assert found.index_options == (("--extra-index-url", "https://index.example/simple"),)
    assert [problem.line for problem in found.problems] == [5, 8, 9]
    assert found.other_lines == ("-r more.txt", "numpy==2", "./a.whl --hash=sha256:00")
    assert found.has_hashes


@pytest.mark.parametrize("text", ["", "\n", "  \r\n\t\n", "# only\n# comments\n"])
def test_read_of_a_text_without_packages_has_no_problem(text: str) -> None:
    assert read(text) == ReadRequirements()
    assert problems(text)
    assert problems(text, allow_no_packages=True) == []


@given(text=st.text(max_size=200))
def test_read_never_raises_and_agrees_with_parse(text: str) -> None:
    found = read(text)
    if not problems(text, allow_index_options=True, allow_no_packages=True):
        parsed = parse(text, allow_index_options=True, allow_no_packages=True)
        assert (found.packages, found.index_options) == (parsed.packages, parsed.index_options)
        assert not found.problems


@pytest.mark.parametrize(
    "text", ["numpy\n" * 9_999, "-r x\n" * 9_999, "a --hash " * 12_000, "a " + "--hash=" * 15_000, "x" * 200_000]
)
def test_read_is_bounded(text: str) -> None:
    started = time.thread_time()
    found = read(text)
    assert time.thread_time() - started < 2
    assert 0 < len(found.problems) <= MAX_PACKAGES + 2


def test_more_than_20_indexes_are_refused() -> None:
    lines = [f"--extra-index-url https://h.example/{n}\n" for n in range(MAX_INDEX_OPTIONS + 1)]
    [problem] = problems("a\n" + "".join(lines), allow_index_options=True)
    assert (problem.line, "more than 20" in problem.message) == (MAX_INDEX_OPTIONS + 2, True)
    assert problems("a\n" + "".join(lines[1:]), allow_index_options=True) == []


@pytest.mark.parametrize("text", ["eyJhbGciOiJ.eyJzdWIi.x", "x-eyJhbGciOiJ.eyJzdWIiOi", "a.eyJhbGciOiJ.eyJzdWIi"])
def test_bearer_token_is_found_inside_words(text: str) -> None:
    assert "bearer token" in problems(f"a # {text}")[0].message


# ── corrected lines ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("line", "fix"),
    [
        ("requests=1.0  # why", "requests==1.0  # why"),
        ("  humanize 4.9.0", "  humanize==4.9.0"),
        ("!pip install requests==2", "requests==2"),
        ("numpy>=1.x; python_version<'3.1'", "numpy>=1; python_version<'3.1'"),
        ("pip install -U x", ""),
        ("a==1 b==2", ""),
        ("-r more.txt", ""),
        ("requests=\\\n1.0", ""),
        ("requests=1.0 # password=hunter22", ""),
    ],
)
def test_problem_has_the_corrected_line_if_it_can_be_guessed(line: str, fix: str) -> None:
    assert [problem.fix for problem in problems(line)][-1] == fix
    assert not fix or problems(fix) == []
