"""A task that was handed a message and has not run since: what may strike the task.

In each test a task waits, and an event strikes in the very step in which the message comes.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from anyio import CancelScope, fail_after
from anyio.lowlevel import checkpoint

from anycast import (
    Anycast,
    ChannelError,
    ReceiverClosedError,
    ReceiverError,
    ReceiverStoppedError,
    select,
)
from anycast.redis._delivery import Delivery, HeldLeases
from anycast.redis._inbox import Inbox
from anycast.redis._link import UnreachableError
from helpers import begin, settle, task_group
from redis_tools import DEADLINE, channel, in_hand, stored, until

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable

    from anycast.redis import RedisAnycast
    from anycast.redis._receiver import RedisReceiver
    from servers import Server

    Receive = Callable[[RedisReceiver[Any]], Coroutine[Any, Any, object]]

pytestmark = pytest.mark.anyio


async def receive(receiver: RedisReceiver[Any]) -> object:
    """Receive."""
    return await receiver.receive()


async def receive_many(receiver: RedisReceiver[Any]) -> object:
    """Receive a batch of a single message."""
    (message,) = await receiver.receive_many(3)
    return message


async def lease(receiver: RedisReceiver[Any]) -> object:
    """Take a lease, and end the lease as done."""
    async with receiver.lease() as message:
        return message


async def select_it(receiver: RedisReceiver[Any]) -> object:
    """Receive by way of `select`."""
    return (await select(receiver.receiving())).result()


async def receive_mapped(receiver: RedisReceiver[Any]) -> object:
    """Receive from a mapped receiver."""
    return await receiver.map(str).receive()


async def lease_mapped(receiver: RedisReceiver[Any]) -> object:
    """Take a lease from a mapped receiver, and end the lease as done."""
    async with receiver.map(str).lease() as message:
        return message


AT_LEAST_ONCE: list[Receive] = [
    receive,
    receive_many,
    lease,
    select_it,
    receive_mapped,
    lease_mapped,
]
AT_MOST_ONCE: list[Receive] = [receive, receive_many, lease]


def each(operations: list[Receive]) -> pytest.MarkDecorator:
    """Run a test with each of these ways to receive."""
    return pytest.mark.parametrize("operation", operations, ids=lambda one: one.__name__)


def each_delivery(test: Callable[..., Any]) -> Any:
    """Run a test with each way to receive, with at least once and with at most once."""
    ways = [("at-least-once", operation) for operation in AT_LEAST_ONCE]
    ways += [("at-most-once", operation) for operation in AT_MOST_ONCE]
    names = [f"{delivery}-{operation.__name__}" for delivery, operation in ways]
    return pytest.mark.parametrize(("delivery", "operation"), ways, ids=names)(test)


@asynccontextmanager
async def opened(server: Server, name: str, **options: Any) -> AsyncGenerator[RedisAnycast[Any]]:
    """Open a channel without prefetching, whose messages die after one failed delivery."""
    options = {"prefetch": 0, "max_deliveries": 1, **options}
    with fail_after(DEADLINE):
        async with channel(server, name, **options) as jobs:
            yield jobs
        inbox = jobs._session.inbox
        assert (inbox._asking, inbox._more, inbox.waiting, inbox.stock) == (0, 0, 0, 0)


def nothing() -> None:
    """Do nothing."""


async def send(
    jobs: RedisAnycast[Any],
    *,
    before: Callable[[], object] = nothing,
    after: Callable[[], object] = nothing,
) -> None:
    """Send a message to a waiting task; strike in the step in which the task is handed it."""
    inbox = jobs._session.inbox
    put = inbox.put

    def put_and_strike(deliveries: Iterable[Delivery[Any]]) -> None:
        if deliveries := list(deliveries):
            inbox.put = put  # type: ignore[method-assign]
            before()
            put(deliveries)
            after()

    await until(lambda: inbox.waiting)
    inbox.put = put_and_strike  # type: ignore[method-assign]
    await jobs.new_sender().send("job")
    await until(lambda: inbox.put == put)


async def expect_job(jobs: RedisAnycast[Any]) -> None:
    """Receive the message, which is uncounted."""
    receiver = jobs.new_receiver()
    assert await receiver.receive() == "job"
    assert receiver.deliveries == 1


def has_nothing(*_: object) -> bool:
    """Take every lease for lost."""
    return False


# Cancellation.


@pytest.mark.asyncio_only
@each(AT_LEAST_ONCE)
async def test_a_native_cancellation(server: Server, name: str, operation: Receive) -> None:
    """The task gets the message, and its next wait is cancelled."""
    got: list[object] = []
    async with opened(server, name) as jobs:

        async def run() -> None:
            got.append(await operation(jobs.new_receiver()))
            await settle()

        task = asyncio.create_task(run())
        await send(jobs, after=task.cancel)
        with pytest.raises(asyncio.CancelledError):
            await task
    assert got == ["job"]


@pytest.mark.asyncio_only
@each(AT_MOST_ONCE)
async def test_a_native_cancellation_with_at_most_once(
    server: Server, name: str, operation: Receive
) -> None:
    """The cancellation strikes during the request, so the message goes to other receivers."""
    async with opened(server, name, delivery="at-most-once") as jobs:
        task = asyncio.create_task(operation(jobs.new_receiver()))
        await send(jobs, after=task.cancel)
        with pytest.raises(asyncio.CancelledError):
            await task
        await expect_job(jobs)


@pytest.mark.asyncio_only
async def test_a_native_cancellation_that_strikes_in_a_lease(server: Server, name: str) -> None:
    """The message is given back, and its delivery counts."""
    async with opened(server, name, max_deliveries=2) as jobs:

        async def run() -> None:
            async with jobs.new_receiver().lease():
                await settle()

        task = asyncio.create_task(run())
        await send(jobs, after=task.cancel)
        with pytest.raises(asyncio.CancelledError):
            await task
        receiver = jobs.new_receiver()
        assert await receiver.receive() == "job"
        assert receiver.deliveries == 1


@pytest.mark.asyncio_only
async def test_a_native_cancellation_of_a_batch(server: Server, name: str) -> None:
    """The task gets the whole batch, and its next wait is cancelled."""
    got: list[object] = []
    async with opened(server, name) as jobs:

        async def run() -> None:
            got.extend(await jobs.new_receiver().receive_many(3))
            await settle()

        task = asyncio.create_task(run())
        await until(lambda: jobs.statistics().tasks_waiting_receive)
        deliveries = [Delivery[Any](b"%d-1" % number, number, {}, 1) for number in range(3)]
        jobs._session.leases.hold(deliveries)
        jobs._session.inbox.put(deliveries)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert got == [0, 1, 2]


@pytest.mark.asyncio_only
async def test_a_native_cancellation_and_a_message_that_is_not_ours(
    server: Server, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The task waits for the next message, and is cancelled there; both messages go on."""
    async with opened(server, name) as jobs:

        def strike() -> None:
            task.cancel()
            monkeypatch.setattr(HeldLeases, "__contains__", has_nothing)

        task = asyncio.create_task(receive(jobs.new_receiver()))
        await send(jobs, after=strike)
        with pytest.raises(asyncio.CancelledError):
            await task
        monkeypatch.undo()
        await expect_job(jobs)


