"""The hub and its receivers, compared with a plain model in any order of transitions.

The model of a receiver is a list with its unread messages, and with a number at each place where
messages were lost. No task runs here: a rule of the machine is one step of a task.
"""

from __future__ import annotations

import gc
import math
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakSet

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

import hubs
from anycast._anycast.core import Batch, PartialBatch
from anycast._anycast.lease_counts import with_deliveries
from anycast._waiting import event_loop
from anycast._waiting.waiter import NOTHING
from explorer import ByHand, Cancelled, HandWaiter, Interruption, interrupt

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from anycast._broadcast.subscription import Subscription

T = TypeVar("T")
LIMITS = st.sampled_from([1, 2, 3, math.inf])
OVERFLOWS = st.sampled_from(["block", "drop_oldest"])
ENDS = ("done", "give back", "pass on")


class Message:
    """A message that can be weakly referred to."""

    def __init__(self, number: int) -> None:
        self.number = number


class Knowing(HandWaiter):
    """A waiter that knows whether its task is leaving."""

    refuses = True


@dataclass(eq=False)
class Lost:
    """A number of messages that were lost at a place, one after another."""

    number: int


@dataclass(eq=False)
class ModelTask:
    """A task that waits, and the message that the task was given.

    Args:
        waiter: the waiter in the queue of the core.
        messages: the numbers that a sender still offers.
        leased: whether a receiver takes the message on lease.
        batching: whether a receiver takes a further message of a batch.
    """

    waiter: HandWaiter
    messages: list[int] = field(default_factory=list[int])
    leased: bool = False
    batching: bool = False
    given: Any = NOTHING  # a number, or None for a sender


@dataclass(eq=False)
class ModelReceiver:
    """A plain list of what a receiver has."""

    subscription: Subscription[Any]
    limit: float
    drops: bool
    raises: bool
    entries: list[int | Lost]
    total: int  # the messages that the receiver started with, and that were sent since
    received: int = 0
    lost: int = 0
    leases: int = 0
    tasks: list[ModelTask] = field(default_factory=list[ModelTask])
    fresh: bool = False  # a task was woken, and has not had a turn
    at_risk: bool = False

    @property
    def unread(self) -> list[int]:
        return [entry for entry in self.entries if not isinstance(entry, Lost)]

    @property
    def blocks(self) -> bool:
        return not self.drops and len(self.unread) >= self.limit

    @property
    def idle(self) -> bool:
        return not (self.unread or self.leases)

    def drop(self) -> None:
        """Lose the oldest message, and join gaps that lie beside each other."""
        place = next(n for n, entry in enumerate(self.entries) if not isinstance(entry, Lost))
        self.lost += 1
        if not self.raises:
            del self.entries[place]
            return
        lost = Lost(1)
        while place and isinstance(before := self.entries[place - 1], Lost):
            lost.number += before.number
            place -= 1
            del self.entries[place]
        self.entries[place] = lost
        while place + 1 < len(self.entries) and isinstance(behind := self.entries[place + 1], Lost):
            lost.number += behind.number
            del self.entries[place + 1]


def _index(data: st.DataObject, items: Sequence[Any]) -> int:
    return data.draw(st.integers(0, len(items) - 1))


def _pick(data: st.DataObject, items: Sequence[T]) -> T:
    return items[_index(data, items)]


