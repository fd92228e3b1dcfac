"""The operations of a channel in memory, for `select`, the combinators and `lease`."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, NoReturn, TypeVar

from anycast._anycast.core import Core, PartialBatch
from anycast._anycast.endpoint import Endpoint
from anycast._anycast.lease_counts import with_deliveries
from anycast._combinators.lease import Hold, LeasedMessage
from anycast._select.selectable import Leaf
from anycast._waiting.event_loop import LoopBinding
from anycast._waiting.waiter import NOTHING, WaitQueue, Wakeable

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class EndpointOperation(Leaf[T_co]):
    """A send or receive through one endpoint.

    Args:
        endpoint: the endpoint.
        core: of the channel.
        queue: where a task waits for this operation.
        entry: what stands in the queue beside the waiter, as `Core.receivers` and `Core.senders`
            say.
    """

    __slots__ = ("core", "endpoint", "entry", "peers")

    def __init__(
        self, endpoint: Endpoint[Any], core: Core[Any], queue: WaitQueue, entry: Any
    ) -> None:
        super().__init__(core, queue)
        self.endpoint = endpoint
        self.core = core
        self.entry = entry
        self.peers = core.senders if queue is core.receivers else core.receivers

    def find_ready(self) -> Leaf[Any] | None:
        return self if self.peers or self.is_ready() else None

    def try_fast(self) -> bool:
        core = self.core
        if core.budget.spent >= core.allowance or core.closed or self.endpoint.closed:
            return False
        return self._transfer()

    def raise_ended(self) -> NoReturn:
        self.endpoint.raise_stopped()

    def __str__(self) -> str:
        return f"{type(self).__name__} of {self.endpoint}"

    def must_yield(self) -> bool:
        return self.core.budget.spent >= self.core.allowance

    def act(self) -> bool:
        if not self.endpoint.stopped:
            return self._transfer()
        self.core.budget.spent += 1  # an operation that raises is counted, too
        return self.set_ended()

    def act_nowait(self) -> bool:
        if not self.act():
            return False
        self.core.budget.spent -= 1
        return True

    @abstractmethod
    def _transfer(self) -> bool:
        """Send or receive, if that is possible at once; return whether it was."""

    @abstractmethod
    def is_ready(self) -> bool:
        """Return whether the operation can happen now, without a waiting peer.

        The arms of a blocked select may wait on both sides of a channel, and are no peers.
        """

    def register(self, arm: Wakeable, binding: LoopBinding) -> bool:
        core = self.core
        # Only where something would change: the call alone slows a select of many channels.
        if core.loop is not binding.loop or core.backend is not binding.backend:
            core.bind_like(binding)
        self.queue[arm] = self.entry
        self.endpoint.waiters[arm] = None
        return self.is_ready()

    def unregister(self, arm: Wakeable) -> None:
        self.queue.pop(arm, None)
        self.endpoint.waiters.pop(arm, None)


class SendOperation(EndpointOperation[None]):
    """What `Sender.sending` returns."""

    __slots__ = ()

    def is_ready(self) -> bool:
        core = self.core
        return len(core.buffer) < core.capacity or core.closed or self.endpoint.closed

    def unregister(self, arm: Wakeable) -> None:
        super().unregister(arm)
        if self.core.joiners:
            self.core.wake_joiners()

    def _transfer(self) -> bool:
        if not self.core.offer(self.entry):
            return False
        self.value = None
        return True


class TakeOperation(EndpointOperation[T_co]):
    """An operation that takes a message."""

    __slots__ = ()

    def is_ready(self) -> bool:
        core = self.core
        return bool(core.buffer) or self.endpoint.closed or (core.closed and core.ended)

    def _transfer(self) -> bool:
        message = self.core.take()
        if message is NOTHING:
            return False
        # Inlined: `Leaf.accept`.
        self.value = message
        return True

    def undo(self, given: Any) -> None:
        self.core.put_back(given)


class ReceiveOperation(TakeOperation[T_co]):
    """What `Receiver.receiving` returns."""

    __slots__ = ()

    def try_fast(self) -> bool:
        core = self.core
        if core.senders:
            return super().try_fast()
        buffer, budget = core.unwatched, core.budget
        if not buffer or budget.spent >= core.allowance or self.endpoint.closed:
            return False
        # Inlined: the end of `Core.take`. The rest of it is for waiting senders.
        self.value = buffer.popleft()
        core.received += 1
        budget.spent += 1
        return True


class LeaseOperation(TakeOperation[LeasedMessage[T]]):
    """The operation that takes a message on lease."""

    __slots__ = ()

    def _transfer(self) -> bool:
        message = self.core.take_leased()
        if message is not NOTHING:
            self.accept(message)
        return message is not NOTHING

    def accept(self, given: Any) -> None:
        message, before = with_deliveries(given)
        self.value = LeasedMessage(message, CoreHold(self.core, message, before + 1))

    def undo(self, given: Any) -> None:
        self.core.give_back(*with_deliveries(given))


class BatchOperation(LeaseOperation[T]):
    """The operation that takes the first message of a batch. The lease counts as no delivery.

    Args:
        endpoint: as for `EndpointOperation`.
        core: as for `EndpointOperation`.
        queue: as for `EndpointOperation`.
        entry: as for `EndpointOperation`.
        batch: what stands in the queue for the further messages of the batch.
    """

    __slots__ = ("_batch",)

    def __init__(
        self,
        endpoint: Endpoint[Any],
        core: Core[Any],
        queue: WaitQueue,
        entry: int,
        batch: PartialBatch,
    ) -> None:
        super().__init__(endpoint, core, queue, entry)
        self._batch = batch

    def accept(self, given: Any) -> None:
        holds = self._batch.holds
        if holds and holds[-1].ended:
            holds.pop()  # a filter has dropped the message
        holds.append(hold := CoreHold(self.core, *with_deliveries(given)))
        self.value = LeasedMessage(hold.message, hold)


class FurtherOperation(BatchOperation[T]):
    """The operation that takes a further message of a batch.

    The operation ends as soon as the channel is closed and empty. At that time the channel has not
    ended: the messages of the batch are on lease until the batch is complete.
    """

    __slots__ = ()

    def act(self) -> bool:
        return super().act() or (self.core.closed and self.set_ended())

    def is_ready(self) -> bool:
        return super().is_ready() or self.core.closed


class CoreHold(Hold):
    """The hold on a message of a channel in memory."""

    __slots__ = ("_core", "ended", "message")

    def __init__(self, core: Core[Any], message: Any, deliveries: int) -> None:
        super().__init__(deliveries)
        self._core = core
        self.ended = False
        self.message = message

    def finish(self) -> None:
        self._core.end_lease()
        self.ended = True

    def give_back(self, error: BaseException | None = None) -> None:
        del error  # a channel in memory does not ask why
        self._core.give_back(self.message, self.deliveries)
        self.ended = True

    def pass_on(self) -> bool:
        # If the event loop of the task was over, `Core.forget_tasks` has given back the message
        # before. The task is destroyed now.
        return self.ended or self._core.pass_on(self.message, self.deliveries)
