"""Channels for asyncio and trio: each message to exactly one receiver, or to every receiver."""

# The package is laid out in rooms. An import, also for a type hint, goes only to a room below:
#
#   _demo          the demo, ``python -m anycast``
#   redis          the channel on a server
#   _broadcast     the broadcast channel in memory
#   _anycast       the channel in memory
#   _combinators   lease, map, filter and merge, for the receivers of every kind of channel
#   _select        exactly one of several operations happens
#   _interface     what users see               | beside each other:
#   _waiting       how a task waits and yields  | none of them knows
#   _arguments     checks of arguments          | another
#   _log           what a blocked sender logs   |
#
# A new kind of channel is a room beside `_anycast`. It implements `Channel`, `Sender` and
# `ReceiverBase` of `_combinators`, and `Leaf` of `_select`.

from anycast._anycast.channel import Anycast
from anycast._anycast.opening import open_channel
from anycast._broadcast.channel import Broadcast
from anycast._combinators.receivers import merge
from anycast._interface.channel import Channel
from anycast._interface.errors import (
    ChannelClosedError,
    ChannelError,
    Error,
    ReceiverClosedError,
    ReceiverError,
    ReceiverLaggedError,
    ReceiverStoppedError,
    SenderClosedError,
    SenderError,
)
from anycast._interface.exports import show_as_from as _show_as_from
from anycast._interface.lease import Lease
from anycast._interface.operation import Operation
from anycast._interface.receiver import Receiver
from anycast._interface.sender import Sender
from anycast._interface.statistics import BroadcastStatistics, ChannelStatistics
from anycast._select.select import select, select_nowait

__all__ = [
    "Anycast",
    "Broadcast",
    "BroadcastStatistics",
    "Channel",
    "ChannelClosedError",
    "ChannelError",
    "ChannelStatistics",
    "Error",
    "Lease",
    "Operation",
    "Receiver",
    "ReceiverClosedError",
    "ReceiverError",
    "ReceiverLaggedError",
    "ReceiverStoppedError",
    "Sender",
    "SenderClosedError",
    "SenderError",
    "merge",
    "open_channel",
    "select",
    "select_nowait",
]

_show_as_from(__name__, [globals()[name] for name in __all__])
