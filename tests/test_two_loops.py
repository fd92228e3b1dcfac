"""One channel and two event loops that run in turns: only one may wait in it."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from anycast import Anycast, Receiver, ReceiverStoppedError, Sender, select
from helpers import ROUNDS, drain, raises, waiting

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterator

T = TypeVar("T")


REFUSED = "Jobs:numbers serves one event loop at a time, and tasks of another one are waiting in it"


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
    """Let a task, or a coroutine in a new one, run to its end, which must come without a wait."""
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
        """Start a task in the other loop, which must end because it may not wait."""
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


async def lease(receiver: Receiver[int]) -> None:
    """Receive with a lease."""
    async with receiver.lease():
        raise AssertionError


async def iterate(receiver: Receiver[int]) -> None:
    """Receive by iterating."""
    async for _ in receiver:
        raise AssertionError


SENDS: list[Callable[[Sender[int]], Coroutine[Any, Any, object]]] = [
    lambda sender: sender.send(2),
    lambda sender: sender.send_many([2]),
]


RECEIVES: list[Callable[[Receiver[int]], Coroutine[Any, Any, object]]] = [
    lambda receiver: receiver.receive(),
    lambda receiver: receiver.receive_many(2),
    lease,
    iterate,
]


@pytest.mark.parametrize("wait", RECEIVES)
def test_receiving_in_two_loops_at_once(
    loops: TwoLoops, wait: Callable[[Receiver[int]], Coroutine[Any, Any, object]]
) -> None:
    """The second loop is refused by name, and the task of the first one goes on."""
    task = start(loops.one, loops.receiver.receive())
    for _ in range(3):
        loops.refuse(wait(loops.receiver))
    assert waiting(loops.channel) == (0, 1)
    loops.sender.send_nowait(1)
    assert end(loops.one, task) == 1
    assert waiting(loops.channel) == (0, 0)


@pytest.mark.parametrize("wait", SENDS)
def test_sending_in_two_loops_at_once(
    loops: TwoLoops, wait: Callable[[Sender[int]], Coroutine[Any, Any, object]]
) -> None:
    """The second loop is refused by name, and its message is not sent."""
    loops.sender.send_nowait(0)
    task = start(loops.one, loops.sender.send(1))
    for _ in range(3):
        loops.refuse(wait(loops.sender))
    assert waiting(loops.channel) == (1, 0)
    assert loops.receiver.receive_nowait() == 0
    end(loops.one, task)
    assert drain(loops.receiver) == [1]


def test_receiving_at_the_end_of_another_loops_wait(loops: TwoLoops) -> None:
    """Refused, a closed endpoint has nobody left to wake, and closing it harms nothing."""
    task = start(loops.one, loops.receiver.receive())
    with loops.receiver.clone() as clone:
        loops.refuse(clone.receive())
    loops.sender.send_nowait(1)
    assert end(loops.one, task) == 1


def test_a_refused_deque_keeps_its_messages(loops: TwoLoops) -> None:
    """What ``send_many`` did not send is still the caller's."""
    loops.sender.send_nowait(0)
    task = start(loops.one, loops.sender.send(1))
    messages = deque([2, 3])
    loops.refuse(loops.sender.send_many(messages))
    assert list(messages) == [2, 3]
    task.cancel()
    turn(loops.one)


def test_a_task_that_is_woken_and_has_yet_to_run_counts(loops: TwoLoops) -> None:
    """The other loop is refused until the first one's last task has left."""
    task = start(loops.one, loops.receiver.receive())
    loops.sender.send_nowait(1)
    assert waiting(loops.channel) == (0, 0)
    loops.refuse(loops.receiver.receive())
    assert end(loops.one, task) == 1
    received = start(loops.other, loops.receiver.receive())
    assert waiting(loops.channel) == (0, 1)
    loops.sender.send_nowait(2)
    assert end(loops.other, received) == 2


@pytest.mark.parametrize("leave", ["cancel", "close"])
def test_the_other_loop_may_wait_once_the_first_has_left(loops: TwoLoops, leave: str) -> None:
    """However the tasks of the first loop left, the channel is free."""
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


def stick(loops: TwoLoops) -> asyncio.Task[Any]:
    """Leave a task waiting in a loop that is closed and will never run again."""
    loops.one.set_exception_handler(lambda _loop, _context: None)  # it would complain of the task
    task = start(loops.one, loops.receiver.receive())
    loops.one.close()
    return task


def test_a_stuck_loop_is_named(loops: TwoLoops) -> None:
    """While a task is stuck in a closed loop, waiting elsewhere raises and does not hang."""
    task = stick(loops)
    loops.refuse(loops.receiver.receive())
    assert not task.done()


def test_closing_the_endpoint_of_a_stuck_task_frees_the_channel(loops: TwoLoops) -> None:
    """The line holds nobody of a closed endpoint, and another loop may wait."""
    task = stick(loops)
    loops.receiver.close()
    assert waiting(loops.channel) == (0, 0)
    received = start(loops.other, loops.channel.new_receiver().receive())
    loops.sender.send_nowait(1)
    assert end(loops.other, received) == 1
    assert not task.done()


def test_sending_to_a_task_that_is_stuck_in_a_closed_loop(loops: TwoLoops) -> None:
    """The message is stored once, and not lost to a task that can never run."""
    task = stick(loops)
    loops.sender.send_nowait(1)
    assert loops.channel.statistics().messages_sent == 1
    assert drain(loops.receiver) == [1]
    assert not task.done()


def test_closing_a_channel_with_a_task_that_is_stuck_in_a_closed_loop(loops: TwoLoops) -> None:
    """The close is complete, whoever can no longer be woken."""
    task = stick(loops)
    loops.channel.close()
    assert loops.channel.is_closed
    assert waiting(loops.channel) == (0, 0)
    with pytest.raises(ReceiverStoppedError):
        end(loops.other, loops.receiver.receive())
    assert not task.done()


def test_sending_to_a_select_that_is_stuck_in_a_closed_loop(loops: TwoLoops) -> None:
    """None of its arms is promised a message, though the first one's future is done after that."""
    loops.one.set_exception_handler(lambda _loop, _context: None)
    other = Anycast[int](limit=1)
    receivers = loops.receiver, other.new_receiver()
    task = start(loops.one, select(*(receiver.receiving() for receiver in receivers)))
    loops.one.close()
    loops.sender.send_nowait(1)
    other.new_sender().send_nowait(2)
    assert [drain(receiver) for receiver in receivers] == [[1], [2]]
    assert waiting(loops.channel) == waiting(other) == (0, 0)
    assert not task.done()
