"""If a yield is due, the operation yields first, whatever the operation does then."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from anycast import Anycast, Error, ReceiverStoppedError
from helpers import begin, drain, settle, task_group, waiting, watch_yields
from operations import OPERATIONS, RECEIVES, SENDS, lease

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from anyio.abc import TaskGroup

pytestmark = pytest.mark.anyio

every_operation = pytest.mark.parametrize("operation", OPERATIONS)

SITUATIONS = ["ready", "not ready", "not ready, in a rendezvous", "a peer waits", "closed"]
every_situation = pytest.mark.parametrize("situation", SITUATIONS)
each_interval = pytest.mark.parametrize("yield_every", [1, 3])


class Due:
    """A channel in which the next operation yields, and the endpoints of the channel."""

    def __init__(self, limit: int, yield_every: int) -> None:
        self.yield_every = yield_every
        self.channel = Anycast[int](limit=limit, yield_every=yield_every)
        self.sender = self.channel.new_sender()
        self.receiver = self.channel.new_receiver()

    async def become_due(self) -> None:
        """Perform as many operations as may complete in a row; they fail without an effect."""
        with self.channel.new_receiver() as closed:
            pass
        for _ in range(self.yield_every):
            with pytest.raises(ReceiverStoppedError):
                await closed.receive()

    def make(self, operation: str) -> Coroutine[Any, Any, object]:
        """Return an operation, not yet awaited."""
        return OPERATIONS[operation](self.sender, self.receiver)

    @property
    def waits(self) -> bool:
        """Whether a task waits."""
        return waiting(self.channel) != (0, 0)

    def let_on(self, operation: str) -> None:
        """Act as the peer for which the operation waits."""
        if operation in SENDS:
            self.receiver.receive_nowait()
        else:
            self.sender.send_nowait(2)


async def due(situation: str, operation: str, yield_every: int, tasks: TaskGroup) -> Due:
    """Return a channel in which an operation is in some situation, and is to yield first."""
    ends = Due(
        limit=int("ready" in situation and "rendezvous" not in situation), yield_every=yield_every
    )
    if situation == "a peer waits":
        if operation in SENDS:
            await begin(tasks, ends.channel.new_receiver().receive)
        else:
            await begin(tasks, ends.channel.new_sender().send, 0)
    elif situation == "closed":
        ends.channel.close()
    elif (situation, operation in SENDS) in {("ready", False), ("not ready", True)}:
        ends.sender.send_nowait(0)
    await ends.become_due()
    return ends


async def attempt(operation: Coroutine[Any, Any, object]) -> None:
    """Await an operation, which may fail because the channel is closed."""
    with suppress(Error, StopAsyncIteration):
        await operation


@every_operation
@every_situation
@each_interval
async def test_a_cancelled_scope(operation: str, situation: str, yield_every: int) -> None:
    """The operation raises the cancellation, and has no effect."""
    async with task_group() as tasks:
        ends = await due(situation, operation, yield_every, tasks)
        before = ends.channel.statistics()
        with anyio.CancelScope() as scope:
            scope.cancel()
            await ends.make(operation)
        assert scope.cancelled_caught
        assert ends.channel.statistics() == before
        tasks.cancel_scope.cancel()


@pytest.mark.asyncio_only
@every_operation
@every_situation
@each_interval
async def test_native_cancellation(operation: str, situation: str, yield_every: int) -> None:
    """A cancellation that comes during the yield is raised, and the operation has no effect."""
    async with task_group() as tasks:
        ends = await due(situation, operation, yield_every, tasks)
        before = ends.channel.statistics()
        task: asyncio.Task[object] = asyncio.ensure_future(
            watch_yields(ends.make(operation), cancel_running_task)
        )
        with pytest.raises(asyncio.CancelledError):
            await task
        assert ends.channel.statistics() == before
        tasks.cancel_scope.cancel()


def cancel_running_task() -> None:
    """Cancel the running task."""
    task = asyncio.current_task()
    assert task is not None
    task.cancel()


async def test_a_deque_in_a_cancelled_scope() -> None:
    """The caller keeps all messages."""
    channel = Anycast[int](yield_every=1)
    messages = deque([1, 2])
    with anyio.CancelScope() as scope:
        scope.cancel()
        await channel.new_sender().send_many(messages)
    assert list(messages) == [1, 2]


async def test_a_lease_in_a_cancelled_scope() -> None:
    """The lease does not begin: the channel ends without a wait for this lease."""
    channel = Anycast[int](yield_every=1)
    receiver = channel.new_receiver()
    channel.new_sender().send_nowait(1)
    with anyio.CancelScope() as scope:
        scope.cancel()
        await lease(receiver)
    channel.close()
    assert receiver.receive_nowait() == 1
    with pytest.raises(ReceiverStoppedError):
        receiver.receive_nowait()


@every_operation
@every_situation
@each_interval
async def test_nothing_is_done_before_the_yield(
    operation: str, situation: str, yield_every: int
) -> None:
    """While an operation yields, other tasks see no effect, and no waiter in a queue."""
    async with task_group() as tasks:
        ends = await due(situation, operation, yield_every, tasks)
        seen = [ends.channel.statistics()]
        trial = await begin(
            tasks,
            watch_yields,
            attempt(ends.make(operation)),
            lambda: seen.append(ends.channel.statistics()),
        )
        assert seen[0] == seen[1]
        assert ends.waits == (trial.outcome == "unfinished") == ("not ready" in situation)
        assert len(seen) == (3 if ends.waits else 2)
        tasks.cancel_scope.cancel()


@every_operation
@each_interval
async def test_what_comes_during_the_yield(operation: str, yield_every: int) -> None:
    """An operation that becomes ready in the yield does not wait."""
    async with task_group() as tasks:
        ends = await due("not ready", operation, yield_every, tasks)
        seen: list[None] = []

        def let_on() -> None:
            seen.append(None)
            ends.let_on(operation)

        await watch_yields(ends.make(operation), let_on)
        assert len(seen) == 1


@pytest.mark.parametrize("operation", SENDS)
async def test_a_sender_that_yields_behind_others(operation: str) -> None:
    """A sender joins the queue only after its yield, behind the senders that wait by then."""
    ends = Due(limit=1, yield_every=1)
    ends.sender.send_nowait(0)
    seen: list[tuple[int, int]] = []
    async with task_group() as tasks:
        await begin(tasks, ends.sender.send, 5)
        send = ends.make(operation)
        await begin(tasks, watch_yields, send, lambda: seen.append(waiting(ends.channel)))
        assert waiting(ends.channel) == (2, 0)
        assert drain(ends.receiver) == [0, 5, 1]
    assert seen[0] == (1, 0)


@pytest.mark.parametrize("operation", RECEIVES)
async def test_a_receiver_that_yields_behind_others(operation: str) -> None:
    """A receiver joins the queue only after its yield, behind the receivers that wait by then."""
    ends = Due(limit=1, yield_every=1)
    seen: list[tuple[int, int]] = []
    async with task_group() as tasks:
        first = await begin(tasks, ends.receiver.receive)
        receive = ends.make(operation)
        last = await begin(tasks, watch_yields, receive, lambda: seen.append(waiting(ends.channel)))
        assert waiting(ends.channel) == (0, 2)
        ends.sender.send_nowait(1)
        await settle()
        assert (first.result, last.outcome) == (1, "unfinished")
        ends.sender.send_nowait(2)
    assert last.outcome == "done"
    assert seen[0] == (0, 1)


async def test_what_was_there_is_gone_after_the_yield() -> None:
    """A receiver whose message was taken in the yield waits for the next message."""
    channel = Anycast[int](yield_every=1)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    sender.send_nowait(1)
    taken: list[list[int]] = []
    async with task_group() as tasks:
        receiving = await begin(
            tasks, watch_yields, receiver.receive(), lambda: taken.append(drain(receiver))
        )
        assert taken[0] == [1]
        assert waiting(channel) == (0, 1)
        sender.send_nowait(2)
    assert receiving.result == 2


async def test_the_room_that_was_there_is_gone_after_the_yield() -> None:
    """Of several senders that yield for the same room, one sends and the others wait."""
    channel = Anycast[int](limit=1, yield_every=1)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    async with task_group() as tasks:
        for number in range(3):
            tasks.start_soon(sender.send, number)
        await settle()
        assert channel.statistics().current_buffer_used == 1
        assert waiting(channel) == (2, 0)
        assert sorted([await receiver.receive() for _ in range(3)]) == [0, 1, 2]


async def test_several_receivers_that_yield_for_one_message() -> None:
    """Of several receivers that yield for the same message, one receives and the others wait."""
    channel = Anycast[int](yield_every=1)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    sender.send_nowait(0)
    received: list[int] = []

    async def receive() -> None:
        received.append(await receiver.receive())

    async with task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(receive)
        await settle()
        assert received == [0]
        assert waiting(channel) == (0, 2)
        await sender.send_many([1, 2])
    assert sorted(received) == [0, 1, 2]
