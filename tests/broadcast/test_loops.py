"""Event loops, threads and late cancellations: a broadcast channel is as exact as an Anycast."""

from __future__ import annotations

import asyncio
from functools import partial
from threading import Event
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from anyio import to_thread

from anycast import Broadcast, select
from event_loops import BACKENDS
from helpers import begin, drain, raises, settle, task_group
from late import MESSAGE, RECEIVES, SENDS, Ends, each, outcome, start, strike

if TYPE_CHECKING:
    from collections.abc import Callable

    from late import Operation

REFUSED = (
    "Broadcast:news has tasks waiting in another thread, and is not thread-safe:"
    " let the event loop of these tasks make the call. In a thread of"
    " `anyio.to_thread.run_sync`, use `anyio.from_thread.run(sender.send, message)`,"
    " and in a thread of `trio.to_thread.run_sync`, `trio.from_thread.run`."
    " In any other thread, use `asyncio.run_coroutine_threadsafe(sender.send(message), loop)`"
    " or an `anyio.from_thread.BlockingPortal`."
)
OTHER_LOOP = (
    "Broadcast:news serves one event loop at a time, and tasks of another one are waiting in it:"
    " let that event loop make the call, as"
    " `asyncio.run_coroutine_threadsafe(receiver.receive(), loop)` does"
)
on_two_backends = pytest.mark.parametrize("second", BACKENDS.values(), ids=list(BACKENDS))


class BroadcastEnds(Ends):
    """The ends of a broadcast channel with a single receiver."""

    def __init__(self) -> None:
        super().__init__()
        channel = Broadcast[str](limit=1)
        self.sender = channel.new_sender()
        self.receiver = channel.new_receiver()


def ends_for(operation: Operation) -> BroadcastEnds:
    """Return a channel in which an operation has to wait."""
    ends = BroadcastEnds()
    if operation in SENDS:
        ends.fill()
    return ends


@pytest.mark.asyncio_only
@pytest.mark.anyio
@each([*RECEIVES, *SENDS])
async def test_a_late_cancellation_comes_at_the_next_wait(operation: Operation) -> None:
    """The operation has happened, and returns."""
    ends = ends_for(operation)

    async def script() -> tuple[str, object]:
        return await operation(ends), await strike(settle())

    task = await start(script())
    ends.complete(operation)
    task.cancel("late")
    assert await outcome(task) == (MESSAGE, ("late",))
    left = [MESSAGE] if operation in SENDS else []
    assert drain(ends.receiver) == left


@pytest.mark.asyncio_only
@pytest.mark.anyio
@each([*RECEIVES, *SENDS])
async def test_a_cancellation_in_time_leaves_no_trace(operation: Operation) -> None:
    """The operation has not happened, and its task has left the queue."""
    ends = ends_for(operation)
    task = await start(operation(ends))
    task.cancel()
    if operation in RECEIVES:
        ends.complete(operation)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert drain(ends.receiver) == [MESSAGE]


@pytest.mark.anyio
@pytest.mark.parametrize("blocked", ["receiver", "sender"])
async def test_what_would_wake_a_task_of_another_thread(blocked: str) -> None:
    """The call raises before any effect, and other calls work."""
    channel = Broadcast[int](name="news", limit=1)
    sender, receiver, other = channel.new_sender(), channel.new_receiver(), channel.new_receiver()
    if blocked == "sender":
        sender.send_nowait(0)
        acts: list[Callable[[], object]] = [
            receiver.receive_nowait,
            lambda: select_nowait_of(receiver),
            receiver.close,
            channel.close,
        ]
    else:
        acts = [lambda: sender.send_nowait(1), receiver.close, channel.close]

    def act() -> None:
        for one in acts:
            with raises(RuntimeError, REFUSED):
                one()
        channel.new_receiver(limit=5).close()
        channel.new_sender().close()

    async with task_group() as tasks:
        if blocked == "sender":
            attempt: Any = await begin(tasks, sender.send, 1)
        else:
            attempt = await begin(tasks, receiver.receive)
        before = channel.statistics()
        await to_thread.run_sync(act)
        now = channel.statistics()
        assert (now.messages_sent, now.messages_received) == (
            before.messages_sent,
            before.messages_received,
        )
        assert not channel.is_closed
        drain(other)
        if blocked == "sender":
            assert receiver.receive_nowait() == 0
        else:
            sender.send_nowait(1)
    assert attempt.outcome == "done"


def select_nowait_of(receiver: Any) -> None:
    """Receive in a select that never waits."""
    from anycast import select_nowait  # noqa: PLC0415

    select_nowait(receiver.receiving())