@each(AT_LEAST_ONCE)
async def test_a_cancelled_scope(server: Server, name: str, operation: Receive) -> None:
    """The task gets the message, and its next wait is cancelled."""
    got: list[object] = []
    async with opened(server, name) as jobs, task_group() as tasks:

        async def run() -> None:
            with scope:
                got.append(await operation(jobs.new_receiver()))
                await checkpoint()

        scope = CancelScope()
        tasks.start_soon(run)
        await send(jobs, after=scope.cancel)
    assert scope.cancelled_caught
    assert got == ["job"]


@each(AT_MOST_ONCE)
async def test_a_cancelled_scope_with_at_most_once(
    server: Server, name: str, operation: Receive
) -> None:
    """The cancellation strikes during the request, so the message goes to other receivers."""
    async with opened(server, name, delivery="at-most-once") as jobs:
        async with task_group() as tasks:

            async def run() -> None:
                with scope:
                    await operation(jobs.new_receiver())

            scope = CancelScope()
            tasks.start_soon(run)
            await send(jobs, after=scope.cancel)
        assert scope.cancelled_caught
        await expect_job(jobs)


# Closing.


@each_delivery
async def test_its_receiver_is_closed(
    server: Server, name: str, delivery: str, operation: Receive
) -> None:
    """The receive raises, and the message goes to other receivers."""
    async with opened(server, name, delivery=delivery) as jobs:
        receiver = jobs.new_receiver()
        async with task_group() as tasks:
            attempt = await begin(tasks, operation, receiver)
            await send(jobs, after=receiver.close)
        assert attempt.failure(ReceiverClosedError)
        await expect_job(jobs)


@each_delivery
async def test_its_channel_is_closed(
    server: Server, name: str, delivery: str, operation: Receive
) -> None:
    """The task gets the message, and the end comes after that."""
    async with opened(server, name, delivery=delivery) as jobs:
        async with jobs.new_receiver() as receiver, task_group() as tasks:
            attempt = await begin(tasks, operation, receiver)
            await send(jobs, after=jobs.close)
        assert attempt.result == "job"
        with pytest.raises(ReceiverStoppedError):
            await jobs.new_receiver().receive()


