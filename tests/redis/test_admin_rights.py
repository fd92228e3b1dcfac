"""The rights that an operator needs on the server, as the page lists them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from anyio import fail_after

from admin_tools import admin_of, bury, make
from anycast import Error
from anycast.redis import RedisChannelAdmin, channels
from redis_tools import DEADLINE, channel

if TYPE_CHECKING:
    from servers import Server

pytestmark = pytest.mark.anyio

PAGE = (Path(__file__).parents[2] / "docs" / "redis" / "operations.md").read_text(encoding="utf-8")
(RIGHTS,) = [line.split() for line in PAGE.splitlines() if line.startswith("ACL SETUSER ")]


async def use_all(server: Server, name: str) -> None:
    """Do all that an operator can do, as the user of the page."""
    url = server.url.replace("//", "//operator:password@")
    async with admin_of(server, name, url=url) as admin:
        first, second, *_ = bury(server, name, b"1", b"2", b"3", b"4")
        await admin.status()
        assert len(await admin.dead(2)) == len(await admin.dead(2, newest_first=False))
        assert await admin.requeue([first]) == 1
        await admin.status()
        assert await admin.drop([second]) == 1
        assert await admin.set_dead_limit(1) == 1
        await admin.set_dead_limit(None)
        assert await admin.drop("all") == 1
        await admin.set_limit(math.inf)
        await admin.close()
        await admin.reopen()
        assert name in await channels(url)
        await admin.destroy()


async def end(server: Server, name: str) -> None:
    """Close an empty channel, and open the channel again, as the user of the page."""
    url = server.url.replace("//", "//operator:password@")
    await make(server, name)
    async with RedisChannelAdmin(name, url=url) as admin:
        await admin.close()
        await admin.reopen()


async def test_the_rights_of_an_operator(own_server: Server, name: str) -> None:
    """The rights suffice, and each right is needed."""
    with fail_after(DEADLINE):
        for right in (None, *RIGHTS[7:]):
            own_server.ask("FLUSHALL")
            own_server.ask("SCRIPT", "FLUSH")
            own_server.ask("ACL", "DELUSER", "operator")
            own_server.ask(*RIGHTS)
            async with channel(own_server, name) as jobs:
                await jobs.new_sender().send(1)
            if right is None:
                await use_all(own_server, name)
                await end(own_server, name)
            elif (
                right != "+cluster|slots"
            ):  # a server outside of a cluster does not need this right
                own_server.ask("ACL", "SETUSER", "operator", right.replace("+", "-"))
                with pytest.raises(Error):
                    await use_all(own_server, name)
                    await end(own_server, name)
                    pytest.fail(f"{right} is not needed")
