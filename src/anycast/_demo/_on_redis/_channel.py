"""The channel of the demo's processes, and a word that a worker prints for the parent."""

from __future__ import annotations

from anycast.redis import RedisAnycast, json_codec

STOPPED = -1  # what a worker prints when it has stopped in the middle of its work
LEASE = 2.0  # seconds; short, so that the messages of a killed worker come back soon


def new_channel(url: str, name: str, limit: float, timeout: float) -> RedisAnycast[int]:
    """Return the channel, to be entered with ``async with``."""
    codec = json_codec(int)
    return RedisAnycast(name=name, url=url, codec=codec, limit=limit, lease=LEASE, timeout=timeout)
