"""Receivers of a channel on a server, in `select` and in derived receivers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from anyio import WouldBlock, fail_after

from anycast import (
    Anycast,
    ReceiverClosedError,
    ReceiverStoppedError,
    merge,
    select,
    select_nowait,
)
from anycast.redis._delivery import HeldLeases
from helpers import STOPPED, begin, raises, task_group
from redis_tools import DEADLINE, channel, stored, until

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from anycast.redis import RedisAnycast
    from servers import Server

pytestmark = pytest.mark.anyio


@pytest.fixture
async def jobs(server: Server, name: str) -> AsyncGenerator[RedisAnycast[Any]]:
    """Provide an open channel without prefetching."""
    with fail_after(DEADLINE):
        async with channel(server, name, prefetch=0) as jobs:
            yield jobs


async def test_a_message_or_a_stop(server: Server, name: str, jobs: RedisAnycast[Any]) -> None:
    """Whichever comes; what is received is acknowledged with the next."""
    stops = Anycast[None]()
    job, stop = jobs.new_receiver().receiving(), stops.new_receiver().receiving()
    await jobs.new_sender().send_many([1, 2])
    for number in (1, 2):
        assert await select(job, stop) is job
        assert job.result() == number
    async with task_group() as tasks:
        tasks.start_soon(stops.new_sender().send, None)
        assert await select(job, stop) is stop
    await until(lambda: stored(server, name) == 0)
    with pytest.raises(WouldBlock):
        select_nowait(job, stop)


async def test_the_end_makes_it_happen(jobs: RedisAnycast[Any]) -> None:
    """The operation happens, and `result` raises the error of a receive."""
    receiver = jobs.new_receiver()
    await jobs.new_sender().send(1)
    job = receiver.receiving()
    assert (await select(job)).result() == 1
    await jobs.aclose()
    await select(job)
    with raises(ReceiverStoppedError, f"{receiver} {STOPPED}"):
        job.result()


async def test_a_closed_receiver_makes_it_happen(jobs: RedisAnycast[Any]) -> None:
    """The operation happens, and `result` raises the error of a receive, with either wait."""
    receiver = jobs.new_receiver()
    job, mapped = receiver.receiving(), receiver.map(str)
    async with task_group() as tasks:
        attempt = await begin(tasks, select, job)
        looping = await begin(tasks, mapped.__anext__)
        receiver.close()
    assert attempt.result is job
    with raises(ReceiverClosedError, f"{receiver} is closed"):
        job.result()
    assert looping.failure(ReceiverClosedError).receiver is mapped


async def test_a_message_that_is_not_ours_any_more(
    jobs: RedisAnycast[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lost message does not make the operation happen, and the next message does."""
    receiver = jobs.new_receiver()
    job = receiver.receiving()

    async def choose() -> None:
        assert (await select(job)).result() == 1
        assert receiver.deliveries == 1

    async with task_group() as tasks:
        tasks.start_soon(choose)
        await until(lambda: jobs.statistics().tasks_waiting_receive == 1)
        monkeypatch.setattr(HeldLeases, "__contains__", _has_nothing)
        await jobs.new_sender().send(1)
        await until(lambda: jobs._session.inbox.taken >= 1)
        monkeypatch.undo()


def _has_nothing(*_: object) -> bool:
    """Let every lease seem to have run out."""
    return False


async def test_merge_map_and_filter(jobs: RedisAnycast[Any]) -> None:
    """Derived receivers use only operations, and so work here, too."""
    more = Anycast[int]()
    await more.new_sender().send(1)
    await jobs.new_sender().send_many([2, 3])
    more.close()
    await jobs.aclose()
    odd = merge(more.new_receiver(), jobs.new_receiver()).filter(lambda number: number % 2)
    assert sorted([text async for text in odd.map(str)]) == ["1", "3"]


async def test_a_lease_of_what_map_makes(jobs: RedisAnycast[Any]) -> None:
    """The end of the lease gives back the original message, or is done with the message."""
    await jobs.new_sender().send(1)
    texts = jobs.new_receiver().map(str)
    with pytest.raises(ValueError, match="no"):
        async with texts.lease():
            raise ValueError("no")
    async with texts.lease() as text:
        assert text == "1"
    await jobs.aclose()
    assert [text async for text in texts] == []


async def test_what_cannot_be_selected(server: Server, name: str, jobs: RedisAnycast[Any]) -> None:
    """A send cannot be withdrawn, and at most once needs an answer."""
    sender = jobs.new_sender()
    with raises(
        TypeError, f"{sender} cannot send in a `select`: what is on the wire is not withdrawn"
    ):
        sender.sending(1)
    receiver = channel(server, name, delivery="at-most-once").new_receiver()
    with raises(
        TypeError, f"{receiver} cannot receive in a `select`: at most once needs an answer"
    ):
        receiver.receiving()
