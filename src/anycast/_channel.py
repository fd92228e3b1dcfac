"""The channel as its users see it, wherever it keeps its messages."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Generic, TypeVar

from anycast._closing import Closing

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from anycast._receiver import Receiver
    from anycast._sender import Sender
    from anycast._statistics import ChannelStatistics

T = TypeVar("T")


class Channel(Closing, Generic[T]):
    """Delivers each message to exactly one receiver; the base of every kind of channel.

    Write functions against this class, and they work wherever the messages are kept.
    ``async with channel:`` closes it on leaving, without waiting for anything.
    """

    @property
    @abstractmethod
    def name(self) -> str:
        """The name that logs and errors show."""

    @property
    @abstractmethod
    def limit(self) -> float:
        """How many messages are stored at most before senders block: an int, or `math.inf`."""

    @property
    @abstractmethod
    def is_closed(self) -> bool:
        """Whether the channel was closed; messages may be left to receive."""

    @abstractmethod
    def new_sender(self) -> Sender[T]:
        """Return a new sender of this channel."""

    @abstractmethod
    def new_receiver(self) -> Receiver[T]:
        """Return a new receiver of this channel."""

    @abstractmethod
    def close(self) -> Awaitable[None]:
        """Accept no more messages; receivers drain what was accepted, then stop.

        Every later send raises, and so does every send that is blocked, its message not
        sent. Closing twice is as good as once.

        Returns:
            Something to await, for code that must; the channel is closed already.
        """

    @abstractmethod
    def statistics(self) -> ChannelStatistics:
        """Return a snapshot of how full and how busy the channel is."""
