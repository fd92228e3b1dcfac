"""A lease: a message that is given back if the work on it fails."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import TypeVar

from anycast._combinators.lease import lease_entered_twice, shown_lease
from anycast._interface.lease import Lease
from anycast.redis._delivery import Delivery
from anycast.redis._session import Session

T = TypeVar("T")


class RedisLease(Lease[T]):
    """Holds one message while its block runs. A lease is entered once.

    Made by `RedisReceiver.lease`.

    ```py
    import anyio
    from anycast.redis import RedisAnycast, json_codec


    async def main() -> None:
        words = RedisAnycast[str](name="words", url="redis://localhost", codec=json_codec(str))
        async with words:
            await words.new_sender().send("hello")
            receiver = words.new_receiver()
            try:
                async with receiver.lease():
                    raise OSError("the line is broken")
            except OSError:
                lease = receiver.lease()
                async with lease as word:
                    assert (word, lease.deliveries) == ("hello", 2)  # delivered again


    anyio.run(main)
    ```
    """

    def __init__(
        self,
        receiver: object,
        session: Session[T],
        take: Callable[[], Awaitable[Delivery[T]]],
    ) -> None:
        self._receiver = receiver
        self._session = session
        # Waits for the next delivery; called on entering.
        self._take = take
        self._entered = False
        # Set only within the block.
        self._delivery: Delivery[T]
        self._count = 0
        self._headers: Mapping[str, str] = {}

    @property
    def deliveries(self) -> int:
        """How often the message was delivered, this delivery included; 0 before entering."""
        return self._count

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers that the sender gave to the message; empty before entering."""
        return self._headers

    async def __aenter__(self) -> T:
        if self._entered:
            raise lease_entered_twice()
        self._entered = True
        self._delivery = delivery = await self._take()
        self._session.begun(delivery)
        self._count, self._headers = delivery.count, delivery.headers
        return delivery.message

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        delivery = self._delivery
        del self._delivery  # a reference to the lease must not keep the message alive
        if exc_type is None:
            self._session.done(delivery)
        else:
            self._session.left(delivery, exc_val)

    def __del__(self) -> None:
        # Left without `__aexit__`, by a program that does not use `async with`.
        if delivery := getattr(self, "_delivery", None):
            self._session.forget(delivery)

    def __str__(self) -> str:
        return f"{type(self).__name__} of {self._receiver}"

    def __repr__(self) -> str:
        return shown_lease(self, entered=self._entered, holds=hasattr(self, "_delivery"))
