"""A small package index: generated wheels and source distributions, and a local server for them."""

from __future__ import annotations

import base64
import io
import json
import tarfile
import threading
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType


def write_wheel(
    folder: Path, name: str, version: str, *, needs: Sequence[str] = (), python: str = "", tag: str = "py3-none-any"
) -> Path:
    """Write a wheel that contains only metadata: its requirements (PEP 508) and Requires-Python."""
    stem = f"{name.replace('-', '_')}-{version}"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    metadata += f"Requires-Python: {python}\n" if python else ""
    metadata += "".join(f"Requires-Dist: {need}\n" for need in needs)
    path = folder / f"{stem}-{tag}.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(f"{stem}.dist-info/METADATA", metadata)
        wheel.writestr(f"{stem}.dist-info/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n")
        wheel.writestr(f"{stem}.dist-info/RECORD", "")
    return path


def write_project(folder: Path, name: str, version: str, mark: Path) -> Path:
    """Write a project whose build backend creates the file `mark` as soon as it is imported."""
    project = folder / name
    project.mkdir(parents=True)
    leave = f"import pathlib\npathlib.Path({str(mark)!r}).write_text('was here')\n"
    hooks = "".join(
        f"def {hook}(*args, **kwargs):\n    raise SystemExit('the mark is left')\n"
        for hook in ("build_wheel", "build_sdist", "build_editable", "prepare_metadata_for_build_wheel")
    )
    (project / "backend.py").write_text(leave + hooks, encoding="utf-8")
    (project / "setup.py").write_text(leave, encoding="utf-8")
    system = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    project_table = f'[project]\nname = "{name}"\nversion = "{version}"\ndynamic = ["dependencies"]\n'
    (project / "pyproject.toml").write_text(system + project_table, encoding="utf-8")
    return project


def write_sdist(folder: Path, name: str, version: str, mark: Path) -> Path:
    """Write the project of `write_project` as a source distribution."""
    stem = f"{name}-{version}"
    project = write_project(folder / "sources", name, version, mark)
    path = folder / f"{stem}.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for file in sorted(project.iterdir()):
            archive.add(file, f"{stem}/{file.name}")
        info = f"Metadata-Version: 2.2\nName: {name}\nVersion: {version}\nDynamic: Requires-Dist\n".encode()
        member = tarfile.TarInfo(f"{stem}/PKG-INFO")
        member.size = len(info)
        archive.addfile(member, io.BytesIO(info))
    return path


class _Index(ThreadingHTTPServer):
    """A package index (PEP 691) of the files in a folder; `wanted` is the required Authorization header, or ""."""

    def __init__(self, folder: Path, wanted: str, status: int, uploaded: Mapping[str, str]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder, self.wanted, self.status, self.uploaded = folder, wanted, status, uploaded

    def answer(self, path: str, authorization: str) -> tuple[int, str, bytes]:
        """Return status, media type and body for a path."""
        if self.status != 200 or (self.wanted and authorization != self.wanted):
            return (401 if self.status == 200 else self.status), "text/plain", b""
        *above, last = path.strip("/").split("/")
        if above[-1:] == ["files"]:
            return 200, "application/octet-stream", (self.folder / last).read_bytes()
        return self._page(last)

    def _page(self, name: str) -> tuple[int, str, bytes]:
        files = [
            {"filename": file.name, "url": f"/files/{file.name}", "hashes": {}, "size": file.stat().st_size}
            | ({"upload-time": self.uploaded[file.name]} if file.name in self.uploaded else {})
            for file in sorted(self.folder.iterdir())
            if file.is_file() and file.name.split("-")[0].replace("_", "-") == name
        ]
        document = {"meta": {"api-version": "1.1"}, "name": name, "files": files}
        return (200 if files else 404), "application/vnd.pypi.simple.v1+json", json.dumps(document).encode()


class _Handler(BaseHTTPRequestHandler):
    server: _Index

    def do_GET(self) -> None:
        """Respond with a body."""
        self.wfile.write(self._begin())

    def do_HEAD(self) -> None:
        """Respond without a body."""
        self._begin()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
        """Log nothing."""

    def _begin(self) -> bytes:
        status, kind, body = self.server.answer(self.path, self.headers.get("Authorization", ""))
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if status == 401:
            self.send_header("WWW-Authenticate", 'Basic realm="index"')
        self.end_headers()
        return body


@contextmanager
def package_index(
    folder: Path,
    *,
    user: str = "",
    password: str = "",
    status: int = 200,
    uploaded: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[str]:
    """Serve a folder as a local package index and yield its URL.

    With `user` and `password`, requests need them. A `status` other than 200 is returned for every request. `uploaded`
    are the times at which the index received files, by their names.
    """
    wanted = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode() if user else ""
    server = _Index(folder, wanted, status, uploaded)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/simple"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
