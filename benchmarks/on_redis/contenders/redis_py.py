"""redis-py as it comes, on asyncio: a stream and a consumer group, by hand."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from redis.asyncio import Redis

from benchmarks.on_redis.contenders.base import BLOCK, GROUP, MOVING, Batches, Contender, Got
from benchmarks.on_redis.scenarios import BODY, Work

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


class RedisPy(Contender):
    name = "redis-py, one by one"
    part = 8
    backends = ("asyncio",)

    @asynccontextmanager
    async def opened(self) -> AsyncGenerator[None]:
        async with Redis.from_url(self.url) as self._client:
            if not await self._client.exists(self.stream):
                await self._client.xgroup_create(self.stream, GROUP, "0", mkstream=True)
            yield

    async def send(self, count: int) -> None:
        for size in self.batches(count):
            await self._send_batch(size)

    async def _send_batch(self, size: int) -> None:
        fields: dict[Any, Any] = {self.field: BODY}
        if size == 1:
            await self._client.xadd(self.stream, fields)
            return
        pipe = self._client.pipeline(transaction=False)
        for _ in range(size):
            pipe.xadd(self.stream, fields)
        await pipe.execute()

    async def receive(self, got: Got) -> None:
        me = uuid4().hex
        wanted: dict[Any, Any] = {self.stream: ">"}
        done = False
        while not done:
            reply: Any = await self._client.xreadgroup(
                GROUP, me, wanted, count=self.batch, block=BLOCK
            )
            if not reply:
                continue
            entries = reply[0][1]  # of the one stream that was asked for
            done = any(got() for _ in entries)
            ids = [entry[0] for entry in entries]
            pipe = self._client.pipeline(transaction=False)
            pipe.xack(self.stream, GROUP, *ids)
            pipe.xdel(self.stream, *ids)
            await pipe.execute()


class RedisPyBatches(Batches, RedisPy):
    name = "redis-py, batches of 100"
    works = MOVING | {Work.PROCESSES, Work.STORED, Work.MEMORY}
