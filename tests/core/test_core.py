"""Single transitions of the core: counts, threads, and which tasks a transition may wake."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import closing
from threading import get_ident
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, cast
from weakref import ref

import pytest

import invariants
from anycast import Anycast, ReceiverStoppedError, SenderError, select
from anycast._anycast.core import Batch, Core
from anycast._anycast.operations import ReceiveOperation
from anycast._waiting import event_loop, late_cancellation
from anycast._waiting.waiter import NOTHING
from explorer import ByHand, HandWaiter, drive_by_hand, new_core

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from anycast import Receiver, Sender
    from anycast._waiting.budget import Budget
    from anycast._waiting.event_loop import LoopBinding
    from anycast._waiting.waiter import Wakeable

    Step = Callable[[Core[int]], object]


def full_core(limit: int) -> Core[int]:
    """Return a core that stores as many messages as its limit allows: 0, 1 and so on."""
    core = new_core(limit)
    core.buffer.extend(range(limit))
    core.peak = limit
    return core


def block_receivers(core: Core[int], number: int = 1) -> list[HandWaiter]:
    """Let so many tasks wait to receive."""
    waiters = [HandWaiter() for _ in range(number)]
    core.receivers.update(dict.fromkeys(waiters, 0))
    return waiters


def block_senders(core: Core[int], *offers: Any) -> list[HandWaiter]:
    """Let tasks wait to send, a task for each message or batch."""
    waiters = [HandWaiter() for _ in offers]
    core.senders.update(zip(waiters, offers, strict=True))
    return waiters


def batch(*messages: int) -> Batch:
    """Return the entry of a blocked batch in the queue."""
    return Batch(deque(messages))


def with_receivers(limit: int, number: int = 1) -> Core[int]:
    """Return a core in which so many tasks wait to receive."""
    core = new_core(limit)
    block_receivers(core, number)
    return core


def with_senders(limit: int, *offers: Any) -> Core[int]:
    """Return a full core in which tasks wait to send."""
    core = full_core(limit)
    block_senders(core, *offers)
    return core


# Yielding.

BY_HAND: Any = ByHand


def left(core: Core[Any]) -> int:
    """Return how many operations may complete at once before an operation yields."""
    return core.allowance - core.budget.spent


@pytest.mark.parametrize(("yield_every", "operations"), [(1, 0), (2, 2), (64, 64)])
def test_how_many_operations_may_complete_at_once(yield_every: int, operations: int) -> None:
    """With ``yield_every=1`` none, and after a yield as many as at first."""
    channel = Anycast[int](yield_every=yield_every)
    core = channel._core
    core._use_backend(BY_HAND)
    assert left(core) == operations
    core.offer(1)
    assert left(core) == operations - 1
    core.budget.spent = core.allowance
    run_again(channel.new_sender().send(2))
    assert left(core) == operations - 1


@pytest.mark.parametrize("limit", [0, 1])
def test_a_send_into_a_full_channel_is_not_ready(limit: int) -> None:
    """Otherwise a `select` would try to send for ever, without a wait."""
    sender = Anycast[int](limit=limit).new_sender()
    for number in range(limit):
        sender.send_nowait(number)
    sending: Any = sender.sending(1)
    assert sending.find_ready() is None


def run_again(yielding: Any) -> None:
    """Let a task that has yielded run again."""
    assert yielding.send(None) is None
    with pytest.raises(StopIteration):
        yielding.send(None)


def pass_on(core: Core[int]) -> None:
    """Take a message, and give it back while a task waits to receive."""
    message = core.take()
    block_receivers(core)
    core.put_back(message)


COUNTS: dict[str, tuple[Callable[[], Core[int]], Step, int]] = {
    "a message is stored": (lambda: new_core(3), lambda core: core.offer(1), 1),
    "a message is refused": (lambda: full_core(1), lambda core: core.offer(1), 0),
    "a message is handed over": (lambda: with_receivers(3), lambda core: core.offer(1), 1),
    "a message is taken": (lambda: full_core(3), Core[int].take, 1),
    "nothing is taken": (lambda: new_core(3), Core[int].take, 0),
    "a message is taken, and a sender goes on": (lambda: with_senders(1, 7), Core[int].take, 1),
    "a message is taken from a sender": (lambda: with_senders(0, 7), Core[int].take, 1),
    "a message is taken from a batch": (lambda: with_senders(0, batch(7, 8)), Core[int].take, 1),
    "a batch is stored": (lambda: new_core(3), lambda core: core.put_many(deque([1, 2, 3])), 1),
    "a batch is stored in part": (
        lambda: new_core(3),
        lambda core: core.put_many(deque([1, 2, 3, 4])),
        1,
    ),
    "a batch is handed over": (
        lambda: with_receivers(3, 2),
        lambda core: core.put_many(deque([1, 2, 3])),
        1,
    ),
    "many messages are taken": (lambda: full_core(3), lambda core: core.take_many(3), 0),
    "many messages are taken from senders": (
        lambda: with_senders(1, 7, batch(8, 9), 10),
        lambda core: core.take_many(3),
        0,
    ),
    "many messages are taken in rounds": (
        lambda: with_senders(1, batch(*range(9)), batch(*range(9))),
        lambda core: core.take_many(7),
        0,
    ),
    "a message comes back": (lambda: full_core(3), lambda core: core.put_back(core.take()), 1),
    "a message comes back to a receiver that waits": (lambda: full_core(1), pass_on, 1),
}


@pytest.mark.parametrize(("core", "step", "counts"), COUNTS.values(), ids=list(COUNTS))
def test_what_counts_towards_a_yield(
    core: Callable[[], Core[int]], step: Step, counts: int
) -> None:
    """An operation counts once, even if it also acts for its peers."""
    channel = core()
    before = left(channel)
    step(channel)
    invariants.check(channel)
    assert before - left(channel) == counts


def test_the_numbers_of_sent_and_received_messages() -> None:
    """Each message counts once as sent and once as received, in every way through the channel."""
    core = with_senders(1, 7, batch(8, 9), 10)
    assert core.take() == 0
    assert core.take_many(3) == [7, 8, 10]
    core.put_back(10)
    now = core.statistics()
    assert (now.messages_sent, now.messages_received, now.current_buffer_used) == (5, 3, 2)


PEAKS: dict[str, tuple[Callable[[], Core[int]], Step, int]] = {
    "a message is stored": (lambda: new_core(3), lambda core: core.offer(1), 1),
    "two messages are stored": (
        lambda: new_core(3),
        lambda core: (core.offer(1), core.offer(2)),
        2,
    ),
    "a message is stored where one was": (
        lambda: new_core(3),
        lambda core: (core.offer(1), core.take(), core.offer(2)),
        1,
    ),
    "a message is handed over": (lambda: with_receivers(3), lambda core: core.offer(1), 0),
    "a batch is stored": (lambda: new_core(3), lambda core: core.put_many(deque([1, 2])), 2),
    "senders go on": (lambda: with_senders(2, 7, 8, 9), lambda core: core.take_many(3), 2),
    "a message comes back over the limit": (
        lambda: with_senders(1, 7),
        lambda core: core.put_back(core.take()),
        2,
    ),
}


@pytest.mark.parametrize(("core", "step", "peak"), PEAKS.values(), ids=list(PEAKS))
def test_the_most_messages_that_were_stored(
    core: Callable[[], Core[int]], step: Step, peak: int
) -> None:
    """The peak grows when a message is stored, and not when a message is handed over."""
    channel = core()
    step(channel)
    assert channel.statistics().peak_buffer_used == peak


# Batches.


def test_a_batch_that_its_owner_has_emptied() -> None:
    """The sender goes on, and the receiver takes the message of the next sender."""
    core = new_core(0)
    emptied, other = block_senders(core, batch(), 7)
    assert core.take() == 7
    assert (emptied.result(), other.result()) == (None, None)
    assert core.statistics().messages_sent == 1


def test_an_emptied_batch_among_others() -> None:
    """Messages that are taken in rounds are counted right, and each sender has its turn."""
    core = new_core(0)
    waiters = block_senders(core, batch(1, 2, 3), batch(), batch(4, 5, 6))
    assert core.take_many(9) == [1, 4, 2, 5, 3, 6]
    assert all(waiter.woken for waiter in waiters)
    now = core.statistics()
    assert (now.messages_sent, now.messages_received) == (6, 6)


def test_batches_that_share_a_deque() -> None:
    """Each message is taken once, and both senders go on."""
    core = new_core(0)
    messages = deque([1, 2, 3, 4, 5])
    waiters = block_senders(core, Batch(messages), Batch(messages))
    assert core.take_many(9) == [1, 2, 3, 4, 5]
    assert core.take() is NOTHING
    assert all(waiter.woken for waiter in waiters)


def test_the_last_message_of_a_shared_deque_wakes() -> None:
    """One of the senders goes on at once, the other at the next receive."""
    core, messages = new_core(0), deque([1, 2, 3, 4])
    waiters = block_senders(core, Batch(messages), Batch(messages))
    assert core.take_many(4) == [1, 2, 3, 4]
    assert [waiter.woken for waiter in waiters].count(True) == 1
    assert core.take() is NOTHING
    assert all(waiter.woken for waiter in waiters)


@pytest.mark.parametrize("limit", [0, 9])
@pytest.mark.parametrize("leased", [False, True])
def test_a_message_is_never_asked_for_anything(limit: int, *, leased: bool) -> None:
    """The message passes, whether a sender waits, a receiver waits, or the message is stored."""

    class Untouchable:
        @property  # type: ignore[misc]
        def __class__(self) -> NoReturn:  # type: ignore[override]
            raise ZeroDivisionError

        def __eq__(self, _: object) -> NoReturn:
            raise ZeroDivisionError

        def __bool__(self) -> NoReturn:
            raise ZeroDivisionError

        __hash__ = None  # type: ignore[assignment]

    async def receive(receiver: Receiver[Any]) -> Any:
        if not leased:
            return await receiver.receive()
        async with receiver.lease() as message:
            return message

    async def check() -> None:
        channel, message = Anycast[Any](limit=limit), cast("Any", Untouchable())
        sender, receiver = channel.new_sender(), channel.new_receiver()
        orders: list[Any] = [(sender.send, receive), (receive, sender.send)]
        for first, then in orders:
            ends: Any = {sender.send: message, receive: receiver}
            task = asyncio.ensure_future(first(ends[first]))
            await asyncio.sleep(0)
            result = await then(ends[then])
            assert (await task if first is receive else result) is message
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(sender.send_many([message, message]))
            assert [each is message for each in await receiver.receive_many(1)] == [True]
            assert [each is message for each in await receiver.receive_many(1)] == [True]

    asyncio.run(check())


def test_batches_take_turns() -> None:
    """Batches of different lengths take turns, also with senders of a single message."""
    core = new_core(1)
    core.offer(0)
    long, short = deque([1, 2, 3, 4]), deque([11, 12])
    waiters = block_senders(core, Batch(long), Batch(short))
    assert core.take_many(4) == [0, 1, 11, 2]
    assert (list(core.buffer), list(long), list(short)) == ([12], [3, 4], [])
    assert [waiter.woken for waiter in waiters] == [False, True]
    block_senders(core, 21)
    assert core.take_many(4) == [12, 3, 21, 4]


def test_batches_take_turns_in_every_round() -> None:
    """Each round takes a message of each batch."""
    core = new_core(0)
    block_senders(core, batch(1, 2, 3, 4), batch(11, 12, 13))
    assert core.take_many(4) == [1, 11, 2, 12]


def test_a_batch_where_messages_came_back() -> None:
    """While more messages are stored than the limit, no message of the batch is sent or counted."""
    core = full_core(1)
    message = core.take()
    core.offer(1)
    core.put_back(message)
    messages = deque([2, 3])
    core.put_many(messages)
    assert (list(core.buffer), list(messages)) == ([0, 1], [2, 3])
    assert core.statistics().messages_sent == 2


# The end.


def test_the_end_waits_for_every_lease() -> None:
    """Receivers wait on in the closed channel, and go when the last lease is done."""
    core = full_core(2)
    core.leases = 2
    core.take_many(2)
    (receiver,) = block_receivers(core)
    core.close()
    core.end_lease()
    assert (core.ended, receiver.woken) == (False, False)
    core.end_lease()
    assert core.ended
    assert receiver.result() is NOTHING
    assert not core.receivers


def test_a_lease_that_fails_in_a_closed_channel() -> None:
    """The message goes to the waiting receiver, and the remaining receivers are woken."""
    core = full_core(1)
    core.leases = 1
    message = core.take()
    first, second = block_receivers(core, 2)
    core.close()
    core.give_back(message, 1)
    assert (first.result(), second.result()) == (0, NOTHING)


def test_a_lease_that_fails_in_another_thread_while_a_task_joins() -> None:
    """The message is stored, and the lease is over: no task has to be woken."""
    core = joined()
    core.leases = 1
    elsewhere(core).give_back(7, 1)
    assert (core.leases, [*core.buffer]) == (0, [7, 0])


def test_a_message_on_lease_that_is_passed_on() -> None:
    """The lease is over if a receiver waits, who gets the message, and else goes on."""
    core = full_core(1)
    core.leases = 1
    message = core.take()
    assert not core.pass_on(message, 1)
    assert core.leases == 1
    (waiter,) = block_receivers(core, 1)
    assert core.pass_on(message, 1)
    assert (waiter.result(), core.leases) == (message, 0)


def test_a_lease_that_is_done_in_an_open_channel() -> None:
    """Receivers wait on for later messages."""
    core = full_core(1)
    core.leases = 1
    core.take()
    (receiver,) = block_receivers(core)
    core.end_lease()
    assert not receiver.woken
    assert core.offer(7)
    assert receiver.result() == 7


def test_a_closed_core_takes_no_message() -> None:
    """A closed core refuses a message, even if the caller found the channel open just before."""
    core = new_core(3)
    core.close()
    assert not core.offer(1)
    messages = deque([1, 2])
    core.put_many(messages)
    assert (len(core.buffer), len(messages)) == (0, 2)


class Sending(HandWaiter):
    """A waiter that sends a message at the moment when it is woken first.

    Args:
        core: of the channel.
    """

    def __init__(self, core: Core[int]) -> None:
        super().__init__()
        self._core: Core[int] | None = core

    def set_result(self, result: Any) -> None:
        core, self._core = self._core, None
        if core is not None:
            core.offer(7)
        super().set_result(result)


def test_a_message_that_comes_while_a_receiver_is_dismissed() -> None:
    """The message goes to the next waiting receiver: the dismissed receiver has left the queue."""
    core = new_core(0)
    first = Sending(core)
    core.receivers[first] = 0
    (second,) = block_receivers(core)
    core.detach(core.receivers, [first])
    assert (first.result(), second.result()) == (NOTHING, 7)


# Event loops and threads.


class Loop:
    """An event loop that does not run; closed or not."""

    def __init__(self) -> None:
        self.closed = False

    def is_closed(self) -> bool:
        """Return whether the event loop is over."""
        return self.closed


def elsewhere(core: Core[int]) -> Core[int]:
    """Return the core, whose tasks wait in a loop that no longer runs in this thread."""
    away: Any = core
    away.loop = Loop()
    away._thread = get_ident() + 1
    away.running_loop = lambda: None
    return core


def leasing() -> Core[int]:
    """Return a core with a lease, in which a task waits to receive."""
    core = with_receivers(1)
    core.leases = 1
    return core


def joined() -> Core[int]:
    """Return a core with a message, in which a task joins."""
    core = full_core(1)
    core.add_joiner(HandWaiter())
    return core


def ending() -> Core[int]:
    """Return the core of `leasing`, closed."""
    core = leasing()
    core.close()
    return core


WAKING: dict[str, tuple[Callable[[], Core[int]], Step]] = {
    "offer": (lambda: with_receivers(1), lambda core: core.offer(1)),
    "put_many": (lambda: with_receivers(1), lambda core: core.put_many(deque([1]))),
    "put_back": (lambda: with_receivers(1), lambda core: core.put_back(1)),
    "give_back": (leasing, lambda core: core.give_back(1, 1)),
    "end_lease": (ending, Core[int].end_lease),
    "close where a receiver waits": (lambda: with_receivers(1), Core[int].close),
    "close where a sender waits": (lambda: with_senders(1, 7), Core[int].close),
    "take": (lambda: with_senders(1, 7), Core[int].take),
    "take in a rendezvous": (lambda: with_senders(0, 7), Core[int].take),
    "take_many": (lambda: with_senders(1, 7), lambda core: core.take_many(2)),
    "take the last message where a task joins": (joined, Core[int].take),
    "take_many in rounds": (lambda: with_senders(1, batch(7, 8)), lambda core: core.take_many(2)),
}


@pytest.mark.parametrize(("core", "step"), WAKING.values(), ids=list(WAKING))
def test_a_task_of_another_thread_is_not_woken(core: Callable[[], Core[int]], step: Step) -> None:
    """The step raises before any change."""
    channel = elsewhere(core())
    queues = [list(queue.items()) for queue in channel.queues()]
    closed, leases, counts = channel.closed, channel.leases, left(channel)
    before = channel.statistics()
    with pytest.raises(RuntimeError, match="has tasks waiting in another thread"):
        step(channel)
    assert [list(queue.items()) for queue in channel.queues()] == queues
    assert (channel.closed, channel.leases, left(channel)) == (closed, leases, counts)
    assert channel.statistics() == before


def test_a_batch_keeps_its_messages_if_no_task_can_be_woken() -> None:
    """The deque is unchanged after the error."""
    messages = deque([1, 2])
    with pytest.raises(RuntimeError, match="has tasks waiting in another thread"):
        elsewhere(with_receivers(1)).put_many(messages)
    assert list(messages) == [1, 2]


@pytest.mark.parametrize(("core", "step"), WAKING.values(), ids=list(WAKING))
def test_a_task_is_woken_while_its_event_loop_does_not_run(
    core: Callable[[], Core[int]], step: Step
) -> None:
    """The loop may go on later, in this thread."""
    channel: Any = elsewhere(core())
    channel._thread = get_ident()
    waiters: list[Any] = [waiter for queue in channel.queues() for waiter in queue]
    step(channel)
    invariants.check(channel, extra=1)
    assert all(waiter.woken for waiter in waiters)


@pytest.mark.parametrize(("core", "step"), WAKING.values(), ids=list(WAKING))
def test_an_event_loop_that_goes_on_in_another_thread(
    core: Callable[[], Core[int]], step: Step
) -> None:
    """Tasks are woken in the thread in which the loop runs now."""
    channel = elsewhere(core())
    channel.running_loop = lambda: channel.loop
    waiters: list[Any] = [waiter for queue in channel.queues() for waiter in queue]
    step(channel)
    invariants.check(channel, extra=1)
    assert all(waiter.woken for waiter in waiters)


@pytest.mark.parametrize(("core", "step"), WAKING.values(), ids=list(WAKING))
def test_a_task_of_an_event_loop_that_is_over_counts_no_more(
    core: Callable[[], Core[int]], step: Step
) -> None:
    """The task is forgotten, and is not woken."""
    channel = elsewhere(core())
    waiters: list[Any] = [waiter for queue in channel.queues() for waiter in queue]
    loop: Any = channel.loop
    loop.closed = True
    step(channel)
    assert not any(channel.queues())
    assert not any(waiter.woken for waiter in waiters)


@pytest.mark.parametrize("core", [lambda: with_receivers(1), lambda: with_senders(1, 7)])
def test_another_event_loop_may_wait_once_the_first_is_over(
    core: Callable[[], Core[int]],
) -> None:
    """Until the first loop is over, tasks of another loop are refused on both sides."""
    channel: Any = elsewhere(core())
    first, other = channel.loop, Loop()
    with pytest.raises(RuntimeError, match="serves one event loop at a time"):
        channel.bind(other)
    assert channel.loop is first
    assert any(channel.queues())
    first.closed = True
    channel.bind(other)
    assert channel.loop is other
    assert not any(channel.queues())


def test_a_channel_that_no_task_waits_in_belongs_to_no_thread() -> None:
    """Messages may be sent and received anywhere."""
    core = elsewhere(full_core(1))
    assert core.take() == 0
    assert core.offer(1)
    core.close()
    assert core.take_many(1) == [1]


def test_a_channel_that_follows_another() -> None:
    """The channel serves the same event loop, and wakes tasks by the same backend."""
    followed, core = Anycast[int]()._core, new_core(1)
    core.bind_like(followed)
    assert core.loop is None
    assert core.backend is followed.backend


class Elsewhere(ByHand):
    """The backend of another kind of event loop, which is running now."""

    @staticmethod
    def new_waiter(binding: LoopBinding) -> HandWaiter:
        binding.bind("elsewhere")
        return HandWaiter()


class Absent(ByHand):
    """The backend of a kind of event loop that is not running now."""

    @staticmethod
    def checkpoint(_: Budget) -> NoReturn:
        raise RuntimeError


@pytest.fixture
def elsewhere_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the running event loop be of another kind."""
    monkeypatch.setattr(event_loop, "running_backend", lambda: Elsewhere)


