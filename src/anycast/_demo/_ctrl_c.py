"""Ctrl-C, remembered until it suits."""

from __future__ import annotations

import signal


class Interrupted(Exception):  # noqa: N818  it is not an error
    """Ctrl-C was pressed."""


class CtrlC:
    """Remembers the first Ctrl-C from now on, and ignores all others.

    No `KeyboardInterrupt` is raised, so it may come at any moment and break nothing. It
    stays so to the end of the process: a second one often comes while that is ending.
    """

    def __init__(self) -> None:
        self.pressed = False
        signal.signal(signal.SIGINT, self.press)

    def check(self) -> None:
        """Raise `Interrupted` if it was pressed."""
        if self.pressed:
            raise Interrupted

    def press(self, *_: object) -> None:
        """Remember it; for handlers of signals."""
        self.pressed = True
        # A handler of ours would be gone before the process is.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
