"""When an operation yields to the event loop: never without need, but often enough."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from anyio.lowlevel import checkpoint

from anycast import (
    Anycast,
    Receiver,
    ReceiverStoppedError,
    Sender,
    SenderError,
    _turns,
    select_nowait,
)
from anycast._log import ThrottledLog
from helpers import begin, count_yields, drain, settle, task_group, waiting, watch_yields

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from anycast import ChannelStatistics

pytestmark = pytest.mark.anyio


async def lease(receiver: Receiver[int]) -> int:
    """Receive with a lease."""
    async with receiver.lease() as message:
        return message


OPERATIONS: dict[str, Callable[[Sender[int], Receiver[int]], Coroutine[Any, Any, object]]] = {
    "send": lambda sender, _: sender.send(1),
    "send_many": lambda sender, _: sender.send_many([1]),
    "receive": lambda _, receiver: receiver.receive(),
    "receive_many": lambda _, receiver: receiver.receive_many(1),
    "anext": lambda _, receiver: receiver.__anext__(),
    "lease": lambda _, receiver: lease(receiver),
}
every_operation = pytest.mark.parametrize("operation", OPERATIONS)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_what_is_done_at_once_makes_no_waiter_and_logs_nothing(
    operation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It needs no event loop at all: driven by hand, it ends in its first step."""

    def never(*_: object) -> None:
        raise AssertionError("not on this path")

    monkeypatch.setattr(_turns, "running_backend", never)
    monkeypatch.setattr(ThrottledLog, "write", never)
    ends = Ends(yield_every=64)
    ends.sender.send_nowait(0)
    with pytest.raises(StopIteration):
        OPERATIONS[operation](ends.sender, ends.receiver).send(None)


class Ends:
    """A channel that can both send and receive at once, and its endpoints."""

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
        """Perform an operation several times; return when it yielded."""
        return [await count_yields(self.make(operation)) > 0 for _ in range(times)]


@pytest.mark.parametrize("operation", sorted(OPERATIONS.keys() - {"receive_many"}))
async def test_the_first_operations_do_not_yield(operation: str) -> None:
    """Of ``yield_every`` operations none yields, the next one does, and so on."""
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
    """It is the channel that counts, not the endpoint nor the kind of operation."""
    ends = Ends(yield_every=4)
    other = ends.sender.clone()
    pattern = [await count_yields(other.send(1)) > 0]
    for operation in ("send", "receive", "lease", "anext"):
        pattern += await ends.use(operation)
    assert pattern == [False, False, False, False, True]


async def test_channels_do_not_count_for_each_other() -> None:
    """Operations on one channel do not make another one yield."""
    one, other = Ends(yield_every=2), Ends(yield_every=2)
    assert await one.use("send", 2) == [False, False]
    assert await other.use("send", 2) == [False, False]


@every_operation
async def test_yield_every_1_is_always_a_checkpoint(operation: str) -> None:
    """Every operation yields, the first one included."""
    assert await Ends(yield_every=1).use(operation, 5) == [True] * 5


async def test_yield_every_1_after_a_wait() -> None:
    """An operation that follows one that had to wait yields too."""
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


@pytest.mark.parametrize(("limit", "waits"), [(10, (0, 0)), (0, (0, 1))])
async def test_what_is_to_yield_does_so_before_it_waits(limit: int, waits: tuple[int, int]) -> None:
    """It need not wait, then, for what comes meanwhile; but in a rendezvous it waits at once."""
    channel = Anycast[int](limit=limit, yield_every=1)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    seen: list[tuple[int, int]] = []

    def send() -> None:
        seen.append(waiting(channel))
        sender.send_nowait(1)

    assert await watch_yields(receiver.receive(), send) == 1
    assert seen == [waits]


async def test_what_is_to_yield_waits_at_once_if_only_some_operations_yield() -> None:
    """Or whoever comes while it yields would be served first, though it came later."""
    channel = Anycast[int](yield_every=2)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    await sender.send(1)
    await receiver.receive()  # so the next one is to yield
    seen: list[tuple[int, int]] = []

    def send() -> None:
        seen.append(waiting(channel))
        sender.send_nowait(2)

    assert await watch_yields(receiver.receive(), send) == 2
    assert seen == [(0, 1)]


async def test_what_is_to_yield_waits_at_once_behind_others() -> None:
    """There is nothing to gain by yielding first, and a place in line to lose."""
    channel = Anycast[int](limit=1, yield_every=1)
    sender = channel.new_sender()
    sender.send_nowait(0)
    seen: list[tuple[int, int]] = []

    def look() -> None:
        seen.append(waiting(channel))
        channel.close()

    async with task_group() as tasks:
        await begin(tasks, sender.send, 1)
        with pytest.raises(SenderError):
            await watch_yields(sender.send(2), look)
    assert seen == [(2, 0)]


