"""The sender of a channel in memory.

Every operation of a sender or a receiver has the same three steps. If a yield is due, the operation
yields. Then the operation acts, if that is possible at once. Else the task waits in the queue, and
a peer acts.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from logging import WARNING
from typing import Any, NoReturn, TypeVar

from anyio import WouldBlock

from anycast._anycast.core import Batch
from anycast._anycast.endpoint import Endpoint
from anycast._anycast.operations import SendOperation
from anycast._arguments import check_messages
from anycast._interface.errors import (
    ChannelClosedError,
    SenderClosedError,
    SenderError,
    cannot_send,
)
from anycast._interface.operation import Operation
from anycast._interface.sender import Sender
from anycast._log import logger
from anycast._waiting.protection import interruptible, protected
from anycast._waiting.waiter import NOTHING

T = TypeVar("T")


# The name `_Sender` is part of the texts of logs and errors. Modules import `AnycastSender`.
class _Sender(Endpoint[T], Sender[T]):
    @protected
    async def send(self, item: T) -> None:
        core = self._core
        if core.budget.spent >= core.allowance:
            await core.checkpoint()
            core.budget.spent = 0
        if self.closed or core.closed:
            self._check_open()
        # Inlined: `Core.offer`.
        if core.receivers and core.hand_over(item):
            return
        used = len(core.buffer)
        if used < core.capacity:
            core.budget.spent += 1
            core.buffer.append(item)
            if used >= core.peak:
                core.peak = used + 1
            return
        # Inlined: `_Sender._wait`.
        waiter = core.make_waiter(core)
        if len(core.buffer) < core.capacity or core.closed or self.closed:
            await self.send(item)  # code that ran meanwhile has made room, or has closed
            return
        core.senders[waiter] = self.waiters[waiter] = item
        try:
            logs = logger.isEnabledFor(WARNING) and core.blocking_log().blocked(self)
            result = await waiter
            core.budget.spent = 0
        except BaseException:  # noqa: BLE001  raised again, or delivered later
            logs, result = True, core.end_interrupted_wait(core.senders, waiter)
        finally:
            del self.waiters[waiter]
        if logs or result is NOTHING:
            self._finish_wait(result)

    @protected
    def send_nowait(self, item: T) -> None:
        if self.stopped:
            self.raise_stopped()
        if not self._core.offer(item):
            raise WouldBlock("the channel has no room, and no receiver waits")
        self._core.budget.spent -= 1  # a nowait operation does not count towards `yield_every`

    def sending(self, message: T, /) -> Operation[None]:
        return SendOperation(self, self._core, self._queue, message)

    @protected
    async def send_many(self, messages: Iterable[T]) -> None:
        core = self._core
        messages = check_messages(messages)
        if not isinstance(messages, deque):
            # Each message is taken off the iterable right before the message is sent. If this
            # sender has stopped, no message is taken off.
            message: Any = NOTHING
            for message in () if self.stopped else interruptible(messages):
                await self.send(message)
            if message is not NOTHING:
                return
            messages = deque[T]()  # the loop below yields if a yield is due, or raises
        while True:
            if core.budget.spent >= core.allowance:
                await core.checkpoint()
                core.budget.spent = 0
            self._check_open()
            core.put_many(messages)
            if messages:
                await self._wait(Batch(messages))
            if not messages:
                return

    async def _wait(self, offer: Batch) -> None:
        """Wait in the queue until receivers have taken the whole batch, or raise.

        Code that runs while the waiter is made (say, a finalizer) may make room, or may close the
        channel. Then `_wait` returns at once, and the caller tries again.
        """
        core = self._core
        waiter = core.make_waiter(core)
        if len(core.buffer) < core.capacity or core.closed or self.closed:
            return
        core.senders[waiter] = self.waiters[waiter] = offer
        try:
            # Logged only now, in the queue: a log handler may use the channel, and may fail.
            logs = logger.isEnabledFor(WARNING) and core.blocking_log().blocked(self)
            result = await waiter
            core.budget.spent = 0
        except BaseException:  # noqa: BLE001  raised again, or delivered later
            logs, result = True, core.end_interrupted_wait(core.senders, waiter)
        finally:
            del self.waiters[waiter]
        if logs or result is NOTHING:
            self._finish_wait(result)

    def _finish_wait(self, result: Any) -> None:
        """Log that the task goes on, or raise if a close has ended the wait."""
        if result is NOTHING:
            self.raise_stopped()
        self._core.blocking_log().resumed(self)

    @property
    def stopped(self) -> bool:
        return self.closed or self._core.closed

    def raise_stopped(self) -> NoReturn:
        if self.closed:
            raise SenderClosedError(self)
        raise SenderError(cannot_send(self), self) from ChannelClosedError(self._channel)


AnycastSender = _Sender
