"""What every contender offers to the scenarios, in the same words."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from benchmarks.on_redis.scenarios import BATCH, Work

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

Got = Callable[[], bool]
"""Called for each message that was received; returns whether it was the last one wanted."""

GROUP = "receivers"
MOVING = frozenset({Work.SENDERS, Work.LATENCY})
BLOCK = 1_000  # milliseconds that a plain client's read waits at the server


class Contender(ABC):
    """A queue on a server, and one process's part in it.

    Args:
        url: the server.
        queue: the name of the queue; every key of it contains it.
        prefetch: how many messages to hold ready, for those that can.
        limit: how many messages may be unacknowledged, for those that can; 0 for any number.

    """

    name: ClassVar[str]
    works: ClassVar[frozenset[Work]] = MOVING
    """In what it takes part."""
    backends: ClassVar[tuple[str, ...]] = ("asyncio", "trio")
    batch: ClassVar[int] = 1
    """How many messages it sends and receives at once."""
    part: ClassVar[int] = 1
    """Of how many messages it moves one only, since it is slow; the latency aside."""
    field: ClassVar[str] = "b"

    def __init__(self, url: str, queue: str, prefetch: int, limit: int) -> None:
        self.url = url
        self.queue = queue
        self.prefetch = prefetch
        self.limit = limit

    @property
    def stream(self) -> str:
        """The key of the stream that holds its messages in `field`."""
        return self.queue

    @abstractmethod
    def opened(self) -> AbstractAsyncContextManager[object]:
        """Connect while the block runs."""

    @abstractmethod
    async def send(self, count: int) -> None:
        """Send so many messages, each after the one before, or batch after batch."""

    @abstractmethod
    async def receive(self, got: Got) -> None:
        """Receive and acknowledge messages, until one was the last."""

    def batches(self, count: int) -> list[int]:
        """Return the sizes of the batches of so many messages."""
        whole, rest = divmod(count, self.batch)
        return [self.batch] * whole + [rest] * bool(rest)


class Batches:
    """What sets apart those that send and receive in batches."""

    batch = BATCH
    part = 1