@each_delivery
async def test_its_channel_is_left(
    server: Server, name: str, delivery: str, operation: Receive
) -> None:
    """The receive raises, and the message goes to other receivers, uncounted."""
    async with task_group() as tasks, opened(server, name, delivery=delivery) as there:
        leave = partial(there._session._shut_down, ChannelError("left", there))
        attempt = await begin(tasks, operation, there.new_receiver())
        await send(there, after=leave)
    assert attempt.failure(ReceiverStoppedError)
    async with opened(server, name) as here:
        await expect_job(here)


@each_delivery
async def test_its_channel_fails(
    server: Server, name: str, delivery: str, operation: Receive
) -> None:
    """The receive raises, since the server could not be told that the message is done."""
    async with opened(server, name, delivery=delivery) as jobs, task_group() as tasks:
        fail = partial(jobs._session._fail, UnreachableError("the cable is cut"))
        attempt = await begin(tasks, operation, jobs.new_receiver())
        await send(jobs, after=fail)
    assert "the cable is cut" in str(attempt.failure(ReceiverError))
    assert stored(server, name) == 1


async def test_a_loop_over_a_map_when_its_channel_fails(server: Server, name: str) -> None:
    """The loop raises: a failure is not the end of the channel."""
    async with opened(server, name) as jobs, task_group() as tasks:
        mapped = jobs.new_receiver().map(str)
        attempt = await begin(tasks, mapped.__anext__)
        jobs._session._fail(UnreachableError("the cable is cut"))
    assert "the cable is cut" in str(attempt.failure(ReceiverError))


# Destruction.


@pytest.mark.asyncio_only
@each_delivery
async def test_it_is_destroyed(
    server: Server, name: str, delivery: str, operation: Receive
) -> None:
    """The message goes to the task that has waited longest after the destroyed task."""
    async with opened(server, name, delivery=delivery) as jobs, task_group() as tasks:
        coroutine = operation(jobs.new_receiver())
        coroutine.send(None)
        await begin(tasks, expect_job, jobs)
        await send(jobs, after=coroutine.close)


@pytest.mark.asyncio_only
@each_delivery
async def test_it_is_destroyed_and_nobody_waits(
    server: Server, name: str, delivery: str, operation: Receive
) -> None:
    """The message goes back to the server."""
    async with (
        opened(server, name, delivery=delivery, lease=0.3) as here,
        opened(server, name, delivery=delivery) as there,
    ):
        coroutine = operation(here.new_receiver())
        coroutine.send(None)
        await send(here, after=coroutine.close)
        await expect_job(there)


@pytest.mark.asyncio_only
@each(AT_MOST_ONCE)
async def test_it_is_destroyed_while_the_server_is_to_be_asked(
    server: Server, name: str, operation: Receive
) -> None:
    """The message goes to other receivers."""
    async with opened(server, name, delivery="at-most-once") as jobs:
        coroutine = operation(jobs.new_receiver())
        coroutine.send(None)

        def go_on_and_close() -> None:
            coroutine.send(None)
            coroutine.close()

        await send(jobs, after=go_on_and_close)
        await expect_job(jobs)


# The inbox, and `select`.


async def test_what_was_handed_over_is_not_given_back() -> None:
    """The message is neither surplus nor idle: its task has not run since."""
    inbox: Inbox[int] = Inbox(0)
    async with task_group() as tasks:
        tasks.start_soon(inbox.new_receiver().receive)
        await settle()
        inbox.put([Delivery(b"1-1", 1, {}, 1)])
        assert list(inbox.surplus()) == []
        assert list(inbox.idle()) == []


async def test_what_another_arm_prevents(server: Server, name: str) -> None:
    """A stop comes right before the message, so the message goes to other receivers."""
    async with opened(server, name) as jobs, task_group() as tasks:
        stops = Anycast[None]()
        stop = stops.new_receiver().receiving()
        attempt = await begin(tasks, select, jobs.new_receiver().receiving(), stop)
        await send(jobs, before=partial(stops.new_sender().send_nowait, None))
        await until(lambda: not in_hand(server, name))
        assert attempt.result is stop
        await expect_job(jobs)


async def test_two_arms_in_one_channel(server: Server, name: str) -> None:
    """Each message comes once, in order, through either arm."""
    async with opened(server, name) as jobs, task_group() as tasks:
        tasks.start_soon(jobs.new_sender().send_many, range(5))
        async with jobs.new_receiver() as one, jobs.new_receiver() as two:
            arms = one.receiving(), two.receiving()
            assert [(await select(*arms)).result() for _ in range(5)] == list(range(5))
