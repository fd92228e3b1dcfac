"""What the channel on Redis costs, beside plain clients: run ``python -m benchmarks.on_redis``."""
