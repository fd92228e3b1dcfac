"""How a task waits and yields, on any event loop. Channels are unknown here."""
