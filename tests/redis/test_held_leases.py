"""Which messages a process has, and for how long that is certain."""

from __future__ import annotations

import math
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

import pytest
from anyio import CancelScope

from anycast import ChannelError
from anycast.redis import RedisAnycast, _delivery, json_codec
from anycast.redis._delivery import Delivery, HeldLeases


@pytest.fixture
def leases() -> HeldLeases[str]:
    """Return the lease of a process without messages."""
    return HeldLeases(30.0)


def test_a_lease_that_was_renewed_is_not_shortened(leases: HeldLeases[str]) -> None:
    """Answers may come in another order than their requests were made."""
    leases.renew(7.0)
    leases.renew(5.0)
    assert leases._until == 37.0


def test_a_lease_is_certain_for_a_while(
    leases: HeldLeases[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After that the process may have the message still: a renewal may save the lease."""
    now = [100.0]
    monkeypatch.setattr(_delivery, "monotonic", lambda: now[0])
    delivery = Delivery(b"1-1", "job", {}, 1)
    leases.hold([delivery])
    leases.renew(now[0])
    assert delivery in leases
    now[0] += 31.0
    assert delivery not in leases
    assert leases.has(delivery)
    leases.renew(now[0])
    assert delivery in leases


def test_a_later_delivery_of_the_same_message(leases: HeldLeases[str]) -> None:
    """The earlier delivery settles nothing."""
    earlier, later = (Delivery(b"1-1", "job", {}, count) for count in (1, 2))
    leases.hold([earlier])
    leases.hold([later])
    assert not leases.has(earlier)
    assert not leases.drop(earlier)
    assert [leases.drop(later), leases.drop(later)] == [True, False]


def test_a_lease_that_ran_out(leases: HeldLeases[str]) -> None:
    """The process has nothing any more."""
    leases.hold(Delivery(b"1-%d" % number, "job", {}, 1) for number in range(3))
    assert len(leases.deliveries) == 3
    assert [leases.lose_all(), leases.lose_all()] == [3, 0]
    assert leases.deliveries == []


@pytest.mark.parametrize(("stored", "told", "counted"), [(0, 1, False), (1, 1, True), (3, 3, True)])
def test_the_count_of_a_delivery(stored: int, told: int, *, counted: bool) -> None:
    """A message that was fetched ahead of need is delivered for the first time, and not counted."""
    delivery = Delivery(b"1-1", "job", {}, stored)
    assert (delivery.count, delivery.counted) == (told, counted)


class Settling:
    """A session without a server, which has one message, and what the session settles."""

    def __init__(self) -> None:
        self.channel = RedisAnycast[str](name="jobs", url="redis://x", codec=json_codec(str))
        self.session = cast("Any", self.channel._session)
        self.settled: list[str] = []
        words = ("done", "untouched", "failed", "begun")
        settle = {word: partial(self._settle, word) for word in words}
        self.session.settlements = SimpleNamespace(**settle)
        self.delivery = Delivery(b"1-1", "job", {}, 1)
        self.session.leases.hold([self.delivery])

    def _settle(self, word: str, *_: object) -> None:
        self.settled.append(word)


@pytest.fixture
def settling() -> Settling:
    """Return a session whose lease has run out, as far as the process knows."""
    return Settling()


def test_a_message_whose_lease_is_uncertain(settling: Settling) -> None:
    """It goes back, for another process may have it."""
    assert not settling.session.is_ours(settling.delivery)
    assert not settling.session.is_ours(settling.delivery)
    assert settling.settled == ["untouched"]


def test_a_message_of_a_session_that_has_failed(settling: Settling) -> None:
    """It is not handed over, since the server could not be told what becomes of it."""
    settling.session.leases.renew(1e12)
    assert settling.session.is_ours(settling.delivery)
    settling.session.failure = ChannelError("failed", settling.channel)
    assert not settling.session.is_ours(settling.delivery)


@pytest.mark.parametrize(
    ("error", "settled"),
    [
        (None, "untouched"),
        (KeyboardInterrupt(), "untouched"),
        (ValueError("no"), "failed"),
    ],
    ids=["left", "ends", "fails"],
)
def test_how_a_message_is_left(
    settling: Settling, error: BaseException | None, settled: str
) -> None:
    """Only an exception tells that the work has failed; each message is settled once."""
    for _ in range(2):
        settling.session.left(settling.delivery, error)
    assert settling.settled == [settled]


def test_a_message_that_is_lost(settling: Settling) -> None:
    """Nothing is told of it any more."""
    settling.session.leases.lose_all()
    settling.session.done(settling.delivery)
    settling.session.left(settling.delivery, ValueError("no"))
    settling.session.give_back(settling.delivery)
    settling.session.begun(settling.delivery)
    assert settling.settled == []


@pytest.mark.anyio
async def test_what_is_acknowledged_first_is_settled(settling: Settling) -> None:
    """The program cannot give it back any more."""

    async def done_first(_: object) -> bool:
        return not settling.session.leases.has(settling.delivery)

    settling.session.settlements.done_first = done_first
    assert await settling.session.acknowledge_first(settling.delivery)


@pytest.mark.anyio
async def test_leaving_takes_no_longer_than_the_timeout(settling: Settling) -> None:
    """Then the tasks of the session are cancelled, which takes no time."""
    waits: list[float] = []

    async def wait(seconds: float) -> None:
        waits.append(seconds)

    settling.session._wait_until_over = wait
    settling.session._scope = CancelScope()
    await settling.session.stop()
    assert waits == [10.0, math.inf]
    assert settling.session._scope.cancel_called


def test_a_process_that_lost_its_lease(
    settling: Settling, caplog: pytest.LogCaptureFixture
) -> None:
    """The log tells how many messages are lost: those in hand, and those that were settled."""
    settling.session.settlements.lose_all = lambda: 2
    settling.session._holder = SimpleNamespace(me="4-2")
    settling.session._lose_all()
    assert not settling.session.leases.has(settling.delivery)
    assert "others may get its 3 message(s)" in caplog.text
    assert "it goes on as the process 4-2" in caplog.text
