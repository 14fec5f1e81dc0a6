"""Bearer-token authentication: caching, renewal, and credentials that fail."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import httpx
import pytest
from support.arm_responses import ENDPOINT, IMAGE_SUCCEEDED, make_response
from support.clock import MovableClock
from support.scripted_transport import CountingCredential, ScriptedTransport, Token, exception_chain_text

from kusto_magic.arm.auth import BearerTokenAuth
from kusto_magic.arm.credentials import EmulatorCredential, StaticCredential
from kusto_magic.errors import SignInError
from kusto_magic.hints import Hint, HintKind
from kusto_magic.models.endpoint import origin

SCOPE = f"{ENDPOINT}/.default"


def make_auth(credential: Any, clock: MovableClock, timeout: float = 5.0) -> BearerTokenAuth:
    return BearerTokenAuth(ENDPOINT, SCOPE, credential, timeout=timeout, now=lambda: clock.wall().timestamp())


async def send_requests(script: ScriptedTransport, auth: BearerTokenAuth, times: int = 1) -> list[str]:
    """Send requests; return the tokens they were sent with."""
    async with httpx.AsyncClient(transport=script, auth=auth) as http:
        for _ in range(times):
            await http.get(ENDPOINT)
    return [request.token for request in script.requests[-times:]]


@pytest.mark.asyncio
async def test_token_is_cached_until_renewal() -> None:
    script = ScriptedTransport(default=IMAGE_SUCCEEDED)
    credential = CountingCredential(script.clock)
    auth = make_auth(credential, script.clock)
    assert await send_requests(script, auth, times=5) == ["token-1"] * 5
    assert credential.scopes == [(SCOPE,)]


@pytest.mark.asyncio
async def test_concurrent_requests_share_one_token() -> None:
    script = ScriptedTransport(default=IMAGE_SUCCEEDED)
    credential = CountingCredential(script.clock)
    auth = make_auth(credential, script.clock)
    async with httpx.AsyncClient(transport=script, auth=auth) as http:
        await asyncio.gather(*(http.get(ENDPOINT) for _ in range(10)))
    assert credential.count == 1


@pytest.mark.asyncio
async def test_token_is_renewed_five_minutes_before_expiry() -> None:
    script = ScriptedTransport(default=IMAGE_SUCCEEDED)
    auth = make_auth(CountingCredential(script.clock), script.clock)
    assert await send_requests(script, auth) == ["token-1"]
    script.clock.move(3600 - 301)
    assert await send_requests(script, auth) == ["token-1"]
    script.clock.move(2)
    assert await send_requests(script, auth, 2) == ["token-2", "token-2"]


@pytest.mark.asyncio
async def test_short_lived_token_is_renewed_at_half_its_lifetime() -> None:
    script = ScriptedTransport(default=IMAGE_SUCCEEDED)
    credential = CountingCredential(script.clock, life=200)
    auth = make_auth(credential, script.clock)
    assert await send_requests(script, auth, 3) == ["token-1"] * 3
    script.clock.move(101)
    assert await send_requests(script, auth, 3) == ["token-2"] * 3


@pytest.mark.asyncio
async def test_valid_token_is_used_while_renewal_fails() -> None:
    script = ScriptedTransport(default=IMAGE_SUCCEEDED)
    credential = CountingCredential(script.clock)
    auth = make_auth(credential, script.clock)
    await send_requests(script, auth)
    script.clock.move(3400)
    credential.fault = OSError("network is unreachable")
    assert await send_requests(script, auth, 3) == ["token-1"] * 3
    assert credential.count == 2, "a failed renewal is not retried at once"
    script.clock.move(31)
    assert await send_requests(script, auth) == ["token-1"]
    assert credential.count == 3
    script.clock.move(200)
    with pytest.raises(SignInError):
        await send_requests(script, auth)
    credential.fault = None
    assert await send_requests(script, auth) == ["token-5"]


@pytest.mark.asyncio
async def test_token_is_dropped_after_401() -> None:
    script = ScriptedTransport(make_response(b"", 401), IMAGE_SUCCEEDED, IMAGE_SUCCEEDED)
    auth = make_auth(CountingCredential(script.clock), script.clock)
    assert await send_requests(script, auth, 3) == ["token-1", "token-2", "token-2"]


@pytest.mark.asyncio
async def test_late_401_for_an_old_token_keeps_the_new_one() -> None:
    script = ScriptedTransport(default=IMAGE_SUCCEEDED)
    auth = make_auth(CountingCredential(script.clock), script.clock)
    first, second = auth.async_auth_flow(httpx.Request("GET", ENDPOINT)), auth.async_auth_flow(
        httpx.Request("GET", ENDPOINT)
    )  # fmt: skip
    await anext(first)
    await anext(second)
    for flow in (first, second):
        with pytest.raises(StopAsyncIteration):
            await flow.asend(httpx.Response(401))
        assert await send_requests(script, auth) == ["token-2"]


# ── credentials that fail ───────────────────────────────────────────────────────────────────────────────────────────


class FailingCredential:
    """A credential that raises."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def get_token(self, *_: str, **__: Any) -> Token:
        raise self.error


