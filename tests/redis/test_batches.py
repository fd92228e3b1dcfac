"""Batches that are collected for a time: promises of channels on a server alone.

The promises of all kinds of channel are tested in `test_contract`.
"""

from __future__ import annotations

import math
from contextlib import asynccontextmanager
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

import pytest
from anyio import fail_after

from anycast import ReceiverClosedError, ReceiverStoppedError, merge
from helpers import begin, raises, task_group
from proxies import Proxy
from redis_tools import DEADLINE, channel, in_hand, stored, until

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from anycast import Receiver
    from anycast.redis import RedisAnycast
    from servers import Server

pytestmark = pytest.mark.anyio


@pytest.fixture
async def jobs(server: Server, name: str) -> AsyncGenerator[RedisAnycast[Any]]:
    """Provide an open channel without prefetching."""
    with fail_after(DEADLINE):
        async with channel(server, name, prefetch=0) as jobs:
            yield jobs


def collecting(receiver: Receiver[Any], count: int) -> Callable[[], Awaitable[list[Any]]]:
    """Return a function that collects so many messages, however long that takes."""
    return partial(receiver.receive_many, count, within=math.inf)


def collected(jobs: RedisAnycast[Any], count: int) -> Callable[[], bool]:
    """Return a condition: so many messages were taken, and a task waits for more."""
    inbox = jobs._session.inbox
    return lambda: (inbox.taken, inbox.waiting) == (count, 1)


def no_demand(jobs: RedisAnycast[Any]) -> bool:
    """Return whether the demand is zero."""
    inbox = jobs._session.inbox
    return (inbox._asking, inbox._more) == (0, 0)


async def test_a_batch_is_acknowledged_with_the_next(
    server: Server, name: str, jobs: RedisAnycast[Any]
) -> None:
    """The next receive acknowledges all messages of a batch, and not before."""
    receiver = jobs.new_receiver()
    await jobs.new_sender().send_many(range(3))
    assert await receiver.receive_many(2, within=math.inf) == [0, 1]
    assert (stored(server, name), in_hand(server, name)) == (3, 2)
    assert await receiver.receive_many(1, within=0) == [2]
    await until(lambda: stored(server, name) == 1)


async def test_closing_its_receiver_gives_a_batch_back(jobs: RedisAnycast[Any]) -> None:
    """A close cannot know whether the work was done, and the deliveries do not count."""
    await jobs.new_sender().send_many(range(2))
    with jobs.new_receiver() as receiver:
        await receiver.receive_many(2, within=math.inf)
        receiver.close()
    again = jobs.new_receiver()
    assert await again.receive_many(2, within=math.inf) == [0, 1]
    assert again.deliveries == 1


async def test_a_batch_comes_at_once(server: Server, name: str, jobs: RedisAnycast[Any]) -> None:
    """The server is asked for exactly the messages of the batch."""
    await jobs.new_sender().send_many(range(200))
    took: list[int] = []
    put = jobs._session.inbox.put

    def count(deliveries: Any) -> None:
        came = [*deliveries]
        took.append(len(came))
        put(came)

    jobs._session.inbox.put = count  # type: ignore[method-assign]
    assert await jobs.new_receiver().receive_many(150, within=math.inf) == list(range(150))
    assert took == [150]
    assert in_hand(server, name) == 150
    assert no_demand(jobs)


async def test_a_batch_asks_for_what_it_lacks(jobs: RedisAnycast[Any]) -> None:
    """The server is asked only for the messages that the batch lacks."""
    receiver = jobs.new_receiver()
    async with task_group() as tasks:
        attempt = await begin(tasks, collecting(receiver, 5))
        await jobs.new_sender().send_many(range(3))
        await until(collected(jobs, 3))
        assert jobs._session.inbox.wanted() == (2, 0)
        attempt.cancel()
    assert no_demand(jobs)


async def test_a_batch_has_at_most_as_many_as_the_limit(server: Server, name: str) -> None:
    """More cannot come before the batch is acknowledged."""
    with fail_after(DEADLINE):
        async with channel(server, name, limit=2) as jobs, task_group() as tasks:
            tasks.start_soon(jobs.new_sender().send_many, range(4))
            receiver = jobs.new_receiver()
            for batch in ([0, 1], [2, 3]):
                assert await receiver.receive_many(5, within=math.inf) == batch


