"""The promises that a channel keeps in memory and on a server."""

from __future__ import annotations

import math
from collections import deque
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from anyio import CancelScope, WouldBlock, fail_after
from anyio.abc import ObjectReceiveStream, ObjectSendStream
from anyio.lowlevel import checkpoint

from anycast import (
    Anycast,
    Channel,
    ChannelClosedError,
    ReceiverClosedError,
    ReceiverStoppedError,
    SenderClosedError,
    SenderError,
    merge,
)
from helpers import STOPPED, begin, raises, settle, task_group, waiting
from redis_tools import DEADLINE, channel, until

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from servers import Server

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["memory", "server"])
def make(request: pytest.FixtureRequest, server: Server, name: str) -> Callable[..., Channel[Any]]:
    """Make a channel in memory or on a server."""

    def in_memory(limit: float = 10) -> Channel[Any]:
        return Anycast(name=name, limit=limit)

    def on_the_server(limit: float = 10) -> Channel[Any]:
        return channel(server, name, limit=limit)

    return in_memory if request.param == "memory" else on_the_server


@pytest.fixture
async def many_numbers(make: Callable[..., Channel[Any]]) -> AsyncGenerator[Channel[Any]]:
    """Provide an open channel for ten messages."""
    with fail_after(DEADLINE):
        async with make() as numbers:
            yield numbers


@pytest.fixture
async def numbers(make: Callable[..., Channel[Any]]) -> AsyncGenerator[Channel[Any]]:
    """Provide an open channel for two messages."""
    with fail_after(DEADLINE):
        async with make(limit=2) as numbers:
            yield numbers


async def test_messages_come_in_the_order_of_their_sends(numbers: Channel[Any]) -> None:
    """A task sends more messages than there is room for, and another task receives."""
    async with task_group() as tasks:
        tasks.start_soon(numbers.new_sender().send_many, range(50))
        receiver = numbers.new_receiver()
        assert [await receiver.receive() for _ in range(50)] == list(range(50))


async def test_the_argument_of_a_send_has_a_name(numbers: Channel[Any]) -> None:
    """``item`` is the name that `anyio.abc.ObjectSendStream` gives the argument."""
    sender = numbers.new_sender()
    await sender.send(item=1)
    assert await numbers.new_receiver().receive() == 1
    with suppress(WouldBlock):  # on a server, always
        sender.send_nowait(item=2)


async def test_each_message_goes_to_one_receiver(numbers: Channel[Any]) -> None:
    """Three senders, three receivers: what was sent is what was received."""
    received: list[int] = []

    async def receive() -> None:
        received.extend([message async for message in numbers.new_receiver()])

    async with task_group() as receivers:
        for _ in range(3):
            receivers.start_soon(receive)
        async with task_group() as senders:
            for start in range(3):
                senders.start_soon(numbers.new_sender().send_many, range(start, 60, 3))
        await numbers.aclose()
    assert sorted(received) == list(range(60))


async def test_a_full_channel_blocks(numbers: Channel[Any]) -> None:
    """A third message waits until a message of two is received and done."""
    sender, receiver = numbers.new_sender(), numbers.new_receiver()
    await sender.send_many([1, 2])
    async with task_group() as tasks:
        tasks.start_soon(sender.send, 3)
        await until(lambda: waiting(numbers)[0] == 1)
        async with receiver.lease() as message:
            assert message == 1
    assert [await receiver.receive() for _ in range(2)] == [2, 3]


async def test_a_cancelled_send_that_is_blocked_leaves_no_trace(numbers: Channel[Any]) -> None:
    """The message of the cancelled send never arrives, and the message behind does."""
    sender, receiver = numbers.new_sender(), numbers.new_receiver()
    await sender.send_many([1, 2])
    async with task_group() as tasks:
        with CancelScope() as scope:
            tasks.start_soon(cancel_when, scope, lambda: waiting(numbers)[0] == 1)
            await sender.send("cancelled")
        assert scope.cancelled_caught
        tasks.start_soon(sender.send, 3)
        assert [await receiver.receive() for _ in range(3)] == [1, 2, 3]


