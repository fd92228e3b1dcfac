"""How many bytes an answer of the server may have, so that the answer comes in time.

The link may be too slow for an answer: many large messages take longer than the receive pump waits.
So a request for messages bounds the bytes of its answer. The bound becomes smaller after each
answer that was lost, down to a single message, and grows again while answers come soon.
"""

from __future__ import annotations

# How many bytes an answer has at most, but for a single message that is larger.
MOST_BYTES = 1_000_000
# By how much the bound becomes smaller after an answer that was lost.
SHRINKING = 4
# After how many answers that came soon the bound becomes twice as large. The bound grows seldom:
# what the process tells the server meanwhile waits behind an answer that is lost.
GROWING = 16


class AnswerSize:
    """The bound on the bytes of an answer, which fits the speed of the link.

    Args:
        patience: for how many seconds the pump waits for an answer.
    """

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self.most = MOST_BYTES
        # How many answers have come soon, one after another, since the bound last changed.
        self._soon = 0

    def shrink(self) -> bool:
        """Note that an answer did not come; return whether the next answer can be smaller."""
        before, self.most, self._soon = self.most, max(1, self.most // SHRINKING), 0
        return self.most < before

    def came(self, seconds: float) -> None:
        """Note that an answer came after so many seconds."""
        self._soon = self._soon + 1 if seconds < self._patience / (2 * SHRINKING) else 0
        if self._soon == GROWING:
            self.most, self._soon = min(MOST_BYTES, self.most * 2), 0
