"""Code that Python runs in the midst of a transition: finalizers, and handlers of signals."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from anyio import WouldBlock

import invariants
from anycast import (
    Anycast,
    ReceiverStoppedError,
    SenderClosedError,
    SenderError,
    select,
)
from explorer import ByHand, HandWaiter, drive_by_hand

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from anycast import Receiver


@pytest.fixture(autouse=True)
def by_hand() -> Iterator[None]:
    """Run a task as a coroutine by hand: a step of the task is a call."""
    with drive_by_hand(lambda _: 0, refuses=False):
        yield


@pytest.fixture
def refusing() -> Iterator[None]:
    """Give waiters that know of a cancellation of the task, as a future of asyncio does."""
    with drive_by_hand(lambda _: 0, refuses=True):
        yield


def wait(coroutine: Coroutine[Any, Any, object]) -> HandWaiter:
    """Run a task until the task waits, and return the waiter."""
    waiter: HandWaiter = coroutine.send(None)
    return waiter


def finish(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine to its end in a single step, and return the result."""
    with pytest.raises(StopIteration) as stop:
        coroutine.send(None)
    return stop.value.value


def in_line(channel: Anycast[Any]) -> list[Any]:
    """Return the waiters in the queues of a channel, whether they wait or are left over."""
    return [*channel._core.senders, *channel._core.receivers]


def disturb(monkeypatch: pytest.MonkeyPatch, action: Callable[[], object]) -> None:
    """Do something else in the very moment in which the next task is woken."""
    undisturbed, todo = HandWaiter.set_result, [action]

    def disturbed(waiter: HandWaiter, result: Any) -> None:
        if todo:
            todo.pop()()
        undisturbed(waiter, result)

    monkeypatch.setattr(HandWaiter, "set_result", disturbed)


class Ends:
    """A channel that holds some messages, and two endpoints."""

    def __init__(self, limit: float, *messages: int) -> None:
        self.channel = Anycast[int](limit=limit)
        self.sender = self.channel.new_sender()
        self.receiver = self.channel.new_receiver()
        for message in messages:
            self.sender.send_nowait(message)

    def receiving(self) -> Coroutine[Any, Any, int]:
        """Return a task that waits to receive through its own endpoint."""
        task = self.channel.new_receiver().receive()
        wait(task)
        return task

    def sending(self, message: int) -> Coroutine[Any, Any, None]:
        """Return a task that waits to send through its own endpoint."""
        task = self.channel.new_sender().send(message)
        wait(task)
        return task

    def stored(self) -> list[int]:
        """Return the stored messages, after a check of the invariants."""
        invariants.check(self.channel._core)
        return list(self.channel._core.buffer)


