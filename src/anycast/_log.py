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
        text: the text of the records, with a ``%s`` for each thing that the records name.
    """

    __slots__ = ("_due", "_held_back", "_level", "_text")

    def __init__(self, level: int, text: str) -> None:
        self._level = level
        self._text = text
        # The time at which the next record is due, as `monotonic` tells the time.
        self._due = 0.0
        # How many records were held back since the last record that was written.
        self._held_back = 0

    def write(self, *named: object) -> None:
        """Write a record, or hold the record back if too many records came before.

        Args:
            named: what the record names: the sender first.
        """
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
        names = map(str, named)
        if held_back:
            logger.log(self._level, f"{self._text} (%d more held back)", *names, held_back)
        else:
            logger.log(self._level, self._text, *names)


class BlockingLog:
    """The log of one channel about senders that block: two kinds of records.

    Args:
        kind: the kind of the channel.
        until: until when a sender blocks, with a ``%s`` for `in_the_way`.
        in_the_way: whose `str` names what the senders wait for. Not needed if every receiver will
            do.
    """

    __slots__ = ("_blocked", "_in_the_way", "_resumed")

    def __init__(
        self,
        kind: str = "Anycast",
        until: str = "a receiver consumes a message",
        *in_the_way: object,
    ) -> None:
        self._in_the_way = in_the_way
        self._blocked = ThrottledLog(
            logging.WARNING, f"{kind} channel [%s] is full, blocking sender until {until}"
        )
        self._resumed = ThrottledLog(
            logging.INFO, f"{kind} channel [%s] has space again, resuming the blocked sender"
        )

    def blocked(self, sender: object) -> bool:
        """Log that a sender blocks. The caller has checked that the level is enabled.

        Returns:
            True: the caller notes that `resumed` must be called when the sender goes on.
        """
        self._blocked.write(sender, *self._in_the_way)
        return True

    def resumed(self, sender: object) -> None:
        """Log that a blocked sender goes on.

        The message was sent already. So an error of the log is suppressed: the send must return.
        """
        with suppress(Exception):
            if logger.isEnabledFor(logging.INFO):
                self._resumed.write(sender)
