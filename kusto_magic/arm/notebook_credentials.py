"""Credentials that a notebook supplies: an object of the user, and the signed-in user of Microsoft Fabric."""

from __future__ import annotations

import base64
import json
import time
from importlib import import_module
from typing import Any, NamedTuple

from kusto_magic.arm.sign_in_errors import first_line
from kusto_magic.errors import SignInError
from kusto_magic.hints import Hint, HintKind

ASSUMED_LIFETIME = 300
"""Seconds for which a token without a readable expiry is used."""


class FabricToken(NamedTuple):
    """A token of Fabric and its expiry in seconds since 1970."""

    token: str
    expires_on: int

    def __repr__(self) -> str:
        return "<token>"


class FabricCredential:
    """The user of a Microsoft Fabric notebook, through its module `notebookutils`.

    Fabric's documentation names audiences for storage, Power BI, key vaults and Kusto queries, none for Azure Resource
    Manager: it may refuse the token. Source: "NotebookUtils credentials utilities for Fabric".
    """

    def get_token(self, *scopes: str, **_options: Any) -> FabricToken:
        """Return a token for the first scope. Raises SignInError outside Fabric, and if Fabric returns no token."""
        try:
            utilities = import_module("notebookutils")
        except ImportError:
            what = "no token: this is not a notebook of Microsoft Fabric"
            raise SignInError(what, hint=Hint(HintKind.CHOOSE_CREDENTIAL, values=("cli", "device"))) from None
        try:
            token = str(utilities.credentials.getToken(scopes[0].removesuffix(".default")))
        except Exception as error:  # whatever Fabric raises is a failed sign-in
            what = f"no token: Fabric returned none for Resource Manager: {first_line(error)}"
            hint = Hint(HintKind.CHOOSE_CREDENTIAL, values=("environment", "device"))
            raise SignInError(what, hint=hint) from None
        return FabricToken(token, _expiry(token))


def _expiry(token: str) -> int:
    """Return the expiry in a JWT, a few minutes from now for another token."""
    try:
        return int(json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))["exp"])
    except (IndexError, KeyError, TypeError, ValueError, RecursionError):
        return int(time.time()) + ASSUMED_LIFETIME
