"""Nothing is kept that is not needed: messages, tasks, errors, waiters.

The garbage collector is off, so that a reference cycle counts as debris too.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import math
import weakref
from typing import TYPE_CHECKING

import anyio
import pytest

from anycast import (
    Anycast,
    Error,
    Receiver,
    ReceiverStoppedError,
    Sender,
    SenderClosedError,
    SenderError,
)
from helpers import begin, drain, settle, task_group, waiting

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

pytestmark = pytest.mark.anyio


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


@pytest.fixture(autouse=True)
def no_log(caplog: pytest.LogCaptureFixture) -> None:
    """Log nothing: captured records refer to the sender that they are about."""
    caplog.set_level(logging.ERROR, "anycast")


@pytest.fixture(autouse=True)
def no_garbage_collection() -> Iterator[None]:
    """Leave cycles alone while a test runs."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def watched() -> Watched:
    """Give a maker of messages."""
    return Watched()


def waiters() -> int:
    """Count the waiters that are alive, in whatever line or nowhere."""
    return sum(
        str(type(thing).__module__).startswith("anycast._waiter") for thing in gc.get_objects()
    )


class Ends:
    """A channel of messages, and its endpoints."""

    def __init__(self, limit: float = 1, yield_every: int = 64) -> None:
        self.channel = Anycast[Message](limit=limit, yield_every=yield_every)
        self.sender: Sender[Message] = self.channel.new_sender()
        self.receiver: Receiver[Message] = self.channel.new_receiver()


async def receive_and_drop(receiver: Receiver[Message]) -> None:
    """Receive a message, and keep nothing of it."""
    await receiver.receive()


async def send_new(sender: Sender[Message], watched: Watched) -> None:
    """Send a message that nobody else refers to."""
    await sender.send(watched.message())


async def handle(operation: Callable[..., Awaitable[object]], *args: object) -> type[Exception]:
    """Await what raises, and keep nothing but the type of its error."""
    try:
        await operation(*args)
    except Exception as error:  # noqa: BLE001  whatever it is, the caller looks at it
        return type(error)
    raise AssertionError


async def cancel_after_start(operation: Callable[..., Awaitable[object]], *args: object) -> None:
    """Let an operation block, and cancel it."""
    async with task_group() as tasks:
        attempt = await begin(tasks, operation, *args)
        attempt.cancel()
    assert attempt.outcome == "cancelled"


async def test_a_message_that_was_received(watched: Watched) -> None:
    """It belongs to the receiver alone, whether it waited or not."""
    ends = Ends()
    await send_new(ends.sender, watched)
    assert watched.alive == 1
    await receive_and_drop(ends.receiver)
    assert watched.alive == 0
    async with task_group() as tasks:
        await begin(tasks, receive_and_drop, ends.receiver)
        await send_new(ends.sender, watched)
    assert (watched.made, watched.alive) == (2, 0)


async def test_a_message_that_was_received_without_waiting(watched: Watched) -> None:
    """The forms that do not wait keep nothing either."""
    ends = Ends()
    ends.sender.send_nowait(watched.message())
    ends.receiver.receive_nowait()
    assert (watched.made, watched.alive) == (1, 0)


@pytest.mark.parametrize("limit", [0, 1])
async def test_a_message_whose_sender_was_blocked(watched: Watched, limit: int) -> None:
    """When it is received it is gone, though its sender waited with it."""
    ends = Ends(limit)
    async with task_group() as tasks:
        for _ in range(3):
            await begin(tasks, send_new, ends.sender, watched)
        for _ in range(3):
            await receive_and_drop(ends.receiver)
        await settle()
        assert (watched.made, watched.alive) == (3, 0)


async def test_messages_of_a_batch(watched: Watched) -> None:
    """Batches keep nothing on either side."""
    ends = Ends(math.inf)
    await ends.sender.send_many(watched.message() for _ in range(3))
    await ends.receiver.receive_many(3)
    assert (watched.made, watched.alive) == (3, 0)


async def test_the_message_of_a_cancelled_send(watched: Watched) -> None:
    """It is the caller's alone again, and gone if the caller drops it."""
    ends = Ends(limit=0)
    await cancel_after_start(send_new, ends.sender, watched)
    assert (watched.made, watched.alive) == (1, 0)