class Machine(RuleBasedStateMachine):
    """Runs transitions on a hub and on the model side by side."""

    @initialize(
        limit=LIMITS, replay=st.sampled_from([0, 0, 1, 3, math.inf]), first=st.integers(0, 3)
    )
    def make(self, limit: float, replay: float, first: int) -> None:
        self.hub = hubs.new_hub(limit=limit, replay=replay)
        self.limit, self.replay = limit, replay
        self.numbers = count()
        self.alive = WeakSet[Message]()
        self.log: list[int] = []
        self.receivers: list[ModelReceiver] = []
        self.gone: list[ModelReceiver] = []  # closed
        self.senders: list[ModelTask] = []
        self.joiners: list[HandWaiter] = []
        self.leased: list[tuple[ModelReceiver, Message]] = []
        self.batches: dict[ModelTask, deque[Message]] = {}
        self.woken: list[tuple[ModelReceiver | None, ModelTask]] = []  # and yet to run
        self.closed = False
        self.returned = 0
        for _ in range(first):
            self._subscribe({})

    def message(self) -> Message:
        """Return a new message, which is watched."""
        message = Message(next(self.numbers))
        self.alive.add(message)
        return message

    # The rules, in plain words.

    @property
    def blocked(self) -> bool:
        return any(one.blocks for one in self.receivers)

    @property
    def at_risk(self) -> bool:
        return any(one.at_risk for one in self.receivers)

    def _deliver(self, number: int, *, taking: ModelReceiver | None = None) -> None:
        """Give a message to all receivers. A receiver in its own receive may exceed the limit."""
        self.log.append(number)
        for one in self.receivers:
            one.total += 1
            if self._give(one, number):
                continue
            one.entries.append(number)
            extra = one is taking
            while one.drops and len(one.unread) > one.limit + extra:
                one.drop()
            if one.drops and len(one.unread) >= one.limit and one.fresh:
                one.at_risk = True

    def _give(self, one: ModelReceiver, number: int) -> bool:
        while one.tasks:
            one.fresh = True
            task = one.tasks.pop(0)
            if not task.waiter.leaving:
                task.given = number
                one.received += not task.leased
                one.leases += task.leased
                self.woken.append((one, task))
                return True
        return False

    def _serve(self) -> None:
        """Let blocked senders go on while no receiver blocks."""
        while self.senders and not self.blocked:
            task = self.senders.pop(0)
            if task.waiter.leaving:
                continue
            number = task.messages.pop(0)
            if task.messages:
                self.senders.append(task)
            else:
                task.given = None
                self.woken.append((None, task))
            self._deliver(number)

    def _send(self, number: int) -> bool:
        if self.blocked:
            return False
        self._deliver(number)
        return True

    def _take(self, one: ModelReceiver) -> Any:
        """Take the oldest message. A gap before the message must have been told."""
        if not one.unread:
            return NOTHING
        entry = one.entries.pop(0)
        assert not isinstance(entry, Lost)
        self._serve()
        return entry

    def _put_back(self, one: ModelReceiver, number: int) -> None:
        if one not in self.receivers or self._give(one, number):
            return
        one.entries.insert(0, number)
        self.returned += 1

    def _end(self, one: ModelReceiver) -> None:
        if self.closed and not one.unread and not one.leases:
            self._dismiss(one, list(one.tasks))

    def _dismiss(self, one: ModelReceiver | None, tasks: Iterable[ModelTask]) -> None:
        queue = self.senders if one is None else one.tasks
        for task in tasks:
            queue.remove(task)
            if not task.waiter.leaving:
                self.woken.append((one, task))

    def _idle(self) -> bool:
        return not self.senders and all(one.idle for one in (*self.receivers, *self.gone))

    # Opening.

    def _subscribe(self, options: dict[str, Any]) -> None:
        subscription = hubs.open_receiver(self.hub, **options)
        limit = options.get("limit") or self.limit
        most = min(options.get("replay", self.replay), limit, len(self.log))
        unread = self.log[len(self.log) - int(most) :]
        self.receivers.append(
            ModelReceiver(
                subscription,
                limit,
                options.get("overflow") == "drop_oldest",
                options.get("raise_on_lag", True),
                [*unread],
                len(unread),
            )
        )

    @precondition(lambda self: len(self.receivers) < 4)
    @rule(
        limit=st.none() | LIMITS, overflow=OVERFLOWS, raise_on_lag=st.booleans(), some=st.booleans()
    )
    def subscribe(self, limit: float | None, overflow: str, raise_on_lag: bool, some: bool) -> None:
        options: dict[str, Any] = {"overflow": overflow, "raise_on_lag": raise_on_lag}
        if some:
            options["replay"] = min(1, self.replay)
        self._subscribe({**options, "limit": limit})

    @precondition(lambda self: 0 < len(self.receivers) < 4)
    @rule(data=st.data())
    def clone(self, data: st.DataObject) -> None:
        one = self._one(data)
        copy = hubs.ready(self.hub.clone(one.subscription))
        lost = sum(entry.number for entry in one.entries if isinstance(entry, Lost))
        entries = [Lost(e.number) if isinstance(e, Lost) else e for e in one.entries]
        total = lost + len(one.unread)
        self.receivers.append(
            ModelReceiver(copy, one.limit, one.drops, one.raises, entries, total, lost=lost)
        )

    # Acting at once.

    @precondition(lambda self: not self.closed)
    @rule()
    def offer(self) -> None:
        message = self.message()
        assert self.hub.offer(message) == self._send(message.number)

    @precondition(lambda self: not self.closed)
    @rule(number=st.integers(1, 5))
    def put_many(self, number: int) -> None:
        """Send a batch, until a receiver blocks, or is at risk."""
        messages = deque([self.message() for _ in range(number)])
        rest = [message.number for message in messages]
        while rest and not self.at_risk and self._send(rest[0]):
            del rest[0]
        self.hub.put_many(messages)
        assert [message.number for message in messages] == rest

    @rule()
    def rest(self) -> None:
        """Let woken tasks have their turn."""
        turns = self.hub.checkpoint()
        coroutine: Any = turns
        with suppress(StopIteration):
            for _ in range(3):
                coroutine.send(None)
        for one in self.receivers:
            if one.at_risk:
                one.at_risk = one.fresh = False

    def _tell(self, one: ModelReceiver) -> int:
        """Take a due gap from the core and from the model, and return whether there was no gap."""
        due = one.entries[0] if one.entries else None
        lost = due.number if isinstance(due, Lost) else 0
        assert one.subscription.at_gap == bool(lost)
        assert one.subscription.take_lag() == lost
        if lost:
            del one.entries[0]
        return lost

    @precondition(lambda self: self.receivers)
    @rule(data=st.data())
    def take(self, data: st.DataObject) -> None:
        one = self._one(data)
        if not self._tell(one):
            message = one.subscription.take()
            expected = self._take(one)
            assert (message if message is NOTHING else message.number) == expected
            one.received += message is not NOTHING

    @precondition(lambda self: self.receivers)
    @rule(data=st.data(), most=st.integers(0, 5))
    def take_many(self, data: st.DataObject, most: int) -> None:
        """Take a batch: up to a gap, or where a sender would make a receiver at risk lose."""
        one = self._one(data)
        expected: list[int] = []
        while len(expected) < most and one.entries and not isinstance(one.entries[0], Lost):
            if self.senders and self.at_risk and not one.drops:
                break
            expected.append(self._take(one))
        one.received += len(expected)
        assert [message.number for message in one.subscription.take_many(most)] == expected

    @precondition(lambda self: any(one.unread for one in self.receivers))
    @rule(data=st.data())
    def lease(self, data: st.DataObject) -> None:
        one = _pick(data, [one for one in self.receivers if one.unread])
        if not self._tell(one):
            given = one.subscription.take_leased()
            message, _ = with_deliveries(given)
            assert message.number == self._take(one)
            one.leases += 1
            self.leased.append((one, message))

    @precondition(lambda self: self.leased)
    @rule(data=st.data(), end=st.sampled_from(ENDS))
    def end_lease(self, data: st.DataObject, end: str) -> None:
        one, message = self.leased.pop(_index(data, self.leased))
        if end == "done":
            one.subscription.end_lease()
            one.received += 1
        elif end == "give back":
            one.subscription.give_back(message, 1)
            self._put_back(one, message.number)
        else:
            waits = any(not task.waiter.leaving for task in one.tasks)
            assert one.subscription.pass_on(message, 1) == waits
            self._give(one, message.number)
            if not waits:
                self.leased.append((one, message))
                return
        one.leases -= 1
        self._end(one)

    @precondition(lambda self: not self._idle())
    @rule()
    def join(self) -> None:
        self.joiners.append(waiter := Knowing())
        self.hub.add_joiner(waiter)

    @precondition(lambda self: self.joiners)
    @rule()
    def leave_join(self) -> None:
        self.hub.remove_joiner(self.joiners.pop())

    # Waiting, and how a wait ends.

    @precondition(lambda self: any(self._may_wait()))
    @rule(data=st.data(), leased=st.booleans(), batching=st.booleans())
    def wait_to_receive(self, data: st.DataObject, leased: bool, batching: bool) -> None:
        one = _pick(data, [*self._may_wait()])
        task = ModelTask(Knowing(), leased=leased, batching=leased and batching and not self.closed)
        one.subscription.receivers[task.waiter] = PartialBatch(1) if task.batching else int(leased)
        one.tasks.append(task)

    def _may_wait(self) -> Iterator[ModelReceiver]:
        for one in self.receivers:
            if not one.unread and not (self.closed and one.idle):
                yield one

    @precondition(lambda self: not self.closed and self.blocked)
    @rule(number=st.integers(1, 3), batch=st.booleans())
    def wait_to_send(self, number: int, batch: bool) -> None:
        messages = deque([self.message() for _ in range(number if batch else 1)])
        task = ModelTask(Knowing(), [message.number for message in messages])
        self.hub.senders[task.waiter] = Batch(messages) if batch else messages[0]
        if batch:
            self.batches[task] = messages
        self.senders.append(task)

    def _waiting(self) -> list[tuple[ModelReceiver | None, ModelTask]]:
        found = [(one, task) for one in self.receivers for task in one.tasks]
        everybody = [*found, *((None, task) for task in self.senders)]
        return [(one, task) for one, task in everybody if not task.waiter.leaving]

    @precondition(lambda self: self._waiting())
    @rule(data=st.data(), runs=st.booleans())
    def cancel(self, data: st.DataObject, runs: bool) -> None:
        """Cancel a task: it leaves at once, or stays in the queue and can be given no message."""
        one, task = _pick(data, self._waiting())
        task.waiter.leaving = True
        if runs:
            with pytest.raises(Interruption):
                interrupt(*self._queue(one), task.waiter)
            (self.senders if one is None else one.tasks).remove(task)

    def _queue(self, one: ModelReceiver | None) -> tuple[Any, Any]:
        if one is None:
            return self.hub, self.hub.senders
        return one.subscription, one.subscription.receivers

    @precondition(lambda self: self.receivers)
    @rule(data=st.data())
    def close_receiver(self, data: st.DataObject) -> None:
        one = self._one(data)
        queue = one.subscription.receivers
        one.subscription.detach(queue, [task.waiter for task in one.tasks])
        self.receivers.remove(one)
        self.gone.append(one)
        one.entries.clear()
        self._dismiss(one, list(one.tasks))
        self._serve()

    @precondition(lambda self: any(not task.waiter.leaving for task in self.senders))
    @rule(data=st.data())
    def close_sender(self, data: st.DataObject) -> None:
        task = _pick(data, [t for t in self.senders if not t.waiter.leaving])
        self.hub.count_endpoint(self.hub.senders, 1)
        self.hub.detach(self.hub.senders, [task.waiter])
        self._dismiss(None, [task])

    @precondition(lambda self: self.woken)
    @rule(data=st.data())
    def run(self, data: st.DataObject) -> None:
        """Run a task that was woken, with the message that the task was given."""
        one, task = self.woken.pop(_index(data, self.woken))
        self._check_given(task)
        if one is not None and task.leased and task.given is not NOTHING:
            given = task.waiter.result()
            self.leased.append((one, with_deliveries(given)[0]))

    @precondition(lambda self: any(one and task.given is not NOTHING for one, task in self.woken))
    @rule(data=st.data())
    def destroy(self, data: st.DataObject) -> None:
        """Destroy a task that was given a message and has yet to run."""
        given = [pair for pair in self.woken if pair[0] and pair[1].given is not NOTHING]
        one, task = _pick(data, given)
        assert one is not None
        self.woken.remove((one, task))
        self._check_given(task)
        if task.leased:
            one.subscription.give_back(*with_deliveries(task.waiter.result()))
            one.leases -= 1
        else:
            with pytest.raises(Interruption):
                interrupt(*self._queue(one), task.waiter)
            one.received -= 1
        self._put_back(one, task.given)
        self._end(one)

    def _check_given(self, task: ModelTask) -> None:
        given, _ = with_deliveries(task.waiter.result())
        assert (given.number if isinstance(given, Message) else given) == task.given

    @precondition(lambda self: len(self.log) > 12)
    @rule()
    def close(self) -> None:
        self.hub.close()
        self.closed = True
        self._dismiss(None, list(self.senders))
        for one in self.receivers:
            self._dismiss(one, [task for task in one.tasks if task.batching])
            self._end(one)

    def _one(self, data: st.DataObject) -> ModelReceiver:
        return _pick(data, self.receivers)

    # What holds after each step.

    @invariant()
    def agrees(self) -> None:
        hubs.check(self.hub, extra=self.returned)
        assert self.hub.sent == len(self.log)
        assert [one.subscription for one in self.receivers] == [*self.hub.subscriptions]
        for one in self.receivers:
            self._compare(one)
        assert [*self.hub.senders] == [task.waiter for task in self.senders]
        assert all(task.waiter.woken for _, task in self.woken)
        self._compare_joiners()

    def _compare(self, one: ModelReceiver) -> None:
        core = one.subscription
        entries: list[int | str] = []
        gaps = dict(core.gaps)
        for place, message in enumerate(core.buffer, core.received):
            entries += [f"{gaps[place]} lost"] if place in gaps else []
            entries.append(message.number)
        shown = [f"{e.number} lost" if isinstance(e, Lost) else e for e in one.entries]
        assert entries == shown
        assert [*core.receivers] == [task.waiter for task in one.tasks]
        assert (core.lost, core.leases) == (one.lost, one.leases)
        assert core.received - core.lost == one.received + one.leases
        assert one.received + one.lost + len(one.unread) + one.leases == one.total
        assert (core in self.hub.at_risk) == one.at_risk

    def _compare_joiners(self) -> None:
        idle = self._idle()
        for waiter in [*self.joiners]:
            assert waiter.woken == idle, "a task joins too late, or too early"
            if waiter.woken:
                self.joiners.remove(waiter)
        assert self.hub.idle == idle

    @invariant()
    def keeps_nothing(self) -> None:
        """Check that each message that is alive is unread, offered, given, on lease, or kept."""
        held = {*self.log[len(self.log) - int(min(self.replay, len(self.log))) :]}
        for one in self.receivers:
            held.update(one.unread)
        for task in self.senders:
            held.update(task.messages)
        held.update(message.number for _, message in self.leased)
        held.update(task.given for _, task in self.woken if task.given is not NOTHING)
        held.discard(None)
        held.update(m.number for messages in self.batches.values() for m in messages)
        if {message.number for message in self.alive} != held:
            gc.collect()  # references of the test tools, such as expected errors
        assert {message.number for message in self.alive} == held


@pytest.fixture(autouse=True)
def _cancelled_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the library know the error that cancels a task which is driven by hand."""
    monkeypatch.setitem(event_loop._backends, Cancelled, ByHand)


def test_the_hub_does_what_the_model_does() -> None:
    """Any order of transitions leads to the same messages, gaps and queues."""
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=200, stateful_step_count=40, deadline=None, derandomize=True
        ),
    )


@pytest.mark.slow
def test_long_runs() -> None:
    """The same machine with more examples and longer runs."""
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=600, stateful_step_count=80, deadline=None, derandomize=True
        ),
    )
