"""Would this requirements text install? Asked of uv on the user's machine, before anything is sent.

It is a forecast: the service's own installer is not documented. What is asked is whether there is a set of wheels for
the image's Python on Windows x64 that satisfies every line and what comes with them, and how that set differs from what
the base image holds. What cannot be seen from there: whether the packages work together once they are imported, and an
upper bound of a package on its Python version (uv does not read these).

On a base image pip keeps what satisfies, and changes only what it must; the base's versions are preferences here for
that reason, and no constraints.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from packaging.markers import Marker
from packaging.requirements import Requirement as Pep508

from kusto_magic import managed
from kusto_magic.errors import InvalidInput
from kusto_magic.explanations import Explanation, explain, shown
from kusto_magic.forecasts import Forecast, Found, Package, Status, Verdict, plan, read_lock
from kusto_magic.indexes import IndexSettings, user_settings
from kusto_magic.requirements import Requirement, Requirements, parse
from kusto_magic.resolver import Answer, Question, ask
from kusto_magic.suggestions import Pins, Trial, suggest

OLDEST, NEWEST = (3, 6), (3, 14)
"""The Python versions of which it is known what a wheel for them is called."""


async def forecast(
    text: str,
    *,
    python: str,
    base: str | None = None,
    base_requirements: tuple[str, ...] = (),
    index: IndexSettings | None = None,
    timeout: float = 20.0,  # noqa: ASYNC109 - running out of time is an answer here, no exception
    exclude_newer: str | None = None,
    environ: Mapping[str, str] | None = None,
) -> Forecast:
    """Tell what would come of a requirements text, within `timeout` seconds. Cancelling it ends uv at once.

    `python` is the image's version ("3.10.8"); `base` the managed image below it, None for a bare Python;
    `base_requirements` the texts of the custom images between the two, the lowest first. `index` stands in for the
    user's own index settings, `environ` for os.environ. With `exclude_newer` (a date, or an RFC 3339 time) the index
    is seen as it was then.

    Raises InvalidInput for a text that `requirements.parse` refuses. Whatever goes wrong with the resolver is an
    answer: UNKNOWN.
    """
    started = time.monotonic()
    wanted = parse(text, allow_index_options=True)
    variables = os.environ if environ is None else environ
    settings = (user_settings(variables) if index is None else index).with_options(wanted.index_options)
    asking = _Asking(python, settings, variables, started + timeout, exclude_newer)
    answer = await _forecast(wanted, asking, base, base_requirements)
    index_lines = tuple(f"{option} {url}" for option, url in wanted.index_options)
    return replace(answer, index_lines=index_lines, seconds=time.monotonic() - started)


@dataclass
class _Asking:
    """Everything that stays the same while one forecast is made, and what is installed so far."""

    python: str
    settings: IndexSettings
    environ: Mapping[str, str]
    deadline: float
    exclude_newer: str | None
    installed: Pins = field(default_factory=dict)
    stand_ins: frozenset[str] = frozenset()
    warnings: list[str] = field(default_factory=list)

    async def ask(self, lines: Iterable[str], python: str = "", *, lowest: bool = False) -> Answer:
        """Resolve lines on top of what is installed; for another Python on top of nothing."""
        same = python in {"", self.python}
        question = Question(
            lines=tuple(lines),
            python=python or self.python,
            prefer=self.installed if same else {},
            stand_ins=self.stand_ins if same else frozenset(),
            lowest=lowest,
            exclude_newer=self.exclude_newer,
        )
        return await ask(question, self.settings, self.environ, self.deadline - time.monotonic())

    async def attempt(self, trial: Trial) -> Pins | None:
        """Resolve a trial; None when it does not fit, or when no time is left."""
        if self.deadline - time.monotonic() <= 0:
            return None
        answer = await self.ask(trial.lines, trial.python, lowest=trial.lowest)
        return _pins(read_lock(answer.lock, trial.python)) if answer.code == 0 else None


async def _forecast(wanted: Requirements, asking: _Asking, base: str | None, texts: Sequence[str]) -> Forecast:
    if not _is_known(asking.python):
        reason = f"which wheels Python {asking.python} takes is not known here"
        return Forecast(Verdict.UNKNOWN, asking.python, reason=reason)
    try:
        await _lay_base(asking, base, texts)
        return await _resolve(wanted, asking, base)
    except (OSError, ValueError) as failure:
        reason = f"uv, which is asked for this, cannot be run here ({type(failure).__name__})"
        return Forecast(Verdict.UNKNOWN, asking.python, reason=reason, resolver_text=shown(str(failure)))


async def _resolve(wanted: Requirements, asking: _Asking, base: str | None) -> Forecast:
    lines = _applying(wanted, asking)
    if not lines:
        return Forecast(Verdict.FITS, asking.python, warnings=tuple(asking.warnings))
    answer = await asking.ask(map(_spec, lines))
    if answer.code is None:
        return Forecast(Verdict.UNKNOWN, asking.python, reason="the time for it ran out", warnings=tuple(asking.warnings))
    if answer.code != 0:
        return await _failed(answer, lines, asking)
    found = read_lock(answer.lock, asking.python)
    packages = plan(found, base=asking.installed, direct=[line.name for line in lines])
    asking.warnings += [*_broken(packages, asking.installed, base), *_said(answer.output)]
    return Forecast(
        Verdict.FITS,
        asking.python,
        packages=packages,
        resolver_text=shown(answer.output),
        warnings=tuple(asking.warnings),
    )


async def _failed(answer: Answer, lines: Sequence[Requirement], asking: _Asking) -> Forecast:
    explanation = explain(answer.output, lines, asking.python)
    suggestions: tuple[str, ...] = ()
    if explanation.verdict is Verdict.CLASH:
        specs = [_spec(line) for line in lines]
        suggestions = await suggest(explanation, lines, specs, asking.python, asking.attempt)
    return Forecast(
        explanation.verdict,
        asking.python,
        reason=explanation.reason,
        resolver_text=shown(answer.output),
        warnings=tuple(asking.warnings),
        suggestions=suggestions,
    )


_: type[Explanation] = Explanation
