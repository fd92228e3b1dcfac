"""The receiving end of a channel on a server."""

from __future__ import annotations

from abc import abstractmethod
from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping
from functools import partial
from types import TracebackType
from typing import Any, NoReturn, TypeVar
from weakref import ref

from anyio import WouldBlock

from anycast._arguments import check_int, check_seconds
from anycast._combinators.batch import BatchOperations, receive_batch
from anycast._combinators.lease import LeasedMessage
from anycast._combinators.receivers import ReceiverBase
from anycast._interface.channel import Channel
from anycast._interface.closing import NamedEndpoint
from anycast._interface.errors import (
    ChannelClosedError,
    ReceiverClosedError,
    ReceiverError,
    ReceiverStoppedError,
)
from anycast._interface.receiver import Receiver
from anycast._select.selectable import Selectable
from anycast.redis._delivery import Delivery
from anycast.redis._inbox import BatchDemand
from anycast.redis._lease import RedisLease
from anycast.redis._operations import (
    BatchOperation,
    DemandingOperation,
    LeaseOperation,
    ReceiveOperation,
)
from anycast.redis._session import Session

T = TypeVar("T")


class RedisReceiver(Receiver[T]):
    """A receiver that knows how often its message was delivered.

    A message is acknowledged when this receiver is asked for the next message, or when its
    `lease()` or ``async with receiver:`` ends without an exception. If that block ends by an
    exception, the work has failed: the delivery counts, and the message waits for ``retry_delay``
    before the next try. If the block ends by a cancellation, the message is given back at once,
    and the delivery does not count.

    A message is given back in the same way, at once and uncounted, when the receiver is closed or
    collected, and when ``async for`` is left: a loop cannot know whether the work was done. Only if
    an exception leaves the loop, and then ``async with receiver:``, the work has failed. A receiver
    that nobody keeps, as in ``await channel.new_receiver().receive()``, acknowledges its message at
    once. Give each task a receiver of its own, made by `clone`, or use `lease()`.

    A batch of `receive_many` is acknowledged in the same way, as a whole. With ``within``, the
    heartbeat renews the leases of the messages while the batch waits. If the call raises, its
    messages are given back, and this delivery does not count. `close` makes a call that waits raise
    a `ReceiverClosedError`. A batch has at most ``limit`` messages, since more cannot come before
    the batch is acknowledged. With at-most-once delivery, ``within`` raises a `TypeError`: a
    message that was deleted cannot go back.

    ```py
    import anyio
    from anycast.redis import RedisAnycast, json_codec


    async def main() -> None:
        words = RedisAnycast[str](name="words", url="redis://localhost", codec=json_codec(str))
        async with words:
            await words.new_sender().send("hello")
            async with words.new_receiver() as receiver:
                assert await receiver.receive() == "hello"
                assert receiver.deliveries == 1


    anyio.run(main)
    ```
    """

    @property
    @abstractmethod
    def deliveries(self) -> int:
        """How often the last received message was delivered, this delivery included."""

    @property
    @abstractmethod
    def headers(self) -> Mapping[str, str]:
        """The headers that the sender gave to the last received message."""

    @abstractmethod
    def lease(self) -> RedisLease[T]: ...

    @abstractmethod
    def clone(self) -> RedisReceiver[T]: ...


