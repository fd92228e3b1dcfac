"""The view of an operator on a channel."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ProcessStatus:
    """A process that uses a channel. A `ChannelStatus` has a `ProcessStatus` for each process.

    ```py
    import anyio
    from anycast.redis import RedisAnycast, RedisChannelAdmin, json_codec

    URL = "redis://localhost"


    async def main() -> None:
        async with RedisAnycast[str](name="tasks", url=URL, codec=json_codec(str)) as tasks:
            await tasks.new_sender().send("wash")
            async with tasks.new_receiver().lease(), RedisChannelAdmin("tasks", url=URL) as admin:
                (process,) = (await admin.status()).processes
                assert (process.in_hand, process.deliveries) == (1, 1)
                assert 0 < process.lease_left <= 30


    anyio.run(main)
    ```
    """

    id: str
    """The name of the process on the server: random, and new after each start."""

    in_hand: int
    """Messages that the process has: ahead of need, or in the hand of the program."""

    lease_left: float
    """Seconds until the lease of the process runs out, unless the process renews the lease. Then
    other processes get the messages of this process. 0 if the lease has run out."""

    deliveries: int
    """How often the oldest message of the process was delivered so far. 0 if the process has no
    message, or holds its oldest message ahead of need for the first time."""


@dataclass(frozen=True, slots=True)
class ChannelStatus:
    """A snapshot of a channel on a server, for all processes. `RedisChannelAdmin.status` has it.

    Each message that is not acknowledged is waiting, in hand or delayed.

    ```py
    import anyio
    from anycast.redis import RedisAnycast, RedisChannelAdmin, json_codec

    URL = "redis://localhost"


    async def main() -> None:
        async with RedisAnycast[str](name="tasks", url=URL, codec=json_codec(str)) as tasks:
            await tasks.new_sender().send_many(["wash", "dry"])
            async with RedisChannelAdmin("tasks", url=URL) as admin:
                now = await admin.status()
                assert (now.waiting, now.in_hand, now.delayed, now.dead) == (2, 0, 0, 0)
                assert (now.unacknowledged, now.limit, now.closed) == (2, 1000, False)


    anyio.run(main)
    ```
    """

    waiting: int
    """Messages that a process could take now: never delivered, or given back."""

    in_hand: int
    """Messages that processes have. `processes` tells which process has how many."""

    delayed: int
    """Messages that failed, and that wait before the next try."""

    dead: int
    """Dead letters. They are not part of the channel any more, and do not count for ``limit``."""

    limit: float
    """How many messages may be unacknowledged before senders block: an int, or `math.inf`."""

    lease: float
    """For how many seconds a message stays with a process that the server does not hear from."""

    max_deliveries: int | None
    """After how many deliveries a message that fails again becomes a dead letter; None for never.
    """

    dead_limit: int | None
    """How many dead letters are kept at most; None for all."""

    blocked_senders: int
    """Tasks that are blocked in a send, because the channel is full. The number is up to five
    seconds old."""

    oldest_age: float | None
    """Seconds since the oldest message that is not acknowledged was sent; None if there is none."""

    closed: bool
    """Whether the channel is closed: sends are refused."""

    processes: tuple[ProcessStatus, ...]
    """The processes that have opened the channel and have not left the channel."""

    @property
    def unacknowledged(self) -> int:
        """All messages that are not acknowledged. These count for ``limit``."""
        return self.waiting + self.in_hand + self.delayed


def read_status(answer: list[Any]) -> ChannelStatus:
    """Return the status that the script of `admin_status.lua` tells, without its first word."""
    closed, limit, lease, most, dead_limit, number, pending, delayed, dead, *rest = answer
    age, blocked, rows = rest
    return ChannelStatus(
        # An entry that somebody deleted by hand may be pending still.
        waiting=max(0, number - pending - delayed),
        in_hand=pending,
        delayed=delayed,
        dead=dead,
        limit=math.inf if limit == b"inf" else int(limit),
        lease=int(lease) / 1000,
        max_deliveries=int(most) or None,
        dead_limit=int(dead_limit) if dead_limit else None,
        blocked_senders=blocked,
        oldest_age=None if age < 0 else age / 1000,
        closed=closed == b"1",
        processes=tuple(
            ProcessStatus(id.decode(), in_hand, max(0, left) / 1000, deliveries)
            for id, in_hand, left, deliveries in rows  # noqa: A001  the name of the field
        ),
    )
