"""Interactive sign-in from a cell: shows the device code, and then the identity.

The code is an output that is updated in place, so that a saved notebook does not contain it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from kusto_magic.arm.credentials import INTERACTIVE_TYPES, CredentialFactory, GivenCredential
from kusto_magic.display.bundle import Bundle, bundle_of, isolated, message
from kusto_magic.display_text import visible, visible_line
from kusto_magic.errors import SignInError
from kusto_magic.hints import Hint, HintKind
from kusto_magic.redaction import redact

if TYPE_CHECKING:
    from kusto_magic.commands.session import Session
    from kusto_magic.models.target import Target
    from kusto_magic.settings import SignIn


def sign_in(session: Session, chosen: SignIn, target: Target, given: GivenCredential | None = None) -> str:
    """Sign in to the cluster's cloud with the chosen method, or a given object, and use it from now on.

    Returns the identity, or "" if the token does not contain it. Raises SignInError; for an interactive method in a
    non-interactive session, before anything is sent.
    """
    kind = chosen.credential
    if given or kind not in INTERACTIVE_TYPES:
        return _signed_in(session, replace(CredentialFactory.of(chosen), given=given), target)
    if not session.can_prompt:
        what = f"the sign-in method {kind} needs an interactive session"
        raise SignInError(what, hint=Hint(HintKind.CHOOSE_CREDENTIAL, values=("environment", "managed", "cli")))
    show = session.updated_output()
    show(message("Signing in: a window opens in your browser …" if kind == "browser" else "Signing in …"))
    factory = CredentialFactory.of(chosen, lambda *prompt: show(device_code_bundle(*prompt)))
    try:
        identity = _signed_in(session, factory, target)
    except BaseException as error:  # also an interrupt: the device code must not stay in the output
        factory.cancel()
        show(message("The sign-in was interrupted." if isinstance(error, KeyboardInterrupt) else "Not signed in."))
        raise
    show(message(f"Signed in as {identity}." if identity else "Signed in."))
    return identity


def _signed_in(session: Session, factory: CredentialFactory, target: Target) -> str:
    session.builds.sign_in(factory)
    return session.builds.ask(target, lambda client: client.sign_in())


def device_code_bundle(url: str, user_code: str, expires_at: datetime) -> Bundle:
    """Return the bundle for a device code: the URL and the code as text to copy.

    The URL is not a link, because it comes from a response and a user should read it before opening it.
    """
    url, user_code = visible_line(redact(url)[:200]), visible_line(redact(user_code)[:40])
    html = (
        f"<p>To sign in, open <code>{isolated(url)}</code> in a browser on any machine and enter this code:</p>"
        f'<pre style="user-select: all; font-size: 150%">{isolated(user_code)}</pre>'
        f"<p>The code is valid until {expires_at:%H:%M} UTC. Never enter a code that someone else gave you.</p>"
    )
    text = f"To sign in, open {url} in a browser and enter the code {user_code} (valid until {expires_at:%H:%M} UTC)."
    return bundle_of(html, visible(text))
