"""How fast the channel is, against its peers: run ``python -m benchmarks``."""
