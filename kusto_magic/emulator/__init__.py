"""A local Azure Resource Manager for sandbox custom images."""
