"""The task that renews leases while handlers await for long.

The heartbeat beats three times in a lease. If the event loop hangs for longer than a lease, the
heartbeat stops, and other processes get the messages that this process holds. That is intended: a
process that hangs must not keep messages.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any

from anyio import Event, move_on_after

from anycast.redis import _scripts
from anycast.redis._scripts import MAX_BATCH

if TYPE_CHECKING:
    from collections.abc import Callable

    from anycast.redis._commands import Commands
    from anycast.redis._delivery import Delivery, HeldLeases
    from anycast.redis._inbox import Inbox

# Beats in a lease: with three, a lease is renewed in time even if a beat comes late.
BEATS = 3


class Heartbeat:
    """Renews leases, and gives back messages that receivers leave in the inbox.

    Args:
        leases: the leases to renew.
        inbox: may hold messages that no receiver takes.
        give_back: gives a delivery back to the server.
        commands: run the script that renews leases.
        lease: in seconds.
    """

    def __init__(
        self,
        leases: HeldLeases[Any],
        inbox: Inbox[Any],
        give_back: Callable[[Delivery[Any]], object],
        commands: Commands,
        lease: float,
    ) -> None:
        self._leases = leases
        self._inbox = inbox
        self._give_back = give_back
        self._commands = commands
        self._seconds = lease / BEATS
        self._stopped = Event()

    async def run(self) -> None:
        """Beat until `stop` is called.

        Raises:
            UnreachableError, RefusedError, GoneError: as `Commands.run`.
        """
        while not self._stopped.is_set():
            # A pause between two beats, which `stop` ends early.
            with move_on_after(self._seconds):
                await self._stopped.wait()
                return
            await self.beat()

    def stop(self) -> None:
        """Let `run` return."""
        self._stopped.set()

    async def beat(self) -> None:
        """Renew every lease once; raise as `run`."""
        for delivery in self._inbox.idle():
            self._give_back(delivery)
        entry_ids = self._leases.entry_ids
        for start in range(0, len(entry_ids), MAX_BATCH):
            # The time is read before the script is sent, as `HeldLeases` requires.
            some, since = entry_ids[start : start + MAX_BATCH], monotonic()
            _, *lost = await self._commands.run(_scripts.RENEW, *some)
            # First drop the lost leases, since `extend` skips what was dropped.
            self._leases.drop_lost(lost)
            self._leases.extend(some, since)
