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
    """Messages stored now, those included that are promised to a woken receiver."""

    max_buffer_size: float
    """The channel's ``limit`` of messages: an int, or `math.inf`."""

    peak_buffer_used: int
    """The most messages that were ever stored at once: over ``limit`` where receivers waited
    for some of them, or a lease gave one back."""

    open_senders: int
    """Senders made by ``new_sender()`` or ``clone()`` and not closed yet."""

    open_receivers: int
    """Receivers made by ``new_receiver()`` or ``clone()`` and not closed yet."""

    tasks_waiting_send: int
    """Tasks blocked in a send, or once for each send that a blocked `select` may perform; one that
    has been woken and has yet to run is not."""

    tasks_waiting_receive: int
    """Tasks blocked in a receive, or in a `select` that may receive; one that has been woken and
    has yet to run is not."""

    messages_sent: int
    """Messages accepted since the channel was made."""

    messages_received: int
    """Messages taken and not given back since the channel was made."""
