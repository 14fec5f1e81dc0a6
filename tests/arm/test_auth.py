from __future__ import annotations

import asyncio
import threading
from typing import Any

import httpx
import pytest
from support.answers import ENDPOINT, THERE, answer
from support.clock import MovableClock
from support.wire import Credential, ScriptedTransport, Token, whole_chain

from kusto_magic.arm.auth import BearerTokenAuth
from kusto_magic.arm.credentials import EmulatorCredential, StaticCredential
from kusto_magic.errors import SignInFailed
from kusto_magic.models.endpoint import origin

SCOPE = f"{ENDPOINT}/.default"


def auth(credential: Any, clock: MovableClock, limit: float = 5.0) -> BearerTokenAuth:
    return BearerTokenAuth(ENDPOINT, SCOPE, credential, limit=limit, now=lambda: clock.wall().timestamp())


async def ask(script: ScriptedTransport, who: BearerTokenAuth, times: int = 1) -> list[str]:
    """Send some requests; return the tokens they were sent with."""
    async with httpx.AsyncClient(transport=script, auth=who) as http:
        for _ in range(times):
            await http.get(ENDPOINT)
    return [asked.token for asked in script.asked[-times:]]


@pytest.mark.asyncio
async def test_a_token_is_asked_for_once_in_its_life() -> None:
    script = ScriptedTransport(forever=THERE)
    credential = Credential(script.clock)
    who = auth(credential, script.clock)
    assert await ask(script, who, times=5) == ["token-1"] * 5
    assert credential.scopes == [(SCOPE,)]


@pytest.mark.asyncio
async def test_requests_at_the_same_time_share_one_token() -> None:
    script = ScriptedTransport(forever=THERE)
    credential = Credential(script.clock)
    who = auth(credential, script.clock)
    async with httpx.AsyncClient(transport=script, auth=who) as http:
        await asyncio.gather(*(http.get(ENDPOINT) for _ in range(10)))
    assert credential.count == 1


@pytest.mark.asyncio
async def test_a_token_is_renewed_five_minutes_before_its_end() -> None:
    script = ScriptedTransport(forever=THERE)
    who = auth(Credential(script.clock), script.clock)
    assert await ask(script, who) == ["token-1"]
    script.clock.move(3600 - 301)
    assert await ask(script, who) == ["token-1"]
    script.clock.move(2)
    assert await ask(script, who, 2) == ["token-2", "token-2"]


@pytest.mark.asyncio
async def test_a_token_of_a_short_life_is_renewed_at_half_of_it_and_not_for_each_request() -> None:
    script = ScriptedTransport(forever=THERE)
    credential = Credential(script.clock, life=200)
    who = auth(credential, script.clock)
    assert await ask(script, who, 3) == ["token-1"] * 3
    script.clock.move(101)
    assert await ask(script, who, 3) == ["token-2"] * 3


@pytest.mark.asyncio
async def test_a_token_that_is_still_good_bridges_an_outage_of_the_sign_in() -> None:
    script = ScriptedTransport(forever=THERE)
    credential = Credential(script.clock)
    who = auth(credential, script.clock)
    await ask(script, who)
    script.clock.move(3400)
    credential.fault = OSError("network is unreachable")
    assert await ask(script, who, 3) == ["token-1"] * 3
    assert credential.count == 2, "a renewal that failed is not tried again at once"
    script.clock.move(31)
    assert await ask(script, who) == ["token-1"]
    assert credential.count == 3
    script.clock.move(200)
    with pytest.raises(SignInFailed):
        await ask(script, who)
    credential.fault = None
    assert await ask(script, who) == ["token-5"]


@pytest.mark.asyncio
async def test_a_refused_token_is_forgotten() -> None:
    script = ScriptedTransport(answer(b"", 401), THERE, THERE)
    who = auth(Credential(script.clock), script.clock)
    assert await ask(script, who, 3) == ["token-1", "token-2", "token-2"]


@pytest.mark.asyncio
async def test_a_token_that_was_refused_late_does_not_take_the_new_one_along() -> None:
    script = ScriptedTransport(forever=THERE)
    who = auth(Credential(script.clock), script.clock)
    first, second = who.async_auth_flow(httpx.Request("GET", ENDPOINT)), who.async_auth_flow(
        httpx.Request("GET", ENDPOINT)
    )  # fmt: skip
    await anext(first)
    await anext(second)
    for flow in (first, second):
        with pytest.raises(StopAsyncIteration):
            await flow.asend(httpx.Response(401))
        assert await ask(script, who) == ["token-2"]


# ── a credential that does not do ────────────────────────────────────────────────────────────────────────────────


