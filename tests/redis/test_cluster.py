"""A channel in a cluster, with the nodes of a real cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from anyio import create_task_group, create_tcp_listener, fail_after, to_thread
from coredis.connection import TCPLocation, UnixDomainSocketLocation

from anycast import ChannelError
from anycast.redis._answers import UnavailableError
from anycast.redis._cluster import _address, _endpoint, slot_of
from anycast.redis._link import Link
from anycast.redis._link import Server as LinkServer
from groups import Cluster, crash, has_replica, wait_for
from load import survives
from proxies import port_of
from redis_tools import DEADLINE, channel, key
from servers import Server, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from anyio.abc import SocketStream

pytestmark = pytest.mark.anyio


@pytest.fixture
def own_cluster() -> Iterator[Cluster]:
    """Run a cluster for a single test."""
    with Cluster() as cluster:
        yield cluster


def other_than(cluster: Cluster, *nodes: Server) -> Server:
    """Return a primary that is not among these nodes."""
    masters = [fields for fields in cluster.shown_by(nodes[0]) if "master" in fields[2]]
    ports = [int(fields[1].partition("@")[0].rpartition(":")[2]) for fields in masters]
    return next(node for node in map(cluster.node, ports) if node not in nodes)


@pytest.mark.parametrize("text", [b"a", b"{a}b", b"{}a", b"a{b", b"{{a}}", b"x{a}{b}", b"1234567"])
def test_the_slot_of_a_key(cluster: Cluster, text: bytes) -> None:
    """The slot equals the slot that the nodes compute."""
    assert slot_of(text) == cluster.nodes[0].ask("CLUSTER", "KEYSLOT", text)


NODES: list[tuple[list[Any], str]] = [
    ([b"other", 2, b"id", {}], "other:2"),
    ([None, 2, b"id", {}], "asked:2"),
    ([b"", 2, b"id"], "asked:2"),
    ([b"?", 2, b"id", {b"ip": b"::2"}], "::2:2"),
    ([b"?", 2, b"id", {b"ip": b""}], "None"),
    ([b"?", 2, b"id"], "None"),
]


@pytest.mark.parametrize(("node", "found"), NODES)
def test_the_address_of_a_node(node: list[Any], found: str) -> None:
    """A node without a host has the host that was asked; a node without a name has an address."""
    assert str(_address(*_endpoint(node), TCPLocation("asked", 1))) == found


def test_no_address_from_a_socket() -> None:
    """Behind a socket of this machine there is no host to take over."""
    assert _address(None, 2, UnixDomainSocketLocation("/socket")) is None


async def test_every_name_works(cluster: Cluster, name: str) -> None:
    """Each channel is on the node with its slot, whichever nodes the URL names."""
    owners: set[Server] = set()
    with fail_after(DEADLINE):
        for number in range(12):
            one = f"{name}-{number}"
            for url in (cluster.url, cluster.nodes[0].url, cluster.nodes[5].url):
                async with channel(cluster.nodes[0], one, url=url) as jobs:
                    await jobs.new_sender().send(number)
                    assert await jobs.new_receiver().receive() == number
            owners.add(cluster.owner(key(one, "meta")))
    assert len(owners) == 3


async def test_nodes_that_are_away(cluster: Cluster, name: str) -> None:
    """The next node of the URL is asked."""
    url = f"redis+cluster://127.0.0.1:{free_port()},127.0.0.1:{cluster.nodes[1].port}"
    with fail_after(DEADLINE):
        async with channel(cluster.nodes[0], name, url=url) as jobs:
            await jobs.new_sender().send(1)


async def test_a_server_that_is_no_cluster(server: Server, name: str) -> None:
    """The error is the server's own."""
    url = server.url.replace("redis:", "redis+cluster:")
    with fail_after(DEADLINE), pytest.raises(ChannelError, match="cluster support disabled"):
        await channel(server, name, url=url).__aenter__()


async def test_a_slot_that_no_node_has(own_server: Server, name: str) -> None:
    """After the timeout the error says that no node has the slot."""
    with Server(**{"cluster-enabled": "yes", "cluster-port": str(free_port())}) as node:
        for url in (node.url.replace("redis:", "redis+cluster:"), node.url):
            with fail_after(DEADLINE), pytest.raises(ChannelError, match="no node of the cluster"):
                await channel(own_server, name, url=url, timeout=0.2).__aenter__()


