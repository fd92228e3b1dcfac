"""A channel whose server is found by Sentinels, with real Sentinels."""

from __future__ import annotations

import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from anyio import fail_after, to_thread

from anycast import ChannelError
from anycast.redis._answers import RedirectedError, UnavailableError
from anycast.redis._sentinels import SentinelRoute
from groups import SERVICE, Watched, crash, wait_for
from load import survives
from redis_tools import DEADLINE, channel, until
from servers import Server, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

WORD = "guard"

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def shared() -> Iterator[Watched]:
    """Run servers for all tests that do them no harm."""
    with Watched() as watched:
        yield watched


@pytest.fixture
def watched() -> Iterator[Watched]:
    """Run servers for a single test."""
    with Watched() as watched:
        yield watched


async def test_the_primary_is_found(shared: Watched, name: str) -> None:
    """The messages are on the server that the Sentinels name."""
    with fail_after(DEADLINE):
        async with channel(shared.servers[0], name, url=shared.url) as jobs:
            await jobs.new_sender().send(1)
            assert await jobs.new_receiver().receive() == 1
            assert shared.primary().ask("EXISTS", f"anycast:{{{name}}}:meta") == 1


async def test_a_database(shared: Watched, name: str) -> None:
    """The number behind the name of the service selects the database."""
    with fail_after(DEADLINE):
        async with channel(shared.servers[0], name, url=f"{shared.url}/3") as jobs:
            await jobs.new_sender().send(1)
    assert "db3" in shared.primary().info("keyspace")


async def test_a_sentinel_that_is_away(shared: Watched, name: str) -> None:
    """The next Sentinel is asked."""
    hosts = f"127.0.0.1:{free_port()},{shared.hosts}"
    url = f"redis+sentinel://{hosts}/{SERVICE}"
    with fail_after(DEADLINE):
        async with channel(shared.servers[0], name, url=url) as jobs:
            await jobs.new_sender().send(1)


async def test_a_service_that_no_sentinel_knows(shared: Watched, name: str) -> None:
    """After the timeout the error names the service."""
    url = f"redis+sentinel://{shared.hosts}/nothing"
    with fail_after(DEADLINE), pytest.raises(ChannelError, match="knows no service 'nothing'"):
        await channel(shared.servers[0], name, url=url, timeout=0.2).__aenter__()


async def test_no_sentinel_there(shared: Watched, name: str) -> None:
    """After the timeout the error names each address."""
    first, second = free_port(), free_port()
    url = f"redis+sentinel://127.0.0.1:{first},127.0.0.1:{second}/{SERVICE}"
    with fail_after(DEADLINE), pytest.raises(ChannelError) as raised:
        await channel(shared.servers[0], name, url=url, timeout=0.2).__aenter__()
    assert f":{first} cannot be reached" in str(raised.value)
    assert f":{second} cannot be reached" in str(raised.value)


async def test_a_sentinel_that_names_a_replica(shared: Watched, name: str) -> None:
    """A server that is no primary is not used, even if a Sentinel names the server."""
    replica = next(server for server in shared.servers if server is not shared.primary())
    sentinel = shared.sentinels[2]
    sentinel.ask("SENTINEL", "MONITOR", name, "127.0.0.1", replica.port, 2)
    url = f"redis+sentinel://127.0.0.1:{sentinel.port}/{name}"
    with fail_after(DEADLINE), pytest.raises(ChannelError, match=f"not the primary of '{name}'"):
        await channel(shared.servers[0], name, url=url, timeout=0.2).__aenter__()


async def test_sentinels_with_a_password(name: str) -> None:
    """The password of Sentinels is an option of the URL, and a wrong password is final."""
    with Watched(password=WORD) as watched, fail_after(DEADLINE):
        url = f"{watched.url}?sentinel_password="
        async with channel(watched.servers[0], name, url=f"{url}{WORD}") as jobs:
            await jobs.new_sender().send(1)
        with pytest.raises(ChannelError, match="refuses the connection: WRONGPASS") as raised:
            await channel(watched.servers[0], name, url=f"{url}x{WORD}").__aenter__()
        assert WORD not in str(raised.value)


async def test_the_primary_crashes_under_load(watched: Watched, name: str) -> None:
    """The channel goes on at the replica, with every message."""
    await survives(watched.url, name, lambda: watched.fail_over(crash))


async def test_the_primary_hangs_under_load(watched: Watched, name: str) -> None:
    """A primary that hung is not used when it goes on: it becomes a replica, and forgets."""

    def freeze_for_a_while() -> None:
        old = watched.primary()
        watched.fail_over(Server.freeze)
        time.sleep(2)  # in which the channel must notice
        old.thaw()
        wait_for(lambda: is_replica(old))

    await survives(watched.url, name, freeze_for_a_while)


async def test_a_planned_failover(watched: Watched, name: str) -> None:
    """The channel follows the Sentinels, though the old primary goes on for a while."""
    with fail_after(DEADLINE):
        async with channel(watched.servers[0], name, url=watched.url) as jobs:
            sender, receiver = jobs.new_sender(), jobs.new_receiver()
            await sender.send(1)
            assert await receiver.receive() == 1
            old = watched.primary()
            await to_thread.run_sync(partial(watched.fail_over, watched.ask_for_failover))
            await until(lambda: not connected(old))
            assert old.info("replication")["role"] == "master"
            await sender.send(2)
            assert await receiver.receive() == 2


def is_replica(server: Server) -> bool:
    """Return whether a server is a replica; a Sentinel that changes a server cuts connections."""
    with suppress(OSError):
        return server.info("replication")["role"] == "slave"
    return False


def connected(server: Server) -> bool:
    """Return whether a channel is connected to a server."""
    clients: bytes = server.ask("CLIENT", "LIST")
    return b"cmd=eval" in clients or b"cmd=blpop" in clients


def test_a_server_of_a_service_names_another_server() -> None:
    """The answer is an error: only nodes of a cluster may redirect."""
    unused: Any = None
    route = SentinelRoute((), SERVICE, unused, 1.0)
    with pytest.raises(UnavailableError, match="MOVED 1 host:1"):
        route.moved(RedirectedError("MOVED 1 host:1", "host", 1, once=False), unused)
