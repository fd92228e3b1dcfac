"""Code that Python runs in the midst of a transition: finalizers, and handlers of signals."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from anyio import WouldBlock

import invariants
from anycast import Anycast, select
from anycast._core import Core
from anycast._selection import _Arm
from explorer import HandWaiter, drive_by_hand

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine


class Disturbing(HandWaiter):
    """A waiter that does something else in the very moment in which it is woken."""

    def __init__(self, disturb: Callable[[], object]) -> None:
        super().__init__()
        self._disturb = disturb

    def set_result(self, _: None) -> None:
        self._disturb()
        super().set_result(_)


def new_core(limit: float) -> Core[int]:
    """Return the core of a new channel."""
    return Core(Anycast, "disturbed", limit=limit, yield_every=64, auto_close=False)


def put(core: Core[int], message: int) -> None:
    """Send as a newcomer."""
    core.put(message)


def take(core: Core[int]) -> int:
    """Receive as a newcomer."""
    return core.take()


def test_a_message_that_comes_while_a_receiver_is_woken() -> None:
    """It is promised to the next receiver, and to nobody twice."""
    core = new_core(limit=3)
    first, second = Disturbing(lambda: put(core, 2)), HandWaiter()
    core.join(core.receivers, first, first)
    core.join(core.receivers, second, second)
    put(core, 1)
    invariants.check(core)
    assert list(core.receivers.promised) == [first, second]
    assert list(core.buffer) == [1, 2]


def test_room_that_comes_while_a_sender_is_woken() -> None:
    """It is promised to the next sender, and to nobody twice."""
    core = new_core(limit=2)
    put(core, 1)
    put(core, 2)
    first, second = Disturbing(partial(take, core)), HandWaiter()
    core.join(core.senders, first, first)
    core.join(core.senders, second, second)
    assert take(core) == 1
    invariants.check(core)
    assert list(core.senders.promised) == [first, second]


def test_a_close_while_a_sender_is_woken() -> None:
    """Nobody keeps a promise of room in a closed channel."""
    core = new_core(limit=1)
    put(core, 1)
    waiters = [Disturbing(core.close), HandWaiter()]
    for waiter in waiters:
        core.join(core.senders, waiter, waiter)
    take(core)
    invariants.check(core)
    assert all(waiter.woken for waiter in waiters)


def test_an_error_while_a_receiver_is_woken() -> None:
    """The core goes on to work for the others."""

    def fail() -> None:
        raise ZeroDivisionError

    core = new_core(limit=3)
    first = Disturbing(fail)
    core.join(core.receivers, first, first)
    with pytest.raises(ZeroDivisionError):
        put(core, 1)
    second = HandWaiter()
    core.join(core.receivers, second, second)
    put(core, 2)
    assert second.woken


def test_a_message_that_is_being_promised_cannot_be_taken() -> None:
    """It is set aside before anything else may run."""
    core = new_core(limit=3)
    free: list[bool] = []
    first = Disturbing(lambda: free.append(core.is_free(core.receivers)))
    core.join(core.receivers, first, first)
    put(core, 1)
    assert free == [False]


def test_a_receiver_that_refuses_takes_its_room_along(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sender that was promised that room waits again, in the same step."""
    monkeypatch.setattr(HandWaiter, "refuses", True)
    core = new_core(limit=0)
    senders, receivers = ([HandWaiter(), HandWaiter()] for _ in range(2))
    for waiter in senders:
        core.join(core.senders, waiter, waiter)
    for waiter in receivers:
        core.join(core.receivers, waiter, waiter)
    receivers[0].leaving = True  # and does not know it yet
    assert core.redeem(core.senders, senders[0])
    put(core, 1)
    invariants.check(core)
    assert list(core.receivers.promised) == [receivers[1]]
    assert list(core.senders.waiting) == [senders[1]]


