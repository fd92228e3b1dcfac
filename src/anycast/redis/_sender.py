"""The sending end of a channel on a server."""

from __future__ import annotations

from abc import abstractmethod
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TypeVar, cast

from anyio import WouldBlock

from anycast._arguments import check_iterable
from anycast._interface.channel import Channel
from anycast._interface.closing import NamedEndpoint
from anycast._interface.errors import SenderClosedError
from anycast._interface.operation import Operation
from anycast._interface.sender import Sender
from anycast.redis._codec import encode_message
from anycast.redis._headers import write_headers
from anycast.redis._outbox import MAX_MESSAGES, Item
from anycast.redis._send_errors import sender_closed
from anycast.redis._session import Session

T = TypeVar("T")


class RedisSender(Sender[T]):
    """A sender whose messages can have headers.

    ```py
    import anyio
    from anycast.redis import RedisAnycast, json_codec


    async def main() -> None:
        words = RedisAnycast[str](name="words", url="redis://localhost", codec=json_codec(str))
        async with words:
            sender = words.new_sender()
            await sender.send("hello", headers={"trace": "4bf92f"})
            assert sender.statistics().messages_sent == 1
            await sender.aclose()


    anyio.run(main)
    ```
    """

    @abstractmethod
    async def send(self, item: T, *, headers: Mapping[str, str] | None = None) -> None:
        """Send a message, and wait until the server has stored the message.

        If the task is cancelled before the message is on its way to the server, the message is not
        sent. After that the call waits for the answer of the server, for at most ``timeout``. If
        the message was stored, the call returns, and the cancellation comes at the next wait. If
        the outcome stays unknown, the call raises `SenderError`, and not the cancellation.

        ```py
        import anyio
        from anycast.redis import RedisAnycast, json_codec


        async def main() -> None:
            words = RedisAnycast[str](name="words", url="redis://localhost", codec=json_codec(str))
            async with words:
                await words.new_sender().send("hello", headers={"trace": "4bf92f"})
                lease = words.new_receiver().lease()
                async with lease as word:
                    assert (word, lease.headers) == ("hello", {"trace": "4bf92f"})


        anyio.run(main)
        ```

        Args:
            item: the message.
            headers: a few short texts that travel beside the message, such as a trace id. The
                receiver reads them as `RedisReceiver.headers` or `RedisLease.headers`.

        Raises:
            SenderError: as `Sender.send`; and if the server refused the message, or if it is
                unknown whether the server has stored the message.
            TypeError: if the headers are not a mapping of str to str.
            ValueError: if UTF-8 cannot encode the headers.
            Exception: what the codec raised for the message.
        """

    @abstractmethod
    def clone(self) -> RedisSender[T]: ...


class _Sender(NamedEndpoint, RedisSender[T]):
    def __init__(self, channel: Channel[T], session: Session[T]) -> None:
        self._channel = channel
        self._session = session
        self.closed = False
        # For the statistics.
        session.open_senders += 1

    async def send(self, item: T, *, headers: Mapping[str, str] | None = None) -> None:
        session = self._session
        self._check_open()
        session.check_entered()
        # The send pump settles the request, and so wakes this task.
        body = encode_message(session.options.codec, item)
        request = session.outbox.put(self, (body,), write_headers(headers))
        try:
            await request.wait()
        except BaseException:
            session.outbox.withdraw(request)
            raise
        request.check()

    def send_nowait(self, item: T) -> None:
        del item
        self._check_open()
        self._session.check_entered()
        self._session.outbox.check(self)
        raise WouldBlock("only the server knows whether there is room: use `send`")

    def sending(self, message: T, /) -> Operation[None]:
        """Raise, because a message that was sent to the server cannot be withdrawn.

        Raises:
            TypeError: always.
        """
        del message
        raise TypeError(f"{self} cannot send in a `select`: what is on the wire is not withdrawn")

    async def send_many(self, messages: Iterable[T]) -> None:
        """Send messages as `Sender.send_many`, many messages in one script where possible.

        A deque, a list, a tuple and a range can be read ahead without taking a message out, so
        one script carries many of their messages. Any other iterable is asked for a message
        only when the server has stored the message before, so each message takes a round trip.
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
        """Send the first messages of a deque, as many as one script carries."""
        self._check_open()
        self._session.check_entered()
        outbox = self._session.outbox
        item = outbox.put(self, self._encoded(messages))
        try:
            # The pump reports progress whenever a part of the item is stored.
            while not await item.wait():
                _take_out(messages, item)
        except BaseException:
            outbox.withdraw(item)
            raise
        finally:
            # Also on an error: what was stored before is no longer the caller's to send.
            _take_out(messages, item)
        item.check()

    def _encoded(self, messages: deque[T]) -> list[bytes]:
        """Encode the first messages, and stop before a message that cannot be encoded.

        Raises:
            Exception: what the codec raised for the very first message. A `TypeError`, too, if the
                codec returned anything but bytes.
        """
        codec = self._session.options.codec
        bodies: list[bytes] = []
        try:
            for message in islice(messages, MAX_MESSAGES):
                bodies.append(encode_message(codec, message))  # noqa: PERF401  keeps a part
        except Exception:
            if not bodies:
                raise
        return bodies

    def clone(self) -> _Sender[T]:
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
    messages = messages[:]  # the caller may change the list while the sends wait
    for start in range(0, len(messages), MAX_MESSAGES):
        yield deque(messages[start : start + MAX_MESSAGES])


def _take_out(messages: deque[T], item: Item) -> None:
    """Take the messages that are stored out of the deque."""
    for _ in range(item.take_stored_count()):
        messages.popleft()
