"""`open_channel` returns the two ends of a new channel, as anyio's and trio's functions do."""

from __future__ import annotations

import math
from typing import Any

import pytest

from anycast import Receiver, Sender, open_channel
from anycast._waiting.budget import this_thread
from helpers import count_yields, raises

pytestmark = pytest.mark.anyio


def test_a_tuple_of_two_ends() -> None:
    """The call returns a plain tuple of a sender and a receiver."""
    ends = open_channel[int](1)
    assert type(ends) is tuple
    sender, receiver = ends
    with sender, receiver:
        assert isinstance(sender, Sender)
        assert isinstance(receiver, Receiver)


async def test_the_ends_are_of_one_channel() -> None:
    """A message that is sent through the sender is received through the receiver."""
    sender, receiver = open_channel[int](1)
    with sender, receiver:
        await sender.send(1)
        assert await receiver.receive() == 1


async def test_the_channel_closes_with_its_last_sender() -> None:
    """The receiver ends after the sender and its clones are closed."""
    sender, receiver = open_channel[int](2)
    with sender, sender.clone() as clone:
        sender.send_nowait(1)
        clone.send_nowait(2)
    assert [message async for message in receiver] == [1, 2]


@pytest.mark.parametrize("limit", [0, 3, math.inf])
def test_the_limit(limit: float) -> None:
    """The limit of the call is the limit of the channel."""
    sender, receiver = open_channel[int](limit=limit)
    with sender, receiver:
        assert sender.statistics().max_buffer_size == limit


def test_the_limit_is_required() -> None:
    """A default would be wrong for half of the users: anyio's differs from that of `Anycast`."""
    make: Any = open_channel
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'limit'"):
        make()


def test_the_limit_is_checked() -> None:
    """A wrong limit raises as for `Anycast`."""
    with raises(ValueError, "`limit` must be >= 0, not -1"):
        open_channel[int](-1)


def test_the_name() -> None:
    """The sender and the receiver show the name."""
    sender, receiver = open_channel[int](1, name="numbers")
    with sender, receiver:
        assert (str(sender), str(receiver)) == (
            "Anycast:numbers:_Sender",
            "Anycast:numbers:_Receiver",
        )


async def test_yield_every() -> None:
    """With ``yield_every=1`` each operation is a checkpoint."""
    sender, receiver = open_channel[int](5, yield_every=1)
    with sender, receiver:
        this_thread.budget.spent = 0
        assert await count_yields(sender.send(1)) == 1
        assert await count_yields(receiver.receive()) == 1


def test_each_call_opens_a_channel() -> None:
    """Two calls open two independent channels."""
    one, two = open_channel[int](1), open_channel[int](1)
    with one[0], one[1], two[0], two[1]:
        one[0].send_nowait(1)
        assert two[1].statistics().current_buffer_used == 0