@pytest.mark.usefixtures("elsewhere_runs")
def test_a_task_that_may_not_wait_changes_nothing() -> None:
    """The waiting tasks are woken as before, and the new backend serves only an idle channel."""
    core: Any = with_receivers(1)
    with pytest.raises(RuntimeError, match="serves one event loop at a time"):
        core.new_waiter_elsewhere(ByHand)
    assert core.backend is ByHand
    core.offer(1)
    core.new_waiter_elsewhere(ByHand)
    assert core.backend is Elsewhere


@pytest.mark.usefixtures("elsewhere_runs")
def test_a_task_that_yields_changes_nothing_for_those_who_wait() -> None:
    """The waiting tasks are woken as before, and the new backend serves only an idle channel."""
    core: Any = with_receivers(1)
    core._use_backend(Absent)
    backends: list[object] = []
    core.checkpoint()
    backends.append(core.backend)
    core.offer(1)
    core.checkpoint()
    backends.append(core.backend)
    assert backends == [Absent, Elsewhere]


# How a wait ends.


def test_a_future_that_was_cancelled_and_a_coroutine_that_is_destroyed() -> None:
    """The coroutine ends as a destroyed coroutine does."""
    core = new_core(0)
    with closing(asyncio.new_event_loop()) as loop:
        waiter = loop.create_future()
        core.receivers[waiter] = 0
        waiter.cancel()
        with pytest.raises(GeneratorExit):
            interrupt(core, waiter, GeneratorExit())
    assert not core.receivers