@on_two_backends
def test_one_event_loop_after_another(second: tuple[str, dict[str, Any]]) -> None:
    """A channel serves them all, through the same endpoints."""
    channel = Broadcast[int](limit=1)
    sender, receivers = channel.new_sender(), [channel.new_receiver() for _ in range(2)]

    async def run() -> None:
        async with task_group() as tasks:
            receivings = [await begin(tasks, one.receive) for one in receivers]
            await sender.send(1)
            await settle()
            assert [one.result for one in receivings] == [1, 1]
            await sender.send(2)
            sending = await begin(tasks, sender.send, 3)
            assert [await one.receive() for one in receivers] == [2, 2]
        assert sending.outcome == "done"
        assert [await one.receive() for one in receivers] == [3, 3]
        async with task_group() as tasks:
            selecting = await begin(tasks, select, *(one.receiving() for one in receivers))
            sender.send_nowait(4)
        assert selecting.result is not None
        assert selecting.result.result() == 4
        assert [number for one in receivers for number in drain(one)] == [4]

    anyio.run(run)
    name, options = second
    anyio.run(run, backend=name, backend_options=options)
    anyio.run(run)


def test_tasks_of_two_event_loops() -> None:
    """A task cannot wait in a receiver while tasks of another loop wait in another receiver."""
    channel = Broadcast[int](name="news", limit=1)
    one, two = channel.new_receiver(), channel.new_receiver()

    async def wait_in_thread() -> None:
        with raises(RuntimeError, OTHER_LOOP):
            await two.receive()
        with raises(RuntimeError, OTHER_LOOP):
            await select(two.receiving())

    async def main() -> None:
        assert not channel.statistics().tasks_waiting_receive
        async with task_group() as tasks:
            receiving = await begin(tasks, one.receive)
            await to_thread.run_sync(asyncio.run, wait_in_thread())
            await channel.new_sender().send(1)
        assert receiving.result == 1
        assert drain(two) == [1]

    anyio.run(main)


def test_a_receiver_that_waited_in_an_event_loop_before() -> None:
    """Tasks cannot wait in the receiver while tasks of another loop wait in another receiver."""
    channel = Broadcast[int](name="news")
    one, two = channel.new_receiver(), channel.new_receiver()
    waits, done = Event(), Event()

    async def wait_elsewhere() -> None:
        async with task_group() as tasks:
            await begin(tasks, two.receive)
            waits.set()
            await to_thread.run_sync(done.wait)
            tasks.cancel_scope.cancel()

    async def main() -> None:
        async with task_group() as tasks:
            receiving = await begin(tasks, one.receive)
            channel.new_sender().send_nowait(1)
        assert (receiving.result, drain(two)) == (1, [1])
        async with task_group() as tasks:
            tasks.start_soon(to_thread.run_sync, partial(asyncio.run, wait_elsewhere()))
            await to_thread.run_sync(waits.wait)
            try:
                with raises(RuntimeError, OTHER_LOOP), anyio.fail_after(10):
                    await one.receive()
            finally:
                done.set()

    anyio.run(main)


def test_tasks_that_were_left_in_an_ended_loop() -> None:
    """The tasks that were left are ignored: the next loop can use the channel without blocking."""
    channel = Broadcast[int](limit=1)
    one, two = channel.new_receiver(), channel.new_receiver()
    sender = channel.new_sender()
    loop = asyncio.new_event_loop()

    async def leave() -> None:
        left.append(asyncio.ensure_future(one.receive()))
        await asyncio.sleep(0)
        sender.send_nowait(0)
        await asyncio.sleep(0)
        left.append(asyncio.ensure_future(one.receive()))
        left.append(asyncio.ensure_future(sender.send(1)))
        left.append(asyncio.ensure_future(channel.join()))
        batches.new_sender().send_nowait(5)
        left.append(asyncio.ensure_future(batched.receive_many(2, within=60)))
        for _ in range(3):
            await asyncio.sleep(0)

    left: list[Any] = []
    batches = Broadcast[int]()
    batched = batches.new_receiver()
    loop.run_until_complete(leave())
    loop.close()

    async def go_on() -> None:
        assert drain(two) == [0]
        await sender.send(2)
        assert [await receiver.receive() for receiver in (one, two)] == [2, 2]
        sender.send_nowait(3)
        with anyio.fail_after(10):
            async with task_group() as tasks:
                joining = await begin(tasks, channel.join)
                assert drain(one) == drain(two) == [3]
            assert joining.outcome == "done"
            await batches.new_sender().send(6)
            assert await batched.receive_many(2, within=60) == [5, 6]

    anyio.run(go_on)
    for task in left:
        task._log_destroy_pending = False
