"""`%kusto_image use --credential VAR`: the credential object in a variable of the notebook."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Mapping
from typing import Any

from kusto_magic.arm.credentials import GivenCredential
from kusto_magic.errors import InvalidInputError, Problem

METHODS = ("get_token", "get_token_info")
"""azure-core's protocols of a credential: `TokenCredential`, `SupportsTokenInfo`."""


def given_credential(variables: Mapping[str, Any], name: str) -> GivenCredential:
    """Return the credential in a variable. Raises InvalidInputError, whose message has no value of the variable."""
    if problem := _problem(variables, name):
        raise InvalidInputError([Problem("--credential", problem)])
    return GivenCredential(variables[name])


def _problem(variables: Mapping[str, Any], name: str) -> str:
    if name not in variables:
        known = [it for it, value in variables.items() if not it.startswith("_") and not _fault(value)]
        close = difflib.get_close_matches(name, known, n=1)
        return f"there is no variable {name}" + (f"; did you mean {close[0]}?" if close else "")
    fault = _fault(variables[name])
    return f"{name} {fault}" if fault else ""


def _fault(value: object) -> str:
    """Return why an object is not a credential that can be used, or ""."""
    methods = [method for name in METHODS if callable(method := getattr(value, name, None))]
    if not methods:
        return f"is of type {type(value).__name__}, which has no method get_token, so it is not a credential"
    if isinstance(value, type):
        return "is a class, not an object: call it first, and name the variable with the result"
    if any(inspect.iscoroutinefunction(method) for method in methods):
        return "is asynchronous: use the class with the same name in azure.identity, not in azure.identity.aio"
    return ""