class Thrown(BaseException):
    """An error that is thrown into a task."""


class ThrownError(Exception):
    """Another."""


def throw(task: Coroutine[Any, Any, object], kind: type[BaseException]) -> ref[BaseException]:
    """Throw an error into a task, which must raise the error; return a reference to the error."""
    error = kind()
    try:
        task.throw(error)
    except (Thrown, ThrownError):
        return ref(error)
    finally:
        del error
    raise AssertionError


@pytest.mark.usefixtures("no_garbage_collection")
@pytest.mark.parametrize("kind", [Thrown, ThrownError])
def test_an_error_that_is_thrown_into_a_task_that_was_given_a_message(
    kind: type[BaseException],
) -> None:
    """The message comes back, and the error is not kept, not even by its own traceback."""
    channel = Anycast[int](limit=0)
    with drive_by_hand(lambda _: 0, refuses=False):
        receive = channel.new_receiver().receive()
        receive.send(None)
        channel.new_sender().send_nowait(1)
        alive = throw(receive, kind)
    assert channel.statistics().current_buffer_used == 1
    assert alive() is None


def interrupt(core: Core[int], waiter: Any, error: BaseException) -> object:
    """End the wait of a receiver by an error."""
    try:
        fail(error)
    except BaseException:  # noqa: BLE001  raised again by the tested function
        return core.end_interrupted_wait(core.receivers, waiter)


