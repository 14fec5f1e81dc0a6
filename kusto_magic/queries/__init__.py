"""Queries to a cluster: what the sandbox of python() holds. The only package that uses the data plane."""