async def test_a_cancelled_batch_goes_back_to_the_server(
    server: Server, name: str, jobs: RedisAnycast[Any]
) -> None:
    """Without a waiting task here, another process gets the messages, in order and uncounted."""
    async with channel(server, name, prefetch=0) as there:
        await jobs.new_sender().send_many(range(3))
        async with task_group() as tasks:
            attempt = await begin(tasks, collecting(jobs.new_receiver(), 5))
            await until(collected(jobs, 3))
            attempt.cancel()
        receiver = there.new_receiver()
        for number in range(3):
            assert await receiver.receive() == number
            assert receiver.deliveries == 1
    assert jobs.statistics().messages_received == 0


async def test_leaving_the_channel_ends_a_batch(server: Server, name: str) -> None:
    """The messages go back, and the call raises."""
    with fail_after(DEADLINE):
        async with task_group() as tasks:
            async with channel(server, name, prefetch=0) as there:
                attempt = await begin(tasks, collecting(there.new_receiver(), 5))
                await there.new_sender().send_many(range(2))
                await until(collected(there, 2))
            await until(lambda: attempt.outcome != "unfinished")
        assert attempt.failure(ReceiverStoppedError)
        async with channel(server, name) as here:
            assert await here.new_receiver().receive_many(2, within=math.inf) == [0, 1]


async def test_leaving_the_channel_in_a_batch_is_no_delivery(server: Server, name: str) -> None:
    """The program has not seen the messages, so the messages do not become dead letters."""
    with fail_after(DEADLINE):
        async with task_group() as tasks, channel(server, name, max_deliveries=1) as there:
            await begin(tasks, collecting(there.new_receiver(), 5))
            await there.new_sender().send_many(range(2))
            await until(collected(there, 2))
        async with channel(server, name, max_deliveries=1) as here:
            receiver = here.new_receiver()
            assert await receiver.receive_many(2, within=math.inf) == [0, 1]
            assert receiver.deliveries == 1


async def test_leaving_the_channel_with_a_cancelled_batch(server: Server, name: str) -> None:
    """The messages go back to the server, since no task here can take them."""
    with fail_after(DEADLINE):
        async with task_group() as tasks, channel(server, name, prefetch=0) as there:
            attempt = await begin(tasks, collecting(there.new_receiver(), 5))
            await there.new_sender().send_many(range(2))
            await until(collected(there, 2))
            attempt.cancel()
            there._session.inbox.close()
            await until(lambda: attempt.outcome == "cancelled")
        async with channel(server, name) as here:
            receiver = here.new_receiver()
            assert await receiver.receive_many(2, within=math.inf) == [0, 1]
            assert receiver.deliveries == 1


async def test_closing_its_receiver_ends_a_batch(jobs: RedisAnycast[Any]) -> None:
    """The call raises, and the messages go to other receivers, uncounted."""
    receiver = jobs.new_receiver()
    await jobs.new_sender().send_many(range(2))
    async with task_group() as tasks:
        attempt = await begin(tasks, collecting(receiver, 5))
        await until(collected(jobs, 2))
        receiver.close()
    error = attempt.failure(ReceiverClosedError)
    assert error.receiver is receiver
    other = jobs.new_receiver()
    assert await other.receive_many(2, within=math.inf) == [0, 1]
    assert other.deliveries == 1


async def test_a_close_by_another_process_ends_the_batches_of_all(
    server: Server, name: str, jobs: RedisAnycast[Any]
) -> None:
    """Each process learns of the close before the channel can end."""
    async with (
        channel(server, name, prefetch=0) as one,
        channel(server, name, prefetch=0) as two,
        task_group() as tasks,
    ):
        channels = one, two
        attempts = [await begin(tasks, collecting(there.new_receiver(), 50)) for there in channels]
        sent: list[int] = []
        while not all(there.statistics().messages_received for there in channels):
            sent.append(len(sent))
            await jobs.new_sender().send(sent[-1])
            await until(lambda: in_hand(server, name) == len(sent))
        await jobs.aclose()
        await until(lambda: all(attempt.outcome == "done" for attempt in attempts))
        assert sorted(chain(*(attempt.result or () for attempt in attempts))) == sent
        assert one.is_closed
        assert two.is_closed


