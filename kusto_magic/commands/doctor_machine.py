"""What `%kusto_image doctor` says of this machine: front end, proxies, certificates, emulator and package indexes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from kusto_magic.commands.session import Session

HIDDEN = "set, not shown"
"""Displayed instead of values that identify the user's resources."""

PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY")
CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")

HOSTS = {
    "VSCODE_PID": "VS Code",
    "COLAB_RELEASE_TAG": "Colab",
    "JUPYTERHUB_USER": "JupyterHub",
    "TRIDENT_SPARK_VERSION": "Fabric",
    "JPY_SESSION_NAME": "Jupyter server",
}
"""Environment variables that a front end sets for its kernels."""

Row = tuple[str, str, str]


def machine(session: Session, environ: Mapping[str, str]) -> Iterator[Row]:
    """Yield the rows about this machine; nothing is sent but the identification of a local emulator."""
    yield "", "front end", _front_end(session, environ)
    yield "", "proxies", _proxies(environ)
    yield from _certificates(environ)
    yield "", "package indexes", _indexes(environ)
    yield "", "emulator", _emulator()


def _front_end(session: Session, environ: Mapping[str, str]) -> str:
    return ", ".join([session.description, *(name for variable, name in HOSTS.items() if variable in environ)])


def _proxies(environ: Mapping[str, str]) -> str:
    """Return which variables are set: a value may contain a password."""
    found = [name for name in PROXIES if environ.get(name) or environ.get(name.lower())]
    return f"{', '.join(found)} {HIDDEN}" if found else "none set"


def _certificates(environ: Mapping[str, str]) -> Iterator[Row]:
    found = [name for name in CERTIFICATES if environ.get(name)]
    for name in found:
        exists = Path(environ[name]).exists()
        yield ("✔", name, HIDDEN) if exists else ("✖", name, "names a file or folder that does not exist")
    if not found:
        yield "", "certificates", "those of the packages: no variable names others"


def _indexes(environ: Mapping[str, str]) -> str:
    from kusto_magic.preflight.indexes import user_settings

    configured = user_settings(environ)
    return ", ".join(configured.displayed) or "PyPI"


def _emulator() -> str:
    from kusto_magic.arm import local_emulator

    running = local_emulator.find()
    if running is None:
        return "not running"
    return f"running, {running.clusters} {'cluster' if running.clusters == 1 else 'clusters'}"
