"""The api-version of Microsoft.Kusto that requests use."""

from __future__ import annotations

API_VERSION = "2024-04-13"
"""The oldest api-version with `baseImageName`, the newest with recorded traffic."""
