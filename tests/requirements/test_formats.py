"""Conversion of what other tools wrote: which lines become which, and which changes are made without asking."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kusto_magic.requirements import rules
from kusto_magic.requirements.correction import correction_from_json, correction_json
from kusto_magic.requirements.formats import findings
from kusto_magic.requirements.formats.conversion import convert
from kusto_magic.requirements.parser import parse, problems

SHA = "0123456789abcdef0123456789abcdef01234567"

LOSSLESS = {
    # shells
    '$ pip install pandas==2.2.2 "numpy<2"': "pandas==2.2.2\nnumpy<2",
    "(venv) $ pip install -q pandas==2.2.2": "pandas==2.2.2",
    "PS C:\\Users\\John Doe> pip install pandas==2.2.2": "pandas==2.2.2",
    "(base) C:\\Users\\x>py -3.11 -m pip install --user faker==25.2.0": "faker==25.2.0",
    "user@host:~/x$ python3 -m pip install faker==25.2.0": "faker==25.2.0",
    "!pip install faker==25.2.0 # fake data": "faker==25.2.0  # fake data",
    "!pip install faker==25.2.0 holidays # two": "# two\nfaker==25.2.0\nholidays",
    "%pip install -U faker==25.2.0": "faker==25.2.0",
    "sudo -H pip3 install faker": "faker",
    "C:\\Python311\\python.exe -m pip install faker": "faker",
    "uv pip install faker==25.2.0 --system": "faker==25.2.0",
    'uv add "pandas>=2" faker': "pandas>=2\nfaker",
    "RUN pip install --no-cache-dir faker==25.2.0 && pip install pandas==2.2.2": "faker==25.2.0\npandas==2.2.2",
    "pip install faker==25.2.0; pip install pandas": "faker==25.2.0\npandas",
    "pip install --timeout 60 --progress-bar off faker": "faker",
    "pip install -r requirements.txt": "-r requirements.txt",
    "TOKEN=x pip install tqdm": "tqdm",
    "!A=1 B=2 pip install tqdm": "tqdm",
    "!pip install -q tqdm humanize > /dev/null": "tqdm\nhumanize",
    "pip install tqdm >/dev/null 2>&1": "tqdm",
    "pip install tqdm &": "tqdm",
    "pip install 'rich > 13' tqdm | tail -1": "rich > 13\ntqdm",
    "!{sys.executable} -m pip install orjson": "orjson",
    '!"{sys.executable}" -m pip install -q orjson': "orjson",
    # lists of Python and Markdown
    '"pandas>=2"': "pandas>=2",
    "'pandas>=2',": "pandas>=2",
    "u'pandas>=2',": "pandas>=2",
    "pandas>=2, # trailing": "pandas>=2  # trailing",
    "- pandas==2.2": "pandas==2.2",
    "* `pandas==2.2`": "pandas==2.2",
    "2. pandas==2.2": "pandas==2.2",
    "```text": "",
    "[": "",
    "],": "",
    # characters
    "\u201cpandas>=2\u201d": "pandas>=2",
    "pandas\u00a0>=\u00a02": "pandas >= 2",
    "pandas\u22652.0": "pandas>=2.0",
    "scikit\u2011learn==1.4.2": "scikit-learn==1.4.2",
    "pandas\uff1d\uff1d2.2.2": "pandas==2.2.2",
    "pan\u200bdas==2.2": "pandas==2.2",
    "pandas==2.2 # a\u200b note": "pandas==2.2 # a note",
    "\u2060pandas\ufeff==2.2": "pandas==2.2",
    "pandas==2.2.2\\": "pandas==2.2.2",
    "httpx \u2265 0.27": "httpx >= 0.27",
    "httpx\u2267 0.27": "httpx>= 0.27",
    "httpx\u2a7d0.27": "httpx<=0.27",
    "\uff48\uff54\uff54\uff50\uff58\uff1d\uff1d\uff10\uff0e\uff12\uff17": "httpx==0.27",
    "httpx\uff5e=0.27": "httpx~=0.27",
    "scikit\u2014learn==1.4": "scikit-learn==1.4",
    "scikit\u2013learn\u3000==1.4": "scikit-learn ==1.4",
    "pandas\uff1bos_name=='nt'": "pandas;os_name=='nt'",
    "num\u00adpy==1.26": "numpy==1.26",
    "numpy\u200c==\u200d1.26\ufe0f": "numpy==1.26",
    "numpy==1.26\x0c": "numpy==1.26",
    "\x1b[32mnumpy\x1b[0m==1.26": "numpy==1.26",
    "**numpy**": "numpy",
    "<li>numpy==1.26</li>": "numpy==1.26",
    "numpy==1.26<br />": "numpy==1.26",
    "| numpy | 1.26.4 |": "numpy==1.26.4",
    "numpy==1.26 --user -q": "numpy==1.26",
    "pipx install black": "black",
    "uv tool install ruff": "ruff",
    "easy_install numpy": "numpy",
    '["numpy==1.26", "pandas"],': "numpy==1.26\npandas",
    "REQUIREMENTS = ('numpy', 'pandas>=2',)": "numpy\npandas>=2",
    "REQUIRED_PACKAGES = [": "",
    "---": "",
    "...": "",
    "- [x] numpy": "numpy",
    "[ ] numpy==1.26": "numpy==1.26",
    "\u2705 numpy": "numpy",
    "numpy==1.26 \u2713": "numpy==1.26",
    "numpy,1.26.4": "numpy==1.26.4",
    '"numpy","1.26.4"': "numpy==1.26.4",
    "numpy\t1.26.4": "numpy==1.26.4",
    "-q numpy pandas==2": "numpy\npandas==2",
    # options without an effect
    "--prefer-binary": "",
    "--only-binary :all:": "",
    "--only-binary=:all:": "",
    "@EXPLICIT": "",
}
"""Lines and what they become without asking."""

PROPOSED = {
    "humanize=4.9.0": "humanize==4.9.0",
    "numpy>=1.*": "numpy>=1",
    "scipy~=1": "scipy~=1.0",
    "attrs==": "attrs",
    "conda install --yes tqdm": "tqdm",
    # hyphens, dashes and descriptions
    "httpx-0.27": "httpx==0.27",
    "httpx\u20130.27": "httpx==0.27",
    "httpx\u20140.27": "httpx==0.27",
    "httpx \u2212 0.27": "httpx==0.27",
    "python\u2013dateutil\u20132.9.0.post0": "python-dateutil==2.9.0.post0",
    "torch-2.1.0+cu121 ; os_name == 'nt'": "torch==2.1.0; os_name == 'nt'",
    "sklearn - 1.4": "scikit-learn==1.4",
    "httpx >= 0.27 \u2013 HTTP client": "httpx >= 0.27  # HTTP client",
    "pandas - for tables": "pandas  # for tables",
    "pandas: for tables": "pandas  # for tables",
    "pandas==2.2 // pinned": "pandas==2.2  # pinned",
    "pandas==2.2 /* pinned */": "pandas==2.2  # pinned",
    "pandas==2.2 (pinned)": "pandas==2.2  # pinned",
    "pandas==2.2 [installed]": "pandas==2.2  # installed",
    # blanks, quotes and other characters in the version
    "numpy= =1.26": "numpy==1.26",
    "numpy = = 1.26": "numpy == 1.26",
    "numpy> =1.26,< =2": "numpy>=1.26,<=2",
    "numpy=>1.26": "numpy>=1.26",
    "numpy == 1. 26. 4": "numpy == 1.26.4",
    "numpy=='1.26'": "numpy==1.26",
    "numpy==\u201c1.26\u201d": "numpy==1.26",
    "numpy==1.26.": "numpy==1.26",
    "numpy==1.26\u3002": "numpy==1.26",
    "numpy==1.26\uff01": "numpy==1.26",
    "numpy==1.26\u2026": "numpy==1.26",
    "numpy==1.26\u2013": "numpy==1.26",
    "numpy==1.26;": "numpy==1.26",
    "numpy==1,26": "numpy==1.26",
    "numpy>=1.26,,<2": "numpy>=1.26,<2",
    "numpy>=1.26 and <2": "numpy>=1.26,<2",
    "numpy 1.26+": "numpy>=1.26",
    "numpy==1.26+": "numpy>=1.26",
    "numpy version 1.26": "numpy==1.26",
    "numpy pandas acme-lib": "numpy\npandas\nacme-lib",
    "acme-lib==1 acme-tools": "acme-lib==1\nacme-tools",
    "acme-lib, acme-tools": "acme-lib\nacme-tools",
    "pandas ~> 2.0": "pandas ~= 2.0",
    "pandas==2.2)": "pandas==2.2",
    'pandas==2.2"': "pandas==2.2",
    "pandas==2.2:": "pandas==2.2",
    "numpy latest": "numpy",
    "numpy==latest": "numpy",
    "numpy>=*": "numpy",
    "numpy=*": "numpy",
    "numpy~1.26": "numpy>=1.26,<1.27",
    "pandas\u3001numpy==1.26": "pandas\nnumpy==1.26",
    # arguments, pages and rows
    "-U pandas": "pandas",
    "torch==2.1.0+cu118 --index-url https://download.pytorch.org/whl/cu118": "torch==2.1.0",
    "numpy; pandas>=2; scipy": "numpy\npandas>=2\nscipy",
    "pandas 2.2.2 (pinned)": "pandas==2.2.2  # pinned",
    "pandas: '^2.2'": "pandas>=2.2,<3",
    '"pandas": "2.2.2",': "pandas==2.2.2",
    "import azure.kusto.data as kd": "azure-kusto-data",
    "from google.cloud.storage import Client": "google-cloud-storage",
    "from google.protobuf import message": "protobuf",
    "ModuleNotFoundError: No module named 'sklearn'": "scikit-learn",
    "ImportError: No module named yaml": "pyyaml",
    "Installing collected packages: numpy, pandas": "",
    "ERROR: Could not find a version that satisfies the requirement x": "",
    "[notice] A new release of pip is available: 23.0 -> 24.0": "",
    "corp::acme-lib=1.0": "",
    "corp::numpy=1.26": "numpy==1.26.*",
    "pandas --upgrade --no-deps": "pandas",
    "https://pypi.org/project/pandas/": "pandas",
    "pypi.org/project/pandas/2.2.2": "pandas==2.2.2",
    "[pandas](https://pandas.example.org)": "pandas",
    "numpy 1.26.4 py311hdab7c0b_0 conda-forge": "numpy==1.26.4",
    "prophet 1.1.5 pypi_0 pypi": "prophet==1.1.5",
    "conda-forge/noarch::tqdm-4.66.2-pyhd8ed1ab_0": "tqdm==4.66.2",
    "conda-forge/win-64::zlib-1.3-hcfcfb64_5": "",
    # hashes and options
    "faker==25.2.0 --hash=sha256:aa --hash=sha256:bb": "faker==25.2.0",
    "faker==25.2.0 \\\n    --hash=sha256:aa \\\n    --hash sha512:bb": "faker==25.2.0",
    "faker==25.2.0 \u2014hash=sha256:aa": "faker==25.2.0",
    'numpy==1.26.4 --config-settings="x=y"': "numpy==1.26.4",
    "--pre": "",
    "\u2014pre": "",
    "--require-hashes": "",
    "--no-binary :all:": "",
    "--trusted-host x.example.org": "",
    "-f https://download.pytorch.org/whl": "",
    "-i https://pypi.org/simple": "",
    "--extra-index-url=https://download.pytorch.org/whl/cu121": "",
    "%pip install -U faker": "faker",
    "pip install --pre faker": "faker",
    "pip install --index-url https://pypi.org/simple faker": "faker",
    '%pip install -U "rich<14" 2>&1 | tail -1': "rich<14",
    "pip uninstall pandas": "",
    "!pip uninstall -y pandas numpy": "",
    "python -m pip list": "",
    "conda activate x": "",
    "$ cd foo": "",
    "git clone https://github.com/o/p": "",
    "conda activate x && pip install tqdm": "tqdm",
    "cd foo && A=1 pip install tqdm": "tqdm",
    "docker 7.0": "docker==7.0",
    "source 1.2": "source==1.2",
    # addresses
    "cffi @ file:///D:/bld/cffi_1688897053070/work": "cffi",
    "numba @ file:///C:/ci_311/numba_1676846951152/work": "numba",
    "brotlipy @ file:///home/runner/bld/rattler-build_brotlipy_1666/work": "brotlipy",
    "joblib @ file:///C:/b/abs_7anqwg6qmx/croot/joblib_1718217224240/work": "joblib",
    "six @ file:///home/conda/feedstock_root/build_artifacts/six_1620240208055/work ; os_name == 'nt'": (
        "six ; os_name == 'nt'"
    ),
    "numpy @ file:///C:/Users/me/numpy-1.26.4-cp311-cp311-win_amd64.whl#sha256=aa": "numpy==1.26.4",
    "mypkg @ file:///C:/Users/me/work/mypkg": "",
    "dowhy @ git+https://github.com/py-why/dowhy@v0.11.1": "dowhy==0.11.1",
    "pkg[a,b] @ git+https://github.com/o/pkg.git@release-1.2.0 ; os_name == 'nt'": "pkg[a,b]==1.2.0 ; os_name == 'nt'",
    "pkg @ git+https://github.com/o/pkg@refs/tags/v1.2": "pkg==1.2",
    "pkg @ git+https://github.com/o/pkg@main": "pkg",
    f"pkg @ git+https://github.com/o/pkg@{SHA}": "pkg",
    "-e git+https://github.com/o/r.git@v1.2.0#egg=pkg": "pkg==1.2.0",
    f"-e git+https://github.com/o/r.git@{SHA}#egg=pkg&subdirectory=x": "pkg",
    "git+https://github.com/o/pkg@1.2.3": "pkg==1.2.3",
    "pip install git+https://github.com/o/pkg@v1.2.3": "pkg==1.2.3",
    "https://files.example.org/numpy-1.26.4-cp311-cp311-win_amd64.whl": "numpy==1.26.4",
    "https://files.example.org/faker-25.2.0.tar.gz#sha256=aa": "faker==25.2.0",
    "https://github.com/o/pkg/archive/refs/tags/v1.2.3.zip": "pkg==1.2.3",
    "pkg @ https://github.com/o/pkg/archive/v1.2.3.tar.gz": "pkg==1.2.3",
    "torch @ https://x.example.org/cu121/torch-2.1.0%2Bcu121-cp311-cp311-win_amd64.whl": "torch==2.1.0",
    "https://x.example.org/win-64/numpy-1.26.4-py311hdab7c0b_0.conda": "numpy==1.26.4",
    "https://conda.anaconda.org/conda-forge/win-64/pytorch-2.1.0-cpu_py311h_0.conda#0a1": "torch==2.1.0",
    "https://conda.anaconda.org/conda-forge/win-64/libblas-3.9.0-20_win64_mkl.conda": "",
    "file:///C:/conda/pkgs/tqdm-4.66.2-pyhd8ed1ab_0.tar.bz2": "tqdm==4.66.2",
    "C:\\wheels\\mypkg-1.0-py3-none-any.whl": "mypkg==1.0",
    "dist/mypkg-1.0.tar.gz": "mypkg==1.0",
    "mypkg-1.0-py3-none-any.whl": "mypkg==1.0",
    "./mypkg": "",
    "..\\mypkg": "",
    "-e .": "",
    "-e .[dev]": "",
    "--editable=../lib": "",
    "file:///home/me/x": "",
    # conda
    "numpy=1.26.4=py311hdab7c0b_0": "numpy==1.26.4",
    "prophet=1.1.5=pypi_0": "prophet==1.1.5",
    "conda-forge::pandas=2.2": "pandas==2.2.*",
    "pytorch=2.1.0=py3.11_cpu_0": "torch==2.1.0",
    "libblas=3.9.0=20_win64_mkl": "",
    "_libgcc_mutex=0.1=main": "",
    "conda install -c conda-forge pandas=2.2 numpy python=3.11": "pandas==2.2.*\nnumpy",
    # poetry
    'pandas = "^2.2"': "pandas>=2.2,<3",
    'pandas = "^0.2.3"': "pandas>=0.2.3,<0.3",
    'pandas = "~2.2"': "pandas>=2.2,<2.3",
    'pandas = "~2"': "pandas>=2,<3",
    'pandas = "*"': "pandas",
    'pandas = "2.2.2"': "pandas==2.2.2",
    'pandas = ">=2,<3"': "pandas>=2,<3",
    'python = "^3.11"': "",
    'requests = {version = "^2.31", extras = ["socks"]}': "requests[socks]>=2.31,<3",
    'lib = {git = "https://github.com/o/lib"}': "",
    "pandas ^2.2": "pandas>=2.2,<3",
    'rich = ">=13,<14 || >=15"': "rich>=15",
    'icecream = "^2.1 || ^3"': "icecream>=3,<4",
    'orjson = ">=3.9 <4"': "orjson>=3.9,<4",
    'orjson = ">= 3.9, < 4"': "orjson>=3.9,<4",
    'tqdm = [{version = "^4", python = "<3.11"}, {version = "^4.5", python = ">=3.11"}]': "tqdm",
    'p = {version = "^1", source = "private"}': "",
    'p = {version = "^1", index = "corp"}': "",
    'x = {version = ">=1 <2 || ^3", extras = ["y"]}': "x[y]>=3,<4",
    "poetry add pandas@^2.2 numpy@latest faker": "pandas>=2.2,<3\nnumpy\nfaker",
    # names
    "json": "",
    "datetime": "",
    "yaml": "pyyaml",
    "yaml==5.4": "pyyaml==5.4",
    "sklearn==0.0": "scikit-learn",
    "sklearn>=1.2": "scikit-learn>=1.2",
    "cv2": "opencv-python-headless",
    "PIL": "pillow",
    "import cv2": "opencv-python-headless",
    "import pandas as pd, json, yaml": "pandas\npyyaml",
    ">>> from sklearn.ensemble import RandomForestClassifier": "scikit-learn",
    "torch==2.1.0+cpu": "torch==2.1.0",
    "torch[x]==2.1.0+cu121 ; os_name == 'nt'": "torch[x]==2.1.0 ; os_name == 'nt'",
    # output of installers
    "Successfully installed numpy-1.26.4 python-dateutil-2.9.0.post0": "numpy==1.26.4\npython-dateutil==2.9.0.post0",
    "Requirement already satisfied: numpy in c:\\python\\lib": "numpy",
    "Downloading numpy-1.26.4-cp311.whl (15 MB)": "",
    # common mistakes
    "pandas>=1.0 <2.0": "pandas>=1.0,<2.0",
    "pandas 2.2.2": "pandas==2.2.2",
    "numpy==1.26.4, pandas==2.2.2": "numpy==1.26.4\npandas==2.2.2",
}
"""Lines and what is proposed for them."""

UNCHANGED = [
    "pandas",
    "pandas ==2.2 ",
    "DateTime==5.5",
    "argparse==1.4.0",
    "dataclasses; python_version < '3.7'",
    "psycopg2==2.9.9",
    "requests[socks,security]>=2.8.1,==2.8.*; python_version < '3.12'",
    "torch>=2.1.0",
    "# pip install pandas",
    "  # via faker",
    "-r base.txt",
    "git+https://github.com/o/pkg",
    "see the notes below, please!",
    "PIP_INDEX_URL=https://x.example.org/simple pip install p",
    "cd>=1",
    "pip add numpy",
    "see the notes",
    "numpy as np",
    "from numpy",
    "numpy any",
    "npx run numpy",
    "numpy; python_version",
    "numpy; sys_platform; pandas",
    "import google.something",
    "types-docutils",
    "python3-openid",
    "pywin32-on-3",
    "numpy [extra]>=1",
    "name: pandas",
    "see: the notes",
    "pandas==2.2.2 # pip install 'x'",
    "libclang==18.1.1",
    "p\u0430ndas",  # a Cyrillic letter
    "pan\u202edas",
]


@pytest.mark.parametrize("line", LOSSLESS)
def test_line_is_rewritten_without_asking(line: str) -> None:
    conversion = convert(line)

    assert (conversion.text, conversion.proposed, conversion.correction) == (LOSSLESS[line], (), None)
    assert conversion.applied[0].line == 1
    assert conversion.applied[0].reason


@pytest.mark.parametrize("line", PROPOSED)
def test_change_is_proposed(line: str) -> None:
    conversion = convert(f"first\n{line}\nlast\n")

    after = PROPOSED[line]
    expected = [part for part in f"first\n{after}\nlast\n".splitlines() if part]
    assert conversion.corrected_text.splitlines() == expected
    assert conversion.correction is not None
    assert conversion.proposed[0].line == 2
    assert "\n" not in conversion.proposed[0].reason
    assert not conversion.proposed[0].reason.endswith(".")


@pytest.mark.parametrize(
    "line",
    [
        "foo @ file:///home/me/foo-1.0-py3-none-any.whl",
        "foo@file:///C:/Users/me/foo-1.0-py3-none-any.whl#sha256=aa",
        "foo @ ./dist/foo-1.0.tar.gz",
        "./foo-1.0-py3-none-any.whl",
        "foo-1.0-py3-none-any.whl",
        "C:\\wheels\\foo-1.0-py3-none-any.whl",
        "pip install ./foo-1.0-py3-none-any.whl",
    ],
)
def test_file_of_this_machine_is_said_to_become_the_public_package(line: str) -> None:
    [change] = convert(line).proposed

    assert change.after == "foo==1.0"
    assert "cannot read files of this machine; this names the public package, which may be another one" in change.reason


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (
            "torch==2.1.0+cu121",
            (
                "+cu121 is a build of another index; torch==2.1.0 is the same version in the package index, "
                "which has only builds for the CPU on Windows"
            ),
        ),
        (
            "Torchvision==0.16.0+cpu ; os_name == 'nt'",
            (
                "+cpu is a build of another index; Torchvision==0.16.0 is the same version in the package index, "
                "which has only builds for the CPU on Windows"
            ),
        ),
        ("a==1.0+local", "+local is a build of another index; a==1.0 is the same version in the package index"),
    ],
)
def test_build_of_another_index_is_explained(line: str, reason: str) -> None:
    header, version = convert(f"--extra-index-url https://download.pytorch.org/whl/cu121\n{line}\n").proposed

    assert version.reason == reason
    assert header.reason.endswith("must be allowed; without it, all packages are from the package index")


@pytest.mark.parametrize("line", UNCHANGED)
def test_line_stays_as_it_is(line: str) -> None:
    conversion = convert(line)

    assert (conversion.text, conversion.applied, conversion.proposed) == (line, (), ())


FILES = {
    "environment.yml": (
        (
            "# c\nname: x\nchannels: [conda-forge]\ndependencies:\n- python=3.11.*\n- pandas>=2,<3\n"
            "- conda-forge::numpy=1.26.4=py311_0\n- scikit-learn 1.4.*\n- cudatoolkit=11.8\n- 'matplotlib-base'\n"
            "- pip=23\n- pip:\n  - prophet==1.1.5 # last\n  - git+https://github.com/o/pkg@v1.0\nvariables:\n  A: 1\n"
        ),
        "# c\npandas>=2,<3\nnumpy==1.26.4\nscikit-learn==1.4.*\nmatplotlib\nprophet==1.1.5\npkg==1.0\n",
    ),
    "environment.yml on one line": ("name: x\ndependencies: [python=3.11, pandas=2.2]\n", "pandas==2.2.*\n"),
    "conda list": (
        (
            "# packages in environment at C:\\conda:\n#\n# Name   Version   Build  Channel\n"
            "numpy    1.26.4   py311hdab7c0b_0    conda-forge\nopenssl  3.1.0    h  \nprophet  1.1.5  pypi_0  pypi\n"
        ),
        (
            "# packages in environment at C:\\conda:\n#\n# Name   Version   Build  Channel\n"
            "numpy==1.26.4\nprophet==1.1.5\n"
        ),
    ),
    "pip list with a folder": (
        "Package Version Editable project location\n------- ------- ---\nnumpy 1.26.4\nmine 0.1 /home/me/mine\n",
        "numpy==1.26.4\n",
    ),
    "poetry": (
        (
            '[tool.poetry]\nname = "x"\nversion = "0.1.0"\n[tool.poetry.dependencies]\npython = "^3.11"\n'
            'pandas = "^2.2" # tables\nrequests = {version = "*", extras = ["socks"]}\n'
            '[tool.poetry.group.dev.dependencies]\npytest = "^8"\n[build-system]\nrequires = ["poetry-core"]\n'
        ),
        "pandas>=2.2,<3\nrequests[socks]\n",
    ),
    "pyproject.toml": (
        (
            '[project]\nname = "x"\ndependencies = [\n  "pandas>=2.2",  # tables\n  "numpy<2; os_name == \'nt\'",\n]\n'
            '[project.optional-dependencies]\ndev = [\n "pytest",\n]\n'
        ),
        "pandas>=2.2\nnumpy<2; os_name == 'nt'\n",
    ),
    "pyproject.toml on one line": ('[project]\ndependencies = ["pandas>=2", "x[y]"]\n', "pandas>=2\nx[y]\n"),
    "uv.lock": (
        (
            'version = 1\n[[package]]\nname = "numpy"\nversion = "1.26.4"\nwheels = [\n'
            '  { url = "https://x/n.whl" },\n]\n'
            '[[package]]\nname = "pandas"\nversion = "2.2.2"\n[package.dependencies]\nnumpy = ">=1"\n'
        ),
        "numpy==1.26.4\npandas==2.2.2\n",
    ),
    "uv.lock with the project itself": (
        (
            '[[package]]\nname = "me"\nversion = "0.1"\nsource = { editable = "." }\ndependencies = [\n'
            '    { name = "numpy" },\n]\n'
            '[[package]]\nname = "numpy"\nversion = "1.26.4"\nsource = { registry = "https://pypi.org/simple" }\n'
            '[[package]]\nname = "lib"\nversion = "0.2"\nsource = { virtual = "../lib" }\n'
        ),
        "numpy==1.26.4\n",
    ),
    "poetry.lock with a folder": (
        (
            '[[package]]\nname = "numpy"\nversion = "1.26.4"\n[[package]]\nname = "me"\nversion = "0.1"\n'
            '[package.source]\ntype = "directory"\nurl = "../me"\n'
        ),
        "numpy==1.26.4\n",
    ),
    "Pipfile": (
        (
            '[[source]]\nname = "x"\n[packages]\npandas = "*"\nnumpy = "==1.26.4"\n[dev-packages]\npytest = "*"\n'
            '[requires]\npython_version = "3.11"\n'
        ),
        "pandas\nnumpy==1.26.4\n",
    ),
    "Pipfile.lock": (
        '{"_meta": {}, "default": {"numpy": {"version": "==1.26.4"}}, "develop": {"pytest": {"version": "==8"}}}\n',
        "numpy==1.26.4\n",
    ),
    "JSON with versions by names": (
        '{"numpy": "1.26.4",\n "pandas": "^2.2", "tqdm": "*"}\n',
        "numpy==1.26.4\npandas>=2.2,<3\ntqdm\n",
    ),
    "conda list as JSON": (
        (
            '[{"name": "pytorch", "version": "2.1.0", "channel": "pytorch", "build_string": "py3.11_cpu_0"},\n'
            ' {"name": "zlib", "version": "1.3", "channel": "defaults", "build_string": "hcfcfb64_5"},\n'
            ' {"name": "prophet", "version": "1.1.5", "channel": "pypi", "build_string": "pypi_0"}]\n'
        ),
        "torch==2.1.0\nprophet==1.1.5\n",
    ),
    "pip list as JSON": (
        '[{"name": "numpy", "version": "1.26.4"},\n {"name": "pandas", "version": "2.2.2"}]\n',
        "numpy==1.26.4\npandas==2.2.2\n",
    ),
    "poetry with the table of a package": (
        (
            '[tool.poetry.dependencies]\npython = "^3.11"\n[tool.poetry.dependencies.requests]\nversion = "^2"\n'
            'extras = ["socks"]\n[tool.poetry.dependencies."ruamel.yaml"]\nversion = "*"\n'
        ),
        "requests[socks]>=2,<3\nruamel.yaml\n",
    ),
    "pylock.toml": (
        (
            'lock-version = "1.0"\n[[packages]]\nname = "numpy"\nversion = "1.26.4"\nindex = "https://pypi.org/simple"\n'
            '[[packages]]\nname = "me"\ndirectory = {path = "."}\n[[packages]]\nname = "lib"\nversion = "1.0"\n'
            '[packages.vcs]\ntype = "git"\nurl = "https://github.com/o/lib"\ncommit-id = "0"\n'
        ),
        "numpy==1.26.4\nlib==1.0\n",
    ),
    "uv.lock with repositories": (
        (
            '[[package]]\nname = "a"\nversion = "1.0"\n'
            'source = { git = "https://github.com/o/a?tag=v1.0&subdirectory=x#abc" }\n'
            '[[package]]\nname = "b"\nversion = "1.0"\nsource = { url = "https://files.example.org/b-1.0.whl" }\n'
        ),
        "a==1.0\nb==1.0\n",
    ),
    "pyproject.toml with sources of uv": (
        (
            '[project]\ndependencies = ["a", "b[x]", "c", "d; os_name == \'nt\'"]\n[tool.uv.sources]\n'
            'a = { path = "../a" }\nb = { git = "https://github.com/o/b", tag = "v1.0" }\n'
            'c = { workspace = true }\nd = [{ index = "pytorch" }]\n'
            '[[tool.uv.index]]\nname = "pytorch"\nurl = "https://download.pytorch.org/whl/cu121"\nexplicit = true\n'
        ),
        "b[x]==1.0\nd; os_name == 'nt'\n",
    ),
    "pip inspect": (
        (
            '{"installed": [{"metadata": {"name": "numpy", "version": "1.26.4"}},'
            ' {"metadata": {"name": "me", "version": "0.1"}, "direct_url": {"url": "file:///home/me"}}]}\n'
        ),
        "numpy==1.26.4\n",
    ),
    "pip show": (
        "Name: numpy\nVersion: 1.26.4\nSummary: Arrays\nRequires:\n---\nName: tqdm\nVersion: 4.66\nLicense: MIT: X\n",
        "numpy==1.26.4\ntqdm==4.66\n",
    ),
    "setup.py": (
        (
            'from setuptools import setup\nsetup(\n    name="x",\n    install_requires=[\n        "pandas>=2",\n'
            '        \'numpy\',\n    ],\n    extras_require={\n        "dev": ["pytest"],\n    },\n)\n'
        ),
        "pandas>=2\nnumpy\n",
    ),
    "setup.cfg": (
        (
            "[metadata]\nname = x\n[options]\npackages = find:\n"
            'install_requires =\n    pandas>=2\n    numpy; python_version > "3.8"\n'
            "python_requires = >=3.8\n[options.extras_require]\ndev = pytest\n"
        ),
        'pandas>=2\nnumpy; python_version > "3.8"\n',
    ),
    "mergeable lines": (
        "pandas\nnumpy>=1.20\npandas==2.2.2\nnumpy<2\nuvicorn\nUvicorn[standard]\n",
        "pandas==2.2.2\nnumpy<2,>=1.20\nuvicorn[standard]\n",
    ),
}
"""Files of other tools, and the proposed text."""


@pytest.mark.parametrize("name", FILES)
def test_file_is_recognized(name: str) -> None:
    text, expected = FILES[name]

    correction = convert(text).correction

    assert correction is not None
    assert correction.text == expected
    assert problems(correction.text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Package  Version\n-------- -------\nnumpy    1.26.4\npip 24.0\n", "numpy==1.26.4\npip==24.0\n"),
        ("| Package | Version |\n|---|---|\n| numpy | 1.26.4 |\n", "numpy==1.26.4\n"),
        ('"pandas>=2",\n"numpy",\n', "pandas>=2\nnumpy\n"),
        ("pandas==2.2.2\nfaker\nPandas == 2.2.2\n", "pandas==2.2.2\nfaker\n"),
        ("scikit_learn==1.4\nScikit.Learn==1.4\nscikit-learn==1.4\n", "scikit_learn==1.4\n"),
        ("a==1; os_name == 'nt'\na==2; os_name != 'nt'\na==1; os_name == 'nt'\n", None),
        ("a==1\n\ufeffb==2\n", "a==1\nb==2\n"),
        ("a==1\r\n'b'\r\n", "a==1\r\nb\r\n"),
    ],
)
def test_text_is_rewritten_without_asking(text: str, expected: str | None) -> None:
    conversion = convert(text)

    assert conversion.proposed == ()
    assert conversion.text == (expected or text.rpartition("a==1")[0])


def test_entry_of_a_project_file_that_is_not_understood_stays() -> None:
    text = '[tool.poetry.dependencies]\na = "^1"\nb = "soon!"\nc = [\n  {version = "^1"},\n]\n'
    conversion = convert(text)

    assert conversion.corrected_text.splitlines() == ["a>=1,<2", 'b = "soon!"', "c"]
    found = findings.problems(conversion)
    assert 3 in [problem.line for problem in found]
    assert not [problem for problem in found if "; delete it" in str(problem) and "write" in str(problem)]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("git=2.40", ""),
        ("pyqt=5.15", "pyqt5==5.15.*"),
        ("pytables", "tables"),
        ("py-opencv", "opencv-python-headless"),
        ("msgpack-python", "msgpack"),
        ("pytorch=2.1=*cuda*", "torch==2.1"),
        ("pytorch-cuda=12.1", ""),
        ("cudatoolkit", ""),
        ("numpy-base", "numpy"),
        ("py-xgboost-cpu", "xgboost"),
        ("uvicorn-standard", "uvicorn[standard]"),
        ("libblas", ""),
        ("librosa", "librosa"),
        ("r-base", ""),
        ("_libgcc_mutex", ""),
        ("xorg-libxext", ""),
        ("arrow-cpp", ""),
        ("python", ""),
        ("pip", ""),
        ("zstd", ""),
        ("zstandard", "zstandard"),
        ("something-new=1.2=h3422bc3_4", ""),
        ("something-new=1.2=1", ""),
        ("something-new=1.2=py311h3422bc3_4", "something-new==1.2"),
        ("something-new=1.2=pyhd8ed1ab_0", "something-new==1.2"),
        ("faiss=1.5=pypi_0", "faiss==1.5"),
        ("git=2.1=pypi_0", "git==2.1"),
    ],
)
def test_name_of_conda_becomes_that_of_the_package_index(name: str, expected: str) -> None:
    conversion = convert(f"name: x\ndependencies:\n- {name}\n- tqdm\n")

    assert conversion.corrected_text.split() == [*expected.split(), "tqdm"]
    [change] = [change for change in conversion.proposed if change.line == 3]
    assert ("is called" in change.reason) is (expected.partition("==")[0] not in ("", name.partition("=")[0]))


@pytest.mark.parametrize(
    "lines",
    [
        [f"p{number}=1.0=py311_0" for number in range(9)] + ["pytorch=2.1=py311_0", "py-opencv=4.8=py311_0"],
        [f"import p{number}" for number in range(9)] + ["import torch", "import cv2", "import yaml, tqdm"],
        ["- pytorch", "- opencv", "name: x", "dependencies:"][2:]
        + [f"- p{number}" for number in range(9)]
        + ["- opencv"],
        [f"p{number} 1.0" for number in range(9)] + ["cv2 1.0", "sklearn 1.0"],
    ],
)
def test_other_names_are_not_hidden_in_groups(lines: list[str]) -> None:
    conversion = convert("\n".join(lines))

    shown = [" ".join(map(str, findings.problems(conversion))), " ".join(findings.notes(conversion.proposed))]
    for old, new in [("pytorch", "torch"), ("opencv", "opencv-python-headless"), ("cv2", "opencv-python-headless")]:
        is_named = any(re.search(rf"(?<![\w-]){old}(?![\w-])", line) for line in lines)
        assert not is_named or all(re.search(rf"\b{old} is .*{new}|{new}.*{old} is", text) for text in shown)


def test_conflicting_lines_stay() -> None:
    text = "fastapi==0.115.3\nfastapi==0.115.4\n"

    assert convert(text).proposed == ()
    assert "line 2: fastapi is already on line 1" in str(findings.problems(convert(text))[0])


def test_index_options_and_local_versions_stay_if_they_are_allowed() -> None:
    text = "--extra-index-url https://x.example.org/simple\ntorch==2.1.0+cpu\n"

    assert convert(text, allow_index_options=True).proposed == ()
    assert convert(text).corrected_text == text
    assert convert("-f https://download.pytorch.org/whl/cpu\ntorch==2.1.0+cpu\n").corrected_text == "torch==2.1.0\n"
    assert convert("torch==2.1.0+cpu\n", allow_index_options=True).corrected_text == "torch==2.1.0\n"


SECRETS = [
    "numpy==1.26.4 # password=abcdef12345",
    "api_key=abcdef12345",
    "pandas \\\n # token: abcdef12345",
]


@pytest.mark.parametrize("line", SECRETS)
def test_secret_is_neither_in_the_corrected_text_nor_in_a_change(line: str) -> None:
    conversion = convert(f"faker\n{line}\n")

    shown = [conversion.corrected_text, *map(str, findings.problems(conversion)), repr(conversion.proposed)]
    assert conversion.correction is not None
    assert not [text for text in shown if rules.secret_in(text) or "abcdef" in text or "hunter22" in text]


PRIVATE = [
    "p @ git+https://oauth2:hunter2secret@gitlab.com/me/p.git@main",
    "p[a] @ git+https://hunter2secret@gitlab.com/me/p.git@v1.5.0 ; os_name == 'nt'",
    "p@git+https://hunter2secret@github.com/o/p@v1.0",
    "p @ git+https://${TOKEN}@github.com/o/p@v1.0",
    "git+ssh://git:hunter2secret@github.com/me/p.git@v1.0",
    "git+ssh://git@github.com/me/p.git@v1.0",
    "git@github.com:me/p.git@v1.0",
    "-e git+https://hunter2secret@github.com/me/p#egg=p",
    "-e git+ssh://git@github.com/me/p@v1.0#egg=p",
    "https://a.blob.core.windows.net/w/private-1.0-py3-none-any.whl?sv=2020&sig=hunter2secret",
    "private @ https://x.example.org/w/private-1.0-py3-none-any.whl?sp=r&se=1",
    "https://a.blob.core.windows.net/w/private-1.0-py3-none-any.whl",
    "p @ https://gitlab.corp/me/p/archive/v1.0.tar.gz",
    "git+http://10.0.0.1/me/p@v1.0",
    "pip install git+https://hunter2secret@github.com/me/p@v1.0",
    "'p @ git+https://u:hunter2secret@gitlab.com/me/p@v1.0',",
    "--index-url https://user:hunter2secret@x.example.org/simple",
    "--index-url https://pkgs.dev.azure.com/o/_packaging/f/pypi/simple/",
    "--extra-index-url=https://x.example.org/simple",
    "-i https://x.example.org/simple",
    "-ihttps://x.example.org/simple",
    "-f https://x.example.org/whl",
    "--find-links ./wheels",
    "pip install -i https://user:hunter2secret@x.example.org/simple p",
]
"""Lines whose packages may be private: as public ones they may be others."""


@pytest.mark.parametrize("line", PRIVATE)
def test_package_of_a_private_source_is_not_proposed_as_a_public_one(line: str) -> None:
    conversion = convert(f"first\n{line}\n")

    assert (conversion.correction, conversion.corrected_text) == (None, f"first\n{line}\n")
    found = findings.problems(conversion)
    assert "a public package of the same name may be another one" in str(found[-1])
    assert not [problem for problem in found if problem.fix or "hunter2" in str(problem)]


CORP = "https://bob:hunter2secret@packages.corp.example.com/simple"
PRIVATE_FILES = {
    "environment.yml with lists on a line": (
        'name: x\nchannels: ["https://packages.corp.example.com/conda", defaults]\ndependencies: [acme-lib=1, pandas]\n'
    ),
    "environment.yml": (
        "name: x\nchannels:\n  - https://packages.corp.example.com/conda\n  - conda-forge\n"
        "dependencies:\n  - acme-lib=1.0\n  - pandas=2.2\n"
    ),
    "Pipfile": (
        f'[[source]]\nname = "pypi"\nurl = "https://pypi.org/simple"\n[[source]]\nname = "corp"\nurl = "{CORP}"\n'
        '[packages]\npandas = "*"\nacme-lib = {version = "==1.2", index = "corp"}\n'
    ),
    "Pipfile with a private index only": (
        f'[[source]]\nname = "corp"\nurl = "{CORP}"\n[packages]\npandas = "*"\nacme-lib = "*"\n'
    ),
    "Pipfile without a URL": '[packages]\npandas = "*"\nacme-lib = {version = "*", index = "corp"}\n',
    "poetry": (
        '[tool.poetry.dependencies]\npandas = "*"\nacme-lib = {version = "^1", source = "corp"}\n'
        f'[[tool.poetry.source]]\nname = "corp"\nurl = "{CORP}"\npriority = "explicit"\n'
    ),
    "poetry with an index for all packages": (
        '[tool.poetry.dependencies]\npandas = "*"\nacme-lib = "^1"\n'
        f'[[tool.poetry.source]]\nname = "corp"\nurl = "{CORP}"\n'
    ),
    "poetry with the table of a package": (
        '[tool.poetry.dependencies]\npandas = "*"\n[tool.poetry.dependencies.acme-lib]\nversion = "^1"\n'
        f'source = "corp"\n[[tool.poetry.source]]\nname = "corp"\nurl = "{CORP}"\npriority = "explicit"\n'
    ),
    "poetry with several versions": (
        '[tool.poetry.dependencies]\npandas = "*"\nacme-lib = [\n  {version = "^1"},\n]\n'
        f'[[tool.poetry.source]]\nname = "corp"\nurl = "{CORP}"\n'
    ),
    "uv": (
        '[project]\ndependencies = [\n  "pandas",\n  "acme_lib>=1",\n]\n'
        '[tool.uv.sources]\nacme-lib = { index = "corp" }\n'
        f'[[tool.uv.index]]\nname = "corp"\nurl = "{CORP}"\nexplicit = true\n'
    ),
    "uv with an index for all packages": (
        f'[project]\ndependencies = ["pandas", "acme-lib"]\n[[tool.uv.index]]\nurl = "{CORP}"\n'
    ),
    "uv with a URL": f'[project]\ndependencies = ["pandas", "acme-lib"]\n[tool.uv]\nextra-index-url = ["{CORP}"]\n',
    "uv with a list of indexes": (
        f'[project]\ndependencies = ["pandas", "acme-lib"]\n[tool.uv]\nindex = [{{ name = "corp", url = "{CORP}" }}]\n'
    ),
    "uv with the table of a package": (
        '[project]\ndependencies = ["pandas", "acme-lib"]\n[tool.uv.sources.acme-lib]\nindex = "corp"\n'
        f'[[tool.uv.index]]\nname = "corp"\nurl = "{CORP}"\nexplicit = true\n'
    ),
    "uv pip": f'[tool.uv.pip]\nindex-url = "{CORP}"\n[project]\ndependencies = ["pandas", "acme-lib"]\n',
    "PDM": f'[project]\ndependencies = ["pandas", "acme-lib"]\n[[tool.pdm.source]]\nname = "corp"\nurl = "{CORP}"\n',
    "poetry.lock": (
        '[[package]]\nname = "acme-lib"\nversion = "1.0"\nfiles = []\n[package.dependencies]\nname = "x"\n'
        f'[package.source]\ntype = "legacy"\nurl = "{CORP}"\nreference = "corp"\n'
        '[[package]]\nname = "pandas"\nversion = "2.2"\n'
    ),
    "poetry.lock with a repository": (
        '[[package]]\nname = "acme-lib"\nversion = "1.0"\n[package.source]\ntype = "git"\n'
        'url = "https://gitlab.corp/acme/lib.git"\n[[package]]\nname = "pandas"\nversion = "2.2"\n'
    ),
    "uv.lock": (
        f'version = 1\n[[package]]\nname = "acme-lib"\nversion = "1.0"\nsource = {{ registry = "{CORP}" }}\n'
        '[[package]]\nname = "pandas"\nversion = "2.2"\nsource = { registry = "https://pypi.org/simple" }\n'
    ),
    "uv.lock that cannot be read": (
        '[[package]]\nname = "pandas"\nversion = "2.2"\nwheels = [\n[[package]]\nname = "acme-lib"\nversion = "1.0"\n'
        "sdist = [\n"
    ),
    "pylock.toml": (
        f'[[packages]]\nname = "acme-lib"\nversion = "1.0"\nindex = "{CORP}"\n'
        '[[packages]]\nname = "pandas"\nversion = "2.2"\n'
    ),
    "Pipfile.lock": (
        f'{{"_meta": {{"sources": [{{"name": "corp",\n "url": "{CORP}"}}]}},\n "default": {{"acme-lib": '
        '{"version": "==1.0", "index": "corp"},\n "pandas": {"version": "==2.2", "index": "pypi"}}}\n'
    ),
    "Pipfile.lock with a private index only": (
        f'{{"_meta": {{"sources": [{{"name": "corp",\n "url": "{CORP}"}}]}},\n "default": {{"acme-lib": '
        '{"version": "==1.0"},\n "pandas": {"version": "==2.2"}}}\n'
    ),
    "pip report": (
        '{"install": [{"metadata": {"name": "pandas", "version": "2.2"}},\n {"metadata": {"name": "acme-lib", '
        f'"version": "1.0"}}, "direct_url": {{"url": "{CORP}/acme.whl"}}}}]}}\n'
    ),
}
"""Files in which acme-lib is from a private index, or may be, and pandas is not."""


@pytest.mark.parametrize("name", PRIVATE_FILES)
def test_package_of_a_private_index_of_a_file_is_left_out(name: str) -> None:
    conversion = convert(PRIVATE_FILES[name])

    assert [line.partition("=")[0] for line in conversion.corrected_text.split()] == ["pandas"]
    [problem] = [text for text in map(str, findings.problems(conversion)) if re.search("acme.lib (is|may be) ", text)]
    assert "a public package of the same name may be another one" in problem
    assert (
        "the index at packages.corp.example.com" in problem.replace("channel", "index")
        or CORP not in PRIVATE_FILES[name]
        or "pip" in name
    )
    assert "hunter2" not in f"{findings.problems(conversion)}{conversion.proposed}"


def test_other_name_in_json_of_conda_is_said() -> None:
    entry = '{"name": "pytorch", "version": "2.1", "channel": "main", "build_string": "py_0"}'

    [change] = convert(f"[{entry}]").proposed
    assert change.reason == "JSON with names and versions; pytorch is called torch in the package index"


def test_many_private_packages_of_json_are_one_short_reason() -> None:
    entries = ", ".join(f'"p{number}": {{"version": "==1", "index": "corp"}}' for number in range(100))
    [change] = convert(f'{{"default": {{"numpy": {{"version": "==1"}}, {entries}}}}}').proposed

    assert change.after == "numpy==1"
    assert change.reason.endswith("; 95 more packages are left out")


def test_private_index_stays_when_other_lines_are_corrected() -> None:
    text = "--index-url https://pkgs.dev.azure.com/o/_packaging/f/pypi/simple/\nmyprivatelib 1.0\n"

    correction = convert(text).correction
    assert correction is not None
    assert correction.text == text.replace("lib 1.0", "lib==1.0")


def test_private_index_with_a_token_in_its_path_is_not_repeated() -> None:
    assert convert("--index-url https://h.example.org/aB3xxxxxxxxxxxxxxxxxx/simple\na 1.0\n").correction is None


HUNTERS = {
    "machine pypi.org login u password hunter2secret": "",
    "machine pypi.org\n  login user\n  password hunter2secret": "",
    "login bob hunter2secret": "",
    "user bob password hunter2secret": "",
    "password hunter2secret": "",
    "password hunter2secret\rtqdm": "tqdm\n",
    "token hunter2secret": "",
    "api_key hunter2secret": "",
    "client_secret hunter2secret": "",
    "X-API-Key hunter2secret": "",
    "X-Auth-Token: hunter2secret": "",
    "Cookie: session=hunter2secret": "",
    "Authorization: Bearer hunter2secret.eyJ\u2026": "",
    "Authorization: Basic hunter2secret==": "",
    "-H Authorization: token hunter2secret": "",
    "Bearer hunter2secret": "",
    "Basic hunter2secret": "",
    "--client-cert hunter2secret.pem": "",
    "--api-key hunter2secret": "",
    "tqdm --password hunter2secret": "",
    "tqdm password hunter2secret": "",
    "pip install tqdm password hunter2secret": "",
    "pip install --token hunter2secret tqdm": "tqdm\n",
    "pip install --token=hunter2secret tqdm": "tqdm\n",
    "pip install --index-password hunter2secret tqdm rich": "tqdm\nrich\n",
    "poetry add --source-token hunter2secret tqdm": "tqdm\n",
}
"""Lines with the secret hunter2secret, and what stays of them."""


@pytest.mark.parametrize("line", HUNTERS)
def test_secret_is_recognized_before_a_line_is_split(line: str) -> None:
    conversion = convert(f"faker\n{line}\n")

    assert conversion.corrected_text == f"faker\n{HUNTERS[line]}"
    shown = [*map(str, findings.problems(conversion)), repr(conversion.proposed), *map(str, problems(line))]
    assert "hunter2" not in "".join(shown)


@pytest.mark.parametrize(
    "line",
    [
        "passlib==1.7 # password hashing",
        "password 1.0.2",
        "token>=3",
        "tokenizers==0.15",
        "secret 2023.1",
        "# bearer tokens are used",
        "# Basic DataFrame support",
        "# authorization library",
        "keyring==1.0 # access key storage",
        "pip install tokenizers secrets",
        "azure-keyvault-keys==4.9",
        "x-transformers==1.0",
        "--keyring-provider subprocess",
    ],
)
def test_package_or_comment_about_secrets_is_none(line: str) -> None:
    assert rules.secret_in(line) == ""


@pytest.mark.parametrize(
    ("line", "packages"),
    [
        ("pip install --unheard of tqdm", "tqdm"),
        ("pip install --unheard=of tqdm", "tqdm"),
        ("pip install -i https://pypi.org/simple --unheard of tqdm", "tqdm"),
        ("pip install --upgrade --no-deps tqdm", "tqdm"),
        ("pip install tqdm --unheard", "tqdm"),
    ],
)
def test_word_after_an_unknown_option_is_no_package(line: str, packages: str) -> None:
    assert convert(line).corrected_text.split() == packages.split()


def test_correction_is_omitted_if_a_secret_would_remain() -> None:
    text = "yaml\nab\\\ncdef==1 # password=\\\nabcdef12345\n"

    correction = convert(text).correction
    assert correction is None or not rules.secret_in(correction.text)


def test_problems_have_the_lines_of_the_original_text() -> None:
    text = "pip install a b c\nfoo bar baz !!\nyaml\n--hash=\nd --hash=sha256:aa\n"
    found = findings.problems(convert(text))

    assert [problem.line for problem in found] == [2, 3, 4, 5]
    assert found[1].fix == "pyyaml"
    assert str(found[1]).endswith("; write pyyaml")


def test_changes_of_one_kind_are_one_problem() -> None:
    text = "".join(f"p{number}==1 \\\n  --hash=sha256:aa\n" for number in range(5))

    [problem] = findings.problems(convert(text))
    assert str(problem).startswith("line 1: --hash: ")
    assert str(problem).endswith("(lines 1–10)")


def test_notes_are_in_the_order_of_the_lines() -> None:
    conversion = convert("'a'\n- b\n'c'\n- d\npip install a e\na\n")

    found = findings.notes(conversion.applied)
    assert [note.partition(":")[0] for note in found] == [f"line {number}" for number in range(1, 7)]
    assert "a is on line 1 already" in found[4]
    assert "the same as line 1" in found[5]


def test_many_problems_are_limited() -> None:
    found = findings.problems(convert("".join(f"p{number} {number}.1\n" for number in range(80))))

    assert len(found) == 51
    assert str(found[-1]) == "requirements: 30 more problems; the corrected requirements contain all changes"


def test_text_of_which_nothing_would_remain_has_no_correction() -> None:
    conversion = convert("# comment\n-e .\njson\n")

    assert conversion.correction is None
    assert [problem.line for problem in findings.problems(conversion)] == [2, 3]


def test_notes_say_what_became_of_each_line() -> None:
    changes = convert("pip install a b\n'c'\n```\n").applied

    assert findings.notes(changes) == [
        "line 1: a, b (pip install: one package per line)",
        "line 2: c (quotes or a comma around it)",
        "line 3: '```' deleted (not a package line)",
    ]


def test_correction_survives_json() -> None:
    correction = convert("yaml\n").correction

    assert correction_from_json(correction_json(correction)) == correction


@given(st.text(alphabet="ab=<>~!.,;:#@+-_/\\[](){}'\" \t\n\r1\u00a0\u200b\u201c\u2014", max_size=60))
def test_corrected_text_needs_no_further_correction(text: str) -> None:
    conversion = convert(text)

    again = convert(conversion.corrected_text)
    assert again.corrected_text == conversion.corrected_text or again.proposed or again.applied
    assert not (conversion.text == text and conversion.applied)


@given(st.lists(st.sampled_from(["pandas==2.2.2", "numpy<2 ; os_name == 'nt'", "# x", "", "a[b]>=1 # c"]), unique=True))
def test_valid_text_is_unchanged(lines: list[str]) -> None:
    text = "\n".join(lines)

    assert convert(text).text == text
    parse(text, allow_no_packages=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        "a " * 60_000,
        "a b !!\n" * 9_000,
        "numpy\n" * 9_000,
        "".join(f"numpy>={number}\n" for number in range(3_000)),
        "-" * 120_000,
        "[" * 120_000,
        '{"a":' * 20_000,
        "pip install " + "a==1 " * 1_000,
    ],
)
def test_conversion_of_a_hostile_text_is_quick(text: str) -> None:
    started = time.process_time()
    convert(text)

    assert time.process_time() - started < 5
