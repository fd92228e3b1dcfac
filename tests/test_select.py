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
from anycast._turns import Turns
from helpers import begin, count_yields, drain, raises, settle, task_group, waiting, watch_yields

pytestmark = pytest.mark.anyio

ROUNDS = 10_000


class Ends:
    """A channel, with one sender and one receiver."""

    def __init__(self, limit: float = 0, *, yield_every: int = 64) -> None:
        self.channel = Anycast[int](limit=limit, yield_every=yield_every)
        self.sender = self.channel.new_sender()
        self.receiver = self.channel.new_receiver()

    def send(self, message: int) -> Operation[None]:
        return self.sender.sending(message)

    def receive(self) -> Operation[int]:
        return self.receiver.receiving()

    def debris(self) -> list[object]:
        """Return whatever is left of tasks that waited."""
        core: Any = self.channel._core
        ends: list[Any] = [self.sender, self.receiver]
        return [
            *core.senders.waiting,
            *core.senders.promised,
            *core.receivers.waiting,
            *core.receivers.promised,
            *(place for end in ends for place in end.places),
            *core.senders.own_room,
        ]


async def test_a_ready_operation_happens_at_once() -> None:
    """It is returned, and the event loop is not asked."""
    full, empty = Ends(1), Ends(1)
    full.sender.send_nowait(1)
    operations = full.receive(), empty.receive()
    assert await count_yields(select(*operations)) == 0
    assert operations[0].result() == 1
    assert drain(full.receiver) == []


async def test_it_waits_for_the_first_that_becomes_ready() -> None:
    """The others leave no trace."""
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
    """Its message goes where the room is, and nowhere else."""
    one, two = Ends(1), Ends(1)
    one.sender.send_nowait(1)
    two.sender.send_nowait(2)
    operations = one.send(10), two.send(20)
    async with task_group() as tasks:
        attempt = await begin(tasks, select, *operations)
        assert await two.receiver.receive() == 2
        await settle()
    assert attempt.result is operations[1]
    assert operations[1].result() is None
    assert drain(one.receiver) == [1]
    assert drain(two.receiver) == [20]


async def test_a_select_that_sends_and_receives_does_not_meet_itself() -> None:
    """With nobody else in a rendezvous it waits, whichever comes first in it."""
    ends = Ends()
    async with task_group() as tasks:
        for operations in ((ends.send(1), ends.receive()), (ends.receive(), ends.send(1))):
            attempt = await begin(tasks, select, *operations)
            assert attempt.outcome == "unfinished"
            attempt.cancel()
            await settle()
    assert not ends.debris()


@pytest.mark.parametrize("other", ["send", "receive"])
async def test_a_select_that_sends_and_receives_meets_others(other: str) -> None:
    """A plain send or receive is its partner."""
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
    """One sends, the other receives, and no third party is needed."""
    ends = Ends()
    results: list[Operation[Any]] = []

    async def meet(message: int) -> None:
        results.append(await select(ends.send(message), ends.receive()))

    async with task_group() as tasks:
        tasks.start_soon(meet, 1)
        tasks.start_soon(meet, 2)
    assert sorted(repr(one.result()) for one in results) in (["1", "None"], ["2", "None"])
    assert not ends.debris()


async def test_many_selects_pair_up() -> None:
    """Each of a crowd that would send as well as receive finds one partner."""
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
    """Only one of the operations takes a message."""
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
    """It counts as one."""
    ends = Ends()
    operation = ends.receive()
    async with task_group() as tasks:
        attempt = await begin(tasks, select, operation, operation)
        await ends.sender.send(1)
        await settle()
    assert attempt.result is operation
    assert not ends.debris()


async def test_operations_can_be_used_again() -> None:
    """Each time the result is the one of that time."""
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
    """The operation happens, and its result raises what a receive would have raised."""
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
    """The operation happens, its message is not sent, and its result says why."""
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


async def test_a_receiver_that_is_closed_leaves_its_message() -> None:
    """A message promised to an arm whose receiver is closed goes to the next in line."""
    ends = Ends(1)
    other = ends.channel.new_receiver()
    async with task_group() as tasks:
        attempt = await begin(tasks, select, ends.receive())
        second = await begin(tasks, other.receive)
        ends.sender.send_nowait(1)
        ends.receiver.close()
        await settle()
    assert attempt.outcome == "done"
    assert second.result == 1


