"""The messages of a process that died, or whose lease has run out."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from anyio import fail_after

from anycast.redis import _scripts
from helpers import begin, task_group
from proxies import Proxy
from redis_tools import DEADLINE, channel, dead, deliveries, in_hand, key, stored, until

if TYPE_CHECKING:
    from anycast.redis import RedisAnycast
    from servers import Server

pytestmark = pytest.mark.anyio

LEASE = 0.2


def die(jobs: RedisAnycast[Any]) -> None:
    """Let a process fall silent, as in a crash: the server does not hear when it leaves."""
    jobs._session._fail(OSError("crashed"))


def alive(server: Server, name: str) -> int:
    """Return how many processes have a lease that has not run out."""
    seconds, microseconds = server.ask("TIME")
    now = int(seconds) * 1000 + int(microseconds) // 1000
    count: int = server.ask("ZCOUNT", key(name, "processes"), f"({now}", "+inf")
    return count


async def crash(server: Server, name: str, tasks: int, **options: Any) -> list[Any]:
    """Let a process die that has a message in each of so many tasks, and return these messages."""
    got: list[Any] = []
    with suppress(Exception):
        async with channel(server, name, lease=LEASE, **options) as jobs:
            receivers = [jobs.new_receiver() for _ in range(tasks)]
            got.extend([await receiver.receive() for receiver in receivers])
            die(jobs)
    return got


async def test_a_message_that_ends_its_process(server: Server, name: str) -> None:
    """Exactly this message becomes a dead letter, after five crashes."""
    with fail_after(DEADLINE):
        async with channel(server, name, lease=LEASE) as jobs:
            await jobs.new_sender().send_many(["bad", "one", "two", "three"])
        for _ in range(5):
            assert await crash(server, name, 1, prefetch=3) == ["bad"]
            await until(lambda: not alive(server, name))
        async with channel(server, name) as jobs:
            receiver = jobs.new_receiver()
            got = [(await receiver.receive(), receiver.deliveries) for _ in range(3)]
        assert got == [("one", 1), ("two", 1), ("three", 1)]
        (letter,) = dead(server, name)
        assert (letter["body"], letter["deliveries"]) == ('"bad"', "5")
        assert letter["error"] == "the process died or hung"


async def test_a_dead_letter_tells_an_earlier_error(
    server: Server, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The work failed once, and then the process died."""
    with fail_after(DEADLINE), caplog.at_level(logging.ERROR, "anycast"):
        async with channel(server, name, lease=LEASE, max_deliveries=2) as jobs:
            await jobs.new_sender().send("bad")
            with suppress(ValueError):
                async with jobs.new_receiver().lease():
                    raise ValueError("no luck")
        await crash(server, name, 1)
        async with channel(server, name) as jobs, task_group() as tasks:
            waiting = await begin(tasks, jobs.new_receiver().receive)
            await until(lambda: dead(server, name))
            waiting.cancel()
        (letter,) = dead(server, name)
        assert letter["error"] == "the process died or hung, earlier: ValueError: no luck"
        assert "became a dead letter after 2 deliveries: the process died or hung" in caplog.text


async def test_suspects_go_one_at_a_time(server: Server, name: str) -> None:
    """The suspects show which of several messages in hand ends the process."""
    with fail_after(DEADLINE):
        async with channel(server, name, lease=LEASE) as jobs:
            await jobs.new_sender().send_many(["bad", "good"])
        for _ in range(2):
            assert sorted(await crash(server, name, 2)) == ["bad", "good"]
        async with channel(server, name, lease=LEASE) as jobs:
            receivers = [jobs.new_receiver() for _ in range(2)]
            async with task_group() as tasks:
                attempts = [await begin(tasks, receiver.receive) for receiver in receivers]
                await until(lambda: any(each.outcome != "unfinished" for each in attempts))
                assert in_hand(server, name) == 1
                (first,) = (each for each in attempts if each.outcome != "unfinished")
                assert first.result == "bad"
                with receivers[attempts.index(first)] as done:
                    done.acknowledge()  # type: ignore[attr-defined]
                await until(lambda: all(each.outcome != "unfinished" for each in attempts))
            assert {each.result for each in attempts} == {"bad", "good"}
            assert not dead(server, name)


