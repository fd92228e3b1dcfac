"""The rights that the page on deployment calls the least: they suffice, everywhere."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from anyio import fail_after

import anycast.redis
from anycast import ChannelError
from groups import SERVICE, Cluster, Watched
from redis_tools import DEADLINE, channel, dead, key, until

if TYPE_CHECKING:
    from servers import Server

pytestmark = pytest.mark.anyio

PAGE = (Path(__file__).parents[2] / "docs/redis/deployment.md").read_text(encoding="utf-8")
RIGHTS = re.findall(r"^ACL SETUSER (.+)$", PAGE, re.MULTILINE)
SCRIPTS = Path(anycast.redis.__file__).parent / "lua"
CALL = re.compile(r"redis\.p?call\(\s*'([A-Z]+)'(?:, '([A-Z]+)')?")
CONTAINERS = {"XGROUP", "XINFO"}


def grant(server: Server, *more: str) -> None:
    """Make the user of the page, with a few more rights."""
    server.ask("ACL", "SETUSER", *RIGHTS[0].split(), *more)


async def use(server: Server, name: str, url: str) -> None:
    """Use every call of a channel that runs another script."""
    url = url.replace("//", "//worker:password@", 1)
    with fail_after(DEADLINE):
        async with channel(server, name, url=url, limit=2, lease=0.2, max_deliveries=1) as jobs:
            sender, receiver = jobs.new_sender(), jobs.new_receiver()
            await sender.send_many(range(2))
            async with receiver.lease():
                # The heartbeat renews the lease meanwhile.
                await until(lambda: jobs.statistics().messages_received == 1)
            with pytest.raises(ValueError, match="no"):
                async with receiver.lease():
                    raise ValueError("no")
            await jobs.join()
            await jobs.aclose()
            assert [message async for message in receiver] == []


async def test_a_server(own_server: Server, name: str) -> None:
    """A channel works with the rights of the page."""
    grant(own_server)
    await use(own_server, name, own_server.url)
    assert len(dead(own_server, name)) == 1


async def test_one_right_less(own_server: Server, name: str) -> None:
    """The error names the command and the keys, or the line of the script."""
    grant(own_server, "-evalsha")
    with pytest.raises(ChannelError, match=rf"EVALSHA of {re.escape(key(name, '*'))}: NOPERM"):
        await use(own_server, name, own_server.url)
    grant(own_server, "-hset")
    with pytest.raises(ChannelError, match=r"redis\.call\('HSET', meta"):
        await use(own_server, name, own_server.url)


async def test_a_database(own_server: Server, name: str) -> None:
    """Another database needs another right."""
    grant(own_server, "+select")
    await use(own_server, name, f"{own_server.url}/1")


async def test_sentinels(name: str) -> None:
    """A server behind Sentinels needs another right, and so do the Sentinels."""
    with Watched() as watched:
        for server in watched.servers:
            grant(server, "+role")
        for sentinel in watched.sentinels:
            right = "+sentinel|get-master-addr-by-name"
            sentinel.ask("ACL", "SETUSER", "asker", "on", ">password", "-@all", right)
        options = "?sentinel_username=asker&sentinel_password=password"
        await use(watched.primary(), name, watched.url + options)
    assert SERVICE in watched.url


async def test_a_cluster(name: str) -> None:
    """The nodes of a cluster need two more rights."""
    with Cluster() as cluster:
        for node in cluster.nodes:
            grant(node, "+cluster|slots", "+asking")
        for number, url in enumerate((cluster.url, *(node.url for node in cluster.nodes[:3]))):
            await use(cluster.nodes[0], f"{name}-{number}", url)


def test_the_page_names_each_command_of_the_scripts() -> None:
    """The line on the page has exactly the commands of the scripts, and three that run them."""
    needed = {"eval", "evalsha", "blpop"}
    for path in SCRIPTS.glob("*.lua"):
        if path.name.startswith("admin"):
            continue  # an operator needs other rights
        for command, second in CALL.findall(path.read_text(encoding="utf-8")):
            name = f"{command}|{second}" if command in CONTAINERS else command
            needed.add(name.lower())
    granted = {right[1:] for right in RIGHTS[0].split() if right.startswith("+")}
    assert granted == needed
