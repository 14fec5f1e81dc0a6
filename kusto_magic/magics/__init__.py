"""The IPython magics: `%%kusto_image` and `%kusto_image`."""
