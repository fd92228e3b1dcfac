"""An operator acts while processes work, while other operators act, and with lost answers."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from anyio import CancelScope, Event, create_task_group, fail_after

from admin_tools import admin_of, bury, keys_of, make
from anycast import ChannelError, Error, ReceiverError, SenderError
from anycast.redis import RedisAnycast, RedisChannelAdmin, channels
from anycast.redis._connection import Connection
from helpers import raises, settle, task_group
from proxies import Proxy
from redis_tools import DEADLINE, channel, dead, key, stored, until
from servers import free_port

if TYPE_CHECKING:
    from servers import Server

pytestmark = pytest.mark.anyio

LETTERS = 60


async def receive_into(jobs: RedisAnycast[Any], came: list[Any]) -> None:
    """Receive until the channel has ended."""
    came.extend([message async for message in jobs.new_receiver()])


async def test_requeue_while_receivers_take(server: Server, name: str) -> None:
    """Two operators send the same letters again: each letter comes once."""
    with fail_after(DEADLINE):
        came: list[Any] = []
        counts: list[int] = []
        async with (
            channel(server, name) as one,
            channel(server, name) as other,
            admin_of(server, name) as admin,
            admin_of(server, name) as second,
            task_group() as tasks,
        ):
            ids = bury(server, name, *[b"%d" % number for number in range(LETTERS)])
            for jobs in (one, one, other):
                tasks.start_soon(receive_into, jobs, came)

            async def requeue(operator: RedisChannelAdmin, each: str) -> None:
                counts.append(await operator.requeue([each]))

            async with create_task_group() as operators:
                for each in ids:
                    operators.start_soon(requeue, admin, each)
                    operators.start_soon(requeue, second, each)
            await one.join()
            await admin.close()
        assert sorted(came) == list(range(LETTERS))
        assert Counter(counts) == {0: LETTERS, 1: LETTERS}
        assert dead(server, name) == []


async def test_requeue_of_all_while_all_fail_again(server: Server, name: str) -> None:
    """Each letter is sent again once, although each message fails again."""
    with fail_after(DEADLINE):
        failed: list[Any] = []

        async def fail(jobs: RedisAnycast[Any]) -> None:
            while True:
                with suppress(OSError):
                    async with jobs.new_receiver().lease() as message:
                        failed.append(message)
                        raise OSError("again")

        async with (
            channel(server, name, max_deliveries=1, limit=5) as jobs,
            admin_of(server, name) as admin,
            task_group() as tasks,
        ):
            bury(server, name, *[b"%d" % number for number in range(LETTERS)])
            tasks.start_soon(fail, jobs)
            assert await admin.requeue("all") == LETTERS
            await until(lambda: stored(server, name) == 0)
            tasks.cancel_scope.cancel()
        assert sorted(failed) == list(range(LETTERS))
        assert len(dead(server, name)) == LETTERS


async def test_requeue_of_all_while_letters_come(
    server: Server, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Messages that become letters after the call began are left alone."""
    with fail_after(DEADLINE):
        await make(server, name)
        async with admin_of(server, name) as admin:
            bury(server, name, b"1", b"2")
            requeue = admin._requeue

            async def requeue_and_bury(ids: list[str]) -> int:
                bury(server, name, b"3")
                return await requeue(ids)

            monkeypatch.setattr(admin, "_requeue", requeue_and_bury)
            assert await admin.requeue("all") == 2
    assert len(dead(server, name)) == 1


async def test_set_limit_while_senders_are_blocked(server: Server, name: str) -> None:
    """Blocked senders of two processes go on as the limit grows, without a receive."""
    with fail_after(DEADLINE):
        async with (
            channel(server, name, limit=1) as one,
            channel(server, name, limit=1) as other,
            admin_of(server, name) as admin,
            task_group() as tasks,
        ):
            for number in range(20):
                jobs = one if number % 2 else other
                tasks.start_soon(jobs.new_sender().send, number)
            for limit in (5, 11, 2, 20):
                await admin.set_limit(limit)
                await until(lambda: stored(server, name) >= limit)  # noqa: B023  awaited here
                assert stored(server, name) == max(limit, 11 if limit == 2 else 0)
        assert stored(server, name) == 20


