"""Addresses in the place of a version: files, folders, repositories and URLs, as pip freeze writes them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion

from kusto_magic.requirements.formats.conda import specification
from kusto_magic.requirements.formats.rewrite import Rewrite, deleted, is_version, parsed, pin
from kusto_magic.requirements.sources import is_private_address

_NAMED = re.compile(r"([A-Za-z0-9][\w.-]*)\s*+(\[[\w., -]*\])?+\s*+@\s*+(?=\S*[/\\:])([^\s;]+)\s*+(;.*)?")
_EDITABLE = re.compile(r"(?:-e|--editable)[\s=]+(.+)")
_ADDRESS = re.compile(
    r"(?:(?:git|hg|svn|bzr)\+|(?:git|ssh|https?|file):|git@|\.{0,2}[/\\]|~[/\\]|[A-Za-z]:[/\\]|\.{1,2}$).*"
)
_PAGE = re.compile(r"(?:https?://)?(?:www\.)?pypi\.org/(?:project|p)/([A-Za-z0-9][\w.-]*)(?:/(\d[\w.]*))?/?(?:#.*)?")
_FILE_NAME = re.compile(r"[^\s]+\.(?:whl|zip|tar\.gz)")
_CONDA_FILES = (".conda", ".tar.bz2")
_REPOSITORY = re.compile(r"(?:git|hg|svn|bzr)\+|git@|(?:git|ssh)://|\S+\.git(?=$|@)")
_EGG = re.compile(r"[#&]egg=([A-Za-z0-9][\w.-]*)")
_TAG = re.compile(r"(?<![\d.])\d++(?:\.\d++)++[\w.+-]{0,40}$")
_SOURCE_ARCHIVE = re.compile(r"/([^/]+)/archive/(?:refs/tags/)?([^/]+?)(?:\.tar\.gz|\.zip)$")
_CONDA_BUILD = re.compile(
    r"/croot/|/feedstock_root/|/build_artifacts/|/abs_\w+/|/tmp/build/|/conda-bld/|/ci_(?:py)?\d+/|/ci/|"
    r"/bld/|/rattler-build_|/home/conda/|/recipes?/ci"
)

EXTERNAL_ARTIFACT = "build a wheel of it, and pass it to python() as an external artifact"
"""What can be done with a package that is on no index. Source: documentation of the Python plugin."""

_NO_ADDRESS = "an address is not a package of an index"
_LOCAL_FILE = "the service cannot read files of this machine; this names the public package, which may be another one"
_LOCAL = f"a path or file: refers to this machine; the service cannot read local files; {EXTERNAL_ARTIFACT}"


@dataclass(frozen=True, slots=True)
class _Address:
    """What an address says: the name of the package and its version, "" if unknown, and where they were found."""

    name: str
    version: str
    source: str


_UNKNOWN = _Address("", "", "")


def addresses(code: str) -> Rewrite | None:
    """Replace a public address by the name and the version that it contains."""
    if is_private_address(code):
        return None  # a public package of this name may be another one
    if (page := _PAGE.fullmatch(code)) and parsed(page[1]):
        return Rewrite((pin(page[1], page[2] or ""),), "the page of a package; a line names the package")
    if found := _NAMED.fullmatch(code):
        return _named(found[1] + (found[2] or ""), found[3], found[4] or "")
    editable = _EDITABLE.fullmatch(code)
    target = (editable[1] if editable else code).strip().strip("'\"")
    if editable and not _REPOSITORY.match(target):
        return deleted(f"-e: the service cannot read local folders; {EXTERNAL_ARTIFACT}")
    if _ADDRESS.fullmatch(target) or _FILE_NAME.fullmatch(_path(target).rpartition("/")[2]):
        return _unnamed(target)
    return None


def _named(name: str, target: str, marker: str) -> Rewrite:
    address = _read(target)
    tail = f" {marker.strip()}" if marker else ""
    if address.version:
        return Rewrite((pin(name, address.version) + tail,), _file_or_address(target, address.source))
    if _REPOSITORY.match(target):
        return Rewrite((name + tail,), "a commit or branch of a repository has no version of the index")
    path = _path(target)
    if _CONDA_BUILD.search(path):
        return Rewrite((name + tail,), "conda built it from this path; the version is not in the path")
    if "://" in target and not target.lower().startswith("file:"):
        return Rewrite((name + tail,), "a URL is not a version, and the version is not in the URL")
    return deleted(_LOCAL)


def _unnamed(target: str) -> Rewrite | None:
    file = _path(target).rpartition("/")[2]
    if file.endswith(_CONDA_FILES):
        return _from_conda(file.removesuffix(".conda").removesuffix(".tar.bz2"))
    address = _read(target)
    if address.name and address.version:
        guess = "" if _EGG.search(target) or not _REPOSITORY.match(target) else ", the name that of the repository"
        return Rewrite((pin(address.name, address.version),), _file_or_address(target, address.source) + guess)
    if egg := _EGG.search(target):
        return Rewrite((egg[1],), "a commit or branch of a repository has no version of the index")
    if _REPOSITORY.match(target) or ("://" in target and not target.lower().startswith("file:")):
        return None  # the name would be a guess
    return deleted(_LOCAL)


def _file_or_address(target: str, source: str) -> str:
    """Return why a file or an address is replaced by a name and a version."""
    is_remote = _REPOSITORY.match(target) or ("://" in target and not target.lower().startswith("file:"))
    return f"{_NO_ADDRESS if is_remote else _LOCAL_FILE}; {source}"


def _read(target: str) -> _Address:
    path = _path(target)
    if _REPOSITORY.match(target):
        return _from_repository(path, _EGG.search(target))
    if found := _SOURCE_ARCHIVE.search(path):
        return _Address(found[1], tag_version(found[2]), f"the version is that of the tag {found[2]}")
    return _from_file(path.rpartition("/")[2])


def _path(target: str) -> str:
    return unquote(target.partition("#")[0].partition("?")[0]).replace("\\", "/")


def _from_repository(path: str, egg: re.Match[str] | None) -> _Address:
    place, at, reference = path.rpartition("@")
    if (
        not at
        or ":" in reference
        or ("/" in reference and not reference.startswith(("refs/tags/", "release/", "tags/")))
    ):
        place, reference = path, ""
    name = egg[1] if egg else place.rstrip("/").rpartition("/")[2].removesuffix(".git")
    version = tag_version(reference)
    return _Address(name, version, f"the version is that of the tag {reference}")


def tag_version(tag: str) -> str:
    """Return the version that the tag of a repository names ("v1.2.0", "release-1.2.0", "name-1.2.0"), or ""."""
    found = _TAG.search(tag.rpartition("/")[2])
    return found[0] if found and is_version(found[0]) else ""


def _from_file(name: str) -> _Address:
    try:
        if name.endswith(".whl"):
            package, version = parse_wheel_filename(name)[:2]
        else:
            package, version = parse_sdist_filename(name)
    except (InvalidWheelFilename, InvalidSdistFilename, InvalidVersion):
        return _UNKNOWN
    return _Address(package, str(version), "the version is in the file's name")


def _from_conda(stem: str) -> Rewrite | None:
    name, version, build = (*stem.rsplit("-", 2), "", "")[:3]
    return specification(f"{name}={version}={build}") if is_version(version) else None
