"""Cancellation of requests in flight: the request is finished, and its outcome is told."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from functools import partial
from itertools import count
from types import coroutine
from typing import TYPE_CHECKING, Any

import pytest
from anyio import CancelScope, fail_after, sleep
from anyio.lowlevel import checkpoint

from anycast import ChannelError, ReceiverError, SenderClosedError, SenderError
from helpers import begin, settle, task_group, waiting, watch_yields
from proxies import Proxy
from redis_tools import DEADLINE, channel, in_hand, stored, until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Generator

    from anycast.redis import RedisAnycast
    from servers import Server

pytestmark = pytest.mark.anyio

each_delivery = pytest.mark.parametrize("delivery", ["at-least-once", "at-most-once"])


@pytest.mark.asyncio_only
async def test_native_cancellation_of_a_send_under_way(server: Server, name: str) -> None:
    """The send returns, since its message is sent, and the next await is cancelled."""
    outcome: list[str] = []
    async with Proxy(server.port) as proxy, channel(server, name, url=proxy.url) as jobs:
        await jobs.new_sender().send(0)  # opens the connection
        proxy.hold()

        async def send() -> None:
            await jobs.new_sender().send(1)
            outcome.append("sent")
            try:
                await asyncio.sleep(DEADLINE)
            except asyncio.CancelledError:
                outcome.append("cancelled")
                raise

        task = asyncio.create_task(send())
        await until(lambda: proxy.held)
        for _ in range(3):
            task.cancel()
            await asyncio.sleep(0)
        proxy.go_on()
        with suppress(asyncio.CancelledError):
            await task
    assert outcome == ["sent", "cancelled"]
    assert stored(server, name) == 2


@pytest.mark.asyncio_only
async def test_native_cancellation_of_one_send_after_the_other(server: Server, name: str) -> None:
    """The send in flight is sent, and the next send is cancelled before it is on the wire."""
    async with Proxy(server.port) as proxy, channel(server, name, url=proxy.url) as jobs:
        await jobs.new_sender().send(0)  # opens the connection
        proxy.hold()

        async def send_on() -> None:
            while True:
                await jobs.new_sender().send(1)

        task = asyncio.create_task(send_on())
        await until(lambda: proxy.held)
        task.cancel()
        proxy.go_on()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert stored(server, name) == 2


@pytest.mark.asyncio_only
async def test_a_timeout_of_a_send_under_way(server: Server, name: str) -> None:
    """The send returns, and neither the block nor the code after the block is cancelled."""
    async with Proxy(server.port) as proxy, channel(server, name, url=proxy.url) as jobs:
        await jobs.new_sender().send(0)  # opens the connection
        proxy.hold()

        async def expire() -> None:
            await until(lambda: proxy.held)
            limit.reschedule(0.0)
            await settle()
            proxy.go_on()

        async with task_group() as tasks:
            async with asyncio.timeout(None) as limit:
                tasks.start_soon(expire)
                await jobs.new_sender().send(1)
            assert limit.expired()
            await settle()
    assert stored(server, name) == 2


@pytest.mark.asyncio_only
async def test_wait_for_a_send_under_way(server: Server, name: str) -> None:
    """`wait_for` returns the result of the send, and no cancellation follows."""
    async with Proxy(server.port) as proxy, channel(server, name, url=proxy.url) as jobs:
        await jobs.new_sender().send(0)  # opens the connection
        proxy.hold()

        async def go_on() -> None:
            await until(lambda: any(item.abandoned for item in jobs._session.outbox._items))
            proxy.go_on()

        async with task_group() as tasks:
            tasks.start_soon(go_on)
            await asyncio.wait_for(jobs.new_sender().send(1), 0.1)
            await settle()
    assert stored(server, name) == 2


@pytest.mark.asyncio_only
@pytest.mark.parametrize("room", [0, 2, 5])
async def test_native_cancellation_of_a_batch_under_way(
    server: Server, name: str, room: int
) -> None:
    """Messages that have left the deque are stored, and messages in the deque are not."""
    messages = deque(range(5))
    outcome: list[str] = []
    async with (
        Proxy(server.port) as proxy,
        channel(server, name, url=proxy.url, limit=1 + room) as jobs,
    ):
        sender = jobs.new_sender()
        await sender.send("first")
        proxy.hold()

        async def send() -> None:
            await sender.send_many(messages)
            outcome.append("sent")
            await checkpoint()

        task = asyncio.create_task(send())
        await until(lambda: proxy.held)
        task.cancel()
        await checkpoint()
        proxy.go_on()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert list(messages) == list(range(room, 5))
    assert outcome == (["sent"] if room == 5 else [])
    assert stored(server, name) == 1 + room


@pytest.mark.asyncio_only
async def test_a_batch_that_is_cancelled_as_a_part_of_it_is_stored(
    server: Server, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The task takes the stored part out of the deque, even if it has not been told of the part."""
    messages = deque(range(5))
    async with channel(server, name, limit=2) as jobs:
        outbox = jobs._session.outbox
        settle_batch = outbox.settle_batch

        def settle_and_cancel(items: Any, stored: int) -> None:
            settle_batch(items, stored)
            task.cancel()

        monkeypatch.setattr(outbox, "settle_batch", settle_and_cancel)
        task = asyncio.create_task(jobs.new_sender().send_many(messages))
        with pytest.raises(asyncio.CancelledError):
            await task
        assert waiting(jobs)[0] == 0
    assert list(messages) == [2, 3, 4]
    assert stored(server, name) == 2


