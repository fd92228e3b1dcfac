"""Other threads: a call that would have to wake a task raises, and other calls work."""

from __future__ import annotations

import asyncio
from collections import deque
from threading import Thread
from typing import TYPE_CHECKING, Any, TypeVar

import anyio
import pytest
from anyio import to_thread

from anycast import Anycast, merge, select_nowait
from helpers import begin, drain, raises, settle, task_group, waiting
from operations import RECEIVES, SENDS

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from anyio.abc import TaskGroup

    from helpers import Attempt
    from operations import Receive, Send

    Exit = tuple[type[Exception] | None, Exception | None, None]

T = TypeVar("T")

pytestmark = pytest.mark.anyio

REFUSED = (
    "Anycast:numbers has tasks waiting in another thread, and is not thread-safe:"
    " let the event loop of these tasks make the call. In a thread of"
    " `anyio.to_thread.run_sync`, use `anyio.from_thread.run(sender.send, message)`,"
    " and in a thread of `trio.to_thread.run_sync`, `trio.from_thread.run`."
    " In any other thread, use `asyncio.run_coroutine_threadsafe(sender.send(message), loop)`"
    " or an `anyio.from_thread.BlockingPortal`."
)


class Ends:
    """A channel, and its endpoints."""

    def __init__(self, limit: int = 1, *, auto_close: bool = False) -> None:
        self.channel = Anycast[int](name="numbers", limit=limit, auto_close=auto_close)
        self.sender = self.channel.new_sender()
        self.receiver = self.channel.new_receiver()

    def close(self) -> None:
        """Close both endpoints."""
        self.sender.close()
        self.receiver.close()

    async def block_receiver(self, tasks: TaskGroup) -> Attempt[int]:
        """Start a task that waits for a message."""
        return await begin(tasks, self.receiver.receive)

    async def block_sender(self, tasks: TaskGroup) -> Attempt[None]:
        """Start a task that waits for room, with message 1 behind message 0."""
        if self.channel.limit:
            self.sender.send_nowait(0)
        return await begin(tasks, self.sender.send, 1)

    async def refuse(self, act: Callable[[], object]) -> None:
        """Act in another thread, which must raise without an effect."""
        before = self.channel.statistics(), self.channel.is_closed

        def fail() -> None:
            with raises(RuntimeError, REFUSED):
                act()

        await to_thread.run_sync(fail)
        await settle()
        assert (self.channel.statistics(), self.channel.is_closed) == before


def run_by_itself(operation: Callable[[], Coroutine[Any, Any, T]]) -> Callable[[], T]:
    """Return what runs an operation in an event loop of the thread's own."""
    return lambda: asyncio.run(operation())


def in_one_step(operation: Callable[[], Coroutine[Any, Any, T]]) -> Callable[[], T]:
    """Return what runs an operation without an event loop."""

    def run() -> T:
        with pytest.raises(StopIteration) as stop:
            operation().send(None)
        result: T = stop.value.value
        return result

    return run


SENDS_AT_ONCE: dict[str, Callable[[Ends], object]] = {
    "send_nowait": lambda ends: ends.sender.send_nowait(2),
    "select_nowait": lambda ends: select_nowait(ends.sender.sending(2)),
}
RECEIVES_AT_ONCE: dict[str, Callable[[Ends], object]] = {
    "receive_nowait": lambda ends: ends.receiver.receive_nowait(),
    "select_nowait": lambda ends: select_nowait(ends.receiver.receiving()),
    "merge": lambda ends: merge(ends.receiver).receive_nowait(),
    "map": lambda ends: ends.receiver.map(str).receive_nowait(),
}
limits = pytest.mark.parametrize("limit", [0, 1])


@limits
@pytest.mark.parametrize("way", SENDS_AT_ONCE)
async def test_sending_at_once_to_a_task_that_waits(way: str, limit: int) -> None:
    """The send is refused, and the task gets the next message of its own thread."""
    ends = Ends(limit)
    async with task_group() as tasks:
        receiving = await ends.block_receiver(tasks)
        await ends.refuse(lambda: SENDS_AT_ONCE[way](ends))
        assert receiving.outcome == "unfinished"
        ends.sender.send_nowait(1)
    assert receiving.result == 1


@limits
@pytest.mark.parametrize("run", [run_by_itself, in_one_step])
@pytest.mark.parametrize("send", SENDS.values(), ids=list(SENDS))
async def test_sending_to_a_task_that_waits(
    send: Send, run: Callable[..., Callable[[], object]], limit: int
) -> None:
    """The send is refused, and the task gets the next message of its own thread."""
    ends = Ends(limit)
    async with task_group() as tasks:
        receiving = await ends.block_receiver(tasks)
        await ends.refuse(run(lambda: send(ends.sender)))
        assert receiving.outcome == "unfinished"
        ends.sender.send_nowait(2)
    assert receiving.result == 2


async def test_a_deque_that_is_refused() -> None:
    """The caller keeps all messages."""
    ends = Ends()
    messages = deque([1, 2, 3])
    async with task_group() as tasks:
        receiving = await ends.block_receiver(tasks)
        await ends.refuse(run_by_itself(lambda: ends.sender.send_many(messages)))
        assert list(messages) == [1, 2, 3]
        ends.sender.send_nowait(4)
    assert receiving.result == 4