async def test_what_a_closed_channel_gets_back_comes(jobs: RedisAnycast[Any]) -> None:
    """A batch that a close has ended does not spoil later batches."""
    receiver, other = jobs.new_receiver(), jobs.new_receiver()
    await jobs.new_sender().send_many(range(3))
    await jobs.aclose()
    assert await receiver.receive_many(5, within=math.inf) == [0, 1, 2]
    receiver.close()
    assert await other.receive_many(2, within=math.inf) == [0, 1]
    assert await other.receive_many(2, within=math.inf) == [2]
    with pytest.raises(ReceiverStoppedError):
        await other.receive_many(2, within=math.inf)


async def test_the_heartbeat_keeps_the_messages_of_a_batch(server: Server, name: str) -> None:
    """The messages stay in this process for as long as the batch waits."""
    with fail_after(DEADLINE):
        async with (
            channel(server, name, lease=0.2, prefetch=0) as slow,
            channel(server, name, lease=0.2, prefetch=0) as other,
            task_group() as tasks,
        ):
            await slow.new_sender().send(1)
            attempt = await begin(tasks, partial(slow.new_receiver().receive_many, 2, within=0.8))
            await until(collected(slow, 1))
            thief = await begin(tasks, other.new_receiver().receive)
            await until(lambda: attempt.outcome != "unfinished")
            assert attempt.result == [1]
            assert thief.outcome == "unfinished"
            thief.cancel()


@asynccontextmanager
async def behind_proxy(
    server: Server, name: str
) -> AsyncGenerator[tuple[RedisAnycast[Any], Proxy]]:
    """Provide a channel with a message whose lease can run out."""
    async with (
        Proxy(server.port) as proxy,
        channel(server, name, lease=0.2, prefetch=0, url=proxy.url) as jobs,
    ):
        await jobs.new_sender().send(1)
        yield jobs, proxy


async def lose_lease(server: Server, name: str, jobs: RedisAnycast[Any], proxy: Proxy) -> None:
    """Let another process get the only message that a batch of this process has."""
    async with channel(server, name, lease=0.2, prefetch=0) as other:
        await until(collected(jobs, 1))
        proxy.hold()
        async with other.new_receiver().lease() as message:
            assert message == 1
    proxy.go_on()


async def test_a_lease_that_ran_out(server: Server, name: str) -> None:
    """The message is with another process, and so is not in the batch."""
    with fail_after(DEADLINE):
        async with behind_proxy(server, name) as (jobs, proxy), task_group() as tasks:
            attempt = await begin(tasks, collecting(jobs.new_receiver(), 2))
            await lose_lease(server, name, jobs, proxy)
            await jobs.new_sender().send(2)
            await until(lambda: attempt.outcome != "unfinished")
            assert attempt.result == [2]


async def test_a_lease_that_ran_out_in_a_derived_batch(server: Server, name: str) -> None:
    """The batch is returned, and the receiver does not acknowledge the lost message."""
    with fail_after(DEADLINE):
        async with behind_proxy(server, name) as (jobs, proxy), task_group() as tasks:
            texts = jobs.new_receiver().map(str)
            attempt = await begin(tasks, partial(texts.receive_many, 2, within=math.inf))
            await lose_lease(server, name, jobs, proxy)
            await jobs.new_sender().send(2)
            await until(lambda: attempt.outcome != "unfinished")
            assert attempt.result == ["1", "2"]


async def test_every_lease_of_a_batch_ran_out(server: Server, name: str) -> None:
    """The batch waits for a first message again."""
    with fail_after(DEADLINE):
        async with behind_proxy(server, name) as (jobs, proxy), task_group() as tasks:
            attempt = await begin(tasks, partial(jobs.new_receiver().receive_many, 2, within=1.2))
            await lose_lease(server, name, jobs, proxy)
            await until(lambda: jobs._session.inbox._more == 1)  # for a new batch
            await jobs.new_sender().send_many([2, 3])
            await until(lambda: attempt.outcome != "unfinished")
            assert attempt.result == [2, 3]


async def test_at_most_once_has_no_such_batches(server: Server, name: str) -> None:
    """Such a batch is refused: a message that the server has deleted cannot go back."""
    with fail_after(DEADLINE):
        async with channel(server, name, delivery="at-most-once") as jobs:
            receiver = jobs.new_receiver()
            text = (
                f"{receiver} cannot collect messages `within` a time: at most once deletes each"
                " message first, and a deleted message cannot go back"
            )
            for each in (receiver, receiver.map(str), merge(receiver)):
                with raises(TypeError, text):
                    await each.receive_many(2, within=1)
