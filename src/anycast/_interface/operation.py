"""A send or a receive that has not happened yet, as users see it."""

from __future__ import annotations

from abc import abstractmethod
from typing import Generic, TypeVar

T_co = TypeVar("T_co", covariant=True)


class Operation(Generic[T_co]):  # not an ABC: the instance check of `select` is faster without
    """One send or receive that `select` may perform, and its outcome.

    Made by `Sender.sending` and `Receiver.receiving`. An operation can be used again, in one
    `select` after another.

    ```python
    import anyio
    from anycast import Anycast, select


    async def main() -> None:
        orders, stops = Anycast[str](), Anycast[None]()
        await orders.new_sender().send("tea")
        order, stop = orders.new_receiver().receiving(), stops.new_receiver().receiving()
        done = await select(order, stop)
        assert done is order
        assert order.result() == "tea"


    anyio.run(main, backend="asyncio")
    ```
    """

    __slots__ = ()

    @abstractmethod
    def result(self) -> T_co:
        """Return the outcome of the last `select` that performed this operation.

        Returns:
            The message that was received; None if a message was sent.

        Raises:
            ReceiverStoppedError: as `Receiver.receive`, if a receive can never happen again.
            SenderError: as `Sender.send`, if a send can never happen again.
            Exception: the error of the function of a `Receiver.map` or `Receiver.filter`.
            RuntimeError: if the operation has not happened yet.
        """
        raise NotImplementedError