def fail(error: BaseException) -> NoReturn:
    """Raise an error."""
    raise error


# Late cancellations.


class OwedTask:
    """A task to which a cancellation is owed, and which records calls.

    Args:
        requests: for cancellation that the task counts.
        ended: whether the task is done.
    """

    def __init__(self, requests: int, *, ended: bool = False) -> None:
        self.requests = requests
        self.ended = ended
        self.log: list[object] = []
        late_cancellation.owed[ref(self.as_task)] = ("stop",), 1

    @property
    def as_task(self) -> Any:
        """The task, with the type that type checkers expect."""
        return self

    def done(self) -> bool:
        """Return whether the task is done."""
        return self.ended

    def cancelling(self) -> int:
        """Return how many requests for cancellation there are."""
        return self.requests

    def uncancel(self) -> None:
        """Take a request back."""
        self.log.append("uncancel")

    def cancel(self, *arguments: object) -> bool:
        """Ask for cancellation."""
        self.log.append(arguments)
        return True


def test_a_late_cancellation_is_delivered_once() -> None:
    """The request is taken back before the new request: the other order would undo both."""
    task = OwedTask(2)
    assert late_cancellation.deliver(task.as_task)
    assert not late_cancellation.deliver(task.as_task)
    assert task.log == ["uncancel", ("stop",)]
    assert not late_cancellation.owed


