"""The receiver of a channel in memory.

Every operation has the same three steps as the operations of the sender: yield if a yield is due,
act if that is possible at once, or else wait in the queue.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any, NoReturn, TypeVar
from weakref import ref

from anyio import WouldBlock

from anycast._anycast.core import PartialBatch
from anycast._anycast.endpoint import FUTURES_KEEP_TASKS, Endpoint
from anycast._anycast.operations import (
    BatchOperation,
    FurtherOperation,
    LeaseOperation,
    ReceiveOperation,
)
from anycast._arguments import check_int
from anycast._combinators.batch import BatchOperations
from anycast._combinators.lease import LeasedMessage
from anycast._combinators.receivers import ReceiverBase
from anycast._interface.channel import Channel
from anycast._interface.errors import (
    ChannelClosedError,
    ReceiverClosedError,
    ReceiverStoppedError,
)
from anycast._select.selectable import Selectable
from anycast._waiting.protection import protected
from anycast._waiting.waiter import NOTHING

T = TypeVar("T")


# The name `_Receiver` is part of the texts of logs and errors. Modules import `AnycastReceiver`.
class _Receiver(Endpoint[T], ReceiverBase[T]):
    # All operations are protected from Ctrl-C, except for `receive` and `__anext__`. If these two
    # were protected, a main task could end with a message that was received after Ctrl-C, and
    # `trio.run` would raise `KeyboardInterrupt` in place of the message.
    #
    # Python raises `KeyboardInterrupt` only where a line begins, or where a call returns. So these
    # two methods look at the message in one line, and take the message in the next line, which has
    # no call. An interrupt comes before that line, and no message is taken; or the message is taken
    # and returned. Every other step that must not be interrupted stands in `_take_or_wait`, which
    # is protected.
    #
    # asyncio turns Ctrl-C into a cancellation, so a call may take the message, which is faster.
    # Before the first wait or yield, the channel does not know the event loop, which may be trio.
    async def receive(self) -> T:
        core = self._core
        if core.budget.spent >= core.allowance:
            await core.checkpoint()
            core.budget.spent = 0
        buffer = core.unwatched
        if buffer and not (core.senders or self.closed):
            if core.backend.can_protect:
                message: T = buffer[0]
                del buffer[0]; core.received += 1; core.budget.spent += 1; return message  # fmt: skip  # noqa: E501, E702
            # Inlined: the end of `Core.take`. The rest of it is for waiting senders.
            message = buffer.popleft()
            core.received += 1
            core.budget.spent += 1
            return message
        if self.closed or core.closed:
            self._check_open()
        if core.backend.can_protect:
            return await self._take_or_wait()
        # Inlined: `_Receiver._take_or_wait`.
        message = core.take() if core.senders or core.buffer else NOTHING
        if message is not NOTHING:
            return message
        waiter = core.make_waiter(core)
        key = ref(waiter) if FUTURES_KEEP_TASKS else waiter
        if core.buffer or self.closed or (core.closed and core.ended):
            return await self.receive()  # code that ran meanwhile has sent, or closed
        core.receivers[waiter] = self.waiters[key] = 0
        try:
            message = await waiter
            core.budget.spent = 0
        except BaseException:  # noqa: BLE001  raised again, or delivered later
            message = core.end_interrupted_wait(core.receivers, waiter)
        finally:
            del self.waiters[key]
        if message is NOTHING:
            self.raise_stopped()
        return message

    @protected
    async def _take_or_wait(self) -> T:
        """Take the message of a waiting sender, or wait in the queue for a message."""
        core = self._core
        # `receive` has looked into the buffer, but not while a task joins.
        message: T = core.take() if core.senders or core.buffer else NOTHING
        if message is not NOTHING:
            return message
        waiter = core.make_waiter(core)
        key = ref(waiter) if FUTURES_KEEP_TASKS else waiter
        if core.buffer or self.closed or (core.closed and core.ended):
            return await self.receive()  # code that ran meanwhile has sent, or closed
        core.receivers[waiter] = self.waiters[key] = 0
        try:
            message = await waiter
            core.budget.spent = 0
        except BaseException:  # noqa: BLE001  raised again, or delivered later
            message = core.end_interrupted_wait(core.receivers, waiter)
        finally:
            del self.waiters[key]
        if message is NOTHING:
            self.raise_stopped()
        return message

    async def __anext__(self) -> T:
        core = self._core
        buffer = core.unwatched
        if buffer and not core.senders and core.budget.spent < core.allowance and not self.closed:
            # Inlined: the take of `_Receiver.receive`.
            if core.backend.can_protect:
                message: T = buffer[0]
                del buffer[0]; core.received += 1; core.budget.spent += 1; return message  # fmt: skip  # noqa: E501, E702
            message = buffer.popleft()
            core.received += 1
            core.budget.spent += 1
            return message
        try:
            return await self.receive()
        except ReceiverClosedError:
            raise
        except ReceiverStoppedError:
            raise StopAsyncIteration from None

    @protected
    def receive_nowait(self) -> T:
        if self.stopped:
            self.raise_stopped()
        message: T = self._core.take()
        if message is NOTHING:
            raise WouldBlock("the channel has no message")
        self._core.budget.spent -= 1  # a nowait operation does not count towards `yield_every`
        return message

    @protected
    async def receive_many(self, max_messages: int, *, within: float | None = None) -> list[T]:
        check_int("max_messages", max_messages, least=1)
        if within is not None:
            return await self.receive_within(max_messages, within, deque())
        self._core.check_thread()  # first: `take_many` may not raise once a message is received
        first = await self.receive()
        return [first, *(() if self.closed else self._core.take_many(max_messages - 1))]

    def receiving(self) -> Selectable[T]:
        return ReceiveOperation(self, self._core, self._queue, entry=0)

    def leasing(self) -> Selectable[LeasedMessage[T]]:
        return LeaseOperation[T](self, self._core, self._queue, entry=1)

    def batching(self) -> BatchOperations[LeasedMessage[T]]:
        batch = PartialBatch(1)
        first = BatchOperation[T](self, self._core, self._queue, entry=1, batch=batch)
        further = FurtherOperation[T](self, self._core, self._queue, entry=batch, batch=batch)
        return first, further

    def channels(self) -> Iterator[Channel[Any]]:
        yield self._channel

    @property
    def stopped(self) -> bool:
        return self.closed or self._core.ended

    def raise_stopped(self) -> NoReturn:
        if self.closed:
            raise ReceiverClosedError(self)
        raise ReceiverStoppedError(self) from ChannelClosedError(self._channel)


AnycastReceiver = _Receiver
