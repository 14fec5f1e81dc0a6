"""The budget of a subscription: who waits for how long, and what all learn from one answer."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest
from support.answers import answer, failed
from support.clock import MovableClock

from kusto_magic.arm.rate_limiter import LIMITS, Kind, RateLimiter, TokenBucket, kind_of
from kusto_magic.arm.response import ArmResponse

REMAINING = "x-ms-ratelimit-remaining-subscription-resource-requests"


def says(left: str, header: str = REMAINING) -> ArmResponse:
    return answer({}, headers={header: left})


def refused(seconds: str) -> ArmResponse:
    return failed(429, headers={"retry-after": seconds})


async def spend(budget: RateLimiter, number: int, kind: Kind = "reads", *, background: bool = True) -> None:
    for _ in range(number):
        async with budget.acquire(kind, background=background):
            pass


@pytest.mark.parametrize(
    ("method", "kind"),
    [("GET", "reads"), ("PUT", "writes"), ("PATCH", "writes"), ("POST", "writes"), ("DELETE", "deletes")],
)
def test_each_method_is_taken_from_its_bucket(method: str, kind: str) -> None:
    assert kind_of(method) == kind


@pytest.mark.asyncio
@pytest.mark.parametrize("kind", list(LIMITS))
async def test_a_full_bucket_lets_pass_then_as_fast_as_it_fills(kind: Kind) -> None:
    clock, (size, rate) = MovableClock(), LIMITS[kind]
    budget = RateLimiter(clock)
    await spend(budget, int(size), kind, background=False)
    assert clock.passed == 0
    await spend(budget, 100, kind, background=False)
    assert clock.passed == pytest.approx(100 / rate)


@pytest.mark.asyncio
async def test_builds_leave_a_share_for_a_person() -> None:
    clock = MovableClock()
    budget = RateLimiter(clock)
    await spend(budget, 200)
    assert clock.passed == 0
    await spend(budget, 40)
    waited = clock.passed
    assert waited == pytest.approx(40 / 20)
    await spend(budget, 10, background=False)
    assert clock.passed == waited


@pytest.mark.asyncio
async def test_many_at_once_wait_their_turn() -> None:
    clock = MovableClock()
    budget = RateLimiter(clock)
    await spend(budget, 200)
    sent: list[float] = []

    async def one() -> None:
        async with budget.acquire("reads", background=True):
            sent.append(clock.passed)

    await asyncio.gather(*(one() for _ in range(20)))
    assert len(sent) == 20
    assert sent == sorted(sent)


@pytest.mark.asyncio
async def test_the_others_kinds_are_not_held_up() -> None:
    clock = MovableClock()
    budget = RateLimiter(clock)
    await spend(budget, 200, "writes")
    await spend(budget, 200, "reads")
    await spend(budget, 160, "deletes")
    assert clock.passed == pytest.approx(40 / 8)  # the writes alone


@pytest.mark.asyncio
async def test_what_an_answer_says_is_left_counts_for_more() -> None:
    clock = MovableClock()
    budget = RateLimiter(clock)
    budget.update("reads", says("1000"))
    await spend(budget, 800)
    assert clock.passed == 0
    budget.update("reads", says("5"))
    await spend(budget, 4)
    assert clock.passed == 0
    await spend(budget, 1)
    assert clock.passed > 0


@pytest.mark.asyncio
@pytest.mark.parametrize("value", ["", "-1", "many", "1e9", "99999999999999999999", "١٢"])
async def test_an_unreadable_number_is_not_believed(value: str) -> None:
    clock = MovableClock()
    budget = RateLimiter(clock)
    budget.update("reads", says(value))
    await spend(budget, 200)
    assert clock.passed == 0


@pytest.mark.asyncio
async def test_the_smallest_of_several_numbers_counts() -> None:
    clock = MovableClock()
    budget = RateLimiter(clock)
    both = {REMAINING: "700", "x-ms-ratelimit-remaining-subscription-global-reads": "10"}
    budget.update("reads", answer({}, headers=both))
    await spend(budget, 8)
    assert clock.passed == 0
    await spend(budget, 1)
    assert clock.passed > 0


@pytest.mark.asyncio
async def test_a_refusal_is_heard_by_all_and_they_come_one_after_the_other() -> None:
    clock = MovableClock()
    budget = RateLimiter(clock)
    budget.update("reads", refused("17"))
    await spend(budget, 1)
    assert clock.passed == 17
    await spend(budget, 20)
    assert clock.passed == pytest.approx(17 + 20 / 20)
    await spend(budget, 1, "writes")  # they were not refused
    assert clock.passed == pytest.approx(17 + 20 / 20)


def test_who_waits_when_the_refusal_comes_waits_anew() -> None:
    bucket = TokenBucket(size=1, per_second=10, now=0)
    assert bucket.take(0) == 0
    assert bucket.take(0) == pytest.approx(0.1)
    bucket.pause(5, now=0.05)
    assert bucket.take(0.1) == pytest.approx(4.95)
    assert bucket.take(0.1) == pytest.approx(4.95 + 0.1)


@pytest.mark.asyncio
async def test_a_refusal_while_many_wait_lets_none_through_early() -> None:
    clock = MovableClock()
    budget = RateLimiter(clock)
    await spend(budget, 200)

    async def one() -> float:
        async with budget.acquire("reads", background=True):
            return clock.passed

    waiting = [asyncio.ensure_future(one()) for _ in range(10)]
    await asyncio.sleep(0)
    refused_at = clock.passed
    budget.update("reads", refused("30"))
    sent = await asyncio.gather(*waiting)
    assert min(sent) >= refused_at + 30


@pytest.mark.asyncio
async def test_what_flies_is_not_counted_as_left() -> None:
    clock = MovableClock()
    budget = RateLimiter(clock)
    async with AsyncExitStack() as flying:
        for _ in range(8):
            await flying.enter_async_context(budget.acquire("reads", background=False))
        budget.update("reads", says("10"))  # the answer to one of the eight: the service has not counted seven
        await spend(budget, 3, background=False)
        assert clock.passed == 0
        await spend(budget, 1, background=False)
        assert clock.passed > 0
