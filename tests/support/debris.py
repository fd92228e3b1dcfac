"""Helpers for the tests of debris: messages that can be watched, and operations on them."""

from __future__ import annotations

import gc
import weakref
from typing import TYPE_CHECKING, Any

from anycast import (
    Anycast,
    Error,
    Receiver,
    Sender,
)
from anycast._waiting.asyncio_backend import AsyncioBackend
from helpers import begin, task_group

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import pytest

    from anycast._waiting.waiter import Binding


class Message:
    """A message that can be watched."""


class Watched:
    """Makes messages, and knows which of them are still alive."""

    def __init__(self) -> None:
        self._references: list[weakref.ref[Message]] = []

    def message(self) -> Message:
        """Return a new message."""
        message = Message()
        self._references.append(weakref.ref(message))
        return message

    @property
    def made(self) -> int:
        """How many messages there were."""
        return len(self._references)

    @property
    def alive(self) -> int:
        """How many messages are still referred to by anything."""
        return sum(reference() is not None for reference in self._references)


class Ends:
    """A channel of messages, and its endpoints."""

    def __init__(self, limit: float = 1, yield_every: int = 64) -> None:
        self.channel = Anycast[Message](limit=limit, yield_every=yield_every)
        self.sender: Sender[Message] = self.channel.new_sender()
        self.receiver: Receiver[Message] = self.channel.new_receiver()


_futures: weakref.WeakSet[Any] = weakref.WeakSet()


def note_futures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mark the futures of asyncio in which tasks wait for a channel."""
    new_waiter: Callable[[Binding], Any] = AsyncioBackend.new_waiter

    def note(binding: Binding) -> Any:
        future = new_waiter(binding)
        _futures.add(future)
        return future

    monkeypatch.setattr(AsyncioBackend, "new_waiter", staticmethod(note))


def waiters() -> int:
    """Count the waiters that are alive, in a queue or elsewhere."""
    kinds = map(type, gc.get_objects())
    return len(_futures) + sum(
        kind.__name__.endswith("Waiter") and str(kind.__module__).startswith("anycast._waiting")
        for kind in kinds
    )


async def receive_and_drop(receiver: Receiver[Message]) -> None:
    """Receive a message, and drop all references to the message."""
    await receiver.receive()


async def send_new(sender: Sender[Message], watched: Watched) -> None:
    """Send a message to which no other reference exists."""
    await sender.send(watched.message())


async def handle(operation: Callable[..., Awaitable[object]], *args: object) -> type[Exception]:
    """Await an awaitable that raises, and keep only the type of the error."""
    try:
        await operation(*args)
    except Exception as error:  # noqa: BLE001  the caller checks the error
        return type(error)
    raise AssertionError


async def cancel_after_start(operation: Callable[..., Awaitable[object]], *args: object) -> None:
    """Let an operation block, and cancel the operation."""
    async with task_group() as tasks:
        attempt = await begin(tasks, operation, *args)
        attempt.cancel()
    assert attempt.outcome == "cancelled"


async def watch_error(
    errors: list[weakref.ref[Exception]], operation: Callable[..., Awaitable[object]], *args: object
) -> None:
    """Await an awaitable that raises, and watch the error."""
    try:
        await operation(*args)
    except Error as error:
        errors.append(weakref.ref[Exception](error))


class WorkFailedError(Error):
    """The work on a message failed."""
