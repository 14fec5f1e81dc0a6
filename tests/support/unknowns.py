"""The live suite's report: what was asked, what came of it, the service's own words, and where the emulator differs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from support.probes import QUESTIONS
from support.recording import Conversation

RECORDED = Path(__file__).parent.parent / "live" / "conversations"
LONGEST_WORDS = 4000
_TELLING = re.compile(r"azure-asyncoperation|location|.*retry-after")


def report(written: Sequence[tuple[Conversation, Path]], left: Sequence[str]) -> str:
    """Return the report, as Markdown, of the conversations held so far and the files they are in."""
    against = written[0][0].against if written else "nobody"
    lines = ["# What the service said", "", f"Held with: {against}. Redacted as the files beside this one."]
    lines += ["", f"Left on the cluster, perhaps: {', '.join(left)}"] if left else []
    for kept, path in written:
        lines += ["", *_section(kept, path)]
    return "\n".join(lines) + "\n"


def _section(kept: Conversation, path: Path) -> Iterator[str]:
    title = kept.conversation
    yield f"## {QUESTIONS.get(title, title)}"
    yield ""
    yield f"{kept.recorded}, {path.name}" + (" (it did not come to its end)" if "unfinished" in path.name else "")
    yield ""
    emulated = _emulated(title)
    for step in kept.steps:
        said = _said(step)
        other = emulated.get(step["step"], said)
        yield f"- {step['step']}: `{said}`" + (f" — the emulator: `{other}`" if other != said else "")
    yield f"- answers: `{', '.join(dict.fromkeys(map(_answer, kept.exchanges)))}`"
    for words in _words(kept.exchanges):
        yield from ("", "```json", words, "```")


def _answer(exchange: Mapping[str, Any]) -> str:
    """Return an answer as "PUT 201 azure-asyncoperation": the headers named are those that say how to go on."""
    answered = exchange.get("answered", {"status": exchange.get("failed"), "headers": {}})
    return " ".join(
        [exchange["asked"]["method"], str(answered["status"]), *filter(_TELLING.match, answered["headers"])]
    )


def _said(step: Mapping[str, str]) -> str:
    """Return what came of a step, without how often was asked."""
    phases = re.sub(r" ×\d+", "", step["phases"])
    return f"{step['result']} ({phases})" if phases else step["result"]


def _emulated(title: str) -> dict[str, str]:
    path = RECORDED / f"emulator-{title}.json"
    return {step["step"]: _said(step) for step in Conversation.read(path).steps} if path.exists() else {}


def _words(exchanges: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield each error that the service told of, once, in its own words."""
    told: set[str] = set()
    for exchange in exchanges:
        answered = exchange.get("answered", {})
        document = answered.get("json")
        failed = isinstance(document, dict) and "error" in document
        if not failed and answered.get("status", 0) < 400:
            continue
        said = document["error"] if failed else answered.get("text", document)
        words = json.dumps(said, indent=1, ensure_ascii=False)[:LONGEST_WORDS]
        if words not in told:
            told.add(words)
            yield words
