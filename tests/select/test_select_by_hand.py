"""Orders of events that no event loop produces at will, most of them in a `select`."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

import pytest
from anyio import WouldBlock

import invariants
from anycast import (
    Anycast,
    Operation,
    Receiver,
    ReceiverClosedError,
    ReceiverStoppedError,
    Sender,
    SenderClosedError,
    merge,
    select,
    select_nowait,
)
from anycast._waiting.budget import this_thread
from explorer import ByHand, HandWaiter, drive_by_hand

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def by_hand() -> Iterator[None]:
    """Run a task as a coroutine by hand: a step of the task is a call."""
    with drive_by_hand(lambda _: 0, refuses=False):
        yield


def in_line(channel: Anycast[Any]) -> list[Any]:
    """Return the waiters in the queues of a channel, whether they wait or are left over."""
    return [*channel._core.senders, *channel._core.receivers]


def step(coroutine: Coroutine[Any, Any, object]) -> None:
    """Run a task until the task waits."""
    coroutine.send(None)


def end(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a task to its end in a single step, and return the result."""
    with pytest.raises(StopIteration) as stop:
        coroutine.send(None)
    return stop.value.value


def test_a_message_that_is_turned_away_has_not_happened() -> None:
    """The select waits in all its queues again, until its filter accepts a message."""
    one, two = Anycast[int](limit=0), Anycast[int](limit=1)
    filtered = two.new_receiver().filter(bool).receiving()
    task = select(one.new_sender().sending(1), filtered)
    step(task)
    sender = two.new_sender()
    sender.send_nowait(0)
    assert one.statistics().tasks_waiting_send == 0
    step(task)
    assert one.statistics().tasks_waiting_send == two.statistics().tasks_waiting_receive == 1
    assert two.statistics().current_buffer_used == 0
    sender.send_nowait(7)
    assert end(task) is filtered
    assert filtered.result() == 7


def test_what_comes_while_a_message_is_turned_away_is_found() -> None:
    """The select looks at all its operations again before the select waits again."""
    one, two = Anycast[int](limit=1), Anycast[int](limit=0)
    received = one.new_receiver().receiving()
    task = select(received, two.new_receiver().filter(bool).receiving())
    step(task)
    two.new_sender().send_nowait(0)
    one.new_sender().send_nowait(5)
    assert end(task) is received
    assert received.result() == 5


def test_a_claimed_select_keeps_what_it_was_given() -> None:
    """Other arms that become ready before the task runs change nothing."""
    channel = Anycast[int](limit=0)
    first, second = (channel.new_receiver().receiving() for _ in range(2))
    task = select(first, second, channel.new_sender().sending(3))
    step(task)
    senders = [channel.new_sender().send(number) for number in (1, 2)]
    end(senders[0])
    step(senders[1])
    invariants.check(channel._core)
    assert end(task) is first
    assert first.result() == 1
    assert channel.new_receiver().receive_nowait() == 2
    end(senders[1])
    invariants.check(channel._core)


def test_several_arms_in_one_channel_take_one_message() -> None:
    """The select takes a single message, and its other arms have left the queue by then."""
    channel = Anycast[int](limit=0)
    arms = [channel.new_receiver().receiving() for _ in range(2)]
    task = select(*arms)
    step(task)
    assert channel.statistics().tasks_waiting_receive == 2
    channel.new_sender().send_nowait(1)
    assert channel.statistics().tasks_waiting_receive == 0
    with pytest.raises(WouldBlock):
        channel.new_sender().send_nowait(2)
    assert end(task).result() == 1
    invariants.check(channel._core)


