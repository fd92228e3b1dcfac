"""The endpoints of a channel in memory: they ask the core, and wait where it cannot act yet.

Every operation has the same shape: yield if that is due, act if that is possible at once, else
wait in line for a peer that acts.
"""

from __future__ import annotations

from abc import abstractmethod
from collections import deque
from logging import WARNING
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar

from anyio import WouldBlock

from anycast._arguments import check_int, check_messages
from anycast._closing import ChannelEnd
from anycast._core import Batch
from anycast._errors import ChannelClosedError, ReceiverStoppedError, SenderClosedError, SenderError
from anycast._lease import LeasedMessage, LeaseOperation
from anycast._log import log_of, logger
from anycast._operation import Operation, ReceiveOperation, SendOperation
from anycast._receiver import Receiver
from anycast._sender import Sender
from anycast._waiter import NOTHING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from anycast._channel import Channel
    from anycast._core import Core
    from anycast._waiter import WaitQueue, Wakeable

T = TypeVar("T")


class Endpoint(ChannelEnd, Generic[T]):
    """What a sender and a receiver share: being opened and closed.

    Args:
        channel: shown by errors, and by `str` and `repr`.
        core: of the channel.
        queue: where the tasks of this side wait.
    """

    def __init__(self, channel: Channel[T], core: Core[T], queue: WaitQueue) -> None:
        self._channel = channel
        self._core = core
        self._queue = queue
        self.closed = False
        self.waiters: dict[Wakeable, Any] = {}  # of this end; closing the end dismisses them
        core.count_end(queue, 1)

    @property
    @abstractmethod
    def stopped(self) -> bool:
        """Whether nothing will ever go through this end any more."""

    @abstractmethod
    def raise_stopped(self) -> NoReturn:
        """Raise the error of this end for that."""
        raise NotImplementedError

    def _check_open(self) -> None:
        """Raise if this end has stopped; that counts as an operation."""
        if self.stopped:
            self._core.yield_at -= 1
            self.raise_stopped()

    def clone(self) -> Any:
        if self.closed:
            self.raise_stopped()
        return type(self)(self._channel, self._core, self._queue)

    def close(self) -> None:
        if not self.closed:
            if self.waiters or self._core.auto_close:
                self._core.check_thread()  # before anything has changed
            self.closed = True
            self._core.detach(self._queue, self.waiters)


class _Sender(Endpoint[T], Sender[T]):  # pyright: ignore[reportUnusedClass]
    async def send(self, message: T, /) -> None:
        core = self._core
        if core.transfers >= core.yield_at:
            await core.checkpoint()
        if self.closed or core.closed:
            self._check_open()
        if core.receivers and core.hand_over(message):
            return
        used = len(core.buffer)
        if used < core.capacity:
            # Inlined: `Core.offer`.
            core.transfers += 1
            core.buffer.append(message)
            if used >= core.peak:
                core.peak = used + 1
            return
        # Inlined: `_Sender._wait`.
        waiter = core.make_waiter(core)
        if len(core.buffer) < core.capacity or core.closed or self.closed:
            await self.send(message)  # code that ran meanwhile has made room
            return
        core.senders[waiter] = self.waiters[waiter] = message
        core.yield_at = core.transfers + core.budget
        try:
            logs = logger.isEnabledFor(WARNING) and log_of(core).blocked(self)
            result = await waiter
        except BaseException:  # noqa: BLE001  it is raised again, or comes later
            logs, result = True, core.interrupted(core.senders, waiter)
        finally:
            del self.waiters[waiter]
        if logs or result is NOTHING:
            self._go_on(result)

    def send_nowait(self, message: T, /) -> None:
        if self.stopped:
            self.raise_stopped()
        if not self._core.offer(message):
            raise WouldBlock
        self._core.yield_at += 1  # it does not count

    def sending(self, message: T, /) -> Operation[None]:
        return SendOperation(self, self._core, self._queue, message)

    async def send_many(self, messages: Iterable[T]) -> None:
        core = self._core
        messages = check_messages(messages)
        if not isinstance(messages, deque):
            message: Any = NOTHING
            for message in () if self.stopped else messages:
                await self.send(message)
            if message is not NOTHING:
                return
            messages = deque[T]()
        while True:
            if core.transfers >= core.yield_at:
                await core.checkpoint()
            self._check_open()
            core.put_many(messages)
            if messages:
                await self._wait(Batch(messages))
            if not messages:
                return

    async def _wait(self, offer: Batch[T]) -> None:
        """Wait in the queue until receivers have taken what is offered, or raise.

        It returns at once where code that ran meanwhile has made room: the caller looks again.
        """
        core = self._core
        waiter = core.make_waiter(core)
        if len(core.buffer) < core.capacity or core.closed or self.closed:
            return
        core.senders[waiter] = self.waiters[waiter] = offer
        core.yield_at = core.transfers + core.budget
        try:
            # In the queue: a handler may use the channel, and may fail.
            logs = logger.isEnabledFor(WARNING) and log_of(core).blocked(self)
            result = await waiter
        except BaseException:  # noqa: BLE001  it is raised again, or comes later
            logs, result = True, core.interrupted(core.senders, waiter)
        finally:
            del self.waiters[waiter]
        if logs or result is NOTHING:
            self._go_on(result)

    def _go_on(self, result: Any) -> None:
        """Log that a task goes on; or raise, if its message was not taken."""
        if result is NOTHING:
            self.raise_stopped()
        log_of(self._core).resumed(self)

    @property
    def stopped(self) -> bool:
        return self.closed or self._core.closed

    def raise_stopped(self) -> NoReturn:
        if self.closed:
            raise SenderClosedError(self)
        text = f"{self} cannot send: its channel is closed"
        raise SenderError(text, self) from ChannelClosedError(self._channel)


