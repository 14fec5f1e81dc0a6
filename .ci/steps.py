"""The steps of the sessions in noxfile.py: installing, linting and the parts of the test run."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import bootstrap
import nox
from chromium import install_commands
from nox.command import CommandFailed

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = nox.project.load_toml(ROOT / "pyproject.toml")
TEST, LINT, PACKAGE, BENCH = (
    nox.project.dependency_groups(PYPROJECT, it) for it in ("test", "lint", "package", "bench")
)
REBUILD = ("--reinstall-package", "kusto-magic")
"""Otherwise uv may reuse the wheel it built before, as long as pyproject.toml is unchanged."""

PEERS = tuple(f"azure-mgmt-kusto=={version}" for version in ("3.3.0", "3.4.0", "4.0.0"))
OLDER_PEER, NEWER_PEER = PEERS[0], PEERS[-1]
GRAPH_PEER, JAVASCRIPT_PEER = "azure-mgmt-resourcegraph==8.0.1", "@azure/arm-kusto@8.1.0"
LRO_SERVER = "@microsoft.azure/autorest.testserver@3.3.51"
FAST = (
    "-m", "not azure and not browser and not index and not server and not slow",
    "--ignore=tests/integration", "--ignore=tests/labextension",
)  # fmt: skip
"""The two folders have no fast tests; what they import would take three seconds."""

TWO_PROCESSES = ("-n", "2", "--dist", "worksteal")
PARALLEL = (*TWO_PROCESSES, "--hypothesis-profile", "fast")
BYTECODE = {"PYTHONDONTWRITEBYTECODE": ""}
"""Where writing bytecode is disabled, each run would compile all tests: four seconds."""

MEMORY_DISK = "/dev/shm"  # noqa: S108 - pytest makes a folder of its own in it
IN_MEMORY = {"PYTEST_DEBUG_TEMPROOT": MEMORY_DISK} if os.access(MEMORY_DISK, os.W_OK) else {}
"""Temporary folders of the fast tests: on a disk, each of the histories waits for it several times."""

LOWEST = (
    "arm/test_client", "arm/test_credentials", "arm/test_local_emulator", "commands/test_commands",
    "integration/test_environment", "integration/test_terminal", "live/test_peer_data", "panel/test_panel",
    "preflight/test_check", "project/test_packaging", "requirements/test_parser", "test_settings",
)  # fmt: skip
"""Tests that together use every dependency."""

RUN_ZIZMOR = """
import subprocess, sys, sysconfig
sys.exit(subprocess.call([sysconfig.get_path("scripts") + "/zizmor", "--offline", "--quiet", ".github"]))
"""
"""Runs the program of the environment, which has no module."""

LINTERS = {
    "imports": ["-c", "from importlinter.cli import lint_imports_command as lint; lint()"],
    "style": ["-m", "ruff", "check"],
    "layout": ["-m", "ruff", "format", "--check"],
    "types": ["-m", "mypy"],
    "dead": ["-m", "vulture"],
    "workflows": ["-c", RUN_ZIZMOR],
    "words": ["-m", "codespell_lib", "-D", "-", "-D", ".ci/words.txt", ".", ".ci", ".github"],
}
NO_TESTS_COLLECTED = 5


def install(session: nox.Session, *requirements: str) -> None:
    session.install(*requirements, silent=False)  # an installation can take minutes: show its progress


def working_environment(session: nox.Session) -> str:
    """Bring .venv up to date with pyproject.toml; return its Python."""
    python, ready = bootstrap.environment_python(ROOT / ".venv"), ROOT / ".venv" / "ready"
    wanted = (ROOT / "pyproject.toml").read_text("utf-8") + bootstrap.NOX
    if not Path(python).exists():
        session.run("uv", "venv", "--clear", ".venv")
    elif ready.is_file() and ready.read_text("utf-8") == wanted:
        return python
    session.run("uv", "pip", "install", "--python", python, "-e", ".", *TEST, *LINT, bootstrap.NOX)
    ready.write_text(wanted, "utf-8")
    return python


def new_folder(session: nox.Session, name: str) -> Path:
    folder = Path(session.create_tmp()).resolve() / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def copy_notebooks(folder: Path) -> Path:
    """Copy the notebooks, and the pages that they link to, into a folder to work in; keep what the user has changed."""
    (folder / "notebooks").mkdir(parents=True, exist_ok=True)
    for path in ROOT.glob("*.md"):
        shutil.copy(path, folder)
    for path in (it for it in (ROOT / "notebooks").iterdir() if it.is_file()):
        if not (folder / "notebooks" / path.name).exists():
            shutil.copy(path, folder / "notebooks")
    return folder


def run_parts(session: nox.Session) -> None:
    """Run all parts of the tests, also after one of them has failed; fail if any of them did."""
    parts = (run_linters, test_frontend, test_older_peer, test_browser, test_server, test_rest, test_lowest)
    failed = [part.__name__ for part in parts if not _passes(part, session)]
    if failed:
        session.error(f"failed: {', '.join(failed)}")


def _passes(part: Callable[[nox.Session], None], session: nox.Session) -> bool:
    try:
        part(session)
    except CommandFailed:
        return False
    return True


def run_linters(session: nox.Session, python: str = "python", only: Sequence[str] = ()) -> None:
    for name in only or [*LINTERS, "frontend"]:
        if name == "frontend":
            run_npm(session, "run", "lint", python=python)
        else:
            session.run(python, *LINTERS[name], external=True)


def test_frontend(session: nox.Session) -> None:
    run_npm(session, "test")


def run_npm(session: nox.Session, *arguments: str, python: str = "python") -> None:
    """Run npm in labextension/ with the Node of the environment, after installing what the lock file says."""
    scripts = session.bin if python == "python" else str(Path(python).parent)
    path = {"PATH": os.pathsep.join([scripts, os.environ["PATH"]])}
    npm = shutil.which("npm", path=scripts) or "npm"
    for words in (["install", "--no-save", "--loglevel=error"], arguments):
        session.run(npm, "--prefix", str(ROOT / "labextension"), *words, env=path, external=True)


def test_older_peer(session: nox.Session) -> None:
    install(session, OLDER_PEER)
    try:
        run_pytest(session, "tests/live/test_peer.py")
    finally:
        install(session, NEWER_PEER)


def test_browser(session: nox.Session) -> None:
    # The tests of a file share a JupyterLab, so they stay in one process.
    run_pytest(session, "-n", "2", "--dist", "loadfile", "-m", "browser")


def test_server(session: nox.Session) -> None:
    """Run the tests that need a Jupyter server in their process: its plugin would slow down all others."""
    run_pytest(session, "-p", "pytest_jupyter.jupyter_server", "-m", "server")


def test_rest(session: nox.Session) -> None:
    run_pytest(session, *TWO_PROCESSES, "-m", "not browser and not server")


def test_lowest(session: nox.Session) -> None:
    """Test with every dependency at its lower bound; the tools of the tests may be newer."""
    folder = new_folder(session, "lowest")
    bounds, environment = str(folder / "bounds.txt"), folder / "environment"
    own, python = (bootstrap.environment_python(it) for it in (Path(session.virtualenv.location), environment))
    lower = ["--resolution", "lowest-direct", "--no-deps", "--extra", "lab", "--quiet", "--output-file", bounds]
    session.run("uv", "pip", "compile", *lower, "pyproject.toml")
    session.run("uv", "venv", "--quiet", "--python", own, str(environment))
    session.run("uv", "pip", "install", "--python", python, "-c", bounds, *REBUILD, ".[lab]", *TEST)
    command = [python, "-P", "-m", "pytest", *PARALLEL, "-m", "not browser and not index"]
    files = [f"tests/{name}.py" for name in LOWEST]
    session.run(*command, *files, *session.posargs, env=BYTECODE, external=True, success_codes=_exit_codes(session))


def test_newest(session: nox.Session) -> None:
    """Test with the newest versions within the bounds, pre-releases included."""
    install(session, "--upgrade", "--prerelease=allow", *REBUILD, ".[lab]", *TEST, *LINT)
    install_chromium(session)
    for part in (test_rest, test_server, test_browser):
        part(session)


def run_pytest(session: nox.Session, *arguments: str) -> None:
    """Run pytest without the source tree on the path."""
    session.run("pytest", *arguments, *session.posargs, success_codes=_exit_codes(session))


def _exit_codes(session: nox.Session) -> list[int]:
    """Return the statuses that mean success: with a selection of tests, a part may well have none of them."""
    return [0, NO_TESTS_COLLECTED] if session.posargs else [0]


def install_npm_package(session: nox.Session, package: str) -> Path:
    """Install an npm package without a lock file in a folder of the session; return the folder."""
    folder = Path(session.create_tmp()).resolve()
    session.run("npm", "install", "--no-save", "--no-audit", "--no-fund", "--prefix", str(folder), package)
    return folder


def install_chromium(session: nox.Session) -> None:
    """Install a Chromium if there is none; if that fails, say what to do, and let the tests decide."""
    for command in install_commands():
        if _has_chromium(session):
            return
        session.run(*command, external=True, success_codes=range(-255, 256))
    if not _has_chromium(session):
        session.warn("No browser for the tests: install Chromium, Chrome or Edge with the system's package manager.")


def _has_chromium(session: nox.Session) -> bool:
    return bool(session.run("python", ".ci/chromium.py", silent=True, log=False))