async def test_destroy_while_in_use(server: Server, name: str) -> None:
    """Senders and receivers that wait are told, and the keys stay deleted."""
    with fail_after(DEADLINE):
        async with channel(server, name, limit=1, timeout=1) as jobs:
            await jobs.new_sender().send(1)
            held = Event()

            async def send() -> None:
                with pytest.raises(SenderError):
                    await jobs.new_sender().send(2)

            async def receive() -> None:
                receiver = jobs.new_receiver()
                await receiver.receive()
                held.set()
                with pytest.raises(ReceiverError):
                    await jobs.new_receiver().receive()

            async with admin_of(server, name) as admin, create_task_group() as tasks:
                tasks.start_soon(receive)
                await held.wait()
                tasks.start_soon(send)
                while not (await admin.status()).blocked_senders:
                    pass
                await admin.destroy(force=True)
        assert keys_of(server, name) == []


async def test_a_lost_answer_changes_nothing(server: Server, name: str) -> None:
    """Each call that changes the channel acts once, and counts once."""
    with fail_after(DEADLINE):
        async with Proxy(server.port) as proxy:
            await make(server, name)
            async with admin_of(server, name, url=proxy.url) as admin:
                ids = bury(server, name, *[b"%d" % number for number in range(9)])
                proxy.cut_next_reply()
                assert await admin.requeue(ids[:2]) == 2
                proxy.cut_next_reply()
                assert await admin.drop(ids[2:4]) == 2
                proxy.cut_next_reply()
                assert await admin.set_dead_limit(3) == 2
                proxy.cut_next_reply()
                assert await admin.drop("all") == 3
                proxy.cut_next_reply()
                await admin.set_limit(7)
                proxy.cut_next_reply()
                assert (await admin.status()).limit == 7
                assert stored(server, name) == 2
                for _ in range(2):  # a cut for the search of keys, and a cut for the script
                    proxy.cut_next_reply()
                await admin.destroy()
            assert keys_of(server, name) == []


async def test_a_request_that_comes_late_changes_nothing(server: Server, name: str) -> None:
    """The request was cancelled, and a later request was answered before it came."""
    with fail_after(DEADLINE):
        await make(server, name)
        async with admin_of(server, name) as admin:
            first, second, third = bury(server, name, b"1", b"2", b"3")
            assert await admin.requeue([first]) == 1
            assert await admin.requeue([second, "1-1"]) == 1
            for number in range(2):
                admin._calls._numbered = number  # of the calls before
                assert await admin.drop([third]) == 1  # the answer to the last call
            assert len(dead(server, name)) == 1
            assert 0 < server.ask("TTL", admin._calls._keys.all[-1]) <= 3600


async def test_answers_of_two_calls_that_are_lost(server: Server, name: str) -> None:
    """In the end each call of an admin gets its own answer."""
    counts: dict[str, int] = {}
    with fail_after(DEADLINE):
        await make(server, name)
        async with Proxy(server.port) as proxy, admin_of(server, name, url=proxy.url) as admin:
            await admin.status()
            ids = bury(server, name, *[b"%d" % number for number in range(5)])

            async def requeue() -> None:
                counts["requeued"] = await admin.requeue(ids[:3])

            async def drop() -> None:
                counts["dropped"] = await admin.drop(ids[3:])

            proxy.hold()
            async with create_task_group() as tasks:
                tasks.start_soon(requeue)
                await until(lambda: proxy.held)
                tasks.start_soon(drop)
                await settle()
                proxy.cut_next_reply()
                proxy.go_on()
    assert counts == {"requeued": 3, "dropped": 2}


async def test_concurrent_calls_of_one_admin(server: Server, name: str) -> None:
    """The calls share a connection, and each call gets its own answer."""
    counts: list[int] = []
    with fail_after(DEADLINE):
        await make(server, name)
        async with admin_of(server, name) as admin, create_task_group() as tasks:
            ids = bury(server, name, *[b"%d" % number for number in range(10)])

            async def work(call: Any, each: str) -> None:
                counts.append(await call([each]))

            for each in ids:
                tasks.start_soon(work, admin.requeue, each)
                tasks.start_soon(work, admin.drop, each)
        assert sum(counts) == 10
        assert dead(server, name) == []