@pytest.mark.asyncio_only
async def test_destroying_a_send_under_way(server: Server, name: str) -> None:
    """The channel was full: the message is not sent later, when there is room."""
    async with Proxy(server.port) as proxy, channel(server, name, url=proxy.url, limit=1) as jobs:
        sender, receiver = jobs.new_sender(), jobs.new_receiver()
        await sender.send("first")
        proxy.hold()
        destroyed = sender.send("second")
        destroyed.send(None)
        await until(lambda: proxy.held)
        destroyed.close()
        proxy.go_on()
        async with task_group() as tasks:
            tasks.start_soon(sender.send, "third")
            assert [await receiver.receive() for _ in range(2)] == ["first", "third"]


async def test_cancelling_a_send_under_way(server: Server, name: str) -> None:
    """The send returns, since its message is sent, and the cancellation follows."""
    sent = False
    async with Proxy(server.port) as proxy, channel(server, name, url=proxy.url) as jobs:
        await jobs.new_sender().send(0)  # opens the connection
        proxy.hold()
        async with task_group() as tasks:
            with CancelScope() as scope:
                tasks.start_soon(proxy.cancel_held, scope)
                await jobs.new_sender().send(1)
                sent = True
                await sleep(DEADLINE)
            assert scope.cancelled_caught
    assert sent
    assert stored(server, name) == 2


async def test_cancelling_a_send_that_turns_out_to_be_refused(server: Server, name: str) -> None:
    """The channel was full: the send is cancelled, and its message is never sent."""
    async with Proxy(server.port) as proxy, channel(server, name, url=proxy.url, limit=1) as jobs:
        sender = jobs.new_sender()
        await sender.send("first")
        proxy.hold()
        async with task_group() as tasks:
            with CancelScope() as scope:
                tasks.start_soon(proxy.cancel_held, scope)
                await sender.send("second")
            assert scope.cancelled_caught
        async with jobs.new_receiver() as receiver:
            assert await receiver.receive() == "first"
        await sender.send("third")
        assert await jobs.new_receiver().receive() == "third"


async def test_a_cancelled_body_leaves_in_good_order(server: Server, name: str) -> None:
    """The message in hand goes back, the process is forgotten, and no error is wrapped."""
    with CancelScope() as scope:
        async with channel(server, name) as jobs:
            await jobs.new_sender().send(1)
            receiver = jobs.new_receiver()
            await receiver.receive()
            scope.cancel()
            await sleep(DEADLINE)
    assert scope.cancelled_caught
    async with channel(server, name) as jobs:
        assert await jobs.new_receiver().receive() == 1
    with pytest.raises(SenderError):
        async with channel(server, name) as jobs:
            await jobs.aclose()
            await jobs.new_sender().send(1)


@pytest.mark.asyncio_only
async def test_native_cancellation_while_it_leaves(server: Server, name: str) -> None:
    """The task leaves the channel in good order, and is cancelled after that."""
    async with Proxy(server.port) as proxy:

        async def use() -> None:
            async with channel(server, name, url=proxy.url) as jobs:
                await jobs.new_sender().send(1)
                receiver = jobs.new_receiver()
                await receiver.receive()
                jobs.close()
                proxy.hold()

        task = asyncio.create_task(use())
        await until(lambda: proxy.held)
        for _ in range(2):
            task.cancel()
            await checkpoint()
        proxy.go_on()
        with pytest.raises(asyncio.CancelledError):
            await task
    async with channel(server, name) as jobs:
        assert jobs.is_closed
        assert in_hand(server, name) == 0


