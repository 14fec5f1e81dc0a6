"""Generator of a first requirements text: what Python in queries and in notebooks imports, pinned."""
