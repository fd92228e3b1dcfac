"""A common contract of the channels in memory of this library, of anyio and of trio.

The tests check the promises that all kinds share. The further promises of this library have tests
of their own. A broadcast channel with a single receiver keeps the contract, too, except for the
rendezvous.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import anyio
import pytest
import trio

from anycast import Anycast, Broadcast, open_channel
from helpers import begin, settle, task_group

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.anyio


@dataclass
class Pipe:
    """A sender and a receiver, the counts of waiting tasks, and the errors of both."""

    sender: Any
    receiver: Any
    statistics: Callable[[], Any]
    errors: Any = anyio
    end: type[Exception] = anyio.EndOfStream

    @property
    def waiting(self) -> tuple[int, int]:
        """How many tasks wait to send, and how many to receive."""
        now = self.statistics()
        return now.tasks_waiting_send, now.tasks_waiting_receive


Maker: TypeAlias = "Callable[[float], Pipe]"


def ours(limit: float, **options: Any) -> Pipe:
    """Make an Anycast that closes with its last sender or with its last receiver."""
    channel = Anycast[int](limit=limit, auto_close=True, **options)
    return Pipe(channel.new_sender(), channel.new_receiver(), channel.statistics)


def broadcast(limit: float, **options: Any) -> Pipe:
    """Make a Broadcast with one receiver, closed with its last sender or receiver."""
    if not limit:
        pytest.skip("a broadcast channel has no rendezvous")
    channel = Broadcast[int](limit=limit, auto_close=True, **options)
    return Pipe(channel.new_sender(), channel.new_receiver(), channel.statistics)


def opened(limit: float) -> Pipe:
    """Open a channel of ours, as anyio and trio open theirs."""
    sender, receiver = open_channel[int](limit)
    return Pipe(sender, receiver, sender.statistics)


def of_anyio(limit: float) -> Pipe:
    """Make a memory stream of anyio."""
    sender, receiver = anyio.create_memory_object_stream[int](limit)
    return Pipe(sender, receiver, sender.statistics)


def of_trio(limit: float) -> Pipe:
    """Make a memory channel of trio."""
    sender, receiver = trio.open_memory_channel[int](limit)
    return Pipe(sender, receiver, sender.statistics, trio, trio.EndOfChannel)


KINDS: dict[str, Maker] = {
    "anycast": ours,
    "anycast with checkpoints": partial(ours, yield_every=1),
    "open_channel": opened,
    "broadcast": broadcast,
    "broadcast with checkpoints": partial(broadcast, yield_every=1),
    "anyio": of_anyio,
    "trio": of_trio,
}


@pytest.fixture(params=KINDS)
def pipe(request: pytest.FixtureRequest, anyio_backend_name: str) -> Maker:
    """Give the function that makes pipes of a kind."""
    if request.param == "trio" and anyio_backend_name != "trio":
        pytest.skip("trio's channels are for trio")
    return KINDS[request.param]


@pytest.mark.parametrize("limit", [1, 5, math.inf])
async def test_order(pipe: Maker, limit: float) -> None:
    """The messages of a sender arrive in the order of the sends."""
    ends = pipe(limit)

    async def send() -> None:
        async with ends.sender:
            for number in range(20):
                await ends.sender.send(number)

    async with task_group() as tasks, ends.receiver:
        tasks.start_soon(send)
        assert [number async for number in ends.receiver] == list(range(20))


async def test_a_full_channel_blocks(pipe: Maker) -> None:
    """A send waits while the channel is full, and goes on when there is room."""
    ends = pipe(2)
    with ends.sender, ends.receiver:
        ends.sender.send_nowait(0)
        await ends.sender.send(1)
        with pytest.raises(ends.errors.WouldBlock):
            ends.sender.send_nowait(2)
        async with task_group() as tasks:
            sending = await begin(tasks, ends.sender.send, 2)
            assert (sending.outcome, ends.waiting) == ("unfinished", (1, 0))
            assert await ends.receiver.receive() == 0
        assert sending.outcome == "done"
        assert [await ends.receiver.receive() for _ in range(2)] == [1, 2]


async def test_an_empty_channel_blocks(pipe: Maker) -> None:
    """A receive waits while the channel is empty, and goes on when there is a message."""
    ends = pipe(2)
    with ends.sender, ends.receiver:
        with pytest.raises(ends.errors.WouldBlock):
            ends.receiver.receive_nowait()
        async with task_group() as tasks:
            receiving = await begin(tasks, ends.receiver.receive)
            assert (receiving.outcome, ends.waiting) == ("unfinished", (0, 1))
            await ends.sender.send(1)
        assert receiving.result == 1


async def test_an_unbounded_channel_never_blocks(pipe: Maker) -> None:
    """With an infinite limit there is always room."""
    ends = pipe(math.inf)
    with ends.sender, ends.receiver:
        for number in range(1000):
            ends.sender.send_nowait(number)
        assert [ends.receiver.receive_nowait() for _ in range(1000)] == list(range(1000))


async def test_a_rendezvous(pipe: Maker) -> None:
    """With limit 0 a send completes when a receiver takes the message, in either order."""
    ends = pipe(0)
    with ends.sender, ends.receiver:
        with pytest.raises(ends.errors.WouldBlock):
            ends.sender.send_nowait(0)
        async with task_group() as tasks:
            sending = await begin(tasks, ends.sender.send, 1)
            assert sending.outcome == "unfinished"
            assert await ends.receiver.receive() == 1
            receiving = await begin(tasks, ends.receiver.receive)
            ends.sender.send_nowait(2)
        assert (sending.outcome, receiving.result) == ("done", 2)


@pytest.mark.parametrize("limit", [0, 1])
async def test_a_blocked_sender_is_served_without_a_wait(pipe: Maker, limit: int) -> None:
    """A `receive_nowait` takes the oldest message, and completes the blocked send."""
    ends = pipe(limit)
    with ends.sender, ends.receiver:
        async with task_group() as tasks:
            attempts = [await begin(tasks, ends.sender.send, number) for number in range(3)]
            assert ends.waiting == (3 - limit, 0)
            for number in range(3):
                assert ends.receiver.receive_nowait() == number
                assert ends.waiting == (max(2 - limit - number, 0), 0)
                left = min(limit, 2 - number)
                assert ends.statistics().current_buffer_used == left
            with pytest.raises(ends.errors.WouldBlock):
                ends.receiver.receive_nowait()
        assert [attempt.outcome for attempt in attempts] == ["done"] * 3


async def test_who_blocks_first_sends_first(pipe: Maker) -> None:
    """Blocked senders go on in the order in which they came."""
    ends = pipe(1)
    with ends.sender, ends.receiver:
        received: list[int] = []
        async with task_group() as tasks:
            for number in range(5):
                await begin(tasks, ends.sender.send, number)
            for _ in range(5):
                received.append(await ends.receiver.receive())
                await settle()
        assert received == [0, 1, 2, 3, 4]


async def test_who_waits_first_receives_first(pipe: Maker) -> None:
    """Waiting receivers go on in the order in which they came."""
    ends = pipe(1)
    with ends.sender, ends.receiver:
        async with task_group() as tasks:
            receivings = [await begin(tasks, ends.receiver.receive) for _ in range(3)]
            for number in range(3):
                await ends.sender.send(number)
                await settle()
        assert [receiving.result for receiving in receivings] == [0, 1, 2]


@pytest.mark.parametrize("limit", [0, 1, 3])
async def test_exactly_once(pipe: Maker, limit: int) -> None:
    """With several senders and receivers, each message arrives once."""
    ends = pipe(limit)
    if str(ends.receiver).startswith("Broadcast"):
        ends.sender.close()
        ends.receiver.close()
        pytest.skip("each receiver of a broadcast channel gets each message")
    received: list[int] = []

    async def send(sender: Any, start: int) -> None:
        with sender:
            for number in range(start, start + 50):
                await sender.send(number)

    async def receive(receiver: Any) -> None:
        with receiver:
            received.extend([number async for number in receiver])

    async with task_group() as tasks:
        for start in (0, 50, 100):
            tasks.start_soon(send, ends.sender.clone(), start)
            tasks.start_soon(receive, ends.receiver.clone())
        ends.sender.close()
        ends.receiver.close()
    assert sorted(received) == list(range(150))


async def test_the_end_comes_after_what_was_sent(pipe: Maker) -> None:
    """After all senders are closed, the sent messages are received, and then only the end."""
    ends = pipe(2)
    clone = ends.sender.clone()
    with ends.receiver:
        await clone.send(1)
        ends.sender.close()
        await clone.send(2)
        clone.close()
        assert [await ends.receiver.receive(), ends.receiver.receive_nowait()] == [1, 2]
        for _ in range(2):
            with pytest.raises(ends.end):
                await ends.receiver.receive()
            with pytest.raises(ends.end):
                ends.receiver.receive_nowait()
        assert [number async for number in ends.receiver] == []


async def test_the_end_wakes_who_waits(pipe: Maker) -> None:
    """A receive that waits when the last sender is closed raises."""
    ends = pipe(1)
    stopped: list[bool] = []

    async def receive() -> None:
        with pytest.raises(ends.end):
            await ends.receiver.receive()
        stopped.append(True)

    with ends.receiver:
        async with task_group() as tasks:
            for _ in range(2):
                await begin(tasks, receive)
            ends.sender.close()
    assert stopped == [True, True]


async def test_nobody_left_to_receive(pipe: Maker) -> None:
    """When the last receiver is closed, blocked sends and later sends raise."""
    ends = pipe(1)
    broken: list[bool] = []

    async def send() -> None:
        with pytest.raises(ends.errors.BrokenResourceError):
            await ends.sender.send(1)
        broken.append(True)

    with ends.sender, ends.receiver.clone() as clone:
        ends.receiver.close()
        await ends.sender.send(0)
        async with task_group() as tasks:
            await begin(tasks, send)
            clone.close()
        await send()
        with pytest.raises(ends.errors.BrokenResourceError):
            ends.sender.send_nowait(1)
    assert broken == [True, True]


@pytest.mark.parametrize("closes", ["sender", "receiver", "both"])
@pytest.mark.parametrize("iterates", [False, True])
async def test_a_close_leaves_a_receiver_what_it_was_given(
    pipe: Maker, closes: str, *, iterates: bool
) -> None:
    """A message that was given to a waiting task is received, even after a close."""
    ends = pipe(1)
    receive = ends.receiver.__anext__ if iterates else ends.receiver.receive
    async with task_group() as tasks:
        receiving = await begin(tasks, receive)
        ends.sender.send_nowait(1)
        if closes != "sender":
            ends.receiver.close()
        if closes != "receiver":
            ends.sender.close()
    ends.sender.close()
    ends.receiver.close()
    assert receiving.result == 1


@pytest.mark.parametrize("closes", ["sender", "receiver", "both"])
@pytest.mark.parametrize("limit", [0, 1])
async def test_a_close_does_not_undo_a_send(pipe: Maker, closes: str, limit: int) -> None:
    """A blocked send whose message was taken or stored has happened, even after a close."""
    ends = pipe(limit)
    async with task_group() as tasks:
        for number in range(limit):
            await ends.sender.send(number)
        sending = await begin(tasks, ends.sender.send, limit)
        received = [ends.receiver.receive_nowait()]
        assert ends.waiting == (0, 0)
        if closes != "sender":
            ends.receiver.close()
        if closes != "receiver":
            ends.sender.close()
    if closes == "sender":
        received += [message async for message in ends.receiver]
        assert received == list(range(limit + 1))
    ends.sender.close()
    ends.receiver.close()
    assert sending.outcome == "done"


async def test_a_closed_sender(pipe: Maker) -> None:
    """A send through a closed sender raises, and the clone of the sender still works."""
    ends = pipe(1)
    with ends.receiver, ends.sender.clone() as clone:
        ends.sender.close()
        ends.sender.close()
        with pytest.raises(ends.errors.ClosedResourceError):
            await ends.sender.send(1)
        with pytest.raises(ends.errors.ClosedResourceError):
            ends.sender.send_nowait(1)
        with pytest.raises(ends.errors.ClosedResourceError):
            ends.sender.clone()
        await clone.send(2)
        assert ends.receiver.receive_nowait() == 2


async def test_a_cancelled_send_that_waits(pipe: Maker) -> None:
    """A send that a scope cancels leaves no trace, and the tasks behind move up."""
    ends = pipe(1)
    with ends.sender, ends.receiver:
        await ends.sender.send(0)
        async with task_group() as tasks:
            cancelled = await begin(tasks, ends.sender.send, 1)
            behind = await begin(tasks, ends.sender.send, 2)
            cancelled.cancel()
            await settle()
            assert (cancelled.outcome, ends.waiting) == ("cancelled", (1, 0))
            assert [await ends.receiver.receive() for _ in range(2)] == [0, 2]
        assert behind.outcome == "done"
        with pytest.raises(ends.errors.WouldBlock):
            ends.receiver.receive_nowait()


async def test_a_cancelled_receive_that_waits(pipe: Maker) -> None:
    """A receive that a scope cancels takes no message, and the tasks behind move up."""
    ends = pipe(1)
    with ends.sender, ends.receiver:
        async with task_group() as tasks:
            cancelled = await begin(tasks, ends.receiver.receive)
            behind = await begin(tasks, ends.receiver.receive)
            cancelled.cancel()
            await settle()
            assert (cancelled.outcome, ends.waiting) == ("cancelled", (0, 1))
            await ends.sender.send(1)
        assert behind.result == 1
        assert ends.waiting == (0, 0)


@pytest.mark.parametrize("message", [None, 0, "", KeyError("a message")])
async def test_any_message(pipe: Maker, message: object) -> None:
    """None, falsy objects and exceptions are ordinary messages."""
    ends = pipe(1)
    with ends.sender, ends.receiver:
        await ends.sender.send(message)
        assert await ends.receiver.receive() is message


async def test_context_managers(pipe: Maker) -> None:
    """``with`` and ``async with`` close."""
    ends = pipe(1)
    async with ends.receiver:
        with ends.sender as sender:
            assert sender is ends.sender
        with pytest.raises(ends.end):
            await ends.receiver.receive()
