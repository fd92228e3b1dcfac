"""The receiver of a broadcast channel."""

from __future__ import annotations

from typing import Any, TypeVar
from weakref import ref

from anycast._anycast.core import PartialBatch
from anycast._anycast.endpoint import FUTURES_KEEP_TASKS
from anycast._anycast.receiver import AnycastReceiver
from anycast._broadcast.operations import (
    BatchOperation,
    FurtherOperation,
    LeaseOperation,
    ReceiveOperation,
)
from anycast._broadcast.subscription import Subscription
from anycast._combinators.batch import BatchOperations
from anycast._combinators.lease import LeasedMessage
from anycast._combinators.receivers import ReceiverBase
from anycast._interface.errors import ReceiverLaggedError
from anycast._select.selectable import Selectable
from anycast._waiting.protection import protected
from anycast._waiting.waiter import NOTHING

T = TypeVar("T")


# The name `_Receiver` is part of the texts of logs and errors. Modules import `BroadcastReceiver`.
class _Receiver(AnycastReceiver[T]):
    _core: Subscription[T]

    @protected
    async def receive(self) -> T:
        core = self._core
        if core.budget.spent >= core.allowance or (core.at_risk and core.senders):
            await core.checkpoint()
            core.budget.spent = 0
        if self.closed or core.closed or core.gaps:
            self._check_open()
        message: T = core.take()
        if message is not NOTHING:
            return message
        # Inlined: `_Receiver._take_or_wait`, after its take.
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

    # Not `AnycastReceiver.__anext__`, which takes a stored message without a look for a gap.
    __anext__ = ReceiverBase.__anext__  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]

    @protected
    def receive_nowait(self) -> T:
        self._check_gap()
        return super().receive_nowait()

    def receiving(self) -> Selectable[T]:
        return ReceiveOperation(self, self._core, self._queue, entry=0)

    def leasing(self) -> Selectable[LeasedMessage[T]]:
        return LeaseOperation[T](self, self._core, self._queue, entry=1)

    def batching(self) -> BatchOperations[LeasedMessage[T]]:
        batch = PartialBatch(1)
        first = BatchOperation[T](self, self._core, self._queue, entry=1, batch=batch)
        further = FurtherOperation[T](self, self._core, self._queue, entry=batch, batch=batch)
        return first, further

    @property
    def lost(self) -> int:
        return self._core.lost

    def _check_open(self) -> None:
        super()._check_open()
        self._core.budget.spent += 1
        self._check_gap()
        self._core.budget.spent -= 1

    def _check_gap(self) -> None:
        """Raise if messages were lost right before the next message: once for each gap."""
        lost = self._core.take_lag()
        if lost:
            raise ReceiverLaggedError(self, lost)

    @protected
    def clone(self) -> Any:
        if self.closed:
            self.raise_stopped()
        subscription = self._core.hub.clone(self._core)
        return type(self)(self._channel, subscription, subscription.receivers)

    @protected
    def close(self) -> None:
        if not self.closed and self._core.senders and self._core.blocks:
            self._core.check_thread()  # first: a blocked sender may go on
        super().close()

    @property
    def _label(self) -> str:
        return self._core.label

    def _details(self) -> str:
        core = self._core
        return f", unread={len(core.buffer)}, lost={core.lost}{super()._details()}"


BroadcastReceiver = _Receiver
