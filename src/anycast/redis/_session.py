"""The session of a process in a channel, from `open` to `stop`: the connections and the pumps.

Each pump is a task: the send pump, the receive pump, the settlements, the heartbeat and the joins.
The session has a task of its own, of which the pumps are children. So a cancellation of the task
that entered the channel does not reach the pumps, and they end when they are told to. The module of
each pump says what can go wrong in the pump.

A session goes through the states opening, open, ending and ended. The session begins to end when
the channel is left, or when a pump fails. From then on the session refuses everything new, and each
pump finishes what is in flight, within the channel's timeout. After leaving, the session gives back
the messages that this process holds. After a failure, `failure` says why, and every task that waits
or comes later raises an error with that cause.
"""

from __future__ import annotations

import math
from functools import partial
from secrets import token_hex
from time import monotonic
from typing import TYPE_CHECKING, Generic, TypeVar, cast

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
from anycast.redis._holder import Holder
from anycast.redis._home import Home, find_home
from anycast.redis._inbox import Inbox
from anycast.redis._joins import Joins
from anycast.redis._keys import Keys
from anycast.redis._link import Hints, Link, RefusedError, UnreachableError
from anycast.redis._options import setting_text
from anycast.redis._outbox import Outbox
from anycast.redis._receive_pump import ReceivePump
from anycast.redis._send_errors import (
    REOPEN,
    caused,
    channel_closed,
    outcome_unknown,
    session_ended,
)
from anycast.redis._send_pump import SendPump
from anycast.redis._settlements import Settlements, reason_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from anyio.abc import TaskGroup

    from anycast._interface.channel import Channel
    from anycast._interface.receiver import Receiver
    from anycast.redis._delivery import Delivery
    from anycast.redis._link import Server
    from anycast.redis._options import Options

T = TypeVar("T")

