"""The interface of a sender."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from typing import TypeVar

from anyio.abc import ObjectSendStream

from anycast._interface.closing import ClosingEndpoint
from anycast._interface.operation import Operation
from anycast._interface.other_names import SenderNames
from anycast._interface.statistics import ChannelStatistics

T_contra = TypeVar("T_contra", contravariant=True)


class Sender(ClosingEndpoint, ObjectSendStream[T_contra], SenderNames):
    """Sends messages: each to one receiver of an `Anycast`, or to all receivers of a `Broadcast`.

    A sender is also an `anyio.abc.ObjectSendStream`. Any number of tasks may use the same sender
    at once. Leaving ``with`` or ``async with`` closes the sender.

    ```python
    import anyio
    from anycast import Anycast, Sender


    async def count(sender: Sender[int]) -> None:
        with sender:
            for number in range(3):
                await sender.send(number)


    async def main() -> None:
        numbers = Anycast[int](auto_close=True)  # closes when the last open sender is closed
        await count(numbers.new_sender())
        assert [number async for number in numbers.new_receiver()] == [0, 1, 2]


    anyio.run(main)
    ```
    """

    @abstractmethod
    async def send(self, item: T_contra) -> None:
        """Send one message. Block while the channel is full.

        `send` is exact under cancellation. A call that returns has sent the message once. A call
        that raises, whatever the error, has not sent the message. A cancellation, even a
        `Task.cancel` of asyncio, may strike after a blocked send has happened. Then the call
        returns, and the cancellation is delivered at the task's next wait. With ``limit=0`` a send
        happens when a receiver takes the message.

        ```python
        import anyio
        from anycast import Anycast


        async def main() -> None:
            numbers = Anycast[int](limit=1)
            sender, receiver = numbers.new_sender(), numbers.new_receiver()
            await sender.send(1)
            with anyio.move_on_after(0.01) as scope:
                await sender.send(2)  # blocks: the channel is full
            assert scope.cancelled_caught  # so 2 was not sent
            assert await receiver.receive_many(10) == [1]


        anyio.run(main)
        ```

        Args:
            item: the message: any object, also ``None`` and exceptions. The name of the argument
                is that of `anyio.abc.ObjectSendStream`.

        Raises:
            SenderClosedError: if this sender is closed, before the call or while the call is
                blocked.
            SenderError: if the channel is closed, before the call or while the call is blocked;
                the ``__cause__`` is a `ChannelClosedError`.
            RuntimeError: if the call would have to wait while tasks of another event loop wait in
                the channel, or would have to wake a task of another thread.
        """

    @abstractmethod
    def send_nowait(self, item: T_contra) -> None:
        """Send one message if that is possible at once; never wait and never yield.

        A send is possible at once if a receiver waits, or if the channel has room.

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
            item: the message, as for `send`.

        Raises:
            anyio.WouldBlock: if no receiver waits, and the channel has no room.
            SenderClosedError: if this sender is closed.
            SenderError: if the channel is closed; the ``__cause__`` is a `ChannelClosedError`.
            RuntimeError: if the call would have to wake a task of another thread.
        """

    @abstractmethod
    def sending(self, message: T_contra, /) -> Operation[None]:
        """Make an operation that sends a message, for `select`.

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
            message: any object; sent each time that `select` performs the operation.

        Returns:
            The operation. The message is sent only when `select` returns the operation.

        Raises:
            TypeError: if this kind of channel cannot withdraw a send that has begun.
        """

    @abstractmethod
    async def send_many(self, messages: Iterable[T_contra]) -> None:
        """Send messages in order. Block whenever the channel is full.

        If the call is cancelled, or raises, the messages that were sent by then stay sent. To keep
        the rest, pass a `collections.deque`. Each message leaves the deque in the same step in
        which the message is sent, so the messages that are left in the deque were not sent.

        A list or a tuple is sent as it was at the time of the call. From any other iterable, the
        call takes a message only after the message before was sent. If such a call is interrupted,
        the message that was waiting for room is lost: the iterable has produced this message
        already.

        A blocked call waits with all messages that are left in a deque, list or tuple, and
        wakes once, when the last message is sent. After each message the call goes to the end of
        the queue, so that blocked senders take turns. (With any other iterable, the call waits for
        each message separately.) Give each call a deque of its own: of two blocked calls with the
        same deque, one call may return only at the next receive.

        The messages of a deque, list or tuple that need not wait count as a single operation
        towards ``yield_every``. So does a call without messages. Each message of any other iterable
        counts.

        A message leaves a deque by the methods of `collections.deque` itself, also when a receiver
        takes the message from a blocked call. Methods that a subclass overrides are not called.

        ```python
        from collections import deque

        import anyio
        from anycast import Anycast


        async def main() -> None:
            numbers = Anycast[int](limit=3)
            todo = deque([1, 2, 3, 4, 5])
            with anyio.move_on_after(0.01):
                await numbers.new_sender().send_many(todo)
            assert list(todo) == [4, 5]  # the messages that were not sent


        anyio.run(main)
        ```

        Args:
            messages: a deque, which is empty when the call returns, or any other iterable.

        Raises:
            TypeError: if ``messages`` is not iterable.
            SenderClosedError: as `send`.
            SenderError: as `send`.
            RuntimeError: as `send`.
        """

    @abstractmethod
    def statistics(self) -> ChannelStatistics:
        """Return how full and how busy the channel of this sender is, as `Channel.statistics`.

        ```python
        from anycast import Anycast

        sender = Anycast[str](limit=5).new_sender()
        sender.send_nowait("wash")
        now = sender.statistics()
        assert (now.current_buffer_used, now.max_buffer_size) == (1, 5)
        ```

        Returns:
            A snapshot, also if the sender or the channel is closed.
        """

    @abstractmethod
    def clone(self) -> Sender[T_contra]:
        """Return a new sender of the same channel. Each sender is closed separately.

        ```python
        from anycast import Anycast

        numbers = Anycast[int](auto_close=True)
        first = numbers.new_sender()
        second = first.clone()
        first.close()
        second.send_nowait(1)  # the second sender and the channel are still open
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
        """Close this sender. Tasks that are blocked in this sender raise `SenderClosedError`.

        Messages that were sent stay sent. Closing is idempotent.

        ```python
        from anycast import Anycast, SenderClosedError

        numbers = Anycast[int]()
        sender = numbers.new_sender()
        sender.close()
        try:
            sender.send_nowait(1)
        except SenderClosedError as error:
            assert error.sender is sender
        assert not numbers.is_closed  # with `auto_close` the channel would be closed
        ```
        """
