"""Imports of sources, and of the Python in their queries."""

from __future__ import annotations

import warnings

import pytest

from kusto_magic.requirements.freeze.imports import Found, Language, Source, read_sources

QUERY = "T | evaluate python(typeof(*), 'import faker\\nresult = df')"


def read(*texts: str) -> Found:
    return read_sources(map(Source, texts))


@pytest.mark.parametrize(
    ("source", "modules"),
    [
        ("import numpy", {"numpy"}),
        ("import numpy.linalg as la, os.path", {"numpy.linalg", "os.path"}),
        ("from PIL import Image", {"PIL.Image"}),
        ("def late():\n    try:\n        import numpy\n    except ImportError:\n        pass", {"numpy"}),
        ("from . import numpy\nfrom .numpy import x", set()),
        ("'import numpy'\n# import numpy", set()),
        ("!pip install numpy\nimport PIL", {"PIL"}),
        ("%matplotlib inline\nfiles = !ls\nnumpy?\nimport PIL", {"PIL"}),
        ("%%time\nimport numpy", {"numpy"}),
        ("%%capture out\n%time import numpy\nimport PIL", {"numpy", "PIL"}),
        ("%%python3\nimport numpy", {"numpy"}),
        ("%%bash\nimport numpy", set()),
        ("%%kusto_image img --base Python3_11_7\nnumpy", set()),
        ("await something()\nimport numpy", {"numpy"}),
        (
            "importlib.import_module('numpy.linalg')\n__import__('PIL')\nimport_module('not a module')",
            {"numpy.linalg", "PIL"},
        ),
        ("from pkg import *", {"pkg.*"}),
    ],
)
def test_imports_of_a_cell(source: str, modules: set[str]) -> None:
    found = read(source)
    assert found.modules == modules
    assert (found.in_queries, found.unreadable) == (set(), 0)


@pytest.mark.parametrize(
    "source",
    [
        f"%%kql\n{QUERY}",
        f"%%kusto\n{QUERY}",
        f"%%kql -try_azcli_login\n\n{QUERY}\n| render table",
        f"%kql {QUERY}",
        f"df = %kql {QUERY}",
        f"%%kql\r\nT\r\n| take 1;\r\n{QUERY}\r\n",
        f"x = 1\r\nq = {QUERY!r}\r\n",
        f"# comment\n%%kql\n{QUERY}",
        f"%%time\n%kql {QUERY}",
        f"%%capture\nq = {QUERY!r}",
        f"client.execute(db, {QUERY!r})",
        f'client.execute_query("db", r"""{QUERY}""")',
        f'client.execute_query("db", """{QUERY}""")',
        "client.execute(db, 'T | evaluate ' 'python(typeof(*), ' '\"import faker\\\\nresult = df\")')",
        "q = 'T | evaluate python(typeof(*), '\nq += '\"import faker\\\\nresult = df\")'\nrun(q)",
        "code = '''import faker\nresult = df'''\nq = f\"T | evaluate python(typeof(*), ```{code}```)\"",
        "code = '''import faker\nresult = df'''\nq = f\"T | evaluate python(typeof(*), {json.dumps(code)})\"",
        "code = '''import faker\nresult = df'''\nq = 'T | evaluate python(typeof(*), {c!r})'.format(c=code)",
        "code: str = '''import faker\nresult = df'''\nq = 'T | evaluate python(typeof(*), ```%s```)' % code",
        "code = '\\n'.join(['import faker', 'result = df'])\nq = 'T | evaluate python(typeof(*), ```' + code + '```)'",
        "code = '''import faker\nresult = df'''\n%kql T | evaluate python(typeof(*), code)",
        "def f():\n    import faker\n    return faker\nq = f'T | evaluate python(typeof(*), {inspect.getsource(f)!r})'",
        f'def f(n):\n    return f"""{QUERY} | take {{n}}"""',
        f"class A:\n    QUERY = {QUERY!r}",
        f"x = {{'q': [{QUERY!r}]}}",
        f"this is no Python\n{QUERY}",
        f"q = '''{QUERY}'''\nprint 'Python 2'",
    ],
)
def test_python_in_a_query_is_found(source: str) -> None:
    found = read(source)
    assert (found.in_queries, found.scripts, found.computed) == ({"faker"}, 1, 0)


@pytest.mark.parametrize("language", [Language.KQL, Language.OTHER])
def test_query_of_a_file_or_of_another_language_is_read(language: Language) -> None:
    found = read_sources([Source(QUERY, language, "a.kql"), Source("T | take 1", language, "b.kql")])
    assert (found.in_queries, list(found.query_files)) == ({"faker"}, ["a.kql"])


def test_string_of_another_language_is_read_as_a_query() -> None:
    code = 'var q = @"T | evaluate python(typeof(*), ""import faker"")"; // C#'
    assert read_sources([Source(code, Language.OTHER)]).in_queries == {"faker"}


