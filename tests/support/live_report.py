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
MAX_ERROR_LENGTH = 4000
"""Maximum number of characters of an error body in the report."""

_POLLING_HEADERS = re.compile(r"azure-asyncoperation|location|.*retry-after")


def render_report(written: Sequence[tuple[Conversation, Path]], left: Sequence[str]) -> str:
    """Return the report of the recorded scenarios and their files as Markdown; `left` are images not deleted."""
    against = written[0][0].against if written else "nothing"
    lines = [
        "# Report of the live suite",
        "",
        f"Recorded with: {against}. Redacted like the recordings in this folder.",
    ]
    lines += ["", f"Images that may remain: {', '.join(left)}"] if left else []
    for kept, path in written:
        lines += ["", *_section(kept, path)]
    return "\n".join(lines) + "\n"


def _section(kept: Conversation, path: Path) -> Iterator[str]:
    title = kept.conversation
    yield f"## {QUESTIONS.get(title, title)}"
    yield ""
    yield f"{kept.recorded}, {path.name}" + (" (not finished)" if "unfinished" in path.name else "")
    yield ""
    emulated = _emulated(title)
    for step in kept.steps:
        result = _result(step)
        other = emulated.get(step["step"], result)
        yield f"- {step['step']}: `{result}`" + (f" — the emulator: `{other}`" if other != result else "")
    yield f"- answers: `{', '.join(dict.fromkeys(map(_answer, kept.exchanges)))}`"
    for error in _errors(kept.exchanges):
        yield from ("", "```json", error, "```")


def _answer(exchange: Mapping[str, Any]) -> str:
    """Return a response as "PUT 201 azure-asyncoperation", with the names of the headers that control polling."""
    answered = exchange.get("answered", {"status": exchange.get("failed"), "headers": {}})
    return " ".join(
        [exchange["asked"]["method"], str(answered["status"]), *filter(_POLLING_HEADERS.match, answered["headers"])]
    )


def _result(step: Mapping[str, str]) -> str:
    """Return the result of a step, without the numbers of polls."""
    phases = re.sub(r" ×\d+", "", step["phases"])
    return f"{step['result']} ({phases})" if phases else step["result"]


def _emulated(title: str) -> dict[str, str]:
    path = RECORDED / f"emulator-{title}.json"
    return {step["step"]: _result(step) for step in Conversation.read(path).steps} if path.exists() else {}


def _errors(exchanges: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield each distinct error body of the service."""
    seen: set[str] = set()
    for exchange in exchanges:
        answered = exchange.get("answered", {})
        document = answered.get("json")
        failed = isinstance(document, dict) and "error" in document
        if not failed and answered.get("status", 0) < 400:
            continue
        error = document["error"] if failed else answered.get("text", document)
        text = json.dumps(error, indent=1, ensure_ascii=False)[:MAX_ERROR_LENGTH]
        if text not in seen:
            seen.add(text)
            yield text
