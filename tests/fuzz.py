"""Reads random requirements texts and random answers, each for so many seconds: `fuzz.py [SECONDS]`.

Whatever comes, it is read or refused with an error of this package. Counts what it tried; ends with the first surprise,
which Hypothesis has made as small as it can.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from support.answers import IMAGE_URL, SPEC
from test_operations_machine import ANSWERS, EXTENSIONS, outcome
from test_requirements import LINES

from kusto_magic import requirements
from kusto_magic.answers import LONGEST_WAIT, SHORTEST_WAIT, Response
from kusto_magic.errors import InvalidInput
from kusto_magic.models import Image
from kusto_magic.operations import Action, Operation, begin, sending
from kusto_magic.redaction import redact

BATCH = 2000


def read_requirements(text: str, allowed: bool) -> None:
    """Read a text: its packages, or problems that name lines it has."""
    found = requirements.problems(text, allow_index_options=allowed)
    lines = max(1, len(text.splitlines()) + 1)
    assert all(problem.line is None or 1 <= problem.line <= lines for problem in found)
    if found:
        with pytest.raises(InvalidInput) as refused:
            requirements.parse(text, allow_index_options=allowed)
        assert list(refused.value.problems) == found
    else:
        assert requirements.parse(text, allow_index_options=allowed).packages


def read_answer(response: Response) -> None:
    """Read everything of one answer."""
    wait = response.retry_after()
    assert wait is None or SHORTEST_WAIT <= wait <= LONGEST_WAIT
    fault = response.fault()
    assert all(redact(text) == text for text in (fault.code, fault.message, *fault.details))
    response.address("location")
    response.resolved(response.document())
    with suppress(ValueError):
        Image.from_json(response.document())


def follow(action: Action, answers: list[Response], repeated: bool) -> None:
    """Lead an operation through answers: only errors of its own kind may come of it (`outcome` sees to that)."""
    sent = sending(action, IMAGE_URL, SPEC if action is Action.BUILD else None, EXTENSIONS.get(action))
    operation = outcome(lambda: begin(sent, answers[0], repeated=repeated))
    for response in answers[1:]:
        if not isinstance(operation, Operation) or operation.done:
            return
        operation = outcome(partial(operation.advance, response))


TARGETS: dict[str, Callable[..., None]] = {
    "requirements": given(LINES, st.booleans())(read_requirements),
    "any text as requirements": given(st.text(max_size=300), st.booleans())(read_requirements),
    "answers": given(ANSWERS)(read_answer),
    "operations": given(st.sampled_from(Action), st.lists(ANSWERS, min_size=1, max_size=12), st.booleans())(follow),
}


def main(seconds: float) -> None:
    """Try each target for its share of twice `seconds`: once for requirements, once for answers."""
    profile = settings(max_examples=BATCH, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    for name, target in TARGETS.items():
        end, tried = time.monotonic() + seconds / 2, 0
        while time.monotonic() < end:
            profile(seed(random.getrandbits(64))(target))()
            tried += BATCH
        sys.stdout.write(f"{name}: at most {tried:,} tried, no surprise\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 300.0)