async def test_suspects_go_to_other_processes(server: Server, name: str) -> None:
    """Each process has one suspect at a time."""
    with fail_after(DEADLINE):
        async with channel(server, name, lease=LEASE) as jobs:
            await jobs.new_sender().send_many(["bad", "good"])
        for _ in range(2):
            await crash(server, name, 2)
        async with (
            channel(server, name, lease=LEASE) as one,
            channel(server, name, lease=LEASE) as two,
        ):
            here, there = one.new_receiver(), two.new_receiver()
            assert {await here.receive(), await there.receive()} == {"bad", "good"}


async def test_more_messages_than_a_script_moves(server: Server, name: str) -> None:
    """All messages come again, in order."""
    count = 1100
    with fail_after(DEADLINE):
        async with channel(server, name, lease=LEASE, limit=2000) as jobs:
            await jobs.new_sender().send_many(range(count))
        with suppress(Exception):
            async with channel(server, name, lease=LEASE, prefetch=0) as jobs:
                receiver, got = jobs.new_receiver(), 0
                leases = [receiver.lease() for _ in range(count)]
                for lease in leases:
                    got += await lease.__aenter__() >= 0
                assert in_hand(server, name) == got == count
                die(jobs)
        async with channel(server, name, prefetch=200) as jobs:
            receiver = jobs.new_receiver()
            assert [await receiver.receive() for _ in range(count)] == list(range(count))


async def test_a_process_that_died_without_messages(server: Server, name: str) -> None:
    """The server forgets the process, so other processes need not look after it."""
    with fail_after(DEADLINE):
        async with channel(server, name) as jobs, task_group() as tasks:
            server.ask("ZADD", key(name, "processes"), 1, "died")
            waiting = await begin(tasks, jobs.new_receiver().receive)
            await until(lambda: server.ask("ZSCORE", key(name, "processes"), "died") is None)
            waiting.cancel()


async def test_the_clock_of_the_server_was_set_back(server: Server, name: str) -> None:
    """The messages of a process that died come again after a lease all the same."""
    with fail_after(DEADLINE):
        async with channel(server, name, lease=LEASE) as jobs:
            await jobs.new_sender().send(1)
        await crash(server, name, 1)
        processes = key(name, "processes")
        (died,) = server.ask("ZRANGE", processes, 0, -1)
        hour = 3_600_000
        server.ask("ZINCRBY", processes, hour, died)
        async with channel(server, name) as jobs:
            assert await jobs.new_receiver().receive() == 1


async def test_a_message_that_comes_again_to_the_process_that_lost_it(
    server: Server, name: str
) -> None:
    """The end of the first lease has no effect: the second lease has the message."""
    with fail_after(DEADLINE):
        async with (
            Proxy(server.port) as proxy,
            channel(server, name, lease=LEASE, prefetch=0, url=proxy.url) as slow,
            channel(server, name, lease=LEASE, prefetch=0) as other,
        ):
            await other.new_sender().send(1)
            first, second = (slow.new_receiver().lease() for _ in range(2))
            with suppress(ValueError):
                async with first:
                    proxy.hold()
                    with suppress(OSError):
                        async with other.new_receiver().lease():
                            proxy.go_on()
                            raise OSError("try again")
                    await second.__aenter__()
                    raise ValueError("too late")
            await slow._session.settlements.flush()
            assert in_hand(server, name) == 1
            await second.__aexit__(None, None, None)
            await slow.join()


