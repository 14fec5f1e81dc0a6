"""The commands for a checkout: `python noxfile.py -l` lists them, `python noxfile.py NAME` runs one.

An ordinary nox file. Run as a script it needs nothing but Python: it first creates an environment with nox and uv.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / ".ci"))
import bootstrap  # noqa: E402

if __name__ == "__main__":
    sys.exit(bootstrap.main(sys.argv[1:]))

import nox  # noqa: E402 - not installed when this file is run as a script
from mutants import prepare as prepare_mutants  # noqa: E402
from steps import (  # noqa: E402
    BENCH,
    BYTECODE,
    FAST,
    GRAPH_PEER,
    IN_MEMORY,
    JAVASCRIPT_PEER,
    LINT,
    LRO_SERVER,
    NEWER_PEER,
    PACKAGE,
    PARALLEL,
    PEERS,
    REBUILD,
    TEST,
    copy_notebooks,
    install,
    install_chromium,
    install_npm_package,
    new_folder,
    run_linters,
    run_parts,
    run_pytest,
    test_lowest,
    test_newest,
    working_environment,
)  # fmt: skip

nox.options.default_venv_backend = "uv"
nox.options.sessions = ["test"]
nox.options.download_python = "never"
nox.options.error_on_missing_interpreters = False  # `lowest` uses the interpreters that are installed


@nox.session(reuse_venv=True)
def lab(session: nox.Session) -> None:
    """Open JupyterLab on a copy of the first notebook; arguments after `--` are passed to JupyterLab."""
    install(session, *REBUILD, ".[lab]")
    folder = copy_notebooks(ROOT / ".dev" / "lab")
    session.log(f"your copies of the notebooks are in {folder}; delete it to start again")
    as_root = ["--allow-root"] if sys.platform != "win32" and os.geteuid() == 0 else []
    # Named as the default page, the notebook is in the address that JupyterLab prints.
    opened = [f"--ServerApp.root_dir={folder}", "--LabApp.default_url=/lab/tree/notebooks/01-first-image.ipynb"]
    command = ["jupyter", "lab", *opened, *as_root, *session.posargs]
    session.run(*command, terminate_timeout=10)  # after Ctrl-C: time for the kernels to end


@nox.session
def test(session: nox.Session) -> None:
    """Run all checks and tests against the package as users get it; arguments after `--` are passed to pytest."""
    install(session, *REBUILD, ".", *TEST, *LINT, bootstrap.NOX, NEWER_PEER)
    install_chromium(session)
    run_parts(session)


@nox.session
def setup(session: nox.Session) -> None:
    """Create .venv, an editable environment to work in."""
    (ROOT / ".venv" / "ready").unlink(missing_ok=True)
    session.log(f"ready: {working_environment(session)}")


@nox.session
def fast(session: nox.Session) -> None:
    """Run the fast tests in .venv; arguments after `--` are passed to pytest (`-- -n0 --pdb`: in one process)."""
    session.run(
        working_environment(session),
        "-P",
        "-m",
        "pytest",
        *FAST,
        *PARALLEL,
        *session.posargs,
        env=BYTECODE | IN_MEMORY,
        external=True,
    )


@nox.session
def frontend(session: nox.Session) -> None:
    """Build the JupyterLab extension and install it in .venv."""
    python = working_environment(session)
    session.run("uv", "build", "--wheel", "--out-dir", session.create_tmp())
    session.run("uv", "pip", "install", "--quiet", "--python", python, "--no-deps", *REBUILD, "-e", ".")


@nox.session
def lint(session: nox.Session) -> None:
    """Run the linters in .venv; arguments after `--` select some of them by name."""
    run_linters(session, working_environment(session), session.posargs)


@nox.session
@nox.parametrize("version", PEERS, ids=[peer.partition("==")[2] for peer in PEERS])
def peer(session: nox.Session, version: str) -> None:
    """Test the emulator with each release of Microsoft's client, and with their client of Resource Graph."""
    install(session, *REBUILD, ".", *TEST, version, GRAPH_PEER)
    run_pytest(session, "tests/live/test_peer.py", "tests/live/test_peer_graph.py")


