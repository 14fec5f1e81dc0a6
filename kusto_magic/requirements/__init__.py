"""Parsing, validating and collecting requirements."""
