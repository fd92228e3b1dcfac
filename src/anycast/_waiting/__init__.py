"""How a task waits and yields, on any event loop. This package knows no channel."""
