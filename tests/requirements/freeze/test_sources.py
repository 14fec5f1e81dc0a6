"""Files with sources: notebooks of each format, scripts and query files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kusto_magic.errors import InvalidInputError
from kusto_magic.requirements.freeze.imports import Language, Source
from kusto_magic.requirements.freeze.sources import Sources, query_files, read_beside, read_file

CODE = {"cell_type": "code", "source": "import torch"}


def read_notebook(folder: Path, document: Any, encoding: str = "utf-8") -> Sources:
    path = folder / "notebook.ipynb"
    path.write_bytes((document if isinstance(document, str) else json.dumps(document)).encode(encoding))
    return read_file(path)


def test_code_cells_of_a_notebook_are_read(tmp_path: Path) -> None:
    cells = [
        {"cell_type": "markdown", "source": "import numpy"},
        {"cell_type": "code", "source": ["import numpy\n", "import PIL"]},
        CODE,
    ]
    found = read_notebook(tmp_path, {"cells": cells})
    assert found == Sources((Source("import numpy\nimport PIL"), Source("import torch")))


@pytest.mark.parametrize("fence", ["```kusto", "~~~kusto", "```` KQL title", "  ```csl"])
def test_queries_in_markdown_are_read(fence: str, tmp_path: Path) -> None:
    text = f"It's a query:\n\n{fence}\nT | take 1\n```\n\n```python\nimport a\n```\n\n{fence}\nU"
    found = read_notebook(tmp_path, {"cells": [{"cell_type": "markdown", "source": text}]})
    assert [source.language for source in found.sources] == [Language.KQL, Language.KQL]
    assert [source.text.split()[0] for source in found.sources] == ["T", "U"]


def test_cells_of_format_3_are_read(tmp_path: Path) -> None:
    sheets = [
        {"cells": [{"cell_type": "code", "language": "python", "input": ["import a\n", "import b"]}]},
        {"cells": [{"cell_type": "heading", "source": "x"}, {"cell_type": "code", "input": "import c"}]},
    ]
    found = read_notebook(tmp_path, {"nbformat": 3, "metadata": {"name": ""}, "worksheets": sheets})
    assert [source.text for source in found.sources] == ["import a\nimport b", "import c"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_notebook_in_another_encoding_is_read(encoding: str, tmp_path: Path) -> None:
    assert read_notebook(tmp_path, {"cells": [CODE]}, encoding) == Sources((Source("import torch"),))


@pytest.mark.parametrize(
    ("metadata", "language"),
    [
        ({}, Language.PYTHON),
        (None, Language.PYTHON),
        ([], Language.PYTHON),
        ({"kernelspec": {"name": "python3", "language": "python"}}, Language.PYTHON),
        ({"kernelspec": {"name": "python3"}}, Language.PYTHON),
        ({"kernelspec": None, "language_info": {"name": "python"}}, Language.PYTHON),
        ({"kernelspec": {"language": "Python", "name": "synapse_pyspark"}}, Language.PYTHON),
        ({"kernelspec": {"name": "synapse_pyspark"}}, Language.PYTHON),
        ({"kernelspec": {"name": "ir", "language": "R"}}, Language.OTHER),
        ({"kernelspec": {"name": ".net-csharp", "language": "C#"}}, Language.OTHER),
        ({"kernelspec": {"name": "KQL", "language": "kql"}}, Language.KQL),
        ({"kernelspec": {"name": "Kusto", "language": "kusto"}}, Language.KQL),
        ({"language_info": {"name": "scala"}}, Language.OTHER),
    ],
)
def test_language_of_a_notebook(metadata: object, language: Language, tmp_path: Path) -> None:
    found = read_notebook(tmp_path, {"metadata": metadata, "cells": [CODE]})
    assert [source.language for source in found.sources] == [language]


@pytest.mark.parametrize(
    ("cell", "language"),
    [
        ({"metadata": {"polyglot_notebook": {"kernelName": "kql-Help"}}}, Language.KQL),
        ({"metadata": {"dotnet_interactive": {"language": "kql"}}}, Language.KQL),
        ({"metadata": {"dotnet_interactive": {"language": "pythonkernel"}}}, Language.PYTHON),
        ({"metadata": {"vscode": {"languageId": "kusto"}}}, Language.KQL),
        ({"metadata": {"microsoft": {"language": "python"}}}, Language.PYTHON),
        ({"metadata": {"vscode": "x"}}, Language.OTHER),
        ({"language": "python"}, Language.PYTHON),
    ],
)
def test_language_of_a_cell(cell: dict[str, Any], language: Language, tmp_path: Path) -> None:
    notebook = {"metadata": {"kernelspec": {"language": "C#"}}, "cells": [CODE | cell]}
    assert [source.language for source in read_notebook(tmp_path, notebook).sources] == [language]


@pytest.mark.parametrize("damaged", [None, 1, [], {}, {"cell_type": "code"}, {"cell_type": "code", "source": 5}])
def test_damaged_cell_is_counted(damaged: object, tmp_path: Path) -> None:
    assert read_notebook(tmp_path, {"cells": [damaged, CODE]}) == Sources((Source("import torch"),), 1)
    with pytest.raises(InvalidInputError, match="not a valid notebook"):
        read_notebook(tmp_path, {"cells": [damaged]})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        "1",
        "{}",
        '{"cells": 1}',
        '{"worksheets": [1]}',
        '{"cells": [{"cell_ty',
        "[" * 100_000,
        '<<<<<<< HEAD\n{"cells": []}',
        '{"cells": [{}], "x": ' + "1" * 5_000 + "}",
    ],
)
def test_invalid_notebook_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="not a valid notebook"):
        read_notebook(tmp_path, text)


def test_notebook_without_cells_has_no_sources(tmp_path: Path) -> None:
    assert read_notebook(tmp_path, {"cells": []}) == Sources()


@pytest.mark.parametrize("name", ["none.ipynb", "none.py", "none.kql", "a\0b.py"])
def test_missing_file_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"cannot be read"):
        read_file(tmp_path / name)


def test_scripts_and_query_files_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes("\ufeffimport a  # é".encode())
    (tmp_path / "b.KQL").write_bytes("T // é".encode("utf-16"))
    (tmp_path / "c.csl").write_bytes(b"T // \xe9")
    assert read_file(tmp_path / "a.py") == Sources((Source("import a  # é"),))
    assert read_file(tmp_path / "b.KQL") == Sources((Source("T // é", Language.KQL, "b.KQL"),))
    assert read_file(tmp_path / "c.csl") == Sources((Source("T // \ufffd", Language.KQL, "c.csl"),))
    assert query_files(tmp_path) == ["b.KQL", "c.csl"]
    assert query_files(tmp_path / "none") == []


def test_large_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "large.kql"
    path.write_bytes(b" " * 8_000_001)
    with pytest.raises(InvalidInputError, match="larger than 8 MB"):
        read_file(path)


def test_only_files_below_the_folder_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "work"
    (folder / "queries").mkdir(parents=True)
    (folder / "queries" / "a.kql").write_text("T")
    (tmp_path / "secret.kql").write_text("S")
    (folder / "link.kql").symlink_to(tmp_path / "secret.kql")
    assert read_beside(folder, "queries/a.kql") == "T"
    assert read_beside(folder, "queries\\a.kql") == "T"
    names = ["../secret.kql", str(tmp_path / "secret.kql"), "link.kql", "none.kql", "queries", "a\0.kql", "x" * 5_000]
    assert [read_beside(folder, name) for name in names] == [None] * len(names)
