"""Builds that are polled in the background, and their history."""
