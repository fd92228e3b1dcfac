"""When an operation yields to the event loop: never without need, but often enough."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from anyio.lowlevel import checkpoint

from anycast import Anycast, select_nowait
from anycast._log import ThrottledLog
from anycast._waiting import event_loop
from helpers import begin, count_yields, drain, task_group
from operations import OPERATIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from anyio.abc import TaskGroup

pytestmark = pytest.mark.anyio


every_operation = pytest.mark.parametrize("operation", OPERATIONS)


@every_operation
def test_what_is_done_at_once_makes_no_waiter_and_logs_nothing(
    operation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call at once needs no event loop: driven by hand, the coroutine ends in its first step."""

    def never(*_: object) -> None:
        raise AssertionError("not on this path")

    monkeypatch.setattr(event_loop, "running_backend", never)
    monkeypatch.setattr(ThrottledLog, "write", never)
    ends = Ends(yield_every=64)
    ends.sender.send_nowait(0)
    with pytest.raises(StopIteration):
        OPERATIONS[operation](ends.sender, ends.receiver).send(None)


class Ends:
    """A channel that has room and messages, and its endpoints."""

    def __init__(self, yield_every: int) -> None:
        self.channel = Anycast[int](limit=1000, yield_every=yield_every)
        self.sender = self.channel.new_sender()
        self.receiver = self.channel.new_receiver()
        for number in range(100):
            self.sender.send_nowait(number)

    def make(self, operation: str) -> Coroutine[Any, Any, object]:
        """Return an operation, not yet awaited."""
        return OPERATIONS[operation](self.sender, self.receiver)

    async def use(self, operation: str, times: int = 1) -> list[bool]:
        """Perform an operation several times, and return in which calls the operation yielded."""
        return [await count_yields(self.make(operation)) > 0 for _ in range(times)]


@every_operation
async def test_the_first_operations_do_not_yield(operation: str) -> None:
    """Of ``yield_every`` operations none yields, the next operation yields, and so on."""
    ends = Ends(yield_every=5)
    assert await ends.use(operation, 5) == [False] * 5
    assert await ends.use(operation, 1) == [True]
    assert await ends.use(operation, 15) == ([False] * 4 + [True]) * 3


async def test_by_default_it_is_every_64th() -> None:
    """The default lets 64 operations pass."""
    channel = Anycast[int](limit=100)
    yields = [await count_yields(channel.new_sender().send(1)) for _ in range(65)]
    assert yields[:64] == [0] * 64
    assert yields[64] > 0


async def test_all_operations_of_a_channel_count_together() -> None:
    """All operations of a channel count together, of any kind and of any endpoint."""
    ends = Ends(yield_every=4)
    other = ends.sender.clone()
    pattern = [await count_yields(other.send(1)) > 0]
    for operation in ("send", "receive", "lease", "anext"):
        pattern += await ends.use(operation)
    assert pattern == [False, False, False, False, True]


async def test_channels_count_for_each_other() -> None:
    """The count goes on over all channels of a thread, each with its own ``yield_every``."""
    one, other = Ends(yield_every=2), Ends(yield_every=3)
    assert await one.use("send", 2) == [False, False]
    assert await other.use("send", 2) == [False, True]
    assert await one.use("send", 2) == [False, True]


@every_operation
async def test_a_channel_for_each_operation(operation: str) -> None:
    """A loop that makes new channels yields as a loop over a single channel does."""
    yields = [(await Ends(yield_every=4).use(operation))[0] for _ in range(10)]
    assert yields == [False, False, False, False, True, False, False, False, True, False]


@every_operation
async def test_going_round_many_channels(operation: str) -> None:
    """The event loop has a turn as often as with a single channel."""
    many = [Ends(yield_every=4) for _ in range(5)]
    yields = [(await many[number % 5].use(operation))[0] for number in range(10)]
    assert yields == [False, False, False, False, True, False, False, False, True, False]


@pytest.mark.parametrize("yield_every", [1, 64])
async def test_a_loop_over_new_channels_can_be_cancelled(yield_every: int) -> None:
    """A reply channel for each request is a common pattern."""
    with anyio.CancelScope() as scope:
        scope.cancel()
        for _ in range(1000):
            reply = Anycast[int](limit=1, yield_every=yield_every)
            await reply.new_sender().send(1)
            await reply.new_receiver().receive()
    assert scope.cancelled_caught


