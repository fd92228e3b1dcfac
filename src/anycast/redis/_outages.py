"""The log of a server that is away: a warning now and then, and a last warning when it is back."""

from __future__ import annotations

from time import monotonic

from anycast._log import logger

# An outage is logged if it lasts so many seconds. Each further warning comes after twice the time,
# up to the longest pause.
FIRST_WARNING = 1.0
LONGEST_SILENCE = 60.0


class Outages:
    """Logs the outages of a server, which several tasks meet at the same time.

    Args:
        label: names the channel.
    """

    def __init__(self, label: str) -> None:
        self._label = label
        # How many tasks try again at the moment.
        self._trying = 0
        # The time at which the outage began, the time of the next warning, and the pause after it.
        self._began = 0.0
        self._due = 0.0
        self._silence = FIRST_WARNING
        # Whether nothing more is logged.
        self._over = False

    def stop(self) -> None:
        """Log nothing more: the channel has failed, and a server that is back is of no use.

        Tasks may still try to the end of their time, and such a try may succeed.
        """
        self._over = True

    def begin(self) -> None:
        """Note that a task begins to try again."""
        self._trying += 1
        if self._trying == 1:
            self._began = monotonic()
            self._silence = FIRST_WARNING
            self._due = self._began + FIRST_WARNING

    def failed(self, error: Exception) -> None:
        """Note that a try has failed."""
        now = monotonic()
        if self._over or now < self._due:
            return
        self._silence = min(2 * self._silence, LONGEST_SILENCE)
        self._due = now + self._silence
        away = now - self._began
        logger.warning("%s: tried in vain for %.0f s, trying again: %s", self._label, away, error)

    def end(self, *, back: bool) -> None:
        """Note that a task has stopped trying again; ``back`` says whether a try has succeeded."""
        self._trying -= 1
        told = self._silence > FIRST_WARNING and not self._over
        if back and not self._trying and told:
            away = monotonic() - self._began
            logger.warning("%s: the server is back after %.0f s", self._label, away)
