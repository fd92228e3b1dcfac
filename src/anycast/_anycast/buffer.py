"""How a task learns that the last message has left a channel."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from anycast._waiting.protection import protected

T = TypeVar("T")


class WatchedBuffer(Generic[T]):
    """The buffer of a channel while tasks wait in `Channel.join`: calls back for each message.

    These calls cost time. So a channel has a plain deque as buffer, and a `WatchedBuffer` only
    while tasks wait in `Channel.join`.

    Args:
        messages: the stored messages, oldest first: the buffer of the channel at other times.
        check: called before a message leaves. If this call raises, the message stays.
        notify: called after a message has left. This call must not raise.
    """

    __slots__ = ("_check", "_notify", "append", "appendleft", "extend", "messages")

    def __init__(
        self, messages: deque[T], check: Callable[[], object], notify: Callable[[], object]
    ) -> None:
        self.messages = messages
        self.append = messages.append
        self.appendleft = messages.appendleft
        self.extend = messages.extend
        self._check = check
        self._notify = notify

    def __len__(self) -> int:
        return len(self.messages)

    def __getitem__(self, index: int) -> T:
        return self.messages[index]

    @protected
    def __delitem__(self, index: int) -> None:
        self._check()
        del self.messages[index]
        self._notify()

    def popleft(self) -> T:
        """Remove the oldest message, and return it."""
        message = self[0]
        del self[0]
        return message
