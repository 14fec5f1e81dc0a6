"""Azure Resource Manager: transport, authentication, long-running operations, clients."""
