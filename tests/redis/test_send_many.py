"""Batches: many messages in a script, and each of them accounted for."""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from anyio import CancelScope, fail_after
from anyio.lowlevel import checkpoint

from anycast import SenderClosedError, SenderError
from anycast.redis import json_codec
from helpers import raises, task_group, waiting
from proxies import Proxy
from redis_tools import DEADLINE, channel, stored, until
from servers import Server

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.anyio


def evaluated(server: Server) -> int:
    """Return how many scripts a server has run."""
    stats = server.ask("INFO", "commandstats").decode()
    lines = [line for line in stats.splitlines() if line.startswith("cmdstat_evalsha:")]
    return sum(int(line.partition("calls=")[2].partition(",")[0]) for line in lines)


@pytest.mark.parametrize("kind", [deque, list, tuple, range])
async def test_a_batch_travels_in_few_scripts(own_server: Server, name: str, kind: Any) -> None:
    """A message needs no round trip of its own, and the order is kept."""
    with fail_after(DEADLINE):
        async with channel(own_server, name, limit=2000) as jobs:
            sender, receiver = jobs.new_sender(), jobs.new_receiver()
            await sender.send("first")
            before = evaluated(own_server)
            await sender.send_many(range(1000) if kind is range else kind(range(1000)))
            assert evaluated(own_server) - before <= 8
            received = [await receiver.receive() for _ in range(1001)]
    assert received == ["first", *range(1000)]


async def test_a_generator_is_asked_when_the_message_before_is_stored(
    server: Server, name: str
) -> None:
    """A message that the generator has not given yet cannot be lost."""
    asked: list[int] = []

    def numbers() -> Iterator[int]:
        for number in range(3):
            assert stored(server, name) == number
            asked.append(number)
            yield number

    with fail_after(DEADLINE):
        async with channel(server, name, limit=2) as jobs, task_group() as tasks:
            tasks.start_soon(jobs.new_sender().send_many, numbers())
            await until(lambda: asked == [0, 1, 2] and waiting(jobs)[0])
            receiver = jobs.new_receiver()
            assert [await receiver.receive() for _ in range(3)] == [0, 1, 2]


async def test_a_list_is_sent_as_it_was_at_the_call(server: Server, name: str) -> None:
    """A change of the list during the send has no effect."""
    messages = list(range(200))
    with fail_after(DEADLINE):
        async with channel(server, name, limit=150) as jobs, task_group() as tasks:
            tasks.start_soon(jobs.new_sender().send_many, messages)
            await until(lambda: stored(server, name) == 150)
            messages.clear()
            receiver = jobs.new_receiver()
            assert [await receiver.receive() for _ in range(200)] == list(range(200))


async def test_what_is_stored_is_taken_out_of_the_deque(server: Server, name: str) -> None:
    """Stored messages leave the deque while the rest waits for room, and in the end all."""
    messages = deque(range(10))
    with fail_after(DEADLINE):
        async with channel(server, name, limit=3, prefetch=0) as jobs, task_group() as tasks:
            tasks.start_soon(jobs.new_sender().send_many, messages)
            receiver = jobs.new_receiver()
            for number in range(7):
                await until(partial(_is_long, messages, 7 - number))
                assert waiting(jobs)[0] == 1
                async with receiver.lease() as message:
                    assert message == number
            await until(lambda: not messages)


@pytest.mark.parametrize("room", [0, 2, 5])
async def test_cancelling_a_batch_that_is_under_way(server: Server, name: str, room: int) -> None:
    """Messages out of the deque are stored and count as sent, and messages in it are not."""
    messages = deque(range(5))
    returned = False
    limit = 1 + room
    with fail_after(DEADLINE):
        async with (
            Proxy(server.port) as proxy,
            channel(server, name, url=proxy.url, limit=limit) as jobs,
        ):
            sender = jobs.new_sender()
            await sender.send("first")
            proxy.hold()
            async with task_group() as tasks:
                with CancelScope() as scope:
                    tasks.start_soon(proxy.cancel_held, scope)
                    await sender.send_many(messages)
                    returned = True
                    await checkpoint()
                assert scope.cancelled_caught
            assert list(messages) == list(range(room, 5))
            assert returned == (room == 5)
            assert stored(server, name) == limit
            assert jobs.statistics().messages_sent == limit
            assert waiting(jobs)[0] == 0


