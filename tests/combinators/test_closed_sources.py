"""Derived receivers whose source was closed: they tell a close from the end of the channel."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from anycast import (
    Anycast,
    ChannelClosedError,
    ReceiverClosedError,
    ReceiverError,
    ReceiverStoppedError,
    merge,
)
from combinations import TRANSPARENT, WAITING, WAYS, Foreign, receive_in_loop
from helpers import STOPPED, begin, drain, raises, settle, task_group

if TYPE_CHECKING:
    from collections.abc import Callable

    from anycast import Receiver

    Combinator = Callable[[Receiver[int]], Receiver[int]]

pytestmark = pytest.mark.anyio

every_combinator = pytest.mark.parametrize("combinator", TRANSPARENT.values(), ids=TRANSPARENT)


def channels(number: int) -> list[Anycast[int]]:
    """Return channels that are named by their numbers."""
    return [Anycast[int](name=str(each)) for each in range(number)]


async def receive_all(receiver: Receiver[int]) -> list[int]:
    """Receive in a loop."""
    return [message async for message in receiver]


@every_combinator
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("ended", [False, True])
async def test_a_closed_source(combinator: Combinator, way: Any, ended: bool) -> None:
    """Every way to receive raises, and names the derived receiver, also where the channel ended."""
    channel = Anycast[int]()
    source = channel.new_receiver()
    receiver = combinator(source)
    if ended:
        channel.close()
    else:
        channel.new_sender().send_nowait(1)
    source.close()
    for _ in range(2):
        with raises(ReceiverClosedError, f"{receiver} is closed") as caught:
            await way(receiver)
        assert (caught.value.receiver, caught.value.__cause__) == (receiver, None)
    assert channel.statistics().messages_received == 0


@every_combinator
@pytest.mark.parametrize("way", WAITING)
async def test_a_source_that_is_closed_while_a_task_waits(combinator: Combinator, way: Any) -> None:
    """The task raises, and the next message goes to another receiver."""
    channel = Anycast[int]()
    source, other = channel.new_receiver(), channel.new_receiver()
    receiver = combinator(source)
    async with task_group() as tasks:
        attempt = await begin(tasks, way, receiver)
        source.close()
        channel.new_sender().send_nowait(1)
    assert attempt.failure(ReceiverClosedError).receiver is receiver
    assert drain(other) == [1]


@every_combinator
async def test_a_source_that_is_closed_in_a_batch(combinator: Combinator) -> None:
    """The batch has what came before the close, and the next receive raises."""
    channel = Anycast[int](limit=0)
    source = channel.new_receiver()
    receiver = combinator(source)
    async with task_group() as tasks:
        attempt = await begin(tasks, receiver.receive_many, 9)
        channel.new_sender().send_nowait(1)
        source.close()
    assert attempt.result == [1]
    with pytest.raises(ReceiverClosedError):
        await receiver.receive_many(9)


@pytest.mark.parametrize("function", ["map", "filter"])
async def test_a_function_that_raises_the_error_of_a_closed_receiver(function: str) -> None:
    """The error is an ordinary error of the function, even after the end of the channel."""
    channel = Anycast[int]()
    source = channel.new_receiver()
    channel.new_sender().send_nowait(1)
    channel.close()

    def fail(_: int) -> NoReturn:
        raise ReceiverClosedError(source)

    receiver = getattr(source, function)(fail)
    with pytest.raises(ReceiverClosedError) as caught:
        await receive_all(receiver)
    assert caught.value.receiver is source
    assert await receive_all(receiver) == []


async def test_a_loop_over_another_kind_of_receiver() -> None:
    """The loop tells a close from the end, as a loop over every receiver does."""
    channel = Anycast[int]()
    ends, closed = Foreign(channel.new_receiver()), Foreign(channel.new_receiver())
    channel.close()
    assert await receive_all(ends) == []
    closed.close()
    with pytest.raises(ReceiverClosedError):
        await receive_all(closed)


# A merge.


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("closed_first", [True, False])
async def test_a_merge_of_a_closed_source(way: Any, closed_first: bool) -> None:
    """The merge raises when the second source has ended, in either order."""
    one, two = channels(2)
    source = one.new_receiver()
    receiver = merge(source, two.new_receiver())
    for stop in (source.close, two.close) if closed_first else (two.close, source.close):
        stop()
    for _ in range(2):
        with raises(ReceiverClosedError, f"{receiver} is closed") as caught:
            await way(receiver)
        assert (caught.value.receiver, caught.value.__cause__) == (receiver, None)


@pytest.mark.parametrize("way", WAYS)
async def test_a_merge_remembers_a_source_that_was_closed(way: Any) -> None:
    """The merge goes on with the other source, and raises when that source has ended."""
    one, two = channels(2)
    source = one.new_receiver()
    receiver = merge(source, two.new_receiver())
    async with task_group() as tasks:
        attempt = await begin(tasks, receiver.receive)
        source.close()
        await settle()
        assert attempt.outcome == "unfinished"
        two.new_sender().send_nowait(2)
    assert attempt.result == 2
    two.close()
    with raises(ReceiverClosedError, f"{receiver} is closed"):
        await way(receiver)


async def test_a_loop_over_a_merge_of_a_closed_source() -> None:
    """The loop drains the other source before the loop raises."""
    one, two = channels(2)
    source = one.new_receiver()
    receiver = merge(source, two.new_receiver())
    one.new_sender().send_nowait(1)
    source.close()
    await two.new_sender().send_many([2, 3])
    two.close()
    received: list[int] = []

    async def loop() -> None:
        async for message in receiver:
            received.append(message)  # noqa: PERF401  the loop raises, and these stay

    with pytest.raises(ReceiverClosedError):
        await loop()
    assert received == [2, 3]


async def test_all_tasks_that_receive_through_a_merge_of_a_closed_source() -> None:
    """Each task raises, although only one task noticed the close."""
    one, two = channels(2)
    source = one.new_receiver()
    receiver = merge(source, two.new_receiver())
    async with task_group() as tasks:
        attempts = [await begin(tasks, receive_in_loop, receiver)]
        source.close()
        attempts += [await begin(tasks, receive_in_loop, receiver) for _ in range(2)]
        two.close()
    for attempt in attempts:
        attempt.failure(ReceiverClosedError)


async def test_a_merge_that_is_closed_after_a_source_has_ended() -> None:
    """A task that waits in the merge raises."""
    one, two = channels(2)
    receiver = merge(one.new_receiver(), two.new_receiver())
    async with task_group() as tasks:
        attempt = await begin(tasks, receive_in_loop, receiver)
        one.close()
        await settle()
        receiver.close()
    attempt.failure(ReceiverClosedError)


async def test_a_source_that_is_closed_after_its_end() -> None:
    """The merge has noticed the end of the channel by then, and so a later close does not count."""
    one, two = channels(2)
    source = one.new_receiver()
    receiver = merge(source, two.new_receiver())
    async with task_group() as tasks:
        attempt = await begin(tasks, receive_all, receiver)
        one.close()
        await settle()
        source.close()
        two.new_sender().send_nowait(2)
        two.close()
    assert attempt.result == [2]


async def test_a_merge_of_a_closed_source_can_receive_what_comes_back() -> None:
    """A destroyed task may give a message back after the merge has raised."""
    one, two = channels(2)
    source, last = one.new_receiver(), two.new_receiver()
    receiver = merge(source, last)
    two.new_sender().send_nowait(2)
    message = await last.receive()
    source.close()
    async with task_group() as tasks:
        (await begin(tasks, receiver.receive)).cancel()  # has noticed the close
    two.close()
    for _ in range(2):
        with pytest.raises(ReceiverClosedError):
            await receiver.receive()
    two._core.put_back(message)
    assert await receiver.receive() == 2
    with pytest.raises(ReceiverClosedError):
        await receiver.receive()


@pytest.mark.parametrize("used", ["before", "after", "never"])
async def test_a_merge_of_a_merge_that_has_lost_a_source(used: str) -> None:
    """The outer merge raises, whether the inner merge noticed the close before or after, or not."""
    one, two, three = channels(3)
    source = one.new_receiver()
    inner = merge(source, two.new_receiver())
    source.close()
    two.new_sender().send_nowait(2)
    two.new_sender().send_nowait(2)

    async def notice() -> None:
        two_more = await begin(tasks, inner.receive_many, 2)
        waits = await begin(tasks, inner.receive)
        assert two_more.result == [2, 2]
        waits.cancel()
        await settle()

    async with task_group() as tasks:
        if used == "before":
            await notice()
        outer = merge(inner, merge(three.new_receiver()))
        if used == "after":
            await notice()
    two.close()
    three.close()
    with raises(ReceiverClosedError, f"{outer} is closed"):
        while True:
            await outer.__anext__()


async def test_a_merge_joined_to_many_after_a_source_was_closed() -> None:
    """The outer merge learns of the close at any depth of the inner merge."""
    closed, other, *rest = channels(9)
    source = closed.new_receiver()
    inner = merge(source, other.new_receiver())
    source.close()
    async with task_group() as tasks:
        (await begin(tasks, inner.receive)).cancel()
    outer = reduce(merge, [inner, *(channel.new_receiver() for channel in rest)])
    for channel in (other, *rest):
        channel.close()
    with pytest.raises(ReceiverClosedError):
        await receive_all(outer)


async def test_an_inner_merge_whose_outer_merge_has_lost_a_source() -> None:
    """A close of a source of the outer merge changes nothing for the inner merge."""
    one, two = channels(2)
    inner = merge(one.new_receiver())
    source = two.new_receiver()
    outer = merge(inner, source)
    source.close()
    one.close()
    with pytest.raises(ReceiverClosedError):
        await receive_all(outer)
    assert await receive_all(inner) == []


@pytest.mark.parametrize("outer", ["map", "filter"])
async def test_a_function_over_a_merge_of_a_closed_source(outer: str) -> None:
    """The derived receiver raises as the merge does."""
    one, two = channels(2)
    source = one.new_receiver()
    receiver = getattr(merge(source, two.new_receiver()), outer)(bool)
    source.close()
    two.new_sender().send_nowait(2)
    two.close()
    assert await receiver.receive()
    with raises(ReceiverClosedError, f"{receiver} is closed"):
        await receive_all(receiver)


# A channel that fails, as a channel on a server may.


def failing(channel: Anycast[int], monkeypatch: pytest.MonkeyPatch) -> Receiver[int]:
    """Return a receiver that reports a failure in place of the end."""
    receiver = channel.new_receiver()

    def fail() -> NoReturn:
        raise ReceiverError("the server is gone", receiver)

    monkeypatch.setattr(receiver, "raise_stopped", fail)
    return receiver


@every_combinator
async def test_a_loop_over_a_source_that_fails(
    combinator: Combinator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The failure is not mistaken for the end."""
    (channel,) = channels(1)
    receiver = combinator(failing(channel, monkeypatch))
    channel.close()
    with raises(ReceiverError, "the server is gone"):
        await receive_all(receiver)


async def test_a_merge_of_a_source_that_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The merge goes on with the other source, and then raises the failure."""
    one, two = channels(2)
    receiver = merge(failing(one, monkeypatch), two.new_receiver())
    one.close()
    async with task_group() as tasks:
        attempt = await begin(tasks, receiver.receive)
        assert attempt.outcome == "unfinished"
        two.new_sender().send_nowait(2)
    two.close()
    for _ in range(2):
        with raises(ReceiverError, "the server is gone"):
            await receive_all(receiver)


async def test_a_merge_of_sources_that_have_ended() -> None:
    """The loop ends without an error, and the error of a receive tells the channel that ended."""
    one, two = channels(2)
    receiver = merge(one.new_receiver(), two.new_receiver())
    one.close()
    two.close()
    assert await receive_all(receiver) == []
    with raises(ReceiverStoppedError, f"{receiver} {STOPPED}") as caught:
        await receiver.receive()
    assert type(caught.value.__cause__) is ChannelClosedError
