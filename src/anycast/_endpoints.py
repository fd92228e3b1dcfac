"""The endpoints of an in-memory channel: they ask the core, wait, and undo.

Every operation has the same shape: see credit, or wait for a promise of it, then act on the
core in that same step. What comes before the act is the same for both ends, and is written
once, in `Endpoint`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections import deque
from typing import TYPE_CHECKING, Generic, NoReturn, TypeVar

from anyio import WouldBlock

from anycast._arguments import check_int, check_iterable
from anycast._errors import (
    ChannelClosedError,
    ReceiverStoppedError,
    SenderClosedError,
    SenderError,
)
from anycast._lease import Held, Leasing
from anycast._operation import Operation, Receiving, Sending
from anycast._receiver import Receiver
from anycast._sender import Sender
from anycast._waiter import checkpoint, new_waiter

if TYPE_CHECKING:
    from collections.abc import Iterable

    from anycast._channel import Channel
    from anycast._core import Core
    from anycast._line import InLine, Line
    from anycast._log import BlockingLog

T = TypeVar("T")


class Endpoint(Generic[T]):
    """What a sender and a receiver share: getting a turn, and being closed."""

    def __init__(
        self, channel: Channel[T], core: Core[T], line: Line, log: BlockingLog | None
    ) -> None:
        self._channel = channel
        self._core = core
        self._line = line
        self._log = log  # of those who block, where it is to be known
        self.closed = False
        self.waiters: dict[InLine, None] = {}  # in the order in which they came
        core.attach(line)

    @property
    @abstractmethod
    def stopped(self) -> bool:
        """Whether nothing will ever go through this end any more."""

    @abstractmethod
    def raise_stopped(self) -> NoReturn:
        """Raise the error of this end for that."""
        raise NotImplementedError

    def _check_open(self) -> None:
        if self.stopped:
            self.raise_stopped()

    def _act_nowait(self) -> None:
        """Acquire credit if this operation may act now, and raise otherwise."""
        self._check_open()
        if self._line.credit <= 0:
            raise WouldBlock
        self._core.acquire(self._line)

    async def _turn(self) -> None:
        """Hold credit once this returns: the operation must act in the same step."""
        core, line, log = self._core, self._line, self._log
        if self.closed or core.closed:
            self._check_open()
        if line.credit > 0 and core.budget <= 0:
            core.budget = core.allowance
            await checkpoint(core)
            self._check_open()
        if line.credit > 0:  # looked at again: others may have run meanwhile
            core.budget -= 1
            core.acquire(line)
            return
        waiter = new_waiter(core)
        core.join(line, waiter)
        self.waiters[waiter] = None
        try:
            logs = log is not None and log.blocked(self)
            while waiter in line.waiting:
                await waiter.event
                if log is not None and logs and waiter in line.promised:
                    log.resumed(self)  # a handler may do anything: look again
            if waiter not in line.promised:  # it was dismissed, and learns why
                self._check_open()
            core.redeem(line, waiter)
        except BaseException:
            core.leave(line, waiter)
            raise
        finally:
            del self.waiters[waiter]

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self._core.detach(self._line, self.waiters)

    def __str__(self) -> str:
        return f"{self._channel}:{type(self).__name__}"

    def __repr__(self) -> str:
        closed = ", closed" if self.closed else ""
        return f"{type(self).__name__}({self._channel!r}{closed})"


class _Sender(Endpoint[T], Sender[T]):
    def __init__(self, channel: Channel[T], core: Core[T], log: BlockingLog | None) -> None:
        super().__init__(channel, core, core.senders, log)

    async def send(self, message: T, /) -> None:
        core, line = self._core, self._line
        if line.credit > 0 and core.budget > 0 and not self.closed:
            # `Core.acquire` and `Core.put`, written out on the path that most messages take.
            core.budget -= 1
            line.credit -= 1
            buffer, receivers = core.buffer, core.receivers
            core.sent += 1
            receivers.credit += 1
            buffer.append(message)
            if len(buffer) > core.peak:  # noqa: PLR1730  see `Core.put`
                core.peak = len(buffer)
            if receivers.waiting:
                core.promise(receivers)
        else:
            await self._turn()
            core.put(message)

    def send_nowait(self, message: T, /) -> None:
        self._act_nowait()
        self._core.put(message)

    def sending(self, message: T, /) -> Operation[None]:
        return Sending(self, self._core, message)

    async def send_many(self, messages: Iterable[T]) -> None:
        check_iterable("messages", messages)
        self._check_open()
        if type(messages) in {list, tuple}:
            messages = deque(messages)
        if isinstance(messages, deque):
            while messages:
                await self._turn()
                self._core.put_many(messages)
        else:
            for message in messages:
                await self.send(message)

    def clone(self) -> Sender[T]:
        if self.closed:
            raise SenderClosedError(self)
        return _Sender(self._channel, self._core, self._log)

    @property
    def stopped(self) -> bool:
        return self.closed or self._core.closed

    def raise_stopped(self) -> NoReturn:
        if self.closed:
            raise SenderClosedError(self)
        text = f"{self} cannot send: its channel is closed"
        raise SenderError(text, self) from ChannelClosedError(self._channel)


class _Receiver(Endpoint[T], Receiver[T]):
    def __init__(self, channel: Channel[T], core: Core[T]) -> None:
        super().__init__(channel, core, core.receivers, None)

    async def receive(self) -> T:
        core, line = self._core, self._line
        if line.credit > 0 and core.budget > 0 and not self.closed:
            # `Core.acquire` and `Core.take`, written out on the path that most messages take.
            core.budget -= 1
            line.credit -= 1
            senders = core.senders
            senders.credit += 1
            message = core.buffer.popleft()
            if senders.waiting:
                core.promise(senders)
            return message  # and as there was credit, nobody waits who could be at the end
        await self._turn()
        return core.take()

    async def __anext__(self) -> T:
        core, line = self._core, self._line
        if line.credit > 0 and core.budget > 0 and not self.closed:
            core.budget -= 1
            core.acquire(line)
            return core.take()
        try:
            await self._turn()
        except ReceiverStoppedError:
            raise StopAsyncIteration from None
        return core.take()

    def receive_nowait(self) -> T:
        self._act_nowait()
        return self._core.take()

    async def receive_many(self, max_messages: int) -> list[T]:
        check_int("max_messages", max_messages, least=1)
        await self._turn()
        return self._core.take_many(max_messages)

    def receiving(self) -> Operation[T]:
        operation: Receiving[T] = Receiving(self, self._core, self._line)
        return operation

    def _leasing(self) -> Operation[Held[T]]:
        operation: Leasing[T] = Leasing(self, self._core, self._line)
        return operation

    def clone(self) -> Receiver[T]:
        if self.closed:
            raise ReceiverStoppedError(self)
        return _Receiver(self._channel, self._core)

    @property
    def stopped(self) -> bool:
        return self.closed or self._core.ended

    def raise_stopped(self) -> NoReturn:
        cause = None if self.closed else ChannelClosedError(self._channel)
        raise ReceiverStoppedError(self) from cause
