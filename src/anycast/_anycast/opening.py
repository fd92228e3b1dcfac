"""The two ends of a new channel, in one call."""

from __future__ import annotations

from typing import TypeVar

from anycast._anycast.channel import Anycast
from anycast._interface.other_names import explained
from anycast._interface.receiver import Receiver
from anycast._interface.sender import Sender

T = TypeVar("T")


# A class, since a function cannot be subscripted. Its base class gives a call its type.
class open_channel(tuple[Sender[T], Receiver[T]]):  # noqa: N801  people call it as a function
    """Open a channel in memory, and return its two ends: a sender and a receiver.

    The channel is an `Anycast` with ``auto_close=True``: it closes when the last open sender is
    closed, and when the last open receiver is closed. Further senders and receivers are made by
    `clone`. `anyio.create_memory_object_stream` and `trio.open_memory_channel` are called in the
    same way.

    ```python
    import anyio
    from anycast import Sender, open_channel


    async def count(sender: Sender[int]) -> None:
        with sender:
            for number in range(3):
                await sender.send(number)


    async def main() -> None:
        sender, receiver = open_channel[int](2)
        async with anyio.create_task_group() as tasks, receiver:
            tasks.start_soon(count, sender)
            assert [number async for number in receiver] == [0, 1, 2]


    anyio.run(main)
    ```

    Args:
        limit: how many messages are stored at most, as for `Anycast`. The argument is required:
            the default of `Anycast` is 10, and the default of anyio is 0.
        name: as for `Anycast`.
        yield_every: the number of operations in a row that may complete at once, as for `Anycast`.

    Returns:
        The sender and the receiver, as a tuple.

    Raises:
        TypeError: if an argument has a wrong type, as for `Anycast`.
        ValueError: if ``limit`` is negative or ``yield_every`` less than 1.
    """

    __slots__ = ()

    @explained
    def __new__(  # type: ignore[misc]  # a call returns a plain tuple
        cls, limit: float, *, name: str | None = None, yield_every: int = 64
    ) -> tuple[Sender[T], Receiver[T]]:
        channel = Anycast[T](name=name, limit=limit, yield_every=yield_every, auto_close=True)
        return channel.new_sender(), channel.new_receiver()