async def cancel_when(scope: CancelScope, condition: Callable[[], object]) -> None:
    """Cancel a scope as soon as something is so."""
    await until(condition)
    scope.cancel()


async def test_a_cancelled_receive_takes_nothing(numbers: Channel[Any]) -> None:
    """The next receiver gets the message."""
    receiver = numbers.new_receiver()
    async with task_group() as tasks:
        with CancelScope() as scope:
            tasks.start_soon(cancel_when, scope, lambda: waiting(numbers)[1] == 1)
            await receiver.receive()
        assert scope.cancelled_caught
    await numbers.new_sender().send("later")
    assert await receiver.receive() == "later"


async def test_sends_after_close(numbers: Channel[Any]) -> None:
    """The sends raise, and say that the channel is closed."""
    sender = numbers.new_sender()
    await numbers.aclose()
    assert numbers.is_closed
    with raises(SenderError, f"{sender} cannot send: its channel is closed") as raised:
        await sender.send(1)
    cause: Any = raised.value.__cause__
    assert type(cause) is ChannelClosedError
    assert cause.channel is numbers
    with raises(SenderError, f"{sender} cannot send: its channel is closed"):
        sender.send_nowait(1)


async def test_close_wakes_blocked_senders(numbers: Channel[Any]) -> None:
    """The messages of blocked senders are not sent, and accepted messages are received."""
    sender, receiver = numbers.new_sender(), numbers.new_receiver()
    await sender.send_many([1, 2])

    async def fail_to_send() -> None:
        with pytest.raises(SenderError):
            await sender.send("blocked")

    async with task_group() as tasks:
        tasks.start_soon(fail_to_send)
        await until(lambda: waiting(numbers)[0] == 1)
        await numbers.close()
    assert [message async for message in receiver] == [1, 2]


async def test_the_end_wakes_waiting_receivers(numbers: Channel[Any]) -> None:
    """Waiting receivers stop, and say that the channel is closed."""

    async def wait_for_the_end() -> None:
        receiver = numbers.new_receiver()
        with raises(ReceiverStoppedError, f"{receiver} {STOPPED}") as raised:
            await receiver.receive()
        assert isinstance(raised.value.__cause__, ChannelClosedError)

    async with task_group() as tasks:
        for _ in range(2):
            tasks.start_soon(wait_for_the_end)
        await until(lambda: waiting(numbers)[1] == 2)
        await numbers.aclose()


async def test_closing_twice(numbers: Channel[Any]) -> None:
    """A second close changes nothing."""
    await numbers.aclose()
    await numbers.aclose()


async def test_a_closed_sender(numbers: Channel[Any]) -> None:
    """A closed sender raises, and its clone still sends."""
    sender = numbers.new_sender()
    clone = sender.clone()
    with sender:
        pass
    for attempt in (sender.clone, lambda: sender.send_nowait(1)):
        with raises(SenderClosedError, f"{sender} is closed"):
            attempt()
    with raises(SenderClosedError, f"{sender} is closed"):
        await sender.send(1)
    await clone.send(2)
    assert await numbers.new_receiver().receive() == 2


async def test_closing_a_sender_wakes_its_own_tasks(numbers: Channel[Any]) -> None:
    """A task that is blocked in the sender raises, and a task in its clone goes on."""
    sender, receiver = numbers.new_sender(), numbers.new_receiver()
    clone = sender.clone()
    await clone.send_many([1, 2])

    async def fail_to_send() -> None:
        with raises(SenderClosedError, f"{sender} is closed"):
            await sender.send("closed")

    async with task_group() as tasks:
        tasks.start_soon(fail_to_send)
        await until(lambda: waiting(numbers)[0] == 1)
        tasks.start_soon(clone.send, 3)
        await until(lambda: waiting(numbers)[0] == 2)
        sender.close()
        assert [await receiver.receive() for _ in range(3)] == [1, 2, 3]


