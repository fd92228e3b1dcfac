"""Faults between a channel and its server: no message is lost, and no task hangs."""

from __future__ import annotations

import logging
import math
import random
import threading
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from anyio import CancelScope, WouldBlock, fail_after
from coredis.connection import TCPLocation

from anycast import ChannelError, ReceiverError, SenderError
from anycast.redis._connection import Connection
from anycast.redis._link import Link, UnavailableError, UnreachableError, WritesRefusedError
from anycast.redis._link import Server as LinkServer
from helpers import settle, task_group
from proxies import Proxy
from redis_tools import DEADLINE, channel, key, stored, until
from servers import Server, free_port

if TYPE_CHECKING:
    from collections.abc import Callable

    from anycast.redis import RedisAnycast

pytestmark = pytest.mark.anyio


async def work(jobs: RedisAnycast[Any], count: int, disturb: Callable[[int], None]) -> list[int]:
    """Send numbers and receive them, disturb after each, and return what came."""
    came: list[int] = []

    async def receive() -> None:
        async for number in jobs.new_receiver():
            came.append(number)
            disturb(len(came))

    with fail_after(DEADLINE):
        async with task_group() as tasks:
            tasks.start_soon(receive)
            async with task_group() as senders:
                for start in range(4):
                    sender = jobs.new_sender()
                    senders.start_soon(sender.send_many, range(start, count, 4))
            await jobs.aclose()
    return came


async def test_connections_killed_at_random(own_server: Server, name: str) -> None:
    """Everything arrives, and only what was in hand may come twice."""
    kills = iter(range(20, 10_000, 20))
    due = next(kills)

    def kill_some(came: int) -> None:
        nonlocal due
        if came >= due:
            due = next(kills)
            clients = sorted(own_server.clients())
            victim = random.choice(clients).removeprefix("id=")
            with suppress(RuntimeError):  # gone already
                own_server.ask("CLIENT", "KILL", "ID", victim)

    async with channel(own_server, name, limit=20, lease=0.5) as jobs:
        came = await work(jobs, 400, kill_some)
    assert set(came) == set(range(400))


async def test_a_server_killed_and_restarted(name: str) -> None:
    """With an append-only file, no accepted message is lost, and none is stored twice."""
    with Server(appendonly="yes", appendfsync="always") as server:

        def restart(came: int) -> None:
            if came in (50, 100):
                server.kill()
                server.start()

        async with channel(server, name, limit=20, lease=0.5) as jobs:
            came = await work(jobs, 150, restart)
    assert set(came) == set(range(150))


async def test_a_proxy_that_cuts_replies(server: Server, name: str) -> None:
    """The request succeeded and its answer was lost: it is repeated, with no second effect."""
    async with Proxy(server.port) as proxy:

        def cut(came: int) -> None:
            if came % 10 == 0:
                proxy.cut_next_reply()

        jobs = channel(server, name, url=proxy.url, limit=20, lease=0.5, delivery="at-most-once")
        async with jobs:
            came = await work(jobs, 200, cut)
    assert len(came) == len(set(came))  # at most once, whatever fails
    assert stored(server, name) == 0


async def test_no_send_is_stored_twice(server: Server, name: str) -> None:
    """A send is stored once, however many of its answers are lost."""
    async with Proxy(server.port) as proxy:
        with fail_after(DEADLINE):
            async with channel(server, name, url=proxy.url) as jobs:
                sender = jobs.new_sender()
                for number in range(20):
                    proxy.cut_next_reply()
                    await sender.send(number)
    assert stored(server, name) == 20


async def test_a_take_whose_reply_is_lost(server: Server, name: str) -> None:
    """The messages of the lost answer come again at once, uncounted."""
    async with Proxy(server.port) as proxy:
        with fail_after(DEADLINE):
            async with channel(server, name, url=proxy.url, prefetch=0) as jobs:
                await jobs.new_sender().send_many(range(5))
                receiver = jobs.new_receiver()
                received: list[int] = []
                for _ in range(5):
                    proxy.cut_next_reply()
                    received.append(await receiver.receive())
                    assert receiver.deliveries == 1
    assert received == list(range(5))


