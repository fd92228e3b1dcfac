"""How messages become bytes, and bytes messages."""

from __future__ import annotations

from typing import Protocol, TypeVar

T = TypeVar("T")


class Codec(Protocol[T]):
    """Encodes messages to bytes, and decodes them.

    ```py
    from anycast.redis import Codec


    class Utf8:
        def encode(self, message: str) -> bytes:
            return message.encode()

        def decode(self, body: bytes) -> str:
            return body.decode()


    codec: Codec[str] = Utf8()
    assert codec.decode(codec.encode("hello")) == "hello"
    ```

    A codec is called in the event loop, so it must not take long. An exception that `encode`
    raises is raised by the send. A body for which `decode` raises becomes a dead letter.
    """

    def encode(self, message: T, /) -> bytes:
        """Encode a message.

        Args:
            message: the message to send.

        Returns:
            The body, which the server keeps.

        Raises:
            Exception: of any kind, for a message that cannot be encoded.
        """
        ...

    def decode(self, body: bytes, /) -> T:
        """Decode a body.

        Args:
            body: the bytes that the server keeps.

        Returns:
            The message, which a receiver gets.

        Raises:
            Exception: of any kind, for a body that cannot be decoded.
        """
        ...
