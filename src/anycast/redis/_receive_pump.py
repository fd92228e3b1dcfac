"""The task that fetches messages from the server.

It asks only while there is demand. When the server has nothing, and tasks wait, it waits
for a hint. Nothing but a hint is ever fetched by a command that blocks, so no message can
be lost in one; a hint that comes when the demand has gone is passed on.

The reply that brings messages can be lost, too, and then they are pending for us without
our knowing. So whatever is pending and unknown is given back after each failed try, and
every half lease: a request that was believed lost may arrive late.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from anycast._log import logger
from anycast.redis import _scripts
from anycast.redis._delivery import Delivery
from anycast.redis._link import SAFETY, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from anycast.redis._commands import Commands
    from anycast.redis._delivery import HeldLeases
    from anycast.redis._inbox import Inbox
    from anycast.redis._link import Hints
    from anycast.redis._options import Options
    from anycast.redis._settlements import Settlements

T = TypeVar("T")


class ReceivePump(Generic[T]):
    """Fills the inbox on demand.

    Args:
        label: the channel's, for the log.
        inbox: what to fill.
        leases: where to note what is ours.
        settlements: where to give back what cannot be decoded.
        commands: how to ask for messages.
        ready: where hints that there may be some come.
        options: how the channel is used.
        give_back: how to give back what nobody wants.
        on_ended: called at the end of the channel.
    """

    def __init__(  # noqa: PLR0913, PLR0917  it stands in the middle
        self,
        label: str,
        inbox: Inbox[T],
        leases: HeldLeases[T],
        settlements: Settlements,
        commands: Commands,
        ready: Hints,
        options: Options[T],
        give_back: Callable[[Delivery[T]], object],
        on_ended: Callable[[], object],
    ) -> None:
        self._label = label
        self._inbox = inbox
        self._leases = leases
        self._settlements = settlements
        self._commands = commands
        self._ready = ready
        self._options = options
        self._give_back = give_back
        self._on_ended = on_ended
        self._reclaim_at = 0.0
        self._stopping = False

    async def run(self) -> None:
        """Fetch messages until `stop` is called, or the channel ends.

        Raises:
            UnreachableError, RefusedError, GoneError: as `Commands.run`.
        """
        hinted = False
        while not self._stopping:
            for delivery in self._inbox.surplus():
                self._give_back(delivery)
            want = self._inbox.wanted()
            if not want and not hinted:
                await self._inbox.wakeup.wait()
                continue
            try:
                status, came = await self._take(want)
            except UnreachableError:
                await self._recover()
                continue
            if status == b"ended":
                self._on_ended()
                return
            hinted = False
            if not came and self._inbox.lacking and not self._stopping:
                hinted = await self._ready.wait(min(SAFETY, self._options.lease / 2))

    def stop(self) -> None:
        """Let `run` return."""
        self._stopping = True
        self._inbox.wakeup.set()
        self._ready.close()

    async def _take(self, want: int) -> tuple[bytes, bool]:
        """Ask for messages, and return the status and whether any came."""
        await self._settlements.give_back_first()
        now = monotonic()
        if reclaim := now >= self._reclaim_at:
            await self._recover()
            self._reclaim_at = now + self._options.lease / 2
        status, *entries = await self._commands.run_once(
            _scripts.TAKE, want, self._options.lease_ms, self._options.most_deliveries, reclaim
        )
        self._leases.hold(entries[::3], now)
        deliveries = self._decoded(entries)
        if self._stopping:  # meanwhile
            for delivery in deliveries:
                self._give_back(delivery)
        else:
            self._inbox.put(deliveries)
        return status, bool(entries)

    def _decoded(self, entries: list[Any]) -> Iterable[Delivery[T]]:
        for entry_id, body, count in zip(entries[::3], entries[1::3], entries[2::3], strict=True):
            try:
                message = self._options.codec.decode(body)
            except Exception as error:  # noqa: BLE001  what a codec raises is its business
                logger.error("%s: %r cannot be decoded: %r", self._label, entry_id, error)
                self._leases.drop(entry_id)
                self._settlements.broken(entry_id, repr(error))
            else:
                yield Delivery(entry_id, message, count)

    async def _recover(self) -> None:
        known = [*self._leases.entry_ids, *self._settlements.entry_ids]
        await self._commands.run(_scripts.RECOVER, self._options.lease_ms, *known)
