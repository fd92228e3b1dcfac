"""Code that Python runs while a task is about to join a queue: the task looks once more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import invariants
from anycast import (
    Anycast,
    ReceiverStoppedError,
    SenderClosedError,
    SenderError,
    select,
)
from explorer import ByHand, drive_by_hand

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator


@pytest.fixture(autouse=True)
def by_hand() -> Iterator[None]:
    """Run a task as a coroutine by hand: a step of the task is a call."""
    with drive_by_hand(lambda _: 0, refuses=False):
        yield


class Disturbed:
    """A channel in which something is done, once, whenever the next waiter is made.

    Args:
        limit: of the channel.
    """

    def __init__(self, limit: int) -> None:
        self.channel = Anycast[int](limit=limit)
        self.sender = self.channel.new_sender()
        self.receiver = self.channel.new_receiver()

    def at_the_next_wait(self, action: Callable[[], object]) -> None:
        """Do something while the next waiter is made, as a finalizer would."""
        core: Any = self.channel._core
        core._use_backend(ByHand)
        actions = [action]

        def make_waiter(binding: Any) -> Any:
            if actions:
                actions.pop()()
            return ByHand.new_waiter(binding)

        core.make_waiter = make_waiter

    def check(self) -> None:
        """Check that no task waits in the channel for a message that is there."""
        invariants.check(self.channel._core)


def end(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine to its end in a single step, and return the result."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("it waits")


RECEIVES: dict[str, Callable[[Disturbed], Coroutine[Any, Any, Any]]] = {
    "receive": lambda disturbed: disturbed.receiver.receive(),
    "anext": lambda disturbed: disturbed.receiver.__anext__(),
    "receive_many": lambda disturbed: disturbed.receiver.receive_many(2),
    "select": lambda disturbed: select(disturbed.receiver.receiving()),
}
SENDS: dict[str, Callable[[Disturbed], Coroutine[Any, Any, Any]]] = {
    "send": lambda disturbed: disturbed.sender.send(1),
    "send_many": lambda disturbed: disturbed.sender.send_many([1]),
    "select": lambda disturbed: select(disturbed.sender.sending(1)),
}
receives = pytest.mark.parametrize("receive", RECEIVES)
sends = pytest.mark.parametrize("send", SENDS)


def result(done: Any) -> Any:
    """Return the result of an operation, whichever call made the operation."""
    if isinstance(done, int):
        return done
    return next(iter(done)) if hasattr(done, "append") else done.result()


@receives
def test_a_message_that_is_sent_before_the_receiver_stands_in_line(receive: str) -> None:
    """The message is received at once."""
    disturbed = Disturbed(limit=1)
    disturbed.at_the_next_wait(lambda: disturbed.sender.send_nowait(7))
    assert result(end(RECEIVES[receive](disturbed))) == 7
    disturbed.check()


@receives
@pytest.mark.parametrize("closes", ["channel", "receiver"])
def test_a_close_before_the_receiver_stands_in_line(receive: str, closes: str) -> None:
    """The receive notices the close."""
    disturbed = Disturbed(limit=1)
    disturbed.at_the_next_wait(getattr(disturbed, closes).close)
    with pytest.raises((ReceiverStoppedError, StopAsyncIteration)):
        result(end(RECEIVES[receive](disturbed)))
    disturbed.check()


@sends
def test_room_that_is_made_before_the_sender_stands_in_line(send: str) -> None:
    """The message is stored at once."""
    disturbed = Disturbed(limit=1)
    disturbed.sender.send_nowait(0)
    disturbed.at_the_next_wait(disturbed.receiver.receive_nowait)
    end(SENDS[send](disturbed))
    disturbed.check()
    assert disturbed.receiver.receive_nowait() == 1


@sends
@pytest.mark.parametrize(
    ("closes", "error"), [("channel", SenderError), ("sender", SenderClosedError)]
)
def test_a_close_before_the_sender_stands_in_line(
    send: str, closes: str, error: type[SenderError[int]]
) -> None:
    """The send raises, and its message is not sent."""
    disturbed = Disturbed(limit=0)
    disturbed.at_the_next_wait(getattr(disturbed, closes).close)
    with pytest.raises(error):
        result(end(SENDS[send](disturbed)))
    disturbed.check()
    assert disturbed.channel.statistics().messages_sent == 0