@pytest.mark.parametrize(("requests", "ended"), [(1, False), (2, True)])
def test_a_late_cancellation_is_forgotten(requests: int, *, ended: bool) -> None:
    """If the request was taken back, or the task is done, the task is left alone."""
    task = OwedTask(requests, ended=ended)
    assert not late_cancellation.deliver(task.as_task)
    assert not task.log
    assert not late_cancellation.owed


# Operations that yield, one step at a time.


OPERATIONS: dict[str, Callable[[Sender[int], Receiver[int]], Coroutine[Any, Any, Any]]] = {
    "send": lambda sender, _: sender.send(1),
    "send_many": lambda sender, _: sender.send_many([1]),
    "receive": lambda _, receiver: receiver.receive(),
    "receive_many": lambda _, receiver: receiver.receive_many(2),
    "select a receive": lambda _, receiver: select(receiver.receiving()),
    "select a send": lambda sender, _: select(sender.sending(1)),
}


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=list(OPERATIONS))
@pytest.mark.parametrize("closes", ["channel", "end"])
def test_an_operation_that_yields_looks_at_its_end_afterwards(
    operation: Callable[[Sender[int], Receiver[int]], Coroutine[Any, Any, Any]], closes: str
) -> None:
    """A close during the yield is found after the yield."""
    channel = Anycast[int](limit=1, yield_every=1)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    with drive_by_hand(lambda _: 0, refuses=False):
        task = operation(sender, receiver)
        assert task.send(None) is None
        if closes == "channel":
            channel.close()
        else:
            sender.close()
            receiver.close()
        with pytest.raises((SenderError, ReceiverStoppedError)) as error:
            finish(task)
    assert (error.value.__cause__ is None) == (closes == "end")


