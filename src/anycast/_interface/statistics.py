"""The statistics of a channel."""

from collections.abc import Iterable
from dataclasses import dataclass, fields

from anycast._interface.other_names import StatisticsNames


@dataclass(frozen=True, slots=True)
class ChannelStatistics(StatisticsNames):
    """A snapshot of a channel: how many messages, endpoints and tasks there are.

    In every snapshot of a channel that delivers each message to one receiver,
    ``messages_sent == messages_received + current_buffer_used``.

    ```python
    from anycast import Anycast

    numbers = Anycast[int](limit=5)
    sender, receiver = numbers.new_sender(), numbers.new_receiver()
    for number in range(3):
        sender.send_nowait(number)
    receiver.receive_nowait()
    now = numbers.statistics()
    assert (now.messages_sent, now.messages_received, now.current_buffer_used) == (3, 1, 2)
    assert (now.peak_buffer_used, now.max_buffer_size) == (3, 5)
    ```
    """

    current_buffer_used: int
    """Messages that are stored now. The message of a blocked sender is not stored yet, and a
    message that was given to a task is not stored any more."""

    max_buffer_size: float
    """The channel's ``limit`` of messages: an int, or `math.inf`."""

    peak_buffer_used: int
    """The largest number of messages that were stored at once. More than ``limit`` messages are
    stored only after a message came back, as from a lease. A message that goes straight to a
    waiting receiver is never stored."""

    open_senders: int
    """Senders that are open now: made by ``new_sender()`` or ``clone()``, not closed yet."""

    open_receivers: int
    """Receivers that are open now: made by ``new_receiver()`` or ``clone()``, not closed yet."""

    tasks_waiting_send: int
    """Tasks that wait in the queue to send. A blocked ``send_many`` counts once. A blocked `select`
    counts once for each of its sends. A task that was woken has left the queue."""

    tasks_waiting_receive: int
    """Tasks that wait in the queue to receive. A blocked `select` counts once for each of its
    receives. A task that was woken has left the queue."""

    messages_sent: int
    """Messages that were accepted since the channel was made: stored, or given to a receiver."""

    messages_received: int
    """Messages that were taken since the channel was made, without the messages that came back. A
    message that was given to a task counts, even if the task has yet to run."""


@dataclass(frozen=True, slots=True)
class BroadcastStatistics(ChannelStatistics):
    """A snapshot of a `Broadcast`, in which each receiver has unread messages of its own.

    The fields of `ChannelStatistics` mean the following here:

    - ``current_buffer_used``: the unread messages of the receiver that has most of them.
    - ``max_buffer_size``: the ``limit`` of the channel, for each receiver.
    - ``peak_buffer_used``: the largest number of unread messages that a receiver has had.
    - ``messages_sent``: each message counts once, however many receivers get the message.
    - ``messages_received``: the receives of all receivers together.

    ```python
    from anycast import Broadcast

    news = Broadcast[str](name="news", limit=2, overflow="drop_oldest")
    sender, slow, fast = news.new_sender(), news.new_receiver(), news.new_receiver()
    for item in ("rain", "wind", "snow"):
        sender.send_nowait(item)
        fast.receive_nowait()
    now = news.statistics()
    assert (now.messages_sent, now.messages_received, now.messages_lost) == (3, 3, 1)
    assert (now.current_buffer_used, now.slowest_receiver) == (2, str(slow))
    ```
    """

    messages_lost: int
    """Messages that receivers with ``overflow="drop_oldest"`` lost since the channel was made. A
    message that two receivers lost counts twice."""

    slowest_receiver: str | None
    """The `str` of the receiver that blocks senders, if a sender is blocked, or else of the
    receiver with most unread messages. None if every receiver has read all messages."""


def total(parts: Iterable[ChannelStatistics]) -> ChannelStatistics:
    """Return the sums over several channels, field by field."""
    snapshots = [*parts]
    names = [field.name for field in fields(ChannelStatistics)]
    return ChannelStatistics(*[sum(getattr(one, name) for one in snapshots) for name in names])