@every_operation
async def test_yield_every_1_is_always_a_checkpoint(operation: str) -> None:
    """Every operation yields, the first operation included."""
    assert await Ends(yield_every=1).use(operation, 5) == [True] * 5


async def test_yield_every_1_after_a_wait() -> None:
    """An operation after an operation that waited yields, too."""
    channel = Anycast[int](limit=1, yield_every=1)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    yields: list[int] = []

    async def receive() -> None:
        yields.extend([await count_yields(receiver.receive()) for _ in range(3)])

    async with task_group() as tasks:
        await begin(tasks, receive)
        for number in range(3):
            await sender.send(number)
    assert min(yields) >= 1


@pytest.mark.parametrize(("kind", "yields"), [(list, 1), (deque, 1), (iter, 3)])
async def test_yield_every_1_and_a_batch(kind: Callable[[range], Any], yields: int) -> None:
    """A batch yields once, and an iterable yields before each message."""
    channel = Anycast[int](yield_every=1)
    assert await count_yields(channel.new_sender().send_many(kind(range(3)))) == yields


@pytest.mark.parametrize("yield_every", [1, 2, 64])
async def test_nowait_forms_never_yield(yield_every: int) -> None:
    """A nowait call never yields, and leaves a due yield due."""
    ends = Ends(yield_every)
    await ends.use("send", yield_every)
    for number in range(200):
        ends.sender.send_nowait(number)
        ends.receiver.receive_nowait()
    assert await ends.use("send") == [True]  # and they do not count


async def test_select_nowait_does_not_count() -> None:
    """The next operations do not yield, however often `select_nowait` has acted."""
    ends = Ends(yield_every=2)
    received, sent = ends.receiver.receiving(), ends.sender.sending(1)
    for _ in range(10):
        assert select_nowait(sent) is sent
        assert select_nowait(received) is received
    assert await ends.use("send", 3) == [False, False, True]


@pytest.mark.parametrize("before", [2, 3])
async def test_a_wait_starts_the_count_again(before: int) -> None:
    """After an operation that waited, ``yield_every`` further operations do not yield.

    After a wait the count starts at 0, whether a yield was due before or not.
    """
    ends = Ends(yield_every=3)
    await ends.use("receive", before)
    drain(ends.receiver)
    async with task_group() as tasks:
        receiving = await begin(tasks, ends.receiver.receive)
        ends.sender.send_nowait(1)
    assert receiving.outcome == "done"
    assert await ends.use("send", 4) == [False, False, False, True]


async def test_a_batch_counts_as_one_operation() -> None:
    """After ``yield_every`` batches the next operation yields, however many messages they had."""
    ends = Ends(yield_every=3)
    await ends.receiver.receive_many(5)
    await ends.sender.send_many([1, 2])
    await ends.sender.send_many(deque(range(5)))
    assert await ends.use("send") == [True]


async def test_a_batch_counts_for_no_more_than_that() -> None:
    """After fewer batches than ``yield_every`` the next operation does not yield."""
    ends = Ends(yield_every=3)
    await ends.receiver.receive_many(5)
    await ends.sender.send_many([1, 2, 3, 4])
    assert await ends.use("send") == [False]


class Rendezvous:
    """A rendezvous channel in which tasks wait on one side, and its endpoints."""

    def __init__(self, yield_every: int) -> None:
        self.channel = Anycast[int](limit=0, yield_every=yield_every)
        self.sender = self.channel.new_sender()
        self.receiver = self.channel.new_receiver()

    async def block(self, tasks: TaskGroup, side: str, number: int) -> None:
        """Start a number of tasks that wait on one side."""
        for _ in range(number):
            if side == "senders":
                await begin(tasks, self.sender.send, 1)
            else:
                await begin(tasks, self.receiver.receive)

    def act(self, side: str) -> Coroutine[Any, Any, object]:
        """Return an operation that acts for a task of that side, not yet awaited."""
        return self.receiver.receive() if side == "senders" else self.sender.send(1)

    def act_nowait(self, side: str) -> None:
        """Act for a task of that side."""
        if side == "senders":
            self.receiver.receive_nowait()
        else:
            self.sender.send_nowait(1)


each_side = pytest.mark.parametrize("side", ["senders", "receivers"])