@pytest.mark.parametrize("promised", [False, True])
async def test_a_cancelled_select_has_done_nothing(promised: bool) -> None:
    """Once its turn has come it may still succeed; or the message is there for the next."""
    one, two = Ends(1), Ends(1)
    async with task_group() as tasks:
        attempt = await begin(tasks, select, one.receive(), two.receive())
        if promised:
            one.sender.send_nowait(1)
        attempt.cancel()
        await settle()
    assert promised or attempt.outcome == "cancelled"
    left = [1] if promised and attempt.outcome == "cancelled" else []
    assert drain(one.receiver) == left
    assert not one.debris()
    assert not two.debris()


@pytest.mark.asyncio_only
async def test_a_select_cancelled_by_its_task_passes_its_promise_on() -> None:
    """A native cancellation between wake-up and run takes no message."""
    one, two = Ends(1), Ends(1)
    task = asyncio.ensure_future(select(one.receive(), two.receive()))
    await settle()
    waiter = asyncio.ensure_future(one.receiver.receive())
    await settle()
    one.sender.send_nowait(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await waiter == 1
    assert not one.debris()
    assert not two.debris()


async def test_the_longest_waiting_goes_first_whether_it_selects_or_not() -> None:
    """A select stands in line like any other, in each of its lines."""
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


async def test_the_choice_is_fair() -> None:
    """Of four operations that are always ready, each happens more than a tenth of the time."""
    many = [Ends(ROUNDS) for _ in range(4)]
    for ends in many:
        await ends.sender.send_many(range(ROUNDS))
    operations = [ends.receive() for ends in many]
    counts = Counter([await select(*operations) for _ in range(ROUNDS)])
    assert len(counts) == 4
    assert min(counts.values()) > ROUNDS / 10


async def test_the_choice_is_fair_among_those_that_are_ready() -> None:
    """What is not ready gives its share to all the others, and not to its neighbour."""
    idle, many = [Ends() for _ in range(12)], [Ends(ROUNDS) for _ in range(4)]
    for ends in many:
        await ends.sender.send_many(range(ROUNDS))
    operations = [ends.receive() for ends in [*idle, *many]]
    counts = Counter([await select(*operations) for _ in range(ROUNDS)])
    assert len(counts) == 4
    assert min(counts.values()) > ROUNDS / 10


async def test_in_order_where_the_first_is_not_ready() -> None:
    """Of the others it is the first again, each time."""
    channels = [Anycast[int](limit=40) for _ in range(3)]
    for channel in channels[1:]:
        await channel.new_sender().send_many(range(40))
    operations = [channel.new_receiver().receiving() for channel in channels]
    for _ in range(20):
        assert await select(*operations, in_order=True) is operations[1]
        assert select_nowait(*operations, in_order=True) is operations[1]


async def test_in_order_the_first_that_is_ready_happens() -> None:
    """A queue with priorities is a select in order."""
    urgent, usual = Ends(10), Ends(10)
    await usual.sender.send_many([1, 2])
    await urgent.sender.send_many([10, 20])
    operations = urgent.receive(), usual.receive()
    done = [(await select(*operations, in_order=True)).result() for _ in range(4)]
    assert done == [10, 20, 1, 2]


async def test_in_order_what_became_ready_while_it_yielded_happens() -> None:
    """It comes first in the order, though it was not ready when the yield was due."""
    urgent, usual = Ends(10), Ends(10, yield_every=1)
    usual.sender.send_nowait(1)
    operations = urgent.receive(), usual.receive()
    selecting = select(*operations, in_order=True)
    done = await watch_yields(selecting, lambda: urgent.sender.send_nowait(10))
    assert done is operations[0]


async def test_nowait_performs_what_is_ready() -> None:
    """Otherwise it says that it would block, and leaves no trace."""
    ends = Ends(1)
    receive = ends.receive()
    with raises(WouldBlock, ""):
        select_nowait(receive)
    assert not ends.debris()
    ends.sender.send_nowait(1)
    assert select_nowait(receive, in_order=True) is receive
    assert receive.result() == 1
    send = ends.send(2)
    assert select_nowait(receive, send) is send


async def test_a_race_of_nowait_selects_gives_each_message_once() -> None:
    """As many selects as messages take one each, and the next one takes none."""
    one, two = Ends(50), Ends(50)
    await one.sender.send_many(range(50))
    await two.sender.send_many(range(50, 100))
    operations = one.receive(), two.receive()
    received = [select_nowait(*operations).result() for _ in range(100)]
    assert sorted(received) == list(range(100))
    with pytest.raises(WouldBlock):
        select_nowait(*operations)


async def test_it_yields_like_any_other_operation() -> None:
    """After ``yield_every`` that completed at once, the next is a checkpoint first."""
    ends = Ends(10, yield_every=3)
    await anyio.lowlevel.checkpoint()
    yields = [await count_yields(select(ends.send(n))) for n in range(8)]
    assert yields == [0, 0, 0, 1, 0, 0, 1, 0]


@pytest.mark.parametrize(
    ("yield_every", "yields"), [(1, [1] * 6), (3, [0, 0, 0, 1, 0, 0, 1]), (64, [0] * 64 + [1])]
)
async def test_to_find_an_end_counts(yield_every: int, yields: list[int]) -> None:
    """Or a loop that selects an operation that has ended would let nobody else run."""
    ends, other = Ends(yield_every=yield_every), Ends()
    ends.channel.close()
    operations = ends.send(1), ends.receive(), other.receive()
    assert [await count_yields(select(*operations)) for _ in yields] == yields


async def test_a_loop_that_selects_an_end_can_be_cancelled() -> None:
    """A timeout ends it."""
    ends = Ends()
    ends.channel.close()
    operation = ends.receive()
    with anyio.CancelScope() as scope:
        scope.cancel()
        for _ in range(1000):
            await select(operation)
    assert scope.cancelled_caught


async def test_a_checkpoint_comes_before_anything_is_done() -> None:
    """Where the next operation must yield, a cancelled task sends nothing."""
    ends = Ends(10, yield_every=1)
    with anyio.CancelScope() as scope:
        scope.cancel()
        await select(ends.send(1))
    assert scope.cancelled_caught
    assert drain(ends.receiver) == []


async def test_stress() -> None:
    """Many tasks select over two channels at random; each message arrives once."""
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
    """A select that would wait where tasks of another loop wait raises, and waits nowhere."""
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
    """With the garbage collector off, what waited is gone with the call."""
    one, two = Ends(), Ends()
    gc.collect()
    gc.disable()
    try:
        async with task_group() as tasks:
            await begin(tasks, select, one.receive(), two.receive())
            assert selections() == 1
            await two.sender.send(1)
            await settle()
        assert selections() == 0
    finally:
        gc.enable()


def selections() -> int:
    """Return how many selects wait, or have left something behind."""
    return sum(type(found).__name__ == "Selection" for found in gc.get_objects())


async def test_no_operation_is_an_error() -> None:
    """There would be nothing to wait for."""
    text = "`operations` must be at least one, not none"
    with raises(ValueError, text) as caught:
        await select()
    assert caught.value.__suppress_context__  # what Python thinks of an empty tuple is no matter
    with raises(ValueError, text):
        select_nowait()


async def test_what_is_no_operation_is_an_error() -> None:
    """Such as the receiver itself."""
    ends = Ends()
    text = f"`operations` must each come from `sending` or `receiving`, not be {ends.receiver!r}"
    wrong: Any = ends.receiver
    with raises(TypeError, text):
        await select(ends.receive(), wrong)
    with raises(TypeError, text) as caught:
        await select(wrong)
    assert caught.value.__suppress_context__  # nor that it lacks a private attribute
    with raises(TypeError, text):
        select_nowait(wrong)


def test_what_has_not_happened_has_no_result() -> None:
    """Asking for it is an error."""
    with raises(RuntimeError, "the operation has not happened: `select` did not return it"):
        Ends().receive().result()


@pytest.mark.parametrize("limit", [0, 1])
async def test_several_arms_of_one_select_make_room_for_one_message(limit: int) -> None:
    """A batch finds no more room than the task that waits can use."""
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
    """Though there is a message, or room, the result is that the end is closed."""
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
    """Of ``yield_every`` selects none yields, and the next one does."""
    ends = Ends(10, yield_every=2)
    for number in range(3):
        ends.sender.send_nowait(number)
    assert [await count_yields(select(ends.receive())) > 0 for _ in range(3)] == [
        False,
        False,
        True,
    ]


async def test_an_end_takes_the_place_of_what_was_received_last() -> None:
    """An operation that is used again tells what happened last, and nothing else."""
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
    """Arguments are looked at only once something has gone wrong."""
    ends = Ends(1)
    receive = ends.receive()
    monkeypatch.delattr(Turns, "reserved")
    with pytest.raises(AttributeError, match="reserved"):
        await select(receive)
