"""Markers of requirement lines, as the sandbox evaluates them: CPython on Windows x64."""

from __future__ import annotations

from packaging.markers import Marker


def marker_applies(marker: str, python: str) -> bool:
    """Return whether a line with this marker ("" for none) applies to a Python version such as "3.10.8".

    A marker with an invalid comparison counts as applicable, so that its line is checked.
    """
    try:
        return not marker or Marker(marker).evaluate(_environment(python))
    except ValueError:
        return True


def _environment(python: str) -> dict[str, str]:
    """Return the PEP 508 variables of the sandbox; unknown ones are ""."""
    return {
        "implementation_name": "cpython",
        "implementation_version": python,
        "os_name": "nt",
        "platform_machine": "AMD64",
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": "Windows",
        "platform_version": "",
        "python_full_version": python,
        "python_version": python.rpartition(".")[0],
        "sys_platform": "win32",
        "extra": "",
    }
