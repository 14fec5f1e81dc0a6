"""Everything there is to do with a checkout: `python noxfile.py -l` lists it.

An ordinary nox file. Run as a script it needs nothing but Python: it first makes an environment with nox and uv in
.dev/nox, and runs itself there. So this file must still be read by a Python that is too old, to say so.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent
NOX = "nox[uv]>=2025.5.1"
NOX_ENV = ROOT / ".dev" / "nox"
NOX_READY = NOX_ENV / "ready"
WORKPLACE_READY = ROOT / ".venv" / "ready"
OLDEST = (3, 11)


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def _python_of(environment: Path) -> str:
    return str(environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))


def _what_is_missing() -> str:
    """Return what to install before this can run, "" when nothing is missing."""
    if sys.version_info < OLDEST:
        return f"This is Python {sys.version.split()[0]}: install Python 3.11 or newer (python.org)."
    if not all(importlib.util.find_spec(name) for name in ("venv", "ensurepip")):
        return "This Python comes without venv: install it, on Debian and Ubuntu `apt-get install python3-venv`."
    return ""


def _nox_is_ready() -> bool:
    """Tell whether .dev/nox was made to the end, for this, and still runs."""
    if not NOX_READY.is_file() or NOX_READY.read_text(encoding="utf-8") != NOX:
        return False
    try:
        return subprocess.run([_python_of(NOX_ENV), "-c", "import nox, uv"], check=False).returncode == 0
    except OSError:  # the Python it was made with is gone
        return False


def _make_nox() -> int:
    _say(f"Making {NOX_ENV.relative_to(ROOT)} with {NOX} (once) …")
    pip = [_python_of(NOX_ENV), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", NOX]
    code = subprocess.call([sys.executable, "-m", "venv", "--clear", str(NOX_ENV)]) or subprocess.call(pip)
    if not code:
        NOX_READY.write_text(NOX, encoding="utf-8")
    return code


def _run_nox(arguments: list[str]) -> int:
    if arguments and not arguments[0].startswith("-"):
        arguments = ["-s", *arguments]
    nox = subprocess.Popen([_python_of(NOX_ENV), "-m", "nox", "-f", str(ROOT / "noxfile.py"), *arguments])
    while True:
        try:
            return nox.wait()
        except KeyboardInterrupt:  # nox got it too, and ends what it has started
            continue


def _main(arguments: list[str]) -> int:
    if missing := _what_is_missing():
        _say(missing)
        return 1
    if not _nox_is_ready() and (code := _make_nox()):
        return code
    return _run_nox(arguments)


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))

# nox is not there yet when this is run as a script
import nox  # noqa: E402
from nox.command import CommandFailed  # noqa: E402

nox.options.default_venv_backend = "uv"
nox.options.sessions = ["test"]
nox.options.download_python = "never"
nox.options.error_on_missing_interpreters = False  # `lowest` takes the Pythons that are there

PYPROJECT = nox.project.load_toml(ROOT / "pyproject.toml")
TEST = nox.project.dependency_groups(PYPROJECT, "test")
PACKAGE = nox.project.dependency_groups(PYPROJECT, "package")
LINT = (*nox.project.dependency_groups(PYPROJECT, "lint"), NOX)  # mypy reads this file too
BENCH = nox.project.dependency_groups(PYPROJECT, "bench")
BUILT_ANEW = ("--reinstall-package", "kusto-magic")
"""By its documentation uv may else take the wheel it built before, as long as pyproject.toml is the same."""

OLDER_PEER, NEWER_PEER = "azure-mgmt-kusto==3.4.0", "azure-mgmt-kusto==4.0.0"
TESTSERVER = "@microsoft.azure/autorest.testserver@3.3.51"
MUTMUT = "mutmut>=3.8,<4"
MUTATED = """
[tool.mutmut]
source_paths = ["kusto_magic"]
only_mutate = [
  "kusto_magic/arm/operation.py", "kusto_magic/requirements/parser.py", "kusto_magic/requirements/rules.py",
]
also_copy = ["tests", "README.md"]
pytest_add_cli_args_test_selection = [
  "tests/arm/test_operation.py", "tests/arm/test_operation_cluster.py", "tests/arm/test_operation_failures.py",
  "tests/arm/test_operation_state_machine.py",
  "tests/requirements/test_parser.py", "tests/requirements/test_rules.py",
]
"""
FAST = "not azure and not browser and not index and not server and not slow"
LIVE = {
    "KUSTO_MAGIC_TEST_CLUSTER": "the cluster's whole ARM id",
    "KUSTO_MAGIC_TEST_CONFIRM": "yes, since it takes hours and changes the cluster",
}
GUIDE = 'CONTRIBUTING.md, "With a real cluster"'
QUICK = ("-n", "2", "--dist", "worksteal", "--hypothesis-profile", "fast")
BYTECODE = {"PYTHONDONTWRITEBYTECODE": ""}
"""Where it is forbidden, every run compiles all tests anew: four seconds."""
LOWEST = (
    "frame", "commands", "panel", "terminal", "emulator_launch", "client", "credentials", "settings", "requirements",
    "preflight", "packaging",
)  # fmt: skip
"""Tests that together use every dependency: IPython, traitlets; ipywidgets; rich; uvicorn and Starlette; httpx;
azure-identity; platformdirs; packaging; uv; JupyterLab."""
LINTERS = {
    "imports": ["-c", "from importlinter.cli import lint_imports_command as lint; lint()"],
    "style": ["-m", "ruff", "check"],
    "layout": ["-m", "ruff", "format", "--check"],
    "types": ["-m", "mypy"],
    "dead": ["-m", "vulture"],
}
NOTHING_SELECTED = 5
ANY_EXIT = range(-255, 256)


@nox.session(reuse_venv=True)
def lab(session: nox.Session) -> None:
    """Open JupyterLab on the first notebook; what follows `--` goes to JupyterLab."""
    session.install(*BUILT_ANEW, ".[lab]")
    as_root = ["--allow-root"] if sys.platform != "win32" and os.geteuid() == 0 else []
    command = ["jupyter", "lab", "notebooks/01-first-image.ipynb", *as_root, *session.posargs]
    session.run(*command, terminate_timeout=10)  # after Ctrl-C: time to end the kernels


@nox.session
def test(session: nox.Session) -> None:
    """Run everything against the package as a user gets it; what follows `--` goes to pytest."""
    session.install(*BUILT_ANEW, ".", *TEST, *LINT, NEWER_PEER)
    _bring_chromium(session)
    parts = (_lint, _test_frontend, _test_older_peer, _test_browser, _test_server, _test_rest, _test_lowest)
    failed = [part.__name__.strip("_") for part in parts if not _passes(part, session)]
    if failed:
        session.error(f"failed: {', '.join(failed)}")


@nox.session
def setup(session: nox.Session) -> None:
    """Make .venv, an editable environment to work in."""
    WORKPLACE_READY.unlink(missing_ok=True)
    session.log(f"ready: {_workplace(session)}")


@nox.session
def fast(session: nox.Session) -> None:
    """Run what answers within seconds, in .venv; what follows `--` goes to pytest (`-- -n0 --pdb`: in one process)."""
    command = [_workplace(session), "-P", "-m", "pytest", "-m", FAST, *QUICK]
    session.run(*command, *session.posargs, env=BYTECODE, external=True)


@nox.session
def frontend(session: nox.Session) -> None:
    """Build the front end and put it into .venv; an editable install leaves it as it is."""
    python = _workplace(session)
    session.run("uv", "build", "--quiet", "--wheel", "--out-dir", session.create_tmp())
    again = ("--reinstall-package", "kusto-magic", "-e", ".")
    session.run("uv", "pip", "install", "--quiet", "--python", python, "--no-deps", *again)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, layout, types and dead code, in .venv; what follows `--` names some of the checks."""
    _lint(session, _workplace(session), session.posargs)