async def test_a_lease_that_ran_out_is_told(
    server: Server, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The process drops its messages, goes on as another consumer, and can be lost again."""
    with fail_after(DEADLINE), caplog.at_level(logging.WARNING, "anycast"):
        async with Proxy(server.port) as proxy:
            async with (
                channel(server, name, lease=LEASE, prefetch=0, url=proxy.url) as slow,
                channel(server, name, lease=LEASE, prefetch=0) as other,
            ):
                await other.new_sender().send(1)
                receiver = slow.new_receiver()
                for number in (1, 2):
                    assert await receiver.receive() == 1
                    proxy.hold()
                    async with other.new_receiver().lease() as message:
                        assert message == 1
                        proxy.go_on()
                        text = "the lease of this process ran out, and others may get its 1 message"
                        await until(lambda: caplog.text.count(text) == number)  # noqa: B023
                        await other.new_sender().send(1)
                assert await receiver.receive() == 1
            assert stored(server, name) == 1


async def test_an_acknowledgement_whose_answer_is_lost(
    server: Server, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The acknowledgement is repeated, without a warning."""
    with fail_after(DEADLINE):
        async with Proxy(server.port) as proxy, channel(server, name, url=proxy.url) as jobs:
            await jobs.new_sender().send_many(range(3))
            receiver = jobs.new_receiver()
            for number in range(3):
                async with receiver.lease() as message:
                    assert message == number
                    proxy.cut_next_reply()
            await until(lambda: stored(server, name) == 0)
            await jobs.join()
    assert not caplog.messages


async def test_at_most_once_and_an_answer_that_is_lost(server: Server, name: str) -> None:
    """The message is handed over: no process crashed."""
    with fail_after(DEADLINE):
        async with Proxy(server.port) as proxy:
            options: Any = {"url": proxy.url, "delivery": "at-most-once", "prefetch": 3}
            async with channel(server, name, **options) as jobs:
                await jobs.new_sender().send_many(range(3))
                receiver, got = jobs.new_receiver(), list[int]()
                for _ in range(3):
                    got.append(await receiver.receive())
                    proxy.cut_next_reply()
    assert got == [0, 1, 2]


async def test_a_message_that_is_given_back_twice(server: Server, name: str) -> None:
    """The answer was lost, the request is repeated, and has no second effect."""
    with fail_after(DEADLINE):
        async with Proxy(server.port) as proxy, channel(server, name, url=proxy.url) as jobs:
            await jobs.new_sender().send(1)
            receiver = jobs.new_receiver()
            with suppress(ValueError):
                async with receiver.lease():
                    proxy.cut_next_reply()
                    raise ValueError("no")
            await until(lambda: server.ask("LLEN", key(name, "returned")) == 1)
            await jobs._session.settlements.flush()
            assert server.ask("LLEN", key(name, "returned")) == 1


async def test_a_request_that_comes_late(server: Server, name: str) -> None:
    """A later request of the process was carried out meanwhile, so the late one has no effect."""
    with fail_after(DEADLINE):
        async with channel(server, name, prefetch=0) as jobs:
            await jobs.new_sender().send(1)
            holder = jobs._session._receive_pump._holder
            request = (_scripts.TAKE, 7, 6, 1, 0, 1000, 0)
            assert len((await holder.run_once(*request))[3]) == 4
            assert await holder.run_once(*request) == [b"late"]
            assert deliveries(server, name) == [1]


async def test_a_request_that_comes_after_the_message_was_given_back(
    server: Server, name: str
) -> None:
    """A message that was begun here, and is with another process now, stays there."""
    with fail_after(DEADLINE):
        async with channel(server, name) as late, channel(server, name, prefetch=0) as other:
            await other.new_sender().send(1)
            with late.new_receiver() as receiver:
                await receiver.receive()
                receiver.close()
            keeper = other.new_receiver()
            assert await keeper.receive() == 1
            ((entry_id, owner, _, _),) = server.ask(
                "XPENDING", key(name, "stream"), "receivers", "-", "+", 9
            )
            assert await late._session._holder.run(_scripts.ACK, 0, 0, entry_id) == [b"ok"]
            ((_, now, _, _),) = server.ask(
                "XPENDING", key(name, "stream"), "receivers", "-", "+", 9
            )
            assert now == owner


async def test_a_process_leaves_with_messages_that_it_does_not_know(
    server: Server, name: str
) -> None:
    """The answer that brought the messages was lost; they go back."""
    with fail_after(DEADLINE):
        async with channel(server, name, limit=2000) as jobs:
            await jobs.new_sender().send_many(range(700))
            holder = jobs._session._receive_pump._holder
            await holder.run_once(_scripts.TAKE, 7, 6, 1, 400, 10**9, 0)
            await holder.run_once(_scripts.TAKE, 8, 7, 1, 400, 10**9, 0)
            assert in_hand(server, name) == 700
        assert in_hand(server, name) == 0
        async with channel(server, name) as jobs:
            receiver = jobs.new_receiver()
            got = [await receiver.receive() for _ in range(700)]
            assert sorted(got) == list(range(700))
            assert receiver.deliveries == 1
