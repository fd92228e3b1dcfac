"""The function that checks the invariants, which hold between any two steps of a channel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from anycast._anycast.core import Core


def live(queue: Iterable[Any]) -> list[Any]:
    """Return the waiters of a queue that can go on; the remaining tasks are leaving."""
    return [waiter for waiter in queue if not waiter.done()]


def check(core: Core[Any], *, extra: float = 0) -> None:
    """Check the invariants that `anycast._anycast.core` opens with.

    Args:
        core: of the channel.
        extra: how many messages may be stored beyond the limit, since they were given back.
    """
    receivers, senders, used = live(core.receivers), live(core.senders), len(core.buffer)
    assert not (receivers and used), "a message is stored, and a receiver waits"
    assert not senders or used >= core.limit, "room is left, and a sender waits"
    assert used <= core.limit + extra, "more messages are stored than the limit allows"
    if receivers and senders:  # only the arms of the same select may wait on both sides
        selects = {getattr(waiter, "blocked", None) for waiter in (*receivers, *senders)}
        assert len(selects) == 1, "a sender and a receiver wait, and do not meet"
        assert None not in selects, "a sender and a receiver wait, and do not meet"
    if core.closed:
        assert not core.senders, "a sender waits in a closed channel"
        assert not (core.ended and receivers), "a receiver waits at the end"
    assert not (live(core.joiners or ()) and core.idle), "nothing is left, and a task joins"
    assert not core.joiners or core.unwatched is not core.buffer, "nobody watches"
    assert core.leases >= 0
    assert core.received >= 0