@nox.session
@nox.parametrize("version", [OLDER_PEER, NEWER_PEER], ids=["older", "newer"])
def peer(session: nox.Session, version: str) -> None:
    """Try the emulator with an older and a newer client of Microsoft's."""
    session.install(*BUILT_ANEW, ".", *TEST, version)
    _pytest(session, "tests/live/test_peer.py")


@nox.session(reuse_venv=True)
def scenarios(session: nox.Session) -> None:
    """Go through all PUT and DELETE scenarios of Microsoft's server for long-running operations, which npm brings."""
    session.install("-e", ".", *TEST, *LINT)
    folder = Path(session.create_tmp()).resolve()
    session.run("npm", "install", "--no-save", "--no-audit", "--no-fund", "--prefix", str(folder), TESTSERVER)
    command = folder / "node_modules" / TESTSERVER.rpartition("@")[0] / "dist" / "cli" / "cli.js"
    session.run("pytest", "tests/live/lro_scenarios.py", *session.posargs, env={"TESTSERVER": str(command)})


@nox.session
def mutants(session: nox.Session) -> None:
    """Change operations.py and the rules of requirements in a thousand small ways: each should fail a test."""
    session.install("-e", ".", *TEST, MUTMUT)
    folder = ROOT / ".dev" / "mutants"
    shutil.rmtree(folder, ignore_errors=True)
    for name in ("kusto_magic", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "labextension"))
    shutil.copy(ROOT / "README.md", folder)
    (folder / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text("utf-8") + MUTATED, "utf-8")
    session.chdir(folder)
    session.run("mutmut", "run", *session.posargs)
    session.run("mutmut", "results")