async def test_a_closed_receiver(numbers: Channel[Any]) -> None:
    """A closed receiver raises, and its clone still receives."""
    receiver = numbers.new_receiver()
    clone = receiver.clone()
    receiver.close()
    receiver.close()
    for attempt in (receiver.clone, receiver.receive_nowait):
        with raises(ReceiverClosedError, f"{receiver} is closed") as raised:
            attempt()
        assert raised.value.__cause__ is None
    for wait in (receiver.receive, receiver.__anext__):
        with raises(ReceiverClosedError, f"{receiver} is closed"):
            await wait()
    await numbers.new_sender().send(1)
    assert await clone.receive() == 1


async def test_closing_a_receiver_wakes_its_own_tasks(numbers: Channel[Any]) -> None:
    """A task that waits in the receiver raises, and a task in its clone gets the message."""
    receiver = numbers.new_receiver()
    clone = receiver.clone()

    async def fail_to_receive() -> None:
        with raises(ReceiverClosedError, f"{receiver} is closed"):
            await receiver.receive()

    async def receive() -> None:
        assert await clone.receive() == 1

    async with task_group() as tasks:
        tasks.start_soon(fail_to_receive)
        await until(lambda: waiting(numbers)[1] == 1)
        tasks.start_soon(receive)
        await until(lambda: waiting(numbers)[1] == 2)
        receiver.close()
        await numbers.new_sender().send(1)


async def test_a_lease_that_ends_well(numbers: Channel[Any]) -> None:
    """The message is done, and with the last message the channel ends."""
    sender, receiver = numbers.new_sender(), numbers.new_receiver()
    await sender.send_many([1, 2])
    await numbers.aclose()
    for expected in (1, 2):
        async with receiver.lease() as message:
            assert message == expected
    with pytest.raises(ReceiverStoppedError):
        await receiver.receive()


async def test_a_lease_that_fails_gives_back(numbers: Channel[Any]) -> None:
    """The error comes out, and the message comes again."""
    receiver = numbers.new_receiver()
    await numbers.new_sender().send_many([1, 2])
    with raises(ValueError, "no luck"):
        async with receiver.lease():
            raise ValueError("no luck")
    assert sorted([await receiver.receive() for _ in range(2)]) == [1, 2]


async def test_a_cancelled_lease_gives_back(numbers: Channel[Any]) -> None:
    """The message comes again, even after a close."""
    receiver = numbers.new_receiver()
    await numbers.new_sender().send(1)
    with CancelScope() as scope:
        async with receiver.lease():
            await numbers.aclose()
            scope.cancel()
            await checkpoint()
    assert [message async for message in receiver] == [1]


async def test_the_end_waits_for_open_leases(numbers: Channel[Any]) -> None:
    """A message that comes back after the close goes to a receiver that waits."""
    receiver = numbers.new_receiver()
    await numbers.new_sender().send(1)
    received: list[int] = []

    async def receive_all() -> None:
        received.extend([message async for message in receiver.clone()])

    async with task_group() as tasks:
        with suppress(ValueError):
            async with receiver.lease():
                await numbers.aclose()
                tasks.start_soon(receive_all)
                await until(lambda: waiting(numbers)[1] == 1)
                raise ValueError
    assert received == [1]


async def test_a_lease_is_entered_once(numbers: Channel[Any]) -> None:
    """A second time is a mistake."""
    await numbers.new_sender().send(1)
    lease = numbers.new_receiver().lease()
    async with lease:
        pass
    with raises(RuntimeError, "a lease is entered once: call `lease()` for each message"):
        await lease.__aenter__()


async def test_the_statistics_of_ends(numbers: Channel[Any]) -> None:
    """Endpoints, closed endpoints and derived receivers have the statistics of the channel."""
    sender, receiver = numbers.new_sender(), numbers.new_receiver()
    mapped = merge(receiver.map(str), numbers.new_receiver())
    await sender.send(1)
    await receiver.receive()
    for _ in range(2):
        for end in (sender, receiver, mapped):
            assert end.statistics() == numbers.statistics()
        sender.close()
        receiver.close()
    both = merge(mapped, Anycast[str]().new_receiver()).statistics()
    assert (both.messages_sent, both.max_buffer_size, both.open_receivers) == (1, 12, 2)