class Fails:
    """A credential that raises."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def get_token(self, *_: str, **__: Any) -> Token:
        raise self.error


class Gives:
    """A credential that gives anything."""

    def __init__(self, value: object) -> None:
        self.value = value

    def get_token(self, *_: str, **__: Any) -> Any:
        return self.value


class Hangs:
    """A credential that answers when it is released, as a sign-in in a closed network does."""

    def __init__(self) -> None:
        self.released = threading.Event()

    def get_token(self, *_: str, **__: Any) -> Token:
        self.released.wait(30)
        return Token("late", 2**31)


@pytest.mark.asyncio
async def test_a_slow_credential_is_bounded_and_nothing_is_sent() -> None:
    script, hangs = ScriptedTransport(), Hangs()
    try:
        with pytest.raises(SignInFailed, match="within 0 seconds") as caught:
            await ask(script, auth(hangs, script.clock, limit=0.05))
    finally:
        hangs.released.set()
    assert script.asked == []
    assert "--as cli" in caught.value.next_step


@pytest.mark.asyncio
async def test_a_slow_credential_does_not_hold_up_the_loop() -> None:
    script, hangs = ScriptedTransport(THERE), Hangs()
    asking = asyncio.create_task(ask(script, auth(hangs, script.clock)))
    for _ in range(50):
        await asyncio.sleep(0)
    assert not asking.done()
    hangs.released.set()
    assert await asking == ["late"]


def test_an_answer_after_the_loop_is_closed_goes_nowhere() -> None:
    hangs, script = Hangs(), ScriptedTransport()
    with pytest.raises(SignInFailed):
        asyncio.run(ask(script, auth(hangs, script.clock, limit=0.01)))
    hangs.released.set()
    for thread in threading.enumerate():
        if thread.name == "kusto_magic sign-in":
            thread.join(5)  # an exception there fails the test: pytest makes a warning of it, and that an error


NO_TOKENS: dict[str, object] = {
    "None": None,
    "a text": "token",
    "no end": type("T", (), {"token": "x"})(),
    "an end of another type": Token("x", "tomorrow"),  # type: ignore[arg-type]
    "an end that is none": Token("x", float("nan")),  # type: ignore[arg-type]
    "bytes": Token(b"x", 2**31),  # type: ignore[arg-type]
    "empty": Token("", 2**31),
    "a newline": Token("x\r\nHost: evil", 2**31),
    "not ASCII": Token("geheim-ß", 2**31),
    "a blank": Token("two words", 2**31),
}


@pytest.mark.asyncio
@pytest.mark.parametrize("value", NO_TOKENS.values(), ids=NO_TOKENS.keys())
async def test_what_is_no_token_is_a_failed_sign_in(value: object) -> None:
    script = ScriptedTransport()
    with pytest.raises(SignInFailed) as caught:
        await ask(script, auth(Gives(value), script.clock))
    assert script.asked == []
    assert "geheim" not in repr(caught.value)


@pytest.mark.asyncio
async def test_the_many_lines_of_a_failed_chain_become_two() -> None:
    lines = ["DefaultAzureCredential failed to retrieve a token.", "Attempted credentials:", *["\tX: not set"] * 10]
    script = ScriptedTransport()
    with pytest.raises(SignInFailed) as caught:
        await ask(script, auth(Fails(RuntimeError("\n".join(lines))), script.clock))
    assert len(caught.value.lines()) == 2
    assert "az login" in caught.value.lines()[1]


@pytest.mark.asyncio
async def test_a_failed_sign_in_shows_no_secret_and_drags_none_along() -> None:
    secret = "abc8Q~Zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"
    script = ScriptedTransport()
    with pytest.raises(SignInFailed) as caught:
        await ask(script, auth(Fails(ValueError(f"client_secret={secret} is wrong")), script.clock))
    assert secret not in whole_chain(caught.value)


@pytest.mark.asyncio
async def test_an_error_without_words_is_named() -> None:
    script = ScriptedTransport()
    with pytest.raises(SignInFailed, match="ZeroDivisionError"):
        await ask(script, auth(Fails(ZeroDivisionError()), script.clock))


@pytest.mark.asyncio
async def test_an_interrupt_that_comes_with_the_token_sends_nothing() -> None:
    script = ScriptedTransport()
    loop = asyncio.get_running_loop()

    class Interrupted:
        def get_token(self, *_: str, **__: Any) -> Token:
            loop.call_soon_threadsafe(lambda: loop.call_soon(asking.cancel))
            return Token("x", 2**31)

    asking = asyncio.create_task(ask(script, auth(Interrupted(), script.clock)))
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert script.asked == []


# ── other ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_no_repr_shows_a_token() -> None:
    credential = StaticCredential("s3cr3t")
    assert "s3cr3t" not in f"{credential!r} {credential.get_token()!r}"
    assert credential.get_token().token == "s3cr3t"


def test_without_an_emulator_there_is_no_token_for_loopback() -> None:
    with pytest.raises(SignInFailed, match=r"no emulator runs at http://127\.0\.0\.1:1"):
        EmulatorCredential("http://127.0.0.1:1").get_token()


@pytest.mark.asyncio
async def test_an_address_on_this_machine_never_gets_a_token_of_azure() -> None:
    """Without a credential, loopback asks for the emulator's token; no chain of azure-identity is tried."""
    script = ScriptedTransport()
    with pytest.raises(SignInFailed, match="no emulator"):
        await ask(script, BearerTokenAuth("http://127.0.0.1:1", "x/.default"))
    assert script.asked == []


SAME = [f"{ENDPOINT}/a?b#c", f"{ENDPOINT}:443", "HTTPS://MANAGEMENT.AZURE.COM/x", "https://management.azure.com:/"]
OTHER = [
    "http://management.azure.com/", f"{ENDPOINT}:444", f"{ENDPOINT}:80", f"{ENDPOINT}:0", f"{ENDPOINT}.", "https://azure.com",
    "management.azure.com", "//management.azure.com", "", "https://management.azure.com.evil.example/",
]  # fmt: skip


@pytest.mark.parametrize("url", SAME)
def test_these_are_one_origin(url: str) -> None:
    assert origin(url) == origin(ENDPOINT)


@pytest.mark.parametrize("url", OTHER)
def test_these_are_other_origins(url: str) -> None:
    assert origin(url) != origin(ENDPOINT)
