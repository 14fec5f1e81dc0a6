"""Is the built package whole? Run by `python noxfile.py package`, with the Python of an environment that holds only it.

    PYTHON .ci/smoke.py bare    kusto-magic and what it depends on: an image is made from a notebook's front door
    PYTHON .ci/smoke.py lab     kusto-magic[lab]: JupyterLab finds the front end and the server part

The environment's own bin folder is all that PATH should hold. Ends with an AssertionError at the first thing missing.
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
"""What a user's machine may well not have."""
WITH_JUPYTER_SERVER = "kusto_magic.server.handlers"
"""The room that only a Jupyter server imports."""
FRONT_END = Path(sys.prefix) / "share" / "jupyter" / "labextensions" / "kusto-magic"
SWITCH = Path(sys.prefix) / "etc" / "jupyter" / "jupyter_server_config.d" / "kusto_magic.json"
SESSION = """
import sys
from kusto_magic.arm import local_emulator as launch
launch.start(build_seconds=1.0)
shell = get_ipython()
shell.run_line_magic("load_ext", "kusto_magic")
shell.run_line_magic("kusto_image", "use emulator")
shell.run_cell_magic("kusto_image", "smoke --base Python3_11_7 --wait --no-check", "humanize==4.9.0")
launch.stop()
sys.stdout.write(f"JUPYTER {sorted(name for name in sys.modules if name.startswith('jupyter'))}\\n")
"""


def nothing_to_build_with() -> None:
    """Neither Node nor a compiler is on PATH."""
    assert [name for name in TOOLS if shutil.which(name)] == []


def jupyter_is_not_there() -> None:
    """Neither JupyterLab nor a Jupyter server was installed."""
    assert [name for name in ("jupyterlab", "jupyter_server", "ipykernel") if importlib.util.find_spec(name)] == []


def every_room_imports() -> None:
    """All of the package can be imported, out of the environment, but for what belongs to a Jupyter server."""
    package = import_module("kusto_magic")
    assert Path(package.__file__ or "").is_relative_to(sys.prefix), package.__file__
    assert package.__version__ == distribution("kusto-magic").version
    rooms = {found.name for found in pkgutil.walk_packages(package.__path__, "kusto_magic.")}
    for room in sorted(rooms - {WITH_JUPYTER_SERVER, "kusto_magic.emulator.__main__"}):
        import_module(room)
    assert [getattr(package, name) for name in package.__all__]


def an_image_is_made() -> None:
    """An IPython without a terminal makes an image on the emulator, and nothing of Jupyter's is imported."""
    with tempfile.TemporaryDirectory() as folder:
        home = make_home(Path(folder).resolve())
        ipython = [sys.executable, "-P", "-m", "IPython", "--no-banner", "--colors=nocolor", "-c", SESSION]
        done = subprocess.run(
            ipython, env=home.env, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120
        )
    assert done.returncode == 0, done.stdout + done.stderr
    said = done.stdout.splitlines()
    assert any("Succeeded" in line and "smoke" in line for line in said), done.stdout + done.stderr
    assert "JUPYTER []" in said, done.stdout


def files_for_jupyter_are_there() -> None:
    """What JupyterLab and the Jupyter server look for is where they look."""
    about = json.loads((FRONT_END / "package.json").read_text(encoding="utf-8"))
    assert (FRONT_END / about["jupyterlab"]["_build"]["load"]).is_file()
    assert (FRONT_END / "install.json").is_file()
    assert json.loads(SWITCH.read_text(encoding="utf-8")) == {
        "ServerApp": {"jpserver_extensions": {"kusto_magic": True}}
    }


def jupyter_lists_both_parts() -> None:
    """JupyterLab says of the front end, and the server of its part, that they are enabled and OK."""
    for words in (["jupyterlab.labextensions", "list"], ["jupyter_server.extension.serverextension", "list"]):
        done = subprocess.run([sys.executable, "-m", *words], capture_output=True, text=True, check=True)
        said = (done.stdout + done.stderr).replace("_", "-").splitlines()
        assert any("kusto-magic" in line and "OK" in line for line in said), "\n".join(said)
        assert any("kusto-magic" in line and "enabled" in line for line in said), "\n".join(said)


def the_routes_import() -> None:
    """With a Jupyter server the last room imports, too."""
    import_module(WITH_JUPYTER_SERVER)


CHECKS: dict[str, list[Callable[[], None]]] = {
    "bare": [
        nothing_to_build_with, jupyter_is_not_there, every_room_imports, files_for_jupyter_are_there, an_image_is_made,
    ],
    "lab": [nothing_to_build_with, jupyter_lists_both_parts, the_routes_import],
}  # fmt: skip


def main(which: str) -> None:
    """Do the checks one after the other, and say each."""
    for check in CHECKS[which]:
        check()
        sys.stdout.write(f"ok: {check.__doc__}\n")


if __name__ == "__main__":
    main(sys.argv[1])
