"""Work on urgent jobs first: a channel for each priority, and a select that keeps the order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from anycast import Anycast, ReceiverStoppedError, select

if TYPE_CHECKING:
    from anycast import Channel


class PriorityQueue:
    """Jobs with a priority; 0 is the most urgent.

    Args:
        priorities: how many priorities there are.
        limit: how many jobs of each priority are stored at most.
    """

    def __init__(self, priorities: int, limit: int) -> None:
        self._channels: list[Channel[str]] = [Anycast(limit=limit) for _ in range(priorities)]
        self._arms = [channel.new_receiver().receiving() for channel in self._channels]

    async def put(self, priority: int, job: str) -> None:
        """Store a job; wait while there is no room for jobs of this priority."""
        await self._channels[priority].new_sender().send(job)

    async def get(self) -> str | None:
        """Return the oldest of the most urgent jobs, or None if the queue is closed and empty."""
        while self._arms:
            happened = await select(*self._arms, in_order=True)
            try:
                return happened.result()
            except ReceiverStoppedError:
                self._arms.remove(happened)  # no more jobs of this priority
        return None

    def close(self) -> None:
        """Accept no more jobs."""
        for channel in self._channels:
            channel.close()


async def main() -> None:
    """Put jobs in any order, and get the urgent jobs first."""
    jobs = PriorityQueue(priorities=3, limit=10)
    for priority, job in ((2, "sweep"), (0, "fire"), (1, "cook"), (0, "flood")):
        await jobs.put(priority, job)
    jobs.close()
    while (following := await jobs.get()) is not None:
        print(following)


if __name__ == "__main__":
    anyio.run(main)
