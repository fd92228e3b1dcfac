"""The hub of a broadcast channel for tests without an event loop, and its invariants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from anycast import Broadcast
from anycast._broadcast.hub import Hub
from anycast._broadcast.options import ReceiverOptions
from anycast._waiting.budget import Budget
from explorer import ByHand
from invariants import live

if TYPE_CHECKING:
    from anycast._broadcast.subscription import Subscription


def new_hub(**options: Any) -> Hub[Any]:
    """Return the hub of a new channel, in which tasks that are driven by hand may wait."""
    given: dict[str, Any] = {
        "limit": 10,
        "overflow": "block",
        "raise_on_lag": True,
        "replay": 0,
        **options,
    }
    hub = Hub[Any](Broadcast, "by hand", ReceiverOptions(**given), yield_every=64, auto_close=False)
    hub.bind(ByHand.loop)
    hub.budget = Budget()
    hub._use_backend(ByHand)  # type: ignore[arg-type]  # mypy does not see static methods
    return hub


def open_receiver(hub: Hub[Any], **options: Any) -> Subscription[Any]:
    """Open a receiver, in which tasks that are driven by hand may wait."""
    given: dict[str, Any] = {
        "limit": None,
        "overflow": None,
        "raise_on_lag": None,
        "replay": None,
        **options,
    }
    return ready(hub.subscribe(hub.options.changed(**given)))


def ready(subscription: Subscription[Any]) -> Subscription[Any]:
    """Let tasks that are driven by hand wait in a new subscription, and count the receiver."""
    subscription.bind(ByHand.loop)
    subscription._use_backend(ByHand)  # type: ignore[arg-type]  # as above
    subscription.count_endpoint(subscription.receivers, 1)
    return subscription


def check(hub: Hub[Any], *, extra: float = 0) -> None:
    """Check the invariants that `anycast._broadcast.hub` opens with, but for the numbers.

    Args:
        hub: of the channel.
        extra: how many messages may be unread beyond the limit, since they were given back.
    """
    blocking = [one for one in hub.subscriptions if not one.drops and one.full]
    assert not hub.pumping
    assert not hub.buffer, "a message is on its way, and nobody carries it"
    assert {*blocking} <= {*hub.blockers}, "a receiver is full, and senders do not know"
    assert {*hub.blockers} <= {*hub.subscriptions}, "a closed receiver is in the way"
    assert {*hub.at_risk} <= {*hub.subscriptions}, "a closed receiver is at risk"
    assert not live(hub.senders) or blocking, "nobody blocks, and a sender waits"
    for one in hub.subscriptions:
        used = len(one.buffer)
        assert not (live(one.receivers) and (used or one.gaps)), "unread, and a task waits"
        assert used <= one.limit + extra, "more is unread than the limit allows"
        places = [place for place, _ in one.gaps]
        assert places == sorted({*places}, reverse=True), "gaps are not in order"
        assert all(one.received <= place < one.received + used for place in places), "lost gap"
        assert one.closed == hub.closed
        assert not (one.ended and live(one.receivers)), "a receiver waits at the end"
        assert one.leases >= 0
        assert len([*one.buffer]) == used
    assert not (hub.closed and hub.senders), "a sender waits in a closed channel"
    counters = [len(one.joiners or ()) for one in (*hub.subscriptions, *hub.closed_with_leases)]
    assert hub.unfinished == sum(counters), "busy receivers are miscounted"
    assert max(counters, default=0) <= 1, "a busy receiver is counted twice"
    if hub.joiners:
        busy = [one for one in (*hub.subscriptions, *hub.closed_with_leases) if not one.idle]
        assert busy or hub.senders or not live(hub.joiners), "nothing is left, and a task joins"
        assert all(one.joiners for one in busy), "a busy receiver is not counted"
        assert not any(finish.done() for one in busy for finish in one.joiners or ())
