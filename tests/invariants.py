"""The one function that checks what must hold between any two steps of a channel."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from anycast._core import Core


def check(core: Core[Any]) -> None:
    """Check the invariants that `anycast._turns` opens with, and the sums behind them."""
    receivers, senders, used = core.receivers, core.senders, len(core.buffer)
    in_line = len(receivers.waiting) + len(receivers.promised)
    blocked = len(senders.waiting) + len(senders.promised)
    room = core.capacity - used
    assert core.reserved == len(receivers.promised)
    assert core.reserved <= used, "more messages promised than there are"
    assert not receivers.waiting or core.reserved == used, "a message is free, and a task waits"
    assert not any(senders.can_use(one, room) for one in senders.waiting if room > 0), (
        "room is free, and a task waits that could use it"
    )
    assert not senders.promised or room >= 0, "more places promised than there are"
    if core.closed:
        assert not blocked, "a sender waits in a closed channel"
        assert not (core.ended and in_line), "a receiver waits at the end"
    else:
        limit = sys.maxsize if core.limit == math.inf else core.limit
        assert core.capacity == limit + in_line - len(senders.promised)
    assert core.leases >= 0