@pytest.mark.asyncio_only
async def test_the_message_of_a_natively_cancelled_send(watched: Watched) -> None:
    """Also if the cancellation comes when room had been promised to it."""
    ends = Ends()
    ends.sender.send_nowait(Message())
    task = asyncio.ensure_future(send_new(ends.sender, watched))
    await settle()
    ends.receiver.receive_nowait()
    task.cancel()
    del task
    await settle()
    assert (watched.made, watched.alive) == (1, 0)
    assert waiters() == 0


async def test_the_message_of_a_send_that_was_closed(watched: Watched) -> None:
    """A blocked send that raises leaves its message to nobody."""
    ends = Ends(limit=0)

    async def send() -> None:
        with pytest.raises(SenderError):
            await send_new(ends.sender, watched)

    async with task_group() as tasks:
        await begin(tasks, send)
        ends.channel.close()
        await settle()
        assert (watched.made, watched.alive) == (1, 0)


async def test_the_message_of_a_refused_send(watched: Watched) -> None:
    """A send that would block or that is closed keeps nothing."""
    ends = Ends(limit=0)
    with pytest.raises(anyio.WouldBlock):
        ends.sender.send_nowait(watched.message())
    ends.channel.close()
    with pytest.raises(SenderError):
        ends.sender.send_nowait(watched.message())
    await settle()
    assert (watched.made, watched.alive) == (2, 0)


async def test_a_message_that_was_leased(watched: Watched) -> None:
    """A lease that has ended keeps nothing, even if somebody keeps the lease."""
    ends = Ends()
    ends.sender.send_nowait(watched.message())
    lease = ends.receiver.lease()
    async with lease:
        assert watched.alive == 1
    assert watched.alive == 0


async def test_a_message_that_was_given_back(watched: Watched) -> None:
    """Received after it was given back, it is gone; nor is the error kept."""
    ends = Ends()
    ends.sender.send_nowait(watched.message())
    lease = ends.receiver.lease()

    async def fail() -> None:
        async with lease:
            raise WorkFailedError

    errors: list[weakref.ref[Exception]] = []
    await watch_error(errors, fail)
    assert [error() for error in errors] == [None]
    assert watched.alive == 1
    await receive_and_drop(ends.receiver)
    assert watched.alive == 0


class WorkFailedError(Error):
    """The work on a message failed."""


async def test_a_lease_that_was_cancelled(watched: Watched) -> None:
    """A task cancelled at its work leaves the message to the channel alone."""
    ends = Ends()
    ends.sender.send_nowait(watched.message())

    async def work() -> None:
        async with ends.receiver.lease():
            await anyio.sleep_forever()

    await cancel_after_start(work)
    assert watched.alive == 1
    drain(ends.receiver)
    assert watched.alive == 0


async def watch_error(
    errors: list[weakref.ref[Exception]], operation: Callable[..., Awaitable[object]], *args: object
) -> None:
    """Await what raises, and watch its error."""
    try:
        await operation(*args)
    except Error as error:
        errors.append(weakref.ref[Exception](error))


async def test_the_errors_of_a_closed_channel() -> None:
    """Nothing refers to an error that was handled, neither the channel nor the error itself."""
    ends = Ends()
    ends.channel.close()
    errors: list[weakref.ref[Exception]] = []
    await watch_error(errors, ends.sender.send, Message())
    await watch_error(errors, ends.receiver.receive)
    assert [error() for error in errors] == [None, None]


async def test_the_errors_of_tasks_that_waited() -> None:
    """An error that ended a wait is gone when it was handled."""
    ends = Ends(limit=0)
    errors: list[weakref.ref[Exception]] = []
    async with task_group() as tasks:
        await begin(tasks, watch_error, errors, ends.sender.send, Message())
        ends.sender.close()
        await settle()
        await begin(tasks, watch_error, errors, ends.receiver.receive)
        ends.channel.close()
        await settle()
        assert [error() for error in errors] == [None, None]


