"""The public names: each is written once, has its type in the stub, and uses only types that are public too."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator
from pathlib import Path

import pytest
import reference

import kusto_magic

PACKAGE = Path(kusto_magic.__file__).parent
FUNCTIONS = {"load_ipython_extension", "unload_ipython_extension"}
DEFINITIONS = reference.definitions()


def test_stub_imports_each_public_name_from_its_module() -> None:
    stub = ast.parse((PACKAGE / "__init__.pyi").read_text(encoding="utf-8"))
    imported = {
        alias.asname: (node.module, alias.name)
        for node in stub.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.asname
    }
    assert imported == {name: (f"kusto_magic.{module}", name) for name, module in kusto_magic._MODULE_OF.items()}
    assert {node.name for node in stub.body if isinstance(node, ast.FunctionDef)} == FUNCTIONS
    assert set(kusto_magic.__all__) == FUNCTIONS | set(imported)


def test_each_public_name_is_written_once() -> None:
    source = (PACKAGE / "__init__.py").read_text(encoding="utf-8")
    assert [name for name in kusto_magic._MODULE_OF if source.count(f'"{name}"') != 1] == []


@pytest.mark.parametrize("name", DEFINITIONS)
def test_types_in_public_signatures_are_public(name: str) -> None:
    own = _own_types(reference.module_tree(name))
    used = {node.id for hint in _annotations(name) for node in ast.walk(hint) if isinstance(node, ast.Name)}
    assert "Any" not in used or name in ("TokenCredential", "TokenInfoCredential")  # protocols of azure-core
    assert (used & own) - set(kusto_magic.__all__) == set()


def test_types_that_are_not_public_are_found() -> None:
    own = _own_types(reference.module_tree("ImagesClient"))
    assert {"ArmTransport", "Operation", "_Options"} <= own, "imported, imported for types, defined"
    assert {"AsyncIterator", "str"} & own == set()


def _own_types(tree: ast.Module) -> set[str]:
    """Return the names in a module that are types of this package: imported, also for type checking, or defined."""
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    imported = {alias.name for node in imports for alias in node.names if (node.module or "").startswith("kusto_magic")}
    return (imported | {node.name for node in tree.body if isinstance(node, ast.ClassDef)}) - set(dir(builtins))


def _annotations(name: str) -> Iterator[ast.expr]:
    """Yield the annotations that REFERENCE.md shows of a public name, and those of an error's constructor."""
    node = DEFINITIONS[name]
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        yield from _of_function(node)
    elif isinstance(node, ast.ClassDef):
        for child in node.body:
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) and _is_shown(name, child.name):
                yield from _of_function(child)
            elif isinstance(child, ast.AnnAssign) and _is_attribute(name, ast.unparse(child.target)):
                yield child.annotation
    else:
        assert node.value is not None
        yield node.value


def _is_shown(name: str, member: str) -> bool:
    constructed = name not in reference.CREATED_BY and member == "__init__"
    return constructed or (not member.startswith("_") and member not in reference.INTERNAL.get(name, set()))


def _is_attribute(name: str, field: str) -> bool:
    return field in reference.ATTRIBUTES[name] if name in reference.CREATED_BY else not field.startswith("_")


def _of_function(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.expr]:
    arguments = [*node.args.args, *node.args.kwonlyargs]
    shown = [it.annotation for it in arguments if it.arg not in reference.INTERNAL_PARAMETERS]
    yield from (hint for hint in (*shown, node.returns) if hint is not None)
