"""The contenders: this library first, then the plain clients."""

from __future__ import annotations

from benchmarks.on_redis.contenders.anycast import Ours
from benchmarks.on_redis.contenders.base import Contender
from benchmarks.on_redis.contenders.coredis import Coredis, CoredisBatches
from benchmarks.on_redis.contenders.redis_py import RedisPy, RedisPyBatches

CONTENDERS: list[type[Contender]] = [
    Ours,
    RedisPyBatches,
    RedisPy,
    CoredisBatches,
    Coredis,
]

BY_NAME = {contender.name: contender for contender in CONTENDERS}
OURS = Ours.name
YARDSTICK = RedisPyBatches.name

__all__ = ["BY_NAME", "CONTENDERS", "OURS", "YARDSTICK", "Contender"]
