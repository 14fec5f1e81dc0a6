"""The URLs at which the status of a long-running operation can be read."""

from __future__ import annotations

from enum import StrEnum


class PollTarget(StrEnum):
    """The URL that is polled for the status."""

    OPERATION = "Azure-AsyncOperation"
    LOCATION = "Location"
    IMAGE = "image"
    """The image itself, or the cluster if an image is enabled or disabled."""
