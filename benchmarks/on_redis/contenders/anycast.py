"""Our channel."""

from __future__ import annotations

import math
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from anycast.redis import RedisAnycast
from benchmarks.on_redis.contenders.base import Contender, Got
from benchmarks.on_redis.scenarios import BODY, Work

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


class Plain:
    """A codec of bytes: what others do not do here, it does not either."""

    @staticmethod
    def encode(message: bytes, /) -> bytes:
        return message

    decode = encode


class Ours(Contender):
    name = "anycast"
    works = frozenset(Work)

    @property
    def stream(self) -> str:
        return f"anycast:{{{self.queue}}}:stream"

    @asynccontextmanager
    async def opened(self) -> AsyncGenerator[None]:
        self._channel = RedisAnycast[bytes](
            name=self.queue,
            url=self.url,
            codec=Plain(),
            limit=self.limit or math.inf,
            prefetch=self.prefetch,
        )
        async with self._channel:
            yield

    async def send(self, count: int) -> None:
        sender = self._channel.new_sender()
        for _ in range(count):
            await sender.send(BODY)

    async def receive(self, got: Got) -> None:
        async with self._channel.new_receiver() as receiver:
            async for _ in receiver:
                if got():
                    return
