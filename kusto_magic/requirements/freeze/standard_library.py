"""Modules of Python's standard library by version: a base image may have another Python than this process.

Source: "What's New in Python" of each version, and PEP 594 for the modules that were removed in 3.12 and 3.13.
"""

from __future__ import annotations

import sys

_REMOVED = {
    name: version
    for version, names in {
        (3, 8): "macpath",
        (3, 9): "_dummy_threading dummy_threading",
        (3, 10): "formatter parser symbol",
        (3, 11): "binhex",
        (3, 12): "asynchat asyncore distutils imp smtpd",
        (
            3,
            13,
        ): "aifc audioop cgi cgitb chunk crypt imghdr lib2to3 mailcap msilib nis nntplib ossaudiodev pipes sndhdr "
        "spwd sunau telnetlib uu xdrlib",
    }.items()
    for name in names.split()
}
"""The first version without a module, by the module's name."""

_ADDED = {
    "annotationlib": (3, 14),
    "compression": (3, 14),
    "contextvars": (3, 7),
    "dataclasses": (3, 7),
    "graphlib": (3, 9),
    "tomllib": (3, 11),
    "zoneinfo": (3, 9),
}
"""The first version with a module, by the module's name; of versions after 3.6."""

_NOT_ON_WINDOWS = frozenset(
    {"crypt", "curses", "fcntl", "grp", "nis", "ossaudiodev", "posix", "pty", "pwd", "readline", "resource", "spwd"}
    | {"syslog", "termios", "tty"}
)


def is_standard_library(module: str, python: str = "") -> bool:
    """Return whether a top-level module is part of a Python version ("3.11.7"), of any version if that is ""."""
    if not python:
        return module in sys.stdlib_module_names or module in _REMOVED
    version = tuple(int(part) for part in python.split(".")[:2])
    if module in _REMOVED:
        return version < _REMOVED[module]
    return (module in sys.stdlib_module_names or module in _ADDED) and version >= _ADDED.get(module, (0, 0))


def is_missing_on_windows(module: str) -> bool:
    """Return whether a module of the standard library cannot be imported on Windows, where the sandboxes run."""
    return module in _NOT_ON_WINDOWS
