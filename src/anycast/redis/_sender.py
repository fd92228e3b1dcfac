"""The sending end of a channel on a server."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, TypeVar

from anyio import WouldBlock

from anycast._arguments import check_iterable
from anycast._errors import SenderClosedError
from anycast._sender import Sender
from anycast.redis._failures import sender_closed
from anycast.redis._outbox import Item

if TYPE_CHECKING:
    from collections.abc import Iterable

    from anycast._channel import Channel
    from anycast._operation import Operation
    from anycast.redis._session import Session

T = TypeVar("T")


class _Sender(Sender[T]):
    def __init__(self, channel: Channel[T], session: Session[T]) -> None:
        self._channel = channel
        self._session = session
        self._closed = False
        session.open_senders += 1

    async def send(self, message: T, /) -> None:
        session = self._session
        self._check_open()
        item = Item(self, session.options.codec.encode(message))
        session.outbox.put(item)
        try:
            await item.wait()
        except BaseException:
            session.outbox.take_back(item)
            raise
        if item.failure is not None:
            raise item.failure(self)

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
        check_iterable("messages", messages)
        self._check_open()
        if isinstance(messages, deque):
            while messages:
                await self.send(messages[0])
                messages.popleft()
        else:
            for message in messages:
                await self.send(message)

    def clone(self) -> Sender[T]:
        self._check_open()
        return _Sender(self._channel, self._session)

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._session.open_senders -= 1
            self._session.outbox.withdraw(self, sender_closed)

    def _check_open(self) -> None:
        if self._closed:
            raise SenderClosedError(self)

    def __str__(self) -> str:
        return f"{self._channel}:{type(self).__name__}"

    def __repr__(self) -> str:
        closed = ", closed" if self._closed else ""
        return f"{type(self).__name__}({self._channel!r}{closed})"
