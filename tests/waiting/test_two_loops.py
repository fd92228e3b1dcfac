"""A channel and two event loops that run in turns: tasks of a single loop may wait."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from anycast import Anycast, ReceiverStoppedError, select
from helpers import ROUNDS, drain, raises, waiting
from operations import RECEIVES, SENDS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Coroutine, Iterator

    from operations import Receive, Send

T = TypeVar("T")


REFUSED = (
    "Jobs:numbers serves one event loop at a time, and tasks of another one are waiting in it:"
    " let that event loop make the call, as"
    " `asyncio.run_coroutine_threadsafe(receiver.receive(), loop)` does"
)


def turn(loop: asyncio.AbstractEventLoop) -> None:
    """Let the tasks of a loop run until they block or end."""
    for _ in range(ROUNDS):
        loop.run_until_complete(asyncio.sleep(0))


def start(loop: asyncio.AbstractEventLoop, operation: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Start a task in a loop, and let it run until it blocks or ends."""
    task = loop.create_task(operation)
    turn(loop)
    return task


def end(loop: asyncio.AbstractEventLoop, operation: Awaitable[T]) -> T:
    """Let a task, or a coroutine in a new task, run to its end without a wait."""
    task = asyncio.ensure_future(operation, loop=loop)
    turn(loop)
    assert task.done(), "it blocks"
    return task.result()


class Jobs(Anycast[int]):
    """A channel of a user's own class."""


class TwoLoops:
    """A channel of limit 1, and two event loops of one thread that run in turns."""

    def __init__(self) -> None:
        self.channel = Jobs(name="numbers", limit=1)
        self.sender = self.channel.new_sender()
        self.receiver = self.channel.new_receiver()
        self.one = asyncio.new_event_loop()
        self.other = asyncio.new_event_loop()

    def refuse(self, operation: Coroutine[Any, Any, object]) -> None:
        """Start a task in the second loop: the task must raise, since the first loop is waiting."""
        with raises(RuntimeError, REFUSED):
            end(self.other, operation)

    def close(self) -> None:
        """Close the loops."""
        self.one.close()
        self.other.close()


@pytest.fixture
def loops() -> Iterator[TwoLoops]:
    """Give two event loops."""
    loops = TwoLoops()
    yield loops
    loops.close()


@pytest.mark.parametrize("receive", RECEIVES.values(), ids=list(RECEIVES))
def test_receiving_in_two_loops_at_once(loops: TwoLoops, receive: Receive) -> None:
    """The error names the channel, and the task of the first loop goes on."""
    task = start(loops.one, loops.receiver.receive())
    for _ in range(3):
        loops.refuse(receive(loops.receiver))
    assert waiting(loops.channel) == (0, 1)
    loops.sender.send_nowait(1)
    assert end(loops.one, task) == 1
    assert waiting(loops.channel) == (0, 0)


@pytest.mark.parametrize("send", SENDS.values(), ids=list(SENDS))
def test_sending_in_two_loops_at_once(loops: TwoLoops, send: Send) -> None:
    """The error names the channel, and the message of the second loop is not sent."""
    loops.sender.send_nowait(0)
    task = start(loops.one, loops.sender.send(2))
    for _ in range(3):
        loops.refuse(send(loops.sender))
    assert waiting(loops.channel) == (1, 0)
    assert loops.receiver.receive_nowait() == 0
    end(loops.one, task)
    assert drain(loops.receiver) == [2]


def test_receiving_at_the_end_of_another_loops_wait(loops: TwoLoops) -> None:
    """The refused task is not among the waiters of the endpoint: to close the endpoint is safe."""
    task = start(loops.one, loops.receiver.receive())
    with loops.receiver.clone() as clone:
        loops.refuse(clone.receive())
    loops.sender.send_nowait(1)
    assert end(loops.one, task) == 1


def test_a_refused_deque_keeps_its_messages(loops: TwoLoops) -> None:
    """The caller keeps the messages that ``send_many`` did not send."""
    loops.sender.send_nowait(0)
    task = start(loops.one, loops.sender.send(1))
    messages = deque([2, 3])
    loops.refuse(loops.sender.send_many(messages))
    assert list(messages) == [2, 3]
    task.cancel()
    turn(loops.one)


def test_a_receiver_that_is_woken_and_has_yet_to_run_does_not_count(loops: TwoLoops) -> None:
    """The task of the first loop has its message, so a task of the second loop may wait."""
    task = start(loops.one, loops.receiver.receive())
    loops.sender.send_nowait(1)
    assert waiting(loops.channel) == (0, 0)
    received = start(loops.other, loops.receiver.receive())
    assert waiting(loops.channel) == (0, 1)
    loops.sender.send_nowait(2)
    assert end(loops.other, received) == 2
    assert end(loops.one, task) == 1


def test_a_sender_that_is_woken_and_has_yet_to_run_does_not_count(loops: TwoLoops) -> None:
    """The message of the first sender is stored, so a task of the second loop may wait."""
    loops.sender.send_nowait(0)
    task = start(loops.one, loops.sender.send(1))
    assert loops.receiver.receive_nowait() == 0
    sent = start(loops.other, loops.sender.send(2))
    assert waiting(loops.channel) == (1, 0)
    assert drain(loops.receiver) == [1, 2]
    end(loops.other, sent)
    end(loops.one, task)


def test_a_select_that_may_not_wait_in_one_of_its_channels(loops: TwoLoops) -> None:
    """The select waits in no channel."""
    free = Anycast[int]()
    task = start(loops.one, loops.receiver.receive())
    receivers = free.new_receiver(), loops.receiver
    loops.refuse(select(*(receiver.receiving() for receiver in receivers)))
    assert waiting(free) == (0, 0)
    loops.sender.send_nowait(1)
    assert end(loops.one, task) == 1


@pytest.mark.parametrize("leave", ["cancel", "close"])
def test_the_other_loop_may_wait_once_the_first_has_left(loops: TwoLoops, leave: str) -> None:
    """The channel is free after the tasks of the first loop have left, in any way."""
    receiver = loops.receiver.clone()
    task = start(loops.one, receiver.receive())
    if leave == "cancel":
        task.cancel()
    else:
        receiver.close()
    with pytest.raises((asyncio.CancelledError, ReceiverStoppedError)):
        end(loops.one, task)
    received = start(loops.other, loops.receiver.receive())
    loops.sender.send_nowait(1)
    assert end(loops.other, received) == 1


def test_what_need_not_wait_works_in_any_loop(loops: TwoLoops) -> None:
    """Operations that complete at once are not refused."""
    loops.sender.send_nowait(0)
    task = start(loops.one, loops.sender.send(1))
    assert end(loops.other, loops.receiver.receive()) == 0
    end(loops.one, task)
    assert end(loops.other, loops.receiver.receive()) == 1