def test_a_message_that_comes_while_a_receiver_is_woken(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next receiver gets the new message, and each receiver gets one message."""
    ends = Ends(3)
    first, second = ends.receiving(), ends.receiving()
    disturb(monkeypatch, partial(ends.sender.send_nowait, 2))
    ends.sender.send_nowait(1)
    assert ends.stored() == []
    assert (finish(first), finish(second)) == (1, 2)


def test_a_message_that_is_being_handed_over_cannot_be_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Only the receiver that is being woken gets the message."""

    def poll() -> None:
        with pytest.raises(WouldBlock):
            ends.receiver.receive_nowait()

    ends = Ends(3)
    first = ends.receiving()
    disturb(monkeypatch, poll)
    ends.sender.send_nowait(1)
    assert finish(first) == 1


def test_a_receive_while_a_sender_is_woken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each receive takes a message, and another sender goes on."""
    ends, taken = Ends(2, 1, 2), list[int]()
    first, second = ends.sending(3), ends.sending(4)
    disturb(monkeypatch, lambda: taken.append(ends.receiver.receive_nowait()))
    taken.append(ends.receiver.receive_nowait())
    assert sorted(taken) == [1, 2]
    assert sorted(ends.stored()) == [3, 4]
    finish(first)
    finish(second)


def test_a_send_while_a_sender_is_woken(monkeypatch: pytest.MonkeyPatch) -> None:
    """The room belongs to the sender that is woken."""

    def overtake() -> None:
        with pytest.raises(WouldBlock):
            ends.sender.send_nowait(3)

    ends = Ends(1, 1)
    first = ends.sending(2)
    disturb(monkeypatch, overtake)
    assert ends.receiver.receive_nowait() == 1
    assert ends.stored() == [2]
    finish(first)


def has_sent(task: Coroutine[Any, Any, None]) -> bool:
    """Run a sending task to its end, and return whether the task has sent."""
    try:
        finish(task)
    except SenderError:
        return False
    return True


def test_a_close_while_a_sender_is_woken(monkeypatch: pytest.MonkeyPatch) -> None:
    """The send returns with its message sent, or raises, and the senders behind raise."""
    ends = Ends(1, 1)
    first, second = ends.sending(2), ends.sending(3)
    disturb(monkeypatch, ends.channel.close)
    assert ends.receiver.receive_nowait() == 1
    assert ends.stored() == [2] * has_sent(first)
    assert not has_sent(second)


@pytest.mark.parametrize("batch", [False, True])
def test_a_sender_whose_end_is_closed_while_it_is_woken(
    monkeypatch: pytest.MonkeyPatch, *, batch: bool
) -> None:
    """The receive gets the message of the closed sender, or the message of the next sender."""
    ends, messages = Ends(0), deque([1])
    first = ends.sender.send_many(messages) if batch else ends.sender.send(1)
    wait(first)
    second = ends.sending(2)
    disturb(monkeypatch, ends.sender.close)
    received = ends.receiver.receive_nowait()
    assert ends.stored() == []
    if has_sent(first):
        assert received == 1
        second.close()
    else:
        assert received == 2
        assert has_sent(second)
    if batch:
        assert list(messages) == ([] if received == 1 else [1])
    assert ends.channel.statistics().messages_sent == 1


def test_a_receiver_whose_end_is_closed_while_it_is_woken(monkeypatch: pytest.MonkeyPatch) -> None:
    """The closed receiver gets the message, or else the next receiver gets the message."""
    ends = Ends(0)
    first, second = ends.receiver.receive(), ends.channel.new_receiver().receive()
    wait(first)
    wait(second)
    disturb(monkeypatch, ends.receiver.close)
    ends.sender.send_nowait(1)
    assert ends.stored() == []
    try:
        assert finish(first) == 1
    except ReceiverStoppedError:
        assert finish(second) == 1
    assert ends.channel.statistics().messages_received == 1


async def work(receiver: Receiver[int]) -> int:
    """Work on a message."""
    async with receiver.lease() as message:
        return message


def test_a_lease_whose_end_is_closed_while_it_is_woken(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lease gets the message, or else no lease is open, and the channel can end."""
    ends = Ends(0)
    task = work(ends.receiver)
    wait(task)
    disturb(monkeypatch, ends.receiver.close)
    with suppress(WouldBlock):
        ends.sender.send_nowait(1)
    with suppress(ReceiverStoppedError):
        assert finish(task) == 1
    ends.channel.close()
    with pytest.raises(ReceiverStoppedError):
        ends.channel.new_receiver().receive_nowait()
    now = ends.channel.statistics()
    assert now.messages_sent == now.messages_received


def test_an_error_while_a_receiver_is_woken(monkeypatch: pytest.MonkeyPatch) -> None:
    """The core still works for other tasks."""

    def fail() -> None:
        raise ZeroDivisionError

    ends = Ends(3)
    first = ends.receiving()
    disturb(monkeypatch, fail)
    with pytest.raises(ZeroDivisionError):
        ends.sender.send_nowait(1)
    second = ends.receiving()
    ends.sender.send_nowait(2)
    assert ends.stored() == []
    assert finish(second) == 2
    first.close()


@pytest.mark.usefixtures("refusing")
def test_a_receiver_that_is_being_cancelled_is_passed_over() -> None:
    """The message goes to the next in the queue, in the same step."""
    ends = Ends(0)
    first = ends.receiver.receive()
    wait(first).leaving = True  # the task has not noticed the cancellation
    second = ends.receiving()
    ends.sender.send_nowait(1)
    with pytest.raises(WouldBlock):
        ends.sender.send_nowait(2)
    assert finish(second) == 1
    first.close()


@pytest.mark.usefixtures("refusing")
def test_a_lease_that_is_being_cancelled_is_passed_over() -> None:
    """The leaving task opens no lease, so the channel ends after the message is received."""
    ends = Ends(1)
    first = work(ends.receiver)
    wait(first).leaving = True  # the task has not noticed the cancellation
    ends.sender.send_nowait(1)
    ends.channel.close()
    assert ends.receiver.receive_nowait() == 1
    with pytest.raises(ReceiverStoppedError):
        ends.receiver.receive_nowait()
    first.close()


@pytest.mark.usefixtures("refusing")
def test_receivers_that_are_being_cancelled_are_nobody_to_a_batch() -> None:
    """A message without a receiver stays in the batch, in its order."""
    ends, messages = Ends(0), deque([1, 2])
    tasks = [ends.receiver.receive() for _ in range(3)]
    waiters = [wait(task) for task in tasks]
    waiters[0].leaving = waiters[2].leaving = True  # the tasks have not noticed the cancellations
    sending = ends.sender.send_many(messages)
    wait(sending)
    assert finish(tasks[1]) == 1
    assert list(messages) == [2]
    sending.close()
    for task in tasks:
        task.close()


@pytest.mark.usefixtures("refusing")
def test_a_sender_that_is_being_cancelled_is_passed_over() -> None:
    """The room goes to the next in the queue, in the same step."""
    ends = Ends(1, 1)
    first = ends.sender.send(2)
    wait(first).leaving = True
    second = ends.sending(3)
    assert ends.receiver.receive_nowait() == 1
    assert ends.stored() == [3]
    finish(second)
    first.close()


@pytest.mark.usefixtures("refusing")
@pytest.mark.parametrize("size", [1, 9])
@pytest.mark.parametrize("messages", [[1], [1, 2, 3]])
@pytest.mark.parametrize("comes_first", [False, True])
def test_a_batch_that_is_being_cancelled_is_passed_over(
    messages: list[int], size: int, *, comes_first: bool
) -> None:
    """The deque is unchanged, whether one message is taken or several."""
    ends, left = Ends(0), deque(messages)
    leaving, other = ends.sender.send_many(left), ends.sender.send_many([10, 11, 12, 13])
    if not comes_first:
        wait(other)
    wait(leaving).leaving = True
    if comes_first:
        wait(other)
    received: list[int] = []
    while len(received) < 4:
        received += finish(ends.receiver.receive_many(size))
    assert received == [10, 11, 12, 13]
    finish(other)
    assert list(left) == messages
    leaving.close()


def disturb_a_wait(monkeypatch: pytest.MonkeyPatch, action: Callable[[], object]) -> None:
    """Do something else in the very moment in which the next task is about to wait."""
    undisturbed, todo = ByHand.new_waiter, [action]

    def disturbed(binding: Any) -> HandWaiter:
        waiter = undisturbed(binding)
        if todo:
            todo.pop()()
        return waiter

    monkeypatch.setattr(ByHand, "new_waiter", disturbed)


def test_a_message_that_comes_while_a_receiver_is_about_to_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The message is received at once, and a later message later."""
    ends = Ends(2)
    disturb_a_wait(monkeypatch, partial(ends.sender.send_nowait, 1))
    assert finish(ends.receiver.receive()) == 1
    ends.sender.send_nowait(2)
    assert finish(ends.receiver.receive()) == 2


@pytest.mark.parametrize("closes", ["channel", "receiver"])
def test_a_close_while_a_receiver_is_about_to_wait(
    monkeypatch: pytest.MonkeyPatch, closes: str
) -> None:
    """The receive does not wait for a message that never comes."""
    ends = Ends(2)
    disturb_a_wait(monkeypatch, getattr(ends, closes).close)
    with pytest.raises(ReceiverStoppedError):
        ends.receiver.receive().send(None)
    assert not in_line(ends.channel)


def sending_1(ends: Ends, *, batch: bool) -> Coroutine[Any, Any, None]:
    """Return a task that is to send a message."""
    return ends.sender.send_many([1]) if batch else ends.sender.send(1)


@pytest.mark.parametrize("batch", [False, True])
def test_room_that_comes_while_a_sender_is_about_to_wait(
    monkeypatch: pytest.MonkeyPatch, *, batch: bool
) -> None:
    """The send uses the room at once, before a newcomer."""
    ends = Ends(1, 0)
    disturb_a_wait(monkeypatch, ends.receiver.receive_nowait)
    finish(sending_1(ends, batch=batch))
    assert ends.stored() == [1]


@pytest.mark.parametrize("batch", [False, True])
@pytest.mark.parametrize("closes", ["channel", "sender"])
def test_a_close_while_a_sender_is_about_to_wait(
    monkeypatch: pytest.MonkeyPatch, closes: str, *, batch: bool
) -> None:
    """The send raises, and its message is not sent."""
    ends = Ends(1, 0)
    disturb_a_wait(monkeypatch, getattr(ends, closes).close)
    with pytest.raises(SenderError):
        sending_1(ends, batch=batch).send(None)
    assert ends.stored() == [0]
    assert not in_line(ends.channel)


def test_a_finalizer_of_the_last_result_of_an_operation() -> None:
    """The finalizer runs after the waiting sender has used the room of the next message."""

    class Sending:
        def __del__(self) -> None:
            with suppress(WouldBlock):
                sender.send_nowait("newcomer")

    channel = Anycast[Any](limit=1)
    sender = channel.new_sender()
    received = channel.new_receiver().receiving()
    sender.send_nowait(Sending())
    finish(select(received))
    sender.send_nowait("second")
    blocked = sender.send("waiting")
    wait(blocked)
    finish(select(received))
    finish(blocked)
    assert channel.new_receiver().receive_nowait() == "waiting"


class Disturbed(dict[Any, None]):
    """The waiters of an endpoint, which call a function when a waiter is added or removed.

    Args:
        disturb: the function to call, once.
        when: "coming" or "leaving".
    """

    def __init__(self, disturb: Callable[[], object], when: str) -> None:
        super().__init__()
        self._disturb: Callable[[], object] | None = disturb
        self._when = when

    def _happens(self, when: str) -> None:
        disturb = self._disturb
        if disturb is not None and when == self._when:
            self._disturb = None
            disturb()

    def __setitem__(self, waiter: Any, value: None) -> None:
        super().__setitem__(waiter, value)
        self._happens("coming")

    def pop(self, *arguments: Any) -> Any:
        self._happens("leaving")
        return super().pop(*arguments)


class Selecting:
    """A `select` that receives from four channels.

    Args:
        disturbed: the number of the channel at whose end something else is done.
        sends: the number of the channel into which a message is sent then.
        when: whether the function is called when the arm is "coming" or "leaving".
    """

    def __init__(self, disturbed: int, sends: int, when: str) -> None:
        self.channels = [Anycast[int](limit=1) for _ in range(4)]
        self.receivers: list[Any] = [channel.new_receiver() for channel in self.channels]
        self.operations = [receiver.receiving() for receiver in self.receivers]
        sender = self.channels[sends].new_sender()
        self.receivers[disturbed].waiters = Disturbed(partial(sender.send_nowait, 1), when)
        self.task = select(*self.operations)

    def check(self) -> None:
        """Check that the task has left every queue."""
        for channel, receiver in zip(self.channels, self.receivers, strict=True):
            invariants.check(channel._core)
            assert not in_line(channel)
            assert not receiver.waiters


@pytest.mark.parametrize("disturbed", range(4))
@pytest.mark.parametrize("claims", ["a message", "a close"])
def test_whoever_sends_to_a_select_that_is_leaving(disturbed: int, claims: str) -> None:
    """The select performs one operation, and the next receiver gets the other message."""
    selecting = Selecting(disturbed, 2, "leaving")
    wait(selecting.task)
    if claims == "a message":
        selecting.channels[3].new_sender().send_nowait(7)
    else:
        selecting.channels[3].close()
    done = finish(selecting.task)
    selecting.check()
    left = [len(channel._core.buffer) for channel in selecting.channels]
    if done is selecting.operations[2]:
        assert (done.result(), left) == (1, [0, 0, 0, claims == "a message"])
    else:
        assert done is selecting.operations[3]
        assert left == [0, 0, 1, 0]


@pytest.mark.parametrize("disturbed", range(4))
@pytest.mark.parametrize("sends", range(4))
def test_whoever_sends_to_a_select_that_is_not_in_every_line_yet(
    disturbed: int, sends: int
) -> None:
    """The select receives the message, and leaves the queues that it has joined before."""
    selecting = Selecting(disturbed, sends, "coming")
    done = finish(selecting.task)
    assert done is selecting.operations[sends]
    assert done.result() == 1
    selecting.check()


def test_an_end_that_is_closed_while_a_select_is_joining() -> None:
    """The operation of that end has happened, and tells why."""
    channels = [Anycast[int](limit=0) for _ in range(3)]
    senders: list[Any] = [channel.new_sender() for channel in channels]
    operations = [sender.sending(1) for sender in senders]
    senders[1].waiters = Disturbed(senders[0].close, "coming")
    assert finish(select(*operations)) is operations[0]
    with pytest.raises(SenderClosedError):
        operations[0].result()
    assert not any(in_line(channel) for channel in channels)


def test_a_select_that_is_woken_while_another_of_its_operations_gets_ready() -> None:
    """The select receives the message that woke the task, and leaves the other message."""
    channels = [Anycast[int](), Anycast[int]()]
    receivers: list[Any] = [channel.new_receiver() for channel in channels]
    operations = [receiver.receiving() for receiver in receivers]

    def send_to_both() -> None:
        for number, channel in enumerate(channels):
            channel.new_sender().send_nowait(number)

    receivers[1].waiters = Disturbed(send_to_both, "coming")
    assert finish(select(*operations)) is operations[0]
    assert operations[0].result() == 0
    assert receivers[1].receive_nowait() == 1
    assert not any(in_line(channel) for channel in channels)


@pytest.mark.usefixtures("refusing")
def test_a_select_whose_only_peer_is_being_cancelled() -> None:
    """The select receives nothing from a sender that is leaving, and waits."""
    channel = Anycast[int](limit=0)
    sending = channel.new_sender().send(1)
    wait(sending).leaving = True  # and the task does not know it yet
    receiving = channel.new_receiver().receiving()
    first = Anycast[int]().new_receiver().receiving()
    selecting = select(first, receiving, in_order=True)
    wait(selecting)
    channel.new_sender().send_nowait(2)
    assert finish(selecting) is receiving
    assert receiving.result() == 2
    sending.close()


class Disturbing(deque[int]):
    """A deque that does something else when a step asks for its length, once."""

    action: Callable[[], object] | None = None

    def __len__(self) -> int:
        length, action, self.action = super().__len__(), self.action, None
        if action is not None:
            action()
        return length


def test_a_buffer_that_is_emptied_while_a_batch_is_taken() -> None:
    """The batch gets what is left, and each message is received once."""
    core = Ends(3).channel._core
    core.buffer = core.unwatched = buffer = Disturbing([1, 2, 3])
    taken = list[int]()
    buffer.action = lambda: taken.extend([core.take(), core.take()])
    assert core.take_many(9) == [3]
    assert taken == [1, 2]
    buffer.extend([4, 5])
    buffer.action = buffer.clear
    assert core.take_many(1) == []


@pytest.mark.parametrize("most", [1, 9])
def test_a_peer_does_not_ask_a_deque_of_a_subclass_for_its_length(most: int) -> None:
    """The code of the caller runs in the caller's own step only."""
    ends, messages = Ends(0), Disturbing([1, 2, 3])
    task = ends.sender.send_many(messages)
    wait(task)
    messages.action = ends.channel.close
    core = ends.channel._core
    assert [message for _ in range(3) for message in core.take_many(most)] == [1, 2, 3]
    assert not ends.channel.is_closed
    finish(task)


def test_a_close_while_a_batch_is_sent() -> None:
    """No message is stored in the closed channel: the messages stay with the caller, in order."""
    ends, messages = Ends(3, 0), Disturbing([1, 2, 3])
    messages.action = ends.channel.close
    with pytest.raises(SenderError):
        ends.sender.send_many(messages).send(None)
    assert ends.stored() == [0]
    assert list(messages) == [1, 2, 3]


def test_a_message_that_takes_the_room_of_a_batch() -> None:
    """The limit holds, and the messages that have no room stay with the caller, in order."""
    ends, messages = Ends(3), Disturbing([1, 2, 3])
    messages.action = partial(ends.sender.send_nowait, 0)
    task = ends.sender.send_many(messages)
    wait(task)
    assert ends.stored() == [0, 1, 2]
    assert list(messages) == [3]
    task.close()


def test_more_than_the_limit_is_stored_while_a_batch_is_sent() -> None:
    """Only messages of the batch go back to the caller."""
    ends, messages = Ends(3), Disturbing([1])
    messages.action = lambda: ends.channel._core.buffer.extend(range(10, 15))
    ends.channel._core.put_many(messages)
    assert list(ends.channel._core.buffer) == [10, 11, 12, 13, 14]
    assert list(messages) == [1]


def disturb_a_look(monkeypatch: pytest.MonkeyPatch, action: Callable[[], object]) -> None:
    """Do something else when a peer next asks whether a waiter is done."""
    undisturbed, todo = HandWaiter.done, [action]

    def disturbed(waiter: HandWaiter) -> bool:
        if todo:
            todo.pop()()
        return undisturbed(waiter)

    monkeypatch.setattr(HandWaiter, "done", disturbed)


def test_a_close_while_a_batch_is_out_of_its_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    """The task of the batch raises, and does not wait in the closed channel."""
    ends, messages = Ends(0), deque([1, 2])
    task = ends.sender.send_many(messages)
    wait(task)
    disturb_a_look(monkeypatch, ends.channel.close)
    with pytest.raises(WouldBlock):
        ends.receiver.receive_nowait()
    assert ends.stored() == []
    assert not has_sent(task)
    assert list(messages) == [1, 2]


@pytest.mark.parametrize("most", [1, 3])
def test_a_deque_that_is_emptied_while_a_peer_takes(
    monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    """Nothing is received from this deque, and its task goes on at the next receive."""
    ends, messages, others = Ends(0), deque([1, 2, 3]), deque([4, 5, 6])
    tasks = [ends.sender.send_many(messages), ends.sender.send_many(others)]
    for task in tasks:
        wait(task)
    disturb_a_look(monkeypatch, messages.clear)
    received = ends.channel._core.take_many(most)
    received += ends.channel._core.take_many(9)
    assert received == [4, 5, 6]
    for task in tasks:
        finish(task)


def test_a_queue_that_changes_while_a_peer_takes_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """A receive in the midst takes its own messages."""
    ends, taken = Ends(0), list[int]()
    tasks = [ends.sender.send_many([1]), ends.sender.send_many([2]), ends.sender.send_many([3])]
    for task in tasks:
        wait(task)
    disturb_a_look(monkeypatch, lambda: taken.append(ends.receiver.receive_nowait()))
    taken += ends.channel._core.take_many(3)
    assert sorted(taken) == [1, 2, 3]
    for task in tasks:
        finish(task)


def test_a_receive_right_before_a_watched_take(monkeypatch: pytest.MonkeyPatch) -> None:
    """While a task joins, too, each message is received once."""
    ends, taken = Ends(1, 1), list[int]()
    core = ends.channel._core
    core.add_joiner(waiter := HandWaiter())
    undisturbed = type(core).check_thread

    def disturbed(core: Any) -> None:
        undisturbed(core)
        if not taken:
            taken.append(core.buffer.popleft())

    monkeypatch.setattr(type(core), "check_thread", disturbed)
    with pytest.raises(WouldBlock):
        ends.receiver.receive_nowait()
    assert taken == [1]
    core.remove_joiner(waiter)
