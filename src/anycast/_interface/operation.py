"""The interface of an operation: a send or a receive that has yet to happen."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Generic, NoReturn, TypeVar

from anycast._interface.not_a_value import NotAValue

T_co = TypeVar("T_co", covariant=True)


# Not an ABC: with an ABC the `isinstance` of each operation, in `select_nowait`, would be slower.
class Operation(NotAValue, Generic[T_co]):
    """A send or a receive that `select` may perform, with its outcome.

    Made by `Sender.sending` and `Receiver.receiving`. The same operation can be used again, in one
    call of `select` after another.

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

    if not TYPE_CHECKING:  # a type checker reports this use itself

        def __await__(self) -> NoReturn:
            raise TypeError(f"use `await select(operation)` for {self}, not `await`")

    @abstractmethod
    def result(self) -> T_co:
        """Return the outcome of the last `select` that performed this operation.

        Returns:
            The message that was received; None if a message was sent.

        Raises:
            ReceiverClosedError: as `Receiver.receive`, if the receiver is closed.
            ReceiverStoppedError: as `Receiver.receive`, if the channel has ended.
            SenderError: as `Sender.send`, if a send can never happen again: the sender or the
                channel is closed.
            Exception: the error that the function of a `Receiver.map` or `Receiver.filter` raised.
            RuntimeError: if the operation has not happened yet.
        """
        raise NotImplementedError
