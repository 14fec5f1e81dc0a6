"""Signs a person in from a cell: shows the code to type, and then whom it was.

The code is one output, changed in place: no saved notebook keeps it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from html import escape
from typing import TYPE_CHECKING
from uuid import uuid4

from kusto_magic.arm.credentials import INTERACTIVE_TYPES, CredentialFactory
from kusto_magic.display.bundle import Bundle, message
from kusto_magic.errors import SignInFailed
from kusto_magic.redaction import redact

if TYPE_CHECKING:
    from kusto_magic.commands.session import Session
    from kusto_magic.models.target import Target


def sign_in(session: Session, kind: str, target: Target) -> str:
    """Sign in to a cluster's cloud in this way, from now on; return whom that is, "" where the token does not say.

    Raises SignInFailed; one that asks a person, where nobody is there, before anything is sent.
    """
    if kind not in INTERACTIVE_TYPES:
        return _signed_in(session, CredentialFactory(kind), target)
    if not session.can_prompt:
        what = f"nobody is before this notebook who could sign in with the {kind}"
        raise SignInFailed(what, next_step="choose another way: %kusto_image use --as environment, managed or cli.")
    show = _output(session)
    show(message("Signing in: a window opens in your browser …" if kind == "browser" else "Signing in …"))
    try:
        who = _signed_in(session, CredentialFactory(kind, lambda *asked: show(device_code_bundle(*asked))), target)
    except BaseException as error:
        show(
            message("The sign-in did not come to an end." if isinstance(error, KeyboardInterrupt) else "Not signed in.")
        )
        raise
    show(message(f"Signed in as {who}." if who else "Signed in."))
    return who


def _signed_in(session: Session, way: CredentialFactory, target: Target) -> str:
    session.builds.sign_in(way)
    return session.builds.ask(target, lambda client: client.sign_in())


def device_code_bundle(address: str, typed: str, until: datetime) -> Bundle:
    """Return what to show of a device code: the address and the code as texts to select, no link."""
    address, typed = redact(address)[:200], redact(typed)[:40]
    html = (
        f"<p>To sign in, open <code>{escape(address)}</code> in a browser on any machine and type this code:</p>"
        f'<pre style="user-select: all; font-size: 150%">{escape(typed)}</pre>'
        f"<p>It is good until {until:%H:%M} UTC. Type no code that somebody else gave you.</p>"
    )
    text = f"To sign in, open {address} in a browser and type the code {typed} (good until {until:%H:%M} UTC)."
    return {"text/html": html, "text/plain": text}


def _output(session: Session) -> Callable[[Bundle], None]:
    """Return a function that shows a bundle in place of the one before; in a terminal, below it."""
    if not session.in_kernel:
        return session.show
    display_id = uuid4().hex
    shown: list[Bundle] = []

    def show(data: Bundle) -> None:
        publish = session.shell.display_pub.publish
        publish(data, {}, transient={"display_id": display_id}, update=bool(shown))
        shown.append(data)

    return show
