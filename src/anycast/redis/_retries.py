"""The pauses between the tries of a command, and the time after which the command is given up."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Self

from anyio import sleep

from anycast.redis._answers import (
    OutOfMemoryError,
    UnavailableError,
    UnreachableError,
    WritesRefusedError,
)

if TYPE_CHECKING:
    from anycast.redis._outages import Outages

# Seconds before another try. Each further pause is twice as long, up to the longest.
FIRST_PAUSE = 0.02
LONGEST_PAUSE = 0.5


class Retries:
    """Waits before each further try, within a time.

    A task that sends one command after another calls `begin` before each try, and `succeed` after
    a try that succeeded.

    Args:
        timeout: after how many seconds no further try is made; `math.inf` for never.
        outages: the log.
        sends: whether the command stores messages. Only such a command gives up on a server that
            works but refuses to write: at once if the server is out of memory, or else in time.
    """

    def __init__(self, timeout: float, outages: Outages, *, sends: bool = False) -> None:
        self._timeout = timeout
        self._outages = outages
        self._sends = sends
        # Whether a try has failed, and no try has succeeded since.
        self._failing = False
        self._start()

    def begin(self) -> None:
        """Note that a try begins. The time begins, too, unless this is another try."""
        if not self._failing:
            self._start()

    def _start(self) -> None:
        self.restart()
        self._pause = FIRST_PAUSE
        self.unknown = False
        """Whether an earlier try may have had an effect."""

    def restart(self) -> None:
        """Let the time begin now. The pauses do not become shorter."""
        self._deadline = monotonic() + self._timeout

    async def pause(self, error: UnreachableError) -> None:
        """Do as `failed`, `check` and `rest`: wait before the next try, within the time."""
        self.failed(error)
        self.check(error)
        await self.rest()

    def failed(self, error: UnreachableError) -> None:
        """Note that a try has failed."""
        if not self._failing:
            self._failing = True
            self._outages.begin()
        self._outages.failed(error)
        self.unknown = self.unknown or not isinstance(error, UnavailableError)

    def check(self, error: UnreachableError) -> None:
        """Check that there is time for another try.

        Raises:
            UnavailableError: the error, if the time is over, and no try had an effect.
            UnreachableError: if the time is over, and a try may have had an effect.
        """
        if self._gives_up(error):
            if self.unknown:
                raise UnreachableError(str(error)) from error
            raise error

    async def rest(self) -> None:
        """Wait before the next try."""
        await sleep(self._pause)
        self._pause = min(2 * self._pause, LONGEST_PAUSE)

    def _gives_up(self, error: UnreachableError) -> bool:
        if isinstance(error, WritesRefusedError) and not self._sends:
            return False
        full = isinstance(error, OutOfMemoryError) and not self.unknown
        return full or monotonic() + self._pause > self._deadline

    def succeed(self) -> None:
        """Note that a try has succeeded."""
        self._stop(back=True)

    def _stop(self, *, back: bool) -> None:
        if self._failing:
            self._failing = False
            self._outages.end(back=back)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, exc_type: type[BaseException] | None, *_: object) -> None:
        self._stop(back=exc_type is None)
