"""The broadcast channel in memory."""

from __future__ import annotations

from typing import Literal, TypeVar

from anycast._anycast.memory_channel import MemoryChannel, name_or_number
from anycast._arguments import check_bool, check_int, check_name
from anycast._broadcast.hub import Hub
from anycast._broadcast.options import ReceiverOptions
from anycast._broadcast.receiver import BroadcastReceiver
from anycast._broadcast.sender import BroadcastSender
from anycast._interface.other_names import explained
from anycast._interface.receiver import Receiver
from anycast._interface.sender import Sender
from anycast._interface.statistics import BroadcastStatistics
from anycast._waiting.protection import protected

T = TypeVar("T")

Overflow = Literal["block", "drop_oldest"]


class Broadcast(MemoryChannel[T]):
    """A channel in memory in which every receiver gets every message.

    ```python
    import anyio
    from anycast import Broadcast, Receiver


    async def print_all(listener: str, news: Receiver[str]) -> None:
        async for item in news:
            print(listener, "heard of", item)


    async def main() -> None:
        news = Broadcast[str](name="news")
        async with anyio.create_task_group() as tasks, news:  # closes the channel
            ada, bob = news.new_receiver(), news.new_receiver()
            await news.new_sender().send("rain")
            tasks.start_soon(print_all, "Ada", ada)
            await anyio.wait_all_tasks_blocked()
            tasks.start_soon(print_all, "Bob", bob)


    anyio.run(main)
    ```

    ```output
    Ada heard of rain
    Bob heard of rain
    ```

    Each receiver has its own unread messages, at most ``limit``. A receiver gets what is sent after
    `new_receiver` returned, in the same order as every other receiver. Every receiver gets the same
    object: a receiver that changes a message changes the message of the others. Without a receiver,
    a send succeeds at once. A receiver that is closed forgets its unread messages.

    Several tasks at the same receiver share the messages of the receiver, as in an `Anycast`. A
    `Receiver.clone` is a receiver of its own, and starts with the unread messages of the original.

    What happens when a receiver has ``limit`` unread messages is up to the receiver:

    - ``overflow="block"``: senders wait until every such receiver has room.
    - ``overflow="drop_oldest"``: the receiver loses its oldest unread message. Senders never wait
      for this receiver, and no other receiver loses a message. The next receive raises
      `ReceiverLaggedError` with the number of lost messages, and the receive after that goes on.

    A receiver whose task waits loses nothing to a tight loop of sends: `Sender.send` lets a task
    that was given a message run before the task's receiver loses a message. `Sender.send_nowait`
    cannot do that. Nor can `Receiver.close`, `Receiver.receive_nowait` and `Receiver.receive_many`
    with ``within``, by which a blocked sender may go on.

    A channel may be made anywhere, and serves one event loop at a time, as an `Anycast`.

    Args:
        name: shown by logs and errors. The default is short, and differs for each channel.
        limit: how many unread messages each receiver has at most; an int of at least 1, or
            `math.inf`.
        overflow: ``"block"`` or ``"drop_oldest"``: what happens at the limit.
        raise_on_lag: whether a receive raises `ReceiverLaggedError` where messages were lost.
            Otherwise the messages are only counted, in `Receiver.lost`.
        replay: how many of the last messages the channel keeps for new receivers; an int of at
            least 0, or `math.inf`. A new receiver starts with these messages, at most ``limit``.
        yield_every: the number of operations in a row that may complete at once, as for `Anycast`.
        auto_close: whether the channel closes when the last open sender is closed, and when the
            last open receiver is closed, as for `Anycast`.

    Raises:
        TypeError: if an argument has a wrong type. A bool is a wrong type for a number.
        ValueError: if an argument has a wrong value. A ``limit`` of 0 is wrong: a receiver that is
            busy would stop all others.
    """

    @explained
    def __init__(  # noqa: PLR0913  each option has a name and a default
        self,
        *,
        name: str | None = None,
        limit: float = 10,
        overflow: Overflow = "block",
        raise_on_lag: bool = True,
        replay: float = 0,
        yield_every: int = 64,
        auto_close: bool = False,
    ) -> None:
        check_name(name)
        options = ReceiverOptions(limit, overflow, raise_on_lag, replay)
        check_int("yield_every", yield_every, least=1)
        check_bool("auto_close", auto_close)
        hub = Hub[T](
            type(self),
            name_or_number(name),
            options,
            yield_every=yield_every,
            auto_close=auto_close,
        )
        super().__init__(hub)
        self._core: Hub[T] = hub

    @protected
    def new_sender(self) -> Sender[T]:
        return BroadcastSender(self, self._core, self._core.senders)

    @protected
    @explained
    def new_receiver(
        self,
        *,
        limit: float | None = None,
        overflow: Overflow | None = None,
        raise_on_lag: bool | None = None,
        replay: float | None = None,
    ) -> Receiver[T]:
        """Make a new receiver, which gets every message that is sent from now on.

        The new receiver starts with the last messages of the channel, at most ``replay`` and at
        most ``limit``. To subscribe is one step: no message is missed, and none comes twice.

        ```python
        from anycast import Broadcast

        news = Broadcast[str](replay=2)
        sender = news.new_sender()
        for item in ("rain", "wind", "snow"):
            sender.send_nowait(item)
        late = news.new_receiver()
        sender.send_nowait("hail")
        assert [late.receive_nowait() for _ in range(3)] == ["wind", "snow", "hail"]
        ```

        Args:
            limit: how many unread messages the receiver has at most. None, the default, stands for
                what the channel was made with, here and below.
            overflow: as for the channel.
            raise_on_lag: as for the channel.
            replay: with how many of the last messages to start, at most. The channel keeps only as
                many as the channel was made with.

        Returns:
            A new, open receiver.

        Raises:
            TypeError: if an argument has a wrong type.
            ValueError: if an argument has a wrong value, or ``replay`` is more than the channel
                keeps.
        """
        core = self._core
        subscription = core.subscribe(core.options.changed(limit, overflow, raise_on_lag, replay))
        return BroadcastReceiver(self, subscription, subscription.receivers)

    def statistics(self) -> BroadcastStatistics:
        return self._core.statistics()

    def __repr__(self) -> str:
        slowest = self._core.slowest()
        shown = super().__repr__()
        return shown if slowest is None else f"{shown[:-1]}, slowest={slowest.label}>"
