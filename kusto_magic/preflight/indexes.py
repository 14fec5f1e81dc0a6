"""Package indexes that the user has configured for pip or uv.

The same variables and files are read as by pip and uv. Project files (pyproject.toml, uv.toml in the working folder)
are ignored, because a downloaded notebook folder must not decide where requests go. URLs may contain credentials and
are therefore excluded from the repr.
"""

from __future__ import annotations

import configparser
import re
import sys
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from kusto_magic.redaction import redact

Environ = Mapping[str, str]

BEST_MATCH = "unsafe-best-match"
"""uv's name for pip's strategy with several indexes: the best version of all of them.

uv calls it unsafe because of dependency confusion; here no package code is executed.
"""


@dataclass(frozen=True, slots=True)
class IndexSettings:
    """The indexes to query: `default` replaces PyPI (None: PyPI), `extra` are further URLs.

    `find_links` are folders or URLs of pages with files. `no_index` limits the search to `find_links`. `strategy` is
    uv's `index-strategy` ("": its default), `certificates` is the path of a CA bundle ("": the default one).
    """

    default: str | None = field(default=None, repr=False)
    extra: tuple[str, ...] = field(default=(), repr=False)
    find_links: tuple[str, ...] = field(default=(), repr=False)
    no_index: bool = False
    strategy: str = ""
    certificates: str = ""

    @property
    def displayed(self) -> tuple[str, ...]:
        """The package locations other than PyPI, reduced to scheme and host for display."""
        return tuple(
            origin(location) or location for location in (*_parse_index(self.default), *self.extra, *self.find_links)
        )

    def hide(self, text: str) -> str:
        """Reduce the URLs in `text` to scheme and host: some indexes have their token in the path."""
        for url in (*_parse_index(self.default), *self.extra, *self.find_links):
            if shown := origin(url):
                path = url.partition("://")[2].partition("/")[2].rstrip("/")
                address = f"{shown.partition('://')[2]}/{path}"
                text = _hide_address(text, address, f"{shown}/…") if path else text
        return redact(text)

    def with_options(self, options: Sequence[tuple[str, str]]) -> IndexSettings:
        """Return the settings with the index options of a requirements text applied, as in pip."""
        if not options:
            return self
        given = [url for option, url in options if option == "--index-url"]
        extra = tuple(url for option, url in options if option == "--extra-index-url")
        settings = replace(self, default=given[-1], extra=(), no_index=False) if given else self
        return replace(settings, extra=settings.extra + extra, strategy=BEST_MATCH)  # as pip does with several indexes


def _parse_index(url: str | None) -> tuple[str, ...]:
    return (url,) if url else ()


_URL_START = re.compile(r"https?://(?:[^\s/]*@)?")
_ORIGIN = re.compile(r"(?:[\w-]+=)?(https?)://(?:[^\s/]*@)?([^\s/?#]+)")


def _hide_address(text: str, address: str, shown: str) -> str:
    """Replace the URLs in `text` whose part after "https://" and the user information starts with `address`."""
    parts: list[str] = []
    done = 0
    for found in _URL_START.finditer(text):
        if found.start() >= done and text.startswith(address, found.end()):
            parts += [text[done : found.start()], shown]
            done = found.end() + len(address)
    return "".join([*parts, text[done:]])


def origin(url: str) -> str:
    """Return scheme, host and port of a URL, which may have a name prefix ("ours=https://…"), or "" for a folder."""
    found = _ORIGIN.match(url)
    return f"{found[1]}://{found[2]}" if found else ""


def user_settings(
    environ: Environ, *, pip_files: Sequence[Path] | None = None, uv_files: Sequence[Path] | None = None
) -> IndexSettings:
    """Return the user's index settings: those of uv if there are any, otherwise those of pip.

    `pip_files` (the last wins) and `uv_files` (the first wins) replace the files of this system. Unreadable files are
    skipped.
    """
    uv = _uv_settings(environ, uv_config_files(environ) if uv_files is None else uv_files)
    if uv.default or uv.extra or uv.find_links or uv.no_index:
        return uv
    return _pip_settings(environ, pip_config_files(environ) if pip_files is None else pip_files)


# ── pip ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def pip_config_files(environ: Environ, platform: str = sys.platform, prefix: str = sys.prefix) -> list[Path]:
    """Return the paths of pip's configuration files; the last one wins. Source: pip, "Configuration", "Location"."""
    named = environ.get("PIP_CONFIG_FILE", "")
    # As in pip, the null device means that no configuration file is read at all.
    if named in {"/dev/null", "nul", "NUL"}:
        return []
    home, name = _home(environ), "pip.ini" if platform == "win32" else "pip.conf"
    if platform == "win32":
        files = [
            *_subfolder(environ.get("PROGRAMDATA"), "pip"),
            home / "pip",
            *_subfolder(environ.get("APPDATA"), "pip"),
        ]
    elif platform == "darwin":
        application = Path("Library", "Application Support", "pip")
        files = [Path("/") / application, home / ".pip", home / ".config" / "pip", home / application]
    else:
        system_folders = environ.get("XDG_CONFIG_DIRS") or "/etc/xdg"
        user_folder = environ.get("XDG_CONFIG_HOME") or str(home / ".config")
        files = [
            *(Path(folder, "pip") for folder in system_folders.split(":")),
            Path("/etc"),
            home / ".pip",
            Path(user_folder, "pip"),
        ]
    return [*(folder / name for folder in files), Path(prefix, name), *([Path(named)] if named else [])]


