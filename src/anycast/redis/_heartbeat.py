"""The task that keeps leases while handlers await for long.

It beats three times in a lease. If the event loop hangs for longer than a lease it does not
beat, and other processes get what is held here: that is the point of it.
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

BEATS = 3  # in a lease


class Heartbeat:
    """Renews leases, and gives back what nobody takes.

    Args:
        leases: what is held.
        inbox: where something may lie that nobody takes.
        give_back: how to give that back.
        commands: how to renew.
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
            with move_on_after(self._seconds):
                await self._stopped.wait()
                return
            await self.beat()

    def stop(self) -> None:
        """Let `run` return."""
        self._stopped.set()

    async def beat(self) -> None:
        """Renew every lease, once; raise as `run`."""
        for delivery in self._inbox.idle():
            self._give_back(delivery)
        entry_ids = self._leases.entry_ids
        for start in range(0, len(entry_ids), MAX_BATCH):
            some, since = entry_ids[start : start + MAX_BATCH], monotonic()
            _, *lost = await self._commands.run(_scripts.RENEW, *some)
            self._leases.drop_lost(lost)
            self._leases.extend(some, since)
