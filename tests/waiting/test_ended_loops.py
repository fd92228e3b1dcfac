"""Tasks left waiting in an event loop that is over are ignored, and no message is lost."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import pytest
import trio

from anycast import Anycast, ReceiverStoppedError, SenderError, select
from event_loops import ASYNCIO
from helpers import ROUNDS, begin, drain, task_group, waiting
from operations import RECEIVES, SENDS

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from operations import Receive, Send

    Leave = Callable[..., None]
    Operation = Coroutine[Any, Any, object]


def nothing() -> None:
    """Do nothing."""


def ignore(_: object) -> None:
    """Do nothing."""


class EndedError(Exception):
    """Ends a run of trio, whose tasks are left behind."""


class EndingClock(trio.abc.Clock):
    """A clock that ends a run of trio once every task waits.

    Args:
        act: what is done at last, after which no task runs.
    """

    def __init__(self, act: Callable[[], object]) -> None:
        self._act = act

    def start_clock(self) -> None:
        """Do nothing: this clock stands still."""

    def current_time(self) -> float:
        """Return the time."""
        return 0

    def deadline_to_sleep_time(self, deadline: float) -> float:
        """Act, and end the run."""
        self._act()
        raise EndedError(deadline)


def leave_in_trio(operation: Operation, act: Callable[[], object] = nothing) -> None:
    """Leave an operation behind in a run of trio."""
    with pytest.raises(trio.TrioInternalError) as raised:
        trio.run(lambda: operation, clock=EndingClock(act))
    assert type(raised.value.__cause__) is EndedError


def leave_in_asyncio(
    new_loop: Callable[[], asyncio.AbstractEventLoop],
    operation: Operation,
    act: Callable[[], object] = nothing,
) -> None:
    """Leave an operation behind in a loop for asyncio."""
    loop = new_loop()
    loop.set_exception_handler(lambda _loop, _context: None)  # no complaint about the task
    task = loop.create_task(operation)
    for _ in range(ROUNDS):
        loop.run_until_complete(asyncio.sleep(0))
    act()
    loop.close()
    assert not task.done()


LEAVE: dict[str, Leave] = {
    **{
        name: partial(leave_in_asyncio, options.get("loop_factory", asyncio.new_event_loop))
        for name, (_, options) in ASYNCIO.items()
    },
    "trio": leave_in_trio,
}
"""How to let an operation wait in an event loop, act at last, and end the loop.

To close the operation then is to destroy its task.
"""


@pytest.fixture(scope="module", autouse=True)
def no_complaints() -> Iterator[None]:
    """Hide the complaints of trio about its own tasks when these tasks are destroyed."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(sys, "unraisablehook", ignore)
        yield
        gc.collect()


@pytest.fixture(params=LEAVE.values(), ids=list(LEAVE))
def leave(request: pytest.FixtureRequest) -> Leave:
    """Give each way to leave an operation behind."""
    way: Leave = request.param
    return way


class Ends:
    """A channel, and its endpoints."""

    def __init__(self, limit: int = 1, *, auto_close: bool = False) -> None:
        self.channel = Anycast[int](limit=limit, auto_close=auto_close)
        self.sender = self.channel.new_sender()
        self.receiver = self.channel.new_receiver()

    @property
    def counts(self) -> tuple[int, int]:
        """How many messages were sent, and received."""
        now = self.channel.statistics()
        return now.messages_sent, now.messages_received


each_receive = pytest.mark.parametrize("receive", RECEIVES.values(), ids=list(RECEIVES))
each_send = pytest.mark.parametrize("send", SENDS.values(), ids=list(SENDS))
each_run = pytest.mark.parametrize("backend", ["asyncio", "trio"])


@each_run
@each_receive
def test_the_next_loop_may_receive(leave: Leave, receive: Receive, backend: str) -> None:
    """A task of the next loop waits there, and gets the message that is sent then."""
    ends = Ends(limit=0)
    left = receive(ends.receiver)
    leave(left)

    async def exchange() -> None:
        async with task_group() as tasks:
            receiving = await begin(tasks, ends.receiver.receive)
            assert waiting(ends.channel) == (0, 1)
            await ends.sender.send(2)
        assert receiving.result == 2

    anyio.run(exchange, backend=backend)
    left.close()
    assert ends.counts == (1, 1)


