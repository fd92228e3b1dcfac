"""Channels that deliver each message to exactly one receiver, on asyncio and on trio."""

from anycast._anycast import Anycast
from anycast._channel import Channel
from anycast._combinators import merge
from anycast._errors import (
    ChannelClosedError,
    ChannelError,
    Error,
    ReceiverError,
    ReceiverStoppedError,
    SenderClosedError,
    SenderError,
)
from anycast._operation import Operation
from anycast._receiver import Receiver
from anycast._select import select, select_nowait
from anycast._sender import Sender
from anycast._statistics import ChannelStatistics

__all__ = [
    "Anycast",
    "Channel",
    "ChannelClosedError",
    "ChannelError",
    "ChannelStatistics",
    "Error",
    "Operation",
    "Receiver",
    "ReceiverError",
    "ReceiverStoppedError",
    "Sender",
    "SenderClosedError",
    "SenderError",
    "merge",
    "select",
    "select_nowait",
]

# Tracebacks, pickles and reprs show where users find these.
for _public in [globals()[name] for name in __all__]:
    _public.__module__ = __name__
