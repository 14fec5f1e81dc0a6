"""Immutable value types and their Azure Resource Manager JSON."""