class _Receiver(Endpoint[T], Receiver[T]):  # pyright: ignore[reportUnusedClass]
    async def receive(self) -> T:
        core = self._core
        if core.transfers >= core.yield_at:
            await core.checkpoint()
        if self.closed or core.closed:
            self._check_open()
        # Inlined: `Core.take`.
        buffer = core.buffer
        if core.senders and len(buffer) <= core.capacity:
            message: T = core.pull()
            if message is not NOTHING:
                buffer.append(message)
        if buffer:
            core.transfers += 1
            return buffer.popleft()
        waiter = core.make_waiter(core)
        if core.buffer or self.closed or (core.closed and core.ended):
            return await self.receive()  # code that ran meanwhile has sent a message
        core.receivers[waiter] = self.waiters[waiter] = 0
        core.yield_at = core.transfers + core.budget
        try:
            message = await waiter
        except BaseException:  # noqa: BLE001  it is raised again, or comes later
            message = core.interrupted(core.receivers, waiter)
        finally:
            del self.waiters[waiter]
        if message is NOTHING:
            self.raise_stopped()
        return message

    async def __anext__(self) -> T:
        core = self._core
        if core.buffer and core.transfers < core.yield_at and not self.closed:
            message: T = core.take()
            return message
        try:
            return await self.receive()
        except ReceiverStoppedError:
            raise StopAsyncIteration from None

    def receive_nowait(self) -> T:
        if self.stopped:
            self.raise_stopped()
        message: T = self._core.take()
        if message is NOTHING:
            raise WouldBlock
        self._core.yield_at += 1  # it does not count
        return message

    async def receive_many(self, max_messages: int) -> list[T]:
        check_int("max_messages", max_messages, least=1)
        self._core.check_thread()  # before anything has changed
        first = await self.receive()
        return [first, *(() if self.closed else self._core.take_many(max_messages - 1))]

    def receiving(self) -> Operation[T]:
        return ReceiveOperation(self, self._core, self._queue, 0)

    def _leasing(self) -> Operation[LeasedMessage[T]]:
        return LeaseOperation[T](self, self._core, self._queue, 1)

    @property
    def stopped(self) -> bool:
        return self.closed or self._core.ended

    def raise_stopped(self) -> NoReturn:
        cause = None if self.closed else ChannelClosedError(self._channel)
        raise ReceiverStoppedError(self) from cause