@each_run
@each_send
def test_the_next_loop_may_send(leave: Leave, send: Send, backend: str) -> None:
    """A task of the next loop waits to send, and only the message of that task is sent."""
    ends = Ends(limit=0)
    left = send(ends.sender)
    leave(left)

    async def exchange() -> None:
        async with task_group() as tasks:
            await begin(tasks, ends.sender.send, 2)
            assert waiting(ends.channel) == (1, 0)
            assert await ends.receiver.receive() == 2

    anyio.run(exchange, backend=backend)
    left.close()
    assert ends.counts == (1, 1)


@each_receive
def test_sending_to_a_task_that_was_left(leave: Leave, receive: Receive) -> None:
    """The message is stored once, and stays so when the task is destroyed."""
    ends = Ends()
    left = receive(ends.receiver)
    leave(left)
    ends.sender.send_nowait(2)
    assert ends.channel.statistics().current_buffer_used == 1
    assert waiting(ends.channel) == (0, 0)
    left.close()
    assert drain(ends.receiver) == [2]
    assert ends.counts == (1, 1)


def test_sending_to_a_task_that_was_left_in_a_rendezvous(leave: Leave) -> None:
    """The send would block, since no receiver waits in the running loop."""
    ends = Ends(limit=0)
    left = ends.receiver.receive()
    leave(left)
    with pytest.raises(anyio.WouldBlock):
        ends.sender.send_nowait(2)
    left.close()
    assert ends.counts == (0, 0)


@pytest.mark.parametrize("limit", [0, 1])
@each_send
def test_receiving_from_a_task_that_was_left(leave: Leave, send: Send, limit: int) -> None:
    """The message that the task did not send is not received, even after the task is destroyed."""
    ends = Ends(limit)
    for number in range(limit):
        ends.sender.send_nowait(number)
    left = send(ends.sender)
    leave(left)
    assert drain(ends.receiver) == list(range(limit))
    assert waiting(ends.channel) == (0, 0)
    left.close()
    assert drain(ends.receiver) == []
    assert ends.counts == (limit, limit)


def test_a_batch_that_was_left(leave: Leave) -> None:
    """The deque keeps the messages that were not sent."""
    ends = Ends()
    messages = deque([1, 2, 3])
    left = ends.sender.send_many(messages)
    leave(left)
    assert drain(ends.receiver) == [1]
    left.close()
    assert list(messages) == [2, 3]


def test_receive_many_with_a_task_that_was_left(leave: Leave) -> None:
    """The call takes the stored messages, and not the messages that the task did not send."""
    ends = Ends()
    ends.sender.send_nowait(0)
    left = ends.sender.send(1)
    leave(left)
    assert asyncio.run(ends.receiver.receive_many(5)) == [0]
    left.close()


@each_receive
def test_closing_the_channel_of_a_receive_that_was_left(leave: Leave, receive: Receive) -> None:
    """The close is complete, and the channel has ended."""
    ends = Ends()
    left = receive(ends.receiver)
    leave(left)
    ends.channel.close()
    assert ends.channel.is_closed
    assert waiting(ends.channel) == (0, 0)
    left.close()
    with pytest.raises(ReceiverStoppedError):
        asyncio.run(ends.receiver.receive())


@each_send
def test_closing_the_channel_of_a_send_that_was_left(leave: Leave, send: Send) -> None:
    """The close is complete, and the message is not sent."""
    ends = Ends(limit=0)
    left = send(ends.sender)
    leave(left)
    ends.channel.close()
    assert ends.channel.is_closed
    assert waiting(ends.channel) == (0, 0)
    left.close()
    with pytest.raises(SenderError):
        asyncio.run(ends.sender.send(1))
    assert ends.counts == (0, 0)


@pytest.mark.parametrize("auto_close", [False, True])
@each_receive
def test_closing_the_receiver_of_a_task_that_was_left(
    leave: Leave, receive: Receive, *, auto_close: bool
) -> None:
    """The close is complete, that of the channel by ``auto_close`` included."""
    ends = Ends(auto_close=auto_close)
    left = receive(ends.receiver)
    leave(left)
    ends.receiver.close()
    left.close()
    assert waiting(ends.channel) == (0, 0)
    assert ends.channel.statistics().open_receivers == 0
    assert ends.channel.is_closed == auto_close