def _pip_settings(environ: Environ, files: Iterable[Path]) -> IndexSettings:
    sections = _pip_sections(files)

    def get(key: str) -> str:
        variable = environ.get("PIP_" + key.upper().replace("-", "_"), "")
        return variable or sections.get("install", {}).get(key, "") or sections.get("global", {}).get(key, "")

    return IndexSettings(
        default=get("index-url").strip() or None,
        extra=tuple(get("extra-index-url").split()),
        find_links=_existing(get("find-links").split()),
        # The words that pip reads as true.
        no_index=get("no-index").strip().lower() in {"1", "true", "yes", "y", "on", "t"},
        strategy=BEST_MATCH,
        certificates=get("cert").strip(),
    )


def _pip_sections(files: Iterable[Path]) -> dict[str, dict[str, str]]:
    sections: dict[str, dict[str, str]] = {}
    for file in files:
        parser = configparser.RawConfigParser(strict=False)  # raw: URLs contain "%"
        try:
            parser.read_string(file.read_text(encoding="utf-8", errors="replace"))
        except (OSError, configparser.Error):
            continue
        for section in parser.sections():
            # pip accepts both spellings of a key.
            values = {key.replace("_", "-"): value or "" for key, value in parser.items(section)}
            sections.setdefault(section, {}).update(values)
    return sections


# ── uv ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def uv_config_files(environ: Environ, platform: str = sys.platform) -> list[Path]:
    """Return the paths of uv's user and system configuration; the first one wins. Source: uv's manual."""
    if named := environ.get("UV_CONFIG_FILE"):
        return [Path(named)]
    if platform == "win32":
        folders = [*_subfolder(environ.get("APPDATA"), "uv"), *_subfolder(environ.get("PROGRAMDATA"), "uv")]
    else:
        user_folder = environ.get("XDG_CONFIG_HOME") or str(_home(environ) / ".config")
        system_folders = environ.get("XDG_CONFIG_DIRS") or "/etc/xdg"
        folders = [
            Path(user_folder, "uv"),
            *(Path(folder, "uv") for folder in system_folders.split(":")),
            Path("/etc/uv"),
        ]
    return [folder / "uv.toml" for folder in folders]


def _uv_settings(environ: Environ, files: Iterable[Path]) -> IndexSettings:
    documents = [document for file in files if (document := _toml(file))]
    # uv's manual: for `uv pip`, the table [pip] takes precedence over the top level.
    tables = [table for document in documents for table in (_table(document.get("pip")), document)]
    # uv queries an explicit index only for packages that a project assigns to it.
    listed = [index for table in tables for index in _tables(table.get("index")) if not index.get("explicit")]
    default = [_text(index.get("url")) for index in listed if index.get("default")]
    default += [_text(table.get("index-url")) for table in tables]
    extra = [_text(index.get("url")) for index in listed if not index.get("default")]
    extra += [url for table in tables for url in _texts(table.get("extra-index-url"))]
    links = [link for table in tables for link in _texts(table.get("find-links"))]
    named = [environ.get("UV_DEFAULT_INDEX", ""), environ.get("UV_INDEX_URL", ""), *default]
    listed_urls = [*environ.get("UV_INDEX", "").split(), *environ.get("UV_EXTRA_INDEX_URL", "").split()]
    return IndexSettings(
        default=next(filter(None, named), None),
        extra=tuple(filter(None, [*listed_urls, *extra])),
        find_links=_existing([*environ.get("UV_FIND_LINKS", "").split(","), *links]),
        no_index=any(table.get("no-index") is True for table in tables),
        strategy=environ.get("UV_INDEX_STRATEGY", "") or _first(table.get("index-strategy") for table in tables),
    )


def _toml(file: Path) -> Mapping[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _table(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _tables(value: object) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _first(values: Iterable[object]) -> str:
    return next((value for value in values if isinstance(value, str)), "")


# ── folders ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _home(environ: Environ) -> Path:
    return Path(environ.get("HOME") or environ.get("USERPROFILE") or "/")


def _subfolder(folder: str | None, name: str) -> list[Path]:
    return [Path(folder, name)] if folder else []


def _existing(links: Iterable[str]) -> tuple[str, ...]:
    """Return the URLs, and the absolute paths of existing folders; as in pip, a missing folder is not an error."""
    existing: list[str] = []
    for link in filter(None, (link.strip() for link in links)):
        folder = _folder(link)
        if folder is None:
            existing.append(link)
        elif folder.is_dir():
            existing.append(str(folder.absolute()))  # uv runs in another folder
    return tuple(existing)


def _folder(link: str) -> Path | None:
    if link.startswith("file:"):
        from urllib.request import url2pathname  # imported late: it imports http.client

        return Path(url2pathname(link.removeprefix("file:").removeprefix("//")))
    return None if "://" in link else Path(link).expanduser()