@pytest.mark.parametrize("side", ["send", "receive"])
def test_a_peer_that_waits_for_another_arm_than_the_one_that_is_drawn(side: str) -> None:
    """The select looks at all arms before the task waits."""
    channel, other = Anycast[int](limit=0), Anycast[int](limit=0)
    peer = channel.new_receiver().receive() if side == "send" else channel.new_sender().send(1)
    step(peer)
    arms: list[Operation[Any]] = [
        other.new_receiver().receiving(),
        channel.new_sender().sending(1) if side == "send" else channel.new_receiver().receiving(),
    ]
    assert end(select(*arms, in_order=True)) is arms[1]
    end(peer)


def reverse(arms: list[Any]) -> None:
    """Reverse the arms, in place of a random shuffle."""
    arms.reverse()


@pytest.mark.parametrize("in_order", [False, True])
@pytest.mark.parametrize("side", ["send", "receive"])
def test_arms_that_share_a_line_stand_there_in_any_order(*, in_order: bool, side: str) -> None:
    """The order is random, but with ``in_order`` it is the order of the arguments."""
    channel = Anycast[int](limit=0)
    operations: list[Operation[Any]] = (
        [channel.new_sender().sending(number) for number in range(3)]
        if side == "send"
        else [channel.new_receiver().receiving() for _ in range(3)]
    )
    with drive_by_hand(lambda _: 0, refuses=False, shuffle=reverse):
        task = select(*operations, in_order=in_order)
        step(task)
    if side == "send":
        assert channel.new_receiver().receive_nowait() == (0 if in_order else 2)
    else:
        channel.new_sender().send_nowait(1)
    assert end(task) is operations[0 if in_order else 2]


@pytest.mark.parametrize("choice", [0, 1])
def test_two_selects_that_send_and_receive_pair_up(choice: int) -> None:
    """The first select waits on both sides, and the second select is its partner."""
    channel = Anycast[int](limit=0)
    arms: list[list[Operation[Any]]] = [
        [channel.new_sender().sending(number), channel.new_receiver().receiving()]
        for number in (1, 2)
    ]
    first, second = (select(*operations) for operations in arms)
    step(first)
    now = channel.statistics()
    assert (now.tasks_waiting_send, now.tasks_waiting_receive) == (1, 1)
    invariants.check(channel._core)
    with drive_by_hand(lambda options: min(choice, options - 1), refuses=False):
        assert end(second) is arms[1][choice]
    assert end(first) is arms[0][1 - choice]
    assert channel.statistics().messages_received == 1
    assert not in_line(channel)


def test_a_select_whose_own_arms_could_meet_waits_however_often_it_looks() -> None:
    """After a dropped message the select waits on both sides again, without a partner."""
    channel, other = Anycast[int](limit=0), Anycast[int](limit=0)
    receiver = channel.new_receiver()
    received = merge(receiver, other.new_receiver()).filter(bool).receiving()
    task = select(channel.new_sender().sending(1), received)
    step(task)
    other.new_sender().send_nowait(0)
    step(task)
    now = channel.statistics()
    assert (now.tasks_waiting_send, now.tasks_waiting_receive) == (1, 1)
    assert (now.messages_sent, now.messages_received) == (0, 0)
    channel.new_sender().send_nowait(7)
    assert end(task) is received
    assert received.result() == 7


Ways = dict[str, Callable[[Receiver[int], Receiver[int]], Coroutine[Any, Any, object]]]


async def lease(receiver: Receiver[Any]) -> Any:
    """Take a message on lease, and wait in the block."""
    async with receiver.lease() as message:
        return message


WAYS: Ways = {
    "receive": lambda receiver, _: receiver.receive(),
    "anext": lambda receiver, _: receiver.__anext__(),
    "receive_many": lambda receiver, _: receiver.receive_many(3),
    "lease": lambda receiver, _: lease(receiver),
    "select": lambda receiver, idle: select(idle.receiving(), receiver.receiving()),
    "merge": lambda receiver, idle: merge(idle, receiver).receive(),
    "map": lambda receiver, _: receiver.map(str).receive(),
    "filter": lambda receiver, _: receiver.filter(bool).receive(),
    "receive_many of a map": lambda receiver, _: receiver.map(str).receive_many(3),
    "lease of a merge": lambda receiver, idle: lease(merge(receiver.map(str), idle.map(str))),
}
"""Ways to receive through the first receiver, while nobody sends to the second."""