async def test_what_is_to_yield_finds_an_end_first() -> None:
    """Nothing is done there that could be undone."""
    channel = Anycast[int](yield_every=1)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    channel.close()
    for operation in (sender.send(1), receiver.receive(), receiver.receive_many(1)):
        with pytest.raises((SenderError, ReceiverStoppedError)):
            await watch_yields(operation, pytest.fail)


@pytest.mark.parametrize(("kind", "yields"), [(list, 1), (deque, 1), (iter, 3)])
async def test_yield_every_1_and_a_batch(kind: Callable[[range], Any], yields: int) -> None:
    """It is sent after one checkpoint; what is asked for one message at a time, after one each."""
    channel = Anycast[int](yield_every=1)
    assert await count_yields(channel.new_sender().send_many(kind(range(3)))) == yields


@pytest.mark.parametrize("yield_every", [1, 2, 64])
async def test_nowait_forms_never_yield(yield_every: int) -> None:
    """Even a channel that is due to yield serves them, and stays due."""
    ends = Ends(yield_every)
    await ends.use("send", yield_every)
    for number in range(200):
        ends.sender.send_nowait(number)
        ends.receiver.receive_nowait()
    assert await ends.use("send") == [True]  # and they do not count


async def test_select_nowait_does_not_count() -> None:
    """However often it has acted, the next operations do not yield."""
    ends = Ends(yield_every=2)
    received, sent = ends.receiver.receiving(), ends.sender.sending(1)
    for _ in range(10):
        assert select_nowait(sent) is sent
        assert select_nowait(received) is received
    assert await ends.use("send", 3) == [False, False, True]


@pytest.mark.parametrize("before", [2, 3])
async def test_a_wait_starts_the_count_again(before: int) -> None:
    """After an operation that had to wait, ``yield_every`` more do not yield.

    That holds whether a yield was due before it waited, or not.
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


async def test_a_batch_is_not_cut_short_by_yielding() -> None:
    """A batch larger than ``yield_every`` comes whole."""
    assert len(await Ends(yield_every=5).receiver.receive_many(50)) == 50


async def test_a_long_stream_yields_on_its_way() -> None:
    """Sending what an iterable gives lets others run after every ``yield_every`` messages."""
    channel = Anycast[int](limit=1000, yield_every=10)
    assert await count_yields(channel.new_sender().send_many(range(100))) == 9


@every_operation
@pytest.mark.parametrize("yield_every", [1, 3])
async def test_cancellation_is_noticed_before_anything_is_done(
    operation: str, yield_every: int
) -> None:
    """A cancelled task whose operation is due to yield takes and leaves nothing."""
    ends = Ends(yield_every)
    await ends.use("send", yield_every)
    before = ends.channel.statistics()
    with anyio.CancelScope() as scope:
        scope.cancel()
        await ends.make(operation)
    assert scope.cancelled_caught
    assert ends.channel.statistics() == before


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


@every_operation
async def test_nothing_is_done_before_the_checkpoint(operation: str) -> None:
    """Whatever others see while an operation yields, they see it not begun."""
    ends = Ends(yield_every=1)
    before = ends.channel.statistics()
    seen: list[ChannelStatistics] = []
    await watch_yields(ends.make(operation), lambda: seen.append(ends.channel.statistics()))
    assert seen == [before]


async def test_what_was_there_is_gone_after_the_checkpoint() -> None:
    """A receiver that finds its message taken while it yielded waits for the next."""
    channel = Anycast[int](yield_every=1)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    sender.send_nowait(1)
    taken: list[list[int]] = []
    async with task_group() as tasks:
        receiving = await begin(
            tasks, watch_yields, receiver.receive(), lambda: taken.append(drain(receiver))
        )
        assert taken[0] == [1]
        assert waiting(channel) == (0, 1)
        sender.send_nowait(2)
    assert receiving.result == 2


async def test_the_room_that_was_there_is_gone_after_the_checkpoint() -> None:
    """Several senders that yield for one place send one message, and the others wait."""
    channel = Anycast[int](limit=1, yield_every=1)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    async with task_group() as tasks:
        for number in range(3):
            tasks.start_soon(sender.send, number)
        await settle()
        assert channel.statistics().current_buffer_used == 1
        assert waiting(channel) == (2, 0)
        assert sorted([await receiver.receive() for _ in range(3)]) == [0, 1, 2]


async def test_several_receivers_that_yield_for_one_message() -> None:
    """One of them gets it, and the others wait."""
    channel = Anycast[int](yield_every=1)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    sender.send_nowait(0)
    received: list[int] = []

    async def receive() -> None:
        received.append(await receiver.receive())

    async with task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(receive)
        await settle()
        assert received == [0]
        assert waiting(channel) == (0, 2)
        await sender.send_many([1, 2])
    assert sorted(received) == [0, 1, 2]


async def test_a_tight_loop_lets_others_run() -> None:
    """A task that only sends and receives does not starve the others."""
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