@each_side
async def test_what_is_done_for_a_peer_does_not_count(side: str) -> None:
    """An operation that also acts for a waiting task counts once."""
    ends = Rendezvous(yield_every=3)
    async with task_group() as tasks:
        await ends.block(tasks, side, 4)
        yields = [await count_yields(ends.act(side)) > 0 for _ in range(4)]
    assert yields == [False, False, False, True]


@each_side
async def test_nowait_forms_that_act_for_a_peer_do_not_count(side: str) -> None:
    """A nowait call that wakes tasks does not bring the next yield nearer."""
    ends = Rendezvous(yield_every=2)
    async with task_group() as tasks:
        await ends.block(tasks, side, 6)
        for _ in range(3):
            ends.act_nowait(side)
        yields = [await count_yields(ends.act(side)) > 0 for _ in range(3)]
    assert yields == [False, False, True]


@each_side
async def test_a_batch_that_is_handed_over_counts_as_one_operation(side: str) -> None:
    """A batch counts once, however many waiting tasks take or offer its messages."""
    ends = Rendezvous(yield_every=3)
    async with task_group() as tasks:
        await ends.block(tasks, side, 7)
        if side == "senders":
            assert await ends.receiver.receive_many(4) == [1] * 4
        else:
            await ends.sender.send_many([1] * 4)
        yields = [await count_yields(ends.act(side)) > 0 for _ in range(3)]
    assert yields == [False, False, True]


async def test_a_lease_that_fails_counts_as_one_operation() -> None:
    """A lease counts once, and the return of its message does not count."""
    ends = Ends(yield_every=3)

    async def fail() -> None:
        with pytest.raises(ZeroDivisionError):
            async with ends.receiver.lease():
                raise ZeroDivisionError

    assert [await count_yields(fail()) > 0 for _ in range(4)] == [False, False, False, True]


async def test_what_goes_back_to_a_task_that_waits_does_not_count() -> None:
    """The leases count, and their messages do not count again when they go back."""
    channel = Anycast[int](yield_every=3)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    leases = [receiver.lease() for _ in range(2)]
    async with task_group() as tasks:
        for lease in leases:
            sender.send_nowait(1)
            await lease.__aenter__()
        receivings = [await begin(tasks, receiver.receive) for _ in leases]
        for lease in leases:
            await lease.__aexit__(ZeroDivisionError, ZeroDivisionError(), None)
        yields = [await count_yields(sender.send(2)) > 0 for _ in range(4)]
    assert [receiving.result for receiving in receivings] == [1, 1]
    assert yields == [False, True, False, False]


async def test_a_batch_is_not_cut_short_by_yielding() -> None:
    """A batch larger than ``yield_every`` comes whole."""
    assert len(await Ends(yield_every=5).receiver.receive_many(50)) == 50


async def test_a_long_stream_yields_on_its_way() -> None:
    """A send of an iterable yields after every ``yield_every`` messages."""
    channel = Anycast[int](limit=1000, yield_every=10)
    assert await count_yields(channel.new_sender().send_many(range(100))) == 9


@every_operation
async def test_cancellation_is_not_noticed_otherwise(operation: str) -> None:
    """An operation that does not yield succeeds in a cancelled task."""
    ends = Ends(yield_every=2)
    before = ends.channel.statistics()
    with anyio.CancelScope() as scope:
        scope.cancel()
        await ends.make(operation)
    assert not scope.cancelled_caught
    assert ends.channel.statistics() != before


async def test_a_cancelled_operation_does_not_silence_the_next() -> None:
    """A checkpoint that was cut short by a cancellation never lets more than a round pass."""
    ends = Ends(yield_every=3)
    await ends.use("send", 3)
    with anyio.CancelScope() as scope:
        scope.cancel()
        await ends.sender.send(1)
    assert True in await ends.use("send", 4)


async def test_a_tight_loop_lets_others_run() -> None:
    """A task that only sends and receives does not starve other tasks."""
    channel = Anycast[int]()
    sender, receiver = channel.new_sender(), channel.new_receiver()
    others: list[int] = []

    async def other() -> None:
        for _ in range(3):
            others.append(channel.statistics().messages_sent)
            await checkpoint()

    async with task_group() as tasks:
        tasks.start_soon(other)
        for number in range(400):
            await sender.send(number)
            await receiver.receive()
        assert len(others) == 3