# The format of what the server keeps, and the settings that all processes of a channel share.
VERSION = b"1"
SETTINGS = ("limit", "lease", "max_deliveries")
CUT_OFF = "its tasks were cancelled"
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
        # Where the session lives; None before `open`, when a task that waits would wait for ever.
        self._home: Home | None = None
        # The reason, if the session has failed.
        self.failure: ChannelError[T] | None = None
        # Messages to send, and messages to receive.
        self.outbox = Outbox()
        self.inbox: Inbox[T] = Inbox(options.prefetch)
        # The tasks that wait until no message is left.
        self._joins = Joins(self.outbox)
        # The messages that this process holds, in the inbox or received.
        self.leases: HeldLeases[T] = HeldLeases(options.lease)
        # The limit of the channel. The limit at the server wins over the argument.
        self.limit = options.limit
        # For the statistics.
        self.open_senders = 0
        # Run the scripts. Made before the pumps.
        self._commands: Commands
        self._holder: Holder
        # Made with the pumps, as are the `_stops` below.
        self.settlements: Settlements
        # Of all tasks of the session. Cancelled when the session is over, or must be.
        self._scope: CancelScope
        # Set when opening has succeeded or failed. Wakes `open`.
        self._opened = Event()
        # Set when all tasks of the session have ended. Wakes `stop`.
        self._over = Event()
        # Functions that stop the pumps. Empty until the pumps are made.
        self._stops: list[Callable[[], object]] = []

    async def open(self) -> None:
        """Start the session, and return once the channel is open at the server.

        Raises:
            ChannelError: if the channel cannot be opened.
        """
        self._home = find_home()
        self._scope = CancelScope()
        self._home.start(self._run, self._end)
        try:
            # `_run_pumps` wakes this task, or `_end` after a failure.
            await self._opened.wait()
        except BaseException:
            self._scope.cancel()
            await self._wait_until_over(math.inf)
            raise
        if self.failure is not None:
            await self._wait_until_over(math.inf)
            raise self.failure

    def check_entered(self) -> None:
        """Raise RuntimeError where a task that waits would hang.

        That is so if the session was not opened, or was opened in another event loop or process.
        """
        if self._home is None:
            raise RuntimeError(f"{self._channel} can be used only within `async with`")
        self._home.check(self._channel)

    async def stop(self) -> None:
        """End the session in good order, within the channel's timeout, even in a cancelled task.

        Raises:
            The event loop's cancellation: a native cancellation that came meanwhile.
        """
        if self.failure is None:
            self._shut_down(ChannelError(f"{self._channel} was left", self._channel))
        natives = [await self._wait_until_over(self.options.farewell)]
        self._scope.cancel()
        natives.append(await self._wait_until_over(math.inf))
        for native in filter(None, natives):
            raise native

    async def _wait_until_over(self, seconds: float) -> BaseException | None:
        """Wait until the session is over, for at most so many seconds.

        Returns:
            A native cancellation of asyncio, if there was one: only that comes through the
            shield.
        """
        native: BaseException | None = None
        with move_on_after(seconds, shield=True) as limit:
            while not self._over.is_set():
                try:
                    await self._over.wait()
                except get_cancelled_exc_class() as error:
                    # The time is up: `move_on_after` needs the cancellation of its own scope back.
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
        self.check_entered()
        # Before the server answers that the channel is closed: the first reason stays.
        self.outbox.shut(channel_closed(self._channel))
        self.closed = True
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
            max_buffer_size=self.limit,
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
        if self.leases.drop(delivery):
            self.settlements.done(delivery)

    def left(self, delivery: Delivery[T], error: BaseException | None) -> None:
        """Give back a delivery whose block was left, if this process still holds its lease.

        An exception is a failure: this delivery counts, and the message waits before the next
        try. Everything else tells nothing of the message: a cancellation, a Ctrl-C, a close.
        """
        if not isinstance(error, Exception):
            self.give_back(delivery)
        elif self.leases.drop(delivery):
            self.settlements.failed(delivery, reason_of(error))

    def failed_after_all(self, delivery: Delivery[T], error: Exception) -> None:
        """Count a delivery that came back uncounted, because the work on its message has failed."""
        self.settlements.failed_after_all(delivery, reason_of(error))

    def is_ours(self, delivery: Delivery[T]) -> bool:
        """Return whether the lease on a delivery is certain; if not, give the delivery back.

        Once the session has failed, this returns False, because the server could not be told
        what becomes of the delivery.
        """
        if self.failure is None and delivery in self.leases:
            return True
        self.give_back(delivery)
        return False

    def begun(self, delivery: Delivery[T]) -> None:
        """Count a delivery that the program gets, if this process holds its lease."""
        if self.leases.has(delivery):
            self.settlements.begun(delivery)

    def give_back(self, delivery: Delivery[T]) -> None:
        """Give back a delivery that does not count, if this process may hold its lease."""
        if self.leases.drop(delivery):
            self.settlements.untouched(delivery)

    def put_back(self, delivery: Delivery[T]) -> None:
        """Undo a receive: give a delivery to the next task here, or else back to the server."""
        if not self.inbox.put_back(delivery):
            self.give_back(delivery)

    async def acknowledge_first(self, delivery: Delivery[T]) -> bool:
        """Acknowledge a delivery before handing it over; return whether the message was deleted."""
        # Settled from now on: the heartbeat must not renew this lease.
        self.leases.drop(delivery)
        return await self.settlements.done_first(delivery)

    def abandon(self, receiver: Receiver[None], deliveries: Iterable[Delivery[T]]) -> None:
        """Give back what a receiver of the program has, which the garbage collector found.

        The garbage collector runs at any moment, and in any thread. So the event loop does the
        work.

        Args:
            receiver: of the inbox, to close.
            deliveries: which the program did not acknowledge.
        """
        if self._home is not None:
            self._home.call_soon(partial(self._drop_receiver, receiver, deliveries))

    def forget(self, delivery: Delivery[T]) -> None:
        """Give back a delivery whose lease the garbage collector found, as `abandon` does."""
        if self.leases.has(delivery):  # else the delivery was settled
            cast("Home", self._home).call_soon(partial(self.give_back, delivery))

    def call_in_loop(self, function: Callable[[], object]) -> None:
        """Call a function: at once in the event loop of the session, and soon elsewhere."""
        cast("Home", self._home).call(function)

    def _drop_receiver(self, receiver: Receiver[None], deliveries: Iterable[Delivery[T]]) -> None:
        receiver.close()
        for delivery in deliveries:
            self.give_back(delivery)
        self.inbox.check_surplus()

    # From here on: what the session's own tasks run.

    async def _run(self) -> None:
        try:
            # `open` or `stop` may cancel the scope.
            with self._scope:
                try:
                    async with create_task_group() as connections:
                        await self._run_pumps(connections)
                except get_cancelled_exc_class():
                    if self._scope.cancel_called:
                        raise
                    await self._part()
        except Exception as error:  # noqa: BLE001  nothing else would see the error
            self._fail_by_fault(error)

    def _end(self) -> None:
        # Usually the outbox is empty here. An item that is left was cut off in flight.
        self.outbox.abort(outcome_unknown(UnreachableError("the channel was left meanwhile")))
        self._joins.stop()  # again: the session may have been cancelled while it was opened
        if not self._opened.is_set() and not self._scope.cancel_called:
            self._fail(RuntimeError(CUT_OFF))  # before `_run` began
        self._opened.set()
        self._over.set()

    async def _part(self) -> None:
        """Leave in good order, although something cancelled the tasks of the session.

        A program that cancels all tasks of its event loop does so. The connections have ended with
        these tasks, so a new connection serves the farewell.
        """
        # The server can be told nothing if the session has failed, or is being opened.
        if self.failure is not None or not self._stops:
            self._fail(RuntimeError(CUT_OFF))
            return
        # Before `failure` is set: after a failure nothing is given back.
        reason = ChannelError(f"{self._channel}: {CUT_OFF}", self._channel)
        self._shut_down(reason)
        self.failure = reason
        try:
            async with create_task_group() as connections:
                link = Link(self._server, connections, self.options.patience)
                self._commands.use(link)
                with move_on_after(self.options.farewell):
                    await self._guard(self._leave)
                link.close()
        finally:
            self.settlements.shut()

    async def _run_pumps(self, connections: TaskGroup) -> None:
        options, keys = self.options, Keys(self._channel.name, me := token_hex(8))
        links = [Link(self._server, connections, options.patience) for _ in range(4)]
        # Sending has a separate link, so that a batch does not hold up the remaining scripts. Each
        # of the two hints needs a link, because waiting for a hint blocks the connection.
        send_link, link, room, ready = links
        commands = Commands(link, keys, me.encode(), options.timeout, str(self._channel))
        self._commands, self._holder = commands, (holder := Holder(commands, self._lose_all))
        try:
            await self._init(commands)
            hints = Hints(room, keys.room), Hints(ready, keys.ready)
            pumps = self._assemble(commands.over(send_link, sends=True), commands, holder, *hints)
            self._opened.set()
            logger.info("%s: opened by the process %s", self._channel, me)
            async with create_task_group() as tasks:
                for pump in pumps:
                    tasks.start_soon(self._guard, pump)
            # The pumps have ended, in good order or because of a failure.
            if self.failure is None:
                await self._guard(self._leave)
        except EXPECTED as error:
            self._fail(error)
        finally:
            # Only the links end the connections, and with them the surrounding task group.
            for each in links:
                each.close()

    async def _init(self, commands: Commands) -> None:
        """Create the channel at the server unless the channel exists, and learn the settings."""
        options, since = self.options, monotonic()
        wanted = (str(options.limit), options.lease_ms, options.most_deliveries)
        arguments = [str(each).encode() for each in wanted]
        born, closed, version, *settings = await commands.retry(
            _scripts.INIT, token_hex(8).encode(), commands.me, *arguments
        )
        if version != VERSION:
            raise RefusedError(
                f"another version of anycast made the channel: its format is"
                f" {(version or b'unknown').decode()}, and this version knows {VERSION.decode()}"
            )
        commands.born = born
        limit, lease, _ = settings
        self._note_limit(limit)
        self.leases.seconds = int(lease) / 1000
        self.leases.renew(since)
        for name, given, stored in zip(SETTINGS, arguments, settings, strict=True):
            if given != stored:
                logger.warning(
                    "%s: `%s` is %s at the server, and not %s as this process was told",
                    self._channel,
                    name,
                    setting_text(name, stored),
                    setting_text(name, given),
                )
        if closed == b"1":
            logger.warning(
                "%s: is closed, so sends are refused: if that is a mistake, %s",
                self._channel,
                REOPEN,
            )
            self.closed = True  # first: this is logged already
            self._note_closed()

    def _note_limit(self, limit: bytes) -> None:
        self.limit = math.inf if limit == b"inf" else int(limit)

    def _lose_all(self) -> None:
        """Give up every message: the lease of this process has run out."""
        count = self.leases.lose_all() + self.settlements.lose_all()
        logger.warning(
            "%s: the lease of this process ran out, and others may get its %d message(s);"
            " its event loop hung, or could not reach the server; it goes on as the process %s",
            self._channel,
            count,
            self._holder.me,
        )

    def _assemble(
        self, send_commands: Commands, commands: Commands, holder: Holder, room: Hints, ready: Hints
    ) -> list[Callable[[], Awaitable[None]]]:
        """Make the pumps, and return what runs each of them."""
        options, label = self.options, str(self._channel)
        settlements = self.settlements = Settlements(label, commands, holder, options)
        send = SendPump(self.outbox, send_commands, room, BlockingLog(), self._note_closed)
        receive = self._receive_pump = ReceivePump(
            label,
            self.inbox,
            self.leases,
            settlements,
            holder,
            ready,
            options,
            self.give_back,
            self._note_closed,
            self._note_ended,
        )
        heartbeat = self._heartbeat = Heartbeat(
            self.leases, self.inbox, self.give_back, holder, self._note_limit
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
            self._fail_by_fault(error)

    def _fail_by_fault(self, error: Exception) -> None:
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
            # The rest are messages that receivers have not acknowledged, or of batches.
            for delivery in self.leases.deliveries:
                self.give_back(delivery)

    def _fail(self, error: Exception) -> None:
        """End the session because of an error. Only the first error is reported."""
        reason = caused(ChannelError(f"{self._channel}: {error}", self._channel), error)
        if self.failure is None and self._stops and isinstance(error, EXPECTED):
            # A task that works on a message does not get the error.
            told = "%s: failed for this process, which must be started again: %s"
            logger.error(told, self._channel, error)
        self.failure = self.failure or reason
        self._shut_down(self.failure)
        if self._stops:
            self._commands.stop_logging()
            self.settlements.shut()

    def _note_closed(self) -> None:
        """Note that the channel was closed elsewhere: queued sends and later sends fail."""
        if not self.closed:
            logger.info("%s: was closed by another process or by an operator", self._channel)
        self.closed = True
        self.outbox.shut(channel_closed(self._channel, elsewhere=True))

    def _note_ended(self) -> None:
        """Note that the channel is closed and every message is acknowledged: receivers stop."""
        self._note_closed()
        self.inbox.close()

    async def _leave(self) -> None:
        """Tell the server the rest, and that this process is gone."""
        await self.settlements.flush()
        await self._holder.leave()
