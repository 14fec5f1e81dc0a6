"""What pip, pip-compile, uv and poetry export besides package lines: hashes and options."""

from __future__ import annotations

import re

from kusto_magic.requirements import rules
from kusto_magic.requirements.formats.rewrite import Rewrite, deleted
from kusto_magic.requirements.parser import HASH
from kusto_magic.requirements.sources import is_private_source

_NO_EFFECT_TEXT = (
    "--prefer-binary --only-binary --no-cache-dir --no-input --quiet -q -qq --verbose -v -vv --user --no-color "
    "-y --disable-pip-version-check --no-python-version-warning --break-system-packages --progress-bar --no-compile "
    "--no-warn-script-location --no-warn-conflicts --root-user-action --timeout --default-timeout --retries "
    "--cache-dir --log --require-virtualenv --system --name -n --prefix -p --override-channels --no-progress-bar "
    "--quiet --json --python --exists-action"
)
NO_EFFECT = frozenset(_NO_EFFECT_TEXT.split())
"""Options of installers that do not change which packages an image gets.

Images are built from wheels in an environment of their own.
"""

_WITH_VALUE_TEXT = (
    "--only-binary --no-binary --progress-bar --root-user-action --timeout --default-timeout --retries --cache-dir "
    "--log --index-url -i --extra-index-url --find-links -f --trusted-host -r --requirement -c --constraint -e "
    "--editable --target -t --platform --python-version --python --implementation --abi --prefix -p --root --src "
    "--upgrade-strategy --use-feature --use-deprecated --proxy --cert --client-cert --exists-action --config-settings "
    "-C --global-option --install-option --build-option --channel --name -n --file --group -G --extras -E --source"
)
WITH_VALUE = frozenset(_WITH_VALUE_TEXT.split())
"""Options that are followed by a value."""

_KEPT_TEXT = "-r --requirement -c --constraint -e --editable"
_KEPT = frozenset(_KEPT_TEXT.split())
"""Options that name files: nothing can be put in their place here."""

_OPTION_LINE = re.compile(r"(--?[A-Za-z][\w-]*)(?:[\s=].*)?")
_LINE_OPTION = re.compile(r"\s--(?:global-option|install-option|build-option|config-settings?)[\s=].*")


def hashes(code: str) -> Rewrite | None:
    """Delete the hashes of a package line."""
    if "--hash" not in code or code.startswith("-"):
        return None
    kept = HASH.sub("", code).strip()
    reason = "--hash: the service is not documented to verify hashes; without them, the same versions are installed"
    return Rewrite((kept,), reason) if kept != code else None


def line_options(code: str) -> Rewrite | None:
    """Delete the options of one package that control how it is built."""
    found = _LINE_OPTION.search(code)
    if not found or code.startswith("-"):
        return None
    return Rewrite((code[: found.start()].strip(),), rules.option_problem(found[0].strip().split("=")[0].split()[0]))


def options(code: str) -> Rewrite | None:
    """Delete a line that consists of an option; index options are those that are not allowed.

    An index that may be private stays: without it, its packages would be looked for in the public index.
    """
    found = _OPTION_LINE.fullmatch(code)
    if not found or found[1] in _KEPT or is_private_source(code):
        return None
    if found[1] in NO_EFFECT:
        return deleted(f"{found[1]} has no effect here", is_lossless=True)
    if not rules.is_known_option(found[1]):
        return None
    without = "; without it, all packages are from the package index" if rules.index_option(found[1]) else ""
    return Rewrite((), rules.option_problem(found[1]) + without, hint=rules.option_hint(found[1]))
