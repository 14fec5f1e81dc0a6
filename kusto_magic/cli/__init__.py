"""The command `kusto-image`, for shells and pipelines; it imports neither IPython nor Jupyter."""
