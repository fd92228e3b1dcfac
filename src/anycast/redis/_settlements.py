"""How deliveries are settled at the server: acknowledged, or given back.

A task settles a delivery and goes on without waiting. A pump tells the server later, in batches.
In the same way the pump tells that the program got a message that was fetched ahead of need: from
then on this delivery counts. If the process dies first, the message is delivered again, as
at-least-once delivery allows. A task waits only with at-most-once delivery: the message must be
deleted before the message is handed over.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from anyio import Event, Lock

from anycast._log import logger
from anycast.redis import _scripts
from anycast.redis._auto_reset_event import AutoResetEvent
from anycast.redis._holder import LostError
from anycast.redis._pending_request import PendingRequest, RequestState
from anycast.redis._printable import printable
from anycast.redis._scripts import MAX_BATCH

if TYPE_CHECKING:
    from anycast.redis._commands import Commands
    from anycast.redis._delivery import Delivery
    from anycast.redis._holder import Holder
    from anycast.redis._options import Options

# How many characters of an error's text go to the server, and to the log.
LONGEST_REASON = 2_000
LONGEST_LOGGED = 200


@dataclass(frozen=True, slots=True)
class Return:
    """A message that is given back.

    Args:
        entry_id: of the message.
        count: how many deliveries of the message count.
        reason: the error by which the work on the message failed; None if the work did not fail.
    """

    entry_id: bytes
    count: int
    reason: str | None


class Settlements:
    """Tells the server which deliveries are done, and which are given back.

    Args:
        label: the channel's name, for the log.
        commands: run the script that closes the channel.
        holder: runs the scripts about messages.
        options: of the channel.
    """

    def __init__(
        self, label: str, commands: Commands, holder: Holder, options: Options[Any]
    ) -> None:
        self._label = label
        self._commands = commands
        self._holder = holder
        self._options = options
        # To acknowledge.
        self._done: list[Delivery[Any]] = []
        # Entry ids of which the program got the messages, which were fetched ahead of need.
        self._begun: dict[bytes, None] = {}
        self._given_back: list[Return] = []
        # How many settlements a script is telling the server about.
        self._in_flight = 0
        # The number of the last request that gave messages back.
        self._releases = 0
        # Of the tasks that wait until their delivery is acknowledged, by entry id.
        self._requests: dict[bytes, PendingRequest] = {}
        # Whether the pump must close the channel.
        self._close_wanted = False
        self.closed = Event()
        """Set once the server knows that the channel is closed."""
        # Wakes the pump: the server is to be told something.
        self._wakeup = AutoResetEvent()
        # The lock of the task that tells the server: this pump, the receive pump before it asks for
        # messages, or the session before it leaves.
        self._flushing = Lock()
        self._stopping = False

    def begun(self, delivery: Delivery[Any]) -> None:
        """Count a delivery: the program has the message from now on."""
        if not delivery.counted:
            delivery.counted = True
            self._begun[delivery.entry_id] = None
            self._wakeup.set()

    def done(self, delivery: Delivery[Any]) -> None:
        """Acknowledge a delivery."""
        self._begun.pop(delivery.entry_id, None)
        # If entries are here already, the pump was woken for them, and takes this entry along.
        if not self._done:
            self._wakeup.set()
        self._done.append(delivery)

    async def done_first(self, delivery: Delivery[Any]) -> bool:
        """Acknowledge a delivery, and wait until the server has answered.

        Returns:
            Whether the message was deleted, and so is the task's to keep. If not, the lease had
            run out, or the session has failed.

        Raises:
            The event loop's cancellation: the delivery was given back, or this process lost it.
        """
        entry_id = delivery.entry_id
        request = self._requests[entry_id] = PendingRequest()
        self.done(delivery)
        try:
            await request.wait()
            return request.state is RequestState.DONE
        finally:
            del self._requests[entry_id]
            # Cancelled before the pump began: the server has never heard of the request.
            if request.state is RequestState.QUEUED:
                self._withdraw(delivery)

    def _withdraw(self, delivery: Delivery[Any]) -> None:
        """Give back a delivery that was to be acknowledged."""
        self._done.remove(delivery)
        self.untouched(delivery)

    def untouched(self, delivery: Delivery[Any]) -> None:
        """Give back a delivery at once; this delivery does not count."""
        self._begun.pop(delivery.entry_id, None)
        self._give_back(Return(delivery.entry_id, delivery.count - 1, None))

    def failed(self, delivery: Delivery[Any], reason: str) -> None:
        """Give back a delivery whose handler failed; ``reason`` says why."""
        self._begun.pop(delivery.entry_id, None)
        self._give_back(Return(delivery.entry_id, delivery.count, reason))

    def failed_after_all(self, delivery: Delivery[Any], reason: str) -> None:
        """Let a delivery that was given back count as `failed`, unless the server knows already."""
        untouched = Return(delivery.entry_id, delivery.count - 1, None)
        if untouched in self._given_back:
            at = self._given_back.index(untouched)
            self._given_back[at] = Return(delivery.entry_id, delivery.count, reason)

    def _give_back(self, returned: Return) -> None:
        self._given_back.append(returned)
        self._wakeup.set()

    def close_channel(self) -> None:
        """Let the pump close the channel for every process."""
        self._close_wanted = True
        self._wakeup.set()

    def lose_all(self) -> int:
        """Forget every settlement, and return how many there were."""
        count = len(self._done) + len(self._given_back) + self._in_flight
        for request in self._requests.values():
            request.settle(done=False)
        self._done.clear()
        self._begun.clear()
        self._given_back.clear()
        return count

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
        while self._done or self._begun or self._given_back or self._close_wanted:
            if self._close_wanted:
                await self._commands.run(_scripts.CLOSE)
                self._close_wanted = False
                self.closed.set()
            self._withdraw_leaving()
            try:
                if self._done or self._begun:
                    await self._acknowledge()
                if self._given_back:
                    await self._release()
            except LostError:
                pass  # `lose_all` was called

    def _withdraw_leaving(self) -> None:
        """Give back the deliveries of tasks that are being cancelled and have yet to run."""
        if not self._requests:
            return
        for delivery in [*self._done]:
            request = self._requests[delivery.entry_id]
            if request.leaving:
                request.settle(done=False)
                self._withdraw(delivery)

    async def _acknowledge(self) -> None:
        done, self._done = self._done[:MAX_BATCH], self._done[MAX_BATCH:]
        begun = [*self._begun][:MAX_BATCH]
        for entry_id in begun:
            del self._begun[entry_id]
        ids = [delivery.entry_id for delivery in done]
        requests = [self._requests[each] for each in ids if each in self._requests]
        # If the script raises, every request counts as not done: the outcome is unknown.
        acknowledged = False
        for request in requests:
            request.state = RequestState.IN_FLIGHT
        self._in_flight = len(ids)
        try:
            await self._holder.run(_scripts.ACK, self._releases, len(ids), *ids, *begun)
            acknowledged = True
        finally:
            # This wakes the tasks in `done_first`.
            for request in requests:
                request.settle(done=acknowledged)
            self._in_flight = 0

    async def _release(self) -> None:
        # Newest first: each entry is pushed to the head of a list, where the oldest must end up.
        self._given_back.sort(key=lambda each: stream_order(each.entry_id), reverse=True)
        batch, self._given_back = self._given_back[:MAX_BATCH], self._given_back[MAX_BATCH:]
        self._releases += 1
        flat = (part for each in batch for part in self._arguments(each))
        self._in_flight = len(batch)
        try:
            _, *buried = await self._holder.run(_scripts.RELEASE, self._releases, *flat)
        finally:
            self._in_flight = 0
        for each in batch:
            if each.entry_id in buried:
                log_burial(self._label, each.entry_id, each.count, each.reason or "")

    def _arguments(self, returned: Return) -> tuple[bytes | float, ...]:
        """Return what the script RELEASE needs to know of a message."""
        failed = returned.reason is not None
        pause = self._options.pause_after(returned.count) if failed else 0.0
        text = (returned.reason or "")[:LONGEST_REASON].encode(errors="backslashreplace")
        return returned.entry_id, returned.count, failed, int(pause * 1000), text


def reason_of(error: Exception) -> str:
    """Return the class and the text of an error, whose ``__str__`` may fail."""
    kind = type(error).__name__
    try:
        return f"{kind}: {error}"
    except Exception:  # noqa: BLE001  the method may raise any exception
        return f"{kind}, whose text cannot be read"


def log_burial(label: str, entry_id: bytes, count: int, reason: str) -> None:
    """Log that a message became a dead letter."""
    logger.error(
        "%s: message %s became a dead letter after %d deliveries: %s",
        label,
        entry_id.decode(),
        count,
        printable(reason[:LONGEST_LOGGED]),
    )


def stream_order(entry_id: bytes) -> tuple[int, int]:
    """Return a sort key that orders entry ids as the stream does."""
    milliseconds, _, sequence = entry_id.partition(b"-")
    return int(milliseconds), int(sequence)
