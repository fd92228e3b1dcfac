"""Combinators keep no message, error, task or waiter longer than needed."""

from __future__ import annotations

import asyncio
import weakref
from typing import TYPE_CHECKING, Any

import pytest

from anycast import Anycast, Receiver, ReceiverStoppedError, merge, select
from combinations import TRANSPARENT, everything, same
from debris import (
    Ends,
    Message,
    Watched,
    WorkFailedError,
    cancel_after_start,
    handle,
    receive_and_drop,
    send_new,
    waiters,
    watch_error,
)
from helpers import begin, settle, task_group

if TYPE_CHECKING:
    from collections.abc import Callable

    Combinator = Callable[[Receiver[Any]], Receiver[Any]]

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("no_log", "no_garbage_collection")]

combinators = pytest.mark.parametrize("combinator", TRANSPARENT.values(), ids=list(TRANSPARENT))


def fail(message: object) -> Message:
    """Raise an error whose traceback has the only reference to the message."""
    assert message
    raise WorkFailedError


FAILING: dict[str, Combinator] = {
    "map": lambda receiver: receiver.map(fail),
    "filter": lambda receiver: receiver.filter(fail),
    "nested": lambda receiver: merge(receiver.map(fail).filter(everything)).map(same),
}
failing = pytest.mark.parametrize("combinator", FAILING.values(), ids=list(FAILING))


@pytest.fixture
def watched() -> Watched:
    """Give a maker of messages."""
    return Watched()


async def lease_and_drop(receiver: Receiver[Message]) -> None:
    """Take a message on lease, and drop all references to the message."""
    async with receiver.lease():
        pass


async def receive_batch(receiver: Receiver[Message]) -> None:
    """Receive several messages, and drop all references to the messages."""
    await receiver.receive_many(2)


async def receive_in_loop(receiver: Receiver[Message]) -> None:
    """Receive a message in a loop, and drop all references to the message."""
    async for _ in receiver:
        break


WAYS = [receive_and_drop, receive_batch, receive_in_loop, lease_and_drop]


@combinators
@pytest.mark.parametrize("way", WAYS)
async def test_a_message_that_was_received(
    watched: Watched, combinator: Combinator, way: Any
) -> None:
    """The message is gone after the receive, with and without a wait."""
    ends = Ends()
    receiver = combinator(ends.receiver)
    await send_new(ends.sender, watched)
    await way(receiver)
    assert (watched.made, watched.alive) == (1, 0)
    async with task_group() as tasks:
        await begin(tasks, way, receiver)
        await send_new(ends.sender, watched)
    assert (watched.made, watched.alive, waiters()) == (2, 0, 0)


async def test_a_message_that_was_turned_away(watched: Watched) -> None:
    """A dropped message is gone, even while the task waits for the next message."""
    ends = Ends()
    receiver = ends.receiver.filter(lambda _: False)
    async with task_group() as tasks:
        attempt = await begin(tasks, receive_and_drop, receiver)
        await send_new(ends.sender, watched)
        await settle()
        assert (watched.made, watched.alive, attempt.outcome) == (1, 0, "unfinished")
        attempt.cancel()
    assert waiters() == 0


@failing
@pytest.mark.parametrize("way", WAYS)
async def test_what_a_function_raised(watched: Watched, combinator: Combinator, way: Any) -> None:
    """The error and the message are gone after the error was handled."""
    ends = Ends()
    receiver = combinator(ends.receiver)
    await send_new(ends.sender, watched)
    errors: list[weakref.ref[Exception]] = []
    await watch_error(errors, way, receiver)
    assert [error() for error in errors] == [None]
    assert (watched.made, watched.alive) == (1, 0)


async def test_an_error_that_came_late(watched: Watched) -> None:
    """The error and its message are gone after the next call, which raises the error."""
    ends = Ends(limit=2)
    seen: list[None] = []

    def fail_at_second(message: Message) -> Message:
        seen.append(None)
        return fail(message) if len(seen) == 2 else message

    receiver = ends.receiver.map(fail_at_second)
    for _ in range(2):
        await send_new(ends.sender, watched)
    await receive_batch(receiver)
    assert await handle(receiver.receive) is WorkFailedError
    assert (watched.made, watched.alive) == (2, 0)


@combinators
async def test_the_error_at_the_end(combinator: Combinator) -> None:
    """The error is made for each call, and is not kept."""
    ends = Ends()
    receiver = combinator(ends.receiver)
    ends.channel.close()
    errors: list[weakref.ref[Exception]] = []
    await watch_error(errors, receiver.receive)
    await watch_error(errors, lease_and_drop, receiver)
    assert [error() for error in errors] == [None, None]


@combinators
async def test_the_operation_keeps_its_last_result_only(
    watched: Watched, combinator: Combinator
) -> None:
    """A result can be asked for again, until the operation happens anew."""
    ends = Ends()
    operation = combinator(ends.receiver).receiving()
    for _ in range(2):
        await send_new(ends.sender, watched)
        await select(operation)
        assert watched.alive == 1
    ends.channel.close()
    await select(operation)
    del operation
    assert watched.alive == 0


@combinators
async def test_a_cancelled_receive(combinator: Combinator) -> None:
    """A cancelled receive leaves no waiter."""
    ends = Ends()
    await cancel_after_start(receive_and_drop, combinator(ends.receiver))
    assert waiters() == 0


@pytest.mark.asyncio_only
@combinators
@pytest.mark.parametrize("when", ["waiting", "woken"])
async def test_a_natively_cancelled_receive(combinator: Combinator, when: str) -> None:
    """A cancelled task is not kept, even if the task was given a message before."""
    ends = Ends()
    task = asyncio.ensure_future(receive_and_drop(combinator(ends.receiver)))
    await settle()
    if when == "woken":
        ends.sender.send_nowait(Message())
    task.cancel()
    reference = weakref.ref(task)
    del task
    await settle()
    assert (reference(), waiters()) == (None, 0)


async def test_a_merge_that_was_dropped() -> None:
    """Channels do not know of the merges made of their receivers."""
    ends, other = Ends(), Anycast[Message]()
    receiver = merge(ends.receiver, other.new_receiver())
    await cancel_after_start(receive_and_drop, receiver)
    other.close()
    ends.channel.close()
    assert await handle(receiver.receive) is ReceiverStoppedError
    reference = weakref.ref(receiver)
    del receiver
    assert reference() is None