@pytest.mark.parametrize("kind", ["cluster", "node"])
async def test_a_planned_failover_under_load(cluster: Cluster, name: str, kind: str) -> None:
    """The replica takes over, and the channel goes on there with every message."""
    owner = cluster.owner(key(name, "meta"))

    def fail_over() -> None:
        replica = cluster.replica_of(owner)
        replica.ask("CLUSTER", "FAILOVER")
        cluster.wait_for_owner(key(name, "meta"), replica)
        wait_for(lambda: has_replica(replica))

    await survives(cluster.url if kind == "cluster" else owner.url, name, fail_over)


@pytest.mark.parametrize("kind", ["cluster", "node"])
async def test_a_node_crashes_under_load(own_cluster: Cluster, name: str, kind: str) -> None:
    """The replica takes over, and the channel finds the replica, even by the URL of the node."""
    cluster = own_cluster
    owner = cluster.owner(key(name, "meta"))
    url = cluster.url if kind == "cluster" else owner.url

    def fail_over() -> None:
        replica = cluster.replica_of(owner)
        crash(owner)
        cluster.wait_for_owner(key(name, "meta"), replica)

    await survives(url, name, fail_over)


@pytest.mark.parametrize("kind", ["cluster", "node"])
async def test_a_slot_moves_under_load(cluster: Cluster, name: str, kind: str) -> None:
    """While the keys are on two nodes everything waits, and then goes on."""
    source = cluster.owner(key(name, "meta"))

    def move() -> None:
        cluster.move_slot(key(name, "meta"), source, other_than(cluster, source))

    await survives(cluster.url if kind == "cluster" else source.url, name, move)


async def test_a_slot_moves_while_a_receiver_waits(cluster: Cluster, name: str) -> None:
    """A receiver without a message to come is moved, too."""
    source = cluster.owner(key(name, "meta"))
    with fail_after(DEADLINE):
        async with channel(source, name, url=source.url) as jobs:
            received = jobs.new_receiver()
            got: list[int] = []

            async def receive() -> None:
                got.append(await received.receive())

            async with create_task_group() as tasks:
                tasks.start_soon(receive)
                target = other_than(cluster, source)
                await to_thread.run_sync(cluster.move_slot, key(name, "meta"), source, target)
                await jobs.new_sender().send(1)
    assert got == [1]


async def test_a_key_that_has_moved_before_its_slot(cluster: Cluster, name: str) -> None:
    """The node that gets the slot serves the key to a connection that says ASKING."""
    one = f"{{{name}}}list"
    source = cluster.owner(one)
    target = other_than(cluster, source)
    source.ask("RPUSH", one, "value")
    key_and_value: Any = None
    with cluster.moving_slot(one, source, target):
        source.ask("MIGRATE", "127.0.0.1", target.port, one, 0, 5000)
        with fail_after(DEADLINE):
            async with create_task_group() as tasks:
                link = Link(LinkServer(source.url), tasks, timeout=5.0)
                key_and_value = await link.call(b"BLPOP", one.encode(), 1, blocks=1)
                link.close()
    assert key_and_value == [one.encode(), b"value"]


async def talk(answer: bytes) -> str:
    """Call a server that answers a command always with the same, and return the error."""
    hello = b"%3\r\n$5\r\nproto\r\n:3\r\n$2\r\nid\r\n:1\r\n$7\r\nversion\r\n$3\r\n7.0\r\n"

    async def serve(stream: SocketStream) -> None:
        async with stream:
            async for data in stream:
                asked = data.split(b"\r\n")[2]
                await stream.send(hello if asked == b"HELLO" else answer.replace(b"PORT", port))

    text = ""
    async with (
        await create_tcp_listener(local_host="127.0.0.1") as listener,
        create_task_group() as tasks,
    ):
        port = str(port_of(listener)).encode()
        tasks.start_soon(listener.serve, serve)
        link = Link(LinkServer(f"redis://127.0.0.1:{port.decode()}"), tasks, timeout=5.0)
        with pytest.raises(UnavailableError) as raised:
            await link.call(b"BLPOP", b"key", 1)
        text = str(raised.value)
        tasks.cancel_scope.cancel()
    return text


async def test_nodes_that_name_each_other() -> None:
    """The channel does not follow for ever."""
    assert await talk(b"-MOVED 1 127.0.0.1:PORT\r\n") == "BLPOP was redirected too often"


@pytest.mark.parametrize("kind", [b"MOVED", b"ASK"])
async def test_a_node_whose_host_is_unknown(kind: bytes) -> None:
    """The error tells what the node has answered."""
    assert (await talk(b"-%b 1 ?:7\r\n" % kind)).endswith(f"BLPOP of key: {kind.decode()} 1 ?:7")