@nox.session
def fuzz(session: nox.Session) -> None:
    """Read random requirements texts and answers, five minutes each; `-- 60`: one minute each."""
    session.run(_workplace(session), ".ci/fuzz.py", *(session.posargs or ["300"]), external=True)


@nox.session
def azure(session: nox.Session) -> None:
    """Hold the conversations, and ask what nobody knows, with the cluster that KUSTO_MAGIC_TEST_CLUSTER names."""
    if missing := [name for name in LIVE if not os.environ.get(name)]:
        session.error(f"first set {' and '.join(f'{name} to {LIVE[name]}' for name in missing)}; see {GUIDE}")
    command = ["-P", "-m", "pytest", "-s", "-m", "azure", "tests/live/test_azure.py", *session.posargs]
    # After Ctrl-C it waits for the running build, to delete the image: that takes minutes, a second Ctrl-C ends it.
    session.run(_workplace(session), *command, external=True, interrupt_timeout=None)


@nox.session
def record(session: nox.Session) -> None:
    """Hold the conversations of the tests with the emulator anew and write them down; `-- NAME`: only that one."""
    session.run(_workplace(session), ".ci/record.py", *session.posargs, external=True)


@nox.session
def docs(session: nox.Session) -> None:
    """Write the generated pages anew."""
    session.run(_workplace(session), ".ci/pages.py", external=True)


@nox.session
def package(session: nox.Session) -> None:
    """Build the sdist and the wheel as a release does, and try them where there is nothing else."""
    session.install(*PACKAGE)
    session.run("python", ".ci/package.py", str(_new_folder(session, "package")))


@nox.session(python=["3.11", "3.12", "3.13"])
def lowest(session: nox.Session) -> None:
    """Try the lowest versions that pyproject.toml allows, with each Python that is there."""
    _test_lowest(session)


@nox.session(reuse_venv=True)
def bench(session: nox.Session) -> None:
    """Measure kusto_magic beside others, and write benchmarks/README.md; `-- --quick` tries it, `-- lag`: one part."""
    session.install("-e", ".", *TEST, *BENCH)
    session.run("python", "benchmarks/run.py", *session.posargs)


def _workplace(session: nox.Session) -> str:
    """Bring .venv up to date with pyproject.toml; return its Python."""
    python, wanted = _python_of(ROOT / ".venv"), (ROOT / "pyproject.toml").read_text("utf-8") + NOX
    if not Path(python).exists():
        session.run("uv", "venv", "--clear", ".venv")
    elif WORKPLACE_READY.is_file() and WORKPLACE_READY.read_text("utf-8") == wanted:
        return python
    session.run("uv", "pip", "install", "--quiet", "--python", python, "-e", ".", *TEST, *LINT)
    WORKPLACE_READY.write_text(wanted, "utf-8")
    return python


