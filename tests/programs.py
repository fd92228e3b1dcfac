"""Small programs that send and receive, and the account of what they did.

The same programs run by hand, through every schedule, and on real event loops.
"""

from __future__ import annotations

import math
from collections import deque
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import invariants
from anycast import Anycast, Receiver, ReceiverStoppedError, Sender, SenderError
from helpers import drain

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from anycast._line import Line

OPERATIONS = "smrblf"


class WorkFailed(Exception):  # noqa: N818  it is what happens, not an error of ours
    """What a block with a lease raises."""


class Outgoing(deque[int]):
    """Messages to send, which notes those that are taken out to be sent."""

    def __init__(self, messages: list[int], note: Callable[[int], None]) -> None:
        super().__init__(messages)
        self._note = note

    def popleft(self) -> int:
        message = super().popleft()
        self._note(message)
        return message


class Setup(NamedTuple):
    """What a program runs in: a channel, and so many endpoints on either side."""

    limit: float = math.inf
    yield_every: int = 64
    ends: int = 1
    auto_close: bool = False


class Ends(NamedTuple):
    """What one task sends through, and receives through."""

    sender: Sender[int]
    receiver: Receiver[int]


class Program:
    """A channel, and tasks that each follow a script of one letter per operation.

    ``s`` sends, ``m`` sends two out of a deque, ``r`` receives, ``b`` receives up to two,
    ``l`` works on a lease, ``f`` fails with a lease. With two endpoints on either side,
    every second task uses the second ones.
    """

    def __init__(self, setup: Setup, checkpoint: Callable[[], Awaitable[None]]) -> None:
        self.checkpoint = checkpoint
        self.sent: list[int] = []
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
        self._ought_to_be_closed = False
        self._messages = 0
        self._sends = 0
        self._receives = 0
        self._reorders = False

    async def run(self, script: str, number: int) -> None:
        """Do the operations of one task, until one finds the channel or its end closed."""
        ends = self._ends[number % len(self._ends)]
        try:
            for operation in script:
                await getattr(self, f"_{operation}")(ends)
        except SenderError as error:
            self._check_reason(error, ends.sender)
        except ReceiverStoppedError as error:
            self._check_reason(error, ends.receiver)

    def close(self) -> None:
        """Close what is still open, so that every task ends."""
        self._close(self._channel)

    def progress(self) -> list[tuple[Line, int]]:
        """Return the lines that tasks wait in, and how many operations have acted on each."""
        core = self._channel._core
        return [(core.senders, self._sends), (core.receivers, self._receives)]

    def watch(self) -> None:
        """Check what must hold between any two steps."""
        invariants.check(self._channel._core)
        assert self._channel.is_closed == self._ought_to_be_closed

    def check(self) -> None:
        """Check, when all tasks have ended, that each message is accounted for."""
        self.watch()
        core = self._channel._core
        assert not core.senders
        assert not core.receivers
        assert not core.leases
        everything = [*self.received, *drain(self._channel.new_receiver())]
        assert sorted(everything) == sorted(self.sent)
        assert self._reorders or everything == self.sent

    def _close(self, what: Anycast[int] | Sender[int] | Receiver[int]) -> None:
        self._closed.add(what)
        ends = any(self._closed.issuperset(side) for side in zip(*self._ends, strict=True))
        self._ought_to_be_closed = self._channel in self._closed or (self._auto_close and ends)
        what.close()

    def _check_reason(self, error: SenderError | ReceiverStoppedError, end: object) -> None:
        """Check that an error is not about what other tasks use, and tells what is closed."""
        assert (error.__cause__ is None) == (end in self._closed)
        assert end in self._closed or self._channel.is_closed

    def _message(self) -> int:
        self._messages += 1
        return self._messages

    def _note_sent(self, message: int) -> None:
        self.sent.append(message)
        self._sends += 1

    async def _s(self, ends: Ends) -> None:
        message = self._message()
        await ends.sender.send(message)
        self._note_sent(message)

    async def _m(self, ends: Ends) -> None:
        await ends.sender.send_many(Outgoing([self._message(), self._message()], self._note_sent))

    async def _r(self, ends: Ends) -> None:
        self.received.append(await ends.receiver.receive())
        self._receives += 1

    async def _b(self, ends: Ends) -> None:
        self.received += await ends.receiver.receive_many(2)
        self._receives += 1

    async def _l(self, ends: Ends) -> None:
        self._reorders = True  # a message is noted when its work is done, or comes back
        async with ends.receiver.lease() as message:
            self._receives += 1
            await self.checkpoint()
            self.received.append(message)

    async def _f(self, ends: Ends) -> None:
        self._reorders = True
        with suppress(WorkFailed):
            async with ends.receiver.lease():
                self._receives += 1
                await self.checkpoint()
                raise WorkFailed
