"""Worker processes, each of which receives until it is killed, and counts in shared memory."""

from __future__ import annotations

import multiprocessing
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import anyio

from benchmarks.on_redis.contenders import BY_NAME

if TYPE_CHECKING:
    from collections.abc import Generator, MutableSequence

# Forked from a process that has imported everything, and has no event loop yet.
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["benchmarks.on_redis.processes", "trio"])


class Workers:
    """What the workers tell: which are ready, and how many messages each has received."""

    def __init__(self, count: int) -> None:
        self._ready: MutableSequence[int] = CONTEXT.Array("b", count, lock=False)
        self._received: MutableSequence[int] = CONTEXT.Array("Q", count, lock=False)

    def is_ready(self, index: int) -> None:
        """Take note that one of them is about to receive."""
        self._ready[index] = 1

    def got(self, index: int) -> bool:
        """Take note that one of them has received a message; there is no last one."""
        self._received[index] += 1
        return False

    async def ready(self) -> None:
        """Wait until all of them are about to receive."""
        while not all(self._ready):  # noqa: ASYNC110  no event crosses processes
            await anyio.sleep(0.01)

    async def received(self, count: int) -> None:
        """Wait until they have received so many, all together."""
        while sum(self._received) < count:  # noqa: ASYNC110
            await anyio.sleep(0.001)


@contextmanager
def working(count: int, backend: str, contender: str, *arguments: object) -> Generator[Workers]:
    """Run so many worker processes; the arguments are the contender's."""
    workers = Workers(count)
    processes = [
        CONTEXT.Process(target=_work, args=(workers, index, backend, contender, arguments))
        for index in range(count)
    ]
    for process in processes:
        process.start()
    try:
        yield workers
    finally:
        for process in processes:
            process.kill()
            process.join()


def _work(
    workers: Workers, index: int, backend: str, contender: str, arguments: tuple[Any, ...]
) -> None:
    async def main() -> None:
        queue = BY_NAME[contender](*arguments)
        async with queue.opened():
            workers.is_ready(index)
            await queue.receive(lambda: workers.got(index))

    anyio.run(main, backend=backend)
