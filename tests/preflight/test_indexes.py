"""The user's index settings: their sources, their precedence and their display."""

from __future__ import annotations

from pathlib import Path

import pytest

from kusto_magic.preflight.indexes import BEST_MATCH, IndexSettings, pip_config_files, user_settings, uv_config_files

A, B, C = "https://a.example/simple", "https://b.example/simple", "https://c.example/simple"


def settings(environ: dict[str, str], *, pip: tuple[Path, ...] = (), uv: tuple[Path, ...] = ()) -> IndexSettings:
    return user_settings(environ, pip_files=pip, uv_files=uv)


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_default_index_is_pypi() -> None:
    found = settings({})

    assert (found.default, found.extra, found.find_links, found.no_index) == (None, (), (), False)


# ── pip ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_pip_variables_override_pip_files(tmp_path: Path) -> None:
    file = written(tmp_path / "pip.conf", f"[global]\nindex-url = {A}\nextra-index-url =\n  {B}\n  {C}\n")

    assert settings({}, pip=(file,)) == IndexSettings(A, (B, C), strategy=BEST_MATCH)
    assert settings({"PIP_INDEX_URL": C, "PIP_EXTRA_INDEX_URL": A}, pip=(file,)) == IndexSettings(
        C, (A,), strategy=BEST_MATCH
    )


def test_last_pip_file_wins_and_install_overrides_global(tmp_path: Path) -> None:
    first = written(tmp_path / "1", f"[install]\nindex-url = {C}\n[global]\nindex-url = {A}\ncert = /ca.pem\n")
    second = written(tmp_path / "2", f"[global]\nindex_url = {B}\nno-index = yes\n")

    assert settings({}, pip=(first, second)) == IndexSettings(
        C, no_index=True, strategy=BEST_MATCH, certificates="/ca.pem"
    )
    assert settings({}, pip=(second,)).default == B


def test_missing_folders_are_skipped(tmp_path: Path) -> None:
    folder, text = tmp_path / "folder", "[global]\nfind-links = {} {} {} https://h.example/files\n"
    folder.mkdir()
    file = written(tmp_path / "pip.conf", text.format(folder, folder.as_uri(), tmp_path / "gone"))

    assert settings({}, pip=(file,)).find_links == (str(folder), str(folder), "https://h.example/files")


def test_unreadable_files_are_skipped(tmp_path: Path) -> None:
    unreadable = [
        written(tmp_path / "1", "no section = x"),
        written(tmp_path / "2", "[a\x00"),
        tmp_path / "3",
        tmp_path,
    ]
    (tmp_path / "4").write_bytes(b"\xff\xfe[global]")

    assert settings({}, pip=(*unreadable, tmp_path / "4"), uv=(*unreadable, tmp_path / "4")) == IndexSettings(
        strategy=BEST_MATCH
    )


@pytest.mark.parametrize(
    ("platform", "environ", "files"),
    [
        (
            "linux",
            {"HOME": "/h"},
            ["/etc/xdg/pip/pip.conf", "/etc/pip.conf", "/h/.pip/pip.conf", "/h/.config/pip/pip.conf", "/v/pip.conf"],
        ),
        (
            "linux",
            {"HOME": "/h", "XDG_CONFIG_HOME": "/x", "XDG_CONFIG_DIRS": "/1:/2", "PIP_CONFIG_FILE": "/mine"},
            [
                "/1/pip/pip.conf",
                "/2/pip/pip.conf",
                "/etc/pip.conf",
                "/h/.pip/pip.conf",
                "/x/pip/pip.conf",
                "/v/pip.conf",
                "/mine",
            ],
        ),
        (
            "darwin",
            {"HOME": "/h"},
            [
                "/Library/Application Support/pip/pip.conf",
                "/h/.pip/pip.conf",
                "/h/.config/pip/pip.conf",
                "/h/Library/Application Support/pip/pip.conf",
                "/v/pip.conf",
            ],
        ),
        (
            "win32",
            {"USERPROFILE": "/u", "APPDATA": "/u/a", "PROGRAMDATA": "/p"},
            ["/p/pip/pip.ini", "/u/pip/pip.ini", "/u/a/pip/pip.ini", "/v/pip.ini"],
        ),
        ("linux", {"HOME": "/h", "PIP_CONFIG_FILE": "/dev/null"}, []),
    ],
)
def test_pip_config_paths_match_pip(platform: str, environ: dict[str, str], files: list[str]) -> None:
    assert pip_config_files(environ, platform, "/v") == [Path(file) for file in files]


