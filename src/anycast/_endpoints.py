"""The endpoints of an in-memory channel: they ask the core, wait, and undo.

Every operation has the same shape: find something free, or wait for a promise of it, then
act on the core in that same step. What comes before the act is the same for both ends, and is
written once, in `Endpoint`.
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

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from anycast._channel import Channel
    from anycast._core import Core
    from anycast._line import Line, Place
    from anycast._log import BlockingLog

T = TypeVar("T")


class Endpoint(Generic[T]):
    """What a sender and a receiver share: getting a turn, and being closed."""

    def __init__(self, channel: Channel[T], core: Core[T], line: Line) -> None:
        self._channel = channel
        self._core = core
        self._line = line
        self.closed = False
        self.places: dict[Place, None] = {}  # who waits here, in the order in which they came
        line.open += 1

    @property
    @abstractmethod
    def stopped(self) -> bool:
        """Whether nothing will ever go through this end any more."""

    @abstractmethod
    def raise_stopped(self) -> NoReturn:
        """Raise the error of this end for that."""
        raise NotImplementedError

    def _check_open(self) -> None:
        if (self.closed or self._core.closed) and self.stopped:
            self.raise_stopped()

    def _turn_nowait(self) -> None:
        """Raise unless this operation may act now."""
        core = self._core
        self._check_open()
        if not core.is_free(self._line):
            raise WouldBlock
        core.yield_at += 1  # it does not count

    async def _turn(self) -> None:
        """Return when this operation may act, in the same step."""
        core, line = self._core, self._line
        self._check_open()
        if core.acts >= core.yield_at and core.lets_yield(line):
            await core.checkpoint()
            self._check_open()
        if core.is_free(line):  # looked at again: others may have run meanwhile
            return
        place = core.wait(line, self.places)
        try:
            logs = self._log_blocked()
            await place
            if logs or not core.redeem(line, place):
                await self._go_on(place, logs=logs)
        except BaseException:
            self._give_up(place)
            raise
        del self.places[place]

    async def _go_on(self, place: Place, *, logs: bool) -> None:
        """Redeem what was promised, when the task has something to log, or nothing to redeem."""
        core, line = self._core, self._line
        while True:
            if logs and place in line.promised:
                self._log_resumed()  # a handler may do anything: look again
            if core.redeem(line, place):
                return
            if place not in line.waiting:  # it was dismissed, and learns why
                self.raise_stopped()
            waiter = line.waiting[place] = core.new_waiter()  # its promise was taken back
            await waiter

    def _give_up(self, place: Place) -> None:
        """Leave the line; what was promised goes to the next."""
        del self.places[place]
        self._core.leave(self._line, place)

    def _log_blocked(self) -> bool:
        """Log that a task has to wait here, if that is to be logged at all."""
        return False

    def _log_resumed(self) -> None:
        """Log that it goes on."""

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self._core.detach(self._line, self.places)

    def __str__(self) -> str:
        return f"{self._channel}:{type(self).__name__}"

    def __repr__(self) -> str:
        closed = ", closed" if self.closed else ""
        return f"{type(self).__name__}({self._channel!r}{closed})"


class _Sender(Endpoint[T], Sender[T]):
    def __init__(self, channel: Channel[T], core: Core[T], log: Callable[[], BlockingLog]) -> None:
        super().__init__(channel, core, core.senders)
        self._log = log

    async def send(self, message: T, /) -> None:
        core = self._core
        used = len(core.buffer)
        if used >= core.capacity or core.acts >= core.yield_at or self.closed:
            # `_turn`, written out: one coroutine less for each yield and each wait.
            if core.acts >= core.yield_at and core.lets_yield(core.senders) and not self.closed:
                await core.checkpoint()
            if len(core.buffer) >= core.capacity or self.closed:
                self._check_open()
                place = core.wait(core.senders, self.places)
                try:
                    logs = self._log_blocked()
                    await place
                    if logs or not core.redeem(core.senders, place):
                        await self._go_on(place, logs=logs)
                except BaseException:
                    self._give_up(place)
                    raise
                del self.places[place]
            used = len(core.buffer)
        # `Core.put`, written out: one call less for each message.
        core.acts += 1
        core.buffer.append(message)
        if used >= core.peak:
            core.peak = used + 1
        if core.receivers.waiting:
            core.promise_messages()

    def send_nowait(self, message: T, /) -> None:
        self._turn_nowait()
        self._core.put(message)

    def sending(self, message: T, /) -> Operation[None]:
        return Sending(self, self._core, message)

    async def send_many(self, messages: Iterable[T]) -> None:
        core = self._core
        check_iterable("messages", messages)
        self._check_open()
        if type(messages) in {list, tuple}:
            messages = deque(messages)
        if isinstance(messages, deque):
            while messages:
                if len(core.buffer) >= core.capacity or core.acts >= core.yield_at or self.closed:
                    await self._turn()
                core.put_many(messages)
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

    def _log_blocked(self) -> bool:
        return self._log().blocked(self)

    def _log_resumed(self) -> None:
        self._log().resumed(self)

    def raise_stopped(self) -> NoReturn:
        if self.closed:
            raise SenderClosedError(self)
        text = f"{self} cannot send: its channel is closed"
        raise SenderError(text, self) from ChannelClosedError(self._channel)


class _Receiver(Endpoint[T], Receiver[T]):
    def __init__(self, channel: Channel[T], core: Core[T]) -> None:
        super().__init__(channel, core, core.receivers)

    async def receive(self) -> T:
        core = self._core
        if len(core.buffer) <= core.reserved or core.acts >= core.yield_at or self.closed:
            # `_turn`, written out as in `_Sender.send`.
            if core.acts >= core.yield_at and core.lets_yield(core.receivers) and not self.closed:
                await core.checkpoint()
            if len(core.buffer) <= core.reserved or self.closed:
                self._check_open()
                place = core.wait(core.receivers, self.places)
                try:
                    await place
                    if not core.redeem(core.receivers, place):
                        await self._go_on(place, logs=False)
                except BaseException:
                    self._give_up(place)
                    raise
                del self.places[place]
        # `Core.take`, written out.
        core.acts += 1
        message = core.buffer.popleft()
        if core.senders.waiting:
            core.promise_room()
        elif core.closed:
            core.end()
        return message

    async def __anext__(self) -> T:
        core = self._core
        if len(core.buffer) > core.reserved and core.acts < core.yield_at and not self.closed:
            return core.take()
        try:
            await self._turn()
        except ReceiverStoppedError:
            raise StopAsyncIteration from None
        return core.take()

    def receive_nowait(self) -> T:
        self._turn_nowait()
        return self._core.take()

    async def receive_many(self, max_messages: int) -> list[T]:
        check_int("max_messages", max_messages, least=1)
        core = self._core
        if len(core.buffer) <= core.reserved or core.acts >= core.yield_at or self.closed:
            await self._turn()
        return core.take_many(max_messages)

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
