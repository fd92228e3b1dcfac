"""Ctrl-C, recorded when pressed and handled later."""

from __future__ import annotations

import signal


class Interrupted(Exception):  # noqa: N818  a request of the user is not an error
    """Ctrl-C was pressed."""


class CtrlC:
    """Records the first Ctrl-C, and ignores every further Ctrl-C.

    `KeyboardInterrupt` is never raised, so Ctrl-C is safe at any moment. A further Ctrl-C is
    ignored until the process ends, because users often press Ctrl-C again during that time.
    """

    def __init__(self) -> None:
        self.pressed = False
        signal.signal(signal.SIGINT, self.press)

    def check(self) -> None:
        """Raise `Interrupted` if Ctrl-C was pressed."""
        if self.pressed:
            raise Interrupted

    def press(self, *_: object) -> None:
        """Record that Ctrl-C was pressed; can be the handler of any signal."""
        self.pressed = True
        # Python removes its own handlers before the process ends; SIG_IGN stays until the end.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
