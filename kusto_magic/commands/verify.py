"""The subcommand `verify`: what queries run on, compared with what was planned."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import replace

from kusto_magic.builds.event_loop import result_or_cancel
from kusto_magic.commands import documents
from kusto_magic.commands.session import Session
from kusto_magic.display.verification_table import verification_table
from kusto_magic.display.waits import SlowQuery
from kusto_magic.models.target import Target
from kusto_magic.models.verification import Verification
from kusto_magic.queries.verify import VerifyOptions, require_success


def verify(session: Session, options: Namespace) -> None:
    """Query the cluster for what the image holds, and compare. Raises VerificationError if it differs."""
    _, target = session.resolve_target(options)
    how = VerifyOptions(imports=options.imports, database=options.database or "")
    found = _verify(session, target, options.name or "", how)
    data = {"verification": documents.verification_json(found)}
    session.show_table(replace(verification_table(found, target), data=data))
    require_success(found, is_shown=session.is_interactive)


def _verify(session: Session, target: Target, name: str, options: VerifyOptions) -> Verification:
    waiting = SlowQuery(session.progress_output, target.cluster)
    return result_or_cancel(session.builds.verify(target, name, options), waiting)
