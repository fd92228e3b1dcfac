"""What is to be told to the server about deliveries: done, or given back.

Tasks do not wait for that: they say what became of a message, and go on. A pump tells it, as
much at once as has come together. A delivery stays known until the server was told, so that
it is not taken for one whose arrival we missed. If the process dies before, the message is
delivered again, which is what at least once means. Only for at most once does a task wait:
its message must be known to be deleted before it is handed over.
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

LONGEST_REASON = 2_000  # characters of an error's text


class Settlements:
    """Tells the server what became of deliveries.

    Args:
        commands: how to tell it.
        on_lost: called with the number of those that were not ours any more.
        options: how the channel is used.
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
        self._done: list[bytes] = []
        self._given_back: list[tuple[bytes, bytes, bytes]] = []
        self._in_flight: list[bytes] = []
        self._requests: dict[bytes, PendingRequest] = {}
        self._close_wanted = False
        self.closed = Event()
        """Set once the server knows that the channel is closed."""
        self._wakeup = AutoResetEvent()
        self._flushing = Lock()
        self._stopping = False

    @property
    def entry_ids(self) -> list[bytes]:
        """The ids of the deliveries that the server has yet to be told about."""
        return [*self._done, *(entry_id for entry_id, *_ in self._given_back), *self._in_flight]

    def done(self, entry_id: bytes) -> None:
        """Acknowledge a delivery."""
        if not self._done:
            self._wakeup.set()
        self._done.append(entry_id)

    async def done_first(self, entry_id: bytes) -> bool:
        """Acknowledge a delivery, and wait until the server has.

        Returns:
            Whether it was still ours.

        Raises:
            The event loop's cancellation: then it was given back, or is lost to others.
        """
        request = self._requests[entry_id] = PendingRequest()
        self.done(entry_id)
        try:
            await request.wait()
            return request.state is RequestState.DONE
        finally:
            del self._requests[entry_id]
            if request.state is RequestState.QUEUED:
                self._withdraw(entry_id)

    def _withdraw(self, entry_id: bytes) -> None:
        self._done.remove(entry_id)
        self.untouched(entry_id)

    def untouched(self, entry_id: bytes) -> None:
        """Give back a delivery that was in nobody's hand."""
        self._give_back(entry_id, b"untouched", "")

    def failed(self, entry_id: bytes, reason: str) -> None:
        """Give back a delivery that somebody worked on, and failed."""
        self._give_back(entry_id, b"failed", reason)

    def broken(self, entry_id: bytes, reason: str) -> None:
        """Make a delivery that cannot be decoded a dead letter."""
        self._give_back(entry_id, b"broken", reason)

    def _give_back(self, entry_id: bytes, fate: bytes, reason: str) -> None:
        text = reason[:LONGEST_REASON].encode(errors="backslashreplace")
        self._given_back.append((entry_id, fate, text))
        self._wakeup.set()

    def close_channel(self) -> None:
        """Close the channel, for everyone."""
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
        """Let every task go that waits here: nobody is left to tell the server."""
        self.closed.set()
        for request in self._requests.values():
            request.settle(done=False)

    async def give_back_first(self) -> None:
        """Let what is given back go before what is asked for next; raise as `run`."""
        if self._given_back:
            await self.flush()

    async def flush(self) -> None:
        """Tell the server everything there is to tell; raise as `run`."""
        async with self._flushing:
            await self._flush()

    async def _flush(self) -> None:
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
        """Give back what tasks would get that are leaving."""
        for entry_id, request in self._requests.items():
            if request.state is RequestState.QUEUED and request.leaving:
                request.settle(done=False)
                self._withdraw(entry_id)

    async def _acknowledge(self) -> None:
        self._in_flight, self._done = self._done[:MAX_BATCH], self._done[MAX_BATCH:]
        waited_for = [entry_id for entry_id in self._in_flight if entry_id in self._requests]
        requests = {entry_id: self._requests[entry_id] for entry_id in waited_for}
        lost: list[bytes] = self._in_flight
        for request in requests.values():
            request.state = RequestState.IN_FLIGHT
        try:
            _, *lost = await self._commands.run(_scripts.ACK, *self._in_flight)
        finally:
            for entry_id, request in requests.items():
                request.settle(done=entry_id not in lost)
        self._in_flight = []
        self._on_lost(len(lost))

    async def _release(self) -> None:
        batch, self._given_back = self._given_back[:MAX_BATCH], self._given_back[MAX_BATCH:]
        self._in_flight = [entry_id for entry_id, *_ in batch]
        # Newest first, so that the oldest ends up at the head.
        batch.sort(key=lambda entry: stream_order(entry[0]), reverse=True)
        flat = (part for entry in batch for part in entry)
        await self._commands.run(
            _scripts.RELEASE, self._options.lease_ms, self._options.most_deliveries, *flat
        )
        self._in_flight = []


def stream_order(entry_id: bytes) -> tuple[int, int]:
    """Return what orders ids of entries as the stream does."""
    milliseconds, _, sequence = entry_id.partition(b"-")
    return int(milliseconds), int(sequence)