class FixedCredential:
    """A credential that returns an arbitrary value."""

    def __init__(self, value: object) -> None:
        self.value = value

    def get_token(self, *_: str, **__: Any) -> Any:
        return self.value


class BlockingCredential:
    """A credential that blocks until it is released, like a sign-in in a closed network."""

    def __init__(self) -> None:
        self.released = threading.Event()

    def get_token(self, *_: str, **__: Any) -> Token:
        self.released.wait(30)
        return Token("late", 2**31)


@pytest.mark.asyncio
async def test_slow_credential_times_out_and_sends_nothing() -> None:
    script, credential = ScriptedTransport(), BlockingCredential()
    try:
        with pytest.raises(SignInError, match="within 0 seconds") as caught:
            await send_requests(script, make_auth(credential, script.clock, timeout=0.05))
    finally:
        credential.released.set()
    assert script.requests == []
    assert caught.value.hint == Hint(HintKind.CHOOSE_CREDENTIAL, values=("cli",))


@pytest.mark.asyncio
async def test_slow_credential_does_not_block_the_event_loop() -> None:
    script, credential = ScriptedTransport(IMAGE_SUCCEEDED), BlockingCredential()
    task = asyncio.create_task(send_requests(script, make_auth(credential, script.clock)))
    for _ in range(50):
        await asyncio.sleep(0)
    assert not task.done()
    credential.released.set()
    assert await task == ["late"]


def test_token_after_the_loop_is_closed_is_ignored() -> None:
    credential, script = BlockingCredential(), ScriptedTransport()
    with pytest.raises(SignInError):
        asyncio.run(send_requests(script, make_auth(credential, script.clock, timeout=0.01)))
    credential.released.set()
    for thread in threading.enumerate():
        if thread.name == "kusto_magic sign-in":
            # An exception in the thread would fail the test: pytest turns it into a warning, and that into an error.
            thread.join(5)


INVALID_TOKENS: dict[str, object] = {
    "None": None,
    "a string": "token",
    "no expiry": type("T", (), {"token": "x"})(),
    "an expiry of another type": Token("x", "tomorrow"),  # type: ignore[arg-type]
    "an expiry that is NaN": Token("x", float("nan")),  # type: ignore[arg-type]
    "bytes": Token(b"x", 2**31),  # type: ignore[arg-type]
    "empty": Token("", 2**31),
    "a newline": Token("x\r\nHost: evil", 2**31),
    "not ASCII": Token("geheim-ß", 2**31),
    "a space": Token("two words", 2**31),
}