def finish(task: Coroutine[Any, Any, Any]) -> None:
    """Let a task run to its end, and raise the error of its operation."""
    try:
        task.send(None)
    except StopIteration as stop:
        if stop.value is not None:
            stop.value.result()


def test_a_send_that_yields_counts_what_was_sent_meanwhile() -> None:
    """The send waits if there is no room after the yield."""
    channel = Anycast[int](limit=1, yield_every=1)
    sender = channel.new_sender()
    with drive_by_hand(lambda _: 0, refuses=False):
        send = sender.send(2)
        assert send.send(None) is None
        sender.send_nowait(1)
        assert send.send(None) is not None
        assert channel.statistics().current_buffer_used == 1
        send.close()


WAITS: dict[str, Callable[[Sender[int], Receiver[int]], Coroutine[Any, Any, Any]]] = {
    "send": lambda sender, _: sender.send(1),
    "send_many": lambda sender, _: sender.send_many([1]),
    "receive": lambda _, receiver: receiver.receive(),
    "receive_many": lambda _, receiver: receiver.receive_many(2),
    "select a receive": lambda _, receiver: select(receiver.receiving()),
    "select a send": lambda sender, _: select(sender.sending(1)),
}


@pytest.mark.parametrize("first", [True, False], ids=["first wait", "later wait"])
@pytest.mark.parametrize("operation", WAITS.values(), ids=list(WAITS))
def test_a_wait_begins_a_new_row(
    operation: Callable[[Sender[int], Receiver[int]], Coroutine[Any, Any, Any]], *, first: bool
) -> None:
    """After the wait, as many operations may complete at once as at first."""
    channel = Anycast[int](limit=0, yield_every=9)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    core = channel._core
    if not first:
        core._use_backend(BY_HAND)
    with drive_by_hand(lambda _: 0, refuses=False):
        core.budget.spent = 5
        task = operation(sender, receiver)
        assert task.send(None) is not None
        assert left(core) <= 4
        if core.senders:
            receiver.receive_nowait()
        else:
            sender.send_nowait(1)
        assert left(core) <= 4
        with pytest.raises(StopIteration):
            task.send(None)
        assert left(core) == 9


