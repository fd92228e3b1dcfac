"""The receiving end of a channel as its users see it."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, TypeVar, overload

from anyio.abc import ObjectReceiveStream

from anycast._closing import ClosingEndpoint
from anycast._lease import Lease

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager
    from typing import TypeGuard

    from typing_extensions import TypeIs

    from anycast._lease import Held
    from anycast._operation import Operation

U = TypeVar("U")
T_co = TypeVar("T_co", covariant=True)


class Receiver(ClosingEndpoint, ObjectReceiveStream[T_co]):
    """Receives messages, each of which no other receiver of the channel gets.

    Also an `anyio.abc.ObjectReceiveStream`. Any number of tasks may use one receiver at
    once. ``async for message in receiver`` ends at the end of the channel, or when the
    receiver is closed. ``with`` and ``async with`` close it on leaving.

    ```python
    import anyio
    from anycast import Anycast, Receiver


    async def total(numbers: Receiver[int]) -> int:
        with numbers:
            return sum([number async for number in numbers])


    async def main() -> None:
        numbers = Anycast[int]()
        await numbers.new_sender().send_many([1, 2, 3])
        numbers.close()
        assert await total(numbers.new_receiver()) == 6


    anyio.run(main)
    ```
    """

    @abstractmethod
    async def receive(self) -> T_co:
        """Receive the oldest message, and wait while there is none.

        It is exact under cancellation: when this returns, the message is the caller's
        alone; when it raises, whatever it raises, no message was taken.

        ```python
        import anyio
        from anycast import Anycast, ReceiverStoppedError


        async def main() -> None:
            words = Anycast[str]()
            await words.new_sender().send("hello")
            words.close()
            receiver = words.new_receiver()
            assert await receiver.receive() == "hello"
            try:
                await receiver.receive()
            except ReceiverStoppedError:
                print("that was all")


        anyio.run(main)
        ```

        ```output
        that was all
        ```

        Returns:
            The message.

        Raises:
            ReceiverStoppedError: if this receiver is or was closed meanwhile; or at the
                end of the channel, with a `ChannelClosedError` as the ``__cause__``.
            RuntimeError: if it would have to wait while tasks of another event loop wait
                in the channel.
        """

    @abstractmethod
    def receive_nowait(self) -> T_co:
        """Receive the oldest message that is promised to nobody, if there is one.

        With ``limit=0`` there never is: a blocked sender hands over only to a task that
        waits. It never yields.

        ```python
        import anyio
        from anycast import Anycast

        words = Anycast[str]()
        receiver = words.new_receiver()
        try:
            receiver.receive_nowait()
        except anyio.WouldBlock:
            print("nothing there")
        words.new_sender().send_nowait("hello")
        print(receiver.receive_nowait())
        ```

        ```output
        nothing there
        hello
        ```

        Returns:
            The message.

        Raises:
            anyio.WouldBlock: if there is none now.
            ReceiverStoppedError: as `receive`.
        """

    @abstractmethod
    async def receive_many(self, max_messages: int) -> list[T_co]:
        """Wait for one message, then take as many more as are there.

        It is exact under cancellation, like `receive`. It takes no message that was
        promised to another task. Towards ``yield_every`` it counts as one operation.

        ```python
        import anyio
        from anycast import Anycast


        async def main() -> None:
            numbers = Anycast[int]()
            await numbers.new_sender().send_many(range(5))
            receiver = numbers.new_receiver()
            assert await receiver.receive_many(3) == [0, 1, 2]
            assert await receiver.receive_many(3) == [3, 4]  # all that is there


        anyio.run(main)
        ```

        Args:
            max_messages: how many messages to take at most; at least 1.

        Returns:
            Between 1 and ``max_messages`` messages, oldest first.

        Raises:
            TypeError: if ``max_messages`` is not an int.
            ValueError: if ``max_messages`` is less than 1.
            ReceiverStoppedError: as `receive`.
            RuntimeError: as `receive`.
        """

    @abstractmethod
    def receiving(self) -> Operation[T_co]:
        """Make the operation that receives a message, for `select`.

        ```python
        import anyio
        from anycast import Anycast, select


        async def main() -> None:
            news, mail = Anycast[str](), Anycast[str]()
            await mail.new_sender().send("a letter")
            arms = news.new_receiver().receiving(), mail.new_receiver().receiving()
            assert (await select(*arms)).result() == "a letter"
            await news.new_sender().send("rain")
            assert (await select(*arms)).result() == "rain"  # the same operations again


        anyio.run(main)
        ```

        Returns:
            The operation. Nothing is received until `select` returns it.

        Raises:
            TypeError: if receives of this kind of channel cannot be withdrawn once begun.
        """

    @abstractmethod
    def _leasing(self) -> Operation[Held[T_co]]:
        """Return the operation that takes a message on lease."""

    def lease(self) -> AbstractAsyncContextManager[T_co]:
        """Take a message to work on, which comes back if the work fails.

        ``async with receiver.lease() as message:`` waits for a message as `receive` does.
        When the block ends normally, the message is done. When it ends by an exception or
        a cancellation, the message goes back to the head of the channel at once, over
        ``limit`` if need be, for whoever receives next, even if the channel was closed
        meanwhile: its end waits for open leases.

        ```python
        import anyio
        from anycast import Anycast


        async def main() -> None:
            jobs = Anycast[str]()
            await jobs.new_sender().send_many(["wash", "dry"])
            receiver = jobs.new_receiver()
            try:
                async with receiver.lease() as job:
                    raise OSError(f"cannot {job}")
            except OSError:
                assert await receiver.receive() == "wash"  # it came back, ahead of the rest


        anyio.run(main)
        ```

        Returns:
            A context manager, to enter once.

        Raises:
            ReceiverStoppedError: as `receive`, on entering.
            RuntimeError: as `receive`, on entering; or if it was entered before.
        """
        return Lease(self._leasing())

    def map(self, function: Callable[[T_co], U], /) -> Receiver[U]:
        """Return a receiver of what a function makes of each message.

        It has no task and no buffer of its own. Closing it closes this receiver.

        ```python
        from anycast import Anycast

        lines = Anycast[str]()
        numbers = lines.new_receiver().map(int)
        lines.new_sender().send_nowait("7")
        assert numbers.receive_nowait() == 7
        ```

        Args:
            function: a plain function, called once for each message, in the step in which
                it is received. An exception that it raises reaches the caller of `receive`; the
                message counts as received, and the receiver goes on. If a `receive_many` had
                received others before, it returns those, and the next receive raises. (What is
                no `Exception`, as a KeyboardInterrupt, takes along what it had received.)

        Returns:
            A receiver of the function's results.

        Raises:
            TypeError: if ``function`` is not callable.
        """
        from anycast._combinators import Mapped  # noqa: PLC0415  it is a receiver itself

        return Mapped(self, function)

    @overload
    def filter(self, predicate: Callable[[T_co], TypeGuard[U]], /) -> Receiver[U]: ...
    @overload
    def filter(self, predicate: Callable[[T_co], TypeIs[U]], /) -> Receiver[U]: ...
    @overload
    def filter(self, predicate: Callable[[T_co], object], /) -> Receiver[T_co]: ...
    def filter(self, predicate: Callable[[Any], object], /) -> Receiver[Any]:
        """Return a receiver of those messages that a function accepts.

        The others are received, and dropped. It has no task and no buffer of its own.
        Closing it closes this receiver.

        ```python
        from anycast import Anycast

        words = Anycast[str]()
        sender, short = words.new_sender(), words.new_receiver().filter(lambda word: len(word) < 4)
        for word in ("wash", "dry", "fold"):
            sender.send_nowait(word)
        assert short.receive_nowait() == "dry"
        ```

        Args:
            predicate: a plain function, called once for each message, in the step in which
                it is received. What it raises reaches the caller of `receive`; the message
                counts as received, and the receiver goes on. If it is declared to return a
                ``TypeGuard`` or ``TypeIs``, the type of the messages is narrowed.

        Returns:
            A receiver of the messages for which the function's result is true.

        Raises:
            TypeError: if ``predicate`` is not callable.
        """
        from anycast._combinators import Filtered  # noqa: PLC0415  it is a receiver itself

        return Filtered(self, predicate)

    @abstractmethod
    def clone(self) -> Receiver[T_co]:
        """Return another receiver of the same channel, to be closed on its own.

        ```python
        from anycast import Anycast

        numbers = Anycast[int]()
        first = numbers.new_receiver()
        second = first.clone()
        numbers.new_sender().send_nowait(1)
        first.close()
        assert second.receive_nowait() == 1
        ```

        Returns:
            A new, open receiver.

        Raises:
            ReceiverStoppedError: if this receiver is closed.
        """

    @abstractmethod
    def close(self) -> None:
        """Close this receiver: tasks that wait in it raise `ReceiverStoppedError`.

        Its messages are left to the other receivers. Closing twice is as good as once.

        ```python
        from anycast import Anycast, ReceiverStoppedError

        receiver = Anycast[int]().new_receiver()
        receiver.close()
        try:
            receiver.receive_nowait()
        except ReceiverStoppedError as error:
            assert error.__cause__ is None  # the channel itself is open
        ```
        """
