"""The report of the live suite: questions, results, error messages, and differences from the emulator."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from support.live_probes import QUESTIONS
from support.recording import Conversation

RECORDED = Path(__file__).parent.parent / "live" / "conversations"
LONGEST_WORDS = 4000
_TELLING = re.compile(r"azure-asyncoperation|location|.*retry-after")


def render_report(written: Sequence[tuple[Conversation, Path]], left: Sequence[str]) -> str:
    """Return the report of the recorded scenarios and their files as Markdown; `left` are images not deleted."""
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
    """Return a response as "PUT 201 azure-asyncoperation", with the names of the headers that control polling."""
    answered = exchange.get("answered", {"status": exchange.get("failed"), "headers": {}})
    return " ".join(
        [exchange["asked"]["method"], str(answered["status"]), *filter(_TELLING.match, answered["headers"])]
    )


def _said(step: Mapping[str, str]) -> str:
    """Return the result of a step, without the numbers of polls."""
    phases = re.sub(r" ×\d+", "", step["phases"])
    return f"{step['result']} ({phases})" if phases else step["result"]


def _emulated(title: str) -> dict[str, str]:
    path = RECORDED / f"emulator-{title}.json"
    return {step["step"]: _said(step) for step in Conversation.read(path).steps} if path.exists() else {}


def _words(exchanges: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield each distinct error body of the service."""
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
