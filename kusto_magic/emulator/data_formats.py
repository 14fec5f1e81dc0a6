"""The responses of the data plane: frames of version 2 for queries, tables of version 1.

The frames are those that Microsoft published with its client for Python (OBSERVED, recordings of 2018); version 1 is
DOCUMENTED.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kusto_magic.emulator.arm import timestamp, to_ticks

Column = tuple[str, str]
"""Name and type of a column, such as ("x", "long")."""

NET_TYPES = {"string": "String", "bool": "Boolean", "int": "Int32", "long": "Int64", "guid": "Guid",
             "datetime": "DateTime", "dynamic": "Object"}  # fmt: skip
"""The .NET type of each type of KQL, which version 1 also states."""

_VISUALIZATION = dict.fromkeys(
    ("Visualization", "Title", "XColumn", "Series", "YColumns", "XTitle", "YTitle", "XAxis", "YAxis", "Legend",
     "YSplit")
) | {"Accumulate": False, "IsQuerySorted": False, "Kind": None}  # fmt: skip

_USAGE = {
    "ExecutionTime": 0.0,
    "resource_usage": {
        "cache": {"memory": {"hits": 0, "misses": 0, "total": 0}, "disk": {"hits": 0, "misses": 0, "total": 0}},
        "cpu": {"user": "00:00:00", "kernel": "00:00:00", "total cpu": "00:00:00"},
        "memory": {"peak_per_node": 0},
    },
}

_PROPERTIES: tuple[Column, ...] = (("TableId", "int"), ("Key", "string"), ("Value", "dynamic"))
_COMPLETION: tuple[Column, ...] = (
    ("Timestamp", "datetime"), ("ClientRequestId", "string"), ("ActivityId", "guid"), ("SubActivityId", "guid"),
    ("ParentActivityId", "guid"), ("Level", "int"), ("LevelName", "string"), ("StatusCode", "int"),
    ("StatusCodeName", "string"), ("EventType", "int"), ("EventTypeName", "string"), ("Payload", "string"),
)  # fmt: skip
_STATUS: tuple[Column, ...] = (
    ("Timestamp", "datetime"), ("Severity", "int"), ("SeverityName", "string"), ("StatusCode", "int"),
    ("StatusDescription", "string"), ("Count", "int"), ("RequestId", "guid"), ("ActivityId", "guid"),
    ("SubActivityId", "guid"), ("ClientActivityId", "string"),
)  # fmt: skip
_CONTENTS: tuple[Column, ...] = (
    ("Ordinal", "long"), ("Kind", "string"), ("Name", "string"), ("Id", "string"), ("PrettyName", "string"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Table:
    """The result of a query or of a command."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[Any]]


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """What the status tables repeat of a request: its time and its two IDs."""

    moment: datetime
    client_request: str
    activity: str

    @property
    def timestamp(self) -> str:
        """The time as the service writes it."""
        return timestamp(to_ticks(self.moment))


def v2_frames(result: Table, facts: RequestFacts) -> list[dict[str, Any]]:
    """Return the frames of a query that has succeeded."""
    return [
        {"FrameType": "DataSetHeader", "IsProgressive": False, "Version": "v2.0"},
        _frame(0, "@ExtendedProperties", "QueryProperties", Table(_PROPERTIES, [_visualization()])),
        _frame(1, "PrimaryResult", "PrimaryResult", result),
        _frame(2, "QueryCompletionInformation", "QueryCompletionInformation", _completion(result, facts)),
        {"FrameType": "DataSetCompletion", "HasErrors": False, "Cancelled": False},
    ]


def _frame(number: int, name: str, kind: str, table: Table) -> dict[str, Any]:
    columns = [{"ColumnName": column, "ColumnType": type_} for column, type_ in table.columns]
    about = {"FrameType": "DataTable", "TableId": number, "TableKind": kind, "TableName": name}
    return {**about, "Columns": columns, "Rows": table.rows}


def _visualization() -> list[Any]:
    return [1, "Visualization", _json(_VISUALIZATION)]


def _completion(result: Table, facts: RequestFacts) -> Table:
    request = [facts.timestamp, facts.client_request, *[facts.activity] * 3]
    done = {"Count": 1, "Text": "Query completed successfully"}
    statistics = {"dataset_statistics": [{"table_row_count": len(result.rows), "table_size": len(_json(result.rows))}]}
    rows = [
        [*request, 4, "Info", 0, "S_OK (0)", 4, "QueryInfo", _json(done)],
        [*request, 6, "Stats", 0, "S_OK (0)", 0, "QueryResourceConsumption", _json({**_USAGE, **statistics})],
    ]
    return Table(_COMPLETION, rows)


def v1_result(result: Table) -> dict[str, Any]:
    """Return the result of a management command: one table."""
    return {"Tables": [_table(0, result)]}


def v1_query(result: Table, facts: RequestFacts) -> dict[str, Any]:
    """Return the result of a query: its table, two tables about the query, and the table of contents."""
    properties = Table([("Value", "string")], [[_json({"Visualization": None})]])
    done = [facts.timestamp, 4, "Info", 0, "Query completed successfully", 1]
    status = Table(_STATUS, [[*done, *[facts.activity] * 3, facts.client_request]])
    contents = [
        [0, "QueryResult", "PrimaryResult", _id(facts, 0), ""],
        [1, "QueryProperties", "@ExtendedProperties", _id(facts, 1), ""],
        [2, "QueryStatus", "QueryStatus", _id(facts, 2), ""],
    ]
    tables = (result, properties, status, Table(_CONTENTS, contents))
    return {"Tables": [_table(number, table) for number, table in enumerate(tables)]}


def _id(facts: RequestFacts, number: int) -> str:
    return f"{facts.activity[:-1]}{number}"


def _table(number: int, table: Table) -> dict[str, Any]:
    columns = [{"ColumnName": name, "DataType": NET_TYPES[type_], "ColumnType": type_} for name, type_ in table.columns]
    return {"TableName": f"Table_{number}", "Columns": columns, "Rows": table.rows}


def _json(value: Mapping[str, Any] | Sequence[Any]) -> str:
    return json.dumps(value, separators=(",", ":"))