class Protecting(ByHand):
    """The backend of an event loop on which code can be protected from Ctrl-C."""

    can_protect: ClassVar[bool] = True


@pytest.mark.parametrize("backend", [ByHand, Protecting])
def test_a_receive_takes_the_message_of_a_blocked_sender(backend: Any) -> None:
    """The receive need not wait, and the sender goes on."""
    channel = Anycast[int](limit=0)
    with drive_by_hand(lambda _: 0, refuses=False):
        sending = channel.new_sender().send(1)
        sending.send(None)
        channel._core._use_backend(backend)
        with pytest.raises(StopIteration) as received:
            channel.new_receiver().receive().send(None)
        assert received.value.value == 1
        with pytest.raises(StopIteration):
            sending.send(None)


def test_tasks_that_begin_to_wait_give_the_event_loop_no_turn() -> None:
    """An eager task begins to wait and is given a message, within a step of the task's maker."""
    channel = Anycast[int](limit=0, yield_every=4)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    tasks = [receiver.receive() for _ in range(5)]
    yields: list[bool] = []
    with drive_by_hand(lambda _: 0, refuses=False):
        for task in tasks:
            yields.append(task.send(None) is None)
            if not yields[-1]:
                with pytest.raises(StopIteration):
                    sender.send(1).send(None)
        for task in tasks:
            task.close()
    assert yields == [False, False, False, False, True]


