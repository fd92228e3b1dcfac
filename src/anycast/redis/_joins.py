"""The task that waits, for the tasks that join the channel, until no message is left.

Nothing tells a process that another process has acknowledged the last message. So the pump asks the
server for the number of messages while tasks join: at once when a task comes, and then again after
pauses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from anyio import Event, move_on_after

from anycast.redis import _scripts
from anycast.redis._auto_reset_event import AutoResetEvent
from anycast.redis._commands import FIRST_PAUSE, LONGEST_PAUSE

if TYPE_CHECKING:
    from anycast.redis._commands import Commands
    from anycast.redis._outbox import Outbox


class Joins:
    """Wakes the tasks that join the channel.

    Args:
        outbox: holds the messages that this process has yet to store.
    """

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        # Of the tasks that join. The pump removes an event when no message is left.
        self._joining: set[Event] = set()
        # Wakes the pump: a task has come, or the pump is to stop.
        self._wakeup = AutoResetEvent()
        self._stopped = False

    async def wait(self) -> bool:
        """Wait until no message is left.

        Returns:
            False if the session ended before that.
        """
        if self._stopped:
            return False
        done = Event()
        self._joining.add(done)
        self._wakeup.set()
        try:
            # The pump removes the event before the pump sets the event, and `stop` does not.
            await done.wait()
            return done not in self._joining
        finally:
            self._joining.discard(done)

    async def run(self, commands: Commands) -> None:
        """Ask the server, while tasks join, until `stop` is called.

        Raises:
            UnreachableError, RefusedError, GoneError: as `Commands.run`.
        """
        pause = FIRST_PAUSE
        while not self._stopped:
            # The answer is for these tasks alone: a task that comes later may have sent a message
            # after the server has answered.
            asking = set(self._joining)
            if not asking:
                await self._wakeup.wait()
                pause = FIRST_PAUSE
            elif not self._outbox and await self._is_empty(commands):
                self._wake(asking)
            else:
                with move_on_after(pause) as scope:
                    await self._wakeup.wait()
                pause = min(2 * pause, LONGEST_PAUSE) if scope.cancelled_caught else FIRST_PAUSE

    def stop(self) -> None:
        """Let `run` return, and wake every task that joins."""
        self._stopped = True
        self._wakeup.set()
        for done in self._joining:
            done.set()

    async def _is_empty(self, commands: Commands) -> bool:
        return await commands.run(_scripts.SIZE) == [b"ok", 0]

    def _wake(self, asking: set[Event]) -> None:
        self._joining -= asking
        for done in asking:
            done.set()
