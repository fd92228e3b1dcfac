"""coredis, the client that our channel is built on: a stream and a consumer group, by hand."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from uuid import uuid4

from coredis import Redis

from benchmarks.on_redis.contenders.base import BLOCK, GROUP, Batches, Contender, Got
from benchmarks.on_redis.scenarios import BODY

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


class Coredis(Contender):
    name = "coredis, one by one"
    part = 8

    @asynccontextmanager
    async def opened(self) -> AsyncGenerator[None]:
        async with Redis.from_url(self.url) as self._client:
            if not await self._client.exists([self.stream]):
                await self._client.xgroup_create(self.stream, GROUP, "0", mkstream=True)
            yield

    async def send(self, count: int) -> None:
        for size in self.batches(count):
            await self._send_batch(size)

    async def _send_batch(self, size: int) -> None:
        if size == 1:
            await self._client.xadd(self.stream, {self.field: BODY})
            return
        async with self._client.pipeline(transaction=False) as pipe:
            for _ in range(size):
                pipe.xadd(self.stream, {self.field: BODY})

    async def receive(self, got: Got) -> None:
        me, done = uuid4().hex, False
        while not done:
            reply = await self._client.xreadgroup(
                GROUP, me, {self.stream: ">"}, count=self.batch, block=BLOCK
            )
            entries = [entry for found in (reply or {}).values() for entry in found]
            done = any(got() for _ in entries)
            if ids := [entry.identifier for entry in entries]:
                async with self._client.pipeline(transaction=False) as pipe:
                    pipe.xack(self.stream, GROUP, ids)
                    pipe.xdel(self.stream, ids)


class CoredisBatches(Batches, Coredis):
    name = "coredis, batches of 100"
