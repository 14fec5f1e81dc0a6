"""`%kusto_image use --credential VAR` and `--as fabric`: credentials that the notebook supplies."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from support.entra import CLIENT, jwt
from support.home import Home
from support.sign_in_session import SignInSession

from kusto_magic.arm.credentials import GivenCredential, NamedCredential
from kusto_magic.arm.notebook_credentials import ASSUMED_LIFETIME, FabricCredential
from kusto_magic.commands.given_credential import given_credential
from kusto_magic.errors import InvalidInputError, SignInError
from kusto_magic.hints import Hint, HintKind

ENDPOINT, SCOPE = "https://management.azure.com", "https://management.azure.com/.default"
SECRET = "planted-secret"


class Own:
    """A credential object as a user writes it; its repr has a secret."""

    def __init__(self, token: str = "", error: Exception | None = None) -> None:
        self.token, self.error, self.asked = token, error, 0

    def get_token(self, *_scopes: str, **_options: Any) -> Any:
        self.asked += 1
        if self.error:
            raise self.error
        return SimpleNamespace(token=self.token, expires_on=int(time.time()) + 3600)

    def __repr__(self) -> str:
        return SECRET


class Newer:
    """A credential with the newer method only."""

    def get_token_info(self, *_scopes: str, options: object = None) -> Any:
        return SimpleNamespace(token="newer", expires_on=int(time.time()) + 3600)


class Asynchronous:
    async def get_token(self, *_scopes: str) -> Any:
        return None


@pytest.fixture
def notebook(home: Home) -> Iterator[SignInSession]:
    made = SignInSession(home.path, interactive=True)
    made.session.shell.user_ns = {}
    yield made
    made.builds.close()


def test_object_is_used_for_requests_and_reported_without_its_repr(notebook: SignInSession) -> None:
    own = Own(jwt(upn="ada@example.com", oid=CLIENT))
    notebook.session.shell.user_ns["own"] = own
    notebook.use("--credential own")
    assert "Signed in as user aaaaaaaa…" in notebook.shown[-1]
    notebook.ask()
    assert notebook.script.requests[-1].token == own.token
    notebook.use()
    notebook.ask()
    assert (notebook.script.requests[-1].token, own.asked) == (own.token, 1), "it is kept, and its token cached"
    texts = "".join([*notebook.shown, repr(notebook.session.given), repr(notebook.session.sign_in)])
    assert not any(secret in texts for secret in (SECRET, own.token, "example.com"))


def test_object_with_the_newer_method_is_used(notebook: SignInSession) -> None:
    notebook.session.shell.user_ns["newer"] = Newer()
    notebook.use("--credential newer")
    notebook.ask()
    assert notebook.script.requests[-1].token == "newer"


def test_failure_of_the_object_keeps_the_sign_in_before(notebook: SignInSession) -> None:
    first, second = Own("first"), Own(error=RuntimeError("no luck\nsecond line"))
    notebook.session.shell.user_ns |= {"first": first, "second": second}
    notebook.use("--credential first")
    with pytest.raises(SignInError, match="no token: no luck"):
        notebook.use("--credential second")
    notebook.ask()
    assert notebook.script.requests[-1].token == "first"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("owns", "there is no variable owns; did you mean own?"),
        ("nothing", "there is no variable nothing"),
        ("text", "text is of type str, which has no method get_token, so it is not a credential"),
        ("none", "none is of type NoneType, which has no method"),
        ("Own", "Own is a class, not an object"),
        ("later", "later is asynchronous: use the class with the same name in azure.identity"),
        ("attribute", "attribute is of type SimpleNamespace, which has no method"),
    ],
)
def test_variable_without_a_credential_is_refused(name: str, message: str) -> None:
    variables = {
        "own": Own(), "text": SECRET, "none": None, "Own": Own, "later": Asynchronous(), "Newer": Newer(),
        "attribute": SimpleNamespace(get_token=SECRET),
    }  # fmt: skip
    with pytest.raises(InvalidInputError) as caught:
        given_credential(variables, name)
    assert message in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "options", ["--credential missing", "--credential own --save", "--credential own --as cli", "--credential x.y"]
)
def test_refused_option_changes_nothing(notebook: SignInSession, options: str) -> None:
    notebook.session.shell.user_ns["own"] = own = Own("token")
    with pytest.raises(InvalidInputError):
        notebook.use(options)
    assert (own.asked, notebook.session.given, notebook.magics.cluster, notebook.shown) == (0, None, "", [])


def test_repr_of_the_wrapper_does_not_show_the_object() -> None:
    assert SECRET not in repr(GivenCredential(Own()))


# ── Fabric ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def fabric(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[str], Any]], None]:
    """Return a function that adds the module of Fabric's notebooks, whose `getToken` is given."""

    def add(get_token: Callable[[str], Any]) -> None:
        module: Any = ModuleType("notebookutils")
        module.credentials = SimpleNamespace(getToken=get_token)
        monkeypatch.setitem(sys.modules, "notebookutils", module)

    return add


def test_fabric_is_asked_for_the_audience_and_the_expiry_is_read(fabric: Callable[..., None]) -> None:
    asked: list[str] = []
    expected = jwt(exp=1_900_000_000)

    def get_token(audience: str) -> str:
        asked.append(audience)
        return expected

    fabric(get_token)
    token = NamedCredential("fabric", ENDPOINT).get_token(SCOPE)
    assert (token.token, token.expires_on, asked) == (expected, 1_900_000_000, ["https://management.azure.com/"])
    assert expected not in repr(token)


@pytest.mark.parametrize("text", ["opaque", "a.b.c", jwt(), jwt(exp="soon")])
def test_fabric_token_without_readable_expiry_is_used_for_minutes(fabric: Callable[..., None], text: str) -> None:
    fabric(lambda _: text)
    left = FabricCredential().get_token(SCOPE).expires_on - time.time()
    assert 0 < left <= ASSUMED_LIFETIME + 1


def test_fabric_elsewhere_says_that_it_is_not_a_fabric_notebook(notebook: SignInSession) -> None:
    with pytest.raises(SignInError, match="this is not a notebook of Microsoft Fabric") as caught:
        notebook.use("--as fabric")
    assert caught.value.hint == Hint(HintKind.CHOOSE_CREDENTIAL, values=("cli", "device"))
    assert (notebook.magics.credential, notebook.script.requests) == ("", [])


def test_refusal_of_fabric_is_one_line_with_another_way(fabric: Callable[..., None]) -> None:
    def refuse(_audience: str) -> str:
        raise ValueError("Py4JJavaError: audience is not allowed for ada@example.com\n\tat Trace.java")

    fabric(refuse)
    with pytest.raises(SignInError) as caught:
        FabricCredential().get_token(SCOPE)
    assert "Fabric returned none for Resource Manager" in caught.value.what
    assert not any(part in caught.value.what for part in ("Trace.java", "ada@example.com", "\n"))
    assert caught.value.hint == Hint(HintKind.CHOOSE_CREDENTIAL, values=("environment", "device"))


def test_fabric_is_one_of_the_methods(home: Home, tmp_path: Path) -> None:
    from kusto_magic.models.sign_in_methods import credential_type_problem

    assert credential_type_problem("fabric") == ""
