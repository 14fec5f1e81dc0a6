"""Measures how much larger the files of wheels are than the wheels: the constant of `preflight.sandbox_size`.

`python benchmarks/wheel_sizes.py` downloads about 1.2 GB, one wheel after the other; the Python needs pip.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

PACKAGES = (
    "altair", "azure-identity", "azure-kusto-data", "beautifulsoup4", "bokeh", "catboost", "cryptography", "dask",
    "duckdb", "faiss-cpu", "gensim", "geopandas", "h3", "hdbscan", "jax", "jaxlib", "kaleido", "keras", "lightgbm",
    "llvmlite", "lxml", "matplotlib", "mlflow-skinny", "networkx", "nltk", "numba", "numpy", "onnxruntime",
    "opencv-python-headless", "openpyxl", "pandas", "pillow", "plotly", "pmdarima", "polars", "prophet", "pyarrow",
    "pydantic", "pyod", "pyproj", "rapidfuzz", "rasterio", "requests", "ruptures", "scikit-learn", "scipy",
    "seaborn", "sentence-transformers", "shap", "shapely", "sktime", "spacy", "sqlalchemy", "statsforecast",
    "statsmodels", "sympy", "tensorflow-intel", "textdistance", "tldextract", "tokenizers", "torch", "transformers",
    "tsfresh", "umap-learn", "xgboost",
)  # fmt: skip
"""Packages that are common in data work; of their dependencies only those that are named."""

TARGET = ["--platform", "win_amd64", "--python-version", "3.11", "--abi", "cp311", "--abi", "abi3", "--abi", "none"]


def wheel_size(package: str) -> tuple[int, int]:
    """Return the size in bytes of a package's newest wheel, and that of its files."""
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", *TARGET]
        subprocess.run([*pip, "--dest", folder, package], check=True)
        [wheel] = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as files:
            return wheel.stat().st_size, sum(file.file_size for file in files.infolist())


def main() -> None:
    """Print the ratio of each package, and that of all."""
    sizes = {}
    for package in PACKAGES:
        size, unpacked = sizes[package] = wheel_size(package)
        print(f"{package:30} {size / 1e6:8.1f} MB {unpacked / size:5.2f}", flush=True)
    size, unpacked = map(sum, zip(*sizes.values(), strict=True))
    print(f"{len(sizes)} wheels {size / 1e6:.1f} MB {unpacked / size:.2f}")


if __name__ == "__main__":
    main()
