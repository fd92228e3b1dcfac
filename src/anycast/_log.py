"""The log of senders that block, with a limited rate.

Under steady back-pressure every send blocks. So each channel limits the rate of each kind of
record: ten records at once, then at most one record per second. The channel counts the records
that are held back, and the next record that is written tells how many were held back.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from time import monotonic

logger = logging.getLogger("anycast")

# How many records may be written at once.
BURST = 10
# How many seconds pass between two records after a burst.
SECONDS = 1.0


class ThrottledLog:
    """Writes a single kind of record of a channel, at a limited rate.

    Args:
        level: the level of the records.
        text: the text of the records, with one ``%s`` for the sender.
    """

    __slots__ = ("_due", "_held_back", "_level", "_text")

    def __init__(self, level: int, text: str) -> None:
        self._level = level
        self._text = text
        # The time at which the next record is due, as `monotonic` tells the time.
        self._due = 0.0
        # How many records were held back since the last record that was written.
        self._held_back = 0

    def write(self, sender: object) -> None:
        """Write a record, or hold the record back if too many records came before."""
        # The generic cell rate algorithm: each record moves `_due` on by `SECONDS`. A record may be
        # written before the record is due, but only so early that a burst has `BURST` records.
        now = monotonic()
        if now < self._due - (BURST - 1) * SECONDS:
            self._held_back += 1
            return
        self._due = max(self._due, now) + SECONDS
        held_back, self._held_back = self._held_back, 0
        # The record gets the name of the sender and not the sender: a handler that keeps the record
        # would also keep the channel alive.
        if held_back:
            logger.log(self._level, f"{self._text} (%d more held back)", str(sender), held_back)
        else:
            logger.log(self._level, self._text, str(sender))


class BlockingLog:
    """The log of one channel about senders that block: two kinds of records."""

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
        """Log that a sender blocks. The caller has checked that the level is enabled.

        Returns:
            True: the caller notes that `resumed` must be called when the sender goes on.
        """
        self._blocked.write(sender)
        return True

    def resumed(self, sender: object) -> None:
        """Log that a blocked sender goes on.

        The message was sent already. So an error of the log is suppressed: the send must return.
        """
        with suppress(Exception):
            if logger.isEnabledFor(logging.INFO):
                self._resumed.write(sender)