@pytest.mark.asyncio
@pytest.mark.parametrize("value", INVALID_TOKENS.values(), ids=INVALID_TOKENS.keys())
async def test_invalid_token_raises_sign_in_failed(value: object) -> None:
    script = ScriptedTransport()
    with pytest.raises(SignInError) as caught:
        await send_requests(script, make_auth(FixedCredential(value), script.clock))
    assert script.requests == []
    assert "geheim" not in repr(caught.value)


@pytest.mark.asyncio
async def test_multi_line_credential_error_is_shortened_to_two_lines() -> None:
    lines = ["DefaultAzureCredential failed to retrieve a token.", "Attempted credentials:", *["\tX: not set"] * 10]
    script = ScriptedTransport()
    with pytest.raises(SignInError) as caught:
        await send_requests(script, make_auth(FailingCredential(RuntimeError("\n".join(lines))), script.clock))
    assert len(caught.value.lines()) == 2
    assert "az login" in caught.value.lines()[1]


@pytest.mark.asyncio
async def test_sign_in_error_and_its_causes_contain_no_secret() -> None:
    secret = "abc8Q~Zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"
    script = ScriptedTransport()
    with pytest.raises(SignInError) as caught:
        await send_requests(
            script, make_auth(FailingCredential(ValueError(f"client_secret={secret} is wrong")), script.clock)
        )
    assert secret not in exception_chain_text(caught.value)


@pytest.mark.asyncio
async def test_error_without_message_is_shown_by_its_type() -> None:
    script = ScriptedTransport()
    with pytest.raises(SignInError, match="ZeroDivisionError"):
        await send_requests(script, make_auth(FailingCredential(ZeroDivisionError()), script.clock))


@pytest.mark.asyncio
async def test_cancellation_that_coincides_with_the_token_sends_nothing() -> None:
    script = ScriptedTransport()
    loop = asyncio.get_running_loop()

    class Interrupted:
        def get_token(self, *_: str, **__: Any) -> Token:
            loop.call_soon_threadsafe(lambda: loop.call_soon(task.cancel))
            return Token("x", 2**31)

    task = asyncio.create_task(send_requests(script, make_auth(Interrupted(), script.clock)))
    with pytest.raises(asyncio.CancelledError):
        await task
    assert script.requests == []


# ── other ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_repr_contains_no_token() -> None:
    credential = StaticCredential("s3cr3t")
    assert "s3cr3t" not in f"{credential!r} {credential.get_token()!r}"
    assert credential.get_token().token == "s3cr3t"


def test_loopback_without_emulator_raises_sign_in_failed() -> None:
    with pytest.raises(SignInError, match=r"http://127\.0\.0\.1:1") as caught:
        EmulatorCredential("http://127.0.0.1:1").get_token()
    assert caught.value.hint == Hint(HintKind.START_EMULATOR)


@pytest.mark.asyncio
async def test_loopback_never_gets_an_azure_token() -> None:
    """Without a credential, loopback uses the emulator's token and never azure-identity's chain."""
    script = ScriptedTransport()
    with pytest.raises(SignInError, match="no emulator"):
        await send_requests(script, BearerTokenAuth("http://127.0.0.1:1", "x/.default"))
    assert script.requests == []


SAME_ORIGIN = [
    f"{ENDPOINT}/a?b#c",
    f"{ENDPOINT}:443",
    "HTTPS://MANAGEMENT.AZURE.COM/x",
    "https://management.azure.com:/",
]
OTHER_ORIGIN = [
    "http://management.azure.com/", f"{ENDPOINT}:444", f"{ENDPOINT}:80", f"{ENDPOINT}:0", f"{ENDPOINT}.", "https://azure.com",
    "management.azure.com", "//management.azure.com", "", "https://management.azure.com.evil.example/",
]  # fmt: skip


@pytest.mark.parametrize("url", SAME_ORIGIN)
def test_equivalent_urls_have_the_same_origin(url: str) -> None:
    assert origin(url) == origin(ENDPOINT)


@pytest.mark.parametrize("url", OTHER_ORIGIN)
def test_different_urls_have_different_origins(url: str) -> None:
    assert origin(url) != origin(ENDPOINT)
