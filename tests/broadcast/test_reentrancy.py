"""Code that Python runs in the midst of a step: what finalizers and signal handlers may do."""

from __future__ import annotations

from collections import deque
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING, Any

import pytest
from anyio import WouldBlock

import hubs
from anycast import Broadcast, ReceiverStoppedError, SenderError
from anycast._broadcast.subscription import Subscription
from anycast._waiting.waiter import NOTHING
from explorer import HandWaiter
from helpers import drain, drain_through_gaps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


pytestmark = pytest.mark.anyio


class Acting(deque[int]):
    """The unread messages of a receiver, which act once in the midst of a send."""

    def __init__(self, act: Callable[[], object]) -> None:
        super().__init__()
        self.act = act

    def append(self, message: int) -> None:
        """Act before the message is stored."""
        act, self.act = self.act, lambda: None
        act()
        super().append(message)


def meddle(channel: Broadcast[Any], receiver: Any, act: Callable[[], object]) -> None:
    """Send a message, and act while the message is on its way to a receiver."""
    receiver._core.buffer = Acting(act)
    channel.new_sender().send_nowait(0)
    hubs.check(channel._core)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_send_in_the_midst_of_a_send(place: int) -> None:
    """All receivers get both messages in the same order."""
    channel = Broadcast[int]()
    receivers = [channel.new_receiver() for _ in range(3)]
    meddle(channel, receivers[place], lambda: channel.new_sender().send_nowait(1))
    assert [drain(receiver) for receiver in receivers] == [[0, 1]] * 3


def test_a_deque_that_is_emptied_in_the_midst_of_a_send() -> None:
    """The message on its way is sent once, and the caller's error is none of the channel."""
    channel, messages = Broadcast[int](), deque([1, 2, 3])
    receiver = channel.new_receiver()
    core: Any = channel._core
    core_receiver: Any = receiver
    core_receiver._core.buffer = Acting(messages.clear)
    core.put_many(messages)
    assert not messages
    hubs.check(core)
    assert drain(receiver) == [1]


def test_a_batch_whose_send_fails() -> None:
    """The message of the send that raised is still in the deque."""

    def fail() -> None:
        raise ZeroDivisionError

    channel, messages = Broadcast[int](), deque([1, 2])
    core_receiver: Any = channel.new_receiver()
    core_receiver._core.buffer = Acting(fail)
    with pytest.raises(ZeroDivisionError):
        channel._core.put_many(messages)
    assert list(messages) == [1, 2]


@pytest.mark.parametrize("place", [0, 1])
def test_a_send_for_which_there_is_no_room_behind(place: int) -> None:
    """The inner send would block: the message on its way takes the last room."""
    channel = Broadcast[int](limit=1)
    receivers = [channel.new_receiver(), channel.new_receiver()]

    def send() -> None:
        with pytest.raises(WouldBlock):
            channel.new_sender().send_nowait(1)

    meddle(channel, receivers[place], send)
    assert [drain(receiver) for receiver in receivers] == [[0]] * 2


@pytest.mark.parametrize("place", [0, 1])
def test_a_close_in_the_midst_of_a_send(place: int) -> None:
    """The outer message was sent, so every receiver gets the message before the end."""
    channel = Broadcast[int]()
    receivers = [channel.new_receiver(), channel.new_receiver()]

    def close() -> None:
        channel.close()
        with pytest.raises(SenderError):
            channel.new_sender().send_nowait(1)

    meddle(channel, receivers[place], close)
    for receiver in receivers:
        assert receiver.receive_nowait() == 0
        with pytest.raises(ReceiverStoppedError):
            receiver.receive_nowait()


