"""Ways to spread a collection over workers; all satisfy :class:`mer_plugins.contracts.Engine`."""