FAILURES = (ChannelError, ReceiverError, SenderError)


def cancel_all_tasks_but(kept: asyncio.Task[Any] | None) -> None:
    """Do what programs do that shut down."""
    for task in asyncio.all_tasks() - {kept}:
        task.cancel()


def test_all_tasks_are_cancelled(server: Server, name: str) -> None:
    """Messages go back at once, and their deliveries do not count; what was done stays done."""

    async def work(began: asyncio.Event) -> None:
        async with channel(server, name) as jobs:
            await jobs.new_sender().send_many(["done", "in hand", "prefetched"])
            receiver = jobs.new_receiver()
            async with receiver.lease():
                pass
            async with receiver.lease():
                began.set()
                await sleep(DEADLINE)

    async def main() -> list[tuple[str, int]]:
        began = asyncio.Event()
        task = asyncio.create_task(work(began))
        await began.wait()
        cancel_all_tasks_but(asyncio.current_task())
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (stored(server, name), in_hand(server, name)) == (2, 0)
        async with channel(server, name) as jobs:
            receiver = jobs.new_receiver()
            return [(await receiver.receive(), receiver.deliveries) for _ in range(2)]

    assert asyncio.run(main()) == [("in hand", 1), ("prefetched", 1)]


USES: list[Callable[[RedisAnycast[Any]], Awaitable[object]]] = [
    lambda jobs: jobs.new_sender().send(1),
    lambda jobs: jobs.new_receiver().receive(),
    lambda jobs: jobs.join(),
]


@pytest.mark.parametrize("use", USES, ids=["send", "receive", "join"])
def test_a_channel_whose_tasks_were_cancelled(server: Server, name: str, use: Any) -> None:
    """The channel raises an error, in place of an endless wait."""

    async def main() -> None:
        async with channel(server, name) as jobs:
            await jobs.new_sender().send(0)  # the tasks of the channel run now
            cancel_all_tasks_but(asyncio.current_task())
            with pytest.raises(FAILURES):
                async with asyncio.timeout(DEADLINE):
                    await use(jobs)
            with pytest.raises(FAILURES, match="its tasks were cancelled"):
                async with asyncio.timeout(DEADLINE):
                    await use(jobs)

    asyncio.run(main())


def test_a_failed_channel_whose_tasks_are_cancelled(server: Server, name: str) -> None:
    """The first failure stays the reason."""

    async def main() -> None:
        async with channel(server, name) as jobs:
            await jobs.new_sender().send(0)  # the tasks of the channel run now
            jobs._session._fail(OSError("the first"))
            cancel_all_tasks_but(asyncio.current_task())
            with pytest.raises(SenderError, match="the first"):
                await jobs.new_sender().send(1)

    asyncio.run(main())


@pytest.mark.parametrize("turns", [0, 1])
def test_the_tasks_are_cancelled_of_a_channel_that_is_opened(
    server: Server, name: str, turns: int
) -> None:
    """The channel is not open and raises, even if its task has not begun."""

    async def main() -> None:
        loop, kept = asyncio.get_running_loop(), asyncio.current_task()

        def cancel(turns: int) -> None:
            if turns:
                loop.call_soon(cancel, turns - 1)
            else:
                cancel_all_tasks_but(kept)

        loop.call_soon(cancel, turns)
        with pytest.raises(ChannelError, match="its tasks were cancelled"):
            await channel(server, name).__aenter__()

    asyncio.run(main())


async def test_a_cancelled_close_closes_the_channel_even_so(server: Server, name: str) -> None:
    """The server is told of the close, at the latest when the channel is left."""
    with CancelScope() as scope:
        async with channel(server, name) as jobs:
            scope.cancel()
            await jobs.aclose()
    assert scope.cancelled_caught
    async with channel(server, name) as jobs:
        assert jobs.is_closed