# The overloads of `filter` are the same in both, and pyright does not see that.
class _Receiver(  # pyright: ignore[reportIncompatibleMethodOverride]
    NamedEndpoint, ReceiverBase[T], RedisReceiver[T]
):
    def __init__(self, channel: Channel[T], session: Session[T]) -> None:
        self._channel = channel
        self._session = session
        # Receives tokens of the inbox; each token stands for a delivery.
        self._inner = session.inbox.new_receiver()
        self._at_most_once = session.options.at_most_once
        # Received through this receiver, and to be acknowledged before the next message. With
        # at-most-once delivery they are acknowledged already, and settling them does nothing.
        self._unacknowledged: list[Delivery[T]] = []
        # Given back when a loop was left, and nothing was received since.
        self._given_up: Delivery[T] | None = None
        # Of the last received message.
        self._count = 0
        self._headers: Mapping[str, str] = {}
        self.closed = False

    @property
    def deliveries(self) -> int:
        return self._count

    @property
    def headers(self) -> Mapping[str, str]:
        return self._headers

    # anyio's base class says that the iterator is a stream.
    def __aiter__(self) -> AsyncIterator[T]:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        return _Loop(self)

    def __del__(self) -> None:
        # A receiver that is closed, or that was not made completely, has no message.
        if not getattr(self, "closed", True):
            self._session.abandon(self._inner, self._unacknowledged)

    async def receive(self) -> T:
        delivery = await self._take()
        keeper, session = ref(self), self._session
        del self
        return _hand_over(session, keeper(), [delivery])[0]

    def receive_nowait(self) -> T:
        self.begin_receive()
        if self._at_most_once:
            self._check()
            raise WouldBlock("the server must delete the message first: use `receive`")
        try:
            return self.hold(self._take_nowait())
        except WouldBlock:
            self._session.inbox.linger()
            raise WouldBlock("no message has come from the server") from None
        except ReceiverStoppedError:
            self.raise_stopped()

    async def receive_many(self, max_messages: int, *, within: float | None = None) -> list[T]:
        check_int("max_messages", max_messages, least=1)
        if within is not None:
            deliveries = await self._collect(max_messages, within)
        elif self._at_most_once:
            deliveries = [await self._take()]  # the server must delete each message first
        else:
            deliveries = [await self._take(max_messages)]
            self._take_more(deliveries, max_messages)
        keeper, session = ref(self), self._session
        del self
        return _hand_over(session, keeper(), deliveries)

    def receiving(self) -> Selectable[T]:
        return ReceiveOperation(self, self._token_operation(), self._session)

    async def _collect(self, max_messages: int, within: float) -> list[Delivery[T]]:
        """Wait for a batch, whose deliveries this receiver does not keep yet."""
        check_seconds("within", within, or_inf=True)
        # Before the demand wakes the pump, which lives in the right event loop.
        self._session.check_entered()
        # The messages of the batch count towards the limit, so no more can come.
        most = int(min(max_messages, self._session.options.limit))
        while True:
            demand = BatchDemand(self._session.inbox)
            first, further = (self._demanding(demand, further=each) for each in (False, True))
            demand.change(most)
            try:
                batch = await receive_batch(first, further, most, within, deque())
            finally:
                demand.change(0)
            # A lease may have run out, and another process may have the message. If no message is
            # left, the next round waits again, or says why this receiver has stopped.
            if deliveries := [each for each in batch if self.accepts(each)]:
                return deliveries

    def _demanding(self, demand: BatchDemand, *, further: bool) -> DemandingOperation:
        self._check_batches()
        token = self._token_operation()
        return DemandingOperation(self, token, self._session, demand, further=further)

    def leasing(self) -> Selectable[LeasedMessage[T]]:
        return LeaseOperation(self, self._token_operation(), self._session)

    def batching(self) -> BatchOperations[LeasedMessage[T]]:
        self._check_batches()
        return self._batching(further=False), self._batching(further=True)

    def _batching(self, *, further: bool) -> BatchOperation:
        return BatchOperation(self, self._token_operation(), self._session, further=further)

    def _check_batches(self) -> None:
        if self._at_most_once:
            raise TypeError(
                f"{self} cannot collect messages `within` a time: at most once deletes each message"
                " first, and a deleted message cannot go back"
            )

    def _token_operation(self) -> Selectable[None]:
        """Return the operation on the inbox that an operation of this receiver wraps."""
        self.acknowledge()
        if self._at_most_once:
            raise TypeError(f"{self} cannot receive in a `select`: at most once needs an answer")
        return self._inner.receiving()

    def lease(self) -> RedisLease[T]:
        return RedisLease(self, self._session, self._take)

    def channels(self) -> Iterator[Channel[Any]]:
        yield self._channel

    def clone(self) -> _Receiver[T]:
        if self.closed:
            self.raise_stopped()
        return _Receiver(self._channel, self._session)

    def close(self) -> None:
        self._close(None)

    # The base class only closes. Here a clean end acknowledges first, and an error becomes the
    # reason of what is given back.

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        self.__exit__(exc_type, exc_val, exc_tb)

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        if exc_type is None:
            self.acknowledge()
        self._close(exc_val)

    async def _take(self, wanted: int = 1) -> Delivery[T]:
        """Wait for the next delivery that is certainly this process's.

        Args:
            wanted: how many messages the caller will take if they come together.
        """
        self.begin_receive()
        inbox = self._session.inbox
        while True:
            # This wakes the receive pump if too few messages are here.
            inbox.add_demand(wanted)
            try:
                await self._inner.receive()
            except BaseException as error:
                # Cancelled, or stopped. The pump gives back what was fetched for this task.
                inbox.remove_demand(wanted)
                if isinstance(error, ReceiverStoppedError):
                    self.raise_stopped()
                raise
            delivery = inbox.take_demanded(wanted)
            # A delivery whose lease has run out is given back: then wait for the next delivery.
            if self.accepts(delivery) and (
                not self._at_most_once or await self._session.acknowledge_first(delivery)
            ):
                return delivery

    def _take_more(self, deliveries: list[Delivery[T]], most: int) -> None:
        """Take messages that are here already, until there are ``most`` in all."""
        while len(deliveries) < most:
            try:
                deliveries.append(self._take_nowait())
            except (WouldBlock, ReceiverStoppedError):
                return

    def _take_nowait(self) -> Delivery[T]:
        while True:
            self._inner.receive_nowait()
            delivery = self._session.inbox.take()
            if self.accepts(delivery):
                return delivery

    async def take_next(self) -> Delivery[T]:
        """Receive for a loop, and return the delivery, which this receiver holds."""
        delivery = await self._take()
        self.hold(delivery)
        return delivery

    def give_up(self, delivery: Delivery[T]) -> None:
        """Give back a delivery whose loop was left, unless it was acknowledged."""
        if delivery in self._unacknowledged:
            self._unacknowledged.remove(delivery)
            self._session.give_back(delivery)
            self._given_up = delivery

    def leave_loop(self, delivery: Delivery[T]) -> None:
        """Do as `give_up`, at any moment and in any thread."""
        self._session.call_in_loop(partial(self.give_up, delivery))

    # Called by operations: `AcknowledgingReceiver` says what each method does.

    def accepts(self, delivery: Delivery[T]) -> bool:
        # A task that got a token before this receiver was closed may run after the close. The
        # close has given back the unacknowledged messages, and nothing would ever give back a
        # message that came later.
        if self.closed:
            self._session.give_back(delivery)
            return False
        return self._session.is_ours(delivery)

    def hold(self, delivery: Delivery[T]) -> T:
        self._session.begun(delivery)
        self._unacknowledged.append(delivery)
        self._count, self._headers = delivery.count, delivery.headers
        return delivery.message

    def begin_receive(self) -> None:
        self._session.check_entered()
        self.acknowledge()

    def acknowledge(self) -> None:
        self._given_up = None
        for delivery in self._unacknowledged:
            self._session.done(delivery)
        self._unacknowledged.clear()

    def _close(self, error: BaseException | None) -> None:
        if not self.closed:
            # First, because this raises in the wrong thread, before anything has changed. Closing
            # wakes the tasks that wait in this receiver.
            self._inner.close()
            self.closed = True
            for delivery in self._unacknowledged:
                self._session.left(delivery, error)
            self._unacknowledged.clear()
            # The exception that ends this block has left the loop before, which knew no exception.
            if self._given_up is not None and isinstance(error, Exception):
                self._session.failed_after_all(self._given_up, error)
            self._given_up = None
            # The last receiver may have gone: then the pump gives back the whole stock.
            self._session.inbox.check_surplus()

    def _check(self) -> None:
        """Raise if this receiver has stopped."""
        if self.closed or self._session.inbox.ended:
            self.raise_stopped()

    def raise_stopped(self) -> NoReturn:
        if self.closed:
            raise ReceiverClosedError(self) from None
        if failure := self._session.failure:
            raise ReceiverError(f"{self} cannot receive: {failure}", self) from failure
        raise ReceiverStoppedError(self) from ChannelClosedError(self._channel)


