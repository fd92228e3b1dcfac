"""The task that renews the lease of this process while handlers await for long.

The heartbeat beats three times in a lease. If the event loop hangs for longer than a lease, the
heartbeat stops, and other processes get the messages that this process holds. That is intended: a
process that hangs must not keep messages.
"""

from __future__ import annotations

from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Any

from anyio import Event, move_on_after

from anycast.redis import _scripts
from anycast.redis._holder import LostError

if TYPE_CHECKING:
    from collections.abc import Callable

    from anycast.redis._delivery import Delivery, HeldLeases
    from anycast.redis._holder import Holder
    from anycast.redis._inbox import Inbox

# Beats in a lease: with three, a lease is renewed in time even if a beat comes late.
BEATS = 3


class Heartbeat:
    """Renews the lease, and gives back messages that receivers leave in the inbox.

    Args:
        leases: the lease to renew.
        inbox: may hold messages that no receiver takes.
        give_back: gives a delivery back to the server.
        holder: runs the script that renews the lease.
        on_limit: called with the limit of the channel, which an operator may change.
    """

    def __init__(
        self,
        leases: HeldLeases[Any],
        inbox: Inbox[Any],
        give_back: Callable[[Delivery[Any]], object],
        holder: Holder,
        on_limit: Callable[[bytes], object],
    ) -> None:
        self._leases = leases
        self._inbox = inbox
        self._give_back = give_back
        self._holder = holder
        self._on_limit = on_limit
        self._stopped = Event()

    async def run(self) -> None:
        """Beat until `stop` is called.

        Raises:
            UnreachableError, RefusedError, GoneError: as `Commands.run`.
        """
        while not self._stopped.is_set():
            # A pause between two beats, which `stop` ends early.
            with move_on_after(self._leases.seconds / BEATS):
                await self._stopped.wait()
                return
            await self.beat()

    def stop(self) -> None:
        """Let `run` return."""
        self._stopped.set()

    async def beat(self) -> None:
        """Renew the lease once; raise as `run`."""
        for delivery in self._inbox.idle():
            self._give_back(delivery)
        # The time is read before the script is sent, as `HeldLeases` requires.
        since = monotonic()
        with suppress(LostError):  # the next script makes a new consumer known
            _, limit = await self._holder.run(_scripts.RENEW)
            self._leases.renew(since)
            self._on_limit(limit)