async def cancelled_at(at: int, operation: Coroutine[Any, Any, object]) -> bool:
    """Cancel an operation at a yield with a given number; return whether it yielded so often."""
    yields = count(1)

    def cancel_when_due() -> None:
        if next(yields) == at:
            scope.cancel()

    with CancelScope() as scope:
        await watch_yields(operation, cancel_when_due)
    return next(yields) > at


async def natively_cancelled_at(
    at: int, operation: Coroutine[Any, Any, object], *, late: bool
) -> bool:
    """Do as `cancelled_at`, with a native cancellation; a late one strikes after the wait."""
    yields = count(1)

    def cancel_when_due(trap: asyncio.Future[object] | None) -> None:
        if next(yields) == at:
            if not late:
                task.cancel()
            elif trap is None:
                asyncio.get_running_loop().call_soon(task.cancel)
            else:  # the request of the task happens before the task runs
                trap.add_done_callback(lambda _: task.cancel())

    @coroutine
    def watch() -> Generator[Any, Any, None]:
        resume: Callable[[], Any] = partial(operation.send, None)
        with suppress(StopIteration):
            while True:
                cancel_when_due(trap := resume())
                try:
                    value = yield trap
                except asyncio.CancelledError as error:
                    resume = partial(operation.throw, error)
                else:
                    resume = partial(operation.send, value)

    async def run() -> None:
        await watch()

    task = asyncio.create_task(run())
    with suppress(asyncio.CancelledError):
        await task
    return next(yields) > at


async def use_at_every_await(
    server: Server, name: str, delivery: str, cancelled_at: Callable[..., Awaitable[bool]]
) -> None:
    """Cancel a task at each of its awaits, from opening to leaving, without a loss or a hang."""
    before = server.clients()
    sent: list[int] = []
    received: list[int] = []

    async def use(number: int) -> None:
        async with channel(server, name, delivery=delivery, max_deliveries=None) as jobs:
            sender, receiver = jobs.new_sender(), jobs.new_receiver()
            messages = deque([number, number + 1])
            try:
                await sender.send_many(messages)
            finally:
                sent.extend(range(number, number + 2 - len(messages)))
            await sender.send(number + 2)
            sent.append(number + 2)
            async with receiver.lease() as message:
                await checkpoint()
            received.append(message)
            received.append(await receiver.receive())
            with receiver:
                await checkpoint()

    with fail_after(DEADLINE):
        at = 1
        while await cancelled_at(at, use(10 * at)):
            at += 1
        async with channel(server, name, delivery=delivery, max_deliveries=None) as jobs:
            assert (
                in_hand(server, name) == 0
            )  # every message was given back when the channel was left
            await jobs.aclose()
            received.extend([message async for message in jobs.new_receiver()])
        await until(lambda: not server.clients() - before)
    assert at > 5
    if delivery == "at-least-once":
        assert set(sent) == set(received)
    assert set(received) <= set(sent)
    assert stored(server, name) == 0


@each_delivery
async def test_cancelling_at_every_await(
    server: Server, name: str, delivery: str, caplog: pytest.LogCaptureFixture
) -> None:
    """From opening to leaving: what was sent is there, once, and no connection is left."""
    await use_at_every_await(server, name, delivery, cancelled_at)
    assert not caplog.records


@pytest.mark.asyncio_only
@pytest.mark.parametrize("late", [True, False])
@each_delivery
async def test_native_cancellation_at_every_await(
    server: Server, name: str, delivery: str, caplog: pytest.LogCaptureFixture, *, late: bool
) -> None:
    """The same holds if the cancellation strikes after the wait, before the task runs."""
    await use_at_every_await(server, name, delivery, partial(natively_cancelled_at, late=late))
    assert not caplog.records


@pytest.mark.parametrize("full", [True, False])
async def test_closing_a_sender_whose_message_is_under_way(
    server: Server, name: str, *, full: bool
) -> None:
    """The send tells its outcome: stored, or never stored."""
    limit = 1 if full else 2
    async with (
        Proxy(server.port) as proxy,
        channel(server, name, url=proxy.url, limit=limit) as jobs,
    ):
        sender = jobs.new_sender()
        await sender.clone().send("first")
        proxy.hold()
        async with task_group() as tasks:
            attempt = await begin(tasks, sender.send, "second")
            await until(lambda: proxy.held)
            sender.close()
            proxy.go_on()
        if full:
            attempt.failure(SenderClosedError)
        assert attempt.outcome == ("failed" if full else "done")
    assert stored(server, name) == limit
