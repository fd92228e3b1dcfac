"""How long a message waits before the next try."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any

import pytest
from anyio import fail_after

from anycast.redis import RedisAnycast, _backoff, exponential_backoff
from helpers import raises
from redis_tools import DEADLINE, channel, dead, stored

if TYPE_CHECKING:
    from servers import Server

pytestmark = pytest.mark.anyio


def shortest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let chance choose the shortest pauses."""

    def least(smallest: float, _: float) -> float:
        return smallest

    monkeypatch.setattr(_backoff, "uniform", least)


def test_each_pause_is_twice_as_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Up to a minute."""
    shortest(monkeypatch)
    assert [exponential_backoff(count) for count in range(1, 9)] == [1, 2, 4, 8, 16, 32, 60, 60]


def test_chance_makes_a_pause_longer() -> None:
    """Messages that fail together do not all come again together."""
    pauses = {exponential_backoff(3) for _ in range(100)}
    assert len(pauses) > 50
    assert 4 <= min(pauses) <= max(pauses) <= 4.8


def test_the_default_settings_outlast_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last delivery comes later than that, so an outage of a minute makes no dead letters."""
    shortest(monkeypatch)
    most = inspect.signature(RedisAnycast).parameters["max_deliveries"].default
    assert sum(exponential_backoff(count) for count in range(1, most)) > 60


@pytest.mark.parametrize(
    ("pause", "error", "text"),
    [
        ("soon", TypeError, "`retry_delay` must be a number of seconds, not 'soon'"),
        (-1, ValueError, "`retry_delay` must be >= 0 and finite, not -1"),
        (float("inf"), ValueError, "`retry_delay` must be >= 0 and finite, not inf"),
    ],
)
def test_a_pause_that_is_none(
    server: Server, pause: Any, error: type[Exception], text: str
) -> None:
    """The channel is not made."""
    with raises(error, text):
        channel(server, "jobs", retry_delay=pause)


async def test_an_outage_makes_no_dead_letters(server: Server, name: str) -> None:
    """A hundred messages fail under the default settings, and are all there afterwards."""
    with fail_after(DEADLINE):
        async with channel(server, name, retry_delay=exponential_backoff) as jobs:
            await jobs.new_sender().send_many(range(100))
            receiver, seen = jobs.new_receiver(), set[int]()
            while len(seen) < 100:
                with pytest.raises(OSError, match=re.escape("the database restarts")):
                    async with receiver.lease() as message:
                        seen.add(message)
                        raise OSError("the database restarts")
        assert not dead(server, name)
        assert stored(server, name) == 100
