"""The sending end of a channel as its users see it."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, TypeVar

from anyio.abc import ObjectSendStream

from anycast._interface.closing import ClosingEndpoint

if TYPE_CHECKING:
    from collections.abc import Iterable

    from anycast._interface.operation import Operation

T_contra = TypeVar("T_contra", contravariant=True)


class Sender(ClosingEndpoint, ObjectSendStream[T_contra]):
    """Sends messages, each of which one receiver of the channel will get.

    Also an `anyio.abc.ObjectSendStream`. Any number of tasks may use one sender at once.
    ``with`` and ``async with`` close the sender on leaving.

    ```python
    import anyio
    from anycast import Anycast, Sender


    async def count(sender: Sender[int]) -> None:
        with sender:
            for number in range(3):
                await sender.send(number)


    async def main() -> None:
        numbers = Anycast[int](auto_close=True)  # it closes with its last sender
        await count(numbers.new_sender())
        assert [number async for number in numbers.new_receiver()] == [0, 1, 2]


    anyio.run(main)
    ```
    """

    # anyio calls the argument ``item``; this library, and whoever comes from
    # frequenz.channels, says ``message``.
    @abstractmethod
    async def send(self, message: T_contra, /) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Send one message, and block while the channel is full.

        This is exact under cancellation: a call that returns has sent the message once; a call
        that raises, whatever the error, has not sent the message. If a cancellation strikes
        after a blocked send has happened, even a `Task.cancel` of asyncio, the call returns, and
        the cancellation is delivered at the task's next wait. With ``limit=0`` a send happens
        when a receiver takes the message.

        ```python
        import anyio
        from anycast import Anycast


        async def main() -> None:
            numbers = Anycast[int](limit=1)
            sender, receiver = numbers.new_sender(), numbers.new_receiver()
            await sender.send(1)
            with anyio.move_on_after(0.01) as scope:
                await sender.send(2)  # blocks: nobody receives
            assert scope.cancelled_caught  # so 2 was not sent
            assert await receiver.receive_many(10) == [1]


        anyio.run(main)
        ```

        Args:
            message: anything, ``None`` and exceptions included.

        Raises:
            SenderClosedError: if this sender is or was closed meanwhile.
            SenderError: if the channel is or was closed meanwhile; the ``__cause__`` is a
                `ChannelClosedError`.
            RuntimeError: if it would have to wait while tasks of another event loop wait
                in the channel, or to wake a task of another thread.
        """

    @abstractmethod
    def send_nowait(self, message: T_contra, /) -> None:
        """Send one message if that is possible at once; never wait and never yield.

        That is possible if a receiver waits, or if there is room.

        ```python
        import anyio
        from anycast import Anycast

        sender = Anycast[str](limit=1).new_sender()
        sender.send_nowait("kept")
        try:
            sender.send_nowait("one too many")
        except anyio.WouldBlock:
            print("full")
        ```

        ```output
        full
        ```

        Args:
            message: anything, ``None`` and exceptions included.

        Raises:
            anyio.WouldBlock: if no receiver waits, and the channel has no room.
            SenderClosedError: if this sender is closed.
            SenderError: if the channel is closed.
            RuntimeError: if it would have to wake a task of another thread.
        """

    @abstractmethod
    def sending(self, message: T_contra, /) -> Operation[None]:
        """Make the operation that sends a message, for `select`.

        ```python
        import anyio
        from anycast import Anycast, select


        async def main() -> None:
            orders, stops = Anycast[str](limit=1), Anycast[None]()
            order, stop = orders.new_sender().sending("tea"), stops.new_receiver().receiving()
            assert await select(order, stop) is order
            stops.close()
            assert await select(order, stop) is stop  # no room: "tea" was sent once
            assert orders.new_receiver().receive_nowait() == "tea"


        anyio.run(main)
        ```

        Args:
            message: anything; sent each time that `select` performs the operation.

        Returns:
            The operation. Nothing is sent until `select` returns it.

        Raises:
            TypeError: if sends of this kind of channel cannot be withdrawn once begun.
        """

    @abstractmethod
    async def send_many(self, messages: Iterable[T_contra]) -> None:
        """Send messages in order, and block whenever the channel is full.

        When this is cancelled, or raises, what was sent is sent. The rest is still the
        caller's: pass a `collections.deque`, out of which each message is taken in the very
        step in which that message is sent, and what is left in the deque was not sent. A list
        or tuple is sent as it is at the time of the call. Any other iterable is asked for a
        message at a time, and only when the message before is sent; so the message of a
        generator that was waiting for room is lost to the generator.

        A blocked call stands in the queue with the whole rest of a deque, list or tuple, and wakes
        once, when the last message is sent. After each message the call goes to the end of the
        queue, so that blocked senders take turns. (Any other iterable blocks for each message.)

        Messages that need not wait count as a single operation towards ``yield_every``, and so
        does a call without messages; each message of any other iterable counts. Messages are taken
        out of a deque by the methods of `collections.deque` itself, in the step of a receiver as
        well; what a subclass overrides is not called.

        ```python
        from collections import deque

        import anyio
        from anycast import Anycast


        async def main() -> None:
            numbers = Anycast[int](limit=3)
            todo = deque([1, 2, 3, 4, 5])
            with anyio.move_on_after(0.01):
                await numbers.new_sender().send_many(todo)
            assert list(todo) == [4, 5]  # not sent, and not lost


        anyio.run(main)
        ```

        Args:
            messages: a deque, which ends up empty, or any other iterable.

        Raises:
            TypeError: if ``messages`` is not iterable.
            SenderClosedError: as `send`.
            SenderError: as `send`.
            RuntimeError: as `send`.
        """

    @abstractmethod
    def clone(self) -> Sender[T_contra]:
        """Return another sender of the same channel, to be closed on its own.

        ```python
        from anycast import Anycast

        numbers = Anycast[int](auto_close=True)
        first = numbers.new_sender()
        second = first.clone()
        first.close()
        second.send_nowait(1)  # still open, and so is the channel
        second.close()
        assert numbers.is_closed
        ```

        Returns:
            A new, open sender.

        Raises:
            SenderClosedError: if this sender is closed.
        """

    @abstractmethod
    def close(self) -> None:
        """Close this sender: tasks that are blocked in it raise `SenderClosedError`.

        What was sent stays sent. Closing twice is as good as once.

        ```python
        from anycast import Anycast, SenderClosedError

        numbers = Anycast[int]()
        sender = numbers.new_sender()
        sender.close()
        try:
            sender.send_nowait(1)
        except SenderClosedError as error:
            assert error.sender is sender
        assert not numbers.is_closed  # but for `auto_close`
        ```
        """