class Sent(ReceiveOperation[int]):
    """A receive before whose registration a message is sent, as a signal handler may do."""

    __slots__ = ("before",)
    before: Callable[[], object]

    def register(self, arm: Wakeable, binding: LoopBinding) -> bool:
        self.before()
        return super().register(arm, binding)


def test_a_select_that_was_given_a_message_before_it_may_not_wait_elsewhere() -> None:
    """The select returns the message, although its second channel refuses the event loop."""
    one, other = Anycast[int](), Anycast[int]()
    other._core.bind(object())
    block_receivers(other._core)
    waiting = other.new_receiver()
    sent = Sent(cast("Any", waiting), other._core, other._core.receivers, entry=0)
    sent.before = lambda: one.new_sender().send_nowait(7)
    first = one.new_receiver().receiving()
    with drive_by_hand(lambda _: 0, refuses=False):
        task = select(first, sent)
        with pytest.raises(StopIteration) as stop:
            task.send(None)
    assert stop.value.value is first
    assert first.result() == 7


def test_a_map_of_a_channel_that_had_ended_for_a_while() -> None:
    """A message that a destroyed task gives back to an ended channel is received."""
    channel = Anycast[int]()
    receiver = channel.new_receiver()
    mapped = channel.new_receiver().map(str)
    with drive_by_hand(lambda _: 0, refuses=False):
        task = receiver.receive()
        task.send(None)
        channel.new_sender().send_nowait(7)
        channel.close()
        with pytest.raises(ReceiverStoppedError):
            mapped.receive_nowait()
        task.close()
        assert mapped.receive_nowait() == "7"
        with pytest.raises(ReceiverStoppedError):
            mapped.receive_nowait()


# A select that filters, one step at a time.


def steps(task: Coroutine[Any, Any, Any]) -> list[str]:
    """Run a task until the task waits, and return each yield, and "wait" at last."""
    log: list[str] = []
    while task.send(None) is None:
        log.append("yield")
        assert len(log) < 100  # else the task yields for ever
    return [*log, "wait"]


@pytest.mark.parametrize("messages", [1, 5, 6])
def test_messages_that_are_turned_away_count_towards_a_yield(messages: int) -> None:
    """A select yields on its way, however many messages its filter drops."""
    channel = Anycast[int](limit=9, yield_every=2)
    for _ in range(messages):
        channel.new_sender().send_nowait(0)
    with drive_by_hand(lambda _: 0, refuses=False):
        task = select(channel.new_receiver().filter(bool).receiving())
        assert steps(task) == [*["yield"] * (messages // 2), "wait"]
        task.close()


def test_a_select_that_has_waited_need_not_yield() -> None:
    """The select waits again at once after its filter has dropped a message."""
    channel = Anycast[int](limit=0, yield_every=1)
    with drive_by_hand(lambda _: 0, refuses=False):
        task = select(channel.new_receiver().filter(bool).receiving())
        assert steps(task) == ["yield", "wait"]
        channel.new_sender().send_nowait(0)
        assert steps(task) == ["wait"]
        task.close()


def test_a_select_looks_at_one_operation_first_no_more_than_once() -> None:
    """After a dropped message, all ready operations are equally likely."""
    one, other = Anycast[int](), Anycast[int]()
    for message in (0, 0, 7):
        one.new_sender().send_nowait(message)

    def accept(message: int) -> bool:
        if not message and one.statistics().current_buffer_used == 1:
            other.new_sender().send_nowait(8)
        return bool(message)

    operations = one.new_receiver().filter(accept).receiving(), other.new_receiver().receiving()
    with drive_by_hand(lambda options: options - 1, refuses=False):
        task = select(*operations)
        with pytest.raises(StopIteration) as stop:
            task.send(None)
    assert stop.value.value is operations[1]


def test_some_arms_that_share_a_line_stand_there_in_any_order() -> None:
    """The order of the arms is random, even if another arm stands in a queue of its own."""
    one, other = Anycast[int](limit=0), Anycast[int](limit=0)
    arms = [channel.new_receiver().receiving() for channel in (one, one, other)]
    with drive_by_hand(lambda _: 0, refuses=False, shuffle=list[Any].reverse):
        task = select(*arms)
        assert task.send(None) is not None
        one.new_sender().send_nowait(1)
        with pytest.raises(StopIteration) as stop:
            task.send(None)
    assert stop.value.value is arms[1]