ways = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


class GivenTask:
    """A task that was given a message, and has yet to run.

    Args:
        way: how the task receives.
        limit: of the channel.
        others: how many tasks wait behind this task.
    """

    def __init__(self, way: Any, limit: int = 0, *, others: int = 0) -> None:
        self.channel, self.idle = Anycast[int](limit=limit), Anycast[int]()
        self.sender, self.receiver = self.channel.new_sender(), self.channel.new_receiver()
        self._task: Coroutine[Any, Any, object] = way(self.receiver, self.idle.new_receiver())
        step(self._task)
        self.others = [self.receiver.receive() for _ in range(others)]
        for other in self.others:
            step(other)
        self.sender.send_nowait(1)

    def destroy(self) -> None:
        """Destroy the task, and check that the task has left every queue."""
        self._task.close()
        for channel in (self.channel, self.idle):
            invariants.check(channel._core, extra=1)
            assert not channel._core.leases
        assert not in_line(self.idle)


@ways
def test_the_message_of_a_task_that_is_destroyed_goes_to_the_next_in_line(way: Any) -> None:
    """The receiver that has waited longest gets the message in the same step."""
    given = GivenTask(way, others=2)
    given.destroy()
    assert given.channel.statistics().tasks_waiting_receive == 1
    assert end(given.others[0]) == 1
    given.others[1].close()
    assert given.channel.statistics().messages_received == 1


@ways
@pytest.mark.parametrize("limit", [0, 1])
def test_the_message_of_a_task_that_is_destroyed_is_at_the_head_again(way: Any, limit: int) -> None:
    """The buffer may exceed the limit then, and no sender goes on until there is room."""
    given = GivenTask(way, limit)
    for number in range(limit):
        given.sender.send_nowait(10 + number)
    blocked = given.sender.send(20)
    step(blocked)
    given.destroy()
    assert given.channel.statistics().current_buffer_used == limit + 1
    assert given.channel.statistics().tasks_waiting_send == 1
    assert given.receiver.receive_nowait() == 1
    assert given.channel.statistics().tasks_waiting_send == 1
    received = [given.receiver.receive_nowait() for _ in range(limit + 1)]
    assert received == [*range(10, 10 + limit), 20]
    end(blocked)


@ways
def test_the_end_waits_for_the_message_of_a_task_that_is_destroyed(way: Any) -> None:
    """The message comes back into the closed channel, and the next receiver gets the message."""
    given = GivenTask(way)
    given.channel.close()
    given.destroy()
    assert given.channel.new_receiver().receive_nowait() == 1
    with pytest.raises(ReceiverStoppedError):
        given.channel.new_receiver().receive_nowait()


def test_a_select_that_is_destroyed_after_its_message_was_taken_has_sent() -> None:
    """The message was received before, so the send stays done."""
    channel = Anycast[int](limit=0)
    task = select(channel.new_sender().sending(1), Anycast[int]().new_receiver().receiving())
    step(task)
    assert channel.new_receiver().receive_nowait() == 1
    task.close()
    assert not in_line(channel)
    assert channel.statistics().messages_sent == channel.statistics().messages_received == 1


@ways
def test_a_task_that_is_destroyed_while_it_waits_leaves_no_trace(way: Any) -> None:
    """The task has left every queue, and takes no message."""
    channel, idle = Anycast[int](limit=1), Anycast[int]()
    receiver = channel.new_receiver()
    task = way(receiver, idle.new_receiver())
    step(task)
    task.close()
    assert not in_line(channel)
    assert not in_line(idle)
    channel.new_sender().send_nowait(1)
    assert receiver.receive_nowait() == 1


