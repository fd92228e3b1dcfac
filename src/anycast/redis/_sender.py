"""The sending end of a channel on a server."""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, TypeVar, cast

from anyio import WouldBlock

from anycast._arguments import check_iterable
from anycast._interface.closing import ChannelEnd
from anycast._interface.errors import SenderClosedError
from anycast._interface.sender import Sender
from anycast.redis._outbox import MAX_MESSAGES
from anycast.redis._send_errors import sender_closed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from anycast._interface.channel import Channel
    from anycast._interface.operation import Operation
    from anycast.redis._outbox import Item
    from anycast.redis._session import Session

T = TypeVar("T")


class _Sender(ChannelEnd, Sender[T]):
    def __init__(self, channel: Channel[T], session: Session[T]) -> None:
        self._channel = channel
        self._session = session
        self.closed = False
        session.open_senders += 1

    async def send(self, message: T, /) -> None:
        session = self._session
        self._check_open()
        session.check_entered()
        item = session.outbox.put(self, (session.options.codec.encode(message),))
        try:
            await item.wait()
        except BaseException:
            session.outbox.withdraw(item)
            raise
        item.check()

    def send_nowait(self, message: T, /) -> None:
        del message
        self._check_open()
        self._session.outbox.check(self)
        raise WouldBlock  # the server would have to be asked

    def sending(self, message: T, /) -> Operation[None]:
        """Raise, since a message on the wire cannot be withdrawn.

        Raises:
            TypeError: always.
        """
        del message
        raise TypeError(f"{self} cannot send in a `select`: what is on the wire is not withdrawn")

    async def send_many(self, messages: Iterable[T]) -> None:
        """Do as `Sender.send_many`; one script carries as many messages as it may.

        That is so for what can be read ahead without taking anything: a deque, a list, a
        tuple, a range. Any other iterable is asked for a message when the server has the one
        before, so each takes a round trip.
        """
        check_iterable("messages", messages)
        self._check_open()
        if isinstance(messages, deque):
            while messages:
                await self._send_first(messages)
        elif type(messages) in {list, tuple, range}:
            for batch in _batches(cast("Sequence[T]", messages)):
                await self.send_many(batch)
        else:
            for message in messages:
                await self.send(message)

    async def _send_first(self, messages: deque[T]) -> None:
        """Send the first messages out of a deque."""
        self._check_open()
        self._session.check_entered()
        outbox = self._session.outbox
        item = outbox.put(self, self._encoded(messages))
        try:
            while not await item.wait():
                _take_out(messages, item)
        except BaseException:
            outbox.withdraw(item)
            raise
        finally:
            _take_out(messages, item)
        item.check()

    def _encoded(self, messages: deque[T]) -> list[bytes]:
        """Encode the first messages, up to one that cannot be: what goes before it is sent."""
        bodies: list[bytes] = []
        try:
            bodies.extend(map(self._session.options.codec.encode, islice(messages, MAX_MESSAGES)))
        except Exception:
            if not bodies:
                raise
        return bodies

    def clone(self) -> Sender[T]:
        self._check_open()
        return _Sender(self._channel, self._session)

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self._session.open_senders -= 1
            self._session.outbox.fail_sends_of(self, sender_closed)

    def _check_open(self) -> None:
        if self.closed:
            raise SenderClosedError(self)


def _batches(messages: Sequence[T]) -> Iterator[deque[T]]:
    messages = messages[:]  # as they are now
    for start in range(0, len(messages), MAX_MESSAGES):
        yield deque(messages[start : start + MAX_MESSAGES])


def _take_out(messages: deque[T], item: Item) -> None:
    """Take what is stored out of the deque from which it was sent."""
    for _ in range(item.take_stored_count()):
        messages.popleft()
