"""How often messages were on lease, for messages that came back to the head of a channel."""

from __future__ import annotations

from anycast._anycast.lease_counts import LeaseCounts


def test_a_message_in_front_that_was_never_on_lease() -> None:
    """A message that a batch gave back has no count, and the message behind keeps its own."""
    counts = LeaseCounts()
    counts.store(1, 3)
    counts.store(0, 0)
    assert counts.take(0) == 0
    assert counts.take(1) == 3


def test_a_message_that_was_received_leaves_no_count() -> None:
    """The next message that comes to the same place begins anew."""
    counts = LeaseCounts()
    counts.store(0, 3)
    counts.store(0, 0)
    assert counts.take(0) == 0


def test_messages_that_were_received_are_dropped() -> None:
    """The count of a message behind is found, and the counts in front are gone."""
    counts = LeaseCounts()
    counts.store(2, 5)
    counts.store(1, 4)
    counts.store(0, 3)
    assert counts.take(2) == 5
    assert not counts
