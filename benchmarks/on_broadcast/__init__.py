"""Benchmarks of the broadcast channel, beside other ways to reach every receiver."""
