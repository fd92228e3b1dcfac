"""The channel as its users see it, wherever the messages are kept."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Generic, TypeVar

from anycast._interface.closing import Closing

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from anycast._interface.receiver import Receiver
    from anycast._interface.sender import Sender
    from anycast._interface.statistics import ChannelStatistics

T = TypeVar("T")


class Channel(Closing, Generic[T]):
    """Delivers each message to exactly one receiver; the base of every kind of channel.

    Write functions against this class, and they work wherever the messages are kept.
    ``async with channel:`` closes the channel on leaving, without waiting for anything.

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
        """The name that logs and errors show."""

    @property
    @abstractmethod
    def limit(self) -> float:
        """How many messages are stored at most before senders block: an int, or `math.inf`."""

    @property
    @abstractmethod
    def is_closed(self) -> bool:
        """Whether the channel was closed; messages may be left to receive."""

    @abstractmethod
    def new_sender(self) -> Sender[T]:
        """Make a sender of this channel, to be closed on its own.

        A sender may be made at any time; if the channel is closed, its sends raise.

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
        """Make a receiver of this channel, to be closed on its own.

        A receiver may be made at any time, and gets no copy of anything: what is in the channel
        goes to whichever receiver asks first.

        ```python
        from anycast import Anycast

        jobs = Anycast[str]()
        jobs.new_sender().send_nowait("wash")  # before there is a receiver
        ada, bob = jobs.new_receiver(), jobs.new_receiver()
        assert bob.receive_nowait() == "wash"
        assert jobs.statistics().current_buffer_used == 0  # so for Ada there is nothing
        ```

        Returns:
            A new, open receiver.
        """

    @abstractmethod
    def close(self) -> Awaitable[None]:
        """Accept no more messages; receivers drain what was accepted, then stop.

        Every later send raises, and so does every send that is blocked, its message not
        sent. A task that was given a message keeps the message, even if the task has yet to
        run. Closing twice is as good as once.

        ```python
        from anycast import Anycast, SenderError

        jobs = Anycast[str]()
        sender, receiver = jobs.new_sender(), jobs.new_receiver()
        sender.send_nowait("wash")
        jobs.close()
        try:
            sender.send_nowait("dry")
        except SenderError:
            assert receiver.receive_nowait() == "wash"  # it was accepted before
        ```

        Returns:
            Something to await, for code that must; the channel is closed already.
        """

    @abstractmethod
    def statistics(self) -> ChannelStatistics:
        """Tell how full and how busy the channel is.

        ```python
        from anycast import Anycast

        jobs = Anycast[str](limit=5)
        jobs.new_sender().send_nowait("wash")
        now = jobs.statistics()
        assert (now.current_buffer_used, now.max_buffer_size, now.open_senders) == (1, 5, 1)
        ```

        Returns:
            A snapshot, which does not change any more.
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
