"""The errors: their classes, texts and attributes."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from anycast import (
    Anycast,
    ChannelClosedError,
    ChannelError,
    Error,
    ReceiverClosedError,
    ReceiverError,
    ReceiverStoppedError,
    SenderClosedError,
    SenderError,
)
from helpers import STOPPED, begin, raises, task_group

pytestmark = pytest.mark.anyio

FAMILY: list[tuple[type[Error], type[Exception]]] = [
    (Error, RuntimeError),
    (ChannelError, Error),
    (ChannelClosedError, ChannelError),
    (SenderError, Error),
    (SenderError, anyio.BrokenResourceError),
    (SenderClosedError, SenderError),
    (SenderClosedError, anyio.ClosedResourceError),
    (ReceiverError, Error),
    (ReceiverStoppedError, ReceiverError),
    (ReceiverStoppedError, anyio.EndOfStream),
    (ReceiverClosedError, ReceiverStoppedError),
    (ReceiverClosedError, anyio.ClosedResourceError),
]


@pytest.mark.parametrize(("error", "base"), FAMILY)
def test_family(error: type[Error], base: type[Exception]) -> None:
    """Code written for frequenz.channels and code written for anyio both catch these."""
    assert issubclass(error, base)


def test_errors_can_be_made_by_users() -> None:
    """A test of a user can raise the errors, whose attributes are the given objects."""
    channel = Anycast[int](name="numbers")
    sender, receiver = channel.new_sender(), channel.new_receiver()
    assert ChannelError("no", channel).channel is channel
    assert SenderError("no", sender).sender is sender
    assert ReceiverError("no", receiver).receiver is receiver
    assert str(ReceiverError("no", receiver)) == "no"


async def use(end: Any, how: str) -> None:
    """Call a method of an endpoint, with an argument if the method needs an argument."""
    arguments: dict[str, list[object]] = {
        "send": [1],
        "send_nowait": [1],
        "send_many": [[1]],
        "receive_many": [1],
    }
    result = getattr(end, how)(*arguments.get(how, []))
    if how == "lease":
        await result.__aenter__()
    elif hasattr(result, "__await__"):
        await result


SENDS = ["send", "send_nowait", "send_many"]
RECEIVES = ["receive", "receive_nowait", "receive_many", "lease"]


@pytest.mark.parametrize("how", SENDS)
async def test_sending_on_a_closed_channel(how: str) -> None:
    """The send raises a SenderError, caused by a ChannelClosedError that has the channel."""
    channel = Anycast[int](name="numbers")
    channel.close()
    sender = channel.new_sender()
    text = "Anycast:numbers:_Sender cannot send: its channel is closed"
    with raises(SenderError, text) as caught:
        await use(sender, how)
    assert caught.value.sender is sender
    check_cause(caught.value, channel)


def check_cause(error: Any, channel: Anycast[int]) -> None:
    """Check that an error was caused by the end of this channel."""
    cause = error.__cause__
    assert cause.channel is channel
    assert str(cause) == "Anycast:numbers is closed"
    assert type(cause) is ChannelClosedError


@pytest.mark.parametrize("how", [*SENDS, "clone"])
@pytest.mark.parametrize("channel_too", [False, True])
async def test_sending_through_a_closed_sender(how: str, channel_too: bool) -> None:
    """The send raises a SenderClosedError without a cause, in an open or a closed channel."""
    channel = Anycast[int](name="numbers")
    sender = channel.new_sender()
    sender.close()
    if channel_too:
        channel.close()
    with raises(SenderClosedError, "Anycast:numbers:_Sender is closed") as caught:
        await use(sender, how)
    assert caught.value.sender is sender
    assert caught.value.__cause__ is None
    assert channel.statistics().messages_sent == 0


@pytest.mark.parametrize("how", RECEIVES)
async def test_receiving_at_the_end(how: str) -> None:
    """The receive raises a ReceiverStoppedError, caused by a ChannelClosedError."""
    channel = Anycast[int](name="numbers")
    channel.close()
    receiver = channel.new_receiver()
    with raises(ReceiverStoppedError, f"Anycast:numbers:_Receiver {STOPPED}") as caught:
        await use(receiver, how)
    assert caught.value.receiver is receiver
    check_cause(caught.value, channel)


@pytest.mark.parametrize("how", [*RECEIVES, "__anext__", "clone"])
@pytest.mark.parametrize("channel_too", [False, True])
async def test_receiving_through_a_closed_receiver(how: str, channel_too: bool) -> None:
    """The receive raises a ReceiverClosedError without a cause, also in a closed channel."""
    channel = Anycast[int](name="numbers")
    channel.new_sender().send_nowait(1)
    receiver = channel.new_receiver()
    receiver.close()
    if channel_too:
        channel.close()
    with raises(ReceiverClosedError, "Anycast:numbers:_Receiver is closed") as caught:
        await use(receiver, how)
    assert caught.value.receiver is receiver
    assert caught.value.__cause__ is None
    assert channel.statistics().current_buffer_used == 1


@pytest.mark.parametrize("how", [*RECEIVES, "__anext__", "clone"])
async def test_a_closed_receiver_of_a_channel_that_has_ended(how: str) -> None:
    """The receiver is closed, and its error says so."""
    channel = Anycast[int](name="numbers")
    receiver = channel.new_receiver()
    channel.close()
    receiver.close()
    with raises(ReceiverClosedError, "Anycast:numbers:_Receiver is closed") as caught:
        await use(receiver, how)
    assert caught.value.__cause__ is None


async def test_iterating_over_a_closed_channel() -> None:
    """``async for`` just ends."""
    channel = Anycast[int]()
    receiver = channel.new_receiver()
    channel.close()
    assert [message async for message in receiver] == []


async def test_two_tasks_blocked_at_close_get_an_error_each() -> None:
    """An exception instance is never shared: its traceback belongs to one task."""
    channel = Anycast[int](limit=1)
    sender = channel.new_sender()
    sender.send_nowait(0)
    async with task_group() as tasks:
        first, second = [await begin(tasks, sender.send, number) for number in (1, 2)]
        channel.close()
    assert first.failure(SenderError) is not second.failure(SenderError)


@pytest.mark.parametrize("message", [None, 0, "", [], False, ValueError("a message"), Ellipsis])
async def test_any_object_is_a_message(message: object) -> None:
    """None, falsy objects and exceptions are ordinary messages."""
    channel = Anycast[object](limit=1)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    await sender.send(message)
    assert await receiver.receive() is message
    async with task_group() as tasks:
        waiting = await begin(tasks, receiver.receive_many, 2)
        await sender.send_many([message])
    assert waiting.result == [message]
