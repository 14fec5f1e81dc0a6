"""What tests of the preflight share: the Python version they check for, and the type of the fixture `check`."""

from __future__ import annotations

from collections.abc import Callable

from kusto_magic.preflight.report import PreflightReport

PYTHON = "3.10.8"

Check = Callable[..., PreflightReport]
"""Runs the preflight of a text with the folder of wheels, and with other options."""
