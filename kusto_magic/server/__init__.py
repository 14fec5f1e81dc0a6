"""The REST API of the Jupyter server extension."""
