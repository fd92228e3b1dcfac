"""What a channel logs when a sender blocks: each word of it, but never a flood.

Under steady back-pressure every send blocks, so each channel has a budget of each kind of
record: a burst of ten, then one per second. What was held back is counted, and the next
record that gets through says how many there were.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from time import monotonic

logger = logging.getLogger("anycast")

BURST = 10
SECONDS = 1.0  # between records after a burst


class ThrottledLog:
    """One kind of record of one channel.

    Args:
        level: the level to log at.
        text: what to log, with one ``%s`` for the sender.
    """

    __slots__ = ("_due", "_held_back", "_level", "_text")

    def __init__(self, level: int, text: str) -> None:
        self._level = level
        self._text = text
        self._due = 0.0
        self._held_back = 0

    def write(self, sender: object) -> None:
        """Log one record, or count it as held back."""
        # The generic cell rate algorithm: each record moves the time at which the next is
        # due by a second, and up to a burst of them may come before they are due.
        now = monotonic()
        if now < self._due - (BURST - 1) * SECONDS:
            self._held_back += 1
            return
        self._due = max(self._due, now) + SECONDS
        held_back, self._held_back = self._held_back, 0
        # The sender's name and not the sender: whatever keeps the record keeps no channel.
        if held_back:
            logger.log(self._level, f"{self._text} (%d more held back)", str(sender), held_back)
        else:
            logger.log(self._level, self._text, str(sender))


class BlockingLog:
    """The two kinds of record about the senders of one channel that block."""

    __slots__ = ("_blocked", "_resumed")

    def __init__(self) -> None:
        self._blocked = ThrottledLog(
            logging.WARNING,
            "Anycast channel [%s] is full, blocking sender until a receiver consumes a message",
        )
        self._resumed = ThrottledLog(
            logging.INFO,
            "Anycast channel [%s] has space again, resuming the blocked sender",
        )

    def blocked(self, sender: object) -> bool:
        """Log that a sender blocks, since that is to be logged; return True."""
        self._blocked.write(sender)
        return True

    def resumed(self, sender: object) -> None:
        """Log that a sender goes on.

        The message of the sender was received: nothing that fails here may make its send raise.
        """
        with suppress(Exception):
            if logger.isEnabledFor(logging.INFO):
                self._resumed.write(sender)
