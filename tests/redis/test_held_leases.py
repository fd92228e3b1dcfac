"""Which messages a process has, and for how long that is certain."""

from __future__ import annotations

import pytest

from anycast.redis import _delivery
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
