"""A channel under load during a change of its servers."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

from anyio import create_task_group, fail_after, sleep, to_thread

from anycast.redis import RedisAnycast, json_codec
from redis_tools import DEADLINE, until

if TYPE_CHECKING:
    from collections.abc import Callable

# Tasks that send and tasks that receive. Each sends this many messages before and after.
TASKS = 3
MORE = 30


async def survives(url: str, name: str, disturb: Callable[[], object], **options: Any) -> None:
    """Send and receive while servers are disturbed, and check each message.

    Every message whose send returned must be received, and no operation may fail.

    Args:
        url: of the channel.
        name: of the channel.
        disturb: does something to the servers, in another thread.
        options: of the channel.
    """
    sent: list[int] = []
    came: list[int] = []
    numbers = count()
    done = False

    options = {"timeout": 40.0, "lease": 3.0, "limit": 200, **options}
    jobs: RedisAnycast[int] = RedisAnycast(name=name, url=url, codec=json_codec(int), **options)

    async def send() -> None:
        sender = jobs.new_sender()
        left = MORE
        while left:
            number = next(numbers)
            await sender.send(number)
            sent.append(number)
            left -= done
            await sleep(0.002)

    async def receive() -> None:
        async for number in jobs.new_receiver():
            came.append(number)  # noqa: PERF401  another task looks at the list meanwhile

    with fail_after(2 * DEADLINE):
        async with jobs, create_task_group() as tasks:
            for _ in range(TASKS):
                tasks.start_soon(receive)
            async with create_task_group() as senders:
                for _ in range(TASKS):
                    senders.start_soon(send)
                await until(lambda: len(came) >= MORE)
                await to_thread.run_sync(disturb)
                done = True
            await jobs.aclose()
    assert set(came) == set(sent)