async def test_a_fault_while_a_channel_is_opened(
    server: Server, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Entering raises, and no call waits for a task that died."""
    jobs = channel(server, name)

    async def fail(_: object) -> None:
        raise ZeroDivisionError("a fault")

    monkeypatch.setattr(jobs._session, "_run_pumps", fail)
    with fail_after(DEADLINE), pytest.raises(ChannelError) as raised:
        await jobs.__aenter__()
    assert isinstance(raised.value.__cause__, ExceptionGroup)


async def test_a_link_that_carries_small_answers_alone(server: Server, name: str) -> None:
    """Each request asks for less than the request before, until an answer arrives."""
    async with Proxy(server.port, most=60_000) as proxy:
        with fail_after(DEADLINE):
            async with channel(server, name) as there:
                await there.new_sender().send_many(["x" * 20_000] * 20)
            async with channel(server, name, url=proxy.url, timeout=0.6, prefetch=20) as jobs:
                receiver = jobs.new_receiver()
                for _ in range(20):
                    async with receiver.lease() as message:
                        assert len(message) == 20_000
    assert stored(server, name) == 0


async def test_a_message_that_the_link_cannot_carry(server: Server, name: str) -> None:
    """The channel fails after the timeout, and the message stays on the server."""
    async with Proxy(server.port, most=10_000) as proxy:
        with fail_after(DEADLINE):
            async with channel(server, name) as there:
                await there.new_sender().send("x" * 20_000)
            with pytest.raises(ReceiverError):
                async with channel(server, name, url=proxy.url, timeout=0.2) as jobs:
                    await jobs.new_receiver().receive()
    assert stored(server, name) == 1


async def expect_failure(jobs: RedisAnycast[Any], break_it: Callable[[], object]) -> str:
    """Wait and send in a channel, break the server, and return why both failed."""
    reasons: list[str] = []

    async def receive() -> None:
        with pytest.raises(ReceiverError) as raised:
            await jobs.new_receiver().receive()
        assert type(raised.value) is ReceiverError
        assert type(raised.value.__cause__) is ChannelError
        reasons.append(str(raised.value.__cause__))

    with fail_after(DEADLINE):
        async with task_group() as tasks:
            for _ in range(2):
                tasks.start_soon(receive)
            await until(lambda: jobs.statistics().tasks_waiting_receive == 2)
            break_it()
        with pytest.raises(SenderError) as raised:
            await jobs.new_sender().send(1)
        with pytest.raises(ChannelError):
            await jobs.close()
    assert reasons == [reasons[0]] * 2
    assert reasons[0] in str(raised.value)
    return reasons[0]


async def test_a_server_that_goes_away_for_good(own_server: Server, name: str) -> None:
    """After the timeout all waiting calls fail, and so do later calls."""
    async with channel(own_server, name, timeout=0.5) as jobs:
        reason = await expect_failure(jobs, own_server.kill)
    assert reason.startswith(f"{jobs}: 127.0.0.1:{own_server.port} cannot be reached")


async def test_an_infinite_timeout(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """The channel never gives up, and the log tells when the server is away and back."""
    with (
        Server(appendonly="yes", appendfsync="always") as server,
        fail_after(DEADLINE),
        caplog.at_level(logging.WARNING, "anycast"),
    ):
        async with channel(server, name, timeout=math.inf) as jobs, task_group() as tasks:
            await jobs.new_sender().send(1)
            server.kill()
            tasks.start_soon(jobs.new_sender().send, 2)
            await until(lambda: "trying again" in caplog.text)
            assert "is back" not in caplog.text
            server.start()
            await until(lambda: "the server is back after" in caplog.text)
            receiver = jobs.new_receiver()
            assert [await receiver.receive() for _ in range(2)] == [1, 2]
    tried = f"{jobs}: tried in vain for 1 s, trying again: 127.0.0.1:{server.port} cannot"
    assert tried in caplog.text


async def test_leaving_with_an_infinite_timeout(
    own_server: Server, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The channel can be left in finite time while the server is away."""
    monkeypatch.setattr("anycast.redis._options.LONGEST_FAREWELL", 0.2)
    with fail_after(DEADLINE):
        async with channel(own_server, name, timeout=math.inf):
            own_server.kill()


async def test_a_server_that_hangs(own_server: Server, name: str) -> None:
    """A server with open connections and no answers counts as away."""
    async with channel(own_server, name, timeout=0.5, lease=1.0) as jobs:
        reason = await expect_failure(jobs, own_server.freeze)
    assert f"127.0.0.1:{own_server.port}" in reason


async def test_a_server_that_hangs_for_a_while(own_server: Server, name: str) -> None:
    """Within the timeout no call fails, and waiting tasks go on."""
    with fail_after(DEADLINE):
        async with channel(own_server, name, timeout=20.0) as jobs:
            own_server.freeze()
            async with task_group() as tasks:
                tasks.start_soon(jobs.new_sender().send, 1)
                await until(lambda: jobs.statistics().tasks_waiting_send == 1)
                own_server.thaw()
            assert await jobs.new_receiver().receive() == 1


async def test_a_send_whose_outcome_stays_unknown(own_server: Server, name: str) -> None:
    """The error says that the outcome is unknown."""
    with fail_after(DEADLINE):
        async with channel(own_server, name, timeout=0.3) as jobs:
            await jobs.new_sender().send(1)
            own_server.freeze()
            with pytest.raises(SenderError, match="does not know whether its message was stored"):
                await jobs.new_sender().send(2)


@pytest.mark.parametrize("many", [False, True])
async def test_a_timeout_of_a_send_whose_outcome_stays_unknown(
    own_server: Server, name: str, *, many: bool
) -> None:
    """A `TimeoutError` would say that nothing was sent, and the server stores the message later."""
    text = "does not know whether its message was stored"
    with fail_after(DEADLINE):
        async with channel(own_server, name, timeout=0.3) as jobs:
            sender = jobs.new_sender()
            await sender.send(1)
            own_server.freeze()
            with pytest.raises(SenderError, match=text), fail_after(0.01):
                await (sender.send_many([2]) if many else sender.send(2))
            own_server.thaw()
        await until(lambda: stored(own_server, name) == 2)


@pytest.mark.parametrize("many", [False, True])
async def test_a_time_limit_of_a_send_while_the_server_is_away(
    own_server: Server, name: str, monkeypatch: pytest.MonkeyPatch, *, many: bool
) -> None:
    """The limit holds from the first send on: nothing was written, so nothing can be stored."""
    monkeypatch.setattr("anycast.redis._options.LONGEST_FAREWELL", 0.2)
    with fail_after(DEADLINE):
        async with channel(own_server, name, timeout=math.inf) as jobs:
            sender = jobs.new_sender()
            own_server.kill()
            for _ in range(3):
                with pytest.raises(TimeoutError), fail_after(0.01):
                    await (sender.send_many([1]) if many else sender.send(1))


async def test_a_time_limit_of_a_send_while_a_connection_is_opened(
    server: Server, name: str
) -> None:
    """The limit holds, and the next send is stored."""
    with fail_after(DEADLINE):
        async with Proxy(server.port) as proxy, channel(server, name, url=proxy.url) as jobs:
            sender = jobs.new_sender()
            proxy.hold()
            with pytest.raises(TimeoutError), fail_after(0.01):
                await sender.send(1)
            proxy.go_on()
            await sender.send(2)
            assert await jobs.new_receiver().receive() == 2
        assert stored(server, name) == 0


async def test_a_send_that_never_reached_the_server(own_server: Server, name: str) -> None:
    """The error says that the message was not stored."""
    with fail_after(DEADLINE):
        async with channel(own_server, name, timeout=0.3) as jobs:
            own_server.kill()
            with pytest.raises(SenderError, match=r"could not send: .* cannot be reached"):
                await jobs.new_sender().send(1)


async def test_leaving_does_not_wait_for_ever(own_server: Server, name: str) -> None:
    """A server that hangs delays neither the leaving task nor the tasks in flight for ever."""
    outcomes: list[str] = []

    async def send() -> None:
        try:
            await jobs.new_sender().send(1)
        except SenderError as error:
            outcomes.append(str(error))

    with fail_after(DEADLINE):
        async with task_group() as tasks, channel(own_server, name, timeout=0.3) as jobs:
            own_server.freeze()
            tasks.start_soon(send)
            await until(lambda: jobs.statistics().tasks_waiting_send == 1)
    assert len(outcomes) == 1


async def test_a_slow_connection(server: Server, name: str) -> None:
    """Answers that come byte by byte are answers."""
    async with (
        Proxy(server.port, piece=1) as proxy,
        channel(server, name, url=proxy.url, limit=10) as jobs,
    ):
        assert sorted(await work(jobs, 50, lambda _: None)) == list(range(50))


async def test_flushed_while_senders_are_blocked(own_server: Server, name: str) -> None:
    """Blocked senders learn of the flush, too."""
    with fail_after(DEADLINE):
        async with channel(own_server, name, limit=1) as jobs, task_group() as tasks:
            await jobs.new_sender().send(1)

            async def send() -> None:
                with pytest.raises(SenderError, match="does not have the channel any more"):
                    await jobs.new_sender().send(2)

            for _ in range(2):
                tasks.start_soon(send)
            await until(lambda: jobs.statistics().tasks_waiting_send == 2)
            own_server.ask("FLUSHALL")


async def test_everything_is_flushed(own_server: Server, name: str) -> None:
    """Waiting tasks learn that the channel is gone."""
    async with channel(own_server, name) as jobs:
        reason = await expect_failure(jobs, lambda: own_server.ask("FLUSHALL"))
    assert reason == f"{jobs}: the server does not have the channel any more"


async def test_a_failure_can_be_seen(own_server: Server, name: str) -> None:
    """By a health check, in a process that neither sends nor receives; it stays."""
    jobs = channel(own_server, name, lease=0.3)
    async with jobs:
        assert repr(jobs).endswith("closed=False>")
        own_server.ask("FLUSHALL")
        await until(lambda: jobs.failure is not None)
        failure = jobs.failure
        assert isinstance(failure, ChannelError)
        assert str(failure) == f"{jobs}: the server does not have the channel any more"
        assert repr(jobs).endswith("closed=False, failed=True>")
    assert jobs.failure is failure


async def test_a_channel_that_was_left_has_not_failed(server: Server, name: str) -> None:
    """Leaving is no failure."""
    async with channel(server, name) as jobs:
        pass
    assert jobs.failure is None
    assert repr(jobs).endswith("closed=False>")


async def test_failover_to_an_empty_server(own_server: Server, name: str) -> None:
    """The same address, another server: the channel is not there."""

    def restart() -> None:
        own_server.kill()
        own_server.start()

    async with channel(own_server, name) as jobs:
        reason = await expect_failure(jobs, restart)
    assert reason == f"{jobs}: the server does not have the channel any more"


async def test_a_server_that_is_a_replica_for_a_while(own_server: Server, name: str) -> None:
    """In a failover the server refuses writes, and requests go on when there is a primary."""
    with fail_after(DEADLINE):
        async with channel(own_server, name, timeout=30.0) as jobs:
            sender = jobs.new_sender()
            await sender.send(1)
            own_server.ask("REPLICAOF", "127.0.0.1", free_port())
            async with task_group() as tasks:
                tasks.start_soon(sender.send, 2)
                refused = partial(errors, own_server, "READONLY")
                await until(refused)
                own_server.ask("REPLICAOF", "NO", "ONE")
            receiver = jobs.new_receiver()
            assert [await receiver.receive() for _ in range(2)] == [1, 2]


def errors(server: Server, kind: str) -> bool:
    """Return whether a server has answered with a kind of error."""
    return f"errorstat_{kind}" in server.ask("INFO", "errorstats").decode()


async def test_a_channel_made_anew_behind_our_back(own_server: Server, name: str) -> None:
    """A new channel of the same name is not the channel that this process has opened."""
    with fail_after(DEADLINE):
        async with channel(own_server, name) as old:
            own_server.ask("FLUSHALL")
            async with channel(own_server, name) as new:
                with pytest.raises(SenderError, match="does not have the channel any more"):
                    await old.new_sender().send(1)
                await new.new_sender().send(2)
                assert await new.new_receiver().receive() == 2


async def test_the_stream_alone_is_deleted(own_server: Server, name: str) -> None:
    """A channel without its stream counts as deleted."""
    async with channel(own_server, name) as jobs:
        reason = await expect_failure(jobs, lambda: own_server.ask("DEL", key(name, "stream")))
    assert reason == f"{jobs}: the server does not have the channel any more"


async def test_a_server_out_of_memory(name: str) -> None:
    """A send fails, and was not stored; what is there can be received, which makes room."""
    with Server() as server, fail_after(DEADLINE):
        server.ask("CONFIG", "SET", "maxmemory-policy", "noeviction")
        async with channel(server, name, max_deliveries=2) as jobs:
            sender, receiver = jobs.new_sender(), jobs.new_receiver()
            await sender.send_many([1, 2])
            server.ask("CONFIG", "SET", "maxmemory", "1")
            with pytest.raises(SenderError, match=r"could not send: .*(OOM|maxmemory)"):
                await sender.send(3)
            with pytest.raises(ValueError, match="no"):
                async with receiver.lease():
                    raise ValueError("no")
            assert sorted([await receiver.receive() for _ in range(2)]) == [1, 2]
            server.ask("CONFIG", "SET", "maxmemory", "0")
            await sender.send(4)
            server.ask("CONFIG", "SET", "maxmemory", "1")
            await jobs.aclose()
            assert [message async for message in receiver] == [4]


async def test_a_user_who_may_not(own_server: Server, name: str) -> None:
    """The error is the server's own."""
    own_server.ask("ACL", "SETUSER", "guest", "on", ">guest", "~*", "+@connection")
    url = own_server.url.replace("//", "//guest:guest@")
    with fail_after(DEADLINE), pytest.raises(ChannelError, match="permission"):
        await channel(own_server, name, url=url).__aenter__()


def receive_elsewhere(server: Server, name: str, count: int, **options: Any) -> list[int]:
    """Receive so many messages in another thread, while the event loop of this thread hangs."""
    taken: list[int] = []

    async def receive() -> None:
        async with channel(server, name, lease=0.2, **options) as other:
            receiver = other.new_receiver()
            for _ in range(count):
                async with receiver.lease() as message:
                    taken.append(message)

    thread = threading.Thread(target=anyio.run, args=[receive])
    thread.start()
    thread.join()
    return taken


async def test_a_loop_that_hangs_past_its_lease(
    server: Server, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Other processes get its messages, and the process hands out none of them."""
    with fail_after(DEADLINE), caplog.at_level(logging.WARNING, "anycast"):
        async with channel(server, name, lease=0.2, prefetch=3) as hanging:
            await hanging.new_sender().send_many(range(4))
            holder = hanging.new_receiver()
            assert await holder.receive() == 0
            await until(lambda: hanging.statistics().current_buffer_used == 3)
            taken = receive_elsewhere(server, name, 3, prefetch=0)
            assert sorted(taken) == [0, 1, 2]
            assert await holder.receive() == 3
    assert "the lease of this process ran out, and others may get its" in caplog.text


@pytest.mark.parametrize("then", ["leave", "receive_nowait", "receive_many"])
async def test_what_a_loop_that_hung_still_has(
    server: Server, name: str, caplog: pytest.LogCaptureFixture, then: str
) -> None:
    """Messages that other processes got meanwhile are neither handed out nor given back."""
    with fail_after(DEADLINE), caplog.at_level(logging.WARNING, "anycast"):
        async with channel(server, name, lease=0.2, prefetch=3) as hanging:
            await hanging.new_sender().send_many(range(4))
            holder = hanging.new_receiver()
            assert await holder.receive() == 0
            await until(lambda: hanging.statistics().current_buffer_used == 3)
            taken = receive_elsewhere(server, name, 4)
            if then == "receive_nowait":
                with pytest.raises(WouldBlock):
                    holder.receive_nowait()
            elif then == "receive_many":
                await hanging.new_sender().send(4)
                assert await holder.receive_many(5) == [4]
            else:
                await until(lambda: "ran out" in caplog.text)
    assert sorted(taken) == [0, 1, 2, 3]


async def test_at_most_once_and_a_server_that_hangs(own_server: Server, name: str) -> None:
    """A message that may have been deleted is not handed out."""
    options: dict[str, Any] = {"delivery": "at-most-once", "timeout": 0.5, "prefetch": 4}
    with fail_after(DEADLINE):
        async with channel(own_server, name, **options) as jobs:
            await jobs.new_sender().send_many(range(4))
            await jobs.new_receiver().receive()
            await until(lambda: jobs.statistics().current_buffer_used == 3)
            own_server.freeze()

            async def receive() -> None:
                with pytest.raises(ReceiverError):
                    await jobs.new_receiver().receive()

            async with task_group() as tasks:
                for _ in range(2):
                    tasks.start_soon(receive)
                    await settle()
                with CancelScope() as scope:
                    scope.cancel()
                    await jobs.new_receiver().receive()
                assert scope.cancelled_caught


async def test_a_server_that_answers_nonsense(server: Server, name: str) -> None:
    """Nonsense counts as no answer, and after the timeout the error quotes the nonsense."""
    async with (
        Proxy(server.port) as proxy,
        channel(server, name, url=proxy.url, timeout=0.5) as jobs,
    ):
        reason = await expect_failure(jobs, proxy.talk_nonsense)
    assert reason.startswith(f"{jobs}: 127.0.0.1:")
    assert "Protocol Error" in reason


async def test_a_send_that_is_answered_by_nonsense(server: Server, name: str) -> None:
    """The outcome of the send is unknown, and the error says so."""
    with fail_after(DEADLINE):
        async with (
            Proxy(server.port) as proxy,
            channel(server, name, url=proxy.url, timeout=0.5) as jobs,
            task_group() as tasks,
        ):
            await jobs.new_sender().send(1)
            proxy.hold()

            async def talk_nonsense() -> None:
                await until(lambda: proxy.held)
                proxy.talk_nonsense()

            tasks.start_soon(talk_nonsense)
            with pytest.raises(SenderError, match="does not know whether its message was stored"):
                await jobs.new_sender().send(2)


async def test_a_fault_of_our_own(
    server: Server, name: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No task waits for a pump that has died, and the log has the reason."""

    async def fail() -> None:
        raise ZeroDivisionError

    with caplog.at_level(logging.ERROR, "anycast"):
        async with channel(server, name) as jobs:
            monkeypatch.setattr(jobs._session.settlements, "_flush", fail)
            await expect_failure(jobs, jobs._session.settlements._wakeup.set)
    assert "a fault of anycast itself" in caplog.text


async def test_a_connection_that_is_cut_before_its_first_command() -> None:
    """No command of a caller has run, so another try is safe."""
    unused: Any = None
    link: Any = Link(LinkServer("redis://localhost"), unused, timeout=DEADLINE)

    async def open_connection(_: bytes | None) -> None:
        raise outcome

    link._open = open_connection
    outcome: Exception = UnreachableError("cut in HELLO")
    with pytest.raises(UnavailableError, match="cut in HELLO"):
        await link.call(b"PING")
    outcome = WritesRefusedError("NOREPLICAS")
    with pytest.raises(WritesRefusedError):
        await link.call(b"PING")


class BrokenConnection:
    """A connection that fails in an unexpected way."""

    usable = True

    def create_request(self, *_: object, **__: object) -> Any:
        """Fail."""
        raise OSError("the cable is cut")


async def test_a_connection_that_fails_in_another_way(server: Server) -> None:
    """An unexpected failure counts as no answer."""
    async with task_group() as tasks:
        link = Link(LinkServer(server.url), tasks, timeout=1.0)
        broken: Any = BrokenConnection()
        link._connection = Connection(broken, TCPLocation("nowhere", 1))
        with pytest.raises(UnreachableError, match="the cable is cut"):
            await link.call(b"PING")
        assert link._connection is None


async def test_leaving_while_a_connection_is_being_made(server: Server) -> None:
    """The new connection is cut as soon as it is made."""
    async with Proxy(server.port) as proxy, task_group() as tasks:
        link = Link(LinkServer(proxy.url), tasks, timeout=DEADLINE)

        async def call() -> None:
            with pytest.raises(UnreachableError, match="the channel was left"):
                await link.call(b"PING")

        proxy.hold()
        tasks.start_soon(call)
        await until(lambda: proxy.held)
        link.close()
        proxy.go_on()
