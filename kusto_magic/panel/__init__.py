"""The ipywidgets form for creating and managing images."""