async def test_closing_a_sender_in_the_midst_of_a_batch(server: Server, name: str) -> None:
    """The send raises, and the messages out of the deque are stored."""
    messages = deque(range(5))
    with fail_after(DEADLINE):
        async with channel(server, name, limit=2) as jobs, task_group() as tasks:
            sender = jobs.new_sender()

            async def send() -> None:
                with raises(SenderClosedError, f"{sender} is closed"):
                    await sender.send_many(messages)

            tasks.start_soon(send)
            await until(lambda: len(messages) == 3)
            sender.close()
    assert list(messages) == [2, 3, 4]
    assert stored(server, name) == 2


async def test_closing_a_channel_in_the_midst_of_a_batch(server: Server, name: str) -> None:
    """The send raises, and the messages out of the deque are stored."""
    messages = deque(range(5))
    with fail_after(DEADLINE):
        async with channel(server, name, limit=2) as jobs, task_group() as tasks:

            async def send() -> None:
                with pytest.raises(SenderError, match="its channel is closed"):
                    await jobs.new_sender().send_many(messages)

            tasks.start_soon(send)
            await until(lambda: len(messages) == 3)
            await jobs.aclose()
    assert list(messages) == [2, 3, 4]


async def test_a_message_in_a_batch_that_cannot_be_encoded(server: Server, name: str) -> None:
    """The messages before it are sent, and the message stays at the head of the deque."""
    bad = object()
    messages: deque[Any] = deque([1, 2, bad, 4])
    with fail_after(DEADLINE):
        async with channel(server, name) as jobs:
            for _ in range(2):
                with raises(TypeError, "a object cannot be written as JSON by this codec"):
                    await jobs.new_sender().send_many(messages)
                assert list(messages) == [bad, 4]
    assert stored(server, name) == 2


async def test_a_batch_with_a_server_out_of_memory(name: str) -> None:
    """No message of a refused script is stored, and all stay in the deque."""
    with Server() as server, fail_after(DEADLINE):
        async with channel(server, name) as jobs:
            server.ask("CONFIG", "SET", "maxmemory", "1")
            messages = deque(range(300))
            with pytest.raises(SenderError, match=r"could not send: .*(OOM|maxmemory)"):
                await jobs.new_sender().send_many(messages)
            server.ask("CONFIG", "SET", "maxmemory", "0")
            assert len(messages) == 300
            assert stored(server, name) == 0
            await jobs.new_sender().send_many(messages)
        assert stored(server, name) == 300


async def test_a_batch_of_large_messages(server: Server, name: str) -> None:
    """A script has a maximum size, and all messages arrive in order."""
    codec = json_codec(str)
    messages = [str(number) * 400_000 for number in range(5)]
    with fail_after(DEADLINE):
        async with channel(server, name, codec=codec, prefetch=0) as jobs:
            await jobs.new_sender().send_many(messages)
            receiver = jobs.new_receiver()
            assert [await receiver.receive() for _ in messages] == messages


async def test_batches_and_single_messages_take_turns(server: Server, name: str) -> None:
    """A batch that came later overtakes no sender."""
    with fail_after(DEADLINE):
        async with channel(server, name, limit=1, prefetch=0) as jobs, task_group() as tasks:
            sender, receiver = jobs.new_sender(), jobs.new_receiver()
            await sender.send(0)
            tasks.start_soon(sender.send_many, [1, 2])
            await until(lambda: waiting(jobs)[0] == 1)
            tasks.start_soon(sender.send, 3)
            await until(lambda: waiting(jobs)[0] == 2)
            assert [await receiver.receive() for _ in range(4)] == [0, 1, 2, 3]


def _is_long(messages: deque[int], count: int) -> bool:
    return len(messages) == count
