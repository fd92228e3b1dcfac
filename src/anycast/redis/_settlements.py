"""How deliveries are settled at the server: acknowledged, or given back.

A task settles a delivery and goes on without waiting. A pump tells the server later, in batches.
A delivery stays known here until the server has answered. Otherwise RECOVER would give the
delivery back, as a message whose reply was lost. If the process dies first, the message is
delivered again, as at-least-once delivery allows. A task waits only with at-most-once delivery:
the message must be deleted before the message is handed over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from anyio import Event, Lock

from anycast.redis import _scripts
from anycast.redis._auto_reset_event import AutoResetEvent
from anycast.redis._pending_request import PendingRequest, RequestState
from anycast.redis._scripts import MAX_BATCH

if TYPE_CHECKING:
    from collections.abc import Callable

    from anycast.redis._commands import Commands
    from anycast.redis._options import Options

# How many characters of an error's text go to the server.
LONGEST_REASON = 2_000


class Settlements:
    """Tells the server which deliveries are done, and which are given back.

    Args:
        commands: run the scripts.
        on_lost: called with the number of deliveries that were acknowledged too late: their
            leases had run out.
        options: of the channel.
    """

    def __init__(
        self,
        commands: Commands,
        on_lost: Callable[[int], object],
        options: Options[Any],
    ) -> None:
        self._commands = commands
        self._on_lost = on_lost
        self._options = options
        # Entry ids to acknowledge.
        self._done: list[bytes] = []
        # Entries to give back: entry id, fate (a word that `release.lua` knows) and reason.
        self._given_back: list[tuple[bytes, bytes, bytes]] = []
        # Entry ids that a script is telling the server about.
        self._in_flight: list[bytes] = []
        # Of the tasks that wait until their delivery is acknowledged, by entry id.
        self._requests: dict[bytes, PendingRequest] = {}
        # Whether the pump must close the channel.
        self._close_wanted = False
        self.closed = Event()
        """Set once the server knows that the channel is closed."""
        # Wakes the pump: the server is to be told something.
        self._wakeup = AutoResetEvent()
        # Held by the task that tells the server: this pump, the receive pump before it asks for
        # messages, or the session before it leaves.
        self._flushing = Lock()
        self._stopping = False

    @property
    def entry_ids(self) -> list[bytes]:
        """The entry ids of the deliveries whose settlement the server has yet to confirm."""
        return [*self._done, *(entry_id for entry_id, *_ in self._given_back), *self._in_flight]

    def done(self, entry_id: bytes) -> None:
        """Acknowledge a delivery."""
        # If entries are here already, the pump was woken for them, and takes this entry along.
        if not self._done:
            self._wakeup.set()
        self._done.append(entry_id)

    async def done_first(self, entry_id: bytes) -> bool:
        """Acknowledge a delivery, and wait until the server has answered.

        Returns:
            Whether the message was deleted, and so is the task's to keep. If not, the lease had
            run out, or the session has failed.

        Raises:
            The event loop's cancellation: the delivery was given back, or this process lost it.
        """
        request = self._requests[entry_id] = PendingRequest()
        self.done(entry_id)
        try:
            await request.wait()
            return request.state is RequestState.DONE
        finally:
            del self._requests[entry_id]
            # Cancelled before the pump began: the server has never heard of the request.
            if request.state is RequestState.QUEUED:
                self._withdraw(entry_id)

    def _withdraw(self, entry_id: bytes) -> None:
        """Give back an entry that was to be acknowledged."""
        self._done.remove(entry_id)
        self.untouched(entry_id)

    def untouched(self, entry_id: bytes) -> None:
        """Give back a delivery that a receiver never got: this delivery does not count."""
        self._give_back(entry_id, b"untouched", "")

    def failed(self, entry_id: bytes, reason: str) -> None:
        """Give back a delivery whose handler failed; ``reason`` says why."""
        self._give_back(entry_id, b"failed", reason)

    def broken(self, entry_id: bytes, reason: str) -> None:
        """Turn a delivery that cannot be decoded into a dead letter."""
        self._give_back(entry_id, b"broken", reason)

    def _give_back(self, entry_id: bytes, fate: bytes, reason: str) -> None:
        text = reason[:LONGEST_REASON].encode(errors="backslashreplace")
        self._given_back.append((entry_id, fate, text))
        self._wakeup.set()

    def close_channel(self) -> None:
        """Let the pump close the channel for every process."""
        self._close_wanted = True
        self._wakeup.set()

    async def run(self) -> None:
        """Tell the server until `stop` is called.

        Raises:
            UnreachableError, RefusedError, GoneError: as `Commands.run`.
        """
        while not self._stopping:
            await self._wakeup.wait()
            await self.flush()

    def stop(self) -> None:
        """Let `run` return."""
        self._stopping = True
        self._wakeup.set()

    def shut(self) -> None:
        """Wake every task that waits here, since the session has failed and tells no more."""
        self.closed.set()
        for request in self._requests.values():
            request.settle(done=False)

    async def give_back_first(self) -> None:
        """Tell the server what is given back before the next messages are asked for.

        Raises:
            UnreachableError, RefusedError, GoneError: as `Commands.run`.
        """
        if self._given_back:
            await self.flush()

    async def flush(self) -> None:
        """Tell the server everything that has come together; raise as `run`."""
        async with self._flushing:
            await self._flush()

    async def _flush(self) -> None:
        # Tasks can add more while a script runs, hence the loop.
        while self._done or self._given_back or self._close_wanted:
            if self._close_wanted:
                await self._commands.run(_scripts.CLOSE)
                self._close_wanted = False
                self.closed.set()
            self._withdraw_leaving()
            if self._done:
                await self._acknowledge()
            if self._given_back:
                await self._release()

    def _withdraw_leaving(self) -> None:
        """Give back the deliveries of tasks that are being cancelled and have yet to run."""
        for entry_id, request in self._requests.items():
            if request.state is RequestState.QUEUED and request.leaving:
                request.settle(done=False)
                self._withdraw(entry_id)

    async def _acknowledge(self) -> None:
        self._in_flight, self._done = self._done[:MAX_BATCH], self._done[MAX_BATCH:]
        waited_for = [entry_id for entry_id in self._in_flight if entry_id in self._requests]
        requests = {entry_id: self._requests[entry_id] for entry_id in waited_for}
        # If the script raises, every request counts as not done: the outcome is unknown.
        lost: list[bytes] = self._in_flight
        for request in requests.values():
            request.state = RequestState.IN_FLIGHT
        try:
            _, *lost = await self._commands.run(_scripts.ACK, *self._in_flight)
        finally:
            # This wakes the tasks in `done_first`.
            for entry_id, request in requests.items():
                request.settle(done=entry_id not in lost)
        self._in_flight = []
        self._on_lost(len(lost))

    async def _release(self) -> None:
        batch, self._given_back = self._given_back[:MAX_BATCH], self._given_back[MAX_BATCH:]
        self._in_flight = [entry_id for entry_id, *_ in batch]
        # Newest first: each entry is pushed to the head of a list, where the oldest must end up.
        batch.sort(key=lambda entry: stream_order(entry[0]), reverse=True)
        flat = (part for entry in batch for part in entry)
        await self._commands.run(
            _scripts.RELEASE, self._options.lease_ms, self._options.most_deliveries, *flat
        )
        self._in_flight = []


def stream_order(entry_id: bytes) -> tuple[int, int]:
    """Return a sort key that orders entry ids as the stream does."""
    milliseconds, _, sequence = entry_id.partition(b"-")
    return int(milliseconds), int(sequence)