def _hand_over(
    session: Session[T], receiver: _Receiver[T] | None, deliveries: list[Delivery[T]]
) -> list[T]:
    """Let a receiver keep deliveries, to acknowledge them later, and return the messages.

    Args:
        session: gave the deliveries.
        receiver: None if only the call that receives kept the receiver, as in
            ``await channel.new_receiver().receive()``. Then nobody could acknowledge the messages
            later, and they are acknowledged now.
        deliveries: of the messages.
    """
    if receiver is not None:
        return [receiver.hold(delivery) for delivery in deliveries]
    for delivery in deliveries:
        session.done(delivery)
    return [delivery.message for delivery in deliveries]


class _Loop(AsyncIterator[T]):
    """The iterator that ``async for`` uses. Python drops the iterator when the loop is left."""

    __slots__ = ("_delivery", "_receiver")

    def __init__(self, receiver: _Receiver[T]) -> None:
        self._receiver = receiver
        # The last delivery, which the body of the loop works on.
        self._delivery: Delivery[T] | None = None

    async def __anext__(self) -> T:
        self._delivery = None
        try:
            self._delivery = delivery = await self._receiver.take_next()
        except ReceiverClosedError:
            raise
        except ReceiverStoppedError:
            raise StopAsyncIteration from None
        return delivery.message

    def __del__(self) -> None:
        if self._delivery is not None:
            self._receiver.leave_loop(self._delivery)
