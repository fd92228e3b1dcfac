"""The README's claims about the peers, shown on the peers themselves.

A test that fails here means that a peer has changed, and that the README must follow.
"""

from __future__ import annotations

import asyncio
import inspect
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, get_origin

import anyio
import pytest
import trio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from trio.testing import trio_test

from helpers import begin, settle, task_group
from peers import fails, frequenz, frequenz_channel, memory_stream, queue_and_frequenz

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from peers import Ends

pytestmark = pytest.mark.anyio
ANYIO = tuple(int(part) for part in version("anyio").split(".")[:2])


# Can be closed, and closing wakes blocked senders


def test_asyncio_queue_can_be_closed_from_python_3_13() -> None:
    """Before Python 3.13 the queue has no method to close."""
    assert hasattr(asyncio.Queue, "shutdown") == (sys.version_info >= (3, 13))


async def wake_by(
    close: Callable[[], object], send: Callable[[int], Awaitable[object]], error: type[Exception]
) -> None:
    """Close a channel while a sender is blocked: this send and the next send must raise."""
    async with task_group() as tasks:
        sending = await begin(tasks, fails, error, send, 1)
        assert sending.outcome == "unfinished"
        close()
        await settle()
        assert sending.outcome == "done"
    await fails(error, send, 2)


if sys.version_info >= (3, 13):

    @pytest.mark.asyncio_only
    async def test_asyncio_queue_wakes_blocked_putters() -> None:
        """A put that is blocked when the queue is shut down raises."""
        queue = asyncio.Queue[int](1)
        queue.put_nowait(0)
        await wake_by(queue.shutdown, queue.put, asyncio.QueueShutDown)


async def test_anyio_wakes_blocked_senders_of_a_closed_receiving_end() -> None:
    """A blocked send raises when the last receiver is closed."""
    with memory_stream(0) as (sender, receiver):
        await wake_by(receiver.close, sender.send, anyio.BrokenResourceError)


@pytest.mark.skipif(ANYIO < (4, 16), reason="it hangs before anyio 4.16")
async def test_anyio_wakes_blocked_senders_of_a_closed_sending_end() -> None:
    """A send that is blocked in a stream when that is closed raises."""
    with memory_stream(0) as (sender, _):
        await wake_by(sender.close, sender.send, anyio.ClosedResourceError)


@trio_test
async def test_trio_wakes_blocked_senders_of_a_closed_receiving_end() -> None:
    """A blocked send raises when the last receiver is closed."""
    sender, receiver = trio.open_memory_channel[int](0)
    await wake_by(receiver.close, sender.send, trio.BrokenResourceError)


@trio_test
async def test_trio_wakes_blocked_senders_of_a_closed_sending_end() -> None:
    """A send that is blocked in a channel when that is closed raises."""
    sender, _ = trio.open_memory_channel[int](0)
    await wake_by(sender.close, sender.send, trio.ClosedResourceError)


@pytest.mark.asyncio_only
async def test_frequenz_can_be_closed() -> None:
    """A send into a closed channel raises, and so does a receive at its end."""
    channel = frequenz_channel(1)
    await channel.aclose()
    await fails(frequenz().SenderError, channel.new_sender().send, 1)
    await fails(frequenz().ReceiverStoppedError, channel.new_receiver().receive)


@pytest.mark.asyncio_only
async def test_frequenz_leaves_a_blocked_sender_hanging_which_later_sends() -> None:
    """A sender stays blocked after the close, and sends when a receiver makes room."""
    channel = frequenz_channel(1)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    await sender.send(0)
    async with task_group() as tasks:
        sending = await begin(tasks, sender.send, 1)
        await channel.aclose()
        await settle()
        assert sending.outcome == "unfinished"
        assert await receiver.receive() == 0
    assert sending.outcome == "done"
    assert await receiver.receive() == 1


# Rendezvous


def test_asyncio_queue_takes_0_for_infinite() -> None:
    """A put into such a queue never waits."""
    queue = asyncio.Queue[int](0)
    for number in range(1000):
        queue.put_nowait(number)
    assert queue.qsize() == 1000


