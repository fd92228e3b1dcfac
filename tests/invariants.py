"""The one function that checks what must hold between any two steps of a channel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from anycast._core import Core


def check(core: Core[Any]) -> None:
    """Check the invariants that `anycast._core` opens with, and the sums behind credit."""
    receivers, senders = core.receivers, core.senders
    in_line = len(receivers.waiting) + len(receivers.promised)
    blocked = len(senders.waiting) + len(senders.promised)
    assert core.in_line == in_line + blocked
    assert receivers.credit == len(core.buffer) - len(receivers.promised)
    assert receivers.credit >= 0
    assert not receivers.waiting or receivers.credit == 0, "a message, and a task waits for it"
    assert all(senders.credit <= one.own_room for one in senders.waiting), "room, and it waits"
    assert not senders.promised or senders.credit >= 0, "more places promised than there are"
    if core.closed:
        assert not blocked, "a sender waits in a closed channel"
        assert not (core.ended and in_line), "a receiver waits at the end"
    else:
        room = core.limit + in_line - len(core.buffer) - len(senders.promised)
        assert senders.credit == room
    assert (core.loop is None) == (not in_line and not blocked)
    assert core.leases >= 0