async def test_receive_nowait_of_an_empty_channel(numbers: Channel[Any]) -> None:
    """The call raises WouldBlock with a text: the server may have messages on their way."""
    in_memory = isinstance(numbers, Anycast)
    why = "the channel has no message" if in_memory else "no message has come from the server"
    with raises(WouldBlock, why):
        numbers.new_receiver().receive_nowait()


async def test_receive_many_takes_what_is_there(numbers: Channel[Any]) -> None:
    """All messages come in order, and never more messages than asked for."""
    receiver = numbers.new_receiver()
    async with task_group() as tasks:
        tasks.start_soon(numbers.new_sender().send_many, range(10))
        received: list[int] = []
        while len(received) < 10:
            batch = await receiver.receive_many(3)
            assert 1 <= len(batch) <= 3
            received += batch
    assert received == list(range(10))
    with raises(ValueError, "`max_messages` must be >= 1, not 0"):
        await receiver.receive_many(0)


async def test_a_batch_waits_for_further_messages(numbers: Channel[Any]) -> None:
    """With ``within``, a batch is complete when it has as many messages as asked for."""
    receiver = numbers.new_receiver()
    async with task_group() as tasks:
        tasks.start_soon(numbers.new_sender().send_many, range(6))
        for start in (0, 2, 4):
            batch = await receiver.receive_many(2, within=math.inf)
            assert batch == [start, start + 1]


async def test_a_batch_waits_for_so_long(numbers: Channel[Any]) -> None:
    """After the given time, the batch has the messages that came."""
    await numbers.new_sender().send(1)
    assert await numbers.new_receiver().receive_many(2, within=0.05) == [1]


async def test_a_batch_that_waits_for_no_time(numbers: Channel[Any]) -> None:
    """The batch has the messages that are here already."""
    await numbers.new_sender().send_many([1, 2])
    assert await numbers.new_receiver().receive_many(5, within=0) == [1, 2]


async def test_a_batch_of_one(numbers: Channel[Any]) -> None:
    """A batch of one message does not wait further."""
    await numbers.new_sender().send(1)
    assert await numbers.new_receiver().receive_many(1, within=math.inf) == [1]


async def test_a_close_ends_a_batch(numbers: Channel[Any]) -> None:
    """No more will come, so the batch has what there is."""
    await numbers.new_sender().send(1)
    async with task_group() as tasks:

        async def receive() -> None:
            receiver = numbers.new_receiver()
            assert await receiver.receive_many(5, within=math.inf) == [1]
            with pytest.raises(ReceiverStoppedError):
                await receiver.receive_many(5, within=math.inf)

        tasks.start_soon(receive)
        await until(lambda: numbers.statistics().messages_received and waiting(numbers)[1])
        await numbers.aclose()


async def test_a_batch_out_of_a_closed_channel(numbers: Channel[Any]) -> None:
    """The batch has the messages that are left."""
    await numbers.new_sender().send_many([1, 2])
    await numbers.aclose()
    assert await numbers.new_receiver().receive_many(5, within=math.inf) == [1, 2]


async def test_a_cancelled_batch_gives_back(many_numbers: Channel[Any]) -> None:
    """The messages come again, in order, as if they had not been received."""
    numbers = many_numbers
    receiver = numbers.new_receiver()
    await numbers.new_sender().send_many([1, 2])
    async with task_group() as tasks:
        with CancelScope() as scope:
            tasks.start_soon(
                cancel_when, scope, lambda: numbers.statistics().messages_received == 2
            )
            await receiver.receive_many(3, within=math.inf)
        assert scope.cancelled_caught
    assert numbers.statistics().messages_received == 0
    for expected in (1, 2):
        async with (lease := receiver.lease()) as message:
            assert (message, lease.deliveries) == (expected, 1)


