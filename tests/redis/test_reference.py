"""The reference of channels on a server is complete: each docstring is a contract."""

from __future__ import annotations

import pytest

import anycast.redis
from reference import Documented, documented

HARMLESS = {
    "RedisAnycast.new_receiver",
    "RedisAnycast.new_sender",
    "RedisAnycast.statistics",
    "RedisReceiver.aclose",
    "RedisReceiver.close",
    "RedisReceiver.statistics",
    "RedisSender.aclose",
    "RedisSender.close",
    "RedisSender.statistics",
    "exponential_backoff",
}


@pytest.mark.parametrize("member", documented(anycast.redis), ids=lambda member: member.name)
def test_nothing_is_left_untold(member: Documented) -> None:
    """Arguments, units, results, errors, cancellation and an example are described."""
    assert member.untold(HARMLESS) == []