@pytest.mark.parametrize("closed", [0, 1])
def test_each_of_several_arms_in_one_channel_sees_its_end_close(closed: int) -> None:
    """All arms leave the queue in the step of the close."""
    channel = Anycast[int](limit=0)
    receivers = [channel.new_receiver() for _ in range(2)]
    arms = [receiver.receiving() for receiver in receivers]
    task = select(*arms)
    step(task)
    receivers[closed].close()
    assert channel.statistics().tasks_waiting_receive == 0
    assert end(task) is arms[closed]
    with pytest.raises(ReceiverStoppedError):
        arms[closed].result()
    assert not any(receiver.waiters for receiver in receivers)  # type: ignore[attr-defined]


@pytest.mark.parametrize("closed", [0, 1])
def test_a_merge_of_one_channel_goes_on_when_an_end_was_closed(closed: int) -> None:
    """The sources that are left wait in the queue."""
    channel = Anycast[int](limit=0)
    receivers = [channel.new_receiver() for _ in range(2)]
    receive = merge(*receivers).receive()
    step(receive)
    receivers[closed].close()
    step(receive)
    assert channel.statistics().tasks_waiting_receive == 1
    channel.new_sender().send_nowait(7)
    assert end(receive) == 7
    assert not any(receiver.waiters for receiver in receivers)  # type: ignore[attr-defined]


def test_several_arms_in_one_channel_stand_there_once_each_however_often_they_look_again() -> None:
    """A close in another channel does not put an arm into the queue twice."""
    one, other = Anycast[int](limit=0), Anycast[int](limit=0)
    receive = merge(one.new_receiver(), one.new_receiver(), other.new_receiver()).receive()
    step(receive)
    other.close()
    assert one.statistics().tasks_waiting_receive == 0
    step(receive)
    assert one.statistics().tasks_waiting_receive == 2
    receive.close()
    assert one.statistics().tasks_waiting_receive == 0


@pytest.mark.parametrize("end", ["sender", "receiver"])
def test_a_closed_end_is_ready(end: str) -> None:
    """An operation of a closed endpoint is ready, even without room or a message."""
    channel = Anycast[int](limit=0)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    closed: Sender[int] | Receiver[int] = sender if end == "sender" else receiver
    operation: Operation[Any] = sender.sending(1) if end == "sender" else receiver.receiving()
    with pytest.raises(WouldBlock):
        select_nowait(operation)
    closed.close()
    assert select_nowait(operation) is operation
    with pytest.raises(SenderClosedError if end == "sender" else ReceiverClosedError):
        operation.result()


def test_the_only_peer_is_leaving() -> None:
    """A select whose only peer is leaving looks again, and then waits."""
    channel = Anycast[int](limit=0)
    core: Any = channel._core
    core.bind(ByHand.loop)
    core._use_backend(ByHand)
    waiter = HandWaiter()
    waiter.refuses = waiter.leaving = True
    core.senders[waiter] = 1
    with pytest.raises(WouldBlock):
        select_nowait(channel.new_receiver().receiving())
    assert not core.senders


def test_a_select_that_yields_before_it_waits_begins_a_new_row() -> None:
    """A message that comes during the yield is received after the count has gone back to 0."""
    channel = Anycast[int](yield_every=2)
    receiving = channel.new_receiver().receiving()
    this_thread.budget.spent = 2
    task = select(receiving)
    step(task)
    channel.new_sender().send_nowait(1)
    assert end(task) is receiving
    assert this_thread.budget.spent == 1


def test_a_select_that_does_not_wait_passes_over_messages_that_are_turned_away() -> None:
    """The select goes on until its filter accepts a message."""
    channel = Anycast[int]()
    for message in (0, 0, 7):
        channel.new_sender().send_nowait(message)
    accepted = channel.new_receiver().filter(bool).receiving()
    assert select_nowait(accepted) is accepted
    assert accepted.result() == 7