async def test_a_send_after_a_close_in_the_midst_of_a_send() -> None:
    """The channel is closed for a task that sends next, although every receiver has room."""
    channel = Broadcast[int]()
    receiver = channel.new_receiver()
    meddle(channel, receiver, channel.close)
    with pytest.raises(SenderError):
        await channel.new_sender().send(1)
    assert drain(receiver) == [0]


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("closed", [0, 1])
def test_a_receiver_that_closes_in_the_midst_of_a_send(place: int, closed: int) -> None:
    """The open receivers get the message, and the closed receiver keeps no message."""
    channel = Broadcast[int]()
    receivers: list[Any] = [channel.new_receiver(), channel.new_receiver()]
    meddle(channel, receivers[place], receivers[closed].close)
    assert drain(receivers[1 - closed]) == [0]
    assert not (receivers[closed]._core.buffer and place != closed)


@pytest.mark.parametrize("replay", [0, 1])
def test_a_receiver_that_opens_in_the_midst_of_a_send(replay: int) -> None:
    """The new receiver has the message once if the channel keeps messages, or else not at all."""
    channel = Broadcast[int](replay=replay)
    opened: list[Any] = []
    meddle(channel, channel.new_receiver(), lambda: opened.append(channel.new_receiver()))
    channel.new_sender().send_nowait(1)
    assert drain(opened[0]) == [0, 1][1 - replay :]


def test_a_receiver_that_opens_when_a_kept_message_goes() -> None:
    """The new receiver starts with the message that is on its way, and gets the message once."""
    channel = Broadcast[Any](replay=1)
    opened: list[Any] = []
    sender = channel.new_sender()
    sender.send_nowait(Finalized(lambda: opened.append(channel.new_receiver())))
    sender.send_nowait(1)
    sender.send_nowait(2)
    assert drain(opened[0]) == [1, 2]


class CopiedTooEarly(deque[int]):
    """Messages that act once, when a copy of these messages begins. The copy does not show that."""

    def __init__(self, messages: list[int], act: Callable[[], object]) -> None:
        super().__init__(messages)
        self.act = act

    def __iter__(self) -> Iterator[int]:
        return self._copy([*super().__iter__()])

    def __reversed__(self) -> Iterator[int]:
        return self._copy([*super().__reversed__()])

    def _copy(self, messages: list[int]) -> Iterator[int]:
        act, self.act = self.act, lambda: None
        act()
        return iter(messages)


def test_a_send_in_the_midst_of_a_subscribe() -> None:
    """The new receiver starts with this message, too."""
    channel = Broadcast[int](replay=2)
    sender = channel.new_sender()
    channel._core.replay_buffer = CopiedTooEarly([0], lambda: sender.send_nowait(1))
    receiver = channel.new_receiver()
    hubs.check(channel._core)
    assert drain(receiver) == [0, 1]


def test_a_receiver_that_starts_full_and_is_made_again() -> None:
    """The receiver that was made in vain blocks no sender."""
    channel = Broadcast[int](limit=1, replay=2)
    sender = channel.new_sender()
    channel._core.replay_buffer = CopiedTooEarly([0], lambda: sender.send_nowait(1))
    receiver: Any = channel.new_receiver()
    assert [*channel._core.blockers] == [receiver._core]
    assert drain(receiver) == [1]
    hubs.check(channel._core)


def test_a_send_while_the_last_messages_are_copied() -> None:
    """Python notices that the messages change, and they are copied again."""

    class Changing(deque[int]):
        def __reversed__(self) -> Iterator[int]:
            messages = super().__reversed__()
            if len(self) < 3:
                sender.send_nowait(2)
            return messages

    channel = Broadcast[int](replay=10)
    sender = channel.new_sender()
    channel._core.replay_buffer = Changing([0, 1])
    receiver = channel.new_receiver()
    sender.send_nowait(3)
    assert drain(receiver) == [0, 1, 2, 3]


def test_a_send_in_the_midst_of_a_clone() -> None:
    """The clone gets this message, too."""
    channel = Broadcast[int]()
    receiver: Any = channel.new_receiver()
    sender = channel.new_sender()
    receiver._core.buffer = CopiedTooEarly([0], lambda: sender.send_nowait(1))
    clone = receiver.clone()
    hubs.check(channel._core)
    assert drain(clone) == [0, 1]


