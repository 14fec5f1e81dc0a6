"""Names of modules that people write instead of the name of the package, and modules of Python itself."""

from __future__ import annotations

import sys

PACKAGE_OF_MODULE = {
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "crypto": "pycryptodome",
    "cv2": "opencv-python-headless",
    "dateutil": "python-dateutil",
    "dotenv": "python-dotenv",
    "faiss": "faiss-cpu",
    "faiss-gpu": "faiss-cpu",
    "fitz": "pymupdf",
    "geohash": "python-geohash",
    "git": "gitpython",
    "google-protobuf": "protobuf",
    "jose": "python-jose",
    "jwt": "pyjwt",
    "kusto": "azure-kusto-data",
    "magic": "python-magic",
    "mysqldb": "mysqlclient",
    "opencv": "opencv-python-headless",
    "pil": "pillow",
    "psycopg2": "psycopg2-binary",
    "pytorch": "torch",
    "serial": "pyserial",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "slugify": "python-slugify",
    "tensorflow-gpu": "tensorflow",
    "usb": "pyusb",
    "win32com": "pywin32",
    "yaml": "pyyaml",
    "zmq": "pyzmq",
}
"""Package names by module name, or by an old or abbreviated name (both normalized)."""

_NO_PACKAGES_TEXT = "cv2 dateutil google-protobuf kusto mysqldb opencv pil pytorch skimage sklearn win32com yaml zmq"
NO_PACKAGES = frozenset(_NO_PACKAGES_TEXT.split())
"""Keys of PACKAGE_OF_MODULE that are not packages of the index, or only placeholders that point to the package.

The other keys are packages that can be meant. Source: the package index, 2026-11.
"""

_PACKAGES_NAMED_LIKE_MODULES = frozenset(
    [
        "antigravity",
        "argparse",
        "ast",
        "asyncio",
        "chunk",
        "configparser",
        "contextvars",
        "dataclasses",
        "datetime",
        "dis",
        "email",
        "enum",
        "functools",
        "graphlib",
        "hmac",
        "html",
        "http",
        "importlib",
        "ipaddress",
        "logging",
        "mailbox",
        "modulefinder",
        "multiprocessing",
        "pathlib",
        "readline",
        "resource",
        "secrets",
        "selectors",
        "ssl",
        "statistics",
        "token",
        "typing",
        "uuid",
        "wave",
        "wsgiref",
    ]
)
"""Modules of Python whose name is also that of a package, most of them backports. Source: the index, 2026-11."""


_BACKPORTS = frozenset({"configparser", "contextvars", "dataclasses", "graphlib"})
"""Those that are useful without a version: for old versions of Python, or for other packages."""


def is_module_of_python(name: str) -> bool:
    """Return whether a name is that of a module of Python itself."""
    return name.replace("-", "_") in sys.stdlib_module_names


def is_standard_module(name: str, *, has_version: bool = False) -> bool:
    """Return whether a line with this name means a module of Python itself, not the package of the same name."""
    if not is_module_of_python(name):
        return False
    return name not in _PACKAGES_NAMED_LIKE_MODULES or not (has_version or name in _BACKPORTS or name != name.lower())
