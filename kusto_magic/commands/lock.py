"""Option `--lock`: the lock file of a requirements text is written, or what is sent is held against it.

The file is read before anything else, so that its base and its text can stand in for those of the command. It is
written as soon as the check has found the packages, before anything is sent.
"""

from __future__ import annotations

import re
from argparse import Namespace
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from kusto_magic.builds.runner import spec_to_send
from kusto_magic.commands.images import show_checked
from kusto_magic.commands.session import Session
from kusto_magic.errors import InvalidInputError, LockDriftError, Problem, RequirementsConflictError
from kusto_magic.models import pylock
from kusto_magic.models.image import ImageSpec
from kusto_magic.models.lock import Lock, comparable_text
from kusto_magic.models.target import Target
from kusto_magic.preflight.report import PreflightReport, Verdict

_BLANK_LINE = re.compile(r"(?m)^[ \t]+$")

FIELD = "--lock"
"""The field of problems."""


@dataclass(frozen=True, slots=True)
class LockFile:
    """The file of `--lock`: its lock, None if it does not exist, and whether it is written again."""

    path: Path
    lock: Lock | None = None
    is_updated: bool = False

    @property
    def required(self) -> Lock | None:
        """The lock that must be kept, or None if one is written."""
        return None if self.is_updated else self.lock

    def holds_input(self, options: Namespace, text: str) -> bool:
        """Return whether the requirements come from the lock: the command has none."""
        return self.lock is not None and not text.strip() and not options.file and not options.no_packages

    def complete_base(self, options: Namespace) -> None:
        """Use the base of the lock if the command names none."""
        if self.lock is not None and options.base is None and options.python is None:
            options.base = self.lock.base_image or None
            options.python = None if self.lock.base_image else self.lock.python

    def spec(self, options: Namespace) -> ImageSpec:
        """Return the spec of the lock's own text, byte for byte. Raises InvalidInputError."""
        assert self.lock is not None  # noqa: S101 - `holds_input`
        text = self.lock.requirements
        return ImageSpec(
            text,
            options.base,
            options.python,
            allow_index_options=options.allow_index_options,
            allow_no_packages=not text.strip(),
        )


def read_lock_file(options: Namespace) -> LockFile | None:
    """Return the file of `--lock`, or None without the option. Raises InvalidInputError."""
    if options.lock is None:
        if options.update_lock:
            raise InvalidInputError([Problem("--update-lock", "name the lock with --lock FILE")])
        return None
    path = Path(options.lock).expanduser()
    if message := pylock.file_name_problem(path.name):
        raise _problem(message)
    content = _content(path)
    if content is None:
        return LockFile(path, is_updated=options.update_lock)
    try:
        return LockFile(path, pylock.read_pylock(content), options.update_lock)
    except ValueError as error:
        # Only a file of this program is replaced: a pylock.toml can be that of a project.
        if options.update_lock and pylock.is_ours(content.decode("utf-8", "replace")):
            return LockFile(path, is_updated=True)
        raise _problem(f"{path.name} {error}") from None