def test_variables_of_earlier_cells_are_known() -> None:
    assert read("code = 'import faker'", "q = f'T | evaluate python(typeof(*), {code!r})'").in_queries == {"faker"}


@pytest.mark.parametrize(
    ("script", "modules", "broken"),
    [
        ("if 1:\n        from sklearn.cluster import KMeans\n        result = df\n    ", {"sklearn.cluster.KMeans"}, 0),
        ("\n    import faker\n    result = df\n", {"faker"}, 0),
        ("\r\nimport faker\r\nresult = df\r\n", {"faker"}, 0),
        (
            "from sandbox_utils import Zipackage\nZipackage.install('f.zip')\nimport faker",
            {"sandbox_utils.Zipackage", "faker"},
            0,
        ),
        ("import faker\nprint 'Python 2'", {"faker"}, 1),
        ("  import faker\nfrom a.b import (c,\n d)\n import x, y.z as w\nresult = ", {"faker", "a.b", "x", "y.z"}, 1),
        ("result = df", set(), 0),
    ],
)
def test_imports_of_a_script(script: str, modules: set[str], broken: int) -> None:
    found = read(f"%%kql\nT | evaluate python(typeof(*), ```{script}```)")
    assert (found.in_queries, found.broken, found.modules) == (modules, broken, set())


@pytest.mark.parametrize(
    "source",
    [
        "q = f'T | evaluate python(typeof(*), {make_code()!r})'",
        "q = f'T | evaluate python(typeof(*), ```\\n{make_code()}\\n```)'",
        "%%kql\nT | evaluate python(typeof(*), code)",
    ],
)
def test_script_that_is_put_together_is_counted(source: str) -> None:
    assert read(source).computed == 1


def test_same_query_counts_once() -> None:
    assert read(f"%%kql\n{QUERY}", f"%%kql\n{QUERY}", f"q = {QUERY!r}\nrun(q)").scripts == 1


@pytest.mark.parametrize(
    "source",
    [
        "open('queries/a.kql').read()",
        "Path('queries/a.kql').read_text()",
        "%kql -f 'queries/a.kql'",
        "with open(folder / 'queries/a.kql') as file: pass",
    ],
)
def test_named_query_file_is_read(source: str) -> None:
    found = read_sources([Source(source)], {"queries/a.kql": QUERY}.get)
    assert (found.in_queries, list(found.query_files)) == ({"faker"}, ["queries/a.kql"])
    assert read(source).in_queries == set()


@pytest.mark.parametrize(
    "source",
    [
        "code = open('udf.py').read()\nq = f'T | evaluate python(typeof(*), {code!r})'",
        "with open('udf.py', 'r') as f:\n    code = f.read()\nq = f'T | evaluate python(typeof(*), {code!r})'",
        "code = Path('udf.py').read_text()\nq = 'T | evaluate python(typeof(*), ```' + code + '```)'",
        "code = open('udf.py').read()\nwith open('q.txt') as f:\n    run(f.read().format(udf=code))",
    ],
)
def test_script_in_a_file_that_is_opened_is_read(source: str) -> None:
    files = {"udf.py": "import faker\nresult = df", "q.txt": "T | evaluate python(typeof(*), ```{udf}```)"}
    found = read_sources([Source(source)], files.get)
    assert (found.in_queries, found.scripts, found.computed) == ({"faker"}, 1, 0)
    assert read(source).in_queries == set()


@pytest.mark.parametrize(
    ("source", "modules"),
    [
        ("this is no Python\nimport numpy", {"numpy"}),
        ("import numpy\0", {"numpy"}),
        pytest.param("import numpy\n" + "!l\n" * 500, {"numpy"}, marks=pytest.mark.slow),  # as many as IPython takes
        ("import numpy\n" + "!ls\n" * 600, {"numpy"}),
        ("import numpy\nx = " + "(" * 1_000, {"numpy"}),
        ("import numpy\nx = " + "-" * 100_000 + "1", {"numpy"}),
        ("import numpy\n'\ud800'\n:", {"numpy"}),
        ("import numpy\n" + "%x\n" * 3_000 + "#" * 10_000, {"numpy"}),
        ("x" * 2_000_001, set()),
    ],
)
def test_source_that_cannot_be_parsed_is_counted(source: str, modules: set[str]) -> None:
    found = read(source)
    assert (found.modules, found.unreadable) == (modules, 1)


def test_warnings_of_the_sources_are_not_shown() -> None:
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        read(
            "%%kql\r", "!ls\r\n$", "x = '\\d'\nassert (x, 1)", "%%kql\nT | evaluate python(typeof(*), ```x = '\\d'```)"
        )
    assert shown == []