def test_a_receive_in_the_midst_of_a_send() -> None:
    """The inner receive takes a message that was stored before the send."""
    channel = Broadcast[int](limit=2)
    one, two = channel.new_receiver(), channel.new_receiver()
    two_messages: list[int] = []
    channel.new_sender().send_nowait(9)
    drain(one)

    def receive() -> None:
        with suppress(WouldBlock):
            two_messages.append(two.receive_nowait())

    meddle(channel, one, receive)
    assert (drain(one), two_messages + drain(two)) == ([0], [9, 0])


async def test_room_that_comes_while_a_sender_begins_to_wait() -> None:
    """The sender looks again, and sends; or finds that the channel is closed."""
    for act, error in (("receive", None), ("close", SenderError)):
        channel = Broadcast[int](limit=1)
        receiver, core = channel.new_receiver(), channel._core
        channel.new_sender().send_nowait(0)
        make_waiter = core.make_waiter

        def meddle(binding: Any, act: str = act, make: Any = make_waiter) -> Any:
            waiter = make(binding)
            if act == "receive":
                receiver.receive_nowait()  # noqa: B023  called in this round of the loop only
            else:
                channel.close()  # noqa: B023  as above
            return waiter

        core.make_waiter = meddle
        with pytest.raises(error) if error else nullcontext():
            await channel.new_sender().send(1)
        assert drain(receiver) == [0 if error else 1]


async def test_a_message_that_comes_while_a_receiver_begins_to_wait() -> None:
    """The receiver looks again, and has the message."""
    channel = Broadcast[int]()
    receiver: Any = channel.new_receiver()
    make_waiter = receiver._core.make_waiter

    def send(binding: Any) -> Any:
        waiter = make_waiter(binding)
        channel.new_sender().send_nowait(7)
        return waiter

    receiver._core.make_waiter = send
    assert await receiver.receive() == 7
    hubs.check(channel._core)


def test_a_receiver_that_is_at_risk_again_after_a_rest() -> None:
    """A task of the receiver was woken again in the last turn, and has not run since."""
    hub = hubs.new_hub(limit=1, overflow="drop_oldest")
    receiver = hubs.open_receiver(hub)

    def fill() -> None:
        receiver.take()
        receiver.receivers[HandWaiter()] = 0
        hub.offer(0)
        hub.offer(1)

    fill()
    assert receiver in hub.at_risk
    rest: Any = hub.checkpoint()
    rest.send(None)
    fill()
    finish(rest)
    assert receiver in hub.at_risk
    finish(hub.checkpoint())
    assert receiver not in hub.at_risk


def finish(coroutine: Any) -> None:
    """Run a coroutine to its end."""
    with suppress(StopIteration):
        while True:
            coroutine.send(None)


def test_a_close_before_a_message_has_reached_a_task_that_waits() -> None:
    """The task is given the message, and not the end."""
    hub = hubs.new_hub()
    first, second = hubs.open_receiver(hub), hubs.open_receiver(hub)
    second.receivers[waiter := HandWaiter()] = 0
    buffer: Any = Acting(hub.close)
    first.buffer = buffer
    assert hub.offer(7)
    assert waiter.result() == 7
    assert second.ended


def test_a_batch_counts_once() -> None:
    """Only the first message of a batch counts as an operation."""
    hub = hubs.new_hub()
    receiver = hubs.open_receiver(hub)
    hub.put_many(deque([7, 8, 9]))
    receiver.budget.spent = 5
    assert receiver.take_many(2) == [7, 8]
    assert receiver.budget.spent == 5