@nox.session(reuse_venv=True)
def peer_javascript(session: nox.Session) -> None:
    """Test the emulator with Microsoft's client for JavaScript (from npm)."""
    install(session, "-e", ".", *TEST, *LINT)
    folder = install_npm_package(session, JAVASCRIPT_PEER)
    session.run("pytest", "tests/live/peer_javascript.py", *session.posargs, env={"ARM_KUSTO": str(folder)})


@nox.session(reuse_venv=True)
def scenarios(session: nox.Session) -> None:
    """Run the PUT and DELETE scenarios of Microsoft's test server for long-running operations (from npm)."""
    install(session, "-e", ".", *TEST, *LINT)
    folder = install_npm_package(session, LRO_SERVER) / "node_modules" / LRO_SERVER.rpartition("@")[0]
    command = folder / "dist" / "cli" / "cli.js"
    session.run("pytest", "tests/live/lro_scenarios.py", *session.posargs, env={"TESTSERVER": str(command)})


@nox.session
def mutants(session: nox.Session) -> None:
    """Change the operations and the rules of requirements in a thousand small ways: each must fail a test."""
    install(session, "-e", ".", *TEST, "mutmut>=3.8,<4")
    session.chdir(prepare_mutants())
    session.run("mutmut", "run", *session.posargs)
    session.run("mutmut", "results")


@nox.session
def fuzz(session: nox.Session) -> None:
    """Parse random requirements and responses, five minutes each; `-- 60`: one minute each."""
    session.run(working_environment(session), ".ci/fuzz.py", *(session.posargs or ["300"]), external=True)


@nox.session
def azure(session: nox.Session) -> None:
    """Run the live tests on the cluster that KUSTO_MAGIC_TEST_CLUSTER names; see CONTRIBUTING.md."""
    variables = ("KUSTO_MAGIC_TEST_CLUSTER", "KUSTO_MAGIC_TEST_CONFIRM")
    if missing := [name for name in variables if not os.environ.get(name)]:
        session.error(f'set {" and ".join(missing)} first; see CONTRIBUTING.md, "With a real cluster"')
    command = ["-P", "-m", "pytest", "-s", "-m", "azure", "tests/live/test_azure.py", *session.posargs]
    # After Ctrl-C it waits for the running build to delete the image, which takes minutes; a second Ctrl-C ends it.
    session.run(working_environment(session), *command, external=True, interrupt_timeout=None)


@nox.session
def record(session: nox.Session) -> None:
    """Record the conversations of the tests with the emulator again; `-- NAME`: only that one."""
    session.run(working_environment(session), ".ci/record.py", *session.posargs, external=True)


@nox.session
def docs(session: nox.Session) -> None:
    """Write REFERENCE.md, and the descriptions that JupyterLab shows when it completes a line of the magics."""
    for script in (".ci/reference.py", ".ci/descriptions.py"):
        session.run(working_environment(session), script, external=True)


@nox.session
def pictures(session: nox.Session) -> None:
    """Take the pictures of README.md in a headless browser; `frontend` must have been run before."""
    session.run(working_environment(session), ".ci/pictures.py", external=True)


@nox.session
def package(session: nox.Session) -> None:
    """Build the sdist and the wheel as a release does, and test them in empty environments."""
    install(session, *PACKAGE)
    session.run("python", ".ci/package.py", str(new_folder(session, "package")))


@nox.session
def newest(session: nox.Session) -> None:
    """Test with the newest uv, httpx, JupyterLab, IPython and others, pre-releases included."""
    test_newest(session)


@nox.session(python=["3.11", "3.12", "3.13", "3.14"])
def lowest(session: nox.Session) -> None:
    """Test with the lowest versions that pyproject.toml allows, on each installed Python."""
    test_lowest(session)


@nox.session(reuse_venv=True)
def bench(session: nox.Session) -> None:
    """Measure, and write benchmarks/README.md; `-- --quick`: a short run, `-- lag`: one part."""
    install(session, "-e", ".", *TEST, *BENCH)
    session.run("python", "benchmarks/run.py", *session.posargs)
