"""The peers that the README speaks of: how the tests make them and use them."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import anyio
import pytest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Generator

    from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

    Ends = tuple[Callable[[int], Coroutine[Any, Any, None]], Callable[[], Coroutine[Any, Any, int]]]


@contextmanager
def memory_stream(
    limit: int,
) -> Generator[tuple[MemoryObjectSendStream[int], MemoryObjectReceiveStream[int]]]:
    """Open a memory stream of anyio, and close both ends on leaving."""
    sender, receiver = anyio.create_memory_object_stream[int](limit)
    with sender, receiver:
        yield sender, receiver


def frequenz() -> Any:
    """Import ``frequenz.channels``, or skip the test."""
    return pytest.importorskip("frequenz.channels")


def frequenz_channel(limit: int) -> Any:
    """Make a channel of frequenz, and hide the warning that the channel is deprecated."""
    channels = frequenz()
    with pytest.warns(DeprecationWarning, match=r"^Anycast channels are deprecated, "):
        return channels.Anycast(name="peer", limit=limit)


def frequenz_ends(limit: int) -> Ends:
    """Make a channel of frequenz, and return how to send and how to receive."""
    channel = frequenz_channel(limit)
    return channel.new_sender().send, channel.new_receiver().receive


def queue_ends(limit: int) -> Ends:
    """Make a queue of asyncio, and return how to send and how to receive."""
    queue = asyncio.Queue[int](limit)
    return queue.put, queue.get


queue_and_frequenz = pytest.mark.parametrize("make", [queue_ends, frequenz_ends])


async def fails(
    error: type[Exception], operation: Callable[..., Awaitable[Any]], *arguments: Any
) -> None:
    """Await an operation that must fail."""
    with pytest.raises(error):
        await operation(*arguments)