@pytest.mark.parametrize("auto_close", [False, True])
@each_send
def test_closing_the_sender_of_a_task_that_was_left(
    leave: Leave, send: Send, *, auto_close: bool
) -> None:
    """The close is complete, that of the channel by ``auto_close`` included."""
    ends = Ends(limit=0, auto_close=auto_close)
    left = send(ends.sender)
    leave(left)
    ends.sender.close()
    left.close()
    assert waiting(ends.channel) == (0, 0)
    assert ends.channel.statistics().open_senders == 0
    assert ends.channel.is_closed == auto_close


def test_closing_a_receiver_within_the_next_loop(leave: Leave) -> None:
    """No waiter of the next loop is confused with the waiter that was left."""
    ends = Ends()
    left = ends.receiver.receive()
    leave(left)
    others = Anycast[int]()

    async def close() -> None:
        async with task_group() as tasks:
            other = await begin(tasks, others.new_receiver().receive)
            ends.receiver.close()
            others.new_sender().send_nowait(1)
        assert other.result == 1

    anyio.run(close, backend="trio")
    left.close()


def test_closing_a_receiver_once_the_next_loop_has_waited(leave: Leave) -> None:
    """The task that was left is forgotten by then, and tasks of the next loop go on."""
    ends = Ends()
    left = ends.receiver.receive()
    leave(left)

    async def exchange() -> None:
        async with task_group() as tasks:
            receiving = await begin(tasks, ends.channel.new_receiver().receive)
            ends.receiver.close()
            assert waiting(ends.channel) == (0, 1)
            ends.sender.send_nowait(1)
        assert receiving.result == 1

    anyio.run(exchange)
    left.close()


def test_a_select_that_was_left(leave: Leave) -> None:
    """No channel gives the select a message or waits for the select, and each can be closed."""
    one, other = Ends(), Ends()
    left = select(one.receiver.receiving(), other.receiver.receiving())
    leave(left)
    for number, ends in enumerate((one, other)):
        ends.sender.send_nowait(number)
        assert drain(ends.receiver) == [number]
        assert waiting(ends.channel) == (0, 0)
        ends.receiver.close()
    left.close()
    assert (one.counts, other.counts) == ((1, 1), (1, 1))


@each_receive
def test_a_task_that_was_given_a_message_and_left(leave: Leave, receive: Receive) -> None:
    """The message comes back when the task is destroyed, before the stored messages."""
    ends = Ends()
    left = receive(ends.receiver)
    leave(left, lambda: ends.sender.send_nowait(1))
    assert ends.counts == (1, 1)
    ends.sender.send_nowait(2)
    left.close()
    assert ends.counts == (2, 0)
    assert drain(ends.receiver) == [1, 2]
    ends.channel.close()
    with pytest.raises(ReceiverStoppedError):
        ends.receiver.receive_nowait()


@each_run
@each_receive
def test_a_message_that_comes_back_to_a_task_that_waits(
    leave: Leave, receive: Receive, backend: str
) -> None:
    """A receiver of the next loop gets what was given to a task that is destroyed."""
    ends = Ends()
    left = receive(ends.receiver)
    leave(left, lambda: ends.sender.send_nowait(1))

    async def wait() -> None:
        async with task_group() as tasks:
            receiving = await begin(tasks, ends.receiver.receive)
            left.close()
        assert receiving.result == 1

    anyio.run(wait, backend=backend)
    assert ends.counts == (1, 1)


@pytest.mark.parametrize("limit", [0, 1])
@each_send
def test_a_task_whose_message_was_taken_and_that_was_left(
    leave: Leave, send: Send, limit: int
) -> None:
    """The message was sent once, and the destruction of the task has no effect."""
    ends = Ends(limit)
    for _ in range(limit):
        ends.sender.send_nowait(0)
    taken: list[int] = []
    left = send(ends.sender)
    leave(left, lambda: taken.append(ends.receiver.receive_nowait()))
    left.close()
    assert taken + drain(ends.receiver) == [0, 1][1 - limit :]
    assert ends.counts == (limit + 1, limit + 1)
