"""A task that waits in an operation, its peer, and the events between their steps."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from anyio import WouldBlock

from anycast import Anycast, merge, select
from anycast._waiting.late_cancellation import owed
from helpers import settle

if TYPE_CHECKING:
    from collections.abc import Awaitable

T = TypeVar("T")

MESSAGE = "message"
TURNS = 100  # of an event loop: more than any task here needs to end


class Ends:
    """The endpoints of a channel, and a receiver to which no message is ever sent."""

    def __init__(self, limit: float = 0, yield_every: int = 64) -> None:
        self.channel = Anycast[str](limit=limit, yield_every=yield_every)
        self.sender = self.channel.new_sender()
        self.receiver = self.channel.new_receiver()
        self.idle = Anycast[str](limit=0).new_receiver()

    def complete(self, operation: Operation) -> None:
        """Act as the peer of a task that waits in the operation; then it has happened."""
        if operation in SENDS:
            assert self.receiver.receive_nowait() == MESSAGE
        else:
            self.sender.send_nowait(MESSAGE)

    def fill(self) -> None:
        """Send as much as fits."""
        with suppress(WouldBlock):
            while True:
                self.sender.send_nowait(MESSAGE)

    def find_nobody(self, operation: Operation) -> None:
        """Check that a peer of the operation finds no waiting task."""
        with pytest.raises(WouldBlock):
            self.complete(operation)


Operation = Callable[[Ends], Coroutine[Any, Any, str]]
"""Sends or receives the message, and returns it."""


async def receive(ends: Ends) -> str:
    """Receive."""
    return await ends.receiver.receive()


async def iterate(ends: Ends) -> str:
    """Receive by way of ``async for``."""
    return await anext(ends.receiver)


async def receive_many(ends: Ends) -> str:
    """Receive a batch of a single message."""
    (message,) = await ends.receiver.receive_many(3)
    return message


async def receive_many_within(ends: Ends) -> str:
    """Receive a batch that waits for no further message."""
    (message,) = await ends.receiver.receive_many(1, within=1)
    return message


async def lease(ends: Ends) -> str:
    """Take a lease, and end the lease as done."""
    async with ends.receiver.lease() as message:
        return message


async def select_a_receive(ends: Ends) -> str:
    """Receive by way of `select`."""
    return (await select(ends.idle.receiving(), ends.receiver.receiving())).result()


async def receive_merged(ends: Ends) -> str:
    """Receive from a merged receiver."""
    return await merge(ends.idle, ends.receiver).receive()


async def receive_mapped(ends: Ends) -> str:
    """Receive from a mapped receiver."""
    return await ends.receiver.map(str).receive()


async def receive_filtered(ends: Ends) -> str:
    """Receive from a filtered receiver."""
    return await ends.receiver.filter(bool).receive()


async def send(ends: Ends) -> str:
    """Send."""
    await ends.sender.send(MESSAGE)
    return MESSAGE


async def send_many(ends: Ends) -> str:
    """Send a batch of a single message."""
    await ends.sender.send_many([MESSAGE])
    return MESSAGE


async def select_a_send(ends: Ends) -> str:
    """Send by way of `select`."""
    (await select(ends.idle.receiving(), ends.sender.sending(MESSAGE))).result()
    return MESSAGE


RECEIVES: list[Operation] = [
    receive,
    iterate,
    receive_many,
    receive_many_within,
    lease,
    select_a_receive,
    receive_merged,
    receive_mapped,
    receive_filtered,
]
SENDS: list[Operation] = [send, send_many, select_a_send]


def each(operations: list[Operation]) -> pytest.MarkDecorator:
    """Run a test with each of the operations."""
    return pytest.mark.parametrize("operation", operations, ids=lambda one: one.__name__)


async def start(script: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Start a task, and let the task run until it waits."""
    task = asyncio.ensure_future(script)
    await settle()
    assert not task.done()
    return task


async def outcome(task: asyncio.Task[T]) -> T:
    """Let a task run to its end, and return its result; check that no cancellation is owed."""
    for _ in range(TURNS):
        if task.done():
            break
        await asyncio.sleep(0)
    else:
        task.cancel()
        raise AssertionError("the task waits for ever")
    await asyncio.sleep(0)
    assert not owed
    assert not task.cancelled(), "the task was cancelled"
    return task.result()


async def forever() -> None:
    """Wait for an event that never comes."""
    await asyncio.Event().wait()


async def a_while() -> None:
    """Wait for some turns of the event loop."""
    for _ in range(5):
        await asyncio.sleep(0)


async def strike(wait: Awaitable[object]) -> tuple[object, ...] | None:
    """Wait, and return the arguments of the cancellation that strikes, or None."""
    try:
        await wait
    except asyncio.CancelledError as error:
        return error.args
    return None


def this_task() -> asyncio.Task[Any]:
    """Return the running task."""
    task = asyncio.current_task()
    assert task is not None
    return task


class WorkFailedError(Exception):
    """The error with which a task group fails."""


class Failing:
    """The work of a task that fails when the test says so."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    async def work(self) -> None:
        """Wait, and fail."""
        await self._event.wait()
        raise WorkFailedError

    async def fail(self) -> None:
        """Let the task fail: its group acts in the next turn, before later callbacks."""
        self._event.set()
        await asyncio.sleep(0)


class Timeouts:
    """Timeouts that the test lets expire."""

    def __init__(self) -> None:
        self._running: list[asyncio.Timeout] = []

    def new(self) -> asyncio.Timeout:
        """Return a timeout that has no deadline yet."""
        timeout = asyncio.timeout(None)
        self._running.append(timeout)
        return timeout

    def expire(self) -> None:
        """Let all timeouts expire, in the next turn of the event loop, before later callbacks."""
        for timeout in self._running:
            timeout.reschedule(0)
