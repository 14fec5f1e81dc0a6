"""What the sandbox of python() holds: the query that asks it, and its answer.

Source of the query: documentation of the python plugin, `T | evaluate python(output_schema, script [, parameters])`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from packaging.utils import canonicalize_name

from kusto_magic.redaction import redact

_SCRIPT = r"""
import importlib
import platform
import re

def normalized(name):
    return re.sub(r"[-_.]+", "-", name).lower()

def modules(distribution):
    files = [file.parts for file in distribution.files or ()]
    folders = {parts[:-1] for parts in files if parts[-1] == "__init__.py" and ".." not in parts}
    depth = min(map(len, folders), default=1)
    found = {parts for parts in folders if len(parts) == depth}
    files = [parts[0] for parts in files if len(parts) == 1 and parts[0].endswith((".py", ".pyd"))]
    found |= {(file.partition(".")[0],) for file in files}
    return [".".join(parts) for parts in sorted(found) if all(map(is_wanted, parts))]

def is_wanted(part):
    return part.isidentifier() and part[:1] != "_" and part not in unwanted

def tried(name):
    try:
        wanted = modules(distributions[name])
        for module in wanted:
            importlib.import_module(module)
    except BaseException as error:
        return "{}: {}".format(type(error).__name__, str(error).strip().partition("\n")[0])[:300]
    return "" if wanted else "no module"

def memory():
    try:
        import psutil
        return str(psutil.Process().memory_info().rss)
    except Exception:
        return ""

unwanted = {"test", "tests", "doc", "docs", "example", "examples", "benchmark", "benchmarks"}
try:
    from importlib import metadata
    distributions = {normalized(found.metadata["Name"] or ""): found for found in metadata.distributions()}
    listed = [(found.metadata["Name"], found.version) for found in distributions.values() if found.metadata["Name"]]
except ImportError:  # before Python 3.8
    import pkg_resources
    distributions = {}
    listed = [(found.project_name, found.version) for found in pkg_resources.working_set]
rows = [("python", "", platform.python_version()), ("platform", "", platform.platform())]
rows += [("package", name, version or "") for name, version in listed]
rows += [("import", name, tried(name)) for name in kargs.get("imports", []) if name in distributions]
rows += [("memory", "", memory())] if kargs.get("imports") else []
result = pd.DataFrame(rows, columns=["kind", "name", "value"])
"""
"""Runs in the sandbox, where the plugin defines `pd` and `kargs`. A package is imported only if that is asked for."""

NO_MODULE = "no module"
"""The value of an import for a package that has nothing to import."""

_NUMBER = re.compile(r"[0-9]{1,15}")

MAX_TEXT_LENGTH = 400
"""Maximum number of characters of a text of the sandbox."""


def inventory_query(imports: Iterable[str] = ()) -> str:
    """Return the KQL query for what the active image holds; `imports` are the packages that are also imported.

    Their names are normalized (PEP 503), so that none can end the literal that contains it.
    """
    names = ", ".join(f'"{canonicalize_name(name, validate=True)}"' for name in imports)
    parameters = f", bag_pack('imports', dynamic([{names}]))" if names else ""
    schema = "typeof(kind:string, name:string, value:string)"
    return f"range x from 1 to 1 step 1\n| evaluate python({schema}, ```{_SCRIPT}```{parameters})"


@dataclass(frozen=True, slots=True)
class Inventory:
    """What an image holds: its Python version, platform, and packages (normalized name → version).

    `imports` has the error of each imported package, "" if it was imported; `memory` is how many bytes the sandbox's
    process then used, None if that is not known. The texts are external: they are escaped
    where they are shown.
    """

    python: str
    platform: str
    packages: Mapping[str, str]
    imports: Mapping[str, str] = field(default_factory=dict)
    memory: int | None = None

    @classmethod
    def from_rows(cls, rows: Sequence[Mapping[str, object]]) -> Inventory:
        """Parse the rows of `inventory_query`. Raises ValueError if they are not its result."""
        values: dict[str, dict[str, str]] = {kind: {} for kind in ("python", "platform", "memory", "package", "import")}
        for row in rows:
            kind, name, value = (str(row.get(column, "")) for column in ("kind", "name", "value"))
            if kind in values:
                values[kind].setdefault(canonicalize_name(_shown(name)), _shown(value))
        if not values["python"]:
            raise ValueError("not the result of an inventory query")
        [python], platform = values["python"].values(), "".join(values["platform"].values())
        memory = "".join(values["memory"].values())
        used = int(memory) if _NUMBER.fullmatch(memory) else None
        return cls(python, platform, values["package"], values["import"], used)


def _shown(text: str) -> str:
    """Return a text of the sandbox as one line without secrets, such as those in the error of an import."""
    return redact(" ".join(text.split()))[:MAX_TEXT_LENGTH]  # in this order: half a token is not recognized
