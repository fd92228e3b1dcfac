"""The channel of the demo, which its processes share."""

from __future__ import annotations

from anycast.redis import RedisAnycast, json_codec

LEASE = 2.0  # seconds; short, so that the messages of a killed worker come back soon


def new_channel(url: str, name: str, limit: float, timeout: float) -> RedisAnycast[int]:
    """Return the channel, to be entered with ``async with``."""
    codec = json_codec(int)
    return RedisAnycast(name=name, url=url, codec=codec, limit=limit, lease=LEASE, timeout=timeout)
