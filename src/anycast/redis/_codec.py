"""How messages become bytes, and bytes messages."""

from __future__ import annotations

from typing import Protocol, TypeVar

T = TypeVar("T")


class Codec(Protocol[T]):
    """Encodes messages to bytes, and decodes them.

    It is called in the event loop, so it must not take long. What `encode` raises is raised
    by the send. A body for which `decode` raises becomes a dead letter.
    """

    def encode(self, message: T, /) -> bytes:
        """Return the body for a message."""
        ...

    def decode(self, body: bytes, /) -> T:
        """Return the message for a body."""
        ...
