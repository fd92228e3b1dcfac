"""Test a function that uses channels: on asyncio and on trio, without sleeping."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest

from anycast import Anycast

if TYPE_CHECKING:
    from anycast import Receiver, Sender

pytestmark = pytest.mark.anyio  # the plugin of anyio runs each test on both event loops


async def double(source: Receiver[int], target: Sender[int]) -> None:
    """Send each number doubled: the function to test."""
    with target:
        async for number in source:
            await target.send(2 * number)


async def test_each_number_is_doubled() -> None:
    """Fill a channel, close the channel, call the function, look at the output."""
    source, target = Anycast[int](), Anycast[int]()
    await source.new_sender().send_many([1, 2, 3])
    source.close()
    await double(source.new_receiver(), target.new_sender())
    assert await target.new_receiver().receive_many(10) == [2, 4, 6]


async def test_a_slow_consumer_slows_the_function_down() -> None:
    """Wait until every other task is blocked: exact, and without a guess at a time."""
    source, target = Anycast[int](), Anycast[int](limit=0)
    await source.new_sender().send_many([1, 2, 3])
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(double, source.new_receiver(), target.new_sender())
        await anyio.wait_all_tasks_blocked()
        assert target.statistics().tasks_waiting_send == 1
        assert source.statistics().current_buffer_used == 2
        tasks.cancel_scope.cancel()


async def test_the_output_is_closed_at_the_end() -> None:
    """The end of the input reaches the reader of the output; a hang would fail after 1 s."""
    source, target = Anycast[int](), Anycast[int](auto_close=True)
    source.close()
    with anyio.fail_after(1):
        await double(source.new_receiver(), target.new_sender())
        assert [number async for number in target.new_receiver()] == []
