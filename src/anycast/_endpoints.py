"""The endpoints of an in-memory channel: they ask the core, wait, and undo.

Every operation has the same shape: see credit, or wait for a promise of it, then act on the
core in that same step. What comes before the act is the same for both ends, and is written
once, in `_Endpoint`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

from anyio import WouldBlock

from anycast._arguments import check_int, check_iterable
from anycast._errors import (
    ChannelClosedError,
    ReceiverStoppedError,
    SenderClosedError,
    SenderError,
)
from anycast._lease import Lease
from anycast._receiver import Receiver
from anycast._sender import Sender
from anycast._waiter import waiter_kind

if TYPE_CHECKING:
    from collections.abc import Iterable
    from contextlib import AbstractAsyncContextManager

    from anycast._channel import Channel
    from anycast._core import Core
    from anycast._line import Line
    from anycast._log import BlockingLog
    from anycast._waiter import Waiter

T = TypeVar("T")


class _Endpoint(Generic[T]):
    """What a sender and a receiver share: getting a turn, and being closed."""

    def __init__(self, channel: Channel[T], core: Core[T], line: Line) -> None:
        self._channel = channel
        self._core = core
        self._line = line
        self._closed = False
        self._waiters: dict[Waiter, None] = {}  # in the order in which they came
        core.attach(line)

    @abstractmethod
    def _check_open(self) -> None:
        """Raise the error of this end if it can proceed no more."""

    def _act_nowait(self) -> None:
        """Return if this operation may act now, and raise otherwise."""
        self._check_open()
        if self._line.credit <= 0:
            raise WouldBlock

    def _act_at_once(self) -> bool:
        """Return whether this operation may act now, without yielding."""
        core = self._core
        if self._line.credit > 0 and core.budget > 0 and not self._closed:
            core.budget -= 1
            return True
        return False

    async def _turn(self) -> None:
        """Return once this operation may act, which it must do in the same step."""
        self._check_open()
        core, line = self._core, self._line
        if line.credit > 0 and core.budget <= 0:
            core.budget = core.allowance
            await waiter_kind().checkpoint()
            self._check_open()
        if line.credit > 0:  # looked at again: others may have run meanwhile
            core.budget -= 1
            return
        waiter = waiter_kind()()
        core.join(line, waiter)
        self._waiters[waiter] = None
        try:
            self._blocked()
            while waiter in line.waiting:
                await waiter.wait()
                if waiter in line.promised:
                    self._resumed()
        except BaseException:
            core.leave(line, waiter)
            raise
        finally:
            del self._waiters[waiter]
        self._check_open()  # whoever was dismissed learns why
        core.redeem(line, waiter)

    def _blocked(self) -> None:
        """Take note that a task has begun to wait."""

    def _resumed(self) -> None:
        """Take note that it has been promised its turn, and is about to act."""

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._core.detach(self._line, self._waiters)

    def __str__(self) -> str:
        return f"{self._channel}:{type(self).__name__}"

    def __repr__(self) -> str:
        closed = ", closed" if self._closed else ""
        return f"{type(self).__name__}({self._channel!r}{closed})"


class _Sender(_Endpoint[T], Sender[T]):
    def __init__(self, channel: Channel[T], core: Core[T], log: BlockingLog) -> None:
        super().__init__(channel, core, core.senders)
        self._log = log

    async def send(self, message: T, /) -> None:
        core = self._core
        if self._line.credit > 0 and core.budget > 0 and not self._closed:
            core.budget -= 1
        else:
            await self._turn()
        core.put(message)

    def send_nowait(self, message: T, /) -> None:
        self._act_nowait()
        self._core.put(message)

    async def send_many(self, messages: Iterable[T]) -> None:
        check_iterable("messages", messages)
        self._check_open()
        if isinstance(messages, deque):
            await self._send_out_of(messages)
            return
        for message in messages:
            if not self._act_at_once():
                await self._turn()
            self._core.put(message)

    async def _send_out_of(self, messages: deque[T]) -> None:
        while messages:
            if not self._act_at_once():
                await self._turn()
            if messages:
                self._core.put(messages.popleft())
            else:  # somebody emptied it while this task waited
                self._core.pass_on()

    def clone(self) -> Sender[T]:
        if self._closed:
            raise SenderClosedError(self)
        return _Sender(self._channel, self._core, self._log)

    def _check_open(self) -> None:
        if self._closed:
            raise SenderClosedError(self)
        if self._core.closed:
            raise SenderError(
                f"{self} cannot send: its channel is closed", self
            ) from ChannelClosedError(self._channel)

    def _blocked(self) -> None:
        self._log.blocked.write(self)

    def _resumed(self) -> None:
        self._log.resumed.write(self)


class _Receiver(_Endpoint[T], Receiver[T]):
    def __init__(self, channel: Channel[T], core: Core[T]) -> None:
        super().__init__(channel, core, core.receivers)

    async def receive(self) -> T:
        core = self._core
        if self._line.credit > 0 and core.budget > 0 and not self._closed:
            core.budget -= 1
        else:
            await self._turn()
        return core.take()

    def receive_nowait(self) -> T:
        self._act_nowait()
        return self._core.take()

    async def receive_many(self, max_messages: int) -> list[T]:
        check_int("max_messages", max_messages, least=1)
        if not self._act_at_once():
            await self._turn()
        return self._core.take_many(max_messages)

    def lease(self) -> AbstractAsyncContextManager[T]:
        return Lease(self._core, self._turn)

    def clone(self) -> Receiver[T]:
        if self._closed:
            raise ReceiverStoppedError(self)
        return _Receiver(self._channel, self._core)

    def _check_open(self) -> None:
        if self._closed:
            raise ReceiverStoppedError(self)
        if self._core.ended:
            raise ReceiverStoppedError(self) from ChannelClosedError(self._channel)
