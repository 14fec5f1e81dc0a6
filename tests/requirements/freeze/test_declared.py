"""Packages that install commands and comments declare."""

from __future__ import annotations

import pytest

from kusto_magic.requirements.freeze.declared import Declarations


def declared_in(*texts: str) -> Declarations:
    found = Declarations()
    for text in texts:
        found.read(text)
    return found


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("%pip install prophet==1.1.5", ["prophet==1.1.5"]),
        ("%pip install -q --upgrade prophet==1.1.5 faker", ["prophet==1.1.5", "faker"]),
        ("!pip install prophet==1.1.5", ["prophet==1.1.5"]),
        ("!pip3.11 install 'prophet>=1.1,<2' \"faker[a,b]~=25.2\"", ["prophet<2,>=1.1", "faker[a,b]~=25.2"]),
        ("!python -m pip install prophet==1.1.5", ["prophet==1.1.5"]),
        ("!{sys.executable} -m pip install prophet==1.1.5", ["prophet==1.1.5"]),
        ("! C:\\Python\\Scripts\\pip.exe install prophet==1.1.5", ["prophet==1.1.5"]),
        ("!uv pip install --system prophet==1.1.5", ["prophet==1.1.5"]),
        ("!uv add prophet==1.1.5", ["prophet==1.1.5"]),
        ("!poetry add prophet==1.1.5", ["prophet==1.1.5"]),
        ("%%bash\nset -e\npip install prophet==1.1.5 && echo done", ["prophet==1.1.5"]),
        ("!pip install prophet==1.1.5 \\\n    faker==25.2.0 | tail -1", ["prophet==1.1.5", "faker==25.2.0"]),
        ("!pip install prophet==1.1.5  # for the forecast", ["prophet==1.1.5"]),
        ("!pip install prophet==1.1.5 > /dev/null 2>&1", ["prophet==1.1.5"]),
        ("!pip install prophet==1.1.5; pip install faker==25.2.0", ["prophet==1.1.5"]),
        ("# !pip install prophet==1.1.5", ["prophet==1.1.5"]),
        ("subprocess.check_call([sys.executable, '-m', 'pip', 'install', 'prophet==1.1.5'])", ["prophet==1.1.5"]),
        ('run(["pip","install","prophet==1.1.5","faker"], check=True)', ["prophet==1.1.5", "faker"]),
        ("os.system('pip install prophet==1.1.5')", ["prophet==1.1.5"]),
        ("pip.main(['install', 'prophet==1.1.5'])", []),
        ("%conda install -y -c conda-forge prophet=1.1.5", ["prophet==1.1.5"]),
        (
            "!conda install --yes conda-forge::prophet=1.1 numpy==1.26 pandas",
            ["prophet==1.1.*", "numpy==1.26", "pandas"],
        ),
        ("%mamba install 'prophet=1.1.5=py311_0' 'faker>=25'", ["prophet==1.1.5", "faker>=25"]),
        ("# requirements: prophet==1.1.5, faker>=25,<26", ["prophet==1.1.5", "faker<26,>=25"]),
        ("# Requirements: prophet==1.1.5 faker", ["prophet==1.1.5", "faker"]),
        (
            "#requirements:\n#   prophet==1.1.5\n# - faker==25.2.0\nx = 1\n# numpy==1",
            ["prophet==1.1.5", "faker==25.2.0"],
        ),
        (
            '# /// script\n# dependencies = [\n#   "prophet==1.1.5",\n#   "faker",\n# ]\n# ///',
            ["prophet==1.1.5", "faker"],
        ),
        ('# /// script\n# dependencies = ["prophet==1.1.5", "faker"]\n# ///', ["prophet==1.1.5", "faker"]),
        ("%pip install git+https://example.com/x.git", []),
        ("%pip install prophet@https://example.com/x.whl", []),
        ("%pip install --index-url https://user:secret@example.com/simple prophet==1.1.5", ["prophet==1.1.5"]),
        ("%pip install -c constraints -e . ./local prophet=={version}", []),
        ("%pip install prophet===1.1.5", []),
        ("%pip uninstall prophet", []),
        ("pip install", []),
        ("installing prophet==1.1.5", []),
    ],
)
def test_packages_of_a_text(text: str, lines: list[str]) -> None:
    assert list(declared_in(text).lines.values()) == lines


def test_version_is_kept_and_a_later_one_replaces_it() -> None:
    found = declared_in("%pip install Prophet==1.1.4", "%pip install prophet", "%pip install prophet==1.1.5")
    assert found.lines == {"prophet": "prophet==1.1.5"}
    assert declared_in("%pip install prophet==1.1.5", "%pip install -U prophet").lines == {"prophet": "prophet==1.1.5"}


def test_secret_is_not_taken() -> None:
    assert declared_in("%pip install x==1+ghp_0123456789abcdefghij").lines == {}


@pytest.mark.parametrize("text", ["%pip install -r requirements.txt", "!pip install -rrequirements.txt -q"])
def test_requirements_files_are_named(text: str) -> None:
    assert declared_in(text).files == ["requirements.txt"]


@pytest.mark.slow
@pytest.mark.parametrize("part", ["pip install ", "pip ", "# requirements: ", "\\\n", "pip install \\\n", "x,", "'"])
def test_long_texts_are_read_in_linear_time(part: str) -> None:
    declared_in(f"install # {part * (200_000 // len(part))}")
