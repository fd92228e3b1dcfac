"""`join`: the promises of channels on a server alone.

The promises of all kinds of channel are tested in `test_contract`.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from anyio import Event, create_memory_object_stream, fail_after

from anycast import ChannelError
from anycast.redis._joins import Joins
from anycast.redis._outbox import Outbox
from helpers import begin, raises, task_group
from proxies import Proxy
from redis_tools import DEADLINE, channel, dead, until

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from anycast.redis import RedisAnycast
    from servers import Server

pytestmark = pytest.mark.anyio


@pytest.fixture
async def jobs(server: Server, name: str) -> AsyncGenerator[RedisAnycast[Any]]:
    """Provide an open channel that gives up after one delivery."""
    with fail_after(DEADLINE):
        async with channel(server, name, max_deliveries=1) as jobs:
            yield jobs


async def test_join_waits_for_other_processes(
    server: Server, name: str, jobs: RedisAnycast[Any]
) -> None:
    """A message that another process works on is not done."""
    await jobs.new_sender().send(1)
    async with channel(server, name) as there, task_group() as tasks:
        async with there.new_receiver().lease():
            attempt = await begin(tasks, jobs.join)
            assert attempt.outcome == "unfinished"
        await until(lambda: attempt.outcome == "done")


async def test_join_waits_for_an_acknowledgement(jobs: RedisAnycast[Any]) -> None:
    """A received message counts until the receiver asks for the next message."""
    receiver = jobs.new_receiver()
    await jobs.new_sender().send(1)
    await receiver.receive()
    async with task_group() as tasks:
        attempt = await begin(tasks, jobs.join)
        assert attempt.outcome == "unfinished"
        tasks.start_soon(receiver.receive)
        await until(lambda: attempt.outcome == "done")
        tasks.cancel_scope.cancel()


async def test_a_dead_letter_is_done(server: Server, name: str, jobs: RedisAnycast[Any]) -> None:
    """A dead letter does not count any more."""
    await jobs.new_sender().send(1)
    with suppress(ValueError):
        async with jobs.new_receiver().lease():
            raise ValueError
    await jobs.join()
    assert len(dead(server, name)) == 1


class Questions:
    """The requests of the pump, each answered when the test says so."""

    def __init__(self) -> None:
        self.asked = 0
        self._answers, self._answer = create_memory_object_stream[int](10)

    async def run(self, script: object) -> list[Any]:
        """Note a question, and wait for the answer."""
        del script
        self.asked += 1
        return [b"ok", await self._answer.receive()]

    def answer(self, length: int) -> None:
        """Say how many messages there are."""
        self._answers.send_nowait(length)

    def close(self) -> None:
        """Close the streams."""
        self._answers.close()
        self._answer.close()


async def test_a_task_that_joins_while_the_server_is_asked() -> None:
    """The answer is for the tasks that came before: this task may have sent since."""
    questions: Any = Questions()
    joins = Joins(Outbox())
    with fail_after(DEADLINE):
        async with task_group() as tasks:
            tasks.start_soon(joins.run, questions)
            first = await begin(tasks, joins.wait)
            second = await begin(tasks, joins.wait)
            assert questions.asked == 1
            questions.answer(0)
            await until(lambda: questions.asked == 2 and first.result)
            assert second.outcome == "unfinished"
            questions.answer(1)
            await until(lambda: questions.asked == 3)
            assert second.outcome == "unfinished"
            questions.answer(0)
            await until(lambda: second.result)
            joins.stop()
    questions.close()


async def test_a_join_that_is_cancelled() -> None:
    """The server is not asked for it any more."""
    unused: Any = None
    joins = Joins(Outbox())
    async with task_group() as tasks:
        attempt = await begin(tasks, joins.wait)
        attempt.cancel()
    assert not joins._joining
    joins.stop()
    await joins.run(unused)


async def test_a_join_waits_for_blocked_senders() -> None:
    """The server is not asked while this process has a message to store."""
    questions: Any = Questions()
    sender: Any = None
    outbox = Outbox()
    item = outbox.put(sender, [b"1"])
    joins = Joins(outbox)
    with fail_after(DEADLINE):
        async with task_group() as tasks:
            tasks.start_soon(joins.run, questions)
            attempt = await begin(tasks, joins.wait)
            assert questions.asked == 0
            outbox.withdraw(item)
            questions.answer(0)
            await until(lambda: attempt.result)
            joins.stop()
    questions.close()


async def test_leaving_the_channel_ends_a_join(server: Server, name: str) -> None:
    """The join raises, and so does every later join."""
    with fail_after(DEADLINE):
        async with task_group() as tasks, channel(server, name) as jobs:
            await jobs.new_sender().send(1)
            attempt = await begin(tasks, jobs.join)
        error = attempt.failure(ChannelError)
        assert str(error) == f"{jobs} cannot be joined: it was left"
        assert error.channel is jobs
        assert error.__cause__ is None
        with raises(ChannelError, f"{jobs} cannot be joined: it was left"):
            await jobs.join()


async def test_a_failure_ends_a_join(own_server: Server, name: str) -> None:
    """The join raises the failure."""
    with fail_after(DEADLINE):
        async with channel(own_server, name, timeout=0.5) as jobs, task_group() as tasks:
            await jobs.new_sender().send(1)
            attempt = await begin(tasks, jobs.join)
            own_server.ask("FLUSHALL")
            await until(lambda: attempt.outcome == "failed")
            error = attempt.failure(ChannelError)
            assert error.__cause__ is jobs._session.failure
            assert "the server does not have the channel any more" in str(error)
            with pytest.raises(ChannelError, match="cannot be joined"):
                await jobs.join()


async def test_a_join_outlasts_a_server_that_is_away(name: str, own_server: Server) -> None:
    """A server that is away for less than the timeout causes no error."""
    with fail_after(DEADLINE):
        async with (
            Proxy(own_server.port) as proxy,
            channel(own_server, name, url=proxy.url) as jobs,
            task_group() as tasks,
        ):
            await jobs.new_sender().send(1)
            async with jobs.new_receiver().lease():
                attempt = await begin(tasks, jobs.join)
                for _ in range(3):
                    proxy.cut_next_reply()
                    await until(lambda: not proxy._cuts)
                assert attempt.outcome == "unfinished"
            await until(lambda: attempt.outcome == "done")


async def test_a_channel_that_was_not_entered(server: Server, name: str) -> None:
    """A join raises, since its wait would not end."""
    jobs = channel(server, name)
    with raises(RuntimeError, f"{jobs} can be used only within `async with`"):
        await jobs.join()


async def stay(jobs: RedisAnycast[Any], left: Event) -> None:
    """Enter a channel, and stay until an event is set."""
    async with jobs:
        await left.wait()


async def test_a_join_while_the_channel_is_opened(server: Server, name: str) -> None:
    """The join also waits for the channel to open."""
    with fail_after(DEADLINE):
        async with Proxy(server.port) as proxy, task_group() as tasks:
            jobs, left = channel(server, name, url=proxy.url), Event()
            proxy.hold()
            await begin(tasks, stay, jobs, left)
            attempt = await begin(tasks, jobs.join)
            assert attempt.outcome == "unfinished"
            proxy.go_on()
            await until(lambda: attempt.outcome == "done")
            left.set()


async def test_a_join_of_a_channel_that_is_not_opened(server: Server, name: str) -> None:
    """The opening was cancelled, so the join raises."""
    with fail_after(DEADLINE):
        async with Proxy(server.port) as proxy, task_group() as tasks:
            jobs = channel(server, name, url=proxy.url)
            proxy.hold()
            opening = await begin(tasks, stay, jobs, Event())
            attempt = await begin(tasks, jobs.join)
            opening.cancel()
            await until(lambda: attempt.outcome == "failed")
            assert attempt.failure(ChannelError)
            proxy.go_on()