async def test_a_server_that_is_away(name: str) -> None:
    """After the timeout, each call is an error that says where the server is missed."""
    port = free_port()
    url = f"redis://:secret@127.0.0.1:{port}"
    with fail_after(DEADLINE):
        async with RedisChannelAdmin(name, url=url, timeout=0.1) as admin:
            text = f"^RedisAnycast:{name}: 127.0.0.1:{port} cannot be reached"
            for call in (admin.status, admin.destroy):
                with pytest.raises(ChannelError, match=text) as caught:
                    await call()
                assert caught.value.__cause__ is not None
                assert "secret" not in str(caught.value)
        with pytest.raises(Error, match=f"^127.0.0.1:{port} cannot be reached"):
            await channels(url, timeout=0.1)


async def test_a_key_of_another_type(server: Server, name: str) -> None:
    """A refusal of the server is an error with the reason."""
    server.ask("SET", key(name, "meta"), "no hash")
    with fail_after(DEADLINE):
        async with admin_of(server, name) as admin:
            with pytest.raises(ChannelError, match="wrong kind of value"):
                await admin.status()


async def test_a_server_that_comes_back(own_server: Server, name: str) -> None:
    """The admin connects anew, and goes on."""
    with fail_after(DEADLINE):
        await make(own_server, name)
        async with admin_of(own_server, name) as admin:
            await admin.status()
            own_server.ask("CLIENT", "KILL", "TYPE", "normal")
            assert (await admin.status()).waiting == 0


async def test_left_in_another_task(server: Server, name: str) -> None:
    """An admin may be entered in one task and left in another task."""
    with fail_after(DEADLINE):
        await make(server, name)
        admin = admin_of(server, name)
        async with create_task_group() as tasks:
            tasks.start_soon(admin.__aenter__)
        await admin.status()
        async with create_task_group() as tasks:
            tasks.start_soon(admin.__aexit__, None, None, None)
        await until(lambda: not admin._calls.line._link)


async def test_leaving_when_cancelled(server: Server, name: str) -> None:
    """The connection is closed, and the cancellation goes on."""
    before = server.clients()
    with fail_after(DEADLINE):
        await make(server, name)
        with CancelScope() as scope:
            async with admin_of(server, name) as admin:
                await admin.status()
                scope.cancel()
                await Event().wait()
        assert scope.cancelled_caught
        await until(lambda: server.clients() <= before)


async def test_entering_when_cancelled(server: Server, name: str) -> None:
    """No task is left running."""
    admin = admin_of(server, name)
    with fail_after(DEADLINE), CancelScope() as scope:
        scope.cancel()
        async with admin:
            pytest.fail("it must not be entered")
    await until(admin._calls.line._over.is_set)


@pytest.mark.asyncio_only
async def test_native_cancellation_while_leaving(server: Server, name: str) -> None:
    """The link ends all the same."""
    async with asyncio.timeout(DEADLINE):
        await make(server, name)
        admin = admin_of(server, name)
        entered = asyncio.Event()

        async def use() -> None:
            async with admin:
                await admin.status()
                entered.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(use())
        await entered.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await admin._calls.line._over.wait()


async def test_in_another_event_loop(server: Server, name: str) -> None:
    """A call is an error that says so at once."""
    text = (
        f"RedisChannelAdmin:{name} was entered in another event loop:"
        " make a channel in each event loop"
    )

    def elsewhere() -> None:
        with raises(RuntimeError, text):
            anyio.run(admin.status)

    with fail_after(DEADLINE):
        async with admin_of(server, name) as admin:
            thread = threading.Thread(target=elsewhere)
            thread.start()
            thread.join()


async def test_a_fault_of_the_connection(
    server: Server, name: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The fault is logged, and ends the link, and the admin can still be left."""

    async def fail(_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Connection, "run", fail)
    with fail_after(DEADLINE), caplog.at_level(logging.ERROR, "anycast"):
        async with admin_of(server, name, timeout=0.1) as admin:
            with pytest.raises((ChannelError, RuntimeError)):
                await admin.status()
            with pytest.raises(RuntimeError, match="can be used only within"):
                await admin.status()
    assert "a fault of anycast itself" in caplog.text