def _new_folder(session: nox.Session, name: str) -> Path:
    folder = Path(session.create_tmp()).resolve() / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def _test_lowest(session: nox.Session) -> None:
    """Test with every dependency at its lower bound; the tools of the tests may be newer."""
    folder = _new_folder(session, "lowest")
    bounds, place = str(folder / "bounds.txt"), str(folder / "environment")
    own, python = _python_of(Path(session.virtualenv.location)), _python_of(folder / "environment")
    lower = ["--resolution", "lowest-direct", "--no-deps", "--extra", "lab", "--quiet", "--output-file", bounds]
    session.run("uv", "pip", "compile", *lower, "pyproject.toml")
    session.run("uv", "venv", "--quiet", "--python", own, place)
    session.run("uv", "pip", "install", "--quiet", "--python", python, "-c", bounds, *BUILT_ANEW, ".[lab]", *TEST)
    command = [python, "-P", "-m", "pytest", *QUICK, "-m", "not browser and not index"]
    files = [f"tests/test_{name}.py" for name in LOWEST]
    codes = [0, NOTHING_SELECTED] if session.posargs else [0]
    session.run(*command, *files, *session.posargs, env=BYTECODE, external=True, success_codes=codes)


def _passes(part: Callable[[nox.Session], None], session: nox.Session) -> bool:
    try:
        part(session)
    except CommandFailed:
        return False
    return True


def _lint(session: nox.Session, python: str = "python", only: Sequence[str] = ()) -> None:
    for name in only or [*LINTERS, "frontend"]:
        if name == "frontend":
            _npm(session, "run", "lint", python=python)
        else:
            session.run(python, *LINTERS[name], external=True)


def _test_frontend(session: nox.Session) -> None:
    _npm(session, "test")


def _npm(session: nox.Session, *arguments: str, python: str = "python") -> None:
    """Run npm in labextension/, with the Node of the environment, after installing what the lock says."""
    scripts = session.bin if python == "python" else str(Path(python).parent)
    path = {"PATH": os.pathsep.join([scripts, os.environ["PATH"]])}
    npm = shutil.which("npm", path=scripts) or "npm"
    for words in (["install", "--no-save", "--loglevel=error"], arguments):
        session.run(npm, "--prefix", str(ROOT / "labextension"), *words, env=path, external=True)


def _test_older_peer(session: nox.Session) -> None:
    session.install(OLDER_PEER)
    try:
        _pytest(session, "tests/live/test_peer.py")
    finally:
        session.install(NEWER_PEER)


def _test_browser(session: nox.Session) -> None:
    _pytest(session, "-m", "browser")


def _test_server(session: nox.Session) -> None:
    """Test what needs a Jupyter server in the same process, by a plugin that would slow every other test down."""
    _pytest(session, "-p", "pytest_jupyter.jupyter_server", "-m", "server")


def _test_rest(session: nox.Session) -> None:
    _pytest(session, "-m", "not browser and not server")


def _pytest(session: nox.Session, *arguments: str) -> None:
    """Run pytest without the source tree on the path; with a choice of tests, a part may well have none of them."""
    codes = [0, NOTHING_SELECTED] if session.posargs else [0]
    session.run("pytest", *arguments, *session.posargs, success_codes=codes)


def _bring_chromium(session: nox.Session) -> None:
    """Install a Chromium where there is none; where that fails, say how, and let the tests say what it means."""
    for command in _ways_to_chromium():
        if _has_chromium(session):
            return
        session.run(*command, external=True, success_codes=ANY_EXIT)
    if not _has_chromium(session):
        session.warn("No browser for the tests: install Chromium, Chrome or Edge the way this system does it.")


def _has_chromium(session: nox.Session) -> bool:
    return bool(session.run("python", ".ci/chromium.py", silent=True, log=False))


def _ways_to_chromium() -> Iterator[list[str]]:
    """Yield the commands to try in turn; Playwright's download is the last, since closed networks do not have it."""
    root = _root_prefix() if shutil.which("apt-get") else None
    if root is not None:
        yield [*root, "apt-get", "update"]
        yield [*root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-y", "chromium"]
    yield ["python", "-m", "playwright", "install", *(["--with-deps"] if root is not None else []), "chromium"]


def _root_prefix() -> list[str] | None:
    """Return what makes a command run as root without a question, None where nothing does."""
    if sys.platform == "win32":
        return None
    if os.geteuid() == 0:
        return []
    can_sudo = shutil.which("sudo") and subprocess.call(["sudo", "-n", "true"], stderr=subprocess.DEVNULL) == 0  # noqa: S607
    return ["sudo", "-n"] if can_sudo else None
