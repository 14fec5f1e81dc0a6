"""Immutable values and their Azure Resource Manager JSON."""
