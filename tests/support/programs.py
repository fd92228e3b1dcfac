"""Small programs that send and receive, and the account of what they did.

The same programs run by hand, through every schedule, and on real event loops.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import invariants
from anycast import (
    Anycast,
    Error,
    Lease,
    Receiver,
    ReceiverClosedError,
    ReceiverStoppedError,
    Sender,
    SenderClosedError,
    SenderError,
)
from helpers import drain
from ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator, Iterable

    from anycast._anycast.core import Core

OPERATIONS = "smrblfwj"


class WorkFailed(Exception):  # noqa: N818  an event of the program
    """The error that a block with a lease raises."""


class Setup(NamedTuple):
    """The surroundings of a program: a channel, and a number of endpoints on both sides."""

    limit: float = math.inf
    yield_every: int = 64
    ends: int = 1
    auto_close: bool = False


class Ends(NamedTuple):
    """The endpoints of a task."""

    sender: Sender[int]
    receiver: Receiver[int]


class Destroyed:
    """The tasks that were destroyed in the midst of an operation."""

    def __init__(self) -> None:
        self.tasks = 0  # tasks of which each may have given a message back
        self.messages: set[int] = set()  # messages that may have been sent or not

    @contextmanager
    def noting(self, messages: Iterable[int] = ()) -> Generator[None]:
        """Record whether the task is destroyed while the task sends messages, or receives."""
        try:
            yield
        except GeneratorExit:
            self.tasks += 1
            self.messages.update(messages)
            raise


class Program:
    """A channel, and tasks that each follow a script of one letter per operation.

    ``s`` sends, ``m`` sends two out of a deque, ``r`` receives, ``b`` receives up to two,
    ``l`` works on a lease, ``f`` fails with a lease, ``w`` collects up to two for a time, and
    ``j`` joins. With two endpoints on either side, every second task uses the second ones.
    """

    def __init__(self, setup: Setup, checkpoint: Callable[[], Awaitable[None]]) -> None:
        self.checkpoint = checkpoint
        self.sent: list[int] = []  # as recorded by the tasks, here and below
        self.received: list[int] = []
        self._auto_close = setup.auto_close
        self._channel = Anycast[int](
            limit=setup.limit, yield_every=setup.yield_every, auto_close=setup.auto_close
        )
        self._ends = [
            Ends(self._channel.new_sender(), self._channel.new_receiver())
            for _ in range(setup.ends)
        ]
        self._closed: set[object] = set()
        self.endings = [
            partial(self._close, what)
            for what in (self._channel, *(end for ends in self._ends for end in ends))
        ]
        self.ledgers: list[tuple[Core[int], Ledger]] = [
            (self._channel._core, Ledger(self._channel))
        ]
        self._ought_to_be_closed = False
        self._messages = 0
        self._leases = False
        self._on_lease: Counter[int] = Counter()  # how often each message was
        self._destroyed = Destroyed()

    async def run(self, script: str, number: int) -> None:
        """Do the operations of a task, until the task finds the channel or the endpoint closed."""
        ends = self._ends[number % len(self._ends)]
        try:
            for operation in script:
                await getattr(self, f"_{operation}")(ends)
        except SenderError as error:
            self._check_reason(error, ends.sender, SenderError, SenderClosedError)
        except ReceiverStoppedError as error:
            self._check_reason(error, ends.receiver, ReceiverStoppedError, ReceiverClosedError)

    def close(self) -> None:
        """Close what is still open, so that every task ends."""
        self._close(self._channel)

    def drain(self) -> None:
        """Take the messages that are left, so that every task that joins ends."""
        self.received += drain(self._channel.new_receiver())

    def watch(self) -> None:
        """Check the invariants, between any two steps."""
        ((core, _),) = self.ledgers
        invariants.check(core, extra=math.inf if self._leases else self._destroyed.tasks)
        assert self._channel.is_closed == self._ought_to_be_closed

    def check(self) -> None:
        """Check, when all tasks have ended, that each message is accounted for."""
        self.watch()
        ((core, account),) = self.ledgers
        assert not any(core.queues())
        assert not core.leases
        ends: list[Any] = [end for ends in self._ends for end in ends]
        assert not any(end.waiters for end in ends)
        received = [*self.received, *drain(self._channel.new_receiver())]
        account.check()
        assert sorted(account.received) == sorted(account.sent)
        assert sorted(received) == sorted(account.received)
        assert set(self.sent) <= set(account.sent) <= {*self.sent, *self._destroyed.messages}

    def _close(self, what: Anycast[int] | Sender[int] | Receiver[int]) -> None:
        self._closed.add(what)
        ends = any(self._closed.issuperset(side) for side in zip(*self._ends, strict=True))
        self._ought_to_be_closed = self._channel in self._closed or (self._auto_close and ends)
        what.close()

    def _check_reason(
        self, error: Error, end: object, of_channel: type[Error], of_end: type[Error]
    ) -> None:
        """Check that an error names an endpoint of this task, and what is closed."""
        assert type(error) is (of_end if end in self._closed else of_channel)
        assert (error.__cause__ is None) == (end in self._closed)
        assert end in self._closed or self._channel.is_closed

    def _message(self) -> int:
        self._messages += 1
        return self._messages

    async def _s(self, ends: Ends) -> None:
        message = self._message()
        with self._destroyed.noting([message]):
            await ends.sender.send(message)
            self.sent.append(message)

    async def _m(self, ends: Ends) -> None:
        messages = deque([self._message(), self._message()])
        all_of_them = list(messages)
        with self._destroyed.noting(all_of_them):
            try:
                await ends.sender.send_many(messages)
            finally:
                self.sent += [message for message in all_of_them if message not in messages]

    async def _r(self, ends: Ends) -> None:
        with self._destroyed.noting():
            self.received.append(await ends.receiver.receive())

    async def _b(self, ends: Ends) -> None:
        with self._destroyed.noting():
            self.received += await ends.receiver.receive_many(2)

    async def _l(self, ends: Ends) -> None:
        self._leases = True
        lease = ends.receiver.lease()
        async with lease as message:
            self._check_deliveries(lease, message)
            await self.checkpoint()
            self.received.append(message)

    async def _f(self, ends: Ends) -> None:
        self._leases = True
        lease = ends.receiver.lease()
        with suppress(WorkFailed):
            async with lease as message:
                self._check_deliveries(lease, message)
                await self.checkpoint()
                raise WorkFailed

    def _check_deliveries(self, lease: Lease[int], message: int) -> None:
        self._on_lease[message] += 1
        # A message that went back to a destroyed task has lost its count.
        lost = self._destroyed.tasks
        assert self._on_lease[message] - lost <= lease.deliveries <= self._on_lease[message]

    async def _w(self, ends: Ends) -> None:
        self._leases = True
        self.received += await ends.receiver.receive_many(2, within=math.inf)

    async def _j(self, _: Ends) -> None:
        await self._channel.join()
