"""The account of a core: which messages were sent and received, and in which order.

Peers act for each other, so a task may learn of its own operation long after the operation has
happened. The ledger records each operation in the step in which the core performs the operation.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from anycast._anycast import core as core_module
from anycast._anycast.core import Core
from anycast._waiting.waiter import NOTHING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from anycast import Anycast


class Ledger:
    """The history of the messages of a core, each of which is sent at most once.

    Args:
        channel: whose core is watched from now on.
    """

    def __init__(self, channel: Anycast[Any]) -> None:
        core: Any = channel._core
        self.sent: list[Any] = []
        self.received: list[Any] = []
        self.receives = 0  # with the receives whose message came back
        self.came_back = False
        core.__class__ = NotingCore
        core.buffer = core.unwatched = NotingBuffer(self)
        _ledgers[core] = self

    def note_sent(self, messages: Iterable[Any]) -> None:
        """Note messages in the order in which they were sent; once each."""
        self.sent += [message for message in messages if message not in self.sent]

    def note_received(self, messages: Iterable[Any]) -> None:
        """Note messages in the order in which they were received; once each."""
        new = [message for message in messages if message not in self.received]
        self.received += new
        self.receives += len(new)

    def note_back(self, message: Any) -> None:
        """Note that a message was given back."""
        self.received.remove(message)
        self.came_back = True

    def check(self) -> None:
        """Check that the messages left in the order in which they came."""
        assert len(set(self.received)) == len(self.received), "received twice"
        assert set(self.received) <= set(self.sent), "received, and never sent"
        if not self.came_back:
            assert self.received == self.sent[: len(self.received)], "out of order"


_ledgers: dict[Core[Any], Ledger] = {}


def forget() -> None:
    """Forget all cores."""
    _ledgers.clear()


class NotingBuffer(deque[Any]):
    """The stored messages of a watched core."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__()
        self._ledger = ledger

    def append(self, message: Any) -> None:
        self._ledger.note_sent([message])
        super().append(message)

    def extend(self, messages: Iterable[Any]) -> None:
        messages = list(messages)
        self._ledger.note_sent(messages)
        super().extend(messages)

    def popleft(self) -> Any:
        message = super().popleft()
        self._ledger.note_received([message])
        return message

    def __delitem__(self, index: Any) -> None:
        self._ledger.note_received([self[index]])
        super().__delitem__(index)

    def take_first(self, most: int) -> list[Any]:
        """Do as `take_first` of the core, which works on a plain deque."""
        rest = deque(self)
        taken = take_first(rest, most)
        self._ledger.note_received(taken)
        super().clear()
        super().extend(rest)
        return taken

    def appendleft(self, message: Any) -> None:
        self._ledger.note_back(message)
        super().appendleft(message)


take_first = core_module._take_first


def noting_take_first(messages: deque[Any], most: int) -> list[Any]:
    """Do as `take_first`, and note what leaves the buffer of a watched core."""
    if isinstance(messages, NotingBuffer):
        return messages.take_first(most)
    return take_first(messages, most)


core_module._take_first = noting_take_first


class NotingCore(Core[Any]):
    """A core that records in its ledger the messages that do not pass through the buffer."""

    __slots__ = ()

    def hand_over(self, message: Any, deliveries: int = 0) -> bool:
        happened = super().hand_over(message, deliveries)
        if happened:
            ledger = _ledgers[self]
            if (
                message in ledger.received
            ):  # the message was given back, straight to the next receiver
                ledger.note_back(message)
            ledger.note_sent([message])
            ledger.note_received([message])
        return happened

    def take(self) -> Any:
        message = super().take()
        if message is not NOTHING:
            _ledgers[self].note_received([message])
        return message

    def wake_joiners(self) -> None:
        waiting = len(self.joiners or ())
        super().wake_joiners()
        if len(self.joiners or ()) < waiting:
            ledger = _ledgers[self]
            assert sorted(ledger.sent) == sorted(ledger.received), "a message is left"
            assert not self.senders, "a message is offered"
            assert not self.leases, "a message is on lease"