def test_a_receiver_that_refuses_takes_its_room_from_a_batch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What there is no room for any more stays in the batch."""
    monkeypatch.setattr(HandWaiter, "refuses", True)
    core = new_core(limit=0)
    receivers = [HandWaiter(), HandWaiter()]
    for waiter in receivers:
        core.join(core.receivers, waiter, waiter)
    receivers[0].leaving = True  # and does not know it yet
    batch: deque[Any] = deque([1, 2])
    core.put_many(batch)
    invariants.check(core)
    assert list(core.receivers.promised) == [receivers[1]]
    assert list(batch) == [2]


def test_a_sender_that_refuses_is_promised_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The room goes to the next in line, in the same step."""
    monkeypatch.setattr(HandWaiter, "refuses", True)
    core = new_core(limit=1)
    put(core, 1)
    first, second = HandWaiter(), HandWaiter()
    core.join(core.senders, first, first)
    core.join(core.senders, second, second)
    first.leaving = True
    take(core)
    invariants.check(core)
    assert list(core.senders.promised) == [second]


def test_a_finalizer_of_the_last_result_of_an_operation() -> None:
    """It runs when whoever waits has been promised the room that the next one left."""

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
    with drive_by_hand(lambda _: 0, refuses=False):
        blocked = sender.send("waiting")
        blocked.send(None)
    finish(select(received))
    finish(blocked)
    assert channel.new_receiver().receive_nowait() == "waiting"


class Selecting:
    """A `select` that receives from several channels, and waits.

    Args:
        kind, name: a method, which somebody disturbs.
        after: how many undisturbed calls of it come before.
    """

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, kind: type[Any], name: str, after: int = 0
    ) -> None:
        self.channels = [Anycast[int](limit=0) for _ in range(4)]
        self.receivers = [channel.new_receiver() for channel in self.channels]
        self.operations = [receiver.receiving() for receiver in self.receivers]
        self.task = select(*self.operations)
        calls = count()
        undisturbed = getattr(kind, name)

        def disturbed(*arguments: Any) -> None:
            undisturbed(*arguments)
            if self.disturbing and next(calls) == after:
                self.channels[1].new_sender().send_nowait(1)

        self.disturbing = False
        monkeypatch.setattr(kind, name, disturbed)

    def check(self) -> None:
        """Check that it waits nowhere any more, and took nothing but what it returned."""
        for channel, receiver in zip(self.channels, self.receivers, strict=True):
            invariants.check(channel._core)
            assert not channel._core.receivers
            assert not receiver.places  # type: ignore[attr-defined]
            assert not channel._core.reserved


def test_whoever_sends_to_a_select_that_is_leaving(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has performed another operation: the message is for the next one."""
    with drive_by_hand(lambda _: 0, refuses=False):
        selecting = Selecting(monkeypatch, _Arm, "leave", after=1)  # the first is of the end
        selecting.task.send(None)
        selecting.channels[3].close()
        selecting.disturbing = True
        assert finish(selecting.task) is selecting.operations[3]
    selecting.check()
    assert selecting.channels[1].new_receiver().receive_nowait() == 1


def test_whoever_sends_to_a_select_that_looks_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several ends were closed, each of which it finds in its own time."""
    with drive_by_hand(lambda _: 0, refuses=False):
        selecting = Selecting(monkeypatch, _Arm, "leave")
        selecting.task.send(None)
        for channel in selecting.channels[2:]:
            channel.close()
        selecting.disturbing = True
        assert finish(selecting.task) is selecting.operations[2]
    selecting.check()
    assert selecting.channels[1].new_receiver().receive_nowait() == 1


def test_whoever_sends_to_a_select_that_is_not_in_every_line_yet(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It receives the message, and leaves the lines in which it has stood since, too."""
    with drive_by_hand(lambda _: 0, refuses=False):
        selecting = Selecting(monkeypatch, Core, "join")
        selecting.disturbing = True
        selecting.channels[0], selecting.channels[1] = selecting.channels[1::-1]
        done = finish(selecting.task)
        assert done is selecting.operations[0]
        assert done.result() == 1
    selecting.check()


def finish(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine to its end, which must come in one step; return what it returned."""
    with pytest.raises(StopIteration) as stop:
        coroutine.send(None)
    return stop.value.value
