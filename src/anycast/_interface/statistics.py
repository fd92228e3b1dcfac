"""The statistics of a channel."""

from collections.abc import Iterable
from dataclasses import astuple, dataclass


@dataclass(frozen=True, slots=True)
class ChannelStatistics:
    """A snapshot of a channel: how many messages, endpoints and tasks there are.

    In every snapshot, ``messages_sent == messages_received + current_buffer_used``.

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


def total(parts: Iterable[ChannelStatistics]) -> ChannelStatistics:
    """Return the sums over several channels, field by field."""
    return ChannelStatistics(*map(sum, zip(*map(astuple, parts), strict=True)))
