"""The abstract channel: the interface of every kind of channel."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Awaitable
from typing import Generic, TypeVar

from anycast._interface.closing import Closing
from anycast._interface.other_names import ChannelNames
from anycast._interface.receiver import Receiver
from anycast._interface.sender import Sender
from anycast._interface.statistics import ChannelStatistics

T = TypeVar("T")


class Channel(Closing, ChannelNames, Generic[T]):
    """Takes messages from senders to receivers; the base class of every kind of channel.

    An `Anycast` delivers each message to exactly one receiver, and so does a channel on a server. A
    `Broadcast` delivers each message to every receiver.

    Functions that are written against this class work with every kind of channel, in memory or on
    a server. Leaving ``async with channel:`` closes the channel at once, without a wait. (Leaving a
    channel on a server detaches this process, and the channel stays open.)

    ```python
    from anycast import Anycast, Channel


    def backlog(channel: Channel[str]) -> str:
        return f"{channel.name}: {channel.statistics().current_buffer_used} of {channel.limit}"


    jobs = Anycast[str](name="jobs")
    jobs.new_sender().send_nowait("wash")
    assert backlog(jobs) == "jobs: 1 of 10"
    ```
    """

    @property
    @abstractmethod
    def name(self) -> str:
        """The name of the channel, which logs and errors show."""

    @property
    @abstractmethod
    def limit(self) -> float:
        """How many messages the channel stores before senders block: an int, or `math.inf`."""

    @property
    @abstractmethod
    def is_closed(self) -> bool:
        """Whether the channel is closed. A closed channel may still have messages to receive."""

    @abstractmethod
    def new_sender(self) -> Sender[T]:
        """Make a new sender of this channel.

        Each sender is closed separately. A sender may be made at any time. If the channel is
        closed, every send raises.

        ```python
        from anycast import Anycast

        jobs = Anycast[str](name="jobs")
        with jobs.new_sender() as sender:
            sender.send_nowait("wash")
        assert jobs.statistics().open_senders == 0
        ```

        Returns:
            A new, open sender.
        """

    @abstractmethod
    def new_receiver(self) -> Receiver[T]:
        """Make a new receiver of this channel.

        Each receiver is closed separately. A receiver may be made at any time, and messages are
        never copied. The receivers of an `Anycast` share the stored messages: each message goes to
        the receiver that asks first. (A receiver of a `Broadcast` gets every message that is sent
        from now on.)

        ```python
        from anycast import Anycast

        jobs = Anycast[str]()
        jobs.new_sender().send_nowait("wash")  # stored, until a receiver asks
        ada, bob = jobs.new_receiver(), jobs.new_receiver()
        assert bob.receive_nowait() == "wash"
        assert jobs.statistics().current_buffer_used == 0  # Bob took the only message
        ```

        Returns:
            A new, open receiver.
        """

    @abstractmethod
    def close(self) -> Awaitable[None]:
        """Close the channel: receivers drain the accepted messages, then stop.

        Every later send raises. A send that is blocked raises at once, and its message is not
        sent. A task that was given a message keeps the message, even if the task has yet to run.
        Closing is idempotent.

        ```python
        from anycast import Anycast, SenderError

        jobs = Anycast[str]()
        sender, receiver = jobs.new_sender(), jobs.new_receiver()
        sender.send_nowait("wash")
        jobs.close()
        try:
            sender.send_nowait("dry")
        except SenderError:
            assert receiver.receive_nowait() == "wash"  # accepted before the close
        ```

        Returns:
            An object that may be awaited. Awaiting the object is optional: the channel is closed
            already. (For a channel on a server: in this process. When the await returns, the
            channel is closed in all processes.)
        """

    @abstractmethod
    async def join(self) -> None:
        """Wait until no message is left: none stored, offered by a blocked sender, or on lease.

        With leases, this is what ``task_done`` and ``join`` are for an `asyncio.Queue`: a message
        counts until the work on the message is done. A message in a batch that still waits counts,
        too. The channel may stay open. `join` may return although a message was sent just
        afterwards. Any number of tasks may join at once.

        ```python
        import anyio
        from anycast import Anycast, Receiver


        async def work(jobs: Receiver[str]) -> None:
            while True:
                async with jobs.lease() as job:
                    print(job)


        async def main() -> None:
            jobs = Anycast[str]()
            async with anyio.create_task_group() as tasks:
                for _ in range(3):
                    tasks.start_soon(work, jobs.new_receiver())
                await jobs.new_sender().send_many(["wash", "dry"])
                await jobs.join()  # both jobs are done
                tasks.cancel_scope.cancel()


        anyio.run(main)
        ```

        ```output
        wash
        dry
        ```

        Raises:
            RuntimeError: if the call would have to wait while tasks of another event loop wait in
                the channel.
        """

    @abstractmethod
    def statistics(self) -> ChannelStatistics:
        """Return how full and how busy the channel is.

        ```python
        from anycast import Anycast

        jobs = Anycast[str](limit=5)
        jobs.new_sender().send_nowait("wash")
        now = jobs.statistics()
        assert (now.current_buffer_used, now.max_buffer_size, now.open_senders) == (1, 5, 1)
        ```

        Returns:
            A snapshot, which stays the same when the channel changes.
        """

    def __str__(self) -> str:
        return f"{type(self).__name__}:{self.name}"

    def __repr__(self) -> str:
        now = self.statistics()
        return (
            f"{type(self).__name__}(name={self.name!r}, limit={self.limit!r}):<"
            f"current={now.current_buffer_used}, waiting_send={now.tasks_waiting_send}, "
            f"waiting_receive={now.tasks_waiting_receive}, closed={self.is_closed}>"
        )
