"""Small programs with a broadcast channel, and the account of what each receiver got.

As in ``programs.py``, the programs run by hand through every schedule.
"""

from __future__ import annotations

import math
from collections import deque
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import hubs
from anycast import (
    Broadcast,
    Error,
    ReceiverClosedError,
    ReceiverLaggedError,
    ReceiverStoppedError,
    SenderClosedError,
    SenderError,
    select,
)
from anycast._broadcast.hub import Hub
from anycast._broadcast.subscription import Subscription
from anycast._waiting.waiter import NOTHING
from helpers import drain_through_gaps
from programs import Destroyed, Setup, WorkFailed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from anycast import Receiver

Entry = int | str
"""A message, or how many messages were lost at this place."""


class Account:
    """How many messages were sent through a queue, or received from a queue."""

    def __init__(self, sent: Sequence[int] = (), core: Any = None) -> None:
        self.sent = sent
        self._core = core

    @property
    def receives(self) -> int:
        """How many messages left the receiver; a message that came back left twice."""
        return 0 if self._core is None else self._core.received


class Queues(NamedTuple):
    """The queues of a hub or of a receiver, for the explorer."""

    senders: dict[Any, Any]
    receivers: dict[Any, Any]


_orders: dict[Hub[Any], list[int]] = {}


class NotingHub(Hub[Any]):
    """A hub that notes in which order the messages reach the receivers."""

    __slots__ = ()

    def _fan_out(self, message: Any) -> None:
        _orders[self].append(message)
        super()._fan_out(message)


_left: dict[Subscription[Any], list[Entry]] = {}


class NotingSubscription(Subscription[Any]):
    """A subscription that records the order in which messages leave; tasks may learn later."""

    __slots__ = ()

    def take(self) -> Any:
        message = super().take()
        if message is not NOTHING:
            _left[self].append(message)
        return message

    def take_lag(self) -> int:
        lost = super().take_lag()
        if lost:
            _left[self].append(str(lost))
        return lost

    def hand_over(self, message: Any, deliveries: int = 0) -> bool:
        happened = super().hand_over(message, deliveries)
        if happened:
            _left[self].append(message)
        return happened

    def put_back(self, message: Any, deliveries: int = 0) -> None:
        _left[self].remove(message)
        super().put_back(message, deliveries)


class Reader:
    """A receiver, and the messages and lags that its tasks got."""

    def __init__(self, receiver: Any, first: int) -> None:
        self.receiver: Receiver[int] = receiver
        self.core = receiver._core
        self.core.__class__ = NotingSubscription
        self.left = _left.setdefault(self.core, [])
        self.first = first  # how many messages were sent before the messages of this receiver
        self.entries: list[Entry] = []

    @property
    def blocks(self) -> bool:
        return not self.core.drops


