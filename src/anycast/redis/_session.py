"""One process's part in a channel, from `open` to `stop`: its connections and its pumps.

The tasks are children of the task that entered the channel, but no cancellation of that task
reaches them: they run in a shielded scope, and end when they are told to. Each tells in its
module what may go wrong there.

States: opening, open, ending, ended. It begins to end when the channel is left, or when a pump
fails. Then nothing new is accepted, what is under way is seen through, which each pump bounds
by the channel's timeout, and, unless it failed, what is held is given back. `failure` tells
why it failed; tasks that are or come here learn it from the errors they get.
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
    """What endpoints ask, and what does the talking.

    Args:
        channel: whose session it is.
        server: where the channel is kept.
        options: how it is to be used.
    """

    def __init__(self, channel: Channel[T], server: Server, options: Options[T]) -> None:
        self._channel = channel
        self._server = server
        self.options = options
        self.closed = False
        self._entered = False
        self.failure: ChannelError[T] | None = None
        self.outbox = Outbox()
        self.inbox: Inbox[T] = Inbox(options.prefetch)
        self.leases: HeldLeases[T] = HeldLeases(str(channel), options.lease)
        self.open_senders = 0
        self.settlements: Settlements
        self._scope: CancelScope
        self._mismatch: ValueError | None = None
        self._opened = Event()
        self._over = Event()
        self._stops: list[Callable[[], object]] = []

    async def open(self, tasks: TaskGroup) -> None:
        """Start, and return once the server has said yes.

        Raises:
            ChannelError: if it has not.
            ValueError: if the channel is there with another limit.
        """
        self._entered = True
        scope = self._scope = CancelScope(shield=True)
        tasks.start_soon(self._run, scope)
        try:
            await self._opened.wait()
        except BaseException:
            scope.cancel()
            raise
        if error := self._mismatch or self.failure:
            raise error

    def check_entered(self) -> None:
        """Raise RuntimeError if nobody does the talking yet, and whoever waits would hang."""
        if not self._entered:
            raise RuntimeError(f"{self._channel} can be used only within `async with`")

    async def stop(self) -> None:
        """End in good order, within the channel's timeout, whatever cancels the task."""
        if self.failure is None:
            self._shut_down(ChannelError(f"{self._channel} was left", self._channel))
        try:
            native = await self._wait_until_over()
        finally:
            self._scope.cancel()
        if native is not None:
            raise native

    async def _wait_until_over(self) -> BaseException | None:
        """Wait until it is over, for as long as the channel's timeout; return what cancelled that.

        Only a native cancellation of asyncio comes through the shield.
        """
        native: BaseException | None = None
        with move_on_after(self.options.timeout, shield=True) as limit:
            while not self._over.is_set():
                try:
                    await self._over.wait()
                except get_cancelled_exc_class() as error:
                    if limit.cancel_called:
                        raise
                    native = error
        return native

    def close(self) -> None:
        """Close the channel: here at once, and for everyone soon.

        Raises:
            RuntimeError: if the session is not open, and never was closed.
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
            ChannelError: if it could not be told.
        """
        await self.settlements.closed.wait()
        if self.failure is not None:
            raise self.failure

    def statistics(self) -> ChannelStatistics:
        """Return what this process does."""
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
        """Acknowledge a delivery, if it is ours."""
        if self.leases.drop(delivery.entry_id):
            self.settlements.done(delivery.entry_id)

    def failed(self, delivery: Delivery[T], reason: str) -> None:
        """Give back a delivery that somebody worked on, if it is ours."""
        if self.leases.drop(delivery.entry_id):
            self.settlements.failed(delivery.entry_id, reason)

    def is_ours(self, delivery: Delivery[T]) -> bool:
        """Return whether a delivery is ours for certain; if not, it is to be had by anyone.

        Once the channel has failed none is: nobody would be told what becomes of it.
        """
        if self.failure is None and delivery in self.leases:
            return True
        self.give_back(delivery)
        return False

    def give_back(self, delivery: Delivery[T]) -> None:
        """Give back a delivery that was in nobody's hand, if it may be ours."""
        if self.leases.drop(delivery.entry_id):
            self.settlements.untouched(delivery.entry_id)

    async def acknowledge_first(self, delivery: Delivery[T]) -> bool:
        """Acknowledge a delivery before it is handed over; return whether it was ours."""
        self.leases.drop(delivery.entry_id)
        return await self.settlements.done_first(delivery.entry_id)

    # From here on: the session's own task.

    async def _run(self, scope: CancelScope) -> None:
        with scope:
            async with create_task_group() as connections:
                await self._run_pumps(connections)
        self.outbox.abort(outcome_unknown(UnreachableError("the channel was left meanwhile")))
        self._over.set()

    async def _run_pumps(self, connections: TaskGroup) -> None:
        options, keys = self.options, Keys(self._channel.name, me := token_hex(8))
        links = [Link(self._server, connections, options.patience) for _ in range(4)]
        # Sending has one of its own: the server works on a batch while we handle what came.
        send_link, link, room, ready = links
        commands = Commands(link, keys, me.encode(), options.timeout)
        try:
            await self._init(commands)
            hints = Hints(room, keys.room), Hints(ready, keys.ready)
            pumps = self._assemble(commands.over(send_link), commands, *hints)
            self._opened.set()
            async with create_task_group() as tasks:
                for pump in pumps:
                    tasks.start_soon(self._guard, pump)
            if self.failure is None:
                await self._guard(lambda: self._leave(commands))
        except EXPECTED as error:
            self._fail(error)
        finally:
            self._opened.set()
            for each in links:
                each.close()

    async def _init(self, commands: Commands) -> None:
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
            self._note_ended,
        )
        heartbeat = self._heartbeat = Heartbeat(
            self.leases, self.inbox, self.give_back, commands, options.lease
        )
        pumps = (send, receive, settlements, heartbeat)
        self._stops = [pump.stop for pump in pumps]
        return [pump.run for pump in pumps]

    async def _guard(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except EXPECTED as error:
            self._fail(error)
        except Exception as error:  # noqa: BLE001  nobody is to wait for a task that died
            logger.exception("%s: a fault of anycast itself", self._channel)
            self._fail(error)

    def _shut_down(self, reason: ChannelError[T]) -> None:
        self.outbox.shut(session_ended(reason))
        untouched = self.inbox.end()
        for stop in self._stops:
            stop()
        if self.failure is None:
            for delivery in untouched:
                self.give_back(delivery)
            for entry_id in self.leases.entry_ids:
                self.leases.drop(entry_id)
                self.settlements.failed(entry_id, "")

    def _fail(self, error: Exception) -> None:
        reason = caused(ChannelError(f"{self._channel}: {error}", self._channel), error)
        self.failure = self.failure or reason
        self._shut_down(self.failure)
        if self._stops:
            self.settlements.shut()

    def _note_closed(self) -> None:
        self.closed = True
        self.outbox.shut(channel_closed(self._channel))

    def _note_ended(self) -> None:
        self._note_closed()
        self.inbox.close()

    async def _leave(self, commands: Commands) -> None:
        await self.settlements.flush()
        await commands.run(_scripts.RECOVER, self.options.lease_ms)
        await commands.run(_scripts.LEAVE)
