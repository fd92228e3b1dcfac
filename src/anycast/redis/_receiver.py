"""The receiving end of a channel on a server."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, TypeVar

from anyio import WouldBlock

from anycast._arguments import check_int
from anycast._combinators.receivers import ReceiverBase
from anycast._interface.closing import ChannelEnd
from anycast._interface.errors import ChannelClosedError, ReceiverError, ReceiverStoppedError
from anycast._interface.receiver import Receiver
from anycast.redis._lease import RedisLease, reason
from anycast.redis._operations import LeaseOperation, ReceiveOperation

if TYPE_CHECKING:
    from types import TracebackType
    from typing import NoReturn

    from anycast._combinators.lease import LeasedMessage
    from anycast._interface.channel import Channel
    from anycast._select.selectable import Selectable
    from anycast.redis._delivery import Delivery
    from anycast.redis._session import Session

T = TypeVar("T")


class RedisReceiver(Receiver[T]):
    """A receiver that knows how often its message was delivered.

    A message is acknowledged when this receiver is asked for the next one, or when its
    `lease()` or ``async with receiver:`` ends without an exception; it is given back at once
    when that ends by an exception or a cancellation. `close` gives back, too: it cannot know
    whether the work was done. So let each task have a receiver of its own, made by
    `clone`, or let it use `lease()`.

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
        """How often the message received last was delivered, this time included."""

    @abstractmethod
    def lease(self) -> RedisLease[T]: ...

    @abstractmethod
    def clone(self) -> RedisReceiver[T]: ...


# The overloads of `filter` are the same in both, and pyright does not see that.
class _Receiver(  # pyright: ignore[reportIncompatibleMethodOverride]
    ChannelEnd, ReceiverBase[T], RedisReceiver[T]
):
    def __init__(self, channel: Channel[T], session: Session[T]) -> None:
        self._channel = channel
        self._session = session
        self._inner = session.inbox.new_receiver()
        self._at_most_once = session.options.at_most_once
        self._unacknowledged: list[Delivery[T]] = []
        self._count = 0
        self.closed = False

    @property
    def deliveries(self) -> int:
        return self._count

    async def receive(self) -> T:
        return self.hold(await self._take())

    def receive_nowait(self) -> T:
        self.begin_receive()
        if self._at_most_once:
            self._check()
            raise WouldBlock  # the server would have to be asked
        try:
            return self._take_nowait()
        except ReceiverStoppedError:
            self.raise_stopped()

    async def receive_many(self, max_messages: int) -> list[T]:
        check_int("max_messages", max_messages, least=1)
        if self._at_most_once:
            return [await self.receive()]  # the server is asked about each
        messages = [self.hold(await self._take(max_messages))]
        self._take_more(messages, max_messages)
        return messages

    def receiving(self) -> Selectable[T]:
        return ReceiveOperation(self, self._token_operation(), self._session)

    def leasing(self) -> Selectable[LeasedMessage[T]]:
        return LeaseOperation(self, self._token_operation(), self._session)

    def _token_operation(self) -> Selectable[None]:
        self.acknowledge()
        if self._at_most_once:
            raise TypeError(f"{self} cannot receive in a `select`: at most once needs an answer")
        return self._inner.receiving()

    def lease(self) -> RedisLease[T]:
        return RedisLease(self._session, self._take)

    def clone(self) -> _Receiver[T]:
        if self.closed:
            self.raise_stopped()
        return _Receiver(self._channel, self._session)

    def close(self) -> None:
        self._close(None)

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
        """Begin, and wait for the next delivery that is ours.

        Args:
            wanted: how many the caller will take, if they come together.
        """
        self.begin_receive()
        inbox = self._session.inbox
        while True:
            inbox.add_demand(wanted)
            try:
                await self._inner.receive()
            except BaseException as error:
                inbox.remove_demand(wanted)
                if isinstance(error, ReceiverStoppedError):
                    self.raise_stopped()
                raise
            delivery = inbox.take_demanded(wanted)
            if self.accepts(delivery) and (
                not self._at_most_once or await self._session.acknowledge_first(delivery)
            ):
                return delivery

    def _take_more(self, messages: list[T], most: int) -> None:
        """Take what is here already, up to so many in all."""
        while len(messages) < most:
            try:
                messages.append(self._take_nowait())
            except (WouldBlock, ReceiverStoppedError):
                return

    def _take_nowait(self) -> T:
        while True:
            self._inner.receive_nowait()
            delivery = self._session.inbox.take()
            if self.accepts(delivery):
                return self.hold(delivery)

    def accepts(self, delivery: Delivery[T]) -> bool:
        """Return whether a delivery can be taken; if not, it goes to others.

        A task that got its token before this receiver was closed may run after that. What such
        a receiver has in hand was given back, and nobody would give this back.
        """
        if self.closed:
            self._session.give_back(delivery)
            return False
        return self._session.is_ours(delivery)

    def hold(self, delivery: Delivery[T]) -> T:
        self._unacknowledged.append(delivery)
        self._count = delivery.count
        return delivery.message

    def begin_receive(self) -> None:
        """Finish with what is in hand, before the next message is asked for.

        Raises:
            RuntimeError: if the channel was not entered: nothing would ever come.
        """
        self._session.check_entered()
        self.acknowledge()

    def acknowledge(self) -> None:
        """Acknowledge what is in hand."""
        for delivery in self._unacknowledged:
            self._session.done(delivery)
        self._unacknowledged.clear()

    def _close(self, error: BaseException | None) -> None:
        if not self.closed:
            self._inner.close()  # raises in the wrong thread, before anything has changed
            self.closed = True
            for delivery in self._unacknowledged:
                self._session.failed(delivery, reason(error))
            self._unacknowledged.clear()
            self._session.inbox.check_surplus()

    def _check(self) -> None:
        if self.closed or self._session.inbox.ended:
            self.raise_stopped()

    def raise_stopped(self) -> NoReturn:
        """Raise what tells why no message comes any more."""
        if self.closed:
            raise ReceiverStoppedError(self) from None
        if failure := self._session.failure:
            raise ReceiverError(f"{self} cannot receive: {failure}", self) from failure
        raise ReceiverStoppedError(self) from ChannelClosedError(self._channel)
