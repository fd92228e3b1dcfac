"""The receiving end of a channel as its users see it."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, TypeVar, overload

from anyio.abc import ObjectReceiveStream

from anycast._interface.closing import ClosingEndpoint

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager
    from typing import TypeGuard

    from typing_extensions import TypeIs

    from anycast._interface.operation import Operation

U = TypeVar("U")
T_co = TypeVar("T_co", covariant=True)


class Receiver(ClosingEndpoint, ObjectReceiveStream[T_co]):
    """Receives messages, each of which no other receiver of the channel gets.

    Also an `anyio.abc.ObjectReceiveStream`. Any number of tasks may use one receiver at
    once. ``async for message in receiver`` ends at the end of the channel, or when the
    receiver is closed. ``with`` and ``async with`` close the receiver on leaving.

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

        This is exact under cancellation: a call that returns has taken the message, for the
        caller alone; a call that raises, whatever the error, has taken nothing. If a
        cancellation strikes after the task was given a message, even a `Task.cancel` of asyncio,
        the call returns the message, and the cancellation is delivered at the task's next wait.
        A task that was given a message keeps the message if the receiver or the channel is closed.

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
                in the channel, or to wake a task of another thread.
        """

    @abstractmethod
    def receive_nowait(self) -> T_co:
        """Receive the oldest message if there is one; never wait and never yield.

        In an `Anycast`, a blocked sender offers its message as well, also with ``limit=0``: the
        message is taken, and the sender goes on.

        ```python
        import anyio
        from anycast import Anycast


        async def main() -> None:
            words = Anycast[str](limit=0)
            receiver = words.new_receiver()
            try:
                receiver.receive_nowait()
            except anyio.WouldBlock:
                print("nothing there")
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(words.new_sender().send, "hello")
                await anyio.wait_all_tasks_blocked()
                print(receiver.receive_nowait())  # from the blocked sender


        anyio.run(main)
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
            RuntimeError: if it would have to wake a task of another thread.
        """

    @abstractmethod
    async def receive_many(self, max_messages: int) -> list[T_co]:
        """Wait for one message, then take as many more as are there.

        First come stored messages, then the messages of blocked senders. This is exact under
        cancellation, like `receive`. Towards ``yield_every`` a batch counts as one operation.

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
    def lease(self) -> AbstractAsyncContextManager[T_co]:
        """Take a message to work on, which comes back if the work fails.

        ``async with receiver.lease() as message:`` waits for a message as `receive` does.
        When the block ends normally, the message is done. When the block ends by an exception or
        a cancellation, the message goes back at once, to the receiver that has waited longest
        or to the head of the channel, over ``limit`` if need be, even if the channel was
        closed meanwhile: the end of the channel waits for open leases.

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

    @abstractmethod
    def map(self, function: Callable[[T_co], U], /) -> Receiver[U]:
        """Return a receiver of what a function makes of each message.

        The new receiver has neither a task nor a buffer. Closing the new receiver closes this one.

        ```python
        from anycast import Anycast

        lines = Anycast[str]()
        numbers = lines.new_receiver().map(int)
        lines.new_sender().send_nowait("7")
        assert numbers.receive_nowait() == 7
        ```

        Args:
            function: a plain function, called once for each message, in the step in which
                the message is received. An exception of the function reaches the caller of
                `receive`; the message counts as received, and the receiver goes on. If a
                `receive_many` had received further messages before, that call returns these
                messages, and the next receive raises. (A KeyboardInterrupt, or what else is not
                an `Exception`, takes these messages along.)

        Returns:
            A receiver of the function's results.

        Raises:
            TypeError: if ``function`` is not callable.
        """

    @overload
    @abstractmethod
    def filter(self, predicate: Callable[[T_co], TypeGuard[U]], /) -> Receiver[U]: ...
    @overload
    @abstractmethod
    def filter(self, predicate: Callable[[T_co], TypeIs[U]], /) -> Receiver[U]: ...
    @overload
    @abstractmethod
    def filter(self, predicate: Callable[[T_co], object], /) -> Receiver[T_co]: ...
    @abstractmethod
    def filter(self, predicate: Callable[[Any], object], /) -> Receiver[Any]:
        """Return a receiver of those messages that a function accepts.

        All other messages are received, and dropped. The new receiver has neither a task nor a
        buffer. Closing the new receiver closes this one.

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
                the message is received. An exception of the function reaches the caller of
                `receive`; the message counts as received, and the receiver goes on. If the
                function is declared to return a ``TypeGuard`` or ``TypeIs``, the type of the
                messages is narrowed.

        Returns:
            A receiver of the messages for which the function's result is true.

        Raises:
            TypeError: if ``predicate`` is not callable.
        """

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

        A task that was given a message keeps the message. Stored messages are left to the
        other receivers. Closing twice is as good as once.

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
