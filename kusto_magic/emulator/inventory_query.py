"""The only query that the emulator answers: which packages the image of python() contains.

```
range x from 1 to 1 step 1
| evaluate python(typeof(kind:string, name:string, value:string), <a text in three backticks>,
                  bag_pack('imports', dynamic(["numpy"])))
```

The emulator runs no Python. It recognizes the query by the text around the script, where spaces do not matter, and by
two words in the script.
"""

from __future__ import annotations

import json

from kusto_magic.emulator.data_errors import KustoError

SCHEMA = (("kind", "string"), ("name", "string"), ("value", "string"))
"""The columns of the result."""

_QUOTES = "```"
_HEAD = "rangexfrom1to1step1|evaluatepython(typeof(kind:string,name:string,value:string),"
_ARGUMENT, _END = ",bag_pack('imports',dynamic(", ")))"
_WORDS = ("importlib", "distributions")

EMULATED = (
    "The kusto_magic emulator answers only the inventory query: range x from 1 to 1 step 1 | evaluate "
    "python(typeof(kind:string, name:string, value:string), <a script that reads importlib.metadata.distributions in "
    "three backticks>, bag_pack('imports', dynamic([…]))), where the third argument is optional."
)
"""What is emulated; the text of the error for everything else is the emulator's own choice."""


def parse_inventory_query(query: str) -> tuple[str, ...]:
    """Return the names of the distributions to import. Raises KustoError 400 for any other query."""
    head, script, tail = _parts(query)
    if "".join(head.split()) != _HEAD or not all(word in script for word in _WORDS):
        raise KustoError(400, EMULATED)
    return _imports("".join(tail.split()).removesuffix(";"))


def _parts(query: str) -> list[str]:
    parts = query.split(_QUOTES)
    if len(parts) != 3:
        raise KustoError(400, EMULATED)
    return parts


def _imports(tail: str) -> tuple[str, ...]:
    if tail == ")":
        return ()
    if not (tail.startswith(_ARGUMENT) and tail.endswith(_END)):
        raise KustoError(400, EMULATED)
    try:
        names = json.loads(tail.removeprefix(_ARGUMENT).removesuffix(_END))
    except (ValueError, RecursionError):
        raise KustoError(400, EMULATED) from None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise KustoError(400, EMULATED)
    return tuple(names)