def test_a_receiver_whose_task_was_given_a_message_that_came_back() -> None:
    """The receiver is at risk, as after a send."""
    hub = hubs.new_hub(limit=1, overflow="drop_oldest")
    receiver = hubs.open_receiver(hub)
    hub.offer(7)
    assert receiver.take_leased() == 7
    receiver.receivers[HandWaiter()] = 0
    receiver.give_back(7, 1)
    hub.offer(8)
    assert receiver in hub.at_risk


def test_a_receive_that_lets_a_sender_go_on() -> None:
    """Only a receive from the blocking receiver helps, and only if it is not over its limit."""
    hub = hubs.new_hub(limit=1)
    receiver, other = hubs.open_receiver(hub), hubs.open_receiver(hub, limit=2)
    hub.offer(7)
    hub.senders[waiter := HandWaiter()] = 8
    assert other.take() == 7
    assert not waiter.done()
    receiver.put_back(6)
    assert receiver.take() == 6
    assert not waiter.done()
    assert receiver.take() == 7
    assert waiter.done()
    assert (receiver.take(), other.take()) == (8, 8)


def test_a_receiver_that_closes_while_a_task_waits() -> None:
    """The task is woken, and the receiver is forgotten."""
    hub = hubs.new_hub()
    receiver = hubs.open_receiver(hub)
    receiver.receivers[waiter := HandWaiter()] = 0
    receiver.detach(receiver.receivers, [waiter])
    assert waiter.done()
    assert waiter.result() is NOTHING
    assert not hub.subscriptions


def test_a_join_in_the_midst_of_a_send() -> None:
    """The join waits for a message that is on its way to a receiver."""
    hub = hubs.new_hub()
    first, second = hubs.open_receiver(hub), hubs.open_receiver(hub)
    hub.offer(7)
    second.take()
    hub.add_joiner(waiter := HandWaiter())
    buffer: Any = Acting(lambda: first.take_many(2))
    second.buffer = buffer
    hub.offer(8)
    assert first.idle
    assert not waiter.done()
    assert second.take() == 8
    assert waiter.done()


def test_a_receiver_at_risk_that_closes() -> None:
    """The hub forgets a receiver at risk that is closed."""
    hub = hubs.new_hub(limit=1, overflow="drop_oldest")
    receiver = hubs.open_receiver(hub)
    receiver.receivers[HandWaiter()] = 0
    hub.put_many(deque([7, 8]))
    assert receiver in hub.at_risk
    receiver.detach(receiver.receivers, [])
    hubs.check(hub)


def test_a_receiver_that_opens_in_a_closed_channel() -> None:
    """The receiver gets the messages that the channel keeps, and then the end."""
    hub = hubs.new_hub(replay=1)
    hub.offer(7)
    hub.close()
    receiver = hubs.open_receiver(hub)
    assert receiver.take() == 7
    assert receiver.ended


def test_a_gap_is_told_once() -> None:
    """The message after the gap comes next."""
    hub = hubs.new_hub(limit=1, overflow="drop_oldest")
    receiver = hubs.open_receiver(hub)
    hub.put_many(deque([7, 8]))
    assert [receiver.take_lag(), receiver.take_lag(), receiver.take()] == [1, 0, 8]


def test_when_a_send_is_ready() -> None:
    """A send is ready if no receiver is full, or if the send can only raise."""
    channel = Broadcast[int](limit=1)
    receiver, sender = channel.new_receiver(), channel.new_sender()
    sending: Any = sender.sending(1)
    assert sending.find_ready() is sending
    sender.send_nowait(0)
    assert sending.find_ready() is None
    receiver.receive_nowait()
    assert sending.find_ready() is sending
    sender.send_nowait(0)
    channel.close()
    assert sending.find_ready() is sending


def test_a_send_counts_once() -> None:
    """A send counts once, however many tasks the send wakes."""
    hub = hubs.new_hub()
    for _ in range(3):
        hubs.open_receiver(hub).receivers[HandWaiter()] = 0
    spent = hub.budget.spent
    hub.offer(7)
    assert hub.budget.spent == spent + 1
    hub.put_many(deque([8, 9]))
    assert hub.budget.spent == spent + 2


