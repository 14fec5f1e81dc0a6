"""Python scripts in queries: the literals of KQL, names, strcat, and queries inside other texts."""

from __future__ import annotations

import pytest

from kusto_magic.requirements.freeze.kql import COMPUTED, MAX_LENGTH, Scripts, calls_python, joined, python_scripts

HEAD = "T | evaluate python(typeof(*), "
SCRIPT = "import faker\nresult = df"


def scripts_of(text: str, **variables: str) -> Scripts:
    return python_scripts(text, variables)


@pytest.mark.parametrize(
    "literal",
    [
        "'import faker\\nresult = df'",
        '"import faker\\nresult = df"',
        "'import faker\\n'\n  'result = df'",
        "'import faker\\n' // it's a comment\n  \"result = df\"",
        "'import faker\\n'\r\n\t'result = df'",
        "'import faker\\n' \\\n 'result = df'",
        "'import faker\\n\\\nresult = df'",
        "'import faker\nresult = df'",
        "h'import faker\\nresult = df'",
        'H"import faker\\nresult = df"',
        "h@'import faker\nresult = df'",
        "@'import faker\nresult = df'",
        '@"import faker\nresult = df"',
        "```import faker\nresult = df```",
        "h```import faker\nresult = df```",
        "~~~import faker\nresult = df~~~",
        "strcat('import faker', '\\n', 'result = df')",
        "strcat_delim('\\n', 'import faker', 'result = df')",
        "script = 'import faker\\nresult = df'",
        "'import faker\\nresult = df', bag_pack('n', 4)",
        "'import faker\\nresult = df', bag_pack('a', f(')')), external_artifacts=bag_pack('x.zip', 'https://x/y?(')",
    ],
)
def test_script_is_read_in_each_form_of_a_literal(literal: str) -> None:
    assert scripts_of(f"{HEAD}{literal})") == Scripts((SCRIPT,))


@pytest.mark.parametrize(
    ("literal", "script"),
    [
        (r"'a\'b'", "a'b"),
        (r'"a\"b"', 'a"b'),
        (r"'a\\nb\tc'", "a\\nb\tc"),
        (r"'\u0041\x42'", "AB"),
        ("@'a''b\\n'", "a'b\\n"),
        ('@"a""b\\n"', 'a"b\\n'),
        ("```a\r\n'b' \"c\" \\n // d```", "a\r\n'b' \"c\" \\n // d"),
        ("'a // b'", "a // b"),
    ],
)
def test_literal_is_unescaped(literal: str, script: str) -> None:
    assert scripts_of(f"{HEAD}{literal})").texts == (script,)


@pytest.mark.parametrize(
    "query",
    [
        "let code = 'import faker\\nresult = df';\nT | evaluate python(typeof(*), code)",
        "let a = 1; let code = ```import faker\nresult = df```; T | evaluate python(typeof(*, x:int), code, kwargs)",
        "let x = 'import faker\\n'; let code = strcat(x, 'result = df'); T | evaluate python(typeof(*), code)",
        (
            ".create function with (folder = 'a\\\\b') f(t:(*)) {\n let code = 'import faker\\n'\n 'result = df';\n t "
            "| evaluate python(typeof(*), code, kwargs) }"
        ),
        "T | evaluate hint.distribution = per_node python( // comment, (\n typeof(*), 'import faker\\nresult = df')",
        (
            "T | evaluate hint.distribution=single hint.remote=local python (typeof(a:long, b:dynamic),\n"
            "'import faker\\nresult = df')"
        ),
        "set query_python_debug;\nT | extend s = 'it\\'s' | evaluate python(typeof(*), 'import faker\\nresult = df')",
        "let f = (code:string){t | evaluate python(typeof(*), code)}; T | invoke f('import faker\\nresult = df')",
        "var << T | evaluate python(typeof(*), 'import faker\\nresult = df')",
        "-save_as x kusto://code().cluster('help')\nT | evaluate python(typeof(*), 'import faker\\nresult = df'",
        "var q = \"T | evaluate python(typeof(*), 'import faker\\\\nresult = df')\";",
        'execute("""T | evaluate python(typeof(*), \'import faker\\\\nresult = df\')""")',
    ],
)
def test_script_is_found_in_a_query(query: str) -> None:
    assert scripts_of(query) == Scripts((SCRIPT,))


@pytest.mark.parametrize("script", ["code", "'{code}'", "'{{ code }}'", "'$code'", "strcat(code)", "```{code}```"])
def test_variable_of_the_notebook_is_replaced(script: str) -> None:
    assert scripts_of(f"{HEAD}{script})", code=SCRIPT) == Scripts((SCRIPT,))


@pytest.mark.parametrize("script", ["code", "toscalar(Scripts | take 1)", "strcat(a, '')", f"'{COMPUTED}'"])
def test_script_that_is_not_in_the_query_is_counted(script: str) -> None:
    assert scripts_of(f"{HEAD}{script})").computed == 1


@pytest.mark.parametrize(
    "text",
    [
        "T | take 10",
        "// T | evaluate python(typeof(*), 'import faker')",
        "the operator evaluate python(…) runs code",
        "T | where x == 'python(typeof(*), 1)' | evaluate bag_unpack(x)",
        "T | evaluate r(typeof(*), 'library(x)')",
        "T | evaluate python(typeof(*)",
        "evaluate python()",
        "evaluate python(",
        "",
    ],
)
def test_other_texts_have_no_script(text: str) -> None:
    assert scripts_of(text) == Scripts()


def test_scripts_of_several_queries_are_all_found() -> None:
    text = "A | evaluate python(typeof(*), 'import a')\n\nB | evaluate python(typeof(*), 'import b')\n"
    assert scripts_of(text).texts == ("import a", "import b")


@pytest.mark.slow
@pytest.mark.parametrize(
    "part",
    [
        "python(typeof(",
        "python(",
        "let a = ",
        "'",
        '"',
        "@'",
        "```",
        "~~~ ",
        "'\\",
        "strcat(",
        "let a = strcat(a, a);",
        "{",
    ],
)
def test_long_broken_texts_are_read_in_linear_time(part: str) -> None:
    scripts_of(f"evaluate {part * (60_000 // len(part))}")  # the time limit of a test would end a slow one


def test_text_beyond_the_limit_is_not_read() -> None:
    query = f"{HEAD}'import faker')"
    assert calls_python(query)
    assert not calls_python(query + " " * MAX_LENGTH)
    assert joined(["a" * MAX_LENGTH, "b"]) is None
    growing = "let a = 'import x';" + "let a = strcat(a, a);" * 40
    assert scripts_of(f"{growing} {HEAD}a)").texts[0].startswith("import x")
