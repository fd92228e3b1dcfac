"""The broadcast channel in memory: every receiver gets every message."""
