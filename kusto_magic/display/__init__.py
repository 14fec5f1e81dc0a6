"""Display of builds and results: MIME bundles, cards, progress bars, terminal output."""
