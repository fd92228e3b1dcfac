"""The channels and queues that the storm compares, behind a single interface."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio

from anycast._anycast.channel import Anycast

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

OURS = "anycast"


@dataclass(frozen=True, slots=True)
class Pipe:
    """The functions of a channel or queue of int that the storm calls."""

    send: Callable[[int], Awaitable[None]]
    receive: Callable[[], Awaitable[int]]
    stored: Callable[[], int]  # how many messages the buffer holds
    close: Callable[[], object]


def open_pipe(name: str, limit: int) -> Pipe:
    """Return a new channel or queue of a kind of `KINDS` that stores at most ``limit`` messages."""
    return _OPENERS[name](limit)


def _queue(limit: int) -> Pipe:
    queue = asyncio.Queue[int](limit)
    return Pipe(queue.put, queue.get, queue.qsize, close=int)


def _stream(limit: int) -> Pipe:
    sender, receiver = anyio.create_memory_object_stream[int](limit)

    def close() -> None:
        sender.close()
        receiver.close()

    return Pipe(
        sender.send, receiver.receive, lambda: sender.statistics().current_buffer_used, close
    )


def _trio_channel(limit: int) -> Pipe:
    import trio  # noqa: PLC0415  need not be installed

    sender, receiver = trio.open_memory_channel[int](limit)
    return Pipe(
        sender.send, receiver.receive, lambda: sender.statistics().current_buffer_used, sender.close
    )


def _anycast(limit: int) -> Pipe:
    channel = Anycast[int](name="storm", limit=limit)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    return Pipe(
        sender.send,
        receiver.receive,
        lambda: channel.statistics().current_buffer_used,
        channel.close,
    )


_OPENERS = {
    "asyncio.Queue": _queue,
    "anyio stream": _stream,
    "trio channel": _trio_channel,
    OURS: _anycast,
}
# The kinds that run on each backend.
KINDS = {
    "asyncio": ("asyncio.Queue", "anyio stream", OURS),
    "trio": ("trio channel", "anyio stream", OURS),
    "uvloop": ("asyncio.Queue", "anyio stream", OURS),
}
