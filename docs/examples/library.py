"""A library that runs on the event loop of its users: a pool of resources."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Generic, TypeVar

import anyio

from anycast import Anycast

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable

T = TypeVar("T")


class Pool(Generic[T]):
    """Lends each resource to one task at a time. The task that has waited longest goes first.

    The idle resources are the messages of a channel. A receive is exact under cancellation, so a
    task that is cancelled while the task waits leaves every resource in the pool.

    Args:
        resources: the resources to lend.
    """

    def __init__(self, resources: Iterable[T]) -> None:
        idle = list(resources)
        self._channel = Anycast[T](name="pool", limit=len(idle))
        self._sender = self._channel.new_sender()
        self._receiver = self._channel.new_receiver()
        for resource in idle:
            self._sender.send_nowait(resource)

    @asynccontextmanager
    async def lend(self) -> AsyncGenerator[T]:
        """Wait for a resource, and lend the resource while the block runs."""
        resource = await self._receiver.receive()
        try:
            yield resource
        finally:
            # There is always room. A cancellation cannot interrupt a call without `await`.
            self._sender.send_nowait(resource)


async def use(pool: Pool[str], log: list[str]) -> None:
    """Use a resource of the pool for a moment."""
    async with pool.lend() as connection:
        log.append(connection)
        await anyio.sleep(0)


async def main() -> None:
    """Cancel a task that waits for a resource, then let ten tasks share two resources."""
    pool, log = Pool(["first", "second"]), list[str]()
    async with pool.lend(), pool.lend():
        with anyio.move_on_after(0.01):
            await use(pool, log)
    assert log == []
    async with anyio.create_task_group() as tasks:
        for _ in range(10):
            tasks.start_soon(use, pool, log)
    print({name: log.count(name) for name in ("first", "second")})


if __name__ == "__main__":
    anyio.run(main)  # or backend="trio"
