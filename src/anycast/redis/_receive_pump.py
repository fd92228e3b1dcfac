"""The task that fetches messages from the server.

The pump asks only while there is demand. If the server has no message and tasks wait, the pump
waits for a hint. A command that blocks fetches only hints, never messages, so a broken connection
loses a hint at most. A hint that comes when the demand has gone is passed on: the pump asks for
zero messages, and the script TAKE leaves a new hint if messages are there.

The reply that brings messages can be lost, too. Then the server counts these messages as pending
for this process, and this process does not know them. So the script RECOVER gives back every
message that is pending and unknown. The pump runs RECOVER after each failed attempt, and every
half lease, because a command that was believed lost may reach the server late.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from anycast._log import logger
from anycast.redis import _scripts
from anycast.redis._delivery import Delivery
from anycast.redis._link import SAFETY, UnavailableError, UnreachableError

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
        label: the channel's name, for the log.
        inbox: gets the messages, and tells the demand.
        leases: get the leases on the messages.
        settlements: get the messages that cannot be decoded, for the dead letters.
        commands: run the scripts.
        ready: brings hints that there may be messages.
        options: of the channel.
        give_back: gives a delivery back to the server.
        on_closed: called when the server tells that the channel is closed.
        on_ended: called at the end of the channel.
    """

    def __init__(  # noqa: PLR0913, PLR0917  the pump connects many parts
        self,
        label: str,
        inbox: Inbox[T],
        leases: HeldLeases[T],
        settlements: Settlements,
        commands: Commands,
        ready: Hints,
        options: Options[T],
        give_back: Callable[[Delivery[T]], object],
        on_closed: Callable[[], object],
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
        self._on_closed = on_closed
        self._on_ended = on_ended
        # Whether the server has told that the channel is closed.
        self._closed = False
        # The time from which TAKE also looks for messages whose lease has run out.
        self._reclaim_at = 0.0
        self._stopping = False

    async def run(self) -> None:
        """Fetch messages until `stop` is called, or the channel ends.

        Raises:
            UnreachableError, RefusedError, GoneError: as `Commands.run`.
        """
        # Whether the pump took a hint that is neither used nor passed on yet.
        hinted = False
        retries = self._commands.new_retries()
        while not self._stopping:
            for delivery in self._inbox.surplus():
                self._give_back(delivery)
            want = self._inbox.wanted()
            if not want and not hinted:
                # Receivers wake the pump through the inbox, and so does `stop`.
                await self._inbox.wakeup.wait()
                continue
            try:
                retries.begin()
                status, came = await self._take(want)
            except UnavailableError as error:
                # The script did not run.
                await retries.pause(error)
                continue
            except UnreachableError:
                # The script may have run: give back what the script took, then ask again.
                await self._recover()
                continue
            retries.succeed()
            if status == b"ended":
                self._on_ended()
                return
            hinted = False
            if status == b"closed":
                self._closed = True
                self._on_closed()
            self._inbox.set_dry(dry=self._closed and want > 0 and not came)
            # A lease of another process runs out without a hint, so the pump asks again after half
            # a lease at the latest.
            if not came and self._inbox.lacking and not self._stopping:
                hinted = await self._ready.wait(min(SAFETY, self._options.lease / 2))

    def stop(self) -> None:
        """Let `run` return."""
        self._stopping = True
        self._inbox.wakeup.set()
        self._ready.close()

    async def _take(self, want: int) -> tuple[bytes, bool]:
        """Ask for messages; return the status, and whether messages came."""
        # Messages that go back come again before newer messages, so the order is kept.
        await self._settlements.give_back_first()
        # The time is read before the script is sent, as `HeldLeases` requires.
        now = monotonic()
        if reclaim := now >= self._reclaim_at:
            await self._recover()
            self._reclaim_at = now + self._options.lease / 2
        status, *entries = await self._commands.run_once(
            _scripts.TAKE,
            want,
            self._options.lease_ms,
            self._options.most_deliveries,
            reclaim,
            self._closed,
        )
        self._leases.hold(entries[::3], now)
        deliveries = self._decoded(entries)
        if self._stopping:
            # The inbox has ended while the script ran.
            for delivery in deliveries:
                self._give_back(delivery)
        else:
            self._inbox.put(deliveries)
        return status, bool(entries)

    def _decoded(self, entries: list[Any]) -> Iterable[Delivery[T]]:
        for entry_id, body, count in zip(entries[::3], entries[1::3], entries[2::3], strict=True):
            try:
                message = self._options.codec.decode(body)
            except Exception as error:  # noqa: BLE001  a codec may raise any exception
                logger.error("%s: %r cannot be decoded: %r", self._label, entry_id, error)
                self._leases.drop(entry_id)
                self._settlements.broken(entry_id, repr(error))
            else:
                yield Delivery(entry_id, message, count)

    async def _recover(self) -> None:
        """Give back the messages that are pending for this process and unknown here."""
        known = [*self._leases.entry_ids, *self._settlements.entry_ids]
        await self._commands.run(_scripts.RECOVER, self._options.lease_ms, *known)
