"""Late cancellations in batches, leases and selects.

In each test, a peer acts for a task that waits, and the task is cancelled in that same step.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

import pytest

from anycast import Error, select
from helpers import drain, waiting
from late import (
    MESSAGE,
    RECEIVES,
    SENDS,
    Ends,
    Operation,
    a_while,
    each,
    forever,
    outcome,
    receive,
    start,
    strike,
)

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [pytest.mark.anyio, pytest.mark.asyncio_only]


# Closing.


@pytest.mark.parametrize("close_all", [True, False], ids=["the channel", "the ends"])
@each(RECEIVES + SENDS)
async def test_a_close_after_the_peer_has_acted(operation: Operation, *, close_all: bool) -> None:
    """The task keeps its result, and its next wait is cancelled."""
    ends = Ends()

    async def script() -> list[object]:
        return [await operation(ends), await strike(forever())]

    task = await start(script())
    ends.complete(operation)
    task.cancel("stop")
    for one in [ends.channel] if close_all else [ends.sender, ends.receiver]:
        one.close()
    assert await outcome(task) == [MESSAGE, ("stop",)]


@each(RECEIVES + SENDS)
async def test_a_close_instead_of_a_peer(operation: Operation) -> None:
    """No peer has acted, and the cancellation strikes once: in the operation, or after it."""
    ends = Ends()

    async def script() -> list[object]:
        try:
            struck = await strike(operation(ends))
        except Error:
            struck = await strike(forever())
        return [struck, await strike(a_while())]

    task = await start(script())
    ends.sender.close()
    ends.receiver.close()
    task.cancel("stop")
    assert await outcome(task) == [("stop",), None]


# Batches.


async def test_a_batch_that_was_received_in_part() -> None:
    """The call returns the messages that are stored, since the call does not wait again."""
    ends = Ends(limit=2)

    async def script() -> list[object]:
        return [await ends.receiver.receive_many(3), await strike(forever())]

    task = await start(script())
    for message in ["one", "two", "three"]:
        ends.sender.send_nowait(message)
    task.cancel("stop")
    assert await outcome(task) == [["one", "two", "three"], ("stop",)]


@pytest.mark.parametrize("kind", [deque[str], list[str]], ids=["deque", "list"])
async def test_a_batch_that_was_sent_in_full(kind: Callable[[list[str]], list[str]]) -> None:
    """The send has happened, although the task was cancelled before the task ran."""
    ends = Ends()

    async def script() -> object:
        await ends.sender.send_many(kind(["one", "two"]))
        return await strike(forever())

    task = await start(script())
    assert drain(ends.receiver) == ["one", "two"]
    task.cancel("stop")
    assert await outcome(task) == ("stop",)


async def test_a_batch_that_was_sent_in_part() -> None:
    """The send is cancelled at once, and the unsent messages stay in the deque."""
    ends = Ends()
    batch = deque(["one", "two", "three"])

    task = await start(strike(ends.sender.send_many(batch)))
    assert await ends.receiver.receive_many(2) == ["one", "two"]
    task.cancel("stop")
    assert drain(ends.receiver) == []
    assert await outcome(task) == ("stop",)
    assert batch == deque(["three"])


async def test_messages_that_are_no_list_are_sent_one_by_one() -> None:
    """The message that a peer took is sent, and the cancellation strikes in the next send."""
    ends = Ends()
    messages = iter(["one", "two", "three"])

    task = await start(strike(ends.sender.send_many(messages)))
    assert drain(ends.receiver) == ["one"]
    task.cancel("stop")
    await asyncio.sleep(0)
    assert drain(ends.receiver) == []
    assert await outcome(task) == ("stop",)
    assert list(messages) == ["three"]


# Leases.


async def test_a_lease_whose_block_waits() -> None:
    """The wait is cancelled, so the block fails and the message comes back."""
    ends = Ends()

    async def work() -> None:
        async with ends.receiver.lease():
            await forever()

    task = await start(strike(work()))
    ends.complete(receive)
    task.cancel("stop")
    await asyncio.sleep(0)
    assert drain(ends.receiver) == []
    assert await outcome(task) == ("stop",)
    assert drain(ends.receiver) == [MESSAGE]


async def test_the_channel_of_a_lease_does_not_end() -> None:
    """A message that was handed over on lease may come back, even before the task has run."""
    ends = Ends()

    async def work() -> None:
        async with ends.receiver.lease():
            await forever()

    task = await start(strike(work()))
    other = await start(ends.receiver.receive())
    ends.complete(receive)
    ends.channel.close()
    task.cancel("stop")
    assert await outcome(other) == MESSAGE
    assert await outcome(task) == ("stop",)


# Selects.


async def test_a_select_performs_one_operation() -> None:
    """The other arms have left their queues in the step of the peer."""
    ends, others = Ends(), Ends()

    async def script() -> list[object]:
        received, sent = ends.receiver.receiving(), others.sender.sending(MESSAGE)
        return [
            await select(received, sent) is received,
            received.result(),
            await strike(forever()),
        ]

    task = await start(script())
    ends.complete(receive)
    task.cancel("stop")
    assert waiting(others.channel) == (0, 0)
    assert drain(others.receiver) == []
    assert await outcome(task) == [True, MESSAGE, ("stop",)]


@each(RECEIVES)
async def test_a_filter_that_turns_the_message_away(operation: Operation) -> None:
    """The task waits for another message, and is cancelled there."""
    ends = Ends()
    plain, seen = ends.receiver, list[str]()
    ends.receiver = plain.filter(seen.append)
    task = await start(strike(operation(ends)))
    ends.complete(operation)
    task.cancel("stop")
    await asyncio.sleep(0)  # the task waits again, and has not been cancelled yet
    ends.find_nobody(operation)
    assert await outcome(task) == ("stop",)
    assert seen == [MESSAGE]
    assert drain(plain) == []


@each(RECEIVES)
async def test_a_filter_that_finds_the_next_message_ready(operation: Operation) -> None:
    """The task need not wait for the next message, so the operation returns."""
    ends = Ends(limit=1)
    ends.receiver = ends.receiver.filter("next".__eq__)

    async def script() -> list[object]:
        return [await operation(ends), await strike(forever())]

    task = await start(script())
    ends.complete(operation)
    ends.sender.send_nowait("next")
    task.cancel("stop")
    assert await outcome(task) == ["next", ("stop",)]


@each(RECEIVES)
async def test_a_function_that_fails_for_the_message(operation: Operation) -> None:
    """The operation has happened and raises; its next wait is cancelled."""
    ends = Ends()
    ends.receiver = ends.receiver.map(dict[str, str]().__getitem__)

    async def script() -> list[object]:
        with pytest.raises(KeyError, match=MESSAGE):
            await operation(ends)
        return [await strike(forever()), await strike(a_while())]

    task = await start(script())
    ends.complete(operation)
    task.cancel("stop")
    assert await outcome(task) == [("stop",), None]
