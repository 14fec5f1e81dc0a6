"""What the tests stand on: a home of their own, a real kernel, a real JupyterLab, a real browser."""
