"""Build the package as a release does and test it in empty environments; `python noxfile.py package` runs this.

    python .ci/package.py FOLDER    writes the sdist and the wheel to FOLDER/dist, and their SBOM to FOLDER/sbom

Needs the dependency group `package`. Stops with an error at the first failed check.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path

import interpreters

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".ci"


def run(*command: str | Path, at: Path = ROOT, path: Path | None = None) -> None:
    """Print a command and run it; `path`, if given, is the only folder on PATH."""
    sys.stdout.write(f"package > {' '.join(str(word) for word in command)}\n")
    sys.stdout.flush()
    environment = os.environ | ({"PATH": str(path)} if path else {})
    subprocess.run([str(word) for word in command], cwd=at, env=environment, check=True)


def module(name: str, *arguments: str | Path, at: Path = ROOT) -> None:
    """Run a module of this environment as a program."""
    run(sys.executable, "-P", "-m", name, *arguments, at=at)


def new_environment(folder: Path, *requirements: str, base: str | Path = sys.executable) -> Path:
    """Create an environment with a Python and the requirements; return the path of its Python."""
    module("uv", "venv", "--quiet", "--clear", "--python", base, folder)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    module("uv", "pip", "install", "--quiet", "--python", python, *requirements)
    return python


def build(folder: Path) -> tuple[Path, Path]:
    """Build the sdist, and the wheel from it, and check both as a package index does."""
    module("build", "--installer", "uv", "--outdir", folder / "dist")
    [wheel], [sdist] = (folder / "dist").glob("*.whl"), (folder / "dist").glob("*.tar.gz")
    module("twine", "check", "--strict", wheel, sdist)
    module("check_wheel_contents", wheel)
    return sdist, wheel


def build_without_node(sdist: Path, folder: Path) -> Path:
    """Build the wheel from the sdist without Node and without a bundler: the sdist contains the built front end."""
    system = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["build-system"]
    python = new_environment(folder / "plain", "build", *(name for name in system["requires"] if "hatch" in name))
    options = ("--wheel", "--no-isolation", "--skip-dependency-check", "--outdir", folder / "plain")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder / "plain", filter="data")
    sources = folder / "plain" / sdist.name.removesuffix(".tar.gz")
    run(python, "-m", "build", *options, sources, path=python.parent)
    return next((folder / "plain").glob("*.whl"))


def build_elsewhere(sdist: Path, folder: Path) -> Path:
    """Build the front end and the wheel again from the sources in the sdist, in another folder."""
    with tarfile.open(sdist) as archive:
        inside = [member for member in archive if "kusto_magic/labextension/" not in member.name]
        archive.extractall(folder / "elsewhere", inside, filter="data")
    sources = folder / "elsewhere" / sdist.name.removesuffix(".tar.gz")
    module("build", "--installer", "uv", "--wheel", "--outdir", folder / "elsewhere", sources)
    return next((folder / "elsewhere").glob("*.whl"))


def test_wheel(wheel: Path, folder: Path, base: Path) -> Path:
    """Install the wheel into empty environments of an interpreter and use it there; return the bare one's Python."""
    lab = new_environment(folder / "lab", f"kusto-magic[lab] @ {wheel.as_uri()}", base=base)
    run(lab, TOOLS / "smoke.py", "lab", path=lab.parent)
    bare = new_environment(folder / "bare", str(wheel), base=base)
    run(bare, TOOLS / "smoke.py", "bare", path=bare.parent)
    return bare


def check_types(bare: Path, folder: Path) -> None:
    """Check that mypy finds the types of the installed package."""
    module("mypy", "--strict", "--python-executable", bare, TOOLS / "consumer.py", at=folder)


def write_sbom(bare: Path, wheel: Path, folder: Path) -> Path:
    """List what the wheel and its dependencies install today as CycloneDX; return the file."""
    folder.mkdir()
    path = folder / f"{wheel.name.removesuffix('.whl')}.cdx.json"
    about = ("--pyproject", ROOT / "pyproject.toml", "--mc-type", "library", "--output-reproducible")
    module("cyclonedx_py", "environment", *about, "--output-file", path, bare)
    content = json.loads(path.read_text(encoding="utf-8"))
    content["metadata"]["component"]["version"] = wheel.name.split("-")[1]  # dynamic, so not in pyproject.toml
    text = json.dumps(content, indent=2)
    if str(folder.parent) in text:
        sys.exit(f"{path} would contain a path of this machine")
    path.write_text(text + "\n", encoding="utf-8")
    return path


def main(folder: Path) -> None:
    """Build and test the package in an empty folder."""
    sdist, wheel = build(folder)
    for again in (build_without_node(sdist, folder), build_elsewhere(sdist, folder)):
        if again.read_bytes() != wheel.read_bytes():
            sys.exit(f"{wheel} and {again} are not the same")
    bare = {version: test_wheel(wheel, folder / version, base) for version, base in interpreters.installed().items()}
    running = next(iter(bare.values()))
    check_types(running, folder)
    sbom = write_sbom(running, wheel, folder / "sbom")
    sys.stdout.write(f"built: {wheel} {sbom}\ntested with Python {', '.join(sorted(bare))}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