@pytest.mark.parametrize("end", ["done", "cancelled", "closed"])
async def test_a_task_that_has_finished(watched: Watched, end: str) -> None:
    """Nothing of its frames is kept, however its wait ended."""
    ends = Ends(limit=0)

    async def task() -> None:
        kept_by_the_frame = watched.message()
        try:
            await ends.receiver.receive()
        except ReceiverStoppedError:
            assert end == "closed"
        del kept_by_the_frame

    async with task_group() as tasks:
        attempt = await begin(tasks, task)
        if end == "done":
            await ends.sender.send(Message())
        elif end == "cancelled":
            attempt.cancel()
        else:
            ends.receiver.close()
        await settle()
        assert (watched.made, watched.alive) == (1, 0)


@pytest.mark.asyncio_only
@pytest.mark.parametrize("when", ["waiting", "promised"])
async def test_a_task_that_was_natively_cancelled(when: str) -> None:
    """Nothing refers to the task, wherever in its wait the cancellation came."""
    ends = Ends()
    task = asyncio.ensure_future(ends.receiver.receive())
    reference = weakref.ref(task)
    await settle()
    if when == "promised":
        ends.sender.send_nowait(Message())
    task.cancel()
    del task
    await settle()
    assert reference() is None
    assert waiters() == 0


@pytest.mark.parametrize("limit", [0, 1])
async def test_waiters(limit: int) -> None:
    """Once nobody waits no waiter is left, whether served, cancelled or closed."""
    ends = Ends(limit)
    for _ in range(10):
        await cancel_after_start(ends.receiver.receive)
    ends.channel.new_sender()
    async with task_group() as tasks:
        served = [await begin(tasks, ends.receiver.receive) for _ in range(3)]
        assert waiters() == 3
        for _ in range(3):
            await ends.sender.send(Message())
        for _ in range(limit):
            await ends.sender.send(Message())
        cancelled = await begin(tasks, ends.sender.send, Message())
        closed = await begin(tasks, handle, ends.sender.send, Message())
        assert waiters() == 2
        cancelled.cancel()
        await settle()
        ends.sender.close()
    assert {attempt.outcome for attempt in served} == {"done"}
    assert (cancelled.outcome, closed.result) == ("cancelled", SenderClosedError)
    assert waiting(ends.channel) == (0, 0)
    assert waiters() == 0


async def test_a_waiter_whose_promise_was_taken_back() -> None:
    """A sender that was woken in vain and is cancelled then leaves nothing behind."""
    ends = Ends()
    ends.sender.send_nowait(Message())

    async def fail() -> None:
        async with ends.receiver.lease():
            raise WorkFailedError

    async with task_group() as tasks:
        sending = await begin(tasks, ends.sender.send, Message())
        assert await handle(fail) is WorkFailedError
        await settle()
        assert sending.outcome == "unfinished"
        sending.cancel()
    assert sending.outcome == "cancelled"
    assert waiters() == 0


async def test_a_cancelled_checkpoint(watched: Watched) -> None:
    """A send that was cancelled while it yielded keeps nothing."""
    ends = Ends(yield_every=1)

    async def send() -> None:
        with anyio.CancelScope() as scope:
            scope.cancel()
            await send_new(ends.sender, watched)

    await send()
    await settle()
    assert (watched.made, watched.alive) == (1, 0)


async def test_a_channel_that_nobody_uses() -> None:
    """Channel and endpoints refer to each other in no circle, whatever they did."""

    async def use() -> list[weakref.ref[object]]:
        ends = Ends(limit=0)
        await cancel_after_start(ends.receiver.receive)
        await cancel_after_start(ends.sender.send, Message())
        async with task_group() as tasks:
            await begin(tasks, ends.receiver.receive)
            await ends.sender.send(Message())
        things: list[object] = [ends.channel, ends.sender, ends.receiver]
        return [weakref.ref(thing) for thing in things]

    references = await use()
    await settle()
    assert [reference() for reference in references] == [None] * 3


async def test_endpoints_that_were_dropped() -> None:
    """The channel counts its endpoints, and does not keep them."""
    channel = Anycast[Message]()
    sender, receiver = weakref.ref(channel.new_sender()), weakref.ref(channel.new_receiver())
    assert (sender(), receiver()) == (None, None)


async def test_messages_of_a_channel_that_was_dropped(watched: Watched) -> None:
    """What nobody received goes with its channel."""
    ends = Ends()
    await send_new(ends.sender, watched)
    del ends
    assert (watched.made, watched.alive) == (1, 0)
