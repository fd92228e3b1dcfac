"""The interface of a receiver."""

from __future__ import annotations

import typing
from abc import abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeGuard, TypeVar, overload

from anyio.abc import ObjectReceiveStream

from anycast._interface.closing import ClosingEndpoint
from anycast._interface.lease import Lease
from anycast._interface.operation import Operation
from anycast._interface.other_names import ReceiverNames
from anycast._interface.statistics import ChannelStatistics

if TYPE_CHECKING:
    from typing_extensions import TypeIs
else:  # in `typing` from Python 3.13 on; before, what reads hints at run time gets a `TypeGuard`
    TypeIs = getattr(typing, "TypeIs", TypeGuard)

U = TypeVar("U")
T_co = TypeVar("T_co", covariant=True)


class Receiver(ClosingEndpoint, ObjectReceiveStream[T_co], ReceiverNames):
    """Receives messages: of an `Anycast` those that no other receiver gets, of a `Broadcast` all.

    A receiver is also an `anyio.abc.ObjectReceiveStream`. Any number of tasks may use the same
    receiver at once. ``async for message in receiver`` ends at the end of the channel. If the
    receiver itself is closed, the loop raises `ReceiverClosedError`: the channel may have messages
    left. Leaving ``with`` or ``async with`` closes the receiver.

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
        """Receive the oldest message. Wait while the channel has no message.

        `receive` is exact under cancellation. A call that returns has taken one message, and only
        this call gets the message. A call that raises, whatever the error, has taken nothing. A
        cancellation, even a `Task.cancel` of asyncio, may strike after the task was given a
        message. Then the call returns the message, and the cancellation is delivered at the task's
        next wait. If the receiver or the channel is closed after the task was given a message, the
        task keeps the message, too.

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
            ReceiverLaggedError: if a receiver of a `Broadcast` has lost messages before the next
                message.
            ReceiverClosedError: if this receiver is closed, before the call or while the call
                waits.
            ReceiverStoppedError: at the end of the channel, with a `ChannelClosedError` as the
                ``__cause__``. A `ReceiverClosedError` is a `ReceiverStoppedError`, too.
            RuntimeError: if the call would have to wait while tasks of another event loop wait in
                the channel, or would have to wake a task of another thread.
        """

    @abstractmethod
    def receive_nowait(self) -> T_co:
        """Receive the oldest message if that is possible at once; never wait and never yield.

        An `Anycast` also gives the message of a blocked sender, even with ``limit=0``: the call
        takes the message, and the sender goes on.

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
            anyio.WouldBlock: if the call would have to wait for a message.
            ReceiverClosedError: as `receive`.
            ReceiverStoppedError: as `receive`.
            RuntimeError: if the call would have to wake a task of another thread.
        """

    @abstractmethod
    async def receive_many(self, max_messages: int, *, within: float | None = None) -> list[T_co]:
        """Wait for the first message, then take all messages that are available, up to a maximum.

        Stored messages come first, then the messages of blocked senders. `receive_many` is exact
        under cancellation, as `receive` is. A batch counts as a single operation towards
        ``yield_every``.

        With ``within``, the call then waits for further messages: until the batch has
        ``max_messages``, or the time is over, or the receiver or the channel is closed. The
        messages are held as by leases meanwhile. If the call raises, the messages go back in order,
        to the tasks that wait or to the head of the channel.

        ```python
        import anyio
        from anycast import Anycast


        async def main() -> None:
            numbers = Anycast[int]()
            await numbers.new_sender().send_many(range(5))
            receiver = numbers.new_receiver()
            assert await receiver.receive_many(3) == [0, 1, 2]
            assert await receiver.receive_many(3) == [3, 4]  # all that is there
            await numbers.new_sender().send(5)
            assert await receiver.receive_many(3, within=0.01) == [5]  # no more came


        anyio.run(main)
        ```

        Args:
            max_messages: how many messages to take at most; at least 1.
            within: for how many seconds to wait for further messages once there is a message;
                `math.inf` for as long as needed. The default is not to wait for further messages.

        Returns:
            Between 1 and ``max_messages`` messages, oldest first.

        Raises:
            TypeError: if ``max_messages`` is not an int, or ``within`` is not a number.
            ValueError: if ``max_messages`` is less than 1, or ``within`` is less than 0.
            ReceiverClosedError: as `receive`.
            ReceiverStoppedError: as `receive`.
            RuntimeError: as `receive`.
        """

    @abstractmethod
    def receiving(self) -> Operation[T_co]:
        """Make an operation that receives a message, for `select`.

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
            The operation. A message is received only when `select` returns the operation.

        Raises:
            TypeError: if this kind of channel cannot withdraw a receive that has begun.
        """

    @abstractmethod
    def lease(self) -> Lease[T_co]:
        """Take a message for the time of the work. If the work fails, the message goes back.

        ``async with receiver.lease() as message:`` waits for a message as `receive` does.
        If the block ends normally, the message is done. If the block ends by an exception or a
        cancellation, the message goes back at once: to the receiver that has waited longest, or
        to the head of the channel. The message goes back even if the channel is full, or was
        closed in the meantime. So the channel may store more than ``limit`` messages for a while,
        and a closed channel ends only after every lease is over.

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
                assert await receiver.receive() == "wash"  # back at the head of the channel


        anyio.run(main)
        ```

        Returns:
            A context manager, which can be entered once. `Lease.deliveries` tells how often the
            message was on lease.

        Raises:
            ReceiverClosedError: as `receive`, on entering.
            ReceiverStoppedError: as `receive`, on entering.
            RuntimeError: as `receive`, on entering; or if the context manager was entered before.
        """

    @abstractmethod
    def map(self, function: Callable[[T_co], U], /) -> Receiver[U]:
        """Return a receiver of the results of a function that is called with each message.

        The new receiver works without a task and without a buffer. Closing the new receiver closes
        this receiver.

        ```python
        from anycast import Anycast

        lines = Anycast[str]()
        numbers = lines.new_receiver().map(int)
        lines.new_sender().send_nowait("7")
        assert numbers.receive_nowait() == 7
        ```

        Args:
            function: a plain function, which is called once for each message, in the step in which
                the message is received. If the function raises, the exception reaches the caller of
                `receive`. The message then counts as received, and the receiver can be used
                further. If `receive_many` had received messages before the exception, the call
                returns these messages, and the next receive raises the exception. (But an exception
                that is not an `Exception`, such as `KeyboardInterrupt`, is raised at once, and
                these messages are lost.)

        Returns:
            A receiver of the function's results.

        Raises:
            TypeError: if ``function`` is not callable, or is async. If it returns an awaitable,
                the receive raises this.
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
        """Return a receiver of the messages that a function accepts.

        A message that the function rejects is received and dropped. The new receiver works without
        a task and without a buffer. Closing the new receiver closes this receiver.

        ```python
        from anycast import Anycast

        words = Anycast[str]()
        sender, short = words.new_sender(), words.new_receiver().filter(lambda word: len(word) < 4)
        for word in ("wash", "dry", "fold"):
            sender.send_nowait(word)
        assert short.receive_nowait() == "dry"
        ```

        Args:
            predicate: a plain function, which is called once for each message, in the step in which
                the message is received. If the function raises, the exception reaches the caller of
                `receive`. The message then counts as received, and the receiver can be used
                further. If the function is declared to return a ``TypeGuard`` or ``TypeIs``, the
                new receiver has the narrower type of messages.

        Returns:
            A receiver of the messages for which the result of the function is true.

        Raises:
            TypeError: if ``predicate`` is not callable, or is async. If it returns an awaitable,
                the receive raises this.
        """

    @property
    def lost(self) -> int:
        """How many messages this receiver has lost, because the receiver was too slow.

        Only a receiver of a `Broadcast` with ``overflow="drop_oldest"`` loses messages. The number
        includes messages whose `ReceiverLaggedError` is still to come. A receiver that `map`,
        `filter` or `merge` made has lost what its sources have lost.

        ```python
        from anycast import Broadcast

        news = Broadcast[str](limit=1, overflow="drop_oldest")
        receiver = news.new_receiver()
        for item in ("rain", "wind", "snow"):
            news.new_sender().send_nowait(item)
        assert receiver.lost == 2
        ```
        """
        return 0

    @abstractmethod
    def statistics(self) -> ChannelStatistics:
        """Return how full and how busy the channel of this receiver is, as `Channel.statistics`.

        The statistics of a receiver that `map` or `filter` made are those of its source. For a
        receiver that `merge` made, each number is the sum over the channels of all sources, and
        each channel counts once. So ``peak_buffer_used`` of a merge is an upper bound: the channels
        may have had their peaks at different times.

        ```python
        from anycast import Anycast, merge

        news, mail = Anycast[str](limit=5), Anycast[str](limit=2)
        both = merge(news.new_receiver(), mail.new_receiver().map(str.upper))
        mail.new_sender().send_nowait("a letter")
        now = both.statistics()
        assert (now.current_buffer_used, now.max_buffer_size, now.open_receivers) == (1, 7, 2)
        ```

        Returns:
            A snapshot, also if the receiver or the channel is closed.
        """

    @abstractmethod
    def clone(self) -> Receiver[T_co]:
        """Return a new receiver of the same channel. Each receiver is closed separately.

        (The clone of a receiver of a `Broadcast` has the same options, and starts with the messages
        that this receiver has not read yet.)

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
            ReceiverClosedError: if this receiver is closed.
        """

    @abstractmethod
    def close(self) -> None:
        """Close this receiver. Tasks that wait in this receiver raise `ReceiverClosedError`.

        A loop with ``async for`` over this receiver raises `ReceiverClosedError`, too. So close a
        receiver that several tasks share only when all these tasks have ended. To end the loops of
        all tasks without an error, close the channel.

        A task that was given a message keeps the message. Stored messages are left to the
        remaining receivers. (A receiver of a `Broadcast` forgets its unread messages.) Closing is
        idempotent.

        ```python
        from anycast import Anycast, ReceiverClosedError

        receiver = Anycast[int]().new_receiver()
        receiver.close()
        try:
            receiver.receive_nowait()
        except ReceiverClosedError as error:
            assert error.receiver is receiver
        ```
        """
