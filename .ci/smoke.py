"""Check that the built package is complete. `python noxfile.py package` runs this in an environment with nothing else.

    PYTHON .ci/smoke.py bare    kusto-magic and its dependencies: the magics build an image
    PYTHON .ci/smoke.py lab     kusto-magic[lab]: JupyterLab finds the front end and the server extension

PATH should contain only the bin folder of the environment. Stops with an AssertionError at the first failed check.
"""

from __future__ import annotations

import importlib.util
import json
import pkgutil
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import distribution
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from support.home import make_home

TOOLS = ("node", "npm", "cc", "gcc", "clang", "make", "git", "az")
"""Programs that a user's machine may not have."""
WITH_JUPYTER_SERVER = {
    f"kusto_magic.server.{name}" for name in ("base_handler", "cluster_handlers", "handlers", "serializers")
}
"""The modules that only a Jupyter server imports."""
FRONT_END = Path(sys.prefix) / "share" / "jupyter" / "labextensions" / "kusto-magic"
SWITCH = Path(sys.prefix) / "etc" / "jupyter" / "jupyter_server_config.d" / "kusto_magic.json"
STOP = "from kusto_magic.arm import local_emulator; local_emulator.stop()"
SESSION = """
import sys
from kusto_magic.arm import local_emulator
local_emulator.start(build_seconds=1.0)
shell = get_ipython()
shell.run_line_magic("load_ext", "kusto_magic")
shell.run_line_magic("kusto_image", "use emulator")
shell.run_cell_magic("kusto_image", "smoke --base Python3_11_7 --wait --no-check", "humanize==4.9.0")
local_emulator.stop()
sys.stdout.write(f"JUPYTER {sorted(name for name in sys.modules if name.startswith('jupyter'))}\\n")
"""


def check_no_build_tools() -> None:
    """Check that neither Node nor a compiler is on PATH."""
    assert [name for name in TOOLS if shutil.which(name)] == []


def check_no_jupyter() -> None:
    """Check that neither JupyterLab nor a Jupyter server was installed."""
    assert [name for name in ("jupyterlab", "jupyter_server", "ipykernel") if importlib.util.find_spec(name)] == []


def check_imports() -> None:
    """Check that every module imports from the environment, except those that need a Jupyter server."""
    package = import_module("kusto_magic")
    assert Path(package.__file__ or "").is_relative_to(sys.prefix), package.__file__
    assert package.__version__ == distribution("kusto-magic").version
    modules = {found.name for found in pkgutil.walk_packages(package.__path__, "kusto_magic.")}
    for module in sorted(modules - WITH_JUPYTER_SERVER - {"kusto_magic.emulator.__main__"}):
        import_module(module)
    assert [getattr(package, name) for name in package.__all__]


def check_build() -> None:
    """Check that IPython without a terminal builds an image on the emulator and imports no Jupyter package."""
    with tempfile.TemporaryDirectory() as folder:
        home = make_home(Path(folder).resolve())
        ipython = [sys.executable, "-P", "-m", "IPython", "--no-banner", "--colors=nocolor", "-c", SESSION]
        done = subprocess.run(
            ipython, env=home.env, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120
        )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert any("Succeeded" in line and "smoke" in line for line in lines), done.stdout + done.stderr
    assert "JUPYTER []" in lines, done.stdout


def check_shell() -> None:
    """Check that the command kusto-image builds an image on the emulator."""
    command = Path(sys.executable).with_name("kusto-image.exe" if sys.platform == "win32" else "kusto-image")
    with tempfile.TemporaryDirectory() as folder:
        home = make_home(Path(folder).resolve())
        (home.work / "r.txt").write_text("humanize==4.9.0\n", encoding="utf-8")
        build = ["build", "smoke", "-f", "r.txt", "--base", "Python3_11_7", "--no-check", "--emulator", "-q"]
        words = [str(command), *build]
        done = subprocess.run(words, env=home.env, cwd=home.work, capture_output=True, text=True, timeout=120)
        subprocess.run([sys.executable, "-P", "-c", STOP], env=home.env, cwd=home.work, check=True)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    assert "Succeeded" in done.stdout, done.stdout


def check_jupyter_files() -> None:
    """Check that the files for JupyterLab and the Jupyter server are where both look for them."""
    about = json.loads((FRONT_END / "package.json").read_text(encoding="utf-8"))
    assert (FRONT_END / about["jupyterlab"]["_build"]["load"]).is_file()
    assert (FRONT_END / "install.json").is_file()
    assert json.loads(SWITCH.read_text(encoding="utf-8")) == {
        "ServerApp": {"jpserver_extensions": {"kusto_magic": True}}
    }


def check_jupyter_lists() -> None:
    """Check that JupyterLab lists the front end, and the server its extension, as enabled and OK."""
    for words in (["jupyterlab.labextensions", "list"], ["jupyter_server.extension.serverextension", "list"]):
        done = subprocess.run([sys.executable, "-m", *words], capture_output=True, text=True, check=True)
        lines = (done.stdout + done.stderr).replace("_", "-").splitlines()
        assert any("kusto-magic" in line and "OK" in line for line in lines), "\n".join(lines)
        assert any("kusto-magic" in line and "enabled" in line for line in lines), "\n".join(lines)


def check_server_imports() -> None:
    """Check that the remaining modules import if a Jupyter server is installed."""
    for module in sorted(WITH_JUPYTER_SERVER):
        import_module(module)


CHECKS: dict[str, list[Callable[[], None]]] = {
    "bare": [check_no_build_tools, check_no_jupyter, check_imports, check_jupyter_files, check_build, check_shell],
    "lab": [check_no_build_tools, check_jupyter_lists, check_server_imports],
}


def main(which: str) -> None:
    """Run the checks one after the other and print each."""
    for check in CHECKS[which]:
        check()
        sys.stdout.write(f"ok: {check.__doc__}\n")


if __name__ == "__main__":
    main(sys.argv[1])
