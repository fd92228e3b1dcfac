"""The sender of a broadcast channel."""

from __future__ import annotations

from logging import WARNING
from typing import TypeVar

from anyio import WouldBlock

from anycast._anycast.core import Batch
from anycast._anycast.sender import AnycastSender
from anycast._broadcast.hub import Hub
from anycast._broadcast.operations import SendOperation
from anycast._interface.operation import Operation
from anycast._log import logger
from anycast._waiting.protection import protected
from anycast._waiting.waiter import NOTHING

T = TypeVar("T")


# The name `_Sender` is part of the texts of logs and errors. Modules import `BroadcastSender`.
class _Sender(AnycastSender[T]):
    _core: Hub[T]

    @protected
    async def send(self, item: T) -> None:
        core = self._core
        while True:
            if core.budget.spent >= core.allowance or core.at_risk:
                await core.checkpoint()
                core.budget.spent = 0
            if self.closed or core.closed:
                self._check_open()
            if core.offer(item) or await self._wait_for_room(item):
                return

    @protected
    def send_nowait(self, item: T) -> None:
        if self.stopped:
            self.raise_stopped()
        if not self._core.offer(item):
            raise WouldBlock("a receiver has no room")
        self._core.budget.spent -= 1  # a nowait operation does not count towards `yield_every`

    def sending(self, message: T, /) -> Operation[None]:
        return SendOperation(self, self._core, self._queue, message)

    async def _wait(self, offer: Batch) -> None:
        await self._wait_for_room(offer)

    async def _wait_for_room(self, item: T | Batch) -> bool:
        """Wait in the queue until the message, or the whole batch, is sent.

        Returns:
            False if the caller is to try again: code that ran while the waiter was made (say, a
            finalizer) has made room, or has closed the channel; or a receiver was at risk, and the
            task has yielded.
        """
        core = self._core
        if core.at_risk:  # `put_many` has stopped in the midst of a batch
            await core.checkpoint()
            core.budget.spent = 0
            return False
        waiter = core.make_waiter(core)
        if core.has_room() or core.closed or self.closed:
            return False
        # Inlined: `_Sender._wait`, after its look.
        core.senders[waiter] = self.waiters[waiter] = item
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
        return True


BroadcastSender = _Sender
