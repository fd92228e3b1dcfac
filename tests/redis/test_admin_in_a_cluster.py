"""Operators and channels in a cluster, with the nodes of a real cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from anyio import fail_after

from admin_tools import admin_of, bury
from anycast.redis import channels
from redis_tools import DEADLINE, channel, key

if TYPE_CHECKING:
    from groups import Cluster

pytestmark = pytest.mark.anyio


async def test_an_operator_in_a_cluster(cluster: Cluster, name: str) -> None:
    """Each channel is found, changed and deleted, on any node."""
    names = [f"{name}-{number}" for number in range(8)]
    with fail_after(DEADLINE):
        for each in names:
            async with channel(cluster.nodes[0], each, url=cluster.url) as jobs:
                await jobs.new_sender().send(1)
        owners = {each: cluster.owner(key(each, "meta")) for each in names}
        assert len(set(owners.values())) > 1
        for url in (cluster.url, cluster.nodes[0].url):
            assert set(names) <= set(await channels(url))
        for number, each in enumerate(names):
            owner = owners[each]
            owner.ask("SET", key(each, "producer:crashed"), 7)
            bury(owner, each, b"2")
            url = (cluster.url, cluster.nodes[0].url)[number % 2]
            async with admin_of(owner, each, url=url) as admin:
                assert await admin.requeue("all") == 1
                assert (await admin.status()).waiting == 2
                await admin.destroy()
            left = [one for one in owner.ask("KEYS", "*") if one.startswith(key(each, "").encode())]
            assert left == []
        assert not set(names) & set(await channels(cluster.url))
