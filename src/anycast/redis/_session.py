"""The session of a process in a channel, from `open` to `stop`: the connections and the pumps.

Each pump is a task: the send pump, the receive pump, the settlements, the heartbeat and the joins.
Pumps are children of the task that entered the channel, but run in a shielded scope. So a
cancellation of that task does not reach the pumps, and they end when they are told to. The module
of each pump says what can go wrong in the pump.

A session goes through the states opening, open, ending and ended. The session begins to end when
the channel is left, or when a pump fails. From then on the session refuses everything new, and each
pump finishes what is in flight, within the channel's timeout. After leaving, the session gives back
the messages that this process holds. After a failure, `failure` says why, and every task that waits
or comes later raises an error with that cause.
"""

from __future__ import annotations

from secrets import token_hex
from typing import TYPE_CHECKING, Generic, TypeVar

from anyio import (
    CancelScope,
    Event,
    create_task_group,
    get_cancelled_exc_class,
    move_on_after,
)

from anycast._interface.errors import ChannelError
from anycast._interface.statistics import ChannelStatistics
from anycast._log import BlockingLog, logger
from anycast.redis import _scripts
from anycast.redis._commands import Commands, GoneError
from anycast.redis._delivery import HeldLeases
from anycast.redis._heartbeat import Heartbeat
from anycast.redis._inbox import Inbox
from anycast.redis._joins import Joins
from anycast.redis._keys import Keys
from anycast.redis._link import Hints, Link, RefusedError, UnreachableError
from anycast.redis._outbox import Outbox
from anycast.redis._receive_pump import ReceivePump
from anycast.redis._send_errors import caused, channel_closed, outcome_unknown, session_ended
from anycast.redis._send_pump import SendPump
from anycast.redis._settlements import Settlements

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from anyio.abc import TaskGroup

    from anycast._interface.channel import Channel
    from anycast.redis._delivery import Delivery
    from anycast.redis._link import Server
    from anycast.redis._options import Options

T = TypeVar("T")

EXPECTED = (UnreachableError, RefusedError, GoneError)