# ── uv ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_uv_settings_override_pip_settings(tmp_path: Path) -> None:
    pip = written(tmp_path / "pip.conf", f"[global]\nindex-url = {A}\n")
    file = (
        f'index-strategy = "first-index"\n[[index]]\nurl = "{B}"\ndefault = true\n[[index]]\nname = "x"\nurl = "{C}"\n'
    )
    uv = written(tmp_path / "uv.toml", file + f'[[index]]\nurl = "{A}"\nexplicit = true\n')

    assert settings({}, pip=(pip,), uv=(uv,)) == IndexSettings(B, (C,), strategy="first-index")
    assert settings({"UV_DEFAULT_INDEX": C}, pip=(pip,), uv=(uv,)).default == C
    assert settings({"UV_INDEX_URL": C, "UV_EXTRA_INDEX_URL": A, "UV_INDEX": f"x={B}"}) == IndexSettings(
        C, (f"x={B}", A)
    )
    assert settings({"UV_INDEX_STRATEGY": BEST_MATCH}, pip=(pip,), uv=(uv,)).strategy == BEST_MATCH


def test_uv_legacy_keys_and_pip_table_are_read(tmp_path: Path) -> None:
    first = written(tmp_path / "1", f'[pip]\nindex-url = "{A}"\nfind-links = ["{tmp_path}", 3]\nno-index = true\n')
    second = written(tmp_path / "2", f'index-url = "{B}"\nextra-index-url = ["{C}"]\n')

    assert settings({}, uv=(first, second)) == IndexSettings(A, (C,), (str(tmp_path),), no_index=True)
    assert settings({"UV_FIND_LINKS": f"{tmp_path},{tmp_path / 'gone'}"}).find_links == (str(tmp_path),)


@pytest.mark.parametrize(
    "text",
    [f'index-url = "{B}"', f'extra-index-url = ["{B}"]', 'find-links = ["https://h.example/files"]', "no-index = true"],
)
def test_any_uv_setting_disables_pip_settings(tmp_path: Path, text: str) -> None:
    pip = written(tmp_path / "pip.conf", f"[global]\nindex-url = {A}\ncert = /ca\n")
    uv = written(tmp_path / "uv.toml", text)

    assert settings({}, pip=(pip,), uv=(uv,)).certificates == ""
    assert A not in repr(settings({}, pip=(pip,), uv=(uv,)).displayed)


def test_system_files_are_read_by_default(tmp_path: Path) -> None:
    (tmp_path / "pip").mkdir()
    (tmp_path / "uv").mkdir()
    environ = dict.fromkeys(["HOME", "XDG_CONFIG_HOME", "XDG_CONFIG_DIRS", "APPDATA", "PROGRAMDATA"], str(tmp_path))
    named = written(tmp_path / "mine.conf", f"[global]\nindex-url = {A}\n")

    assert user_settings(environ | {"PIP_CONFIG_FILE": str(named)}).default == A
    written(tmp_path / "uv" / "uv.toml", f'index-url = "{B}"')
    assert user_settings(environ | {"PIP_CONFIG_FILE": str(named)}).default == B


def test_uv_config_paths_match_uv() -> None:
    unix = [Path(name) for name in ("/h/.config/uv/uv.toml", "/etc/xdg/uv/uv.toml", "/etc/uv/uv.toml")]
    windows = [Path("/u/a/uv/uv.toml"), Path("/p/uv/uv.toml")]

    assert uv_config_files({"HOME": "/h"}, "linux") == unix
    assert uv_config_files({"APPDATA": "/u/a", "PROGRAMDATA": "/p"}, "win32") == windows
    assert uv_config_files({"UV_CONFIG_FILE": "/mine.toml"}, "linux") == [Path("/mine.toml")]
    moved = {"XDG_CONFIG_HOME": "/x", "XDG_CONFIG_DIRS": "/1:/2"}
    assert uv_config_files(moved, "linux")[:3] == [
        Path(name) for name in ("/x/uv/uv.toml", "/1/uv/uv.toml", "/2/uv/uv.toml")
    ]


# ── index options of a text, and display ───────────────────────────────────────────────────────────────────────────


def test_index_options_of_a_text_override_settings() -> None:
    base = IndexSettings(A, (B,), ("/links",), no_index=True, strategy="first-index", certificates="/ca")

    assert base.with_options([]) is base
    assert base.with_options([("--extra-index-url", C)]) == IndexSettings(
        A, (B, C), ("/links",), no_index=True, strategy=BEST_MATCH, certificates="/ca"
    )
    assert base.with_options([("--index-url", C), ("--extra-index-url", A)]) == IndexSettings(
        C, (A,), ("/links",), strategy=BEST_MATCH, certificates="/ca"
    )


def test_credentials_are_not_in_repr_or_display() -> None:
    found = IndexSettings(
        "https://user:hunter2@a.example:8443/token5token5/simple", ("ours=https://hunter2@b.example/x",), ("/links",)
    )

    assert "hunter2" not in repr(found)
    assert found.displayed == ("https://a.example:8443", "https://b.example", "/links")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("at https://a.example/token5/simple/numpy/", "at https://a.example/…/numpy/"),
        ("at https://user:****@a.example/token5/simple/numpy/", "at https://a.example/…/numpy/"),
        ("at https://me:hunter2@b.example/x", "at https://•••@b.example/x"),
        ("nothing", "nothing"),
    ],
)
def test_urls_are_shortened_in_uv_output(text: str, shown: str) -> None:
    assert IndexSettings("https://user:hunter2@a.example/token5/simple/").hide(text) == shown