@limits
@pytest.mark.parametrize("way", RECEIVES_AT_ONCE)
async def test_receiving_at_once_from_a_task_that_is_blocked(way: str, limit: int) -> None:
    """The receive is refused, and each message is received once in its own thread."""
    ends = Ends(limit)
    async with task_group() as tasks:
        sending = await ends.block_sender(tasks)
        await ends.refuse(lambda: RECEIVES_AT_ONCE[way](ends))
        assert sending.outcome == "unfinished"
        assert drain(ends.receiver) == [0, 1][1 - limit :]
    assert sending.outcome == "done"


async def test_a_batch_that_is_refused() -> None:
    """The first message could be taken, since a lease gave it back, and the second could not."""
    ends = Ends()
    ends.sender.send_nowait(5)
    async with task_group() as tasks:
        with pytest.raises(ZeroDivisionError):  # noqa: PT012  the lease ends by the error
            async with ends.receiver.lease():
                await ends.block_sender(tasks)
                raise ZeroDivisionError
        await ends.refuse(run_by_itself(lambda: ends.receiver.receive_many(3)))
        assert drain(ends.receiver) == [5, 0, 1]


@limits
@pytest.mark.parametrize("run", [run_by_itself, in_one_step])
@pytest.mark.parametrize("receive", RECEIVES.values(), ids=list(RECEIVES))
async def test_receiving_from_a_task_that_is_blocked(
    receive: Receive, run: Callable[..., Callable[[], object]], limit: int
) -> None:
    """The receive is refused, and each message is received once in its own thread."""
    ends = Ends(limit)
    async with task_group() as tasks:
        sending = await ends.block_sender(tasks)
        await ends.refuse(run(lambda: receive(ends.receiver)))
        assert sending.outcome == "unfinished"
        assert drain(ends.receiver) == [0, 1][1 - limit :]
        ends.channel.close()
    assert sending.outcome == "done"


@pytest.mark.parametrize("most", [1, 5])
async def test_receiving_a_batch_from_a_batch_that_is_blocked(most: int) -> None:
    """No message of the batch is taken, and no stored message."""
    ends = Ends(limit=2)
    messages = deque(range(6))
    async with task_group() as tasks:
        sending = await begin(tasks, ends.sender.send_many, messages)
        await ends.refuse(run_by_itself(lambda: ends.receiver.receive_many(most)))
        assert list(messages) == [2, 3, 4, 5]
        assert drain(ends.receiver) == [0, 1, 2, 3, 4, 5]
    assert sending.outcome == "done"


async def test_a_lease_that_is_refused() -> None:
    """The lease does not begin: the channel ends without a wait for this lease."""
    ends = Ends()
    async with task_group() as tasks:
        await ends.block_sender(tasks)
        await ends.refuse(run_by_itself(ends.receiver.lease().__aenter__))
        assert drain(ends.receiver) == [0, 1]
        ends.channel.close()
        assert [message async for message in ends.receiver] == []


@pytest.mark.parametrize("what", ["channel", "sender"])
@pytest.mark.parametrize("auto_close", [False, True])
async def test_closing_where_a_sender_is_blocked(what: str, *, auto_close: bool) -> None:
    """The close is refused, and the sender, the receiver or the channel is still open."""
    ends = Ends(auto_close=auto_close)
    async with task_group() as tasks:
        sending = await ends.block_sender(tasks)
        await ends.refuse(getattr(ends, what).close)
        assert drain(ends.receiver) == [0, 1]
        await ends.sender.send(2)
    assert sending.outcome == "done"
    ends.close()


@pytest.mark.parametrize("what", ["channel", "receiver"])
@pytest.mark.parametrize("auto_close", [False, True])
async def test_closing_where_a_receiver_waits(what: str, *, auto_close: bool) -> None:
    """The close is refused, and the sender, the receiver or the channel is still open."""
    ends = Ends(auto_close=auto_close)
    async with task_group() as tasks:
        receiving = await ends.block_receiver(tasks)
        await ends.refuse(getattr(ends, what).close)
        ends.sender.send_nowait(1)
    assert receiving.result == 1
    await ends.sender.send(2)
    assert ends.receiver.receive_nowait() == 2
    ends.close()


async def test_an_end_whose_close_would_close_the_channel() -> None:
    """The close of the last sender is refused while a receiver waits, and the sender stays open."""
    ends = Ends(auto_close=True)
    async with task_group() as tasks:
        receiving = await ends.block_receiver(tasks)
        await ends.refuse(ends.sender.close)
        await ends.sender.send(1)
    assert receiving.result == 1
    ends.close()


@pytest.mark.parametrize("what", ["channel", "receiver"])
async def test_aclose_where_a_receiver_waits(what: str) -> None:
    """``aclose`` is refused as well."""
    ends = Ends()
    async with task_group() as tasks:
        receiving = await ends.block_receiver(tasks)
        await ends.refuse(run_by_itself(getattr(ends, what).aclose))
        ends.sender.send_nowait(1)
    assert receiving.result == 1


