"""What a channel tells about itself."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ChannelStatistics:
    """A snapshot of a channel, in messages, endpoints and tasks.

    ``messages_sent == messages_received + current_buffer_used``, always.

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
    """Messages stored now. The message of a blocked sender is not stored, and a message that was
    given to a task is stored no more."""

    max_buffer_size: float
    """The channel's ``limit`` of messages: an int, or `math.inf`."""

    peak_buffer_used: int
    """The most messages that were ever stored at once: over ``limit`` only where a message came
    back, as from a lease. A message that goes straight to a waiting receiver is never stored."""

    open_senders: int
    """Senders made by ``new_sender()`` or ``clone()`` and not closed yet."""

    open_receivers: int
    """Receivers made by ``new_receiver()`` or ``clone()`` and not closed yet."""

    tasks_waiting_send: int
    """Tasks that wait to send. A blocked ``send_many`` counts once, and a blocked `select` counts
    once for each of its sends. A task that was woken has stopped waiting."""

    tasks_waiting_receive: int
    """Tasks that wait to receive. A blocked `select` counts once for each of its receives. A task
    that was woken has stopped waiting."""

    messages_sent: int
    """Messages accepted since the channel was made: stored, or given to a receiver."""

    messages_received: int
    """Messages taken and not given back since the channel was made, those included that were given
    to a task which has yet to run."""