async def meet(sender: Any, receiver: Any) -> None:
    """Send without a buffer: to a receiver that comes later, and to a receiver that waits."""
    async with task_group() as tasks:
        sending = await begin(tasks, sender.send, 1)
        assert sending.outcome == "unfinished"
        assert await receiver.receive() == 1
        receiving = await begin(tasks, receiver.receive)
        await sender.send(2)
    assert (sending.outcome, receiving.result) == ("done", 2)


async def test_anyio_has_a_rendezvous() -> None:
    """Without a buffer sender and receiver meet, on asyncio and on trio."""
    with memory_stream(0) as (sender, receiver):
        await meet(sender, receiver)


@trio_test
async def test_trio_has_a_rendezvous() -> None:
    """Without a buffer sender and receiver meet."""
    await meet(*trio.open_memory_channel[int](0))


@pytest.mark.asyncio_only
async def test_frequenz_blocks_for_ever_without_a_buffer() -> None:
    """A sender is blocked although a receiver waits."""
    channel = frequenz_channel(0)
    async with task_group() as tasks:
        receiving = await begin(tasks, channel.new_receiver().receive)
        sending = await begin(tasks, channel.new_sender().send, 1)
        assert (sending.outcome, receiving.outcome) == ("unfinished", "unfinished")
        tasks.cancel_scope.cancel()


# Has a `select`


def test_only_frequenz_has_a_select() -> None:
    """The select of frequenz waits for receivers only."""
    assert [module for module in (asyncio, anyio, trio) if hasattr(module, "select")] == []
    [parameter] = inspect.signature(frequenz().select).parameters.values()
    assert parameter.kind is parameter.VAR_POSITIONAL
    assert get_origin(parameter.annotation) is frequenz().Receiver


# Whether a message comes back if the work on the message fails


async def fail_at_work(receive: Callable[[], Awaitable[int]]) -> None:
    """Take a message, and fail in the work on the message."""
    raise OSError(await receive())


async def lose(
    send: Callable[[int], Awaitable[None]], receive: Callable[[], Awaitable[int]]
) -> None:
    """Take a message and fail in the work, and show that the message is gone."""
    await send(1)
    await fails(OSError, fail_at_work, receive)
    async with task_group() as tasks:
        receiving = await begin(tasks, receive)
        assert receiving.outcome == "unfinished"
        receiving.cancel()


@queue_and_frequenz
@pytest.mark.asyncio_only
async def test_no_message_comes_back(make: Callable[[int], Ends]) -> None:
    """A message is gone when the work on it fails."""
    await lose(*make(1))


async def test_anyio_does_not_give_an_item_back() -> None:
    """An item is gone when the work on it fails."""
    with memory_stream(1) as (sender, receiver):
        await lose(sender.send, receiver.receive)


@trio_test
async def test_trio_does_not_give_a_value_back() -> None:
    """A value is gone when the work on it fails."""
    sender, receiver = trio.open_memory_channel[int](1)
    await lose(sender.send, receiver.receive)


# Batches, statistics


def offers(peer: type, *words: str) -> list[str]:
    """Return the public names of a class that contain one of the words."""
    return [name for name in dir(peer) if name[0] != "_" and any(word in name for word in words)]


def test_asyncio_queue_has_neither_batches_nor_statistics() -> None:
    """No name of the queue speaks of batches or statistics."""
    assert offers(asyncio.Queue, "get") == ["get", "get_nowait"]
    assert offers(asyncio.Queue, "many", "batch", "statistics") == []


@pytest.mark.parametrize(
    "end",
    [
        MemoryObjectReceiveStream,
        MemoryObjectSendStream,
        trio.MemoryReceiveChannel,
        trio.MemorySendChannel,
    ],
)
def test_anyio_and_trio_have_statistics_and_no_batches(end: type) -> None:
    """No name of an end speaks of batches."""
    assert offers(end, "many", "batch", "statistics") == ["statistics"]


@pytest.mark.parametrize("name", ["Anycast", "Receiver", "Sender"])
def test_frequenz_has_neither_batches_nor_statistics(name: str) -> None:
    """No name of the channel or of an end speaks of them."""
    assert offers(getattr(frequenz(), name), "close")
    assert offers(getattr(frequenz(), name), "many", "batch", "statistics") == []
