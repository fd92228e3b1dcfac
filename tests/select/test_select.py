"""`select`: exactly one of several operations happens, or none."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter, deque
from typing import Any

import anyio
import pytest
from anyio import WouldBlock

from anycast import (
    Anycast,
    ChannelClosedError,
    Operation,
    ReceiverStoppedError,
    SenderClosedError,
    SenderError,
    select,
    select_nowait,
)
from anycast._anycast.core import Core
from anycast._anycast.operations import ReceiveOperation
from helpers import begin, count_yields, drain, raises, settle, task_group, waiting, watch_yields

pytestmark = pytest.mark.anyio

ROUNDS = 10_000


class Ends:
    """A channel with a sender and a receiver."""

    def __init__(self, limit: float = 0, *, yield_every: int = 64) -> None:
        self.channel = Anycast[int](limit=limit, yield_every=yield_every)
        self.sender = self.channel.new_sender()
        self.receiver = self.channel.new_receiver()

    def send(self, message: int) -> Operation[None]:
        return self.sender.sending(message)

    def receive(self) -> Operation[int]:
        return self.receiver.receiving()

    def debris(self) -> list[object]:
        """Return the waiters and arms that are left of tasks that waited."""
        core: Any = self.channel._core
        ends: list[Any] = [self.sender, self.receiver]
        return [
            *core.senders,
            *core.receivers,
            *(waiter for end in ends for waiter in end.waiters),
        ]


async def test_a_ready_operation_happens_at_once() -> None:
    """`select` returns the ready operation without a yield."""
    full, empty = Ends(1), Ends(1)
    full.sender.send_nowait(1)
    operations = full.receive(), empty.receive()
    assert await count_yields(select(*operations)) == 0
    assert operations[0].result() == 1
    assert drain(full.receiver) == []


async def test_it_waits_for_the_first_that_becomes_ready() -> None:
    """The operations that did not happen leave no trace."""
    one, two = Ends(), Ends()
    receive_one, receive_two = one.receive(), two.receive()
    async with task_group() as tasks:
        attempt = await begin(tasks, select, receive_one, receive_two)
        assert waiting(one.channel) == waiting(two.channel) == (0, 1)
        await two.sender.send(2)
        await settle()
    assert attempt.result is receive_two
    assert receive_two.result() == 2
    assert not one.debris()
    assert not two.debris()


async def test_a_blocked_send_happens_when_there_is_room() -> None:
    """The message goes into the channel that has room, and into no other channel."""
    one, two = Ends(1), Ends(1)
    one.sender.send_nowait(1)
    two.sender.send_nowait(2)
    operations = one.send(10), two.send(20)
    async with task_group() as tasks:
        attempt = await begin(tasks, select, *operations)
        assert await two.receiver.receive() == 2
        assert two.channel.statistics().current_buffer_used == 1
        assert not [*one.debris(), *two.debris()]
        await settle()
    assert attempt.result is operations[1]
    assert operations[1].result() is None
    assert drain(one.receiver) == [1]
    assert drain(two.receiver) == [20]


@pytest.mark.parametrize("limit", [0, 1])
async def test_what_a_blocked_sender_offers_is_ready(limit: int) -> None:
    """The select takes the oldest message without a wait, and the blocked sender goes on."""
    ends, idle = Ends(limit), Ends()
    operations = ends.receive(), idle.receive()
    async with task_group() as tasks:
        attempts = [await begin(tasks, ends.sender.send, number) for number in range(limit + 1)]
        assert attempts[limit].outcome == "unfinished"
        assert await count_yields(select(*operations)) == 0
        assert waiting(ends.channel) == (0, 0)
        await settle()
        assert attempts[limit].outcome == "done"
    assert operations[0].result() == 0
    assert drain(ends.receiver) == [*range(1, limit + 1)]


async def test_a_receiver_that_waits_is_room_to_send() -> None:
    """The select gives the waiting receiver the message without a wait."""
    ends, full = Ends(), Ends()
    operations = ends.send(1), full.send(2)
    async with task_group() as tasks:
        receiving = await begin(tasks, ends.receiver.receive)
        assert await count_yields(select(*operations)) == 0
        assert waiting(ends.channel) == (0, 0)
    assert (operations[0].result(), receiving.result) == (None, 1)


@pytest.mark.parametrize("claims", ["send", "receive", "close"])
async def test_a_select_leaves_every_line_in_the_step_in_which_one_arm_is_claimed(
    claims: str,
) -> None:
    """Before the task runs, its other arms have left their queues: no peer can reach them."""
    ends, second, other = Ends(), Ends(), Ends()
    operations = ends.receive(), second.send(2), other.receive(), other.send(3)
    async with task_group() as tasks:
        attempt = await begin(tasks, select, *operations)
        assert waiting(other.channel) == (1, 1)
        if claims == "send":
            ends.sender.send_nowait(1)
        elif claims == "receive":
            assert second.receiver.receive_nowait() == 2
        else:
            ends.receiver.close()
        assert not [*ends.debris(), *second.debris(), *other.debris()]
        with pytest.raises(WouldBlock):
            other.sender.send_nowait(4)
        with pytest.raises(WouldBlock):
            other.receiver.receive_nowait()
        assert attempt.outcome == "unfinished"
    assert attempt.result is operations[claims == "receive"]


async def test_a_select_that_sends_and_receives_does_not_meet_itself() -> None:
    """Without another task, a select on both sides of a rendezvous waits, in either order."""
    ends = Ends()
    async with task_group() as tasks:
        for operations in ((ends.send(1), ends.receive()), (ends.receive(), ends.send(1))):
            attempt = await begin(tasks, select, *operations)
            assert attempt.outcome == "unfinished"
            attempt.cancel()
            await settle()
        with pytest.raises(WouldBlock):
            select_nowait(ends.send(1), ends.receive())
    assert not ends.debris()


@pytest.mark.parametrize("other", ["send", "receive"])
async def test_a_select_that_sends_and_receives_meets_others(other: str) -> None:
    """A plain send, or a plain receive, completes the select."""
    ends = Ends()
    send, receive = ends.send(1), ends.receive()
    async with task_group() as tasks:
        attempt = await begin(tasks, select, send, receive)
        if other == "send":
            await ends.sender.send(2)
        else:
            assert await ends.receiver.receive() == 1
        await settle()
    assert attempt.result is (receive if other == "send" else send)
    assert not ends.debris()


async def test_two_selects_meet_in_a_rendezvous() -> None:
    """One select sends and the other select receives, without a third task."""
    ends = Ends()
    results: list[Operation[Any]] = []

    async def meet(message: int) -> None:
        results.append(await select(ends.send(message), ends.receive()))

    async with task_group() as tasks:
        tasks.start_soon(meet, 1)
        tasks.start_soon(meet, 2)
    assert sorted(repr(one.result()) for one in results) in (["1", "None"], ["2", "None"])
    assert not ends.debris()


async def test_two_selects_over_two_channels_meet_in_one_of_them() -> None:
    """The first select sends or receives in one channel, and leaves no trace in the other."""
    one, two = Ends(), Ends()
    operations = one.send(1), two.receive()
    others = one.receive(), two.send(2)
    async with task_group() as tasks:
        attempt = await begin(tasks, select, *operations)
        assert attempt.outcome == "unfinished"
        other = await begin(tasks, select, *others)
    assert attempt.result in operations
    assert other.result in others
    assert operations.index(attempt.result) == others.index(other.result)
    now = one.channel.statistics(), two.channel.statistics()
    assert now[0].messages_received + now[1].messages_received == 1
    assert not [*one.debris(), *two.debris()]


async def test_many_selects_pair_up() -> None:
    """Each select of a crowd can send or receive, and finds exactly one partner."""
    ends = Ends()
    received: list[int] = []

    async def meet(message: int) -> None:
        done = await select(ends.send(message), receive := ends.receive())
        if done is receive:
            received.append(receive.result())

    async with task_group() as tasks:
        for message in range(100):
            tasks.start_soon(meet, message)
    assert len(set(received)) == 50
    assert not ends.debris()


async def test_one_channel_may_be_there_several_times() -> None:
    """Of two operations on the same channel, only one takes a message."""
    ends = Ends()
    operations = [ends.receive() for _ in range(3)]
    async with task_group() as tasks:
        attempt = await begin(tasks, select, *operations)
        await ends.sender.send(1)
        await settle()
    assert attempt.result in operations
    assert attempt.result.result() == 1
    assert ends.channel.statistics().messages_received == 1
    assert not ends.debris()


async def test_an_operation_may_be_given_twice() -> None:
    """An operation that is given twice happens once."""
    ends = Ends()
    operation = ends.receive()
    async with task_group() as tasks:
        attempt = await begin(tasks, select, operation, operation)
        await ends.sender.send(1)
        await settle()
    assert attempt.result is operation
    assert not ends.debris()


async def test_operations_can_be_used_again() -> None:
    """Each `select` sets a new result."""
    ends = Ends(10)
    send, receive = ends.send(7), ends.receive()
    for _ in range(3):
        await select(send)
    assert drain(ends.receiver) == [7, 7, 7]
    for message in (1, 2):
        ends.sender.send_nowait(message)
        await select(receive)
        assert receive.result() == message


@pytest.mark.parametrize("waits", [False, True])
async def test_a_select_on_a_closed_channel(waits: bool) -> None:
    """The operation happens, and `result` raises the error that a receive would raise."""
    open_one, closed = Ends(), Ends()
    operations = open_one.receive(), closed.receive()
    async with task_group() as tasks:
        if not waits:
            closed.channel.close()
        attempt = await begin(tasks, select, *operations)
        closed.channel.close()
        await settle()
    assert attempt.result is operations[1]
    for _ in range(2):
        with pytest.raises(ReceiverStoppedError) as caught:
            operations[1].result()
        assert isinstance(caught.value.__cause__, ChannelClosedError)
    assert not open_one.debris()
    assert not closed.debris()


@pytest.mark.parametrize(
    ("what", "error"), [("channel", SenderError), ("sender", SenderClosedError)]
)
async def test_a_blocked_send_that_is_closed(what: str, error: type[SenderError[int]]) -> None:
    """The operation happens, the message is not sent, and `result` raises the reason."""
    one, two = Ends(), Ends()
    operations = one.send(1), two.send(2)
    async with task_group() as tasks:
        attempt = await begin(tasks, select, *operations)
        getattr(two, what).close()
        await settle()
    assert attempt.result is operations[1]
    with pytest.raises(SenderError) as caught:
        operations[1].result()
    assert type(caught.value) is error
    assert one.channel.statistics().messages_sent == two.channel.statistics().messages_sent == 0
    assert not one.debris()
    assert not two.debris()


@pytest.mark.parametrize("closes", ["receiver", "channel", "sender"])
async def test_a_close_leaves_a_select_what_it_was_given(closes: str) -> None:
    """The message was received in the step of the send, so a later close changes nothing."""
    ends, other = Ends(1), Ends()
    receive = ends.receive()
    async with task_group() as tasks:
        attempt = await begin(tasks, select, receive, other.receive())
        ends.sender.send_nowait(1)
        getattr(ends, closes).close()
    assert attempt.result is receive
    assert receive.result() == 1
    assert ends.channel.statistics().messages_received == 1


@pytest.mark.parametrize("closes", ["sender", "channel"])
async def test_a_close_does_not_undo_what_a_select_has_sent(closes: str) -> None:
    """The message was taken before the close, so `result` raises no error."""
    ends, other = Ends(), Ends()
    send = ends.send(1)
    async with task_group() as tasks:
        attempt = await begin(tasks, select, send, other.send(2))
        assert ends.receiver.receive_nowait() == 1
        getattr(ends, closes).close()
    assert attempt.result is send
    assert send.result() is None
    assert ends.channel.statistics().messages_sent == 1


async def test_a_select_that_is_cancelled_while_it_waits_has_done_nothing() -> None:
    """The select has left every queue, and messages sent later go to other receivers."""
    one, two = Ends(1), Ends(1)
    async with task_group() as tasks:
        attempt = await begin(tasks, select, one.receive(), two.receive())
        attempt.cancel()
        await settle()
        assert attempt.outcome == "cancelled"
        one.sender.send_nowait(1)
    assert drain(one.receiver) == [1]
    assert not one.debris()
    assert not two.debris()


async def test_a_select_that_is_cancelled_once_a_peer_has_acted_has_happened() -> None:
    """The select returns the message that the peer gave, and takes no second message."""
    one, two = Ends(1), Ends(1)
    receive = one.receive()
    async with task_group() as tasks:
        attempt = await begin(tasks, select, receive, two.receive())
        one.sender.send_nowait(1)
        attempt.cancel()
    assert attempt.result is receive
    assert receive.result() == 1
    assert drain(one.receiver) == []


@pytest.mark.asyncio_only
async def test_a_native_cancellation_that_comes_too_late_strikes_at_the_next_wait() -> None:
    """The select returns the given message, and the waiting receivers behind lose nothing."""
    one, two = Ends(1), Ends(1)
    received: list[int] = []

    async def work() -> None:
        receive = one.receive()
        await select(receive, two.receive())
        received.append(receive.result())
        await select(two.receive())

    task = asyncio.ensure_future(work())
    await settle()
    behind = asyncio.ensure_future(one.receiver.receive())
    await settle()
    one.sender.send_nowait(1)
    task.cancel()
    await asyncio.wait([task])
    assert (task.cancelled(), received) == (True, [1])
    one.sender.send_nowait(2)
    assert await behind == 2
    assert not one.debris()
    assert not two.debris()


async def test_the_longest_waiting_goes_first_whether_it_selects_or_not() -> None:
    """A select stands in each of its queues in the order of arrival."""
    ends, other = Ends(), Ends()
    async with task_group() as tasks:
        first = await begin(tasks, ends.receiver.receive)
        second = await begin(tasks, select, ends.receive(), other.receive())
        third = await begin(tasks, ends.receiver.receive)
        outcomes: list[tuple[str, ...]] = []
        for message in range(3):
            await ends.sender.send(message)
            await settle()
            outcomes.append((first.outcome, second.outcome, third.outcome))
    assert outcomes == [
        ("done", "unfinished", "unfinished"),
        ("done", "done", "unfinished"),
        ("done", "done", "done"),
    ]


async def test_the_longest_blocked_sends_first_whether_it_selects_or_not() -> None:
    """A select that sends stands in the queue in the order of arrival, and no task overtakes."""
    ends, other = Ends(1), Ends()
    ends.sender.send_nowait(0)
    async with task_group() as tasks:
        await begin(tasks, ends.sender.send, 1)
        await begin(tasks, select, ends.send(2), other.receive())
        await begin(tasks, ends.sender.send, 3)
        received: list[int] = []
        for _ in range(3):
            received.append(ends.receiver.receive_nowait())
            with pytest.raises(WouldBlock):
                ends.sender.send_nowait(10)
    assert [*received, *drain(ends.receiver)] == [0, 1, 2, 3]


async def test_the_choice_is_fair() -> None:
    """Of four operations that are always ready, each happens in more than a tenth of the rounds."""
    many = [Ends(ROUNDS) for _ in range(4)]
    for ends in many:
        await ends.sender.send_many(range(ROUNDS))
    operations = [ends.receive() for ends in many]
    counts = Counter([await select(*operations) for _ in range(ROUNDS)])
    assert len(counts) == 4
    assert min(counts.values()) > ROUNDS / 10


async def test_the_choice_is_fair_among_those_that_are_ready() -> None:
    """The share of an operation that is not ready goes to all ready operations alike."""
    idle, many = [Ends() for _ in range(12)], [Ends(ROUNDS) for _ in range(4)]
    for ends in many:
        await ends.sender.send_many(range(ROUNDS))
    operations = [ends.receive() for ends in [*idle, *many]]
    counts = Counter([await select(*operations) for _ in range(ROUNDS)])
    assert len(counts) == 4
    assert min(counts.values()) > ROUNDS / 10


async def test_in_order_where_the_first_is_not_ready() -> None:
    """Of the ready operations, the first in the order happens each time."""
    channels = [Anycast[int](limit=40) for _ in range(3)]
    for channel in channels[1:]:
        await channel.new_sender().send_many(range(40))
    operations = [channel.new_receiver().receiving() for channel in channels]
    for _ in range(20):
        assert await select(*operations, in_order=True) is operations[1]
        assert select_nowait(*operations, in_order=True) is operations[1]


async def test_in_order_the_first_that_is_ready_happens() -> None:
    """A select in order works as a queue with priorities."""
    urgent, usual = Ends(10), Ends(10)
    await usual.sender.send_many([1, 2])
    await urgent.sender.send_many([10, 20])
    operations = urgent.receive(), usual.receive()
    done = [(await select(*operations, in_order=True)).result() for _ in range(4)]
    assert done == [10, 20, 1, 2]


async def test_in_order_a_stop_signal_of_a_blocked_sender_wins_at_once() -> None:
    """A blocked sender of a rendezvous makes its receive ready at once, and first in the order."""
    stop, usual = Ends(), Ends(10)
    usual.sender.send_nowait(1)
    usual.sender.send_nowait(2)
    operations = stop.receive(), usual.receive()
    assert await select(*operations, in_order=True) is operations[1]
    async with task_group() as tasks:
        await begin(tasks, stop.sender.send, 0)
        assert await select(*operations, in_order=True) is operations[0]
        await begin(tasks, stop.sender.send, 0)
        assert select_nowait(*operations, in_order=True) is operations[0]
    assert drain(usual.receiver) == [2]


async def test_in_order_what_became_ready_while_it_yielded_happens() -> None:
    """An operation that becomes ready during the due yield happens if it is first in the order."""
    urgent, usual = Ends(10), Ends(10, yield_every=1)
    usual.sender.send_nowait(1)
    operations = urgent.receive(), usual.receive()
    selecting = select(*operations, in_order=True)
    done = await watch_yields(selecting, lambda: urgent.sender.send_nowait(10))
    assert done is operations[0]


async def test_nowait_performs_what_is_ready() -> None:
    """If no operation is ready, `select_nowait` raises WouldBlock and leaves no trace."""
    ends = Ends(1)
    receive = ends.receive()
    with raises(WouldBlock, "every operation has to wait"):
        select_nowait(receive)
    assert not ends.debris()
    ends.sender.send_nowait(1)
    assert select_nowait(receive, in_order=True) is receive
    assert receive.result() == 1
    send = ends.send(2)
    assert select_nowait(receive, send) is send


@pytest.mark.parametrize("limit", [0, 1])
async def test_nowait_takes_what_a_blocked_sender_offers(limit: int) -> None:
    """The blocked sender goes on: its message is received or stored in the same step."""
    ends = Ends(limit)
    receive = ends.receive()
    async with task_group() as tasks:
        attempts = [await begin(tasks, ends.sender.send, number) for number in range(limit + 1)]
        for number in range(limit + 1):
            assert select_nowait(receive).result() == number
        with pytest.raises(WouldBlock):
            select_nowait(receive)
        assert waiting(ends.channel) == (0, 0)
    assert [attempt.outcome for attempt in attempts] == ["done"] * (limit + 1)


async def test_nowait_gives_to_a_receiver_that_waits() -> None:
    """A rendezvous has room for as many messages as there are waiting receivers."""
    ends = Ends()
    send = ends.send(1)
    async with task_group() as tasks:
        receiving = await begin(tasks, ends.receiver.receive)
        assert select_nowait(send) is send
        with pytest.raises(WouldBlock):
            select_nowait(send)
    assert receiving.result == 1


async def test_a_race_of_nowait_selects_gives_each_message_once() -> None:
    """Each message goes to a single select, and the next select finds no message."""
    one, two = Ends(50), Ends(50)
    await one.sender.send_many(range(50))
    await two.sender.send_many(range(50, 100))
    operations = one.receive(), two.receive()
    received = [select_nowait(*operations).result() for _ in range(100)]
    assert sorted(received) == list(range(100))
    with pytest.raises(WouldBlock):
        select_nowait(*operations)


async def test_it_yields_like_any_other_operation() -> None:
    """After ``yield_every`` operations that completed at once, the next select yields first."""
    ends = Ends(10, yield_every=3)
    await anyio.lowlevel.checkpoint()
    yields = [await count_yields(select(ends.send(n))) for n in range(8)]
    assert yields == [0, 0, 0, 1, 0, 0, 1, 0]


@pytest.mark.parametrize(
    ("yield_every", "yields"), [(1, [1] * 6), (3, [0, 0, 0, 1, 0, 0, 1]), (64, [0] * 64 + [1])]
)
async def test_to_find_an_end_counts(yield_every: int, yields: list[int]) -> None:
    """Otherwise a loop that selects an operation that has ended would block the event loop."""
    ends, other = Ends(yield_every=yield_every), Ends()
    ends.channel.close()
    operations = ends.send(1), ends.receive(), other.receive()
    assert [await count_yields(select(*operations)) for _ in yields] == yields


async def test_a_loop_that_selects_an_end_can_be_cancelled() -> None:
    """A timeout ends the loop."""
    ends = Ends()
    ends.channel.close()
    operation = ends.receive()
    with anyio.CancelScope() as scope:
        scope.cancel()
        for _ in range(1000):
            await select(operation)
    assert scope.cancelled_caught


async def test_a_checkpoint_comes_before_anything_is_done() -> None:
    """If a yield is due, a cancelled task sends nothing."""
    ends = Ends(10, yield_every=1)
    with anyio.CancelScope() as scope:
        scope.cancel()
        await select(ends.send(1))
    assert scope.cancelled_caught
    assert drain(ends.receiver) == []


async def test_stress() -> None:
    """Many tasks select over two channels at random, and each message arrives once."""
    one, two = Ends(1), Ends(1)
    received: list[int] = []

    async def produce(first: int) -> None:
        for number in range(first, first + 50):
            await select(one.send(number), two.send(number))

    async def consume() -> None:
        operations = one.receive(), two.receive()
        received.extend([(await select(*operations)).result() for _ in range(50)])

    async with task_group() as tasks:
        for worker in range(5):
            tasks.start_soon(produce, 50 * worker)
            tasks.start_soon(consume)
    assert sorted(received) == list(range(250))
    assert not one.debris()
    assert not two.debris()


def test_waiting_in_two_loops_is_refused() -> None:
    """A select that would have to wait raises RuntimeError, and leaves no arm in a queue."""
    busy, free = Ends(), Ends()
    loop = asyncio.new_event_loop()
    task = loop.create_task(busy.receiver.receive())
    loop.run_until_complete(asyncio.sleep(0))

    async def try_to_wait() -> None:
        with pytest.raises(RuntimeError, match="serves one event loop at a time"):
            await select(free.receive(), busy.receive())

    asyncio.run(try_to_wait())
    assert not free.debris()
    assert waiting(busy.channel) == (0, 1)
    busy.sender.send_nowait(1)
    assert loop.run_until_complete(task) == 1
    loop.close()


async def test_nothing_is_kept_of_a_select() -> None:
    """With the garbage collector off, every object of the wait is gone after the call."""
    one, two = Ends(), Ends()
    gc.collect()
    others = selections()  # a task that was never woken, of another test
    gc.disable()
    try:
        async with task_group() as tasks:
            await begin(tasks, select, one.receive(), two.receive())
            assert selections() == others + 3
            await two.sender.send(1)
            await settle()
        assert selections() == others
    finally:
        gc.enable()


def selections() -> int:
    """Return how many selects and arms exist, whether they wait or are left over."""
    return sum(type(found).__name__ in {"BlockedSelect", "Arm"} for found in gc.get_objects())


async def test_no_operation_is_an_error() -> None:
    """`select` without an operation raises ValueError."""
    text = "`operations` must be at least one, not none"
    with raises(ValueError, text) as caught:
        await select()
    assert caught.value.__suppress_context__  # the IndexError of the empty tuple is hidden
    with raises(ValueError, text):
        select_nowait()


async def test_what_is_no_operation_is_an_error() -> None:
    """An argument that is not an operation raises TypeError, such as a receiver."""
    ends = Ends()
    text = f"`operations` must each come from `sending` or `receiving`, not be {ends.receiver!r}"
    wrong: Any = ends.receiver
    with raises(TypeError, text):
        await select(ends.receive(), wrong)
    with raises(TypeError, text) as caught:
        await select(wrong)
    assert caught.value.__suppress_context__  # the AttributeError is hidden
    with raises(TypeError, text):
        select_nowait(wrong)


@pytest.mark.parametrize("in_order", [0, 1, None, "yes"])
async def test_the_order_is_a_bool(in_order: Any) -> None:
    """Anything else is an error, and no operation has happened."""
    ends = Ends(1)
    ends.sender.send_nowait(1)
    text = f"`in_order` must be a bool, not {in_order!r}"
    with raises(TypeError, text):
        await select(ends.receive(), in_order=in_order)
    with raises(TypeError, text):
        select_nowait(ends.receive(), in_order=in_order)
    assert drain(ends.receiver) == [1]


def test_what_has_not_happened_has_no_result() -> None:
    """`result` raises RuntimeError before the operation has happened."""
    with raises(RuntimeError, "the operation has not happened: `select` did not return it"):
        Ends().receive().result()


@pytest.mark.parametrize("limit", [0, 1])
async def test_several_arms_of_one_select_take_one_message_of_a_batch(limit: int) -> None:
    """The other arms have left the queue before the next message of the batch is taken."""
    ends = Ends(limit)
    messages = deque(range(5))
    async with task_group() as tasks:
        receiving = await begin(tasks, select, ends.receive(), ends.receive())
        sending = await begin(tasks, ends.sender.send_many, messages)
        assert receiving.outcome == "done"
        assert len(messages) == 5 - 1 - limit
        assert ends.channel.statistics().current_buffer_used == limit
        sending.cancel()
    assert len(drain(ends.receiver)) == limit


async def test_what_is_ready_at_once_is_not_done_through_a_closed_end() -> None:
    """A closed endpoint is reported, even if a message or room is there."""
    ends = Ends(2)
    ends.sender.send_nowait(1)
    send, receive = ends.send(2), ends.receive()
    ends.sender.close()
    ends.receiver.close()
    with pytest.raises(SenderClosedError):
        (await select(send)).result()
    with pytest.raises(ReceiverStoppedError):
        (await select(receive)).result()
    assert ends.channel.statistics().current_buffer_used == 1


async def test_what_is_received_at_once_yields_in_its_turn() -> None:
    """Of ``yield_every`` selects none yields, and the next select yields."""
    ends = Ends(10, yield_every=2)
    for number in range(3):
        ends.sender.send_nowait(number)
    assert [await count_yields(select(ends.receive())) > 0 for _ in range(3)] == [
        False,
        False,
        True,
    ]


async def test_an_end_takes_the_place_of_what_was_received_last() -> None:
    """If an operation is used again, only the last outcome is kept."""
    ends = Ends(1)
    receive = ends.receive()
    ends.sender.send_nowait(1)
    assert (await select(receive)).result() == 1
    ends.channel.close()
    with pytest.raises(ReceiverStoppedError):
        (await select(receive)).result()


async def test_a_fault_within_an_operation_is_not_taken_for_a_wrong_argument(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Arguments are checked only after an error, and the error of the operation stays."""
    ends = Ends(1)
    ends.sender.send_nowait(1)
    receive = ends.receive()
    monkeypatch.delattr(Core, "received")
    with pytest.raises(AttributeError, match="received"):
        await select(receive)


async def test_peers_that_come_while_the_arms_get_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    """A peer has decided, so the select returns what the peer gave, and takes nothing else."""
    one, two = Anycast[str](), Anycast[str]()
    first, second = one.new_receiver().receiving(), two.new_receiver().receiving()
    kind: Any = ReceiveOperation
    register = kind.register

    def let_peers_come(operation: ReceiveOperation[Any], *arm: Any) -> Any:
        if operation is second:
            one.new_sender().send_nowait("first")  # to the arm that waits already
            two.new_sender().send_nowait("second")
        return register(operation, *arm)

    monkeypatch.setattr(kind, "register", let_peers_come)
    assert await select(first, second, in_order=True) is first
    assert first.result() == "first"
    assert drain(two.new_receiver()) == ["second"]
