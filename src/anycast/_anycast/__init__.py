"""The channel in memory. Only this package reads and writes the fields of the core."""
