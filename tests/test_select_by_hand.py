"""Orders of events in a `select` that no event loop brings about at will."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from anyio import WouldBlock

import invariants
from anycast import (
    Anycast,
    Operation,
    Receiver,
    ReceiverStoppedError,
    Sender,
    SenderClosedError,
    merge,
    select,
    select_nowait,
)
from explorer import drive_by_hand

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator


@pytest.fixture(autouse=True)
def by_hand() -> Iterator[None]:
    """Let a task be a coroutine, and a step of it a call."""
    with drive_by_hand(lambda _: 0, refuses=False):
        yield


def step(coroutine: Coroutine[Any, Any, object]) -> None:
    """Run a task until it parks."""
    coroutine.send(None)


def end(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a task to its end, in one step; return what it returned."""
    with pytest.raises(StopIteration) as stop:
        coroutine.send(None)
    return stop.value.value


def test_a_promise_that_is_taken_back_leaves_the_first_place_in_line() -> None:
    """The select heads that line again, and waits in its other lines as well."""
    one, two = Anycast[int](limit=0), Anycast[int](limit=0)
    leaving, staying = one.new_receiver(), one.new_receiver()
    other = two.new_receiver().receiving()
    task = select(one.new_sender().sending(1), other)
    step(task)
    rival = one.new_sender().send(2)
    step(rival)
    receive = leaving.receive()
    step(receive)  # makes room, which is promised to the select
    leaving.close()
    assert len(one._core.senders.waiting) == 2
    step(task)
    assert two.statistics().tasks_waiting_receive == 1
    receive = staying.receive()
    step(receive)
    end(task)
    assert end(receive) == 1
    assert two.statistics().tasks_waiting_receive == 0
    rival.close()
    invariants.check(one._core)


def test_room_that_a_select_makes_goes_to_whoever_waits_behind_it() -> None:
    """It cannot use that room itself, and so does not keep it from the next in line."""
    channel = Anycast[int](limit=0)
    leaving = channel.new_receiver()
    received = channel.new_receiver().receiving()
    task = select(channel.new_sender().sending(1), received)
    step(task)
    receive = leaving.receive()
    step(receive)
    leaving.close()  # the room that was promised to the select has gone again
    rival = channel.new_sender().send(2)
    step(rival)
    step(task)  # waits to receive as well, again
    invariants.check(channel._core)
    end(rival)
    assert end(task) is received
    assert received.result() == 2
    receive.close()


def test_a_message_turned_away_on_the_second_look_has_not_happened() -> None:
    """The select goes on to wait, without a message that its filter does not accept."""
    one, two = Anycast[int](limit=0), Anycast[int](limit=1)
    leaving = one.new_receiver()
    filtered = two.new_receiver().filter(bool).receiving()
    task = select(one.new_sender().sending(1), filtered)
    step(task)
    receive = leaving.receive()
    step(receive)
    sender = two.new_sender()
    sender.send_nowait(0)  # while the select waits for nothing but to send, as it was promised
    leaving.close()
    step(task)
    assert two.statistics().current_buffer_used == 0
    sender.send_nowait(7)
    assert end(task) is filtered
    assert filtered.result() == 7
    receive.close()


def test_a_promise_is_not_lost_to_another_arm() -> None:
    """What a select was promised it keeps, whatever its other arms could do in leaving."""
    channel = Anycast[int](limit=0)
    senders = [channel.new_sender().send(number) for number in (1, 2)]
    for sender in senders:
        step(sender)
    first, second = (channel.new_receiver().receiving() for _ in range(2))
    task = select(first, second, channel.new_sender().sending(3))
    step(task)  # both senders are promised the room that it makes
    receivers = [channel.new_receiver().receive() for _ in range(2)]
    for receiver in receivers:
        step(receiver)
    end(senders[0])
    invariants.check(channel._core)
    assert end(task) is first
    assert first.result() == 1
    end(senders[1])
    assert end(receivers[0]) == 2
    receivers[1].close()
    invariants.check(channel._core)


def test_several_arms_in_one_channel_make_room_for_one_message() -> None:
    """Or a newcomer would overtake the sender that was promised the room."""
    channel = Anycast[int](limit=0)
    arms = [channel.new_receiver().receiving() for _ in range(2)]
    task, send = select(*arms), channel.new_sender().send(1)
    step(send)
    step(task)
    with pytest.raises(WouldBlock):
        channel.new_sender().send_nowait(2)
    end(send)
    assert end(task).result() == 1
    invariants.check(channel._core)


@pytest.mark.parametrize("closed", [0, 1])
def test_each_of_several_arms_in_one_channel_sees_its_end_close(closed: int) -> None:
    """Whether it is the one that stands in line for all, or not."""
    channel = Anycast[int](limit=0)
    receivers = [channel.new_receiver() for _ in range(2)]
    arms = [receiver.receiving() for receiver in receivers]
    task = select(*arms)
    step(task)
    receivers[closed].close()
    assert end(task) is arms[closed]
    with pytest.raises(ReceiverStoppedError):
        arms[closed].result()
    assert not any(receiver.places for receiver in receivers)  # type: ignore[attr-defined]


@pytest.mark.parametrize("closed", [0, 1])
def test_a_merge_of_one_channel_goes_on_when_an_end_was_closed(closed: int) -> None:
    """What is left of it stands in line."""
    channel = Anycast[int](limit=0)
    receivers = [channel.new_receiver() for _ in range(2)]
    receive = merge(*receivers).receive()
    step(receive)
    receivers[closed].close()
    step(receive)
    assert channel.statistics().tasks_waiting_receive == 1
    channel.new_sender().send_nowait(7)
    assert end(receive) == 7
    assert not any(receiver.places for receiver in receivers)  # type: ignore[attr-defined]


def test_several_arms_in_one_channel_stand_there_once_however_often_they_look_again() -> None:
    """An end of another channel does not make the others stand in line beside the first."""
    one, other = Anycast[int](limit=0), Anycast[int](limit=0)
    receive = merge(one.new_receiver(), one.new_receiver(), other.new_receiver()).receive()
    step(receive)
    other.close()
    step(receive)
    assert one.statistics().tasks_waiting_receive == 1
    receive.close()


@pytest.mark.parametrize("end", ["sender", "receiver"])
def test_a_closed_end_is_ready(end: str) -> None:
    """Though there is neither room nor a message: to find that out is what happens."""
    channel = Anycast[int](limit=0)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    closed: Sender[int] | Receiver[int] = sender if end == "sender" else receiver
    operation: Operation[Any] = sender.sending(1) if end == "sender" else receiver.receiving()
    with pytest.raises(WouldBlock):
        select_nowait(operation)
    closed.close()
    assert select_nowait(operation) is operation
    with pytest.raises(SenderClosedError if end == "sender" else ReceiverStoppedError):
        operation.result()