class Session(Generic[T]):
    """Serves the endpoints of a channel, and talks to the server.

    Args:
        channel: the channel.
        server: the server that keeps the channel.
        options: the arguments of the channel.
    """

    def __init__(self, channel: Channel[T], server: Server, options: Options[T]) -> None:
        self._channel = channel
        self._server = server
        self.options = options
        # Whether the channel is closed, as far as this process knows.
        self.closed = False
        # Whether `open` was called. Before that, a task that waits would wait for ever.
        self._entered = False
        # The reason, if the session has failed.
        self.failure: ChannelError[T] | None = None
        # Messages to send, and messages to receive.
        self.outbox = Outbox()
        self.inbox: Inbox[T] = Inbox(options.prefetch)
        # The tasks that wait until no message is left.
        self._joins = Joins(self.outbox)
        # The leases on all messages that this process holds, in the inbox or received.
        self.leases: HeldLeases[T] = HeldLeases(str(channel), options.lease)
        # The entry ids of the deliveries that are in batches.
        self._unseen: set[bytes] = set()
        # For the statistics.
        self.open_senders = 0
        # Made with the pumps, as are the `_stops` below.
        self.settlements: Settlements
        # Shields all tasks of the session. Cancelled when the session is over, or must be.
        self._scope: CancelScope
        # Raised by `open` if the channel exists with another limit.
        self._mismatch: ValueError | None = None
        # Set when opening has succeeded or failed. Wakes `open`.
        self._opened = Event()
        # Set when all tasks of the session have ended. Wakes `stop`.
        self._over = Event()
        # Functions that stop the pumps. Empty until the pumps are made.
        self._stops: list[Callable[[], object]] = []

    async def open(self, tasks: TaskGroup) -> None:
        """Start the session, and return once the channel is open at the server.

        Raises:
            ChannelError: if the channel cannot be opened.
            ValueError: if the channel exists with another limit.
        """
        self._entered = True
        scope = self._scope = CancelScope(shield=True)
        tasks.start_soon(self._run, scope)
        try:
            # `_run_pumps` wakes this task.
            await self._opened.wait()
        except BaseException:
            scope.cancel()
            raise
        if error := self._mismatch or self.failure:
            raise error

    def check_entered(self) -> None:
        """Raise RuntimeError if the session was not opened: a task that waits would hang."""
        if not self._entered:
            raise RuntimeError(f"{self._channel} can be used only within `async with`")

    async def stop(self) -> None:
        """End the session in good order, within the channel's timeout, even in a cancelled task.

        Raises:
            The event loop's cancellation: a native cancellation that came meanwhile.
        """
        if self.failure is None:
            self._shut_down(ChannelError(f"{self._channel} was left", self._channel))
        try:
            native = await self._wait_until_over()
        finally:
            self._scope.cancel()
        if native is not None:
            raise native

    async def _wait_until_over(self) -> BaseException | None:
        """Wait until the session is over, for at most the channel's timeout.

        Returns:
            A native cancellation of asyncio, if there was one: only that comes through the
            shield.
        """
        native: BaseException | None = None
        with move_on_after(self.options.farewell, shield=True) as limit:
            while not self._over.is_set():
                try:
                    await self._over.wait()
                except get_cancelled_exc_class() as error:
                    # The time is up: `move_on_after` needs its own cancellation back.
                    if limit.cancel_called:
                        raise
                    native = error
        return native

    def close(self) -> None:
        """Close the channel: in this process at once, and for every process soon.

        Raises:
            RuntimeError: if the session is not open. After a session that ended with the channel
                closed, this does nothing.
        """
        if self._over.is_set() and self.closed:
            return
        if not self._stops or self._over.is_set():
            raise RuntimeError(f"{self._channel} can be closed only within `async with`")
        self._note_closed()
        self.settlements.close_channel()

    async def until_closed(self) -> None:
        """Wait until the server knows that the channel is closed.

        Raises:
            ChannelError: if the session failed before the server was told.
        """
        await self.settlements.closed.wait()
        if self.failure is not None:
            raise self.failure

    async def join(self) -> None:
        """Wait until no message is left.

        Raises:
            ChannelError: if the session ended before that.
            RuntimeError: if the session was not opened.
        """
        self.check_entered()
        if await self._joins.wait():
            return
        text = f"{self._channel} cannot be joined: {self.failure or 'it was left'}"
        raise caused(ChannelError(text, self._channel), self.failure)

    def statistics(self) -> ChannelStatistics:
        """Return the statistics of this process."""
        return ChannelStatistics(
            current_buffer_used=self.inbox.stock,
            max_buffer_size=self.options.limit,
            peak_buffer_used=self.inbox.peak,
            open_senders=self.open_senders,
            open_receivers=self.inbox.open_receivers,
            tasks_waiting_send=len(self.outbox),
            tasks_waiting_receive=self.inbox.waiting,
            messages_sent=self.outbox.stored,
            messages_received=self.inbox.taken,
        )

    def done(self, delivery: Delivery[T]) -> None:
        """Acknowledge a delivery, if this process still holds its lease."""
        if self.leases.drop(delivery.entry_id):
            self.settlements.done(delivery.entry_id)

    def failed(self, delivery: Delivery[T], reason: str) -> None:
        """Give back a delivery whose handler failed, if this process still holds its lease."""
        if self.leases.drop(delivery.entry_id):
            self.settlements.failed(delivery.entry_id, reason)

    def is_ours(self, delivery: Delivery[T]) -> bool:
        """Return whether the lease on a delivery is certain; if not, give the delivery back.

        Once the session has failed, this returns False, because the server could not be told
        what becomes of the delivery.
        """
        if self.failure is None and delivery in self.leases:
            return True
        self.give_back(delivery)
        return False

    def give_back(self, delivery: Delivery[T]) -> None:
        """Give back a delivery that a receiver never got, if this process may hold its lease."""
        if self.leases.drop(delivery.entry_id):
            self.settlements.untouched(delivery.entry_id)

    def begin_batch(self, delivery: Delivery[T]) -> None:
        """Note that a batch has a delivery which the program has not seen yet."""
        self._unseen.add(delivery.entry_id)

    def end_batch(self, delivery: Delivery[T]) -> None:
        """Note that a delivery of a batch is handed over, or put back."""
        self._unseen.discard(delivery.entry_id)

    def put_back(self, delivery: Delivery[T]) -> None:
        """Undo a receive: give a delivery to the next task here, or else back to the server."""
        if not self.inbox.put_back(delivery):
            self.give_back(delivery)

    async def acknowledge_first(self, delivery: Delivery[T]) -> bool:
        """Acknowledge a delivery before handing it over; return whether the message was deleted."""
        # Settled from now on: the heartbeat must not renew this lease.
        self.leases.drop(delivery.entry_id)
        return await self.settlements.done_first(delivery.entry_id)

    # From here on: what the session's own tasks run.

    async def _run(self, scope: CancelScope) -> None:
        # If `open` or `stop` cancels the scope, the code below still runs.
        with scope:
            async with create_task_group() as connections:
                await self._run_pumps(connections)
        # Usually the outbox is empty here. An item that is left was cut off in flight.
        self.outbox.abort(outcome_unknown(UnreachableError("the channel was left meanwhile")))
        self._joins.stop()  # again: the session may have been cancelled while it was opened
        self._over.set()

    async def _run_pumps(self, connections: TaskGroup) -> None:
        options, keys = self.options, Keys(self._channel.name, me := token_hex(8))
        links = [Link(self._server, connections, options.patience) for _ in range(4)]
        # Sending has a separate link, so that a batch does not hold up the remaining scripts. Each
        # of the two hints needs a link, because waiting for a hint blocks the connection.
        send_link, link, room, ready = links
        commands = Commands(link, keys, me.encode(), options.timeout, str(self._channel))
        try:
            await self._init(commands)
            hints = Hints(room, keys.room), Hints(ready, keys.ready)
            pumps = self._assemble(commands.over(send_link, sends=True), commands, *hints)
            self._opened.set()
            async with create_task_group() as tasks:
                for pump in pumps:
                    tasks.start_soon(self._guard, pump)
            # The pumps have ended, in good order or because of a failure.
            if self.failure is None:
                await self._guard(lambda: self._leave(commands))
        except EXPECTED as error:
            self._fail(error)
        finally:
            # Also after a failure: `open` then raises why.
            self._opened.set()
            # Only the links end the connections, and with them the surrounding task group.
            for each in links:
                each.close()

    async def _init(self, commands: Commands) -> None:
        """Create the channel at the server unless the channel exists, and check the limit."""
        wanted = str(self.options.limit)
        limit, born, closed = await commands.retry(
            _scripts.INIT, wanted.encode(), token_hex(8).encode()
        )
        commands.born = born
        if limit.decode() != wanted:
            made_with = limit.decode()
            self._mismatch = ValueError(
                f"`limit` must be {made_with}, with which the channel was made, not {wanted}"
            )
            raise RefusedError(str(self._mismatch))
        if closed == b"1":
            self._note_closed()

    def _assemble(
        self, send_commands: Commands, commands: Commands, room: Hints, ready: Hints
    ) -> list[Callable[[], Awaitable[None]]]:
        """Make the pumps, and return what runs each of them."""
        options = self.options
        settlements = self.settlements = Settlements(commands, self.leases.log_lost, options)
        send = SendPump(self.outbox, send_commands, room, BlockingLog(), self._note_closed)
        receive = self._receive_pump = ReceivePump(
            str(self._channel),
            self.inbox,
            self.leases,
            settlements,
            commands,
            ready,
            options,
            self.give_back,
            self._note_closed,
            self._note_ended,
        )
        heartbeat = self._heartbeat = Heartbeat(
            self.leases, self.inbox, self.give_back, commands, options.lease
        )
        pumps = (send, receive, settlements, heartbeat)
        self._stops = [pump.stop for pump in pumps]
        return [*(pump.run for pump in pumps), lambda: self._joins.run(commands)]

    async def _guard(self, work: Callable[[], Awaitable[None]]) -> None:
        """Run work of the session. An error fails the session, which stops the pumps."""
        try:
            await work()
        except EXPECTED as error:
            self._fail(error)
        except Exception as error:  # noqa: BLE001  a task must not wait for a pump that died
            logger.exception("%s: a fault of anycast itself", self._channel)
            self._fail(error)

    def _shut_down(self, reason: ChannelError[T]) -> None:
        """Begin to end: refuse everything new, stop the pumps, give back what is held."""
        self.outbox.shut(session_ended(reason))
        untouched = self.inbox.end()
        self._joins.stop()
        for stop in self._stops:
            stop()
        # After a failure the server cannot be told, and the leases run out by themselves.
        if self.failure is None:
            for delivery in untouched:
                self.give_back(delivery)
            # The remaining leases are of messages that receivers have not acknowledged, or of
            # messages in batches.
            for entry_id in self.leases.entry_ids:
                self.leases.drop(entry_id)
                if entry_id in self._unseen:
                    self.settlements.untouched(entry_id)
                else:
                    self.settlements.failed(entry_id, "")

    def _fail(self, error: Exception) -> None:
        """End the session because of an error. Only the first error is reported."""
        reason = caused(ChannelError(f"{self._channel}: {error}", self._channel), error)
        self.failure = self.failure or reason
        self._shut_down(self.failure)
        if self._stops:
            self.settlements.shut()

    def _note_closed(self) -> None:
        """Note that the channel is closed: queued sends and later sends fail."""
        self.closed = True
        self.outbox.shut(channel_closed(self._channel))

    def _note_ended(self) -> None:
        """Note that the channel is closed and every message is acknowledged: receivers stop."""
        self._note_closed()
        self.inbox.close()

    async def _leave(self, commands: Commands) -> None:
        """Tell the server the rest, and that this process is gone."""
        await self.settlements.flush()
        # Without known ids: whatever is still pending for this process is given back.
        await commands.run(_scripts.RECOVER, self.options.lease_ms)
        await commands.run(_scripts.LEAVE)
