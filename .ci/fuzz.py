"""Parse random requirements and random responses, each for a number of seconds: `fuzz.py [SECONDS]`.

Every input must be parsed, or rejected with an error of this package. Prints the number of inputs; stops at the first
failure, which Hypothesis has reduced to a minimal example.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from arm.test_operation_state_machine import EXTENSIONS, RESPONSES, outcome
from requirements.test_parser import LINES
from support.arm_responses import IMAGE_URL, SPEC

from kusto_magic.arm.operation import Operation
from kusto_magic.arm.operation_start import start_operation, submitting
from kusto_magic.arm.response import MAX_RETRY_AFTER, MIN_RETRY_AFTER, ArmResponse
from kusto_magic.errors import InvalidInputError
from kusto_magic.models.action import Action
from kusto_magic.models.image import Image
from kusto_magic.redaction import redact
from kusto_magic.requirements import parser


def read_requirements(text: str, allowed: bool) -> None:
    """Parse a text: the result is packages, or problems whose line numbers exist."""
    found = parser.problems(text, allow_index_options=allowed)
    lines = max(1, len(text.splitlines()) + 1)
    assert all(problem.line is None or 1 <= problem.line <= lines for problem in found)
    if found:
        with pytest.raises(InvalidInputError) as refused:
            parser.parse(text, allow_index_options=allowed)
        assert list(refused.value.problems) == found
    else:
        assert parser.parse(text, allow_index_options=allowed).packages


def read_response(response: ArmResponse) -> None:
    """Parse every part of one response."""
    wait = response.retry_after()
    assert wait is None or MIN_RETRY_AFTER <= wait <= MAX_RETRY_AFTER
    fault = response.fault()
    assert all(redact(text) == text for text in (fault.code, fault.message, *fault.details))
    response.header_url("location")
    response.resolve_url(response.document())
    with suppress(ValueError):
        Image.from_json(response.document())


def follow(action: Action, answers: list[ArmResponse], repeated: bool) -> None:
    """Advance an operation through responses; `outcome` allows only the errors that `Operation` documents."""
    sent = submitting(action, IMAGE_URL, SPEC if action is Action.BUILD else None, EXTENSIONS.get(action))
    operation = outcome(lambda: start_operation(sent, answers[0], repeated=repeated))
    for response in answers[1:]:
        if not isinstance(operation, Operation) or operation.done:
            return
        operation = outcome(partial(operation.advance, response))


PROFILE = settings(max_examples=2000, deadline=None, database=None, suppress_health_check=list(HealthCheck))
TARGETS: dict[str, tuple[Callable[..., None], Sequence[st.SearchStrategy[Any]]]] = {
    "requirements": (read_requirements, (LINES, st.booleans())),
    "any text as requirements": (read_requirements, (st.text(max_size=300), st.booleans())),
    "responses": (read_response, (RESPONSES,)),
    "operations": (follow, (st.sampled_from(Action), st.lists(RESPONSES, min_size=1, max_size=12), st.booleans())),
}


def counted(read: Callable[..., None], strategies: Sequence[st.SearchStrategy[Any]]) -> Callable[[], int]:
    """Return a function that tries a batch of new examples and returns the total number tried."""
    tried = 0

    def attempt(*values: Any) -> None:
        nonlocal tried
        tried += 1
        read(*values)

    attempts = PROFILE(given(st.tuples(*strategies))(lambda values: attempt(*values)))

    def batch() -> int:
        seed(random.getrandbits(64))(attempts)()
        return tried

    return batch


def main(seconds: float) -> None:
    """Fuzz requirements and responses, each for `seconds`."""
    for name, (read, strategies) in TARGETS.items():
        end, tried, batch = time.monotonic() + seconds / 2, 0, counted(read, strategies)
        while time.monotonic() < end:
            tried = batch()
        sys.stdout.write(f"{name}: {tried:,} inputs, no failure\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 300.0)
