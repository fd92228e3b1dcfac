"""`anyio.WouldBlock` has a text that says why the call would block."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from anyio import WouldBlock

from anycast import Anycast, Receiver, merge, select_nowait
from combinations import TRANSPARENT
from helpers import raises

if TYPE_CHECKING:
    from collections.abc import Callable


def test_receive_nowait() -> None:
    """The channel is empty."""
    with raises(WouldBlock, "the channel has no message"):
        Anycast[int]().new_receiver().receive_nowait()


@pytest.mark.parametrize("limit", [0, 1])
def test_send_nowait(limit: int) -> None:
    """The channel has no room, as a rendezvous never has, and no receiver waits."""
    sender = Anycast[int](limit=limit).new_sender()
    for number in range(limit):
        sender.send_nowait(number)
    with raises(WouldBlock, "the channel has no room, and no receiver waits"):
        sender.send_nowait(1)


def test_select_nowait() -> None:
    """There may be several operations, and no operation is ready."""
    channel = Anycast[int](limit=0)
    with raises(WouldBlock, "every operation has to wait"):
        select_nowait(channel.new_receiver().receiving(), channel.new_sender().sending(1))


@pytest.mark.parametrize("derive", TRANSPARENT.values(), ids=list(TRANSPARENT))
def test_derived_receivers(derive: Callable[[Receiver[Any]], Receiver[Any]]) -> None:
    """There may be several sources without a message, and the call can be repeated."""
    channel = Anycast[int]()
    receiver = derive(channel.new_receiver())
    for number in range(2):
        for _ in range(2):
            with raises(WouldBlock, "no source has a message"):
                receiver.receive_nowait()
        channel.new_sender().send_nowait(number)
        assert receiver.receive_nowait() == number


def test_a_loop_that_polls() -> None:
    """A call that finds no message keeps its operation for the next call, to save time."""
    receiver: Any = merge(Anycast[int]().new_receiver())
    kept: list[object] = []
    for _ in range(2):
        with pytest.raises(WouldBlock):
            receiver.receive_nowait()
        kept.append(receiver._cached)
    assert kept[0] is kept[1] is not None


def test_a_filter_that_drops_all() -> None:
    """A dropped message is no message of the filter."""
    channel = Anycast[int]()
    channel.new_sender().send_nowait(1)
    receiver = merge(channel.new_receiver().filter(lambda number: number > 1))
    with raises(WouldBlock, "no source has a message"):
        receiver.receive_nowait()
    assert channel.statistics().current_buffer_used == 0
