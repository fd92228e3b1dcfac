"""Channels for asyncio and trio: each message to exactly one receiver, or to every receiver."""

# The package consists of rooms: folders or modules, each with one purpose. The rooms lie on floors.
# A module imports only from its own room and from rooms on a lower floor. Imports for type hints
# count, too. The contracts of import-linter in pyproject.toml check the imports.
#
#   floor  room           purpose
#   6      _demo          the demo, ``python -m anycast``
#   5      redis          the channel on a server
#   5      _broadcast     the channel in memory in which every receiver gets every message
#   4      _anycast       the channel in memory in which one receiver gets each message
#   3      _combinators   lease, map, filter and merge, for the receivers of every kind of channel
#   2      _select        exactly one of several operations happens
#   1      _interface     the abstract classes, the errors and the statistics that users see
#   1      _waiting       how a task waits and yields on any event loop
#   1      _arguments     checks of arguments
#   1      _log           the log of senders that block
#
# To add a kind of channel, make a room above `_combinators`. If the new kind is built on a channel
# in memory, as `_broadcast` and `redis` are, make the room above `_anycast`. The room has classes
# for:
#
#   `Channel`, `Sender`   of `_interface`: the channel and the sender
#   `ReceiverBase`        of `_combinators`: the receiver
#   `NamedEndpoint`       of `_interface`: `str`, `repr` and statistics of sender and receiver
#   `Leaf`                of `_select`: the operations of `Sender.sending` and `Receiver.receiving`;
#                         a room may also lend out the operations of a channel within the channel
#   `Hold`                of `_combinators`: a message on lease
#   `LoopBinding`         of `_waiting`: binds the queues of waiting tasks to an event loop
#
# `MemoryChannel`, `Core`, `Endpoint` and `EndpointOperation` of `_anycast` are base classes for a
# kind in memory. The endpoints of `_anycast` repeat steps of the core for speed, at each mark
# ``# Inlined``. A core that changes such a step needs endpoints of its own, as `_broadcast` has.
# Protect all operations from Ctrl-C (`protected` of `_waiting`; `AnycastReceiver` says which two
# of its methods are safe without). Write the new room into the table above and into the contracts,
# and export the public class: below, or from the room if the room needs an extra, as `redis` does.

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
