"""Settings for the target cluster and for waiting, with the precedence option > `%config` > environment > config.toml.

Settings are not secret: a file that seems to contain a password or a token is rejected.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from kusto_magic.errors import InvalidInputError, Problem, excerpt
from kusto_magic.hints import Hint, HintKind
from kusto_magic.models.endpoint import CLOUDS
from kusto_magic.models.naming import tenant_problem
from kusto_magic.models.sign_in_methods import credential_type_problem
from kusto_magic.models.target import CLUSTER_FIELDS, Target, parse_cluster_id
from kusto_magic.redaction import redact

MAX_FILE_SIZE = 64 * 1024
"""Maximum size of config.toml in bytes."""

MAX_LINE_LENGTH = 1000
"""Maximum number of characters in a line of config.toml; tomllib takes quadratic time for dotted keys."""

DEFAULT_TIMEOUT_HOURS = 4.0
"""Hours for which an operation is polled by default."""

DEFAULT_TIMEOUT = DEFAULT_TIMEOUT_HOURS * 3600
"""The same in seconds; the operation itself continues."""

MAX_TIMEOUT_HOURS = 168.0
"""Maximum value of the `timeout_hours` setting: one week."""

DEFAULT_AZ_TIMEOUT = 15.0
"""Seconds that az, azd or PowerShell may take to return a token by default; az takes 10 s after a cold start."""

WAIT_MODES = ("auto", "yes", "no")
"""Values of the `wait` setting; "auto" waits in terminals and non-interactive runs."""

CONFIG_FILE = "config.toml"
"""Name of the configuration file."""

_LIMITS = {"az_timeout": ("seconds", 600.0), "timeout_hours": ("hours", MAX_TIMEOUT_HOURS)}
"""Unit and maximum of each setting that is a number."""

_ENDPOINT_SETTINGS = frozenset({"cloud", "endpoint"})
_SECRET = re.compile(r"pass|pwd|token|secret|key", re.IGNORECASE)


class SignIn(NamedTuple):
    """The settings of the sign-in; the values are as in `Settings`."""

    credential: str = ""
    tenant: str = ""
    az_timeout: float = DEFAULT_AZ_TIMEOUT


@dataclass(frozen=True, slots=True)
class Settings:
    """The resolved settings; "" means not set.

    `tenant` is the ID or domain of the tenant to sign in to; `credential` is one of `sign_in_methods`;
    `az_timeout` is the limit in seconds for az, azd and PowerShell; `wait` is one of `WAIT_MODES`; `timeout_hours` is
    the number of hours for which an operation is polled. `sources` has the origin of each value that is set:
    "--cluster", "%config KustoImageMagics.cluster", "KUSTO_MAGIC_CLUSTER" or "config.toml".
    """

    subscription: str = ""
    resource_group: str = ""
    cluster: str = ""
    cloud: str = ""
    endpoint: str = ""
    tenant: str = ""
    credential: str = ""
    az_timeout: float = DEFAULT_AZ_TIMEOUT
    wait: str = "auto"
    timeout_hours: float = DEFAULT_TIMEOUT_HOURS
    sources: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), compare=False)

    @property
    def endpoint_url(self) -> str:
        """The Resource Manager endpoint: the configured one, or that of the cloud."""
        return self.endpoint or CLOUDS[self.cloud or "public"].endpoint

    @property
    def sign_in(self) -> SignIn:
        """The settings of the sign-in."""
        return SignIn(self.credential, self.tenant, self.az_timeout)

    def target(self) -> Target:
        """Return the target cluster. Raises InvalidInputError with all missing parts, or with all invalid ones."""
        values = {name: getattr(self, name) for name in CLUSTER_FIELDS}
        missing = [
            Problem(_setting_label(name), "not set", hint=Hint(HintKind.SET_SETTING, name, (_variable(name),)))
            for name, value in values.items()
            if not value
        ]
        if missing:
            raise InvalidInputError(missing, hint=Hint(HintKind.CHOOSE_CLUSTER))
        try:
            return Target(**values, endpoint=self.endpoint_url)
        except InvalidInputError as error:
            raise InvalidInputError([self._with_source(problem) for problem in error.problems]) from None

    def _with_source(self, problem: Problem) -> Problem:
        source = self.sources.get(problem.field.replace(" ", "_"))
        return replace(problem, message=f"{problem.message} (from {source})") if source else problem


NAMES = tuple(entry.name for entry in fields(Settings) if entry.name != "sources")
"""Names of all settings."""


def config_file(environ: Mapping[str, str]) -> Path:
    """Return the path of config.toml: in KUSTO_MAGIC_HOME, or in the platform's user configuration folder."""
    if home := environ.get("KUSTO_MAGIC_HOME"):
        return Path(home).expanduser() / CONFIG_FILE
    import platformdirs

    return platformdirs.user_config_path("kusto-magic", appauthor=False) / CONFIG_FILE