async def test_a_cancelled_batch_gives_to_tasks_that_wait(many_numbers: Channel[Any]) -> None:
    """Waiting tasks get the messages directly, and not by way of the channel."""
    numbers = many_numbers
    received: list[int] = []

    async def receive() -> None:
        received.append(await numbers.new_receiver().receive())

    await numbers.new_sender().send_many([1, 2])
    async with task_group() as tasks:
        with CancelScope() as scope:
            async with task_group() as inner:
                inner.start_soon(partial(numbers.new_receiver().receive_many, 3, within=math.inf))
                await until(lambda: waiting(numbers)[1] and not numbers_left(numbers))
                for place in (1, 2):
                    tasks.start_soon(receive)
                    await until(partial(waits, numbers, place + 1))
                scope.cancel()
    assert sorted(received) == [1, 2]


def waits(numbers: Channel[Any], count: int) -> bool:
    """Return whether so many tasks wait to receive."""
    return waiting(numbers)[1] == count


def numbers_left(numbers: Channel[Any]) -> int:
    """Return how many of two messages were not received yet."""
    return 2 - numbers.statistics().messages_received


async def test_a_batch_of_what_combinators_make(numbers: Channel[Any]) -> None:
    """Derived receivers collect batches, too."""
    one, two = numbers.new_receiver(), numbers.new_receiver()
    texts = merge(one, two).filter(lambda number: number % 2).map(str)
    async with task_group() as tasks:
        tasks.start_soon(numbers.new_sender().send_many, [1, 2, 3])
        assert await texts.receive_many(2, within=math.inf) == ["1", "3"]


async def test_a_close_ends_a_batch_of_what_combinators_make(numbers: Channel[Any]) -> None:
    """The batch has the messages that came before the close."""
    texts = merge(numbers.new_receiver(), numbers.new_receiver()).map(str)
    await numbers.new_sender().send_many([1, 2])
    await numbers.aclose()
    assert await texts.receive_many(5, within=math.inf) == ["1", "2"]
    with pytest.raises(ReceiverStoppedError):
        await texts.receive_many(5, within=math.inf)


async def test_the_arguments_of_a_batch(numbers: Channel[Any]) -> None:
    """The arguments are a number of messages, and a number of seconds."""
    receiver = numbers.new_receiver()
    with raises(ValueError, "`max_messages` must be >= 1, not 0"):
        await receiver.receive_many(0, within=1)
    with raises(ValueError, "`within` must be >= 0, not -1"):
        await receiver.receive_many(1, within=-1)
    not_a_number: Any = "1"
    with raises(TypeError, "`within` must be a number of seconds or math.inf, not '1'"):
        await receiver.receive_many(1, within=not_a_number)


@pytest.mark.parametrize("kind", ["receiver", "merge", "map", "filter"])
async def test_a_lease_tells_how_often(numbers: Channel[Any], kind: str) -> None:
    """A message was on lease, this time included, however the receiver was made."""
    plain = numbers.new_receiver()
    receiver = {
        "receiver": plain,
        "merge": merge(plain, numbers.new_receiver()),
        "map": plain.map(abs),
        "filter": plain.filter(bool),
    }[kind]
    await numbers.new_sender().send(1)
    for count in (1, 2, 3):
        lease = receiver.lease()
        assert lease.deliveries == 0
        with raises(ValueError, "no luck"):
            async with lease:
                assert lease.deliveries == count
                raise ValueError("no luck")
        assert lease.deliveries == count


async def test_join_of_an_empty_channel(numbers: Channel[Any]) -> None:
    """The join returns without a wait."""
    await numbers.join()
    await numbers.aclose()
    await numbers.join()


async def note(notes: list[str], wait: Callable[[], Awaitable[object]]) -> None:
    """Wait for an awaitable, and record its end."""
    await wait()
    notes.append("joined")