FAILED: Exit = ZeroDivisionError, ZeroDivisionError(), None
DONE: Exit = None, None, None


async def test_a_lease_that_fails_where_a_receiver_waits() -> None:
    """The message stays on lease, and can be given back in its own thread."""
    ends = Ends()
    ends.sender.send_nowait(1)
    lease = ends.receiver.lease()
    await lease.__aenter__()
    async with task_group() as tasks:
        receiving = await ends.block_receiver(tasks)
        await ends.refuse(in_one_step(lambda: lease.__aexit__(*FAILED)))
        assert receiving.outcome == "unfinished"
        await lease.__aexit__(*FAILED)
    assert receiving.result == 1


@pytest.mark.parametrize("how", [DONE, FAILED])
async def test_the_last_lease_of_a_closed_channel_where_a_receiver_waits(how: Exit) -> None:
    """The message stays on lease, and the receiver waits on for the end of the lease."""
    ends = Ends()
    ends.sender.send_nowait(1)
    lease = ends.receiver.lease()
    await lease.__aenter__()
    ends.channel.close()
    async with task_group() as tasks:
        receiving = await ends.block_receiver(tasks)
        await ends.refuse(in_one_step(lambda: lease.__aexit__(*how)))
        assert receiving.outcome == "unfinished"
        await lease.__aexit__(*FAILED)
    assert receiving.result == 1


async def test_waiting_in_a_loop_of_another_thread() -> None:
    """The second task is refused, as in any other loop, and the waiting task goes on."""
    ends = Ends()

    def wait() -> None:
        with pytest.raises(RuntimeError, match="serves one event loop at a time"):
            asyncio.run(ends.receiver.receive())

    async with task_group() as tasks:
        receiving = await ends.block_receiver(tasks)
        await to_thread.run_sync(wait)
        ends.sender.send_nowait(1)
    assert receiving.result == 1


async def test_what_need_not_wake_a_task_while_a_receiver_waits() -> None:
    """An empty receive, a new endpoint and the close of that endpoint work."""
    ends = Ends()

    def act() -> None:
        with pytest.raises(anyio.WouldBlock):
            ends.receiver.receive_nowait()
        with ends.sender.clone(), ends.channel.new_receiver():
            assert ends.channel.statistics().open_senders == 2
        assert ends.channel.statistics().open_senders == 1

    async with task_group() as tasks:
        receiving = await ends.block_receiver(tasks)
        await to_thread.run_sync(act)
        assert waiting(ends.channel) == (0, 1)
        ends.sender.send_nowait(1)
    assert receiving.result == 1


async def test_what_need_not_wake_a_task_while_a_sender_is_blocked() -> None:
    """A send without room, a new endpoint and the close of that endpoint work."""
    ends = Ends()

    def act() -> None:
        with pytest.raises(anyio.WouldBlock):
            ends.sender.send_nowait(2)
        with ends.receiver.clone(), ends.channel.new_sender():
            assert ends.channel.statistics().open_receivers == 2
        assert ends.channel.statistics().open_receivers == 1

    async with task_group() as tasks:
        sending = await ends.block_sender(tasks)
        await to_thread.run_sync(act)
        assert waiting(ends.channel) == (1, 0)
        assert drain(ends.receiver) == [0, 1]
    assert sending.outcome == "done"


async def test_a_lease_that_is_done_while_a_receiver_waits() -> None:
    """The lease ends in any thread: no task has to be woken."""
    ends = Ends()
    ends.sender.send_nowait(1)
    lease = ends.receiver.lease()
    await lease.__aenter__()
    async with task_group() as tasks:
        receiving = await ends.block_receiver(tasks)
        await to_thread.run_sync(in_one_step(lambda: lease.__aexit__(*DONE)))
        ends.channel.close()
        await settle()
        assert receiving.outcome == "failed"


async def test_a_channel_in_which_no_task_waits_any_more() -> None:
    """Every operation works in any thread after the waiting tasks have gone."""
    ends = Ends()
    async with task_group() as tasks:
        receiving = await ends.block_receiver(tasks)
        receiving.cancel()

    def act() -> list[int]:
        ends.sender.send_nowait(1)
        received = [ends.receiver.receive_nowait()]
        asyncio.run(ends.sender.send(2))
        received.append(asyncio.run(ends.receiver.receive()))
        ends.receiver.close()
        ends.channel.close()
        return received

    assert await to_thread.run_sync(act) == [1, 2]


def test_a_loop_of_another_thread_that_is_over() -> None:
    """The task that was left in the loop is ignored: a new message is stored."""
    ends = Ends()
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda _loop, _context: None)  # no complaint about the task
    task = loop.create_task(ends.receiver.receive())
    thread = Thread(target=lambda: loop.run_until_complete(settle()))
    thread.start()
    thread.join()
    assert waiting(ends.channel) == (0, 1)
    with raises(RuntimeError, REFUSED):
        ends.sender.send_nowait(1)
    loop.close()
    ends.sender.send_nowait(1)
    assert drain(ends.receiver) == [1]
    assert not task.done()