def read_config(path: Path) -> str:
    """Return the text of config.toml, or "" if it does not exist.

    Raises InvalidInputError if it cannot be read, is not UTF-8 or is larger than 64 kB.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_SIZE + 1)
    except (FileNotFoundError, NotADirectoryError):  # NotADirectoryError: a parent of it is a file
        return ""
    except OSError as error:
        raise InvalidInputError([Problem(CONFIG_FILE, f"cannot be read: {error.strerror}")]) from None
    if len(content) > MAX_FILE_SIZE:
        raise InvalidInputError([_too_large()])
    try:
        return content.decode("utf-8-sig")  # editors on Windows write a byte order mark
    except UnicodeDecodeError:
        raise InvalidInputError([Problem(CONFIG_FILE, "is not valid UTF-8")]) from None


def save(path: Path, values: Mapping[str, str]) -> None:
    """Save settings to config.toml and keep its other lines. Raises InvalidInputError if the file cannot be written."""
    import json

    kept = [line for line in read_config(path).splitlines() if line.partition("=")[0].strip() not in values]
    # A JSON string is a valid TOML string.
    chosen = [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in values.items() if value]
    text = "\n".join([*chosen, *kept]) + "\n"
    _, problems = _read(text)  # the kept lines may be invalid
    if problems:
        raise InvalidInputError(problems)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(path.name + ".new")  # in the same folder: a rename across file systems is not atomic
        new.write_text(text, encoding="utf-8")
        new.replace(path)  # atomic, so another session reads either the old or the new file
    except OSError as error:
        raise InvalidInputError([Problem(CONFIG_FILE, f"cannot be written: {error.strerror}")]) from None


def resolve(
    options: Mapping[str, str | None],
    config: Mapping[str, str | None],
    environ: Mapping[str, str],
    file_text: str,
    *,
    credential_option: str = "--as",
) -> Settings:
    """Return the settings, each from the first of the four layers that sets it; "" and None count as not set.

    `cluster` may be a full ARM ID. `cloud` and `endpoint` are one choice: a layer with either overrides both in the
    layers below. The names are those of `Settings`; environment variables start with KUSTO_MAGIC_. `credential_option`
    is the name of the option that sets the sign-in method.
    Raises InvalidInputError with every problem; resource names are validated by `Settings.target`.
    """
    in_file, problems = _read(file_text)
    layers = [
        _layer(options, lambda name: credential_option if name == "credential" else f"--{name.replace('_', '-')}"),
        _layer(config, lambda name: f"%config KustoImageMagics.{name}"),
        _layer({name: environ.get(_variable(name)) for name in NAMES}, _variable),
        _layer(in_file, lambda name: CONFIG_FILE),
    ]
    merged = _merge(layers)
    for found in (*map(_conflicting_options, layers), _merged_conflicts(merged), _invalid_values(merged)):
        problems += found
    if problems:
        raise InvalidInputError(problems)
    return _settings(merged)


# ── layers ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Value:
    text: str
    source: str

    def __str__(self) -> str:
        return f"{redact(excerpt(self.text))} from {self.source}"


_Layer = Mapping[str, _Value]


def _layer(given: Mapping[str, str | None], source: Callable[[str], str]) -> _Layer:
    """Return the values of a layer; a full ARM ID of a cluster also sets the subscription and resource group."""
    own = {name: _Value(text, source(name)) for name in NAMES if (text := (given.get(name) or "").strip())}
    if "cluster" not in own:
        return own
    parts = parse_cluster_id(own["cluster"].text)
    return {**{name: _Value(text, own["cluster"].source) for name, text in parts.items()}, **own}


def _merge(layers: Iterable[_Layer]) -> _Layer:
    merged: _Layer = {}
    for layer in layers:
        chosen = _ENDPOINT_SETTINGS if merged.keys() & _ENDPOINT_SETTINGS else frozenset()
        # The first layer that sets a value wins.
        merged = {**{name: value for name, value in layer.items() if name not in chosen}, **merged}
    return merged


def _settings(merged: _Layer) -> Settings:
    values: dict[str, Any] = {name: value.text for name, value in merged.items()}
    values |= parse_cluster_id(values.get("cluster", ""))
    values |= {name: float(values[name]) for name in _LIMITS if name in values}
    sources = MappingProxyType({name: value.source for name, value in merged.items()})
    return Settings(**values, sources=sources)


def _variable(name: str) -> str:
    return f"KUSTO_MAGIC_{name.upper()}"


def _setting_label(name: str) -> str:
    return name.replace("_", " ")


# ── problems ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _conflicting_options(layer: _Layer) -> Iterator[Problem]:
    if layer.keys() >= _ENDPOINT_SETTINGS:
        yield Problem(
            "endpoint", f"set either a cloud or an endpoint, not both ({layer['cloud']}, {layer['endpoint']})"
        )


def _merged_conflicts(merged: _Layer) -> Iterator[Problem]:
    for name, text in parse_cluster_id(merged["cluster"].text if "cluster" in merged else "").items():
        if name != "cluster" and merged[name].text.lower() != text.lower():
            message = f"the ARM ID from {merged['cluster'].source} has another value than {merged[name]}"
            yield Problem(_setting_label(name), message)


def _invalid_values(merged: _Layer) -> Iterator[Problem]:
    for name, allowed in (("wait", WAIT_MODES), ("cloud", tuple(CLOUDS))):
        if name in merged and merged[name].text not in allowed:
            yield Problem(name, f"{merged[name]}: must be one of {', '.join(allowed)}")
    if "credential" in merged and (message := credential_type_problem(merged["credential"].text)):
        yield Problem("credential", f"{message} (from {merged['credential'].source})")
    if "tenant" in merged and (message := tenant_problem(merged["tenant"].text)):
        yield Problem("tenant", f"{message} (from {merged['tenant'].source})")
    for name, (unit, limit) in _LIMITS.items():
        if name in merged and not _is_positive(merged[name].text, limit):
            yield Problem(
                _setting_label(name), f"{merged[name]}: must be a number of {unit} above 0, at most {limit:g}"
            )
    if "cluster" in merged and "/" in (text := merged["cluster"].text) and not parse_cluster_id(text):
        rule = "must be a name or /subscriptions/…/resourceGroups/…/providers/Microsoft.Kusto/clusters/…"
        yield Problem("cluster", f"{merged['cluster']}: {rule}")


def _is_positive(text: str, limit: float) -> bool:
    try:
        return 0 < float(text) <= limit  # false for nan
    except ValueError:
        return False


# ── config.toml ────────────────────────────────────────────────────────────────────────────────────────────────────


def _read(text: str) -> tuple[dict[str, str], list[Problem]]:
    """Return the settings in the text of config.toml, and its problems."""
    if len(text.encode("utf-8", "replace")) > MAX_FILE_SIZE:  # "replace": a lone surrogate cannot be encoded
        return {}, [_too_large()]
    if max(map(len, text.splitlines()), default=0) > MAX_LINE_LENGTH:
        return {}, [Problem(CONFIG_FILE, f"has a line of more than {MAX_LINE_LENGTH:,} characters")]
    try:
        document = tomllib.loads(text)
    except ValueError as error:  # TOMLDecodeError, or int() of a number with more than 4,300 digits
        return {}, [Problem(CONFIG_FILE, f"is not valid TOML: {redact(str(error))}")]
    except RecursionError:
        return {}, [Problem(CONFIG_FILE, "is nested too deeply")]
    problems = [
        Problem(CONFIG_FILE, message) for key, value in document.items() if (message := _invalid_entry(key, value))
    ]
    return {} if problems else {key: str(value) for key, value in document.items()}, problems


def _invalid_entry(key: str, value: object) -> str:
    """Return the rule that an entry violates, or "". The message never contains the value, which may be secret."""
    shown = redact(excerpt(key))
    if key not in NAMES:
        if _SECRET.search(key):
            return f"{shown} looks like a secret, which must not be in this file; remove it; revoke it if others saw it"
        closest = difflib.get_close_matches(key.lower().replace("-", "_"), NAMES, n=1)
        return f"unknown setting {shown}" + (f"; did you mean {closest[0]}?" if closest else "")
    if key in _LIMITS:
        # To Python, a bool is an int.
        is_number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= 1e9
        return "" if is_number else f"{shown} must be a number of {_LIMITS[key][0]}, without quotes"
    return "" if isinstance(value, str) else f"{shown} must be a string in quotes"


def _too_large() -> Problem:
    return Problem(CONFIG_FILE, f"is larger than {MAX_FILE_SIZE // 1024} kB")
