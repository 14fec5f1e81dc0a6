"""Names of conda: which packages have another name in the package index, and which are not packages of Python.

Sources, as read in 2026-11: the table of grayskull, https://github.com/conda/grayskull (strategy/config.yaml); the
differences between conda's channels, https://github.com/conda-incubator/conda-pypi
(docs/reference/conda-channels-naming-analysis.md); and the pages of the packages. The tables are not complete.
"""

from __future__ import annotations

import re

PACKAGE_NAMES = {
    "astropy-base": "astropy",
    "authzed-py": "authzed",
    "boruta_py": "boruta",
    "brotli-python": "brotli",
    "cufflinks-py": "cufflinks",
    "cython-blis": "blis",
    "dask-core": "dask",
    "diffusers-base": "diffusers",
    "docker-py": "docker",
    "esprima-python": "esprima",
    "faiss": "faiss-cpu",
    "fastapi-core": "fastapi",
    "h2o-py": "h2o",
    "h3-py": "h3",
    "keras-base": "keras",
    "keras-gpu": "keras",
    "matplotlib-base": "matplotlib",
    "msg-extractor": "extract-msg",
    "msgpack-python": "msgpack",
    "neo4j-python-driver": "neo4j",
    "numpy-base": "numpy",
    "nvidia-ml": "nvidia-ml-py3",
    "opencv": "opencv-python-headless",
    "ortools-python": "ortools",
    "pandera-base": "pandera",
    "pandera-core": "pandera",
    "prince-factor-analysis": "prince",
    "pvlib-python": "pvlib",
    "py-lightgbm": "lightgbm",
    "py-opencv": "opencv-python-headless",
    "py-xgboost": "xgboost",
    "py-xgboost-cpu": "xgboost",
    "py-xgboost-gpu": "xgboost",
    "pyarrow-all": "pyarrow",
    "pyarrow-core": "pyarrow",
    "pyct-core": "pyct",
    "pyqt": "pyqt5",
    "pysoundfile": "soundfile",
    "pytables": "tables",
    "python-annoy": "annoy",
    "python-blosc": "blosc",
    "python-confluent-kafka": "confluent-kafka",
    "python-cufflinks": "cufflinks",
    "python-duckdb": "duckdb",
    "python-fastjsonschema": "fastjsonschema",
    "python-flatbuffers": "flatbuffers",
    "python-graphviz": "graphviz",
    "python-hdfs": "hdfs",
    "python-igraph": "igraph",
    "python-installer": "installer",
    "python-kaleido": "kaleido",
    "python-kubernetes": "kubernetes",
    "python-lmdb": "lmdb",
    "python-mss": "mss",
    "python-sounddevice": "sounddevice",
    "python-symengine": "symengine",
    "python-tzdata": "tzdata",
    "python-wget": "wget",
    "python-xxhash": "xxhash",
    "pytorch": "torch",
    "pytorch-cpu": "torch",
    "pytorch-gpu": "torch",
    "pytorch_geometric": "torch-geometric",
    "qtconsole-base": "qtconsole",
    "redis-py": "redis",
    "ruamel_yaml": "ruamel.yaml",
    "seaborn-base": "seaborn",
    "tensorflow-base": "tensorflow",
    "tensorflow-cpu": "tensorflow",
    "tensorflow-gpu": "tensorflow",
    "trino-python-client": "trino",
    "uvicorn-standard": "uvicorn[standard]",
}
"""Names in the package index by conda's names, where they are known to differ."""

BASE_PACKAGES = frozenset({"python", "pip", "setuptools", "wheel"})
"""Python and its tools, which a base image has."""

_PROGRAMS_TEXT = (
    "_libgcc_mutex _openmp_mutex anaconda arrow-cpp aws-c-common blas blosc boost boost-cpp brotli-bin bzip2 c-ares "
    "c-blosc2 ca-certificates cairo clang cmake compilers conda conda-build console_shortcut cpuonly cuda "
    "cuda-nvcc cuda-toolkit cuda-version cudatoolkit cudnn curl dbus eigen expat ffmpeg fontconfig freetype gcc geos "
    "gettext gflags gfortran ghostscript giflib git git-lfs glib glog glpk gmp graphviz gsl gst-plugins-base "
    "gstreamer gxx harfbuzz hdf4 hdf5 icc_rt icu imagemagick intel-openmp jpeg jq kealib krb5 lame lcms2 "
    "ld_impl_linux-64 ld_impl_osx-64 lerc llvm-openmp lz4-c m2-msys2-runtime m2w64-gcc-libs "
    "m4 make mamba maven mesa metis micromamba mkl mkl-include mpfr mpi mpich "
    "msys2-conda-epoch mysql nccl ncurses nettle ninja nodejs nomkl nspr nss openblas openh264 openjdk openjpeg "
    "openmpi openssl orc p7zip pandoc pango pcre pcre2 perl pixman poppler postgresql proj python_abi pytorch-cuda "
    "pytorch-mutex qt qt-main qt-webengine qt6-main r r-base r-essentials re2 readline ruby rust snappy sox spdlog "
    "sqlite svt-av1 swig tbb tesseract tk tktable tzcode tzdata ucrt unixodbc unzip utf8proc vc vc14_runtime "
    "vs2015_runtime vs2019_win-64 wget winpty x264 x265 xerces-c xorg-libx11 xz yaml yaml-cpp zeromq zip "
    "zlib zlib-ng zstd"
)
_PROGRAMS = frozenset(_PROGRAMS_TEXT.split())
_PREFIXES = ("_", "lib", "r-", "xorg-", "font", "cuda-", "gcc_", "gxx_", "binutils", "sysroot_", "kernel-headers")

_PYTHON_WITH_PREFIX_TEXT = (
    "libclang libcst librosa libsass libusb1 libtmux libpysal liblinear-official libsvm-official librt fonttools "
    "cuda-python cuda-bindings"
)
_PYTHON_WITH_PREFIX = frozenset(_PYTHON_WITH_PREFIX_TEXT.split())
"""Packages of the index whose name begins like that of a library."""

_LIBRARY_BUILD = re.compile(r"(?:h[0-9a-f]{6,10}|\d+|mkl|openblas)(?:_\d+)?")
"""The build of a package that depends on no version of Python; others have "py" in it."""


def is_program(name: str, build: str) -> bool:
    """Return whether a package of conda, with its build or "", is a program or a library, not a package of Python."""
    lowered = name.lower()
    if lowered in PACKAGE_NAMES or lowered in _PYTHON_WITH_PREFIX:
        return False
    return lowered in _PROGRAMS or lowered.startswith(_PREFIXES) or bool(_LIBRARY_BUILD.fullmatch(build))
