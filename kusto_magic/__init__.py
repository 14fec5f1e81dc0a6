"""Make, follow and manage the sandbox custom images of Azure Data Explorer (Kusto) from a notebook."""

__version__ = "0.1.0"
