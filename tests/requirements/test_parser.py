"""A requirements text: what passes, what is refused, on which line, in which words."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from packaging.utils import canonicalize_name

from kusto_magic.errors import InvalidInput
from kusto_magic.requirements.parser import MAX_BYTES, MAX_PROBLEMS, Requirement, parse, problems

# ── what passes ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("annotated-types==0.6.0\nanytree\narrow==1.3.0\n", ["annotated-types", "anytree", "arrow"]),
        ("Requests\n urllib3", ["requests", "urllib3"]),
        ("\ufeffNumPy\r\n\r\npandas\rzope.interface\n", ["numpy", "pandas", "zope-interface"]),
        ("numpy\t>=1.0 , <2\t \t# comment – with a dash\n", ["numpy"]),
        ("# only a comment \\\nnumpy", ["numpy"]),
        ("numpy\\\n# a comment of its own\npandas", ["numpy", "pandas"]),
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
def test_package_lines_pass(text: str, names: list[str] | None) -> None:
    found = [package.name for package in parse(text).packages]

    assert found == (names or [canonicalize_name(re.split("[=>]", line)[0]) for line in text.split()])


def test_a_package_keeps_what_its_line_says() -> None:
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


def test_the_canonical_form_has_no_marker() -> None:
    first, second = parse("Ruamel.Yaml[jinja2,a]>=0.17; os_name == 'nt'\nNumPy").packages

    assert (first.spec, second.spec) == ("ruamel-yaml[a,jinja2]>=0.17", "numpy")
    assert second.text == "NumPy"


def test_what_is_at_a_limit_passes() -> None:
    lines = "".join(f"p{number}\n" for number in range(1_000))
    text = lines + "#" * (128 * 1024 - len(lines))

    assert len(parse(text).packages) == 1_000


# ── what is refused ────────────────────────────────────────────────────────────────────────────────────────────

REFUSED = [
    # the whole text
    ("", None, "names no package"),
    ("# nothing\n\n  \n", None, "names no package"),
    ("a\n" * (MAX_BYTES // 2 + 1), None, "more than 128 kB"),
    ("é" * (MAX_BYTES // 2 + 1), None, "more than 128 kB"),
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
    ("numpy\\", 1, "another line must follow"),
    ("a\nnumpy \\ \npandas", 2, "another line must follow"),
    ("numpy # why \\\npandas", 1, "puts the next line into the comment"),
    ("a" * 501, 1, "too long"),
    ("a; " + "(" * 31, 1, "too long"),
    # slips
    ("requests=1.0", 1, "'=' is no comparison; write requests==1.0"),
    ("numpy=1.21=py39_0", 1, "'=' is no comparison"),
    ("a\n\nrequests >=", 3, "the version after the comparison is missing"),
    ("requests==", 1, "the version after the comparison is missing"),
    ("numpy => 1.0", 1, "write numpy >= 1.0"),
    ("numpy>1.0<2.0", 1, "write numpy>1.0,<2.0"),
    ("numpy >=1.0 <2.0", 1, "write numpy >=1.0,<2.0"),
    ("numpy==1.21.x", 1, "write numpy==1.21.*"),
    ("numpy>=1.2.*", 1, "write numpy>=1.2"),
    ("numpy~=1", 1, "write numpy~=1.0"),
    ("numpy 1.2", 1, "write numpy==1.2"),
    ("numpy[x] (v1.2)", 1, "write numpy[x]==1.2"),
    ("numpy: 1.2", 1, "write numpy==1.2"),
    ("'numpy==1.0',", 1, "a line has no quotes; write numpy==1.0"),
    ("numpy,", 1, "nothing may stand after the last version; write numpy"),
    ("numpy==1.0;", 1, "nothing may stand after the last version; write numpy==1.0"),
    ("numpy pandas", 1, "one package per line"),
    ("numpy, pandas", 1, "one package per line"),
    ("numpy; python_version > 3.8", 1, "a marker such as"),
    ("numpy[", 1, "as in requests==2.31.0"),
    ("dependencies:", 1, "as in requests==2.31.0"),
    ("numpy===a)b", 1, "as in requests==2.31.0"),
    ('numpy==="x"', 1, "'===' compares text"),
    # repetition
    ("Zope.Interface\na\nzope-interface==1", 3, "zope-interface is on line 1 already"),
    ("a; os_name == 'nt'\na", 2, "a is on line 1 already"),
    ("a\na; os_name == 'nt'", 2, "a is on line 1 already"),
    ("a; os_name == 'nt'\nA;os_name=='nt'", 2, "a is on line 1 already"),
    ("a[x]\na[y]", 2, "a is on line 1 already"),
    # options
    ("a\n-r other.txt", 2, "-r: the service has no such file"),
    ("--constraint=c.txt", 1, "--constraint: the service has no such file"),
    ("-e .", 1, "-e: the service has no such folder"),
    ("a --no-binary a", 1, "--no-binary: it is about building from source"),
    ("--no-binary :all:", 1, "--no-binary: it is about building from source"),
    ("a --global-option=x", 1, "--global-option: it is about building from source"),
    ("a --config-settings x=y", 1, "--config-settings: it is about building from source"),
    ("--only-binary :all:", 1, "--only-binary: it is not needed"),
    ("--pre", 1, "--pre: it lets in unfinished versions"),
    ("a==1 \\\n  --hash=sha256:00", 1, "--hash: whether the service compares"),
    ("--trusted-host pypi.example", 1, "--trusted-host: it switches off"),
    ("--find-links https://h.example/", 1, "--find-links: of the options only"),
    ("- numpy", 1, "without options"),
    ("numpy --whatever=1", 1, "without options"),
    ("a\n--index-url https://h.example/simple", 2, "--allow-index-options"),
    ("a\n-i https://h.example/simple", 2, "--allow-index-options"),
    # places, commands, variables
    ("./folder", 1, "a path"),
    ("../folder", 1, "a path"),
    ("/folder", 1, "a path"),
    ("~/folder", 1, "a path"),
    ("C:\\folder", 1, "a path"),
    ("folder/name", 1, "a path"),
    ("name-1.0-py3-none-any.whl", 1, "the name of a file"),
    ("archive.tar.gz", 1, "the name of a file"),
    ("requirements.txt", 1, "the name of a file"),
    ("a @ file:///tmp/x.whl", 1, "file: names a place"),
    ("a @ https://h.example/a.whl", 1, "an address"),
    ("https://h.example/a.whl", 1, "an address"),
    ("git+https://h.example/a", 1, "a repository"),
    ("a @ git+ssh://h.example/a", 1, "a repository"),
    ("pip install numpy", 1, "a line is no command; write only 'numpy'"),
    ("!python -m pip install numpy", 1, "write only 'numpy'"),
    ("%pip install numpy", 1, "write only 'numpy'"),
    ("conda install numpy", 1, "write only 'numpy'"),
    ("import numpy", 1, "write only 'numpy'"),
    ("numpy | tee", 1, "'|' belongs to a shell"),
    ("numpy && pandas", 1, "'&&' belongs to a shell"),
    ("`id`", 1, "'`' belongs to a shell"),
    ("numpy > out.txt", 1, "'>' belongs to a shell"),
    ("numpy==${VERSION}", 1, "variables are not filled in"),
    ("$(id)", 1, "variables are not filled in"),
    ("numpy==%VERSION%", 1, "variables are not filled in"),
    ("{packages}", 1, "variables are not filled in"),
]


@pytest.mark.parametrize(("text", "line", "words"), REFUSED, ids=lambda value: ascii(value)[:40])
def test_what_else_there_is_is_refused(text: str, line: int | None, words: str) -> None:
    found = problems(text)

    assert [(problem.field, problem.line) for problem in found] == [("requirements", line)]
    assert words in found[0].message


def test_parse_raises_every_problem_at_once() -> None:
    text = "requests=1.0\nnumpy\n-r x\n\nnumpy \\\n\n a b"

    with pytest.raises(InvalidInput) as raised:
        parse(text)

    assert [problem.line for problem in raised.value.problems] == [1, 3, 5, 7]


def test_no_more_problems_are_listed_than_can_be_read() -> None:
    found = problems("=\n" * 1_000)

    assert len(found) == MAX_PROBLEMS + 1
    assert found[-1].line is None


def test_no_more_of_a_value_is_shown_than_can_be_read() -> None:
    (found,) = problems("x=" + "1" * 400)

    assert "1" * 40 in found.message
    assert "1" * 61 not in found.message


def test_what_is_no_text_is_refused() -> None:
    assert [problem.message for problem in problems(None)] == ["a text is wanted, not NoneType"]  # type: ignore[arg-type]


# ── index options ──────────────────────────────────────────────────────────────────────────────────────────────


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
def test_an_index_passes_where_it_is_allowed(line: str, option: tuple[str, str]) -> None:
    found = parse(f"{line}\nnumpy", allow_index_options=True)

    assert found.index_options == (option,)
    assert [package.line for package in found.packages] == [2]


def test_several_further_indexes_pass() -> None:
    text = "--extra-index-url https://h.example/a\nnumpy\n--extra-index-url https://h.example/b\n-i https://h.example/c"

    assert parse(text, allow_index_options=True).index_options == (
        ("--extra-index-url", "https://h.example/a"),
        ("--extra-index-url", "https://h.example/b"),
        ("--index-url", "https://h.example/c"),
    )


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("-i http://h.example/simple", "must begin with https://"),
        ("-i", "with one address"),
        ("-i https://h.example numpy", "with one address"),
        ("numpy -i https://h.example", "with one address"),
        ("-i https://", "no host"),
        ("-i https://h.example:0/", "no host"),
        ("-i https://h.example:99999/", "cannot be read"),
        ("-i https://[::1/", "cannot be read"),
        ("-i https://h.example/?a=b", "more than a host and a path"),
        ("-i https://h.example/#a", "more than a host and a path"),
        ("-i https://h.example/${TEAM}", "more than a host and a path"),
        ("-i https://h.example/aB3aB3aB3aB3aB3aB3aB3/simple", "reads like a token"),
        ("-i https://h.example/a\n--index-url https://h.example/b", "given twice"),
        ("--find-links https://h.example", "can be allowed"),
        ("--trusted-host h.example", "switches off"),
    ],
)
def test_an_index_is_checked_where_it_is_allowed(line: str, words: str) -> None:
    found = problems(f"numpy\n{line}", allow_index_options=True)

    assert [problem.line for problem in found] == [1 + len(line.split("\n"))]
    assert words in found[0].message


# ── secrets ────────────────────────────────────────────────────────────────────────────────────────────────────

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
PLACES = [
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
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_is_refused_and_not_repeated(secret: str, place: str, allowed: bool) -> None:
    with pytest.raises(InvalidInput) as raised:
        parse(place.format(secret), allow_index_options=allowed)

    shown = "\n".join(raised.value.lines()) + repr(raised.value)
    assert "every reader of the cluster" in shown
    assert not any(part in shown for part in (secret, HIDDEN, HIDDEN[:12], secret[-16:]))


def test_a_secret_in_two_lines_is_found() -> None:
    found = problems("numpy\n# x\nghp_01234567\\\n89abcdefghij")

    assert [problem.line for problem in found] == [3]


# ── properties ─────────────────────────────────────────────────────────────────────────────────────────────────

PIECES = [
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
PIECES += [
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
LINES = st.one_of(st.text(), st.lists(st.sampled_from(PIECES)).map("".join))


@given(LINES, st.booleans())
@example("\ufeff\ufeff", False)
@example("a;(" * 60, False)
def test_any_text_is_read_or_refused_with_lines_of_the_text(text: str, allowed: bool) -> None:
    found = problems(text, allow_index_options=allowed)

    count = len(re.split(r"\r\n|\n|\r", text))
    lines = [problem.line for problem in found]
    assert all(line is None or 1 <= line <= count for line in lines)
    assert [line for line in lines if line] == sorted(line for line in lines if line)
    assert all(len(problem.message) < 300 and problem.message.isprintable() for problem in found)
    if found:
        with pytest.raises(InvalidInput) as raised:
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


@given(
    st.dictionaries(names.map(canonicalize_name), package_lines, min_size=1, max_size=8),
    decorations,
    st.sampled_from(["\n", "\r\n", "\r", "\n\n"]),
)
def test_a_text_of_package_lines_passes(lines: dict[str, str], decoration: str, end: str) -> None:
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
    "brackets": ("a; " + "(" * 30 + "\n") * 3_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_text_is_refused_soon(text: str) -> None:
    started = time.process_time()
    found = problems(text)

    assert found
    assert time.process_time() - started < 2  # 0.1 s at most on a quiet machine; quadratic ways take minutes