class BroadcastProgram:
    """A broadcast channel, and tasks that each follow a script of one letter per operation.

    ``s`` sends, ``m`` sends two out of a deque, ``v`` sends through a select. ``r`` receives from
    the first receiver, which blocks. ``d`` receives from the second, which drops. ``b`` receives up
    to two from the first, ``l`` works on a lease there, and ``f`` fails with a lease there; ``e``
    fails with a lease of the second. ``x`` is a select of receives from both. ``n`` opens a
    receiver with replay, and ``c`` clones the second; either receives from the new receiver, and
    closes the new receiver. ``j`` joins.
    """

    def __init__(self, setup: Setup, checkpoint: Callable[[], Awaitable[None]]) -> None:
        self.checkpoint = checkpoint
        self._channel = Broadcast[int](
            limit=setup.limit, yield_every=setup.yield_every, auto_close=setup.auto_close, replay=1
        )
        self.hub: Hub[int] = self._channel._core
        hub: Any = self.hub
        hub.__class__ = NotingHub
        _orders.clear()
        _left.clear()
        self._order: list[int] = _orders.setdefault(self.hub, [])
        self._sender = self._channel.new_sender()
        self._readers = [
            self._reader(self._channel.new_receiver()),
            self._reader(self._channel.new_receiver(overflow="drop_oldest")),
        ]
        self.sent: list[int] = []  # as recorded by the tasks
        self._messages = 0
        self._closed: set[object] = set()
        self._leases = False
        self._destroyed = Destroyed()
        first, second = self._readers
        self.endings: list[Callable[[], object]] = [
            partial(self._close, self._channel),
            partial(self._close, self._sender),
            partial(self._close, first.receiver),
            partial(self._close, second.receiver),
        ]
        self.ledgers: list[tuple[Any, Any]] = [
            (Queues(self.hub.senders, {}), Account(self._order)),
            *((Queues({}, one.core.receivers), Account(core=one.core)) for one in self._readers),
        ]

    def _reader(self, receiver: Any, unread: int = 0) -> Reader:
        return Reader(receiver, self.hub.sent - unread)

    async def run(self, script: str, _: int) -> None:
        """Do the operations of a task, until the task finds the channel or the endpoint closed."""
        try:
            for operation in script:
                await getattr(self, f"_{operation}")()
        except (SenderError, ReceiverStoppedError) as error:
            self._check_reason(error)

    def _check_reason(self, error: Error) -> None:
        """Check that an error tells what is closed."""
        if isinstance(error, SenderError):
            closed = self._sender in self._closed
            assert isinstance(error, SenderClosedError) == closed
            return
        closed = any(reader.receiver in self._closed for reader in self._readers)
        assert closed or type(error) is ReceiverStoppedError
        assert self._channel.is_closed or type(error) is ReceiverClosedError

    def close(self) -> None:
        """Close what is still open, so that every task ends."""
        self._close(self._channel)

    def drain(self) -> None:
        """Take the messages that are left, so that every task that joins ends."""
        for reader in self._readers:
            reader.entries += drain_through_gaps(reader.receiver)

    def watch(self) -> None:
        """Check the invariants, between any two steps."""
        hubs.check(self.hub, extra=math.inf if self._leases else self._destroyed.tasks)

    def check(self) -> None:
        """After the end of all tasks, check that each receiver got all messages, or was told."""
        self.watch()
        assert not any(self.hub.queues())
        sent = self._order
        assert set(self.sent) <= set(sent) <= {*self.sent, *self._destroyed.messages}
        for reader in self._readers:
            reader.entries += drain_through_gaps(reader.receiver)
            assert not reader.core.leases
            self._check_reader(reader, sent[reader.first :])

    def _check_reader(self, reader: Reader, due: list[int]) -> None:
        got = [entry for entry in reader.entries if isinstance(entry, int)]
        lost = sum(int(entry) for entry in reader.entries if isinstance(entry, str))
        assert len(set(got)) == len(got), "received twice"
        assert set(got) <= set(due), "received, and never sent"
        assert not (reader.blocks and lost), "a receiver that blocks lost a message"
        closed = reader.receiver in self._closed
        if not self._leases and not self._destroyed.tasks:
            left = [entry for entry in reader.left if isinstance(entry, int)]
            assert left == [one for one in due if one in set(left)], "out of order"
            assert sorted(map(str, reader.entries)) == sorted(map(str, reader.left))
            if not closed:
                self._check_gaps(reader.left, due)
        if not closed:
            assert len(got) + lost == len(due), "a silent gap"
            assert lost == reader.receiver.lost

    def _check_gaps(self, entries: list[Entry], due: list[int]) -> None:
        """Check that each number of lost messages stands at the place of the loss."""
        rest = [*due]
        for entry in entries:
            if isinstance(entry, str):
                del rest[: int(entry)]
            else:
                assert rest.pop(0) == entry, "a gap was told in the wrong place"

    def _close(self, what: Any) -> None:
        self._closed.add(what)
        what.close()

    def _message(self) -> int:
        self._messages += 1
        return self._messages

    async def _s(self) -> None:
        message = self._message()
        with self._destroyed.noting([message]):
            await self._sender.send(message)
            self.sent.append(message)

    async def _v(self) -> None:
        message = self._message()
        with self._destroyed.noting([message]):
            (await select(self._sender.sending(message))).result()
            self.sent.append(message)

    async def _m(self) -> None:
        messages = deque([self._message(), self._message()])
        all_of_them = list(messages)
        with self._destroyed.noting(all_of_them):
            try:
                await self._sender.send_many(messages)
            finally:
                self.sent += [message for message in all_of_them if message not in messages]

    async def _receive(self, reader: Reader) -> None:
        with self._destroyed.noting():
            try:
                reader.entries.append(await reader.receiver.receive())
            except ReceiverLaggedError as error:
                reader.entries.append(str(error.lost))

    async def _r(self) -> None:
        await self._receive(self._readers[0])

    async def _d(self) -> None:
        await self._receive(self._readers[1])

    async def _b(self) -> None:
        reader = self._readers[0]
        with self._destroyed.noting():
            reader.entries += await reader.receiver.receive_many(2)

    async def _l(self) -> None:
        self._leases = True
        reader = self._readers[0]
        async with reader.receiver.lease() as message:
            await self.checkpoint()
            reader.entries.append(message)

    async def _f(self, number: int = 0) -> None:
        self._leases = True
        reader = self._readers[number]
        with suppress(WorkFailed):
            try:
                async with reader.receiver.lease():
                    await self.checkpoint()
                    raise WorkFailed
            except ReceiverLaggedError as error:
                reader.entries.append(str(error.lost))

    async def _e(self) -> None:
        await self._f(1)

    async def _x(self) -> None:
        readers = {reader.receiver.receiving(): reader for reader in self._readers[:2]}
        with self._destroyed.noting():
            operation = await select(*readers)
            reader = readers[operation]
            try:
                reader.entries.append(operation.result())
            except ReceiverLaggedError as error:
                reader.entries.append(str(error.lost))

    async def _use(self, reader: Reader) -> None:
        self._readers.append(reader)
        try:
            await self._receive(reader)
        finally:
            self._close(reader.receiver)

    async def _n(self) -> None:
        receiver: Any = self._channel.new_receiver()
        await self._use(self._reader(receiver, len(receiver._core.buffer)))

    async def _c(self) -> None:
        receiver: Any = self._readers[1].receiver.clone()
        unread = len(receiver._core.buffer) + receiver.lost
        await self._use(self._reader(receiver, unread))

    async def _j(self) -> None:
        await self._channel.join()