def test_a_join_waits_for_a_sender_that_goes_on_by_a_close() -> None:
    """The blocking receiver closes, and the receiver that had read all gets the message now."""
    hub = hubs.new_hub(limit=1)
    full, empty = hubs.open_receiver(hub), hubs.open_receiver(hub)
    hub.offer(7)
    empty.take()
    hub.senders[HandWaiter()] = 8
    hub.add_joiner(waiter := HandWaiter())
    full.detach(full.receivers, [])
    assert not waiter.done()
    assert empty.take() == 8
    assert waiter.done()
    hubs.check(hub)


def is_watched(receiver: Subscription[Any]) -> bool:
    """Return whether the hub is told when the receiver has read all."""
    return receiver.unwatched is not receiver.buffer


def test_nothing_is_watched_when_nobody_joins() -> None:
    """A receive is fast again once the receiver was read."""
    hub = hubs.new_hub()
    receiver = hubs.open_receiver(hub)
    hub.offer(7)
    hub.add_joiner(waiter := HandWaiter())
    assert is_watched(receiver)
    receiver.take()
    assert waiter.woken
    assert not is_watched(receiver)


class Finalized:
    """A message that calls a function when the message is dropped."""

    def __init__(self, act: Callable[[], object]) -> None:
        self.act = act

    def __del__(self) -> None:
        self.act()


def test_a_lost_message_whose_finalizer_sends() -> None:
    """The gap is noted before the finalizer runs."""
    channel = Broadcast[Any](limit=1, overflow="drop_oldest")
    receiver = channel.new_receiver()
    sender = channel.new_sender()
    sender.send_nowait(Finalized(lambda: sender.send_nowait(2)))
    sender.send_nowait(1)
    hubs.check(channel._core)
    assert drain_through_gaps(receiver) == ["2", 2]


def test_an_unread_message_whose_finalizer_sends() -> None:
    """The receiver that forgets the message is closed by then."""
    channel = Broadcast[Any](limit=1)
    receiver, other = channel.new_receiver(), channel.new_receiver()
    sender = channel.new_sender()
    sender.send_nowait(Finalized(lambda: sender.send_nowait(1)))
    drain(other)
    receiver.close()
    hubs.check(channel._core)
    assert drain(other) == [1]


def test_a_function_of_a_map_that_uses_the_channel() -> None:
    """The function runs between two steps of the core."""
    channel = Broadcast[int](limit=1)
    receiver = channel.new_receiver()
    other = channel.new_receiver(overflow="drop_oldest")
    sender = channel.new_sender()

    def send_next(number: int) -> int:
        sender.send_nowait(number + 1)
        return number

    mapped = receiver.map(send_next)
    sender.send_nowait(0)
    assert [mapped.receive_nowait() for _ in range(5)] == list(range(5))
    assert drain_through_gaps(other) == ["5", 5]


def test_a_filter_that_closes_its_receiver() -> None:
    """The message that the filter was asked about is received."""
    channel = Broadcast[int]()
    receiver = channel.new_receiver()
    channel.new_sender().send_nowait(0)

    def close(_: int) -> bool:
        receiver.close()
        return True

    assert receiver.filter(close).receive_nowait() == 0
    assert channel.statistics().open_receivers == 0


def test_a_subscription_is_a_core_of_its_own() -> None:
    """The `senders` of a subscription are the queue of the hub, or an empty queue."""
    channel = Broadcast[int]()
    blocks: Any = channel.new_receiver()
    drops: Any = channel.new_receiver(overflow="drop_oldest")
    cores: list[Any] = [blocks._core, drops._core]
    assert {type(core) for core in cores} == {Subscription}
    assert cores[0].senders is channel._core.senders
    assert cores[1].senders is not channel._core.senders
