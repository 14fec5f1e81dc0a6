"""Builds that run in the background, and their history."""