def _content(path: Path) -> bytes | None:
    """Return the content of a file, one byte more than allowed if it is too large; None if there is none."""
    try:
        if path.exists() and not path.is_file():
            raise _problem(f"{path.name} is not a file")
        with path.open("rb") as file:
            return file.read(pylock.MAX_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _problem(f"{path.name} cannot be read: {error.strerror}") from None


def _problem(message: str) -> InvalidInputError:
    return InvalidInputError([Problem(FIELD, message)])


def with_lock(file: LockFile | None, options: Namespace, spec: ImageSpec) -> ImageSpec:
    """Return a spec with the cutoff of the options and of the lock that must be kept.

    A text that is the lock's but for its line endings is replaced by it: a cell cannot keep them. Raises
    LockDriftError.
    """
    cutoff = options.exclude_newer or ""
    lock = file.required if file else None
    if lock is None:
        return replace(spec, exclude_newer=cutoff) if cutoff else spec
    if _as_in_cell(spec.requirements) == _as_in_cell(lock.requirements):
        spec = replace(spec, requirements=lock.requirements)
    stated = replace(
        lock,
        base_image=spec.base_image or "",
        python=spec.python_version or lock.python,
        requirements=lock.requirements if options.pin or options.fix else spec.requirements,
        exclude_newer=cutoff or lock.exclude_newer,
    )
    if differences := lock.differences(stated):
        raise LockDriftError(differences)
    return replace(spec, exclude_newer=lock.exclude_newer, lock=lock)


def _as_in_cell(text: str) -> str:
    """Return a text as a cell keeps it: IPython also removes the blanks of blank lines."""
    return _BLANK_LINE.sub("", comparable_text(text.removeprefix("\ufeff")))


def lock_spec(
    session: Session, file: LockFile, options: Namespace, target: Target | None, spec: ImageSpec
) -> tuple[ImageSpec, PreflightReport]:
    """Check a spec and write its lock, or compare it with the lock; return the spec to send and the report.

    The spec has the lock, and everything that `--pin` and `--fix` change. Raises RequirementsConflictError and
    LockDriftError.
    """
    report = session.check(target, spec, fix=options.fix)
    if report.verdict is Verdict.CONFLICT:
        show_checked(session, report)
    sent = spec_to_send(spec, report, pin=options.pin)
    report = report.sent_as(sent.requirements)
    if report.lock is None:
        what = f"the lock could not be written: {report.reason or 'the check found no packages'}"
        raise RequirementsConflictError(what, forecast=report)
    is_written = file.required is None and not _sends_nothing(options)
    if is_written:
        write_atomically(file.path, pylock.pylock_text(report.lock))
    _show(session, file, report.lock, is_written=is_written)
    options.pin = options.fix = False  # done
    return replace(sent, lock=report.lock), report


def _sends_nothing(options: Namespace) -> bool:
    """Return whether the command is a preview, which must not write either."""
    return any(getattr(options, name, False) for name in ("dry_run", "diff", "plan", "fail_on_change"))


def _show(session: Session, file: LockFile, lock: Lock, *, is_written: bool) -> None:
    done = "written" if is_written else "kept" if file.required else "not written"
    count = "1 package" if len(lock.packages) == 1 else f"{len(lock.packages)} packages"
    data = {"lock": lock_document(lock) | {"file": str(file.path), "written": is_written}}
    session.show_message(f"Lock {file.path.name}: {done}, {count}, {lock.digest}", data)
    if is_written and (unpinned := _unpinned(lock)):
        session.remark(
            f"Note: the requirements do not fix {unpinned} of them; the service may install other versions of these. "
            "--pin sends exact versions."
        )


def _unpinned(lock: Lock) -> int:
    """Return the number of packages whose version no line of the text fixes."""
    from kusto_magic.requirements import parser

    fixed = {it.name for it in parser.read(lock.requirements).packages if it.specifier.startswith("==")}
    return sum(package.name not in fixed and not package.in_base for package in lock.packages)


def lock_document(lock: Lock) -> dict[str, Any]:
    """Return a lock as JSON for programs: its digest and its size."""
    return {"digest": lock.digest, "packages": len(lock.packages), "excludeNewer": lock.exclude_newer}


def write_atomically(path: Path, text: str) -> None:
    """Write a file so that others read either the old or the new one. Raises InvalidInputError."""
    path = path.resolve()  # a link stays one
    new = path.with_name(f".{path.name}-{uuid4().hex}")
    try:
        with new.open("x", encoding="utf-8", newline="") as file:  # "\n" on each system: the same lock, the same bytes
            file.write(text)
        new.replace(path)
    except OSError as error:
        with suppress(OSError):
            new.unlink()
        raise _problem(f"{path.name} cannot be written: {error.strerror}") from None