async def test_join_waits_for_stored_messages_and_for_leases(numbers: Channel[Any]) -> None:
    """Several tasks join, and all go on when the last lease ends as done."""
    notes: list[str] = []
    receiver = numbers.new_receiver()
    await numbers.new_sender().send_many([1, 2])
    async with task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(note, notes, numbers.join)
        with suppress(ValueError):
            async with receiver.lease():
                raise ValueError
        for _ in range(2):
            async with receiver.lease():
                await settle()
                notes.append("work")
    assert notes == ["work", "work", "joined", "joined", "joined"]


async def test_join_waits_for_blocked_senders(numbers: Channel[Any]) -> None:
    """An offered message of a blocked sender counts until the message is done."""
    receiver = numbers.new_receiver()
    done: list[int] = []

    async def work() -> None:
        for _ in range(6):
            async with receiver.lease() as message:
                await settle()
                done.append(message)

    async with task_group() as tasks:
        tasks.start_soon(numbers.new_sender().send_many, range(6))
        await until(lambda: waiting(numbers)[0] == 1)
        tasks.start_soon(work)
        await numbers.join()
        assert done == list(range(6))


async def test_join_of_a_closed_channel(numbers: Channel[Any]) -> None:
    """The join waits for the messages that are left."""
    notes: list[str] = []
    await numbers.new_sender().send(1)
    await numbers.aclose()
    async with task_group() as tasks, numbers.new_receiver().lease():
        tasks.start_soon(note, notes, numbers.join)
        await settle()
        notes.append("work")
    assert notes == ["work", "joined"]


async def test_a_cancelled_join(numbers: Channel[Any]) -> None:
    """A cancelled join changes nothing, and a later join waits for the same messages."""
    await numbers.new_sender().send(1)
    async with task_group() as tasks:
        attempt = await begin(tasks, numbers.join)
        attempt.cancel()
    assert attempt.outcome == "cancelled"
    async with numbers.new_receiver().lease() as message:
        assert message == 1
    await numbers.join()


async def test_send_many_out_of_a_deque(numbers: Channel[Any]) -> None:
    """The messages that are left in the interrupted deque were not sent."""
    messages = deque(range(5))
    async with task_group() as tasks:
        with CancelScope() as scope:
            tasks.start_soon(
                cancel_when, scope, lambda: len(messages) == 3 and waiting(numbers)[0] == 1
            )
            await numbers.new_sender().send_many(messages)
    assert list(messages) == [2, 3, 4]
    receiver = numbers.new_receiver()
    assert [await receiver.receive() for _ in range(2)] == [0, 1]
    messages.pop()
    async with task_group() as tasks:
        tasks.start_soon(numbers.new_sender().send_many, messages)
        assert [await receiver.receive() for _ in range(2)] == [2, 3]
    assert not messages
    not_iterable: Any = 5
    with raises(TypeError, "`messages` must be iterable, not 5"):
        await numbers.new_sender().send_many(not_iterable)


@pytest.mark.parametrize("message", [None, 0, "", [], False])
async def test_any_message(numbers: Channel[Any], message: object) -> None:
    """Falsy messages are ordinary messages."""
    await numbers.new_sender().send(message)
    assert await numbers.new_receiver().receive() == message


def test_endpoints_are_streams(make: Callable[..., Channel[Any]], server: Server) -> None:
    """Endpoints fit where endpoints of anyio fit, and their names show the channel's name."""
    del server
    numbers = make()
    sender, receiver = numbers.new_sender(), numbers.new_receiver()
    assert isinstance(sender, ObjectSendStream)
    assert isinstance(receiver, ObjectReceiveStream)
    assert str(sender) == f"{numbers}:_Sender"
    assert str(receiver) == f"{numbers}:_Receiver"
    for endpoint in (sender, sender, receiver, receiver):
        endpoint.close()
    assert repr(sender) == f"_Sender({numbers!r}, closed)"
    assert repr(receiver) == f"_Receiver({numbers!r}, closed)"
