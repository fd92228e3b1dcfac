"""How messages become bytes, and bytes messages."""

from __future__ import annotations

from inspect import signature
from typing import Protocol, TypeVar, cast

from anycast._arguments import check_function

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
    raises is raised by the send, and nothing is sent. A message for which `decode` raises waits and
    comes again, as if the work on the message had failed; after ``max_deliveries`` the message
    becomes a dead letter.

    `decode` must accept what `encode` returns, and make an equal message of it. The channel does
    not check this: `json_codec` does.
    """

    def encode(self, message: T, /) -> bytes:
        """Encode a message.

        Args:
            message: the message to send.

        Returns:
            The body, which the server keeps. If `encode` returns anything but bytes, the send
            raises `TypeError`.

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


def check_codec(value: object) -> None:
    """Check that a codec has the two methods, and that each can be called with one argument.

    Raises:
        TypeError: if a method is missing or cannot be called so, as in a class in place of an
            instance.
    """
    for name in ("encode", "decode"):
        method = getattr(value, name, None)
        if not callable(method):
            raise TypeError(
                f"`codec` must have methods `encode` and `decode`, but {value!r} has no `{name}`:"
                " pass `json_codec(type_of_the_messages)`, or a `Codec`"
            )
        check_function(f"codec.{name}", method)
        try:
            parameters = signature(method)
        except ValueError:
            continue  # the parameters of a function in C may be unknown
        try:
            parameters.bind(None)
        except TypeError as error:
            raise TypeError(
                f"`codec.{name}` must take one argument, but `{name}{parameters}` of {value!r}"
                f" does not: {error}"
            ) from None


def encode_message(codec: Codec[T], message: T) -> bytes:
    """Encode a message, and check the type of the result.

    Raises:
        TypeError: if the codec returned anything but bytes.
        Exception: what the codec raises.
    """
    # Any other type than bytes would break the batch, and so the sends of other tasks.
    body = cast("object", codec.encode(message))
    if not isinstance(body, bytes):
        raise TypeError(
            f"`{type(codec).__name__}.encode` must return bytes, not {type(body).__name__}"
        )
    return body
