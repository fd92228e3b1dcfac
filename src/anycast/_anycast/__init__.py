"""The channel in memory. Only this room and `_broadcast` read and write the fields of a core."""
